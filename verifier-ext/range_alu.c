/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ranges through arithmetic.
 *
 * Each operation has two functions: one for intervals of words of @n bits, one
 * for known bits.  A range's full and low intervals are computed each for
 * itself where the low half of a result depends on low halves only; then the
 * parts tell each other.
 */
#include "range.h"

/* Intervals ---------------------------------------------------------------- */

static bool fits(s64 v, u32 n)
{
	return v == moat_signed((u64)v, n);
}

static bool add_fits(s64 a, s64 b, u32 n, s64 *out)
{
	return !__builtin_add_overflow(a, b, out) && fits(*out, n);
}

static bool sub_fits(s64 a, s64 b, u32 n, s64 *out)
{
	return !__builtin_sub_overflow(a, b, out) && fits(*out, n);
}

/* Unsigned sums carry out of the word at neither end, or at both: then the interval moves as a whole. */
static struct moat_span span_add(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	struct moat_span s = moat_span_any(n);
	u64 mask = moat_mask(n), lo = (a->umin + b->umin) & mask, hi = (a->umax + b->umax) & mask;
	s64 smin, smax;

	if ((lo < a->umin) == (hi < a->umax)) {
		s.umin = lo;
		s.umax = hi;
	}
	if (add_fits(a->smin, b->smin, n, &smin) && add_fits(a->smax, b->smax, n, &smax)) {
		s.smin = smin;
		s.smax = smax;
	}
	return s;
}

static struct moat_span span_sub(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	struct moat_span s = moat_span_any(n);
	s64 smin, smax;

	if (a->umin >= b->umax) {
		s.umin = a->umin - b->umax;
		s.umax = a->umax - b->umin;
	}
	if (sub_fits(a->smin, b->smax, n, &smin) && sub_fits(a->smax, b->smin, n, &smax)) {
		s.smin = smin;
		s.smax = smax;
	}
	return s;
}

static struct moat_span span_mul(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	struct moat_span s = moat_span_any(n);
	s64 x[4], min, max;
	u64 umax;
	u32 i;

	if (!__builtin_mul_overflow(a->umax, b->umax, &umax) && umax <= moat_mask(n)) {
		s.umin = a->umin * b->umin;
		s.umax = umax;
	}
	if (__builtin_mul_overflow(a->smin, b->smin, &x[0]) || __builtin_mul_overflow(a->smin, b->smax, &x[1]) ||
	    __builtin_mul_overflow(a->smax, b->smin, &x[2]) || __builtin_mul_overflow(a->smax, b->smax, &x[3]))
		return s;
	for (min = max = x[0], i = 1; i < 4; i++) {
		min = x[i] < min ? x[i] : min;
		max = x[i] > max ? x[i] : max;
	}
	if (fits(min, n) && fits(max, n)) {
		s.smin = min;
		s.smax = max;
	}
	return s;
}

/* The sign and the lower bound come from known bits. */
static struct moat_span span_and(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	return moat_span_unsigned(0, a->umax < b->umax ? a->umax : b->umax, n);
}

static struct moat_span span_or(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	return moat_span_unsigned(a->umin > b->umin ? a->umin : b->umin, moat_mask(n), n);
}

/* Counts of a shift, modulo the width. */
static void counts(const struct moat_span *b, u32 n, u32 *least, u32 *most)
{
	bool all = b->umax >= n;

	*least = all ? 0 : b->umin;
	*most = all ? n - 1 : b->umax;
	if (all && b->umin == b->umax && !(n & (n - 1)))
		*least = *most = b->umin & (n - 1);
}

static struct moat_span span_lsh(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	u32 least, most;

	counts(b, n, &least, &most);
	if (a->umax > moat_mask(n) >> most)
		return moat_span_any(n);
	return moat_span_unsigned(a->umin << least, a->umax << most, n);
}

static struct moat_span span_rsh(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	u32 least, most;

	counts(b, n, &least, &most);
	return moat_span_unsigned(a->umin >> most, a->umax >> least, n);
}

static struct moat_span span_arsh(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	u32 least, most;

	counts(b, n, &least, &most);
	return moat_span_signed(a->smin >> (a->smin < 0 ? least : most), a->smax >> (a->smax < 0 ? most : least), n);
}

/* x / 0 is 0. */
static struct moat_span span_div(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	if (!b->umin)
		return moat_span_unsigned(0, a->umax, n);
	return moat_span_unsigned(a->umin / b->umax, a->umax / b->umin, n);
}

/* x % 0 is x. */
static struct moat_span span_mod(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	if (!b->umin)
		return moat_span_unsigned(0, a->umax, n);
	if (b->umin == b->umax && a->umin / b->umin == a->umax / b->umin)
		return moat_span_unsigned(a->umin % b->umin, a->umax % b->umin, n);
	if (a->umax < b->umin)
		return moat_span_unsigned(a->umin, a->umax, n);
	return moat_span_unsigned(0, a->umax < b->umax - 1 ? a->umax : b->umax - 1, n);
}

