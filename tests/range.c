/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The range algebra is sound: every transfer function, on words of 4 bits for
 * all pairs of basic ranges and all words in them, on words of 6, 8 and 64
 * bits for random ones.  The functions take the width as an argument, so it is
 * the code that analysis runs that is tested.
 */
#include "../verifier-ext/range.h"
#include "check.h"
#include "gen.h"

#define MAX_SET	40000

struct set {
	struct moat_range r[MAX_SET];
	u32 nr;
};

static struct set basic, all;

struct operation {
	const char *name;
	u8 fn;
	bool sx;
};

static const struct operation operations[] = {
	{ "add", BPF_ADD, false }, { "sub", BPF_SUB, false }, { "mul", BPF_MUL, false }, { "and", BPF_AND, false },
	{ "or", BPF_OR, false }, { "xor", BPF_XOR, false }, { "neg", BPF_NEG, false }, { "lsh", BPF_LSH, false },
	{ "rsh", BPF_RSH, false }, { "arsh", BPF_ARSH, false }, { "div", BPF_DIV, false }, { "mod", BPF_MOD, false },
	{ "sdiv", BPF_DIV, true }, { "smod", BPF_MOD, true },
};

static const struct operation jumps[] = {
	{ "jeq", BPF_JEQ, false }, { "jne", BPF_JNE, false }, { "jset", BPF_JSET, false }, { "jlt", BPF_JLT, false },
	{ "jle", BPF_JLE, false }, { "jgt", BPF_JGT, false }, { "jge", BPF_JGE, false }, { "jslt", BPF_JSLT, true },
	{ "jsle", BPF_JSLE, true }, { "jsgt", BPF_JSGT, true }, { "jsge", BPF_JSGE, true },
};

/* What the operations mean, on words of @n bits ------------------------------- */

static u64 divide(u64 a, u64 b, bool modulo, bool sx, u32 n)
{
	s64 x = moat_signed(a, n), y = moat_signed(b, n);

	if (!b)
		return modulo ? a : 0;
	if (!sx)
		return modulo ? a % b : a / b;
	if (y == -1)
		return modulo ? 0 : 0 - (u64)x;
	return modulo ? x % y : x / y;
}

static u64 concrete(const struct operation *o, u64 a, u64 b, u32 n)
{
	u32 count;

	a &= moat_mask(n);
	b &= moat_mask(n);
	count = b % n;
	switch (o->fn) {
	case BPF_ADD: return (a + b) & moat_mask(n);
	case BPF_SUB: return (a - b) & moat_mask(n);
	case BPF_MUL: return (a * b) & moat_mask(n);
	case BPF_AND: return a & b;
	case BPF_OR: return a | b;
	case BPF_XOR: return a ^ b;
	case BPF_NEG: return (0 - a) & moat_mask(n);
	case BPF_LSH: return a << count & moat_mask(n);
	case BPF_RSH: return a >> count;
	case BPF_ARSH: return (u64)(moat_signed(a, n) >> count) & moat_mask(n);
	default: return divide(a, b, o->fn == BPF_MOD, o->sx, n) & moat_mask(n);
	}
}

static bool holds(u8 fn, u64 a, u64 b, u32 n)
{
	s64 x = moat_signed(a, n), y = moat_signed(b, n);

	a &= moat_mask(n);
	b &= moat_mask(n);
	switch (fn) {
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JSET: return a & b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JSLT: return x < y;
	case BPF_JSLE: return x <= y;
	case BPF_JSGT: return x > y;
	default: return x >= y;
	}
}

/* Sets of ranges ------------------------------------------------------------- */

static void put(struct set *s, const struct moat_range *r)
{
	u32 i;

	for (i = s->nr; i-- > 0 && i + 3000 > s->nr;)
		if (moat_range_equal(&s->r[i], r))
			return;
	if (s->nr < MAX_SET)
		s->r[s->nr++] = *r;
}

static void put_span(struct set *s, u64 a, u64 b, bool sx, bool low, u32 w)
{
	u32 n = low ? w / 2 : w;
	struct moat_range r;
	struct moat_span span = sx ? moat_span_signed(moat_signed(a, n), moat_signed(b, n), n) : moat_span_unsigned(a, b, n);

	moat_range_any(&r, w);
	*(low ? &r.low : &r.full) = span;
	if (span.smin <= span.smax && span.umin <= span.umax && moat_range_sync(&r, w))
		put(s, &r);
}

