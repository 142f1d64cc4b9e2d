#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Make tables, and JSON, of what bench/count.c counted: counts.py LOG JSON."""
import json
import math
import sys

RUNS = 16		# bench/count.c
HEAD = 6		# words of bench/count.c in front of the plugin's 16 counts
# Labels as bench/count.c gives them: 0, then enum moat_mark_kind (include/moat/code.h) + 1.
PARTS = {"program": [0], "entry": [1, 2], "gates": [3, 4], "cage": [5], "call": [6], "clear": [7], "fuel": [8],
         "rest": [9, 10]}
VARIANTS = ["none", "basereg", "none-unmetered", "basereg-unmetered"]
# Which variant over which: the first two compare like with like.
PAIRS = {"metered": ("basereg", "none"), "unmetered": ("basereg-unmetered", "none-unmetered"),
         "metering": ("none", "none-unmetered"), "both": ("basereg", "none-unmetered")}

INTRO = """\
Exact, the same on every machine; written by `make bench-counts`.  Only instructions of the image are counted, not those of
the host that it calls.

Loops and calls are metered in every mode unless the host says that its programs end (`unmetered`).  So there are four ways to
emit a program, and four ratios:

- **metered**: `basereg` over `none`, both metered, which is how programs run by default;
- **unmetered**: `basereg` over `none`, neither metered, for a host that runs verified bytecode;
- **metering**: what metering costs in `none`;
- **both**: a metered `basereg` over an unmetered `none`: isolation and metering together.

The first two compare like with like: they say what the base register costs.
"""


def read(path):
    programs = {}
    for line in open(path):
        f = line.split()
        if len(f) != HEAD + 16:
            sys.exit("counts: odd line: " + line)
        counts = [int(x) for x in f[HEAD:]]
        parts = {p: sum(counts[i] for i in labels) / RUNS for p, labels in PARTS.items()}
        prog = programs.setdefault(f[0], {"insns": int(f[3]), "accesses": int(f[4]), "zero": int(f[5])})
        prog[f[1]] = {"bytes": int(f[2]), "executed": sum(counts) / RUNS, "parts": parts}
    for name, p in programs.items():
        missing = [v for v in VARIANTS if v not in p]
        if missing:
            sys.exit("counts: %s was not counted in %s" % (name, ", ".join(missing)))
    return programs


def mean(values):
    values = list(values)
    return math.exp(sum(math.log(v) for v in values) / len(values))


def ratios(prog, what):
    return {k: prog[a][what] / prog[b][what] for k, (a, b) in PAIRS.items()}


def means(programs, what):
    rows = [ratios(p, what) for p in programs.values()]
    return {k: mean(r[k] for r in rows) for k in PAIRS}


def mostly_zero(prog):
    return 2 * prog["zero"] > prog["accesses"]


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|---" + "|--:" * (len(head) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def four(r, bold=False):
    return [("**%.3f**" if bold else "%.3f") % r[k] for k in PAIRS]


def executed(programs):
    print("## Instructions executed per run\n")
    print("The last columns say where the difference of the metered forms comes from.\n")
    rows = []
    for name, p in programs.items():
        n, b = p["none"], p["basereg"]
        more = {k: b["parts"][k] - n["parts"][k] for k in PARTS}
        rest = more["program"] + more["cage"] + more["call"] + more["gates"] + more["fuel"] + more["rest"]
        rows.append([name] + ["%.0f" % p[v]["executed"] for v in VARIANTS] + four(ratios(p, "executed")) +
                    ["%+.0f" % x for x in (more["entry"], more["clear"], rest)])
    rows.append(["**geometric mean**"] + [""] * 4 + four(means(programs, "executed"), True) + [""] * 3)
    table(["program", "none", "basereg", "none unmetered", "basereg unmetered"] + list(PAIRS) +
          ["entry, exit", "clear", "accesses, calls"], rows)


def size(programs):
    zero = {n: p for n, p in programs.items() if mostly_zero(p)}
    print("## Bytes of code\n")
    print("An access through a register that is not R10 takes one instruction in `basereg`, too, if its offset is 0.  Programs\n"
          "where that is so for more than half of these accesses are marked with *.  What is left there are one instruction at\n"
          "entry, one for each stretch with offsets (a context's `data_end`), and registers cleared: a few instructions for a whole\n"
          "program, which is much of one that has thirty.  So the last line is of those with at least 100 BPF instructions.\n")
    rows = []
    for name, p in programs.items():
        rows.append([name + (" *" if mostly_zero(p) else ""), str(p["insns"]), "%d of %d" % (p["zero"], p["accesses"])] +
                    [str(p[v]["bytes"]) for v in VARIANTS] + four(ratios(p, "bytes")))
    rows.append(["**geometric mean**", "", ""] + [""] * 4 + four(means(programs, "bytes"), True))
    rows.append(["**of those with *** (%d)" % len(zero), "", ""] + [""] * 4 + four(means(zero, "bytes"), True))
    large = {n: p for n, p in zero.items() if p["insns"] >= 100}
    rows.append(["**and at least 100 BPF instructions** (%d)" % len(large), "", ""] + [""] * 4 +
                four(means(large, "bytes"), True))
    table(["program", "BPF instructions", "offset 0", "none", "basereg", "none unmetered", "basereg unmetered"] + list(PAIRS), rows)
    return zero, large


def main():
    programs = read(sys.argv[1])
    if not programs:
        sys.exit("counts: nothing was counted")
    print("# What isolation costs in instructions on arm64\n")
    print(INTRO)
    executed(programs)
    zero, large = size(programs)
    with open(sys.argv[2], "w") as out:
        json.dump({"programs": programs, "executed": means(programs, "executed"), "bytes": means(programs, "bytes"),
                   "bytes_mostly_zero": means(zero, "bytes"), "bytes_mostly_zero_large": means(large, "bytes")}, out, indent=1)


main()
