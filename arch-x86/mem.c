/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Loads, stores and atomics (RFC 9669 section 5). */
#include "regs.h"
#include "../jit/plan.h"

void x64_load(struct moat_buf *b, const struct moat_op *op, struct x64_rm rm)
{
	enum x64_reg dst = x64_reg(op->dst);

	switch (op->bytes) {
	case 1:
		x64_ins(b, op->sx ? X64_MOVSX_R_RM8 : X64_MOVZX_R_RM8, op->sx ? X64_64 : X64_32, dst, rm);
		break;
	case 2:
		x64_ins(b, op->sx ? X64_MOVSX_R_RM16 : X64_MOVZX_R_RM16, op->sx ? X64_64 : X64_32, dst, rm);
		break;
	case 4:
		x64_ins(b, op->sx ? X64_MOVSXD_R_RM : X64_MOV_R_RM, op->sx ? X64_64 : X64_32, dst, rm);
		break;
	default:
		x64_ins(b, X64_MOV_R_RM, X64_64, dst, rm);
	}
}

void x64_emit_load(struct moat *jit, const struct moat_op *op)
{
	x64_load(&jit->buf, op, x64_operand(jit, op, op->src));
}

void x64_load_be(struct moat *jit, const struct moat_op *op, struct x64_rm rm)
{
	struct moat_op swap = { .dst = op->dst, .bytes = op->bytes, .fn = SWAP_BE };

	if (op->bytes > 2 && x64_have(jit, X64_MOVBE)) {
		x64_ins(&jit->buf, X64_MOVBE_R_M, op->bytes == 8 ? X64_64 : X64_32, x64_reg(op->dst), rm);
		return;
	}
	x64_load(&jit->buf, op, rm);
	if (op->bytes == 2) {	/* the bits above are zero already */
		x64_ins(&jit->buf, X64_ROL_I8, X64_16, 0, x64_r(x64_reg(op->dst)));
		moat_put(&jit->buf, 8, 1);
	} else if (op->bytes > 2) {
		x64_emit_swap(jit, &swap);
	}
}

/* A row of byte loads in one: as a load, then into the order the program assembles. */
void x64_emit_gather(struct moat *jit, const struct moat_op *op)
{
	struct x64_rm rm = x64_operand(jit, op, op->src);

	if (op->fn == SWAP_BE)
		x64_load_be(jit, op, rm);
	else
		x64_load(&jit->buf, op, rm);
}

static enum x64_size store_width(u8 bytes)
{
	return bytes == 8 ? X64_64 : bytes == 2 ? X64_16 : X64_32;
}

static void store_reg(struct moat *jit, u8 bytes, enum x64_reg src, struct x64_rm rm)
{
	x64_ins(&jit->buf, bytes == 1 ? X64_MOV_RM_R8 : X64_MOV_RM_R, store_width(bytes), src, rm);
}

void x64_emit_store(struct moat *jit, const struct moat_op *op)
{
	struct x64_rm rm = x64_operand(jit, op, op->dst);
	struct moat_buf *b = &jit->buf;

	if (!op->has_imm) {
		store_reg(jit, op->bytes, x64_value(jit, op->src, X64_TMP), rm);
	} else if (moat_is_apart(op)) {
		x64_load_imm(jit, op, X64_TMP, op->imm);
		store_reg(jit, op->bytes, X64_TMP, rm);
	} else {
		x64_ins(b, op->bytes == 1 ? X64_MOV_RM_I8 : X64_MOV_RM_I, store_width(op->bytes), 0, rm);
		moat_put(b, op->imm, op->bytes == 8 ? 4 : op->bytes);
	}
}

/*
 * Fetching and, or, xor: x86 has no such instruction, so a cmpxchg loop.  The
 * old value must be in RAX (R0), which is kept meanwhile, as is the operand
 * when it is R0 itself: in mode none, where addresses need no register, in
 * TMP2, else in R12.  In the register form R12 is the cage base: the address
 * is put together in TMP2 first and gives the base back after, because a cage
 * is 4 GiB aligned.
 */
static enum x64_reg loop_keep(const struct moat *jit)
{
	return jit->opt->mode == MOAT_MODE_NONE ? X64_TMP2 : X64_CAGE;
}

