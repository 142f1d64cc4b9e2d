/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Defects of bounds and types in verifiers: arithmetic with another result than was believed.
 *
 * The bodies have the shape that fooled the verifier, with the inputs that did.  Where
 * it was the run time that was wrong and not the verifier (the defect is ours to
 * avoid), the arithmetic must be right here, which the value says; the difference that
 * the defective one left is then added.
 */
#include "history.h"

#define UNLESS(jump)		jump, EXIT	/* a bound: the rest is for when it holds */
#define FORGED(id, text, ...)	{ .cve = id, .what = text, .attack = { .run = history_forge }, \
				  .forged = &(const struct forged){ __VA_ARGS__ } }
#define BODY(...)		.body = { __VA_ARGS__ }

const struct history history_bounds[] = {
FORGED("CVE-2020-8835", "32-bit bounds cut out of 64-bit ones after a 32-bit jump",
	.in = 2, .real = 1, BODY(
	WORD(8, IN),
	UNLESS(JMP_K(BPF_JGE, 8, 1, 1)),
	LDDW(9, 0x100000001ull),
	UNLESS(JMP_X(BPF_JLE, 8, 9, 1)),
	UNLESS(JMP32_K(BPF_JNE, 8, 5, 1)),	/* low half believed to be 1 from here on */
	ALU64_K(BPF_AND, 8, 2),
	ALU64_K(BPF_RSH, 8, 1))),
FORGED("CVE-2020-27194", "OR took 64-bit bounds for 32-bit ones",
	.in = 2, .real = 1, BODY(
	WORD(8, IN),
	UNLESS(JMP_K(BPF_JGT, 8, 0, 1)),
	LDDW(9, 0x600000001ull),
	UNLESS(JMP_X(BPF_JLE, 8, 9, 1)),
	ALU64_K(BPF_OR, 8, 0),			/* low half believed to be in [1, 1] */
	ALU32_X(BPF_MOV, 8, 8),
	ALU64_K(BPF_RSH, 8, 1))),
FORGED("CVE-2021-3490", "AND, OR, XOR of 32 bits left no bounds where a half was known",
	.in = 0, .in2 = 0, .real = 1, BODY(
	WORD(8, IN),
	ALU64_K(BPF_LSH, 8, 32),
	ALU64_K(BPF_ADD, 8, 1),
	LDDW(9, 0x100000002ull),
	ALU64_X(BPF_AND, 8, 9),			/* believed: at least 1, at most 0 */
	WORD(9, IN2),
	UNLESS(JMP32_K(BPF_JLE, 9, 1, 1)),
	ALU64_X(BPF_ADD, 8, 9),			/* believed to be 1 */
	ALU32_X(BPF_MOV, 8, 8),
	ALU64_K(BPF_XOR, 8, 1))),
FORGED("CVE-2021-31440", "a 64-bit lower bound taken for the lower half",
	.in = 1ull << 32, .real = 1, BODY(
	WORD(8, IN),
	UNLESS(JMP_K(BPF_JGE, 8, 1, 1)),
	UNLESS(JMP32_K(BPF_JLE, 8, 1, 1)),	/* low half believed to be 1; it is 0 */
	ALU32_X(BPF_MOV, 8, 8),
	ALU64_K(BPF_XOR, 8, 1))),
FORGED("CVE-2021-20268", "overflow of 32-bit subtraction looked for in 64 bits",
	.in = 0x80000000u, .real = 1, BODY(
	WORD(8, IN),
	ALU32_X(BPF_MOV, 8, 8),
	UNLESS(JMP32_K(BPF_JSLE, 8, INT_MIN + 1, 1)),
	ALU32_K(BPF_SUB, 8, 1),			/* INT_MAX; believed to be negative still */
	ALU32_K(BPF_RSH, 8, 31),
	ALU64_K(BPF_XOR, 8, 1))),
FORGED("CVE-2021-3444", "32-bit modulo by 0 left the upper half as it was (run time)",
	.in = 1ull << 32, .in2 = 1, .real = 1, BODY(
	WORD(8, IN),
	MOV_K(9, 0),
	ALU32_X(BPF_MOD, 8, 9),
	WORD(9, IN2),
	ALU64_X(BPF_ADD, 8, 9))),
FORGED("CVE-2021-3600", "32-bit division looked at 64 bits of the divisor for 0 (run time)",
	.in = 7, .in2 = 1ull << 32, .believed = 7, .real = 8, BODY(
	WORD(8, IN),
	WORD(9, IN2),
	ALU32_X(BPF_DIV, 8, 9),			/* 7 / 0 is 0 */
	WORD(0, IN),
	ALU32_X(BPF_MOD, 0, 9),			/* 7 % 0 is 7 */
	ALU64_X(BPF_ADD, 8, 0),
	ALU64_K(BPF_RSH, 9, 32),
	ALU64_X(BPF_ADD, 8, 9))),
FORGED("CVE-2021-4159", "32-bit bounds not those of the known bits after a subtraction",
	.in = 0, .real = 1, BODY(
	WORD(8, IN),
	ALU32_K(BPF_AND, 8, 0),
	ALU32_K(BPF_SUB, 8, 2),			/* 0xfffffffe; the sign was taken from older bounds */
	ALU32_K(BPF_RSH, 8, 31))),
FORGED("CVE-2021-4001", "a read-only value taken as constant, which the host changed meanwhile",
	.real = 1, .extra = FORGED_CONSTANT, BODY(
	WORD(9, EXTRA),
	LDX(BPF_DW, 8, 9, 0),			/* believed to be 0, as when the program was loaded */
	JMP_K(BPF_JEQ, 8, 0, -2))),
FORGED("CVE-2021-33200", "the mask against speculative overflow had the wrong limit",
	.in = 1, .in2 = 1, .real = -1, BODY(
	WORD(8, IN),
	WORD(9, IN2),				/* the limit; 0 is right */
	ALU64_X(BPF_SUB, 9, 8),
	ALU64_X(BPF_OR, 9, 8),
	INSN(BPF_ALU64 | BPF_NEG, 9, 0, 0, 0),
	ALU64_K(BPF_ARSH, 9, 63),
	ALU64_X(BPF_AND, 8, 9),			/* believed to be masked away */
	INSN(BPF_ALU64 | BPF_NEG, 8, 0, 0, 0))),	/* to the left of the value */
FORGED("CVE-2022-23222", "arithmetic on a pointer that may be NULL: NULL + 1 believed to be 0",
	.real = 1, .extra = FORGED_RING, BODY(
	WORD(1, EXTRA),
	MOV_K(2, 1 << 20),			/* more than the ring holds: NULL */
	MOV_K(3, 0),
	CALL(BPF_FUNC_ringbuf_reserve),
	MOV_X(8, 0),
	ALU64_K(BPF_ADD, 8, 1),
	UNLESS(JMP_K(BPF_JEQ, 0, 0, 1)))),
FORGED("CVE-2023-2163", "a path taken for one that was looked at already, though a register differs",
	.in = 1, .real = 1, BODY(
	WORD(9, IN),
	MOV_K(8, 0),
	JMP_K(BPF_JEQ, 9, 0, 1),
	MOV_K(8, 1))),				/* the path that was left out */
FORGED("CVE-2023-52452", "a store at a variable place in the frame did not count for its depth",
	.in = 1, .real = 1, BODY(
	WORD(8, IN),
	UNLESS(JMP_K(BPF_JLE, 8, 8, 1)),
	MOV_X(7, 10),
	ALU64_K(BPF_ADD, 7, -512),
	ST(BPF_DW, 7, 0, 0))),			/* then below and beside the frame */
FORGED("CVE-2023-52462", "half of a spilled pointer overwritten, and the rest still believed to be one", .real = 0, BODY(
	STX(BPF_DW, 10, 7, -16),
	WORD(9, DISTANCE),
	ALU64_X(BPF_ADD, 9, 7),
	STX(BPF_W, 10, 9, -16),
	ALU64_K(BPF_RSH, 9, 32),
	STX(BPF_W, 10, 9, -12),
	LDX(BPF_DW, 7, 10, -16),
	MOV_K(8, 0))),
FORGED("CVE-2023-52676", "bounds of an access to the frame computed in 32 bits: a huge offset wrapped",
	.in = 0x7fffff00, .real = 0, BODY(
	WORD(8, IN),
	WORD(9, DISTANCE),
	ALU64_X(BPF_SUB, 9, 8),
	MOV_X(7, 10),
	ALU64_X(BPF_ADD, 7, 8),
	ALU64_X(BPF_ADD, 7, 9),
	MOV_K(8, 0))),
FORGED("CVE-2024-26589", "a variable offset on a pointer into the context (flow keys) not looked at",
	.in = 1, .real = 1, BODY(
	WORD(8, IN),
	UNLESS(JMP_K(BPF_JLE, 8, 8, 1)),
	MOV_X(7, 6))),
FORGED("CVE-2024-41003", "comparing two constants changed what was known of both",
	.in = 1, .real = 1, BODY(
	MOV_K(9, 0),
	MOV_K(8, 1),
	JMP_X(BPF_JSGT, 8, 9, 1),
	MOV_K(8, 0))),				/* believed to be the only way */
FORGED("CVE-2024-53125", "a register linked to another lost its zero extension (run time)",
	.in = 1ull << 32, .in2 = 1, .real = 1, BODY(
	WORD(8, IN),
	ALU32_X(BPF_MOV, 8, 8),
	MOV_X(9, 8),
	UNLESS(JMP_K(BPF_JLE, 9, 8, 1)),
	WORD(9, IN2),
	ALU64_X(BPF_ADD, 8, 9))),
FORGED("CVE-2026-31525", "signed 32-bit division of INT_MIN had the wrong sign (run time)",
	.in = 0x80000000u, .in2 = 1, .real = 1, BODY(
	WORD(8, IN),
	INSN(BPF_ALU | BPF_K | BPF_DIV, 8, 0, 1, 2),	/* -2^30 */
	ALU32_K(BPF_RSH, 8, 31),
	ALU64_K(BPF_XOR, 8, 1),
	WORD(0, IN),
	INSN(BPF_ALU | BPF_K | BPF_MOD, 0, 0, 1, -1),	/* 0 */
	ALU64_X(BPF_ADD, 8, 0),
	WORD(9, IN2),
	ALU64_X(BPF_ADD, 8, 9))),
FORGED("CVE-2026-43009", "an atomic that fetches did not count as a write to its register",
	.in = 1, .real = 1, BODY(
	WORD(9, IN),
	STX(BPF_DW, 10, 9, -16),
	MOV_K(8, 0),
	ATOM(BPF_DW, BPF_ADD | BPF_FETCH, 10, 8, -16))),
};
const u32 nr_history_bounds = ARRAY_SIZE(history_bounds);
