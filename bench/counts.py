#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Make a table, and JSON, of what bench/count.c counted: counts.py LOG JSON."""
import json
import math
import sys

RUNS = 16		# bench/count.c
# Labels as bench/count.c gives them: 0, then enum moat_mark_kind (include/moat/code.h) + 1.
PARTS = {"program": [0], "entry": [1, 2], "gates": [3, 4], "cage": [5], "call": [6], "clear": [7], "fuel": [8],
         "rest": [9, 10]}


def read(path):
    programs = {}
    for line in open(path):
        f = line.split()
        if len(f) != 3 + 16:
            sys.exit("counts: odd line: " + line)
        counts = [int(x) for x in f[3:]]
        parts = {p: sum(counts[i] for i in labels) / RUNS for p, labels in PARTS.items()}
        programs.setdefault(f[0], {})[f[1]] = {"bytes": int(f[2]), "executed": sum(counts) / RUNS, "parts": parts}
    return {p: m for p, m in programs.items() if "none" in m and "basereg" in m}


def mean(values):
    return math.exp(sum(math.log(v) for v in values) / len(values))


def compare(modes):
    none, base = modes["none"], modes["basereg"]
    return {"executed": base["executed"] / none["executed"],
            "executed_without_fuel": (base["executed"] - base["parts"]["fuel"]) / none["executed"],
            "bytes": base["bytes"] / none["bytes"]}


def main():
    programs = read(sys.argv[1])
    if not programs:
        sys.exit("counts: nothing was counted")
    rows = {p: compare(m) for p, m in programs.items()}
    means = {k: mean([r[k] for r in rows.values()]) for k in ("executed", "executed_without_fuel", "bytes")}
    with open(sys.argv[2], "w") as out:
        json.dump({"programs": programs, "ratios": rows, "geometric_means": means}, out, indent=1)
    print("Instructions that emitted arm64 code executes per run, exact (bench/count-arm64.sh); how many more of each kind in")
    print("`basereg`; and bytes of code.  Mode `none` does not meter loops: \"without fuel\" leaves the metering out of both.")
    print()
    print("| program | none | basereg | ratio | without fuel | entry | clear | fuel | accesses and calls "
          "| bytes none | basereg | ratio |")
    print("|---" + "|--:" * 11 + "|")
    for p, r in rows.items():
        n, b = programs[p]["none"], programs[p]["basereg"]
        more = {k: b["parts"][k] - n["parts"][k] for k in PARTS}
        rest = more["program"] + more["cage"] + more["call"] + more["gates"] + more["rest"]
        print("| %s | %.0f | %.0f | %.3f | %.3f | %+.0f | %+.0f | %+.0f | %+.0f | %d | %d | %.3f |" % (
            p, n["executed"], b["executed"], r["executed"], r["executed_without_fuel"], more["entry"], more["clear"],
            more["fuel"], rest, n["bytes"], b["bytes"], r["bytes"]))
    print("| **geometric mean** | | | **%.3f** | **%.3f** | | | | | | | **%.3f** |" % (
        means["executed"], means["executed_without_fuel"], means["bytes"]))


main()