/* Every interval of each of the four kinds, and every set of known bits. */
static void make_basic(u32 w)
{
	struct moat_range r;
	u64 a, b;
	u32 kind;

	basic.nr = 0;
	for (kind = 0; kind < 4; kind++)
		for (a = 0; a <= moat_mask(kind & 2 ? w / 2 : w); a++)
			for (b = 0; b <= moat_mask(kind & 2 ? w / 2 : w); b++)
				put_span(&basic, a, b, kind & 1, kind & 2, w);
	for (a = 0; a <= moat_mask(w); a++) {
		for (b = 0; b <= moat_mask(w); b++) {
			if (a & b)
				continue;
			moat_range_any(&r, w);
			r.bits = (struct moat_known_bits) { .value = a, .unknown = b };
			if (CHECK(moat_range_sync(&r, w), "known bits alone are no contradiction"))
				put(&basic, &r);
		}
	}
}

/* What two ranges say together.  False: nothing. */
static bool meet(struct moat_range *to, const struct moat_range *a, const struct moat_range *b, u32 w)
{
	struct moat_range x = *a, y = *b;

	if (!moat_range_branch(&x, &y, BPF_JEQ, true, true, w))
		return false;
	*to = x;
	return true;
}

/* The meets of pairs, every @step'th of them. */
static void make_all(u32 step, u32 w)
{
	struct moat_range r;
	u32 i, k, n = 0;

	all.nr = 0;
	for (i = 0; i < basic.nr; i++)
		for (k = i; k < basic.nr; k++)
			if (n++ % step == 0 && meet(&r, &basic.r[i], &basic.r[k], w))
				put(&all, &r);
}

/* Checks ---------------------------------------------------------------------- */

static bool report(const char *what, const char *name, bool wide, u64 x, u64 y, u32 w)
{
	return CHECK(false, "%s %s%s, %u bits: of %llx and %llx", what, name, wide ? "" : "32", w,
		     (unsigned long long)x, (unsigned long long)y);
}

static u64 words[2][256];
static u32 nr_words[2];

static void list_words(u32 which, const struct moat_range *r, u32 w)
{
	u64 v;

	nr_words[which] = 0;
	for (v = 0; v <= moat_mask(w); v++)
		if (moat_range_has(r, v, w))
			words[which][nr_words[which]++] = v;
}

static bool alu_sound(const struct operation *o, bool wide, const struct moat_range *a, const struct moat_range *b, u32 w)
{
	struct moat_range r;
	u32 i, k;

	moat_range_alu(&r, o->fn, wide, o->sx, a, b, w);
	for (i = 0; i < nr_words[0]; i++)
		for (k = 0; k < nr_words[1]; k++)
			if (!moat_range_has(&r, concrete(o, words[0][i], words[1][k], wide ? w : w / 2), w))
				return report("result missed:", o->name, wide, words[0][i], words[1][k], w);
	return true;
}

static bool jump_sound(const struct operation *o, bool wide, bool taken, const struct moat_range *a,
		       const struct moat_range *b, u32 w)
{
	struct moat_range x = *a, y = *b;
	bool can = moat_range_branch(&x, &y, o->fn, wide, taken, w);
	u32 i, k;

	for (i = 0; i < nr_words[0]; i++) {
		for (k = 0; k < nr_words[1]; k++) {
			if (holds(o->fn, words[0][i], words[1][k], wide ? w : w / 2) != taken)
				continue;
			if (!can || !moat_range_has(&x, words[0][i], w) || !moat_range_has(&y, words[1][k], w))
				return report(taken ? "taken:" : "not taken:", o->name, wide, words[0][i], words[1][k], w);
		}
	}
	return true;
}

static bool union_sound(const struct moat_range *a, const struct moat_range *b, u32 w)
{
	struct moat_range join = *a, widened = *a;
	u32 which, i;

	moat_range_join(&join, b, w);
	moat_range_widen(&widened, b, w);
	for (which = 0; which < 2; which++)
		for (i = 0; i < nr_words[which]; i++)
			if (!moat_range_has(&join, words[which][i], w) || !moat_range_has(&widened, words[which][i], w))
				return report("join:", "", true, words[which][i], which, w);
	return true;
}