/* The largest magnitude in [@min, @max]; false: it has no negative of its own. */
static bool magnitude(s64 min, s64 max, u32 n, s64 *m)
{
	if (min == moat_signed(1ull << (n - 1), n))
		return false;
	*m = min < 0 && -min > max ? -min : max;
	return true;
}

/* Truncating; the one quotient that does not fit wraps to itself, and x / 0 is 0. */
static struct moat_span span_sdiv(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	s64 m, d = b->smin;

	if (b->smin == b->smax && d > 0)
		return moat_span_signed(a->smin / d, a->smax / d, n);
	if (!magnitude(a->smin, a->smax, n, &m))
		return moat_span_any(n);
	if (b->smin == b->smax && d < 0)
		return moat_span_signed(a->smax / d, a->smin / d, n);
	return moat_span_signed(-m, m, n);
}

/* The sign is that of @a; the magnitude is at most @a's, and less than @b's unless that is 0. */
static struct moat_span span_smod(const struct moat_span *a, const struct moat_span *b, u32 n)
{
	s64 min = a->smin < 0 ? a->smin : 0, max = a->smax > 0 ? a->smax : 0, m;

	if ((b->smin > 0 || b->smax < 0) && magnitude(b->smin, b->smax, n, &m)) {
		min = min < 1 - m ? 1 - m : min;
		max = max > m - 1 ? m - 1 : max;
	}
	return moat_span_signed(min, max, n);
}

static struct moat_span span_op(u8 fn, bool sx, const struct moat_span *a, const struct moat_span *b, u32 n)
{
	static const struct moat_span zero;

	switch (fn) {
	case BPF_ADD:
		return span_add(a, b, n);
	case BPF_SUB:
		return span_sub(a, b, n);
	case BPF_NEG:
		return span_sub(&zero, a, n);
	case BPF_MUL:
		return span_mul(a, b, n);
	case BPF_AND:
		return span_and(a, b, n);
	case BPF_OR:
		return span_or(a, b, n);
	case BPF_LSH:
		return span_lsh(a, b, n);
	case BPF_RSH:
		return span_rsh(a, b, n);
	case BPF_ARSH:
		return span_arsh(a, b, n);
	case BPF_DIV:
		return sx ? span_sdiv(a, b, n) : span_div(a, b, n);
	case BPF_MOD:
		return sx ? span_smod(a, b, n) : span_mod(a, b, n);
	default:
		return moat_span_any(n);
	}
}

/* Known bits --------------------------------------------------------------- */

typedef struct moat_known_bits kb;

static kb bits_any(u32 n)
{
	return (kb) { .unknown = moat_mask(n) };
}

static kb bits_make(u64 value, u64 unknown, u32 n)
{
	unknown &= moat_mask(n);
	return (kb) { .value = value & moat_mask(n) & ~unknown, .unknown = unknown };
}

/* A carry can only differ where the sums of the least and of the greatest words do, or an operand does. */
static kb bits_add(kb a, kb b, u32 n)
{
	u64 least = a.value + b.value, most = least + a.unknown + b.unknown;

	return bits_make(least, (most ^ least) | a.unknown | b.unknown, n);
}

static kb bits_sub(kb a, kb b, u32 n)
{
	u64 d = a.value - b.value, most = d + a.unknown, least = d - b.unknown;

	return bits_make(d, (most ^ least) | a.unknown | b.unknown, n);
}

static kb bits_and(kb a, kb b, u32 n)
{
	u64 can_a = a.value | a.unknown, can_b = b.value | b.unknown, both = a.value & b.value;

	return bits_make(both, can_a & can_b & ~both, n);
}

static kb bits_or(kb a, kb b, u32 n)
{
	u64 one = a.value | b.value;

	return bits_make(one, (a.unknown | b.unknown) & ~one, n);
}

static kb bits_xor(kb a, kb b, u32 n)
{
	return bits_make(a.value ^ b.value, a.unknown | b.unknown, n);
}

/* Zeros at the low end add up; two constants have a product. */
static kb bits_mul(kb a, kb b, u32 n)
{
	u64 x = a.value | a.unknown, y = b.value | b.unknown;
	u32 zeros;

	if (!a.unknown && !b.unknown)
		return bits_make(a.value * b.value, 0, n);
	if (!x || !y)
		return (kb) { 0 };
	zeros = __builtin_ctzll(x) + __builtin_ctzll(y);
	return bits_make(0, zeros < 64 ? ~moat_mask(zeros) : 0, n);
}

static kb bits_shift(u8 fn, kb a, u32 count, u32 n)
{
	if (fn == BPF_LSH)
		return bits_make(a.value << count, a.unknown << count, n);
	if (fn == BPF_RSH)
		return bits_make(a.value >> count, a.unknown >> count, n);
	return bits_make(moat_signed(a.value, n) >> count, moat_signed(a.unknown, n) >> count, n);
}

