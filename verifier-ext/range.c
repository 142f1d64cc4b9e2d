/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ranges as such: make, compare, join, widen, and let their parts agree. */
#include "range.h"

static __always_inline u64 sign_bit(u32 n)
{
	return 1ull << (n - 1);
}

static __always_inline s64 least(u32 n)
{
	return moat_signed(sign_bit(n), n);
}

static __always_inline s64 most(u32 n)
{
	return (s64)(sign_bit(n) - 1);
}

struct moat_span moat_span_any(u32 n)
{
	return (struct moat_span) { .umin = 0, .umax = moat_mask(n), .smin = least(n), .smax = most(n) };
}

struct moat_span moat_span_unsigned(u64 min, u64 max, u32 n)
{
	return (struct moat_span) { .umin = min, .umax = max, .smin = least(n), .smax = most(n) };
}

struct moat_span moat_span_signed(s64 min, s64 max, u32 n)
{
	return (struct moat_span) { .umin = 0, .umax = moat_mask(n), .smin = min, .smax = max };
}

static __always_inline struct moat_span span_const(u64 v, u32 n)
{
	s64 s = moat_signed(v, n);

	return (struct moat_span) { .umin = v & moat_mask(n), .umax = v & moat_mask(n), .smin = s, .smax = s };
}

void moat_range_any(struct moat_range *r, u32 w)
{
	static const struct moat_range any = MOAT_ANY_WORD;

	if (w == MOAT_WORD) {
		*r = any;
		return;
	}
	r->full = moat_span_any(w);
	r->low = moat_span_any(w / 2);
	r->bits = (struct moat_known_bits) { .unknown = moat_mask(w) };
}

static __always_inline void make_const(struct moat_range *r, u64 v, u32 w)
{
	r->full = span_const(v, w);
	r->low = span_const(v, w / 2);
	r->bits = (struct moat_known_bits) { .value = v & moat_mask(w) };
}

/* The width of real programs is worth its own code. */
void moat_range_const(struct moat_range *r, u64 v, u32 w)
{
	if (w == MOAT_WORD)
		make_const(r, v, MOAT_WORD);
	else
		make_const(r, v, w);
}

void moat_range_between(struct moat_range *r, u64 min, u64 max, u32 w)
{
	moat_range_any(r, w);
	r->full.umin = min;
	r->full.umax = max;
	moat_range_sync(r, w);
}

bool moat_range_is_const(const struct moat_range *r)
{
	return !r->bits.unknown;
}

static __always_inline bool span_has(const struct moat_span *s, u64 v, u32 n)
{
	s64 sv = moat_signed(v, n);

	v &= moat_mask(n);
	return v >= s->umin && v <= s->umax && sv >= s->smin && sv <= s->smax;
}

static __always_inline bool has(const struct moat_range *r, u64 v, u32 w)
{
	return span_has(&r->full, v, w) && span_has(&r->low, v, w / 2) &&
	       (v & moat_mask(w) & ~r->bits.unknown) == r->bits.value;
}

bool moat_range_has(const struct moat_range *r, u64 v, u32 w)
{
	return has(r, v, w);
}

/* Agreement ---------------------------------------------------------------- */

static u64 umax_of(u64 a, u64 b)
{
	return a > b ? a : b;
}

static u64 umin_of(u64 a, u64 b)
{
	return a < b ? a : b;
}

static s64 smax_of(s64 a, s64 b)
{
	return a > b ? a : b;
}

static s64 smin_of(s64 a, s64 b)
{
	return a < b ? a : b;
}

/* What known bits say of the interval of the low @n. */
static __always_inline void span_from_bits(struct moat_span *s, struct moat_known_bits b, u32 n)
{
	u64 sign = sign_bit(n), value = b.value & moat_mask(n), unknown = b.unknown & moat_mask(n);

	s->umin = umax_of(s->umin, value);
	s->umax = umin_of(s->umax, value | unknown);
	s->smin = smax_of(s->smin, moat_signed(value | (unknown & sign), n));
	s->smax = smin_of(s->smax, moat_signed(value | (unknown & ~sign), n));
}

/* Signed and unsigned tell each other where all words have one sign. */
static __always_inline void span_signs(struct moat_span *s, u32 n)
{
	if (moat_signed(s->umin, n) <= moat_signed(s->umax, n) && !((s->umin ^ s->umax) & sign_bit(n))) {
		s->smin = smax_of(s->smin, moat_signed(s->umin, n));
		s->smax = smin_of(s->smax, moat_signed(s->umax, n));
	}
	if (s->smin <= s->smax && (s->smin < 0) == (s->smax < 0)) {
		s->umin = umax_of(s->umin, (u64)s->smin & moat_mask(n));
		s->umax = umin_of(s->umax, (u64)s->smax & moat_mask(n));
	}
}

static bool span_empty(const struct moat_span *s)
{
	return s->umin > s->umax || s->smin > s->smax;
}

