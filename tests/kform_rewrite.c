/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel's verifier and constant blinding do to a program.
 *
 * Each instruction is replaced by a few that do the same, then jumps are
 * pointed at where their targets went: tests of divisors, constants put
 * together in AX, loads that may fault, barriers, notes in reserved fields.
 */
#include <stdlib.h>

#include "gen.h"
#include "kform.h"

struct rewrite {
	struct bpf_insn *out;
	u32 n, max;
	u64 rng;
	u32 kinds;		/* bits: which rewrites there are at all */
};

enum { DIVISORS = 1, BLIND = 2, PROBES = 4, BARRIERS = 8, NOTES = 16 };

static u32 below(struct rewrite *r, u32 n)
{
	return (u32)(gen_random(&r->rng) >> 33) % n;
}

static bool may(struct rewrite *r, u32 kind, u32 one_in)
{
	return r->kinds & kind && below(r, one_in) == 0;
}

static void put(struct rewrite *r, struct bpf_insn in)
{
	if (r->n < r->max)
		r->out[r->n] = in;
	r->n++;
}

#define INSN(c, d, s, o, i)	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })

static bool is_division(const struct bpf_insn *in)
{
	u8 class = BPF_CLASS(in->code), op = BPF_OP(in->code);

	return (class == BPF_ALU || class == BPF_ALU64) && (op == BPF_DIV || op == BPF_MOD);
}

/* In the words of fixup_bpf_calls(): a division by a register only where it is not 0. */
static void divisor(struct rewrite *r, struct bpf_insn in)
{
	bool wide = BPF_CLASS(in.code) == BPF_ALU64;
	u8 jmp = wide ? BPF_JMP : BPF_JMP32;

	if (BPF_OP(in.code) == BPF_DIV) {
		put(r, INSN(jmp | BPF_JNE | BPF_K, in.src_reg, 0, 2, 0));
		put(r, INSN(BPF_ALU | BPF_XOR | BPF_X, in.dst_reg, in.dst_reg, 0, 0));
		put(r, INSN(BPF_JMP | BPF_JA, 0, 0, 1, 0));
		put(r, in);
		return;
	}
	put(r, INSN(jmp | BPF_JEQ | BPF_K, in.src_reg, 0, wide ? 1 : 2, 0));
	put(r, in);
	if (!wide) {
		put(r, INSN(BPF_JMP | BPF_JA, 0, 0, 1, 0));
		put(r, INSN(BPF_ALU | BPF_MOV | BPF_X, in.dst_reg, in.dst_reg, 0, 0));
	}
}

/* Two instructions that put @imm into AX; a 32-bit operation does not look at the upper half. */
static void constant(struct rewrite *r, s32 imm, u8 class)
{
	s32 random = (s32)gen_random(&r->rng);

	put(r, INSN(class | BPF_MOV | BPF_K, MOAT_REG_AX, 0, 0, random ^ imm));
	put(r, INSN(class | BPF_XOR | BPF_K, MOAT_REG_AX, 0, 0, random));
}

/* Can the immediate of @in be in a register just as well? */
static bool is_blindable(const struct bpf_insn *in)
{
	u8 class = BPF_CLASS(in->code), op = BPF_OP(in->code);

	if (class == BPF_ST)
		return BPF_MODE(in->code) == BPF_MEM;
	if (BPF_SRC(in->code) != BPF_K)
		return false;
	if (class == BPF_JMP || class == BPF_JMP32)
		return op != BPF_JA && op != BPF_CALL && op != BPF_EXIT;
	return (class == BPF_ALU || class == BPF_ALU64) && op != BPF_NEG && op != BPF_END;
}

static void blind(struct rewrite *r, struct bpf_insn in)
{
	u8 class = BPF_CLASS(in.code);

	constant(r, in.imm, class == BPF_ALU || class == BPF_JMP32 ? BPF_ALU : BPF_ALU64);
	in.src_reg = MOAT_REG_AX;
	in.imm = 0;
	if (class == BPF_ST)
		in.code = BPF_STX | BPF_MEM | BPF_SIZE(in.code);
	else
		in.code |= BPF_X;
	put(r, in);
}

