/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arithmetic, shifts, division, moves and byte swaps (RFC 9669 section 4). */
#include "regs.h"

/* The immediate as the operation's width sees it. */
static s64 imm_of(const struct moat_op *op)
{
	return op->is64 ? op->imm : (s64)(u32)op->imm;
}

void a64_load_imm(struct moat *jit, const struct moat_op *op, enum a64_reg to, s64 imm)
{
	u64 key = op->blinded ? moat_blind_key(jit, op) : 0;

	if (fits_signed(imm, 32) || fits_unsigned(imm, 32))
		key = (u32)key;
	a64_mov_imm(&jit->buf, to, imm ^ key);
	if (!key)
		return;
	a64_mov_imm(&jit->buf, A64_KEY, key);
	a64_emit(&jit->buf, a64_rrr(A64_EOR, A64_X, to, to, A64_KEY));
}

/* The second operand in a register. */
static enum a64_reg operand(struct moat *jit, const struct moat_op *op)
{
	if (!op->has_imm)
		return a64_value(jit, op->src, A64_TMP);

	a64_load_imm(jit, op, A64_TMP, imm_of(op));
	return A64_TMP;
}

static enum a64_rrr alu_word(u8 fn)
{
	static const enum a64_rrr word[16] = {
		[BPF_ADD >> 4] = A64_ADD, [BPF_SUB >> 4] = A64_SUB, [BPF_AND >> 4] = A64_AND,
		[BPF_OR >> 4] = A64_ORR, [BPF_XOR >> 4] = A64_EOR,
	};

	return word[fn >> 4];
}

/* As one instruction with the immediate inside, if it fits. */
static bool alu_imm(struct moat *jit, const struct moat_op *op)
{
	static const enum a64_rrl logical[16] = {
		[BPF_AND >> 4] = A64_ANDI, [BPF_OR >> 4] = A64_ORRI, [BPF_XOR >> 4] = A64_EORI,
	};
	enum a64_size sf = a64_width(op);
	enum a64_reg dst = a64_reg(op->dst);
	u32 word;

	if (op->fn == BPF_ADD || op->fn == BPF_SUB) {
		a64_add_const(&jit->buf, sf, dst, dst, op->fn == BPF_ADD ? op->imm : -op->imm, A64_TMP);
		return true;
	}
	if (op->fn == BPF_MUL && (op->imm <= 0 || !is_one_bit(op->imm)))
		return false;
	if (op->fn == BPF_MUL) {
		a64_emit(&jit->buf, a64_lsl(sf, dst, dst, bit_number(op->imm)));
		return true;
	}
	if (op->fn == BPF_XOR && op->imm == -1) {
		a64_emit(&jit->buf, a64_rrr(A64_ORN, sf, dst, A64_ZR, dst));
		return true;
	}
	word = a64_rrl(logical[op->fn >> 4], sf, dst, dst, imm_of(op));
	if (word == A64_BAD)
		return false;
	a64_emit(&jit->buf, word);
	return true;
}

void a64_emit_alu(struct moat *jit, const struct moat_op *op)
{
	enum a64_size sf = a64_width(op);
	enum a64_reg dst = a64_reg(op->dst);

	if (op->fn == BPF_NEG)
		a64_emit(&jit->buf, a64_rrr(A64_SUB, sf, dst, A64_ZR, dst));
	else if (op->has_imm && !op->blinded && alu_imm(jit, op))
		return;
	else if (op->fn == BPF_MUL)
		a64_emit(&jit->buf, a64_rrrr(A64_MADD, sf, dst, dst, operand(jit, op), A64_ZR));
	else
		a64_emit(&jit->buf, a64_rrr(alu_word(op->fn), sf, dst, dst, operand(jit, op)));
}

void a64_emit_shift(struct moat *jit, const struct moat_op *op)
{
	enum a64_size sf = a64_width(op);
	enum a64_reg dst = a64_reg(op->dst);

	if (op->has_imm && !op->imm && op->is64)
		return;
	if (!op->has_imm)
		a64_emit(&jit->buf, a64_rrr(op->fn == BPF_LSH ? A64_LSLV : op->fn == BPF_RSH ? A64_LSRV : A64_ASRV,
					    sf, dst, dst, a64_value(jit, op->src, A64_TMP)));
	else if (op->fn == BPF_LSH)
		a64_emit(&jit->buf, a64_lsl(sf, dst, dst, op->imm));
	else if (op->fn == BPF_RSH)
		a64_emit(&jit->buf, a64_lsr(sf, dst, dst, op->imm));
	else
		a64_emit(&jit->buf, a64_asr(sf, dst, dst, op->imm));
}

