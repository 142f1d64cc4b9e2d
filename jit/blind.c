/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Constant blinding: what a program's author chooses does not stand in executable memory.
 *
 * As in the kernel's own (bpf_jit_blind_constants()): constants of arithmetic,
 * moves, stores, comparisons and packet loads, but not the count of a shift or
 * the offset of an access.  Zero is left as it is.  Programs for the kernel in
 * mode none come blinded.
 */
#include "plan.h"

static bool has_constant(const struct moat_op *op)
{
	switch (op->kind) {
	case MOAT_ALU:
	case MOAT_DIV:
	case MOAT_MOV:
	case MOAT_STORE:
	case MOAT_BRANCH:
	case MOAT_LEA:
		return op->has_imm && op->imm;
	case MOAT_PACKET:
	case MOAT_IMM64:
		return op->imm;
	default:
		return false;
	}
}

void moat_blind(struct moat *jit)
{
	u32 i;

	for (i = 0; jit->opt->blind && i < jit->len; i++)
		jit->op[i].blinded = has_constant(&jit->op[i]);
}

/* The finalizer of SplitMix64: every bit of the secret, the place and the try counts for every bit. */
u64 moat_blind_key(const struct moat *jit, const struct moat_op *op)
{
	u64 z = jit->opt->blind + 0x9e3779b97f4a7c15ull * (((u64)op->split << 32 | op->pc) + 1);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}
