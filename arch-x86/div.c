/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Division and remainder (RFC 9669 section 4.1). */
#include "regs.h"
#include "../jit/plan.h"

static void div_instruction(struct moat *jit, const struct moat_op *op, enum x64_reg divisor)
{
	struct moat_buf *b = &jit->buf;

	if (op->sx) {
		if (op->is64)
			moat_put(b, 0x48, 1);
		moat_put(b, 0x99, 1);		/* cqo, cdq */
	} else {
		x64_ins(b, X64_XOR_RM_R, X64_32, X64_RDX, x64_r(X64_RDX));
	}
	x64_ins(b, op->sx ? X64_IDIV : X64_DIV, x64_width(op), 0, x64_r(divisor));
}

/*
 * Keep RAX and RDX for a division: in TMP and TMP2, or where the stack is at
 * hand and the divisor is neither, in its shorter instructions.
 */
static void keep_pair(struct moat *jit, bool rax, bool rdx, bool push)
{
	struct moat_buf *b = &jit->buf;

	if (rax && push)
		x64_push(b, X64_RAX);
	else if (rax)
		x64_mov(b, X64_64, X64_TMP, X64_RAX);
	if (rdx && push)
		x64_push(b, X64_RDX);
	else if (rdx)
		x64_mov(b, X64_64, X64_TMP2, X64_RDX);
}

static void restore_pair(struct moat *jit, bool rax, bool rdx, bool push)
{
	struct moat_buf *b = &jit->buf;

	if (rdx && push)
		x64_pop(b, X64_RDX);
	if (rax && push)
		x64_pop(b, X64_RAX);
	else if (rax)
		x64_mov(b, X64_64, X64_RAX, X64_TMP);
	if (rdx && !push)
		x64_mov(b, X64_64, X64_RDX, X64_TMP2);
}

/*
 * dst = dst / src in RDX:RAX, which are R3 and R0: they are kept unless they
 * are the destination or nobody reads them any more.  An operand that is one of them is read
 * from its copy; an immediate (or the frame's offset) takes the place of the
 * destination, whose value is in RAX by then.
 */
static void divide(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	enum x64_reg dst = x64_reg(op->dst), divisor = x64_reg(op->src);
	bool value = op->has_imm || op->src == BPF_REG_10;
	enum x64_reg result = op->fn == BPF_DIV ? X64_RAX : X64_RDX;
	u16 live = moat_live_behind(jit, op->pc);
	bool keep_rax = dst != X64_RAX && live & 1 << BPF_REG_0;
	bool keep_rdx = dst != X64_RDX && live & 1 << BPF_REG_3;
	bool is_rax = !value && divisor == X64_RAX, is_rdx = !value && divisor == X64_RDX;
	bool push = moat_kernel_form(jit->opt) && !is_rax && !is_rdx;

	keep_pair(jit, keep_rax || is_rax, keep_rdx || is_rdx, push);
	if (dst != X64_RAX)
		x64_mov(b, x64_width(op), X64_RAX, dst);

	if (value) {
		divisor = dst == X64_RAX ? X64_TMP : dst == X64_RDX ? X64_TMP2 : dst;
		if (op->has_imm)
			x64_load_imm(jit, op, divisor, op->imm);
		else
			x64_mov(b, jit->basereg ? X64_32 : X64_64, divisor, X64_FRAME);
	} else if (divisor == X64_RAX) {
		divisor = X64_TMP;
	} else if (divisor == X64_RDX) {
		divisor = X64_TMP2;
	}
	div_instruction(jit, op, divisor);

	if (dst != result)
		x64_mov(b, x64_width(op), dst, result);
	restore_pair(jit, keep_rax, keep_rdx, push);
}

/* What is defined without dividing: by 0 (dst = 0; mod: dst) and, signed, by -1 (-dst; mod: 0). */
static void div_special(struct moat *jit, const struct moat_op *op, bool by_zero)
{
	struct x64_rm dst = x64_r(x64_reg(op->dst));

	if (by_zero == (op->fn == BPF_DIV))
		x64_ins(&jit->buf, X64_XOR_RM_R, X64_32, dst.base, dst);
	else if (!by_zero)
		x64_ins(&jit->buf, X64_NEG, x64_width(op), 0, dst);
	else if (!op->is64)
		x64_mov(&jit->buf, X64_32, dst.base, dst.base);
}

static void div_by_reg(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	enum x64_reg src = x64_reg(op->src);
	u32 zero, minus = 0, done, done2 = 0;

	if (op->nonzero && !op->sx) {
		divide(jit, op);
		return;
	}
	x64_ins(b, X64_TEST_RM_R, x64_width(op), src, x64_r(src));
	zero = x64_jcc_forward(b, X64_E);
	if (op->sx) {
		x64_alu_imm(b, 7, x64_width(op), x64_r(src), -1);
		minus = x64_jcc_forward(b, X64_E);
	}
	divide(jit, op);
	done = x64_jmp_forward(b);
	if (op->sx) {
		x64_label(b, minus);
		div_special(jit, op, false);
		done2 = x64_jmp_forward(b);
	}
	x64_label(b, zero);
	div_special(jit, op, true);
	x64_label(b, done);
	if (op->sx)
		x64_label(b, done2);
}

void x64_emit_div(struct moat *jit, const struct moat_op *op)
{
	if (!op->has_imm)
		div_by_reg(jit, op);
	else if (op->imm == 0 || (op->sx && op->imm == -1))
		div_special(jit, op, op->imm == 0);
	else
		divide(jit, op);
}