static bool pair_sound(const struct moat_range *a, const struct moat_range *b, u32 w)
{
	bool ok = true;
	u32 i, form;

	list_words(0, a, w);
	list_words(1, b, w);
	for (i = 0; i < ARRAY_SIZE(operations); i++)
		for (form = 0; form < 2; form++)
			ok &= alu_sound(&operations[i], form, a, b, w);
	for (i = 0; i < ARRAY_SIZE(jumps); i++)
		for (form = 0; form < 4; form++)
			ok &= jump_sound(&jumps[i], form & 1, form & 2, a, b, w);
	return ok && union_sound(a, b, w);
}

static u64 reversed(u64 v, u32 bits, u32 unit)
{
	u64 out = 0;
	u32 i;

	for (i = 0; i < bits / unit; i++)
		out |= (v >> i * unit & moat_mask(unit)) << (bits - (i + 1) * unit);
	return out;
}

/* Of one range: extension, cutting, swapping. */
static bool unary_sound(const struct moat_range *a, u32 w)
{
	struct moat_range extended, half, cut, swapped;
	u32 from, i, unit = w >= 8 ? w / 8 : 1;

	list_words(0, a, w);
	for (from = unit; from <= w; from++) {
		moat_range_sign_extend(&extended, a, from, true, w);
		if (from <= w / 2)
			moat_range_sign_extend(&half, a, from, false, w);
		moat_range_cut(&cut, a, from, false, unit, w);
		if (from % unit == 0)
			moat_range_cut(&swapped, a, from, true, unit, w);
		for (i = 0; i < nr_words[0]; i++) {
			u64 v = words[0][i], s = (u64)moat_signed(v, from);

			if (!moat_range_has(&extended, s & moat_mask(w), w) ||
			    (from <= w / 2 && !moat_range_has(&half, s & moat_mask(w / 2), w)))
				return report("sign-extended:", "", true, v, from, w);
			if (!moat_range_has(&cut, v & moat_mask(from), w) ||
			    (from % unit == 0 && !moat_range_has(&swapped, reversed(v, from, unit), w)))
				return report("cut:", "", true, v, from, w);
		}
	}
	return true;
}

static u64 rng = 1;

static u32 below(u32 n)
{
	return gen_random(&rng) % n;
}

/* 4 bits: all pairs of basic ranges; every range with every constant; then pairs of anything. */
static void exhaustive(void)
{
	const u32 w = 4;
	struct moat_range c;
	u32 i, k, bad = 0;

	make_basic(w);
	make_all(1, w);
	for (i = 0; i < basic.nr && bad < 5; i++)
		for (k = 0; k < basic.nr; k++)
			bad += !pair_sound(&basic.r[i], &basic.r[k], w);
	for (i = 0; i < all.nr && bad < 5; i++) {
		bad += !unary_sound(&all.r[i], w);
		for (k = 0; k < 32; k++) {
			moat_range_const(&c, k / 2, w);
			bad += !pair_sound(k & 1 ? &all.r[i] : &c, k & 1 ? &c : &all.r[i], w);
		}
		for (k = 0; k < 2; k++)
			bad += !pair_sound(&all.r[i], &all.r[below(all.nr)], w);
	}
	CHECK(!bad, "on 4 bits: %u basic ranges, %u ranges", basic.nr, all.nr);
	CHECK(basic.nr > 200 && all.nr > 1000, "too few: %u, %u", basic.nr, all.nr);
	printf("range: 4 bits: %u x %u basic ranges, %u others\n", basic.nr, basic.nr, all.nr);
}

static void random_pairs(u32 w, u32 count)
{
	u32 i, bad = 0;

	make_basic(w);
	make_all(basic.nr * (basic.nr / 2) / 30000 + 1, w);
	for (i = 0; i < count && bad < 5; i++) {
		const struct moat_range *a = &all.r[below(all.nr)];
		const struct moat_range *b = below(2) ? &all.r[below(all.nr)] : &basic.r[below(basic.nr)];

		bad += !pair_sound(a, b, w) + !unary_sound(a, w);
	}
	CHECK(!bad, "on %u bits", w);
}

/* 64 bits: a range around words that are known to be in it ---------------------- */

static u64 odd_word(void)
{
	u64 r = gen_random(&rng);

	switch (below(4)) {
	case 0:
		return r;
	case 1:
		return r >> below(64);
	case 2:
		return (1ull << below(64)) - 1 + below(3);
	default:
		return 0 - (r >> below(64));
	}
}

