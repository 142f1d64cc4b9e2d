/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which registers hold values that somebody reads later.
 *
 * Over a whole function, backwards, until nothing changes.
 */
#include "plan.h"

#define ALL_LIVE	0x0fff
#define MAX_PASSES	8

#define REG_BIT(r)		((u16)(1 << (r)))
#define ARGS		0x3e		/* R1-R5 */

u16 moat_op_defs(const struct moat_op *op)
{
	switch (op->kind) {
	case MOAT_HELPER:
	case MOAT_LOCAL:
	case MOAT_TAIL:
	case MOAT_PACKET:
		return REG_BIT(BPF_REG_0) | ARGS;
	case MOAT_STORE:
	case MOAT_BRANCH:
	case MOAT_JUMP:
	case MOAT_EXIT:
	case MOAT_NOP:
	case MOAT_BARRIER:
		return 0;
	case MOAT_ATOMIC:
		return op->imm == BPF_CMPXCHG ? REG_BIT(BPF_REG_0) : op->imm & BPF_FETCH ? REG_BIT(op->src) : 0;
	default:
		return REG_BIT(op->dst);
	}
}

u16 moat_op_uses(const struct moat_op *op)
{
	switch (op->kind) {
	case MOAT_HELPER:
	case MOAT_LOCAL:
	case MOAT_TAIL:
		return ARGS;
	case MOAT_PACKET:
		return op->fn == BPF_IND ? REG_BIT(op->src) : 0;
	case MOAT_EXIT:
		return REG_BIT(BPF_REG_0);
	case MOAT_IMM64:
	case MOAT_FUNC:
		return 0;
	case MOAT_MOV:
	case MOAT_LOAD:
		return op->has_imm ? 0 : REG_BIT(op->src);
	case MOAT_PROBE:
	case MOAT_GATHER:
	case MOAT_ROTATE:
		return REG_BIT(op->src);
	case MOAT_LEA:
		return REG_BIT(op->src) | (op->has_imm ? 0 : REG_BIT(op->off));
	default:
		return moat_op_regs(op);
	}
}

/* From what is live in front of its successors. */
u16 moat_live_behind(const struct moat *jit, u32 i)
{
	const struct moat_op *op = &jit->op[i];
	u16 out = 0;

	if (jit->opt->plain)
		return ALL_LIVE;

	if (op->kind == MOAT_BRANCH || op->kind == MOAT_JUMP)
		out |= jit->live[op->target];
	if (op->kind != MOAT_JUMP && op->kind != MOAT_EXIT && i + 1 < jit->len)
		out |= jit->live[i + 1];
	return out & ALL_LIVE;
}

static bool live_pass(struct moat *jit)
{
	bool changed = false;
	u32 i;

	for (i = jit->len; i-- > 0;) {
		const struct moat_op *op = &jit->op[i];
		u16 in = moat_op_uses(op) | (moat_live_behind(jit, i) & ~moat_op_defs(op));

		if ((jit->live[i] & ALL_LIVE) != in) {
			jit->live[i] = (jit->live[i] & ~ALL_LIVE) | in;
			changed = true;
		}
	}
	return changed;
}

void moat_find_targets(struct moat *jit)
{
	u32 i;

	for (i = 0; i < jit->len; i++) {
		const struct moat_op *op = &jit->op[i];

		if (op->kind == MOAT_BRANCH || op->kind == MOAT_JUMP || op->kind == MOAT_LOCAL ||
		    op->kind == MOAT_FUNC)
			jit->live[op->target] |= jit->live[op->target] & MOAT_TARGET ? MOAT_TARGETS : MOAT_TARGET;
	}
}

static bool has_loop(const struct moat *jit)
{
	u32 i;

	for (i = 0; i < jit->len; i++)
		if ((jit->op[i].kind == MOAT_BRANCH || jit->op[i].kind == MOAT_JUMP) && jit->op[i].target <= i)
			return true;
	return false;
}

/* Without loops the one pass from the end is all; they need a pass per nesting level. After a few, everything is live. */
void moat_find_liveness(struct moat *jit)
{
	bool loop = has_loop(jit);
	u32 i, pass = 0;

	while (live_pass(jit) && loop)
		if (++pass == MAX_PASSES)
			break;
	for (i = 0; pass == MAX_PASSES && i < jit->len; i++)
		jit->live[i] |= ALL_LIVE;
}
