/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet loads (LD_ABS, LD_IND).
 *
 * The packet is the run's, so R6 is not looked at.  A load outside of it ends
 * the function with R0 = 0; only the host knows what is outside.
 */
#include "regs.h"
#include "../jit/plan.h"

/* From the middle of a function to its epilogue, or through one if it has none. */
static void leave_function(struct moat *jit)
{
	if (jit->cur->exit == MOAT_NO_TARGET)
		x64_epilogue(jit, jit->cur);
	else
		x64_jmp(&jit->buf, jit->slot[jit->cur->exit].start);
}

/* LD_IND: the offset, in 32 bits, to RDI. */
static void put_sum(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	enum x64_reg src = x64_value(jit, op->src, X64_TMP);

	x64_mov(b, X64_32, X64_RDI, src);
	if (moat_is_apart(op)) {
		x64_load_imm(jit, op, X64_TMP, op->imm);
		x64_ins(b, X64_ADD_RM_R, X64_32, X64_TMP, x64_r(X64_RDI));
	} else {
		x64_alu_imm(b, 0, X64_32, x64_r(X64_RDI), op->imm);
	}
}

static void ask_host(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	u32 inside;

	if (op->fn == BPF_ABS)
		x64_load_imm(jit, op, X64_RDI, (u32)op->imm);
	x64_mov_imm(b, X64_RSI, op->bytes);
	x64_leave(jit, 0, op->pc);
	x64_call_out(jit, op, jit->opt->packet, -1);
	x64_clear_args(jit);
	x64_enter(jit, X64_LIVE(X64_RAX), op->pc);
	x64_alu_imm(b, 7, X64_64, x64_r(X64_RAX), -1);
	inside = x64_jcc_forward(b, X64_NE);
	x64_mov_imm(b, X64_RAX, 0);
	leave_function(jit);
	x64_label(b, inside);
}

/* The branch that is taken if all bytes of the load lie in the cage; TMP2 is the host's frame there. */
static u32 branch_if_near(struct moat *jit, const struct moat_op *op)
{
	struct x64_rm length = x64_at(X64_TMP2, offsetof(struct moat_frame, packet_bytes));
	struct moat_buf *b = &jit->buf;

	x64_ins(b, X64_MOV_R_RM, X64_64, X64_TMP2, x64_at(X64_RSP, X64_HOST_FRAME));
	if (op->fn == BPF_ABS) {
		x64_alu_imm(b, 7, X64_64, length, op->imm + op->bytes);
	} else {	/* in 64 bits, so that no sum comes round to the start */
		x64_ins(b, X64_LEA, X64_64, X64_RSI, x64_at(X64_RDI, op->bytes));
		x64_ins(b, X64_CMP_RM_R, X64_64, X64_RSI, length);
	}
	return x64_jcc_forward(b, X64_AE);
}

/* Whatever the frame says and on whatever path: an access like all others, inside the cage. */
static void load_near(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	u32 start = b->len;

	x64_ins(b, X64_MOV_R_RM, X64_32, X64_TMP2, x64_at(X64_TMP2, offsetof(struct moat_frame, packet)));
	if (op->fn == BPF_IND)
		x64_ins(b, X64_LEA, X64_32, X64_TMP2, x64_at_index(X64_TMP2, X64_RDI, 0, 0));
	x64_load_be(jit, op, x64_packet_operand(jit, op->fn == BPF_ABS ? op->imm : 0));
	moat_mark(jit, MOAT_MARK_CAGE, start);
}

void x64_emit_packet(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	u32 near, done;

	if (op->fn == BPF_IND)
		put_sum(jit, op);
	if (op->guard != MOAT_GUARD_CAGE) {
		ask_host(jit, op);
		return;
	}
	near = branch_if_near(jit, op);
	ask_host(jit, op);
	done = x64_jmp_forward(b);
	x64_label(b, near);
	load_near(jit, op);
	x64_label(b, done);
}
