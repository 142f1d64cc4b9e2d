/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Images for the kernel: what only they have in their bodies (kernel.h). */
#include "regs.h"
#include "../jit/kernel.h"

#define CANONICAL	47	/* addresses from 1 << 47 up are the kernel's, or fault */

/* Flags for "below the limit" from @addr; the branch that is taken then. */
static enum x64_cc compare_limit(struct moat *jit, enum x64_reg addr)
{
	u64 limit = jit->opt->kernel->probe_limit;

	if (limit >> CANONICAL) {	/* the sign tells */
		x64_ins(&jit->buf, X64_TEST_RM_R, X64_64, addr, x64_r(addr));
		return X64_NS;
	}
	if (!fits_unsigned(limit, 31))
		moat_fail(&jit->buf, -EINVAL);
	x64_alu_imm(&jit->buf, 7, X64_64, x64_r(addr), limit);
	return X64_B;
}

static void probe_load(struct moat *jit, const struct moat_op *op, struct x64_rm rm)
{
	u32 at = jit->buf.len;

	x64_load(&jit->buf, op, rm);
	if (jit->buf.base)
		jit->opt->kernel->probe(jit->opt->arg, op->pc, at, jit->buf.len, x64_reg(op->dst));
}

/*
 * A pointer of the kernel's that may be stale or NULL.  A user address reads
 * as 0 without an access, as user memory may be mapped there; what is left of
 * bad addresses faults, and the kernel goes on behind the load.
 */
void x64_emit_probe(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	enum x64_reg dst = x64_reg(op->dst), addr = x64_reg(op->src);
	enum x64_cc below;
	u32 skip;

	if (op->off || dst == addr) {
		x64_ins(b, X64_LEA, X64_64, X64_TMP, x64_at(addr, op->off));
		addr = X64_TMP;
	}
	x64_mov_imm(b, dst, 0);
	below = compare_limit(jit, addr);
	skip = x64_jcc_forward(b, below);
	probe_load(jit, op, x64_at(addr, 0));
	x64_label(b, skip);
}

void x64_emit_barrier(struct moat *jit, const struct moat_op *op)
{
	x64_lfence(&jit->buf);
}
