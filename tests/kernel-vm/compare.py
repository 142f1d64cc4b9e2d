#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Make a table, and JSON, of what compare.c and count-plugin.c said: compare.py ARCH LOG COUNTS TABLE JSON."""
import json
import math
import sys

HEAD = """# Stock JIT and Moat (mode `none`) in one Linux 6.1 kernel, {arch}

Made by `make kernel-compare ARCH={arch}`. *Bytes*: the image of all functions of a program. *Executed*: instructions that
its code executes in one run (BPF_PROG_TEST_RUN, second run), without helpers and return thunks. *Compile*: instructions that
the machine executes in a load with the JIT minus those in a load without one, the least of 8 each. Counted by a plugin of
QEMU's emulator: the first two are exact, the third nearly so, and they are the same on every machine. A ratio below 1 says
that Moat is better.
"""
RUN, LOAD, BARE_LOAD, COUNTS = 0, 1, 2, 4		# compare.c


def read_counts(path):
    executed, least = {}, {}
    for line in open(path):
        f = line.split()
        if len(f) != 4 or f[0] != "count":
            sys.exit("compare: the plugin says: " + line)
        key, count, total = int(f[1]), int(f[2]), int(f[3])
        executed[key] = count
        least[key] = min(total, least.get(key, total))
    return executed, least


def read(log, counts):
    executed, least = read_counts(counts)
    programs = {}
    for line in open(log, errors="replace"):
        f = line.split()
        if len(f) != 8 or f[0] != "row":
            continue
        key = int(f[1]) * COUNTS
        row = {"bytes": int(f[5]), "executed": executed.get(key + RUN, 0), "insns": int(f[6]), "ns": int(f[7])}
        row["compile"] = max(0, least.get(key + LOAD, 0) - least.get(key + BARE_LOAD, 0))
        programs.setdefault((f[2], f[3]), {})[f[4]] = row
    return programs


def mean(values):
    values = [v for v in values if v]
    return math.exp(sum(math.log(v) for v in values) / len(values)) if values else None


def ratio(modes, what):
    return modes["none"][what] / modes["stock"][what] if modes["stock"][what] and modes["none"][what] else None


def show(v):
    return "%.3f" % v if v else "-"


WHAT = ("bytes", "executed", "compile")


def table(arch, programs, means, worse, out):
    print(HEAD.format(arch=arch), file=out)
    print("| programs | bytes | executed | compile |\n|---|--:|--:|--:|", file=out)
    for kind, m in means.items():
        name = "**all (geometric mean)**" if kind == "all" else "%s (%d)" % (
            kind, sum(k == kind for k, _ in programs))
        print("| %s | %s |" % (name, " | ".join(("**%s**" if kind == "all" else "%s") % show(m[w]) for w in WHAT)),
              file=out)
    print("\n| program | BPF | bytes stock | none | ratio | executed stock | none | ratio | compile |\n|---" + "|--:" * 8
          + "|", file=out)
    for (kind, name), m in programs.items():
        s, n = m["stock"], m["none"]
        print("| %s/%s | %d | %d | %d | %s | %d | %d | %s | %s |" % (
            kind, name, s["insns"], s["bytes"], n["bytes"], show(ratio(m, "bytes")), s["executed"], n["executed"],
            show(ratio(m, "executed")), show(ratio(m, "compile"))), file=out)
    print("\nLarger, or more executed, than with the stock JIT: %s." % (", ".join(worse) or "none"), file=out)


def main():
    arch, log, counts, md, js = sys.argv[1:6]
    programs = {k: m for k, m in read(log, counts).items() if "stock" in m and "none" in m}
    if not programs:
        sys.exit("compare: no program in both modes in " + log)
    # a JIT that the plugin saw nothing of has not been measured
    dead = [name for (_, name), m in programs.items() if not (m["stock"]["executed"] and m["none"]["executed"])]
    if dead:
        sys.exit("compare: nothing was executed of " + ", ".join(dead))
    kinds = list(dict.fromkeys(k for k, _ in programs))
    means = {k: {w: mean([ratio(m, w) for (kk, _), m in programs.items() if k in (kk, "all")]) for w in WHAT}
             for k in kinds + ["all"]}
    worse = ["%s/%s" % k for k, m in programs.items() if (ratio(m, "bytes") or 0) > 1 or (ratio(m, "executed") or 0) > 1]
    with open(js, "w") as out:
        json.dump({"arch": arch, "programs": {"%s/%s" % k: m for k, m in programs.items()}, "geometric_means": means,
                   "worse": worse}, out, indent=1)
    with open(md, "w") as out:
        table(arch, programs, means, worse, out)
    print("%d programs: bytes %s, executed %s, compile time %s of the stock JIT's; %d are worse in one of the first two" % (
        len(programs), show(means["all"]["bytes"]), show(means["all"]["executed"]), show(means["all"]["compile"]), len(worse)))


main()
