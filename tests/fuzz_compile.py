#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Write seeds for fuzz_compile: fuzz_compile.py DIRECTORY.  Each instruction in a small program, and some whole shapes, in each mode."""
import os
import struct
import sys


def insn(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhi", code, src << 4 | dst, off, imm)


EXIT = insn(0x95)
ALU = [fn << 4 | src | cls for fn in range(13) if fn != 8 for src in (0, 8) for cls in (4, 7)]
JUMPS = [fn << 4 | src | cls for fn in (1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13) for src in (0, 8) for cls in (5, 6)]

programs = {}


def add(name, *parts):
    programs[name] = b"".join(parts) + EXIT


for code in ALU:
    wide = code & 7 == 7
    register = bool(code & 8)
    for dst, src in ((0, 3), (3, 0), (4, 1), (2, 4), (6, 9)):
        add("alu-%02x-%d-%d" % (code, dst, src),
            insn(code, dst, src if register else 0, 0, 0 if register else 0x12345678))
    if code >> 4 in (3, 9):
        add("signed-%02x" % code, insn(code, 3, 4 if register else 0, 1, 0 if register else -3))
for code, off in ((0xbf, 8), (0xbf, 16), (0xbf, 32), (0xbc, 8), (0xbc, 16)):
    add("movsx-%02x-%d" % (code, off), insn(code, 1, 2, off))
for code in (0xd4, 0xdc, 0xd7):
    for bits in (16, 32, 64):
        add("swap-%02x-%d" % (code, bits), insn(code, 5, 0, 0, bits))
add("neg", insn(0x84, 1), insn(0x87, 2))
for code in JUMPS:
    register = bool(code & 8)
    add("jump-%02x" % code, insn(code, 1, 2 if register else 0, 1, 0 if register else -1), insn(0xb7, 0, 0, 0, 1))
    add("loop-%02x" % code, insn(0x07, 1, 0, 0, 1), insn(code, 1, 2 if register else 0, -2, 0 if register else 99))
for code in (0x61, 0x69, 0x71, 0x79, 0x81, 0x89, 0x91):
    add("load-%02x" % code, insn(code, 1, 2, 4), insn(code, 3, 10, -8))
for code in (0x63, 0x6b, 0x73, 0x7b):
    add("store-%02x" % code, insn(code, 1, 2, 4), insn(code, 10, 3, -8))
for code in (0x62, 0x6a, 0x72, 0x7a):
    add("store-%02x" % code, insn(code, 1, 0, 4, -5), insn(code, 10, 0, -8, 7))
for code in (0xc3, 0xdb):
    for fn in (0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1):
        add("atomic-%02x-%02x" % (code, fn), insn(code, 1, 2, 8, fn), insn(code, 0, 0, 8, fn), insn(code, 10, 3, -8, fn))
for code in (0x20, 0x28, 0x30):
    add("abs-%02x" % code, insn(code, 0, 0, 0, 12), insn(code | 0x40, 0, 7, 0, -4))
add("wide", insn(0x18, 1, 0, 0, -1), insn(0, 0, 0, 0, 0x1234))
add("gotol", insn(0x06, 0, 0, 0, 1), insn(0xb7, 0, 0, 0, 1))
add("goto", insn(0x05, 0, 0, 1), insn(0xb7, 0, 0, 0, 1))
add("helper", insn(0x85, 0, 0, 0, 5), insn(0x85, 0, 0, 0, 8))
add("array", insn(0x18, 1, 0, 0, 8), insn(0), insn(0xbf, 2, 10), insn(0x07, 2, 0, 0, -4), insn(0x62, 2), insn(0x85, 0, 0, 0, 1))
add("tail", insn(0x85, 0, 0, 0, 12))
add("local", insn(0x85, 0, 1, 0, 1), EXIT, insn(0xb7, 6, 0, 0, 1), insn(0x7b, 10, 6, -8))
add("callback", insn(0x18, 2, 4, 0, 3), insn(0), insn(0x85, 0, 0, 0, 181), EXIT, insn(0x0f, 1, 2))
add("chain", *[insn(0x85, 0, 1, 0, 1) + EXIT for _ in range(7)])
add("wrpkru", insn(0x18, 0, 0, 0, 0xef010f), insn(0, 0, 0, 0, 0x0f01ef0f & 0x7fffffff), insn(0x07, 1, 0, 0, 0xef010f),
    insn(0x7a, 1, 0, 0, 0x300f), insn(0x15, 1, 0, 0, 0xef010f), insn(0x79, 1, 2, 0x010f))
add("lea", insn(0xbf, 1, 2), insn(0x07, 1, 0, 0, 40), insn(0xbf, 3, 4), insn(0x0f, 3, 5))
add("rotate", insn(0xbf, 1, 2), insn(0x67, 1, 0, 0, 13), insn(0x77, 2, 0, 0, 51), insn(0x4f, 1, 2))
add("gather", insn(0x71, 0, 1, 0), insn(0x71, 2, 1, 1), insn(0x67, 2, 0, 0, 8), insn(0x4f, 0, 2))
for code in (0x21, 0x29, 0x31, 0x39):
    add("probe-%02x" % code, insn(code, 1, 2, 4), insn(code, 3, 3, 0), insn(code, 6, 9, -300))
add("barrier", insn(0x7b, 10, 1, -8), insn(0xc2), insn(0x71, 0, 1))
add("tails", insn(0xb7, 3), insn(0xf5), insn(0xf5, 0, 0, 0, 2))
add("ax", insn(0xb7, 11, 0, 0, 77), insn(0xaf, 11, 1), insn(0x7b, 10, 11, -8), insn(0x2d, 1, 11, 1), insn(0x79, 11, 11, 8))
add("calls", insn(0x85, 0, 1, 4, 9), insn(0x85, 0, 2, 1, 9), insn(0x18, 1, 4, 0, 3), insn(0))

directory = sys.argv[1]
os.makedirs(directory, exist_ok=True)
for number, (name, program) in enumerate(sorted(programs.items())):
    for mode in range(4):
        form = (1 + number % 2) << 2
        arch = 0x40 if number % 4 == 0 else 0   # with the base in a register
        options = bytes((mode | form | 0x10 | 0x20 | 0x40, number % 8 | arch | (8 if number % 3 == 0 else 0)))
        with open(os.path.join(directory, "%s-%d" % (name, mode)), "wb") as f:
            f.write(options + program)
    for arch in (0x00, 0x40):
        options = bytes((number * 5 & 0xff, 0x20 | arch | (0x80 if number % 2 else 0) | (8 if number % 3 == 0 else 0)))
        with open(os.path.join(directory, "%s-kernel-%d" % (name, arch)), "wb") as f:
            f.write(options + program)
