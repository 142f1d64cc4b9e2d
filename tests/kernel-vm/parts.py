#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Make a table of what parts.c and parts-plugin.c said: parts.py ARCH LOG COUNTS TABLE."""
import sys

HEAD = """# What isolation costs: mode `basereg` against `none` in one Linux 6.1 kernel, {arch}

Made by `make kernel-compare-basereg ARCH={arch}`. Instructions that the machine executes for one run of a program, from the
program's first one to the return to the kernel, counted by a plugin of QEMU's emulator: exact, and the same on every
machine. Of 12 runs the one with the fewest counts, as no interrupt came into that one.

- *none*: all of a run without isolation, and how many of those are the program's own code; the rest are helpers.
- *image*: the program's own code, translated; array lookups and the number of the CPU are done in it without a call.
- *entry*: the stub in front of the image, and what it calls but views: slot, frame, registers, clean-up.
- *views*: the context's fields and the packet's bytes, copied in and back.
- *gates*: audit of helper calls' arguments, and loads from the packet (`LD_ABS`) behind what was copied of it.
- *helpers*: what the kernel's helpers execute themselves.
- *more*: all of a run, minus *none*; *without views*: the same, minus *views*.
"""
TARGET = ("socket", "count_protocol"), 25	# what isolation may add to a run of it, besides views
PARTS = ("stub", "image", "run", "views", "gates", "helpers")		# enum part in parts.h


def read_counts(path):
    least = {}
    for line in open(path):
        f = line.split()
        if len(f) != 2 + len(PARTS) or f[0] != "parts":
            sys.exit("parts: the plugin says: " + line)
        counts = [int(v) for v in f[2:]]
        if f[1] not in least or sum(counts) < sum(least[f[1]]):
            least[f[1]] = counts
    return {k: dict(zip(PARTS, v)) for k, v in least.items()}


def read(log, counts):
    least, programs, refused = read_counts(counts), {}, []
    for line in open(log, errors="replace"):
        f = line.split()
        if len(f) == 6 and f[0] == "row":
            programs.setdefault((f[2], f[3]), {})[f[4]] = least.get(f[1], {})
        elif len(f) > 3 and f[0] == "refused":
            refused.append("`%s/%s`: %s" % (f[1], f[2], " ".join(f[3:])))
    return programs, refused


def total(counts):
    return sum(counts.values())


def row(name, n, b):
    more = total(b) - total(n)
    return "| %s/%s | %d | %d | %d | %d | %d | %d | %d | **%d** | %d |" % (
        *name, total(n), n["stub"] + n["image"], b["image"], b["stub"] + b["run"], b["views"], b["gates"], b["helpers"],
        more, more - b["views"])


def main():
    arch, log, counts, table = sys.argv[1:5]
    programs, refused = read(log, counts)
    both = {k: m for k, m in programs.items() if "none" in m and "basereg" in m}
    for name, m in programs.items():
        # a program that the plugin saw nothing of, or that is not isolated, has not been measured
        if not all(map(total, m.values())) or ("basereg" in m and not m["basereg"]["stub"]):
            sys.exit("parts: nothing, or no isolation, was seen of %s/%s" % name)
    if not both:
        sys.exit("parts: no program in both modes in " + log)
    with open(table, "w") as out:
        print(HEAD.format(arch=arch), file=out)
        print("| program | none | its code | image | entry | views | gates | helpers | more | without views |\n|---" +
              "|--:" * 9 + "|", file=out)
        for name, m in both.items():
            print(row(name, m["none"], m["basereg"]), file=out)
        if TARGET[0] in both:
            m = both[TARGET[0]]
            more = total(m["basereg"]) - m["basereg"]["views"] - total(m["none"])
            print("\nTarget: at most %d more, without views, for %s/%s, which counts bytes per protocol: %s by %d." % (
                TARGET[1], *TARGET[0], "met" if more <= TARGET[1] else "missed", abs(more - TARGET[1])), file=out)
        if refused:
            print("\nWithout an isolated form: %s." % "; ".join(refused), file=out)
    for name, m in both.items():
        print(row(name, m["none"], m["basereg"]))


main()