/* A division by a constant that does not divide: 0, 1, -1, and powers of two without a sign. */
static bool div_constant(struct moat *jit, const struct moat_op *op)
{
	bool keep = op->fn == BPF_MOD, minus = op->sx && op->imm == -1;
	enum a64_size sf = a64_width(op);
	enum a64_reg dst = a64_reg(op->dst);
	u64 by = imm_of(op);

	if (!op->has_imm || (op->blinded && by) || (by && !minus && by != 1 && (op->sx || !is_one_bit(by))))
		return false;
	if (keep ? minus || by == 1 : !by)
		a64_mov(&jit->buf, sf, dst, A64_ZR);
	else if (by <= 1 && sf == A64_W)	/* x / 1 and x mod 0 are x */
		a64_mov(&jit->buf, sf, dst, dst);
	else if (by <= 1)
		return true;
	else if (minus)
		a64_emit(&jit->buf, a64_rrr(A64_SUB, sf, dst, A64_ZR, dst));
	else if (keep)
		a64_emit(&jit->buf, a64_rrl(A64_ANDI, sf, dst, dst, by - 1));
	else
		a64_emit(&jit->buf, a64_lsr(sf, dst, dst, bit_number(by)));
	return true;
}

/*
 * The instruction defines what x86 traps on: x / 0 is 0, and the least number
 * by -1 is itself; so x mod y is x - x / y * y in every case BPF asks for.
 */
void a64_emit_div(struct moat *jit, const struct moat_op *op)
{
	enum a64_rrr div = op->sx ? A64_SDIV : A64_UDIV;
	enum a64_reg dst = a64_reg(op->dst), src;
	enum a64_size sf = a64_width(op);

	if (div_constant(jit, op))
		return;
	src = operand(jit, op);

	if (op->fn == BPF_DIV) {
		a64_emit(&jit->buf, a64_rrr(div, sf, dst, dst, src));
	} else {
		a64_emit(&jit->buf, a64_rrr(div, sf, A64_TMP2, dst, src));
		a64_emit(&jit->buf, a64_rrrr(A64_MSUB, sf, dst, A64_TMP2, src, dst));
	}
}

/* dst = R10 + imm, in the kernel, where SP tells it. */
static void move_r10(struct moat *jit, enum a64_size sf, enum a64_reg dst, s64 imm)
{
	s64 off = a64_kernel_frame(jit, 0).off;
	bool near = imm > -4096 && imm + off < 4096;

	a64_add_const(&jit->buf, sf, dst, A64_SP, near ? off + imm : off, dst);
	if (!near)
		a64_add_const(&jit->buf, sf, dst, dst, imm, A64_TMP);
}

void a64_emit_mov(struct moat *jit, const struct moat_op *op)
{
	enum a64_reg dst = a64_reg(op->dst);
	enum a64_size sf = a64_width(op);

	if (op->has_imm) {
		a64_load_imm(jit, op, dst, imm_of(op));
	} else if (op->bytes) {
		a64_emit(&jit->buf, a64_bits(A64_SBFM, sf, dst, a64_value(jit, op->src, A64_TMP), 0, 8 * op->bytes - 1));
	} else {
		if (op->src == BPF_REG_10 && jit->basereg)
			sf = A64_W;
		if (op->src == BPF_REG_10 && moat_kernel_form(jit->opt))
			move_r10(jit, sf, dst, 0);
		else if (sf == A64_W || op->dst != op->src)
			a64_mov(&jit->buf, sf, dst, a64_reg(op->src));
	}
}

void a64_emit_imm64(struct moat *jit, const struct moat_op *op)
{
	if (op->asked)
		a64_kernel_imm64(jit, op);
	else
		a64_load_imm(jit, op, a64_reg(op->dst), op->imm);
}

void a64_emit_swap(struct moat *jit, const struct moat_op *op)
{
	enum a64_reg dst = a64_reg(op->dst);
	struct moat_buf *b = &jit->buf;

	if (op->fn != SWAP_LE)
		a64_emit(b, op->bytes == 8 ? a64_rr(A64_REV_X, A64_X, dst, dst) :
			 a64_rr(op->bytes == 4 ? A64_REV_W : A64_REV16, A64_W, dst, dst));
	if (op->bytes == 2)
		a64_emit(b, a64_bits(A64_UBFM, A64_W, dst, dst, 0, 15));
	else if (op->bytes == 4 && op->fn == SWAP_LE)
		a64_mov(b, A64_W, dst, dst);
}

void a64_emit_lea(struct moat *jit, const struct moat_op *op)
{
	enum a64_size sf = op->src == BPF_REG_10 && jit->basereg ? A64_W : a64_width(op);
	enum a64_reg dst = a64_reg(op->dst), src = a64_reg(op->src);

	if (op->has_imm && op->src == BPF_REG_10 && moat_kernel_form(jit->opt))
		move_r10(jit, sf, dst, op->imm);
	else if (op->has_imm && !op->blinded)
		a64_add_const(&jit->buf, sf, dst, src, op->imm, A64_TMP);
	else if (op->has_imm)
		a64_emit(&jit->buf, a64_rrr(A64_ADD, sf, dst, src, operand(jit, op)));
	else
		a64_emit(&jit->buf, a64_rrr(A64_ADD, sf, dst, src, a64_reg(op->off)));
}

void a64_emit_rotate(struct moat *jit, const struct moat_op *op)
{
	u32 bits = op->is64 ? 64 : 32;

	a64_emit(&jit->buf, a64_ror(a64_width(op), a64_reg(op->dst), a64_reg(op->src), bits - op->imm));
}

void a64_emit_nop(struct moat *jit, const struct moat_op *op)
{
}
