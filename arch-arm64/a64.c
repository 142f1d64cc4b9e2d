/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The A64 encoders that are more than a row of fields, and short sequences. */
#include "a64.h"

void a64_emit(struct moat_buf *b, u32 word)
{
	if (word == A64_BAD)
		moat_fail(b, -ERANGE);
	moat_put(b, word, 4);
}

void a64_emit_plain(struct moat_buf *b, enum a64_plain op)
{
	a64_emit(b, op);
}

static u64 rotate_right(u64 v, u32 by, u32 width)
{
	return by ? (v >> by | v << (width - by)) & (width == 64 ? ~0ull : (1ull << width) - 1) : v;
}

static bool is_low_ones(u64 v)
{
	return v && !(v & (v + 1));
}

/* Of the @width bits of @v, which are not all ones. */
static u32 leading_ones(u64 v, u32 width)
{
	return __builtin_clzll(~(v << (64 - width)));
}

/*
 * Arm ARM C4.1 (DecodeBitMasks): a bitmask immediate repeats an element of 2,
 * 4, .. 64 bits, which is a run of ones rotated right.
 */
u32 a64_rrl(enum a64_rrl op, enum a64_size sf, enum a64_reg rd, enum a64_reg rn, u64 imm)
{
	u32 width = sf ? 64 : 32, element, rotate, ones;
	u64 v, mask;

	if (!sf)
		imm &= 0xffffffff;
	if (!imm || imm == (sf ? ~0ull : 0xffffffffull))
		return A64_BAD;
	for (element = width; element > 2; element /= 2) {
		mask = (1ull << element / 2) - 1;
		if ((imm & mask) != (imm >> element / 2 & mask))
			break;
	}
	v = element == 64 ? imm : imm & ((1ull << element) - 1);
	/* The run begins above the zeros, or it wraps and begins above the highest zero. */
	rotate = v & 1 ? element - leading_ones(v, element) : (u32)__builtin_ctzll(v);
	v = rotate_right(v, rotate % element, element);
	if (!is_low_ones(v))
		return A64_BAD;
	ones = __builtin_ctzll(~v);
	/* immr rotates right what was found by rotating the other way. */
	return (u32)sf | op | (element == 64 ? 1u << 22 : 0) | ((element - rotate) % element) << 16 |
	       ((element == 64 ? 0 : ~(element * 2 - 1) & 0x3f) | (ones - 1)) << 10 | rn << 5 | rd;
}

u32 a64_mem(enum a64_mem op, enum a64_reg rt, enum a64_reg rn, s64 off)
{
	u32 scale = (u32)op >> 30;

	if (off >= 0 && !(off & ((1 << scale) - 1)) && off >> scale < 4096)
		return (u32)op | (u32)(off >> scale) << 10 | rn << 5 | rt;
	if (fits_signed(off, 9))
		return ((u32)op & ~0x01000000u) | ((u32)off & 0x1ff) << 12 | rn << 5 | rt;
	return A64_BAD;
}

void a64_mov(struct moat_buf *b, enum a64_size sf, enum a64_reg rd, enum a64_reg rn)
{
	a64_emit(b, a64_rrr(A64_ORR, sf, rd, A64_ZR, rn));
}

/* Halves of 16 bits that are neither all zeros nor all ones. */
static void count_halves(u64 v, u32 *zeros, u32 *ones)
{
	u32 i;

	*zeros = *ones = 0;
	for (i = 0; i < 64; i += 16) {
		*zeros += (v >> i & 0xffff) == 0;
		*ones += (v >> i & 0xffff) == 0xffff;
	}
}

