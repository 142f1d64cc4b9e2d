/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a register can hold: intervals, unsigned and signed, of the whole word
 * and of its low half, and known bits.
 *
 * The width of a word is an argument of every function, @w bits: analysis says
 * MOAT_WORD, tests say 4 or 6 and go through all there is.  Words are kept in
 * the low @w bits of u64, signed ones sign-extended to s64.  A function's
 * answer holds every result that any of the words it was told of can have;
 * that, and nothing else, is what "sound" means here.
 */
#ifndef MOAT_RANGE_H
#define MOAT_RANGE_H

#include "../jit/env.h"

#define MOAT_WORD	64

/* Bits: where @unknown is 1 the bit can be either, elsewhere it is that of @value (0 where unknown). */
struct moat_known_bits {
	u64 value, unknown;
};

/* Inclusive intervals of the same words, read unsigned and read signed. */
struct moat_span {
	u64 umin, umax;
	s64 smin, smax;
};

struct moat_range {
	struct moat_span full;		/* of @w bits */
	struct moat_span low;		/* of the lower @w / 2 bits */
	struct moat_known_bits bits;
};

static inline u64 moat_mask(u32 n)
{
	return n >= 64 ? ~0ull : (1ull << n) - 1;
}

/* The @n-bit word @v as a signed number. */
static inline s64 moat_signed(u64 v, u32 n)
{
	return (s64)(v << (64 - n)) >> (64 - n);
}

/* Any word of MOAT_WORD bits. */
#define MOAT_ANY_WORD								\
	{ .full = { .umin = 0, .umax = ~0ull, .smin = LLONG_MIN, .smax = LLONG_MAX },	\
	  .low = { .umin = 0, .umax = ~0u, .smin = INT_MIN, .smax = INT_MAX },	\
	  .bits = { .unknown = ~0ull } }

void moat_range_any(struct moat_range *r, u32 w);
void moat_range_const(struct moat_range *r, u64 v, u32 w);
/* Words from @min to @max, read unsigned. */
void moat_range_between(struct moat_range *r, u64 min, u64 max, u32 w);
bool moat_range_is_const(const struct moat_range *r);
bool moat_range_has(const struct moat_range *r, u64 v, u32 w);

static inline u64 moat_span_differs(const struct moat_span *a, const struct moat_span *b)
{
	return (a->umin ^ b->umin) | (a->umax ^ b->umax) | (u64)(a->smin ^ b->smin) | (u64)(a->smax ^ b->smax);
}

/* Most values that are compared are equal: without branches. */
static inline bool moat_range_equal(const struct moat_range *a, const struct moat_range *b)
{
	return !(moat_span_differs(&a->full, &b->full) | moat_span_differs(&a->low, &b->low) |
		 (a->bits.value ^ b->bits.value) | (a->bits.unknown ^ b->bits.unknown));
}

/* Let each part learn from the others.  False: they contradict each other, there is no such word. */
bool moat_range_sync(struct moat_range *r, u32 w);
/* @to becomes what holds of both. */
void moat_range_join(struct moat_range *to, const struct moat_range *from, u32 w);
/* As join, but what grew goes at once to one of a few bounds, so that loops come to an end. */
void moat_range_widen(struct moat_range *to, const struct moat_range *from, u32 w);

/*
 * @to = @a fn @b: BPF_ADD, SUB, MUL, AND, OR, XOR, NEG (of @a), LSH, RSH, ARSH,
 * DIV, MOD (@sx: signed).  Not @wide: on the low halves, and the upper half of
 * the result is zero.  Counts of shifts are taken modulo the width; @a / 0 is 0
 * and @a % 0 is @a.  @to may be @a or @b.
 */
void moat_range_alu(struct moat_range *to, u8 fn, bool wide, bool sx, const struct moat_range *a,
		    const struct moat_range *b, u32 w);
/* The low @from bits of @a, sign-extended; to the half word and zeros above if not @wide. */
void moat_range_sign_extend(struct moat_range *to, const struct moat_range *a, u32 from, bool wide, u32 w);
/* The low @from bits of @a, zeros above; with their units of @unit bits in reverse order if @swap. */
void moat_range_cut(struct moat_range *to, const struct moat_range *a, u32 from, bool swap, u32 unit, u32 w);

/*
 * What is known of @a and @b where the jump BPF_JEQ..., BPF_JSET on them is
 * @taken, or is not.  Not @wide: it compares the low halves.  False: that never happens.
 */
bool moat_range_branch(struct moat_range *a, struct moat_range *b, u8 fn, bool wide, bool taken, u32 w);

/* Between the files of the range algebra (range.c). */
struct moat_span moat_span_any(u32 n);
struct moat_span moat_span_unsigned(u64 min, u64 max, u32 n);
struct moat_span moat_span_signed(s64 min, s64 max, u32 n);

#endif
