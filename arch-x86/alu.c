/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arithmetic, shifts, division, moves and byte swaps (RFC 9669 section 4). */
#include "regs.h"
#include "../jit/plan.h"

/* The second operand in a register. */
static enum x64_reg operand(struct moat *jit, const struct moat_op *op)
{
	if (!op->has_imm)
		return x64_value(jit, op->src, X64_TMP);

	x64_load_imm(jit, X64_TMP, op->imm, op->split);
	return X64_TMP;
}

static u8 alu_digit(u8 fn)
{
	switch (fn) {
	case BPF_OR:	return 1;
	case BPF_AND:	return 4;
	case BPF_SUB:	return 5;
	case BPF_XOR:	return 6;
	default:	return 0;
	}
}

static void mul(struct moat *jit, const struct moat_op *op)
{
	enum x64_reg dst = x64_reg(op->dst);
	bool small = fits_signed(op->imm, 8);

	if (!op->has_imm || op->split) {
		x64_ins(&jit->buf, X64_IMUL_R_RM, x64_width(op), dst, x64_r(operand(jit, op)));
		return;
	}
	x64_ins(&jit->buf, small ? X64_IMUL_R_RM_I8 : X64_IMUL_R_RM_I, x64_width(op), dst, x64_r(dst));
	moat_put(&jit->buf, op->imm, small ? 1 : 4);
}

/* A 64-bit AND with a mask below 2^31 clears the upper half, as the 32-bit one does. */
static enum x64_size alu_width(const struct moat_op *op)
{
	if (op->fn == BPF_AND && op->has_imm && op->imm >= 0)
		return X64_32;
	return x64_width(op);
}

static void alu_imm(struct moat *jit, const struct moat_op *op)
{
	struct x64_rm dst = x64_r(x64_reg(op->dst));
	u8 digit = alu_digit(op->fn);
	s32 imm = op->imm;

	if (op->fn == BPF_AND && imm == 0xff) {
		x64_ins(&jit->buf, X64_MOVZX_R_RM8, X64_32, dst.base, dst);
	} else if (op->fn == BPF_AND && imm == 0xffff) {
		x64_ins(&jit->buf, X64_MOVZX_R_RM16, X64_32, dst.base, dst);
	} else if (op->fn == BPF_XOR && imm == -1) {
		x64_ins(&jit->buf, X64_NOT, x64_width(op), 0, dst);
	} else if (digit == 0 && imm == 128) {
		x64_alu_imm(&jit->buf, 5, x64_width(op), dst, -128);
	} else if (digit == 5 && imm == 128) {
		x64_alu_imm(&jit->buf, 0, x64_width(op), dst, -128);
	} else {
		x64_alu_imm(&jit->buf, digit, alu_width(op), dst, imm);
	}
}

void x64_emit_alu(struct moat *jit, const struct moat_op *op)
{
	if (op->fn == BPF_NEG) {
		x64_ins(&jit->buf, X64_NEG, x64_width(op), 0, x64_r(x64_reg(op->dst)));
	} else if (op->fn == BPF_MUL) {
		mul(jit, op);
	} else if (op->has_imm && !op->split) {
		alu_imm(jit, op);
	} else {
		x64_ins(&jit->buf, X64_OP(alu_digit(op->fn) << 3 | 1), x64_width(op), operand(jit, op),
			x64_r(x64_reg(op->dst)));
	}
}

struct shift { enum x64_op imm, one, cl, vex; };

static const struct shift *shift_ops(u8 fn)
{
	static const struct shift lsh = { X64_SHL_I8, X64_SHL_1, X64_SHL_CL, X64_SHLX };
	static const struct shift rsh = { X64_SHR_I8, X64_SHR_1, X64_SHR_CL, X64_SHRX };
	static const struct shift arsh = { X64_SAR_I8, X64_SAR_1, X64_SAR_CL, X64_SARX };

	return fn == BPF_LSH ? &lsh : fn == BPF_RSH ? &rsh : &arsh;
}

static void shift_imm(struct moat *jit, const struct moat_op *op, const struct shift *s)
{
	struct x64_rm dst = x64_r(x64_reg(op->dst));

	if (op->imm == 0) {
		if (!op->is64)
			x64_mov(&jit->buf, X64_32, dst.base, dst.base);
	} else if (op->imm == 1) {
		x64_ins(&jit->buf, s->one, x64_width(op), 0, dst);
	} else {
		x64_ins(&jit->buf, s->imm, x64_width(op), 0, dst);
		moat_put(&jit->buf, op->imm, 1);
	}
}

/* Without BMI2 the count must be in CL, where R4 lives. */
static void shift_cl(struct moat *jit, const struct moat_op *op, const struct shift *s)
{
	struct moat_buf *b = &jit->buf;
	enum x64_reg dst = x64_reg(op->dst), src = x64_reg(op->src);
	bool count_there = src == X64_RCX, on_count = dst == X64_RCX;

	if (count_there && !on_count) {
		x64_ins(b, s->cl, x64_width(op), 0, x64_r(dst));
		return;
	}
	x64_mov(b, X64_64, X64_TMP2, X64_RCX);
	if (!count_there)
		x64_mov(b, X64_32, X64_RCX, src);
	x64_ins(b, s->cl, x64_width(op), 0, x64_r(on_count ? X64_TMP2 : dst));
	x64_mov(b, X64_64, X64_RCX, X64_TMP2);
}