/* Where the upper half is the same in all words, the halves' intervals are one. */
static __always_inline void halves(struct moat_range *r, u32 w)
{
	u32 h = w / 2;
	u64 high = r->full.umin & ~moat_mask(h);

	if (high == (r->full.umax & ~moat_mask(h))) {
		r->low.umin = umax_of(r->low.umin, r->full.umin & moat_mask(h));
		r->low.umax = umin_of(r->low.umax, r->full.umax & moat_mask(h));
		r->full.umin = umax_of(r->full.umin, high | r->low.umin);
		r->full.umax = umin_of(r->full.umax, high | r->low.umax);
	}
	if (r->full.smin >= least(h) && r->full.smax <= most(h)) {
		r->low.smin = smax_of(r->low.smin, r->full.smin);
		r->low.smax = smin_of(r->low.smax, r->full.smax);
		r->full.smin = smax_of(r->full.smin, r->low.smin);
		r->full.smax = smin_of(r->full.smax, r->low.smax);
	}
}

/* The bits in which the bounds of an interval agree, from the top, are those of all words.  False: known otherwise. */
static __always_inline bool bits_from_span(struct moat_known_bits *b, const struct moat_span *s)
{
	u64 differ = s->umin ^ s->umax, same;

	differ |= differ >> 1;
	differ |= differ >> 2;
	differ |= differ >> 4;
	differ |= differ >> 8;
	differ |= differ >> 16;
	differ |= differ >> 32;
	same = ~differ;
	if ((b->value ^ s->umin) & same & ~b->unknown)
		return false;
	b->value |= s->umin & same & b->unknown;
	b->unknown &= ~same;
	return true;
}

static __always_inline bool low_bits_from_span(struct moat_range *r, u32 h)
{
	struct moat_known_bits b = { r->bits.value & moat_mask(h), r->bits.unknown & moat_mask(h) };

	if (!bits_from_span(&b, &r->low))
		return false;
	r->bits.value = (r->bits.value & ~moat_mask(h)) | b.value;
	r->bits.unknown = (r->bits.unknown & ~moat_mask(h)) | b.unknown;
	return true;
}

static __always_inline bool agree(struct moat_range *r, u32 w)
{
	u32 h = w / 2;

	span_from_bits(&r->full, r->bits, w);
	span_from_bits(&r->low, r->bits, h);
	span_signs(&r->full, w);
	span_signs(&r->low, h);
	if (span_empty(&r->full) || span_empty(&r->low))
		return false;
	halves(r, w);
	span_signs(&r->full, w);
	span_signs(&r->low, h);
	if (span_empty(&r->full) || span_empty(&r->low))
		return false;
	return bits_from_span(&r->bits, &r->full) && low_bits_from_span(r, h);
}

static __always_inline bool sync_width(struct moat_range *r, u32 w)
{
	struct moat_range before = *r;

	if (!r->bits.unknown) {
		make_const(r, before.bits.value, w);
		return has(&before, before.bits.value, w);
	}
	if (!agree(r, w))
		return false;
	/* What a second round finds is rare and still worth it: bits that came from an interval. */
	return moat_range_equal(r, &before) || agree(r, w);
}

bool moat_range_sync(struct moat_range *r, u32 w)
{
	return w == MOAT_WORD ? sync_width(r, MOAT_WORD) : sync_width(r, w);
}

/* Joining ------------------------------------------------------------------ */

static void span_join(struct moat_span *to, const struct moat_span *from)
{
	to->umin = umin_of(to->umin, from->umin);
	to->umax = umax_of(to->umax, from->umax);
	to->smin = smin_of(to->smin, from->smin);
	to->smax = smax_of(to->smax, from->smax);
}

static void bits_join(struct moat_known_bits *to, const struct moat_known_bits *from)
{
	to->unknown |= from->unknown | (to->value ^ from->value);
	to->value &= ~to->unknown;
}

void moat_range_join(struct moat_range *to, const struct moat_range *from, u32 w)
{
	span_join(&to->full, &from->full);
	span_join(&to->low, &from->low);
	bits_join(&to->bits, &from->bits);
}

/* The least bound from a few that is not below @v; @n bits. */
static u64 step_up(u64 v, u32 n)
{
	static const u8 steps[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 31, 32, 48, 63, 64 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i] <= n && v <= moat_mask(steps[i]))
			return moat_mask(steps[i]);
	return moat_mask(n);
}

static void span_widen(struct moat_span *s, const struct moat_span *was, u32 n)
{
	if (s->umin < was->umin)
		s->umin = 0;
	if (s->umax > was->umax)
		s->umax = step_up(s->umax, n);
	if (s->smin < was->smin)
		s->smin = s->smin >= 0 ? 0 : s->smin >= -(s64)moat_mask(n / 2) ? -(s64)moat_mask(n / 2) : least(n);
	if (s->smin < least(n))
		s->smin = least(n);
	if (s->smax > was->smax)
		s->smax = s->smax < 0 ? -1 : smin_of((s64)(step_up(s->smax, n) & (u64)most(n)), most(n));
}

void moat_range_widen(struct moat_range *to, const struct moat_range *from, u32 w)
{
	struct moat_range was = *to;

	moat_range_join(to, from, w);
	span_widen(&to->full, &was.full, w);
	span_widen(&to->low, &was.low, w / 2);
	/* A bit lost is lost for good, so bits need no help; but they hold the bounds back, one at a time. */
	if (to->bits.unknown != was.bits.unknown) {
		to->bits.unknown |= step_up(to->bits.unknown, w);
		to->bits.value &= ~to->bits.unknown;
	}
}