static struct x64_rm loop_operand(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	enum x64_reg base = x64_reg(op->dst);
	struct x64_rm rm = x64_operand(jit, op, op->dst);

	if (jit->opt->mode == MOAT_MODE_NONE) {
		rm.base = base == X64_RAX ? loop_keep(jit) : base;
		return rm;
	}
	if (jit->basereg && jit->form == MOAT_BASE_REGISTER) {
		x64_ins(b, X64_LEA, X64_64, X64_TMP2, rm);
		return x64_at(X64_TMP2, 0);
	}
	if (base != X64_RAX && op->dst != op->src)
		return rm;
	rm.segment = false;
	x64_ins(b, X64_LEA, jit->basereg ? X64_32 : X64_64, X64_TMP2, rm);
	rm = x64_at(X64_TMP2, 0);
	rm.segment = jit->basereg;
	return rm;
}

static void restore_cage(struct moat *jit)
{
	static const enum x64_op half[] = { X64_SHR_I8, X64_SHL_I8 };
	u32 i;

	x64_mov(&jit->buf, X64_64, X64_CAGE, X64_TMP2);
	for (i = 0; i < ARRAY_SIZE(half); i++) {
		x64_ins(&jit->buf, half[i], X64_64, 0, x64_r(X64_CAGE));
		moat_put(&jit->buf, 32, 1);
	}
}

static void fetch_loop(struct moat *jit, const struct moat_op *op, enum x64_op fn)
{
	struct moat_buf *b = &jit->buf;
	enum x64_size size = op->bytes == 8 ? X64_64 : X64_32;
	enum x64_reg src = x64_reg(op->src), kept = loop_keep(jit);
	struct x64_rm rm = loop_operand(jit, op);
	u32 again;

	x64_mov(b, X64_64, kept, X64_RAX);
	x64_ins(b, X64_MOV_R_RM, size, X64_RAX, rm);
	again = b->len;
	x64_mov(b, size, X64_TMP, X64_RAX);
	x64_ins(b, fn, size, src == X64_RAX ? kept : src, x64_r(X64_TMP));
	x64_lock(b, X64_CMPXCHG_RM_R, size, X64_TMP, rm);
	x64_jcc_short(b, X64_NE, again);
	if (src != X64_RAX) {
		x64_mov(b, size, src, X64_RAX);
		x64_mov(b, X64_64, X64_RAX, kept);
	}
	if (jit->basereg && jit->form == MOAT_BASE_REGISTER)
		restore_cage(jit);
}

static void atomic_plain(struct moat *jit, const struct moat_op *op, enum x64_op fn)
{
	struct x64_rm rm = x64_operand(jit, op, op->dst);
	enum x64_reg src = x64_value(jit, op->src, X64_TMP);

	if (fn != X64_XCHG_RM_R)	/* locks by itself */
		moat_put(&jit->buf, 0xf0, 1);
	x64_ins(&jit->buf, fn, op->bytes == 8 ? X64_64 : X64_32, src, rm);
}

void x64_emit_atomic(struct moat *jit, const struct moat_op *op)
{
	switch (op->imm) {
	case BPF_ADD:			atomic_plain(jit, op, X64_ADD_RM_R); break;
	case BPF_AND:			atomic_plain(jit, op, X64_AND_RM_R); break;
	case BPF_OR:			atomic_plain(jit, op, X64_OR_RM_R); break;
	case BPF_XOR:			atomic_plain(jit, op, X64_XOR_RM_R); break;
	case BPF_ADD | BPF_FETCH:	atomic_plain(jit, op, X64_XADD_RM_R); break;
	case BPF_XCHG:			atomic_plain(jit, op, X64_XCHG_RM_R); break;
	case BPF_CMPXCHG:
		atomic_plain(jit, op, X64_CMPXCHG_RM_R);
		/* A success does not write EAX.  In the kernel the verifier sees to the upper half, where it matters. */
		if (op->bytes == 4 && !moat_kernel_form(jit->opt))
			x64_mov(&jit->buf, X64_32, X64_RAX, X64_RAX);
		break;
	case BPF_AND | BPF_FETCH:	fetch_loop(jit, op, X64_AND_RM_R); break;
	case BPF_OR | BPF_FETCH:	fetch_loop(jit, op, X64_OR_RM_R); break;
	case BPF_XOR | BPF_FETCH:	fetch_loop(jit, op, X64_XOR_RM_R); break;
	default:			moat_fail(&jit->buf, -EINVAL);
	}
}
