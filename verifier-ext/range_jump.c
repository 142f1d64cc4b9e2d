/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ranges through conditional jumps: what each side of a comparison tells. */
#include "range.h"

/* Each relation as one of these four, on (a, b) or (b, a). */
enum relation { EQUAL, DIFFERENT, LESS, LESS_EQUAL };

static bool equal(struct moat_span *a, struct moat_span *b)
{
	a->umin = b->umin = a->umin > b->umin ? a->umin : b->umin;
	a->umax = b->umax = a->umax < b->umax ? a->umax : b->umax;
	a->smin = b->smin = a->smin > b->smin ? a->smin : b->smin;
	a->smax = b->smax = a->smax < b->smax ? a->smax : b->smax;
	return a->umin <= a->umax && a->smin <= a->smax;
}

/* A constant at the edge of an interval cuts it off. */
static bool different(struct moat_span *a, const struct moat_span *b)
{
	if (b->umin == b->umax) {
		if (a->umin == a->umax && a->umin == b->umin)
			return false;
		a->umin += a->umin == b->umin;
		a->umax -= a->umax == b->umin;
	}
	if (b->smin == b->smax) {
		if (a->smin == a->smax && a->smin == b->smin)
			return false;
		a->smin += a->smin == b->smin;
		a->smax -= a->smax == b->smin;
	}
	return true;
}

/* a < b + @or_equal */
static bool less(struct moat_span *a, struct moat_span *b, bool or_equal, bool is_signed)
{
	if (is_signed) {
		if (or_equal ? a->smin > b->smax : a->smin >= b->smax)
			return false;
		a->smax = a->smax < b->smax - !or_equal ? a->smax : b->smax - !or_equal;
		b->smin = b->smin > a->smin + !or_equal ? b->smin : a->smin + !or_equal;
		return true;
	}
	if (or_equal ? a->umin > b->umax : a->umin >= b->umax)
		return false;
	a->umax = a->umax < b->umax - !or_equal ? a->umax : b->umax - !or_equal;
	b->umin = b->umin > a->umin + !or_equal ? b->umin : a->umin + !or_equal;
	return true;
}

static bool apply(struct moat_span *a, struct moat_span *b, enum relation r, bool is_signed)
{
	if (r == EQUAL)
		return equal(a, b);
	if (r == DIFFERENT)
		return different(a, b) && different(b, a);
	return less(a, b, r == LESS_EQUAL, is_signed);
}

static bool bits_equal(struct moat_range *a, struct moat_range *b, u64 mask)
{
	u64 conflict = (a->bits.value ^ b->bits.value) & ~a->bits.unknown & ~b->bits.unknown & mask;
	u64 value = (a->bits.value | b->bits.value) & mask, unknown = a->bits.unknown & b->bits.unknown & mask;

	if (conflict)
		return false;
	a->bits.value = (a->bits.value & ~mask) | (value & ~unknown);
	b->bits.value = (b->bits.value & ~mask) | (value & ~unknown);
	a->bits.unknown = (a->bits.unknown & ~mask) | unknown;
	b->bits.unknown = (b->bits.unknown & ~mask) | unknown;
	return true;
}

/* All bits of @zero are clear in @r. */
static bool clear(struct moat_range *r, u64 zero)
{
	if (r->bits.value & zero)
		return false;
	r->bits.unknown &= ~zero;
	return true;
}

/* a & b, within @mask, is nonzero, or is zero. */
static bool bit_test(struct moat_range *a, struct moat_range *b, bool nonzero, u64 mask)
{
	u64 can = (a->bits.value | a->bits.unknown) & (b->bits.value | b->bits.unknown) & mask;

	if (!nonzero)
		return clear(a, b->bits.value & mask) && clear(b, a->bits.value & mask);
	if (!can)
		return false;
	if (!(can & (can - 1))) {	/* one bit alone can make it so */
		a->bits.value |= can;
		a->bits.unknown &= ~can;
		b->bits.value |= can;
		b->bits.unknown &= ~can;
	}
	return true;
}

struct row {
	u8 fn;
	u8 taken, fallen;	/* enum relation */
	bool swap, swap_fallen;	/* it is one of (b, a) */
	bool is_signed;
};

static const struct row rows[] = {
	{ BPF_JEQ, EQUAL, DIFFERENT, false, false, false },
	{ BPF_JNE, DIFFERENT, EQUAL, false, false, false },
	{ BPF_JLT, LESS, LESS_EQUAL, false, true, false },
	{ BPF_JLE, LESS_EQUAL, LESS, false, true, false },
	{ BPF_JGT, LESS, LESS_EQUAL, true, false, false },
	{ BPF_JGE, LESS_EQUAL, LESS, true, false, false },
	{ BPF_JSLT, LESS, LESS_EQUAL, false, true, true },
	{ BPF_JSLE, LESS_EQUAL, LESS, false, true, true },
	{ BPF_JSGT, LESS, LESS_EQUAL, true, false, true },
	{ BPF_JSGE, LESS_EQUAL, LESS, true, false, true },
};

static bool compare(struct moat_range *a, struct moat_range *b, const struct row *row, bool wide, bool taken, u32 w)
{
	enum relation r = taken ? row->taken : row->fallen;
	u64 mask = moat_mask(wide ? w : w / 2);
	bool ok;

	if (taken ? row->swap : row->swap_fallen) {
		struct moat_range *other = a;

		a = b;
		b = other;
	}
	if (wide)
		ok = apply(&a->full, &b->full, r, row->is_signed);
	else
		ok = apply(&a->low, &b->low, r, row->is_signed);
	if (ok && r == EQUAL)
		ok = bits_equal(a, b, mask) && (!wide || equal(&a->low, &b->low));
	return ok;
}

bool moat_range_branch(struct moat_range *a, struct moat_range *b, u8 fn, bool wide, bool taken, u32 w)
{
	bool ok = true;
	u32 i;

	if (fn == BPF_JSET)
		ok = bit_test(a, b, taken, moat_mask(wide ? w : w / 2));
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].fn == fn)
			ok = compare(a, b, &rows[i], wide, taken, w);
	return ok && moat_range_sync(a, w) && moat_range_sync(b, w);
}