void a64_mov_imm(struct moat_buf *b, enum a64_reg rd, s64 imm)
{
	u32 zeros, ones, i, skip, word;
	u64 v = imm;
	bool first = true, narrow = v >> 32 == 0;

	count_halves(v, &zeros, &ones);
	word = zeros < 3 && ones < 3 ? a64_rrl(A64_ORRI, narrow ? A64_W : A64_X, rd, A64_ZR, v) : A64_BAD;
	if (word != A64_BAD) {
		a64_emit(b, word);
		return;
	}
	if (!v) {
		a64_emit(b, a64_ri(A64_MOVZ, A64_W, rd, 0, 0));
		return;
	}
	/* movn of a word register leaves the upper half zero. */
	if (narrow && ((v & 0xffff0000) == 0xffff0000 || ((v & 0xffff) == 0xffff && v >> 16))) {
		i = v >> 16 == 0xffff ? 0 : 16;
		a64_emit(b, a64_ri(A64_MOVN, A64_W, rd, ~v >> i & 0xffff, i));
		return;
	}
	if (v == ~0ull) {
		a64_emit(b, a64_ri(A64_MOVN, A64_X, rd, 0, 0));
		return;
	}
	skip = ones > zeros ? 0xffff : 0;
	for (i = 0; i < 64; i += 16) {
		u32 half = v >> i & 0xffff;

		if (half == skip)
			continue;
		if (!first)
			a64_emit(b, a64_ri(A64_MOVK, i < 32 && narrow ? A64_W : A64_X, rd, half, i));
		else if (skip)
			a64_emit(b, a64_ri(A64_MOVN, A64_X, rd, ~half & 0xffff, i));
		else
			a64_emit(b, a64_ri(A64_MOVZ, i < 32 ? A64_W : A64_X, rd, half, i));
		first = false;
	}
}

void a64_add_const(struct moat_buf *b, enum a64_size sf, enum a64_reg rd, enum a64_reg rn, s64 imm,
		   enum a64_reg tmp)
{
	enum a64_rri op = imm < 0 ? A64_SUBI : A64_ADDI;
	u64 size = imm < 0 ? -(u64)imm : (u64)imm;
	u32 word = a64_rri(op, sf, rd, rn, size);

	if (word != A64_BAD) {
		a64_emit(b, word);
	} else if (size < 1 << 24) {
		a64_emit(b, a64_rri(op, sf, rd, rn, size & 0xfff000));
		a64_emit(b, a64_rri(op, sf, rd, rd, size & 0xfff));
	} else {
		a64_mov_imm(b, tmp, sf ? imm : (s64)(u32)imm);
		a64_emit(b, a64_rrr(A64_ADD, sf, rd, rn, tmp));
	}
}

void a64_cmp_const(struct moat_buf *b, enum a64_size sf, enum a64_reg rn, s64 imm, enum a64_reg tmp)
{
	u64 size = imm < 0 ? -(u64)imm : (u64)imm;
	u32 word = a64_rri(imm < 0 ? A64_ADDSI : A64_SUBSI, sf, A64_ZR, rn, size);

	if (word != A64_BAD) {
		a64_emit(b, word);
		return;
	}
	a64_mov_imm(b, tmp, sf ? imm : (s64)(u32)imm);
	a64_emit(b, a64_rrr(A64_SUBS, sf, A64_ZR, rn, tmp));
}

u32 a64_bcond_forward(struct moat_buf *b, enum a64_cond cond)
{
	a64_emit(b, a64_bcond(cond, 0));
	return b->len - 4;
}

u32 a64_cb_forward(struct moat_buf *b, enum a64_cb op, enum a64_size sf, enum a64_reg rt)
{
	a64_emit(b, a64_cb(op, sf, rt, 0));
	return b->len - 4;
}

u32 a64_b_forward(struct moat_buf *b)
{
	a64_emit(b, a64_branch(A64_B, 0));
	return b->len - 4;
}

static u32 word_at(const struct moat_buf *b, u32 at)
{
	return b->base[at] | b->base[at + 1] << 8 | b->base[at + 2] << 16 | (u32)b->base[at + 3] << 24;
}

void a64_label(struct moat_buf *b, u32 forward)
{
	u32 off = (b->len - forward) >> 2, word;

	if (!b->base || b->err)
		return;
	word = word_at(b, forward);
	if (word >> 26 == A64_B >> 26 || word >> 26 == (u32)A64_BL >> 26)
		word |= off & 0x3ffffff;
	else if (off >= 1 << 18)
		moat_fail(b, -ERANGE);
	else
		word |= off << 5;
	moat_patch(b, forward, word, 4);
}