static void around(struct moat_range *r, u64 *word, u32 n)
{
	struct moat_range c;
	u32 i;

	word[0] = odd_word();
	moat_range_const(r, word[0], 64);
	for (i = 1; i < n; i++) {
		word[i] = below(2) ? odd_word() : word[0] + below(256);
		moat_range_const(&c, word[i], 64);
		if (below(8))
			moat_range_join(r, &c, 64);
		else
			moat_range_widen(r, &c, 64);
	}
	CHECK(moat_range_sync(r, 64), "words that are there are no contradiction");
}

static void long_words(void)
{
	u32 i, k, n, form, bad = 0;
	struct moat_range a, b;

	for (i = 0; i < 30000 && bad < 5; i++) {
		n = 1 + below(5);
		around(&a, words[0], n);
		nr_words[0] = n;
		around(&b, words[1], n);
		nr_words[1] = n;
		for (k = 0; k < ARRAY_SIZE(operations); k++)
			for (form = 0; form < 2; form++)
				bad += !alu_sound(&operations[k], form, &a, &b, 64);
		for (k = 0; k < ARRAY_SIZE(jumps); k++)
			for (form = 0; form < 4; form++)
				bad += !jump_sound(&jumps[k], form & 1, form & 2, &a, &b, 64);
		bad += !union_sound(&a, &b, 64);
	}
	CHECK(!bad, "on 64 bits");
}

/* Sound is not enough: what must come out exactly ------------------------------ */

static void constants(u32 w)
{
	struct moat_range a, b, r;
	u32 i, form;
	u64 x, y;

	for (x = 0; x <= moat_mask(w); x++) {
		for (y = 0; y <= moat_mask(w); y++) {
			moat_range_const(&a, x, w);
			moat_range_const(&b, y, w);
			for (i = 0; i < ARRAY_SIZE(operations) - 2; i++) {	/* all but sdiv, smod */
				for (form = 0; form < 2; form++) {
					moat_range_alu(&r, operations[i].fn, form, operations[i].sx, &a, &b, w);
					if (!moat_range_is_const(&r) && (y & moat_mask(form ? w : w / 2)))
						report("not a constant:", operations[i].name, form, x, y, w);
				}
			}
		}
	}
	CHECK(true, "constants stay constants");
}

static void exact(void)
{
	struct moat_range a, b, r;

	moat_range_any(&a, 64);
	moat_range_const(&b, 63, 64);
	moat_range_alu(&r, BPF_AND, true, false, &a, &b, 64);
	CHECK(r.full.umin == 0 && r.full.umax == 63 && r.low.smax == 63, "and");
	moat_range_alu(&r, BPF_LSH, true, false, &r, &(struct moat_range){ .full = { 3, 3, 3, 3 }, .low = { 3, 3, 3, 3 },
								       .bits = { 3, 0 } }, 64);
	CHECK(r.full.umax == 63 * 8 && r.bits.unknown == 63 * 8, "lsh: %llx", (unsigned long long)r.bits.unknown);
	moat_range_any(&a, 64);
	moat_range_const(&b, 10, 64);
	CHECK(moat_range_branch(&a, &b, BPF_JSLT, true, true, 64) && a.full.smax == 9, "signed bound");
	moat_range_const(&b, 0, 64);
	CHECK(moat_range_branch(&a, &b, BPF_JSGE, true, true, 64) && a.full.umax == 9, "both: unsigned too");
	CHECK(!moat_range_branch(&a, &b, BPF_JSLT, true, true, 64), "impossible");
	moat_range_any(&a, 64);
	moat_range_const(&b, 100, 64);
	moat_range_branch(&a, &b, BPF_JLE, false, true, 64);
	CHECK(a.low.umax == 100 && a.full.umax > 1ull << 32, "only the low half is bounded");
	moat_range_cut(&r, &a, 32, false, 8, 64);
	CHECK(r.full.umax == 100, "and then all of it: %llu", (unsigned long long)r.full.umax);
	moat_range_between(&a, 1, 5, 64);
	moat_range_between(&b, 2, 6, 64);
	moat_range_widen(&a, &b, 64);
	CHECK(a.full.umin == 1 && a.full.umax == 7, "widened to a step: %llu", (unsigned long long)a.full.umax);
}

int main(void)
{
	exhaustive();
	random_pairs(6, 15000);
	random_pairs(8, 500);
	long_words();
	constants(4);
	constants(8);
	exact();
	return check_done();
}