/* Notes where the instruction has no field. */
static void note(struct rewrite *r, struct bpf_insn *in)
{
	u8 class = BPF_CLASS(in->code), op = BPF_OP(in->code);

	if (class == BPF_LDX || (class == BPF_STX && BPF_MODE(in->code) == BPF_MEM))
		in->imm = (s32)gen_random(&r->rng);
	if ((class == BPF_ALU || class == BPF_ALU64) && BPF_SRC(in->code) == BPF_X && op != BPF_END)
		in->imm = 1;
	if (in->code == (BPF_JMP | BPF_JA))
		in->imm = 7;
}

static void one(struct rewrite *r, struct bpf_insn in)
{
	bool cmpxchg = in.code == (BPF_STX | BPF_ATOMIC | BPF_W) && in.imm == BPF_CMPXCHG;

	if (is_division(&in) && BPF_SRC(in.code) == BPF_X && in.off == 0 && may(r, DIVISORS, 1)) {
		divisor(r, in);
		return;
	}
	if (is_blindable(&in) && may(r, BLIND, 2)) {
		blind(r, in);
		return;
	}
	if (BPF_CLASS(in.code) == BPF_LDX && BPF_MODE(in.code) == BPF_MEM && may(r, PROBES, 3))
		in.code = BPF_LDX | MOAT_PROBE_MEM | BPF_SIZE(in.code);
	if (may(r, NOTES, 1))
		note(r, &in);
	put(r, in);
	if (cmpxchg)
		put(r, INSN(BPF_ALU | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_0, 0, 1));
	if (BPF_CLASS(in.code) == BPF_STX && may(r, BARRIERS, 3))
		put(r, INSN(BPF_ST | MOAT_NOSPEC, 0, 0, 0, 0));
}

static bool is_jump(const struct bpf_insn *in)
{
	u8 class = BPF_CLASS(in->code), op = BPF_OP(in->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

/* Is it the jump that @insn became, not one that was added? */
static bool is_that_jump(const struct bpf_insn *in, const struct bpf_insn *insn)
{
	return is_jump(in) && in->off == insn->off && BPF_OP(in->code) == BPF_OP(insn->code);
}

/* Point the jumps at where their targets went.  False: out of a jump's reach, or of the program. */
static bool retarget(struct rewrite *r, const struct bpf_insn *insn, u32 len, const u32 *went)
{
	u32 i, at, to;

	for (i = 0; i < len; i++) {
		bool by_imm = insn[i].code == (BPF_JMP32 | BPF_JA);
		s32 distance;

		if (insn[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			i++;
			continue;
		}
		if (!is_jump(&insn[i]))
			continue;
		for (at = went[i]; !is_that_jump(&r->out[at], &insn[i]); at++)
			;
		to = i + 1 + (u32)(by_imm ? insn[i].imm : insn[i].off);
		if (to > len)
			return false;
		distance = (s32)went[to] - (s32)at - 1;
		if (by_imm)
			r->out[at].imm = distance;
		else
			r->out[at].off = (s16)distance;
		if (!by_imm && distance != (s16)distance)
			return false;
	}
	return true;
}

u32 kform_rewrite(struct bpf_insn *out, u32 max, const struct bpf_insn *insn, u32 len, u64 seed)
{
	struct rewrite r = { .out = out, .max = max, .rng = seed };
	u32 *went = calloc(len + 1, sizeof(*went));
	bool ok = went;
	u32 i;

	r.kinds = seed ? (u32)(gen_random(&r.rng) >> 32) : 0;
	for (i = 0; ok && i < len; i++) {
		went[i] = r.n;
		if (insn[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			put(&r, insn[i++]);
			went[i] = r.n;
			put(&r, insn[i]);
		} else {
			one(&r, insn[i]);
		}
	}
	ok = ok && r.n <= max;
	if (ok) {
		went[len] = r.n;
		ok = retarget(&r, insn, len, went);
	}
	free(went);
	return ok ? r.n : 0;
}
