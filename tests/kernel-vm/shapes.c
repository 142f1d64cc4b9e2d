/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs of a certain shape, made instruction by instruction, against the reference interpreter. */
#include <errno.h>

#include "../check.h"
#include "../gen.h"
#include "raw.h"
#include "sys.h"
#include "twin.h"

static struct raw_program raw;

/* The verifier must take it, and both twins must agree. */
static void run_as(const char *name, const struct bpf_insn *insn, u32 len, bool unprivileged)
{
	struct twin_case c = { .insn = insn, .len = len, .type = BPF_PROG_TYPE_SCHED_CLS, .seed = len };
	char text[TWIN_TEXT] = "";
	enum twin_end end;

	if (unprivileged) {
		c.type = BPF_PROG_TYPE_SOCKET_FILTER;
		c.unprivileged = true;
	}
	end = twin_run(&c, text);
	CHECK(end == TWIN_SAME, "%s (%u instructions): %s", name, len, text);
}

static void families(void)
{
	u32 i;

	for (i = 0; raw_alu(&raw, i); i++)
		run_as(raw.name, raw.insn, raw.len, false);
}

/* Branches of every length ------------------------------------------------------------- */

/* R6 the buffer, R1-R5 what it holds: the verifier knows none of the values. */
static void open_unknown(const char *name)
{
	u8 r;

	raw_open(&raw, name);
	raw_put(&raw, INSN(BPF_LD | BPF_IMM | BPF_DW, 6, BPF_PSEUDO_MAP_VALUE, 0, GEN_FD_BUFFER), INSN(0, 0, 0, 0, 0));
	for (r = 1; r <= 5; r++)
		raw_put(&raw, LDX(BPF_DW, r, 6, 8 * r));
}

static void close_unknown(void)
{
	raw_put(&raw, MOV_K(6, 0));
	raw_close(&raw);
	run_as(raw.name, raw.insn, raw.len, false);
}

/* Instructions of @n: one machine word each on arm64, three or four bytes on x86. */
static void body(u32 n, u32 fours)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (i < fours)
			raw_put(&raw, ALU64_K(BPF_XOR, 1, 7));
		else
			raw_put(&raw, ALU64_X(BPF_ADD, 1, 2));
}

/* Over each number of bytes around the reach of a short jump, forwards; both ways are taken by some. */
static void short_jumps(void)
{
	u32 n, fours;

	open_unknown("short jumps");
	for (n = 28; n < 45; n++)
		for (fours = 0; fours < 4; fours++) {
			raw_put(&raw, LDX(BPF_B, 3, 6, n + fours));
			raw_put(&raw, JMP_K(BPF_JGT, 3, 127, (s16)n));
			body(n, fours);
		}
	close_unknown();
}

/* The same backwards: every loop goes round twice. */
static void short_loops(void)
{
	u32 n, fours;

	open_unknown("short loops");
	for (n = 28; n < 45; n++)
		for (fours = 0; fours < 4; fours++) {
			raw_put(&raw, MOV_K(3, 0));
			body(n, fours);
			raw_put(&raw, ALU64_K(BPF_ADD, 3, 1), JMP_K(BPF_JLT, 3, 2, -(s16)(n + 2)));
		}
	close_unknown();
}

/* Conditions that an architecture may have an instruction of less reach for: a bit, the sign, zero. */
static const struct { u8 code; s32 imm; } tests[] = {
	{ BPF_JMP | BPF_JSET | BPF_K, 1 << 9 }, { BPF_JMP | BPF_JSLT | BPF_K, 0 }, { BPF_JMP32 | BPF_JSGE | BPF_K, 0 },
	{ BPF_JMP | BPF_JEQ | BPF_K, 0 }, { BPF_JMP32 | BPF_JNE | BPF_K, 0 }, { BPF_JMP | BPF_JGT | BPF_X, 0 },
};

static void far_jump(u32 n, u32 test)
{
	char name[64];

	snprintf(name, sizeof(name), "jump over %u, test %u", n, test);
	open_unknown(name);
	raw_put(&raw, INSN(tests[test].code, 3, BPF_SRC(tests[test].code) == BPF_X ? 4 : 0, (s16)n, tests[test].imm));
	body(n, 0);
	raw_put(&raw, ALU64_K(BPF_XOR, 3, -1));		/* and the other way */
	raw_put(&raw, INSN(tests[test].code, 3, BPF_SRC(tests[test].code) == BPF_X ? 4 : 0, (s16)n, tests[test].imm));
	body(n, 0);
	close_unknown();
}

/* Twice round: by a bit that moves, or by the sign. */
static void far_loop(u32 n, bool bit)
{
	char name[64];

	snprintf(name, sizeof(name), "loop over %u by the %s", n, bit ? "bit" : "sign");
	open_unknown(name);
	raw_put(&raw, MOV_K(3, bit ? 1 << 8 : -2));
	body(n, 0);
	if (bit)
		raw_put(&raw, ALU64_K(BPF_LSH, 3, 1), JMP_K(BPF_JSET, 3, 1 << 9, -(s16)(n + 2)));
	else
		raw_put(&raw, ALU64_K(BPF_ADD, 3, 1), JMP_K(BPF_JSLT, 3, 0, -(s16)(n + 2)));
	close_unknown();
}

/* Around 32 KiB, the reach of arm64's bit tests, and as far as BPF's own jumps go. */
static void far_branches(void)
{
	u32 most = 32000, n, test;

	for (test = 0; test < ARRAY_SIZE(tests); test++) {
		for (n = 8186; n < 8196; n += 1 + test % 2 * 3)
			far_jump(n, test);
		far_jump(most, test);
	}
	for (n = 8184; n < 8196; n += 2)
		far_loop(n, true);
	far_loop(most, false);
}

/* Exits all along a program whose end is more than a megabyte away; @first: the first one is taken. */
static void early_exit(bool first)
{
	/* the kernel takes time quadratic in their number to blind constants */
	u32 chunk = sys_read_number("net/core/bpf_jit_harden") > 0 ? 600 : 12000, i, k;

	open_unknown(first ? "early exit" : "late exit");
	raw_put(&raw, MOV_K(0, 5), LDX(BPF_DW, 3, 6, 0), JMP_K(first ? BPF_JEQ : BPF_JNE, 3, 99, 1), EXIT);
	for (i = 0; i < 10; i++) {
		for (k = 0; k < chunk; k++)
			raw_put(&raw, ALU64_K(BPF_XOR, k % 2 + 1, 0x12345678 + (s32)k));
		raw_put(&raw, JMP_K(BPF_JNE, 3, (s32)i, 1), EXIT);
	}
	close_unknown();
}

int main(void)
{
	if (!CHECK(!twin_init(), "no maps"))
		return check_done();
	families();
	short_jumps();
	short_loops();
	far_branches();
	early_exit(true);
	early_exit(false);
	return check_done();
}