void x64_emit_shift(struct moat *jit, const struct moat_op *op)
{
	const struct shift *s = shift_ops(op->fn);
	enum x64_reg dst = x64_reg(op->dst);

	if (op->has_imm)
		shift_imm(jit, op, s);
	else if (x64_have(jit, X64_BMI2))
		x64_vex(&jit->buf, s->vex, x64_width(op), dst, x64_reg(op->src), x64_r(dst));
	else
		shift_cl(jit, op, s);
}

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
	bool push = jit->opt->kernel && !is_rax && !is_rdx;

	keep_pair(jit, keep_rax || is_rax, keep_rdx || is_rdx, push);
	if (dst != X64_RAX)
		x64_mov(b, x64_width(op), X64_RAX, dst);

	if (value) {
		divisor = dst == X64_RAX ? X64_TMP : dst == X64_RDX ? X64_TMP2 : dst;
		if (op->has_imm)
			x64_load_imm(jit, divisor, op->imm, op->split);
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

static void mov_imm(struct moat *jit, const struct moat_op *op)
{
	s64 imm = op->is64 ? op->imm : (s64)(u32)op->imm;

	x64_load_imm(jit, x64_reg(op->dst), imm, op->split);
}

static void mov_sign_extend(struct moat *jit, const struct moat_op *op)
{
	static const enum x64_op extend[] = {
		[1] = X64_MOVSX_R_RM8, [2] = X64_MOVSX_R_RM16, [4] = X64_MOVSXD_R_RM,
	};

	x64_ins(&jit->buf, extend[op->bytes], x64_width(op), x64_reg(op->dst),
		x64_r(x64_value(jit, op->src, X64_TMP)));
}

void x64_emit_mov(struct moat *jit, const struct moat_op *op)
{
	enum x64_size size = x64_width(op);

	if (op->has_imm) {
		mov_imm(jit, op);
	} else if (op->bytes) {
		mov_sign_extend(jit, op);
	} else {
		if (op->src == BPF_REG_10 && jit->basereg)
			size = X64_32;
		if (size == X64_32 || op->dst != op->src)
			x64_mov(&jit->buf, size, x64_reg(op->dst), x64_reg(op->src));
	}
}

void x64_emit_imm64(struct moat *jit, const struct moat_op *op)
{
	if (op->asked) {
		x64_kernel_address(jit, op);
		return;
	}
	x64_load_imm(jit, x64_reg(op->dst), op->imm, op->split);
}

/*
 * An immediate that was found to spell a gate is put together from parts that
 * do not: the last step never sees all of its bytes.
 */
void x64_load_imm(struct moat *jit, enum x64_reg to, s64 imm, bool split)
{
	struct moat_buf *b = &jit->buf;
	u32 i = 0;

	if (!split) {
		x64_mov_imm(b, to, imm);
		return;
	}
	while (i < 7 && !((u64)imm >> (56 - 8 * i)))
		i++;
	x64_mov_imm(b, to, (u64)imm >> (56 - 8 * i));
	for (i++; i < 8; i++) {
		x64_ins(b, X64_SHL_I8, X64_64, 0, x64_r(to));
		moat_put(b, 8, 1);
		x64_ins(b, X64_OR_RM_I, X64_64, 0, x64_r(to));
		moat_put(b, (u64)imm >> (56 - 8 * i) & 0xff, 4);
	}
}

void x64_emit_swap(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	enum x64_reg dst = x64_reg(op->dst);

	if (op->fn == SWAP_LE) {
		if (op->bytes == 2)
			x64_ins(b, X64_MOVZX_R_RM16, X64_32, dst, x64_r(dst));
		else if (op->bytes == 4)
			x64_mov(b, X64_32, dst, dst);
		return;
	}
	x64_bswap(b, op->bytes == 8 ? X64_64 : X64_32, dst);
	if (op->bytes == 2) {
		x64_ins(b, X64_SHR_I8, X64_32, 0, x64_r(dst));
		moat_put(b, 16, 1);
	}
}

void x64_emit_lea(struct moat *jit, const struct moat_op *op)
{
	enum x64_reg dst = x64_reg(op->dst), src = x64_reg(op->src);
	bool frame = op->src == BPF_REG_10 && jit->basereg;

	struct x64_rm sum = x64_at(src, op->imm);

	if (op->has_imm && op->split) {
		x64_load_imm(jit, X64_TMP, op->imm, true);
		sum = x64_at_index(src, X64_TMP, 0, 0);
	} else if (!op->has_imm) {
		sum = x64_at_index(src, x64_reg(op->off), 0, 0);
	}
	x64_ins(&jit->buf, X64_LEA, frame ? X64_32 : x64_width(op), dst, sum);
}

void x64_emit_rotate(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	enum x64_reg dst = x64_reg(op->dst), src = x64_reg(op->src);
	u8 bits = op->is64 ? 64 : 32;

	if (dst != src && x64_have(jit, X64_BMI2)) {
		x64_vex(b, X64_RORX, x64_width(op), dst, X64_NONE, x64_r(src));
		moat_put(b, bits - op->imm, 1);
		return;
	}
	if (dst != src)
		x64_mov(b, x64_width(op), dst, src);
	x64_ins(b, X64_ROL_I8, x64_width(op), 0, x64_r(dst));
	moat_put(b, op->imm, 1);
}

void x64_emit_nop(struct moat *jit, const struct moat_op *op)
{
}
