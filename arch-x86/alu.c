/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arithmetic, shifts, moves and byte swaps (RFC 9669 section 4). */
#include "regs.h"

/* The second operand in a register. */
static enum x64_reg operand(struct moat *jit, const struct moat_op *op)
{
	if (!op->has_imm)
		return x64_value(jit, op->src, X64_TMP);

	x64_load_imm(jit, op, X64_TMP, op->imm);
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

	if (!op->has_imm || moat_is_apart(op)) {
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
	} else if (op->has_imm && !moat_is_apart(op)) {
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

static void mov_imm(struct moat *jit, const struct moat_op *op)
{
	s64 imm = op->is64 ? op->imm : (s64)(u32)op->imm;

	x64_load_imm(jit, op, x64_reg(op->dst), imm);
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
	x64_load_imm(jit, op, x64_reg(op->dst), op->imm);
}

/*
 * An immediate that was found to spell a gate is put together from parts that
 * do not: the last step never sees all of its bytes.
 */
void x64_load_parts(struct moat *jit, enum x64_reg to, s64 imm)
{
	struct moat_buf *b = &jit->buf;
	u32 i = 0;

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

/* @imm, which fits in an immediate of @size, as (imm ^ key) ^ key. */
static void load_hidden(struct moat_buf *b, enum x64_size size, enum x64_reg to, s64 imm, s32 key)
{
	imm ^= key;
	x64_mov_imm(b, to, size == X64_32 ? (u32)imm : imm);
	x64_alu_imm(b, 6, size, x64_r(to), key);
}

/* The lower half is put in with a sign, which turns the upper one over. */
static void load_wide_hidden(struct moat_buf *b, enum x64_reg to, s64 imm, u64 key)
{
	s32 low = imm, half = key >> 32;

	load_hidden(b, X64_32, to, (u32)((imm ^ low) >> 32), key);
	x64_ins(b, X64_SHL_I8, X64_64, 0, x64_r(to));
	moat_put(b, 32, 1);
	x64_alu_imm(b, 6, X64_64, x64_r(to), low ^ half);
	x64_alu_imm(b, 6, X64_64, x64_r(to), half);
}

void x64_load_imm(struct moat *jit, const struct moat_op *op, enum x64_reg to, s64 imm)
{
	u64 key = op->blinded ? moat_blind_key(jit, op) : 0;

	if (key && fits_signed(imm, 32))
		load_hidden(&jit->buf, X64_64, to, imm, key);
	else if (key && fits_unsigned(imm, 32))
		load_hidden(&jit->buf, X64_32, to, imm, key);
	else if (key)
		load_wide_hidden(&jit->buf, to, imm, key);
	else if (op->split)
		x64_load_parts(jit, to, imm);
	else
		x64_mov_imm(&jit->buf, to, imm);
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

	if (op->has_imm && moat_is_apart(op)) {
		x64_load_imm(jit, op, X64_TMP, op->imm);
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