static kb bits_op(u8 fn, kb a, kb b, u32 n)
{
	bool power_of_2 = !(n & (n - 1));

	switch (fn) {
	case BPF_ADD:
		return bits_add(a, b, n);
	case BPF_SUB:
		return bits_sub(a, b, n);
	case BPF_NEG:
		return bits_sub((kb) { 0 }, a, n);
	case BPF_MUL:
		return bits_mul(a, b, n);
	case BPF_AND:
		return bits_and(a, b, n);
	case BPF_OR:
		return bits_or(a, b, n);
	case BPF_XOR:
		return bits_xor(a, b, n);
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		if (!b.unknown && (b.value < n || power_of_2))
			return bits_shift(fn, a, b.value & (power_of_2 ? n - 1 : ~0u), n);
		return bits_any(n);
	default:
		return bits_any(n);
	}
}

/* Both --------------------------------------------------------------------- */

static kb low_bits(kb b, u32 h)
{
	return (kb) { b.value & moat_mask(h), b.unknown & moat_mask(h) };
}

static bool is_any(const struct moat_range *r, u32 w)
{
	struct moat_range any;

	if (r->bits.unknown != moat_mask(w))
		return false;
	moat_range_any(&any, w);
	return moat_range_equal(r, &any);
}

/* @low is all there is: zeros above. */
static void zero_extend(struct moat_range *to, struct moat_span low, kb bits, u32 w)
{
	to->low = low;
	to->full = moat_span_unsigned(low.umin, low.umax, w);
	to->bits = bits;
	moat_range_sync(to, w);
}

static bool low_from_low(u8 fn)
{
	return fn == BPF_ADD || fn == BPF_SUB || fn == BPF_NEG || fn == BPF_MUL || fn == BPF_AND || fn == BPF_OR ||
	       fn == BPF_XOR;
}

/* Two that are frequent: one result, or as many as there are words. */
static bool is_simple(struct moat_range *to, u8 fn, bool wide, kb bits, const struct moat_range *a,
		      const struct moat_range *b, u32 w)
{
	if (!bits.unknown) {
		moat_range_const(to, bits.value, w);
		return true;
	}
	if (!wide || (fn != BPF_ADD && fn != BPF_SUB && fn != BPF_XOR) || (!is_any(a, w) && !is_any(b, w)))
		return false;
	moat_range_any(to, w);
	return true;
}

void moat_range_alu(struct moat_range *to, u8 fn, bool wide, bool sx, const struct moat_range *a,
		    const struct moat_range *b, u32 w)
{
	u32 h = w / 2, n = wide ? w : h;
	struct moat_span low;
	kb bits = bits_op(fn, low_bits(a->bits, n), low_bits(b->bits, n), n);

	if (is_simple(to, fn, wide, bits, a, b, w))
		return;
	if (!wide) {
		zero_extend(to, span_op(fn, sx, &a->low, &b->low, h), bits, w);
		return;
	}
	low = low_from_low(fn) ? span_op(fn, sx, &a->low, &b->low, h) : moat_span_any(h);
	to->full = span_op(fn, sx, &a->full, &b->full, w);
	to->low = low;
	to->bits = bits;
	moat_range_sync(to, w);
}

void moat_range_sign_extend(struct moat_range *to, const struct moat_range *a, u32 from, bool wide, u32 w)
{
	u32 n = wide ? w : w / 2;
	s64 min = moat_signed(1ull << (from - 1), from), max = (s64)moat_mask(from - 1);
	const struct moat_span *s = from <= w / 2 ? &a->low : &a->full;
	struct moat_span span;
	kb bits;

	/* Words that are their own extension stay what they are. */
	if (s->smin >= min && s->smax <= max) {
		min = s->smin;
		max = s->smax;
	}
	span = moat_span_signed(min, max, n);
	bits = bits_make(moat_signed(a->bits.value & moat_mask(from), from),
			 moat_signed(a->bits.unknown & moat_mask(from), from), n);
	if (!wide) {
		zero_extend(to, span, bits, w);
		return;
	}
	to->full = span;
	to->low = moat_span_any(w / 2);
	to->bits = bits;
	moat_range_sync(to, w);
}

static u64 reverse(u64 v, u32 bits, u32 unit)
{
	u64 out = 0;
	u32 i;

	for (i = 0; i < bits; i += unit)
		out = out << unit | (v >> i & moat_mask(unit));
	return out;
}

void moat_range_cut(struct moat_range *to, const struct moat_range *a, u32 from, bool swap, u32 unit, u32 w)
{
	const struct moat_span *s = from <= w / 2 ? &a->low : &a->full;
	kb bits = bits_make(a->bits.value, a->bits.unknown, from);
	u64 min = 0, max = moat_mask(from);

	if (swap) {
		bits.value = reverse(bits.value, from, unit);
		bits.unknown = reverse(bits.unknown, from, unit);
	} else if (s->umax <= max) {
		min = s->umin;
		max = s->umax;
	}
	to->full = moat_span_unsigned(min, max, w);
	to->low = moat_span_any(w / 2);
	to->bits = bits;
	moat_range_sync(to, w);
}
