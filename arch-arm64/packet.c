/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet loads (LD_ABS, LD_IND).
 *
 * The packet is the run's, so R6 is not looked at.  A load outside of it ends
 * the function with R0 = 0; only the host knows what is outside.
 */
#include "regs.h"
#include "../jit/plan.h"

#define ARGS		0x3e	/* R1-R5 */

static void ask_host(struct moat *jit, const struct moat_op *op)
{
	enum a64_reg r0 = a64_reg(BPF_REG_0);
	struct moat_buf *b = &jit->buf;
	u32 inside;

	if (op->fn == BPF_ABS)
		a64_load_imm(jit, op, A64_X0, (u32)op->imm);
	a64_mov_imm(b, A64_X1, op->bytes);
	a64_leave(jit, op->pc);
	a64_call_out(jit, op, jit->opt->packet, -1);
	a64_clear_args(jit, ARGS);	/* two ways lead on from here */
	a64_enter(jit, op->pc);
	a64_emit(b, a64_rri(A64_ADDSI, A64_X, A64_ZR, r0, 1));
	inside = a64_bcond_forward(b, A64_NE);
	a64_mov(b, A64_X, r0, A64_ZR);
	a64_epilogue(jit, jit->cur);
	a64_label(b, inside);
}

static void frame_field(struct moat *jit, enum a64_mem op, u32 at)
{
	a64_emit(&jit->buf, a64_mem(op, A64_TMP, A64_HOST, at));
}

/* The branch that is taken if all bytes of the load lie in the cage. */
static u32 branch_if_near(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;

	frame_field(jit, A64_LDR_X, offsetof(struct moat_frame, packet_bytes));
	if (op->fn == BPF_ABS) {
		a64_cmp_const(b, A64_X, A64_TMP, op->imm + op->bytes, A64_TMP2);
	} else {	/* in 64 bits, so that no sum comes round to the start */
		a64_add_const(b, A64_X, A64_TMP2, A64_X0, op->bytes, A64_TMP2);
		a64_emit(b, a64_rrr(A64_SUBS, A64_X, A64_ZR, A64_TMP, A64_TMP2));
	}
	return a64_bcond_forward(b, A64_HS);
}

/* Whatever the frame says and on whatever path: an access like all others, inside the cage. */
static void load_near(struct moat *jit, const struct moat_op *op)
{
	static const enum a64_mem load[] = { [1] = A64_LDRB, [2] = A64_LDRH, [4] = A64_LDR_W };
	struct a64_operand at = { .base = a64_cage(jit), .index = A64_TMP, .cage = true };
	enum a64_reg r0 = a64_reg(BPF_REG_0);
	struct moat_buf *b = &jit->buf;
	u32 start = b->len;

	frame_field(jit, A64_LDR_W, offsetof(struct moat_frame, packet));
	if (op->fn == BPF_IND)
		a64_emit(b, a64_rrr(A64_ADD, A64_W, A64_TMP, A64_TMP, A64_X0));
	else if (op->imm)
		a64_add_const(b, A64_W, A64_TMP, A64_TMP, op->imm, A64_TMP2);
	a64_access(jit, load[op->bytes], r0, at);
	a64_to_host_order(jit, r0, op->bytes);
	moat_mark(jit, MOAT_MARK_CAGE, start);
}

void a64_emit_packet(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	u32 near, done;

	if (op->fn == BPF_IND && !op->blinded) {
		a64_add_const(b, A64_W, A64_X0, a64_value(jit, op->src, A64_TMP), op->imm, A64_TMP2);
	} else if (op->fn == BPF_IND) {
		a64_load_imm(jit, op, A64_TMP2, op->imm);
		a64_emit(b, a64_rrr(A64_ADD, A64_W, A64_X0, a64_value(jit, op->src, A64_TMP), A64_TMP2));
	}
	if (op->guard != MOAT_GUARD_CAGE) {
		ask_host(jit, op);
		return;
	}
	near = branch_if_near(jit, op);
	ask_host(jit, op);
	done = a64_b_forward(b);
	a64_label(b, near);
	load_near(jit, op);
	a64_label(b, done);
}
