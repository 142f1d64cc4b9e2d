/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Encoder tests of A64: rows made with another assembler (a64.inc), every
 * bitmask immediate there is, and sequences run by an interpreter that knows
 * the manual only.  The sweep over operands is in sweep_a64.c.
 */
#include <stdlib.h>

#include "../arch-arm64/a64.h"
#include "../tests/check.h"
#include "oracle.h"
#include "oracle_a64.h"
#include "sweep_a64.h"

#define MAX_WORDS	8
#define MAX_ROWS	800

/* Rows --------------------------------------------------------------------- */

struct row {
	const char *call, *text;
	u32 word[MAX_WORDS], n;
};

static struct row rows[MAX_ROWS];
static u32 nr_rows;

static u32 word_at(const u8 *c)
{
	return c[0] | c[1] << 8 | c[2] << 16 | (u32)c[3] << 24;
}

/* The bytes now; the text when all are known. */
static void add_row(const char *call, const struct moat_buf *b, const char *want, const char *text)
{
	struct row *r = &rows[nr_rows++];
	char got[3 * 4 * MAX_WORDS + 1] = "";
	u32 i;

	for (i = 0; i < b->len; i++)
		sprintf(got + 3 * i, i + 1 < b->len ? "%02x " : "%02x", b->base[i]);
	CHECK(!b->err && !strcmp(got, want), "%s: error %d\n    want %s\n    got  %s", call, b->err, want, got);
	*r = (struct row){ .call = call, .text = text, .n = b->len / 4 };
	for (i = 0; i < r->n; i++) {
		r->word[i] = word_at(b->base + 4 * i);
		oracle_a64_want(r->word[i]);
	}
}

#define SEQ(call, bytes, text)							\
	do {									\
		u8 code[4 * MAX_WORDS];						\
		struct moat_buf buf = { .base = code, .cap = sizeof(code) }, *b = &buf;	\
										\
		call;								\
		add_row(#call, b, bytes, text);					\
	} while (0);
#define ENC(word, bytes, text)	SEQ(a64_emit(b, word), bytes, text)
#define BAD(word)		CHECK((word) == A64_BAD, "%s is not refused", #word);
#define BAD_SEQ(call)								\
	do {									\
		u8 code[4 * MAX_WORDS];						\
		struct moat_buf buf = { .base = code, .cap = sizeof(code) }, *b = &buf;	\
										\
		call;								\
		CHECK(b->err, "%s is not refused", #call);			\
	} while (0);

static void check_rows(void)
{
	u32 at;

#include "a64.inc"
}

static void check_texts(void)
{
	char text[400];
	u32 i, k;

	for (i = 0; i < nr_rows; i++) {
		*text = 0;
		for (k = 0; k < rows[i].n; k++) {
			const char *read = oracle_a64_text(rows[i].word[k]);

			strcat(strcat(text, k ? "; " : ""), read ? read : "(nothing)");
		}
		CHECK(!strcmp(text, rows[i].text), "%s:\n    want %s\n    got  %s", rows[i].call, rows[i].text, text);
	}
}

/* Bitmask immediates ------------------------------------------------------- */

#define NR_PATTERNS	5334	/* of 64 bits: the sum of n * (n - 1) for n = 2, 4, .. 64 */

static u64 pattern[NR_PATTERNS];

static u64 repeated(u64 element, u32 bits)
{
	for (; bits < 64; bits *= 2)
		element |= element << bits;
	return element;
}

/* Each run of ones in each element, at each place; by shifting, where the encoder searches. */
static u32 make_patterns(void)
{
	u32 bits, ones, at, n = 0;

	for (bits = 2; bits <= 64; bits *= 2)
		for (ones = 1; ones < bits; ones++)
			for (at = 0; at < bits; at++) {
				u64 run = ~0ull >> (64 - ones), element = run << at;

				if (at + ones > bits)	/* around the end */
					element |= run >> (bits - at);
				if (bits < 64)
					element &= (1ull << bits) - 1;
				pattern[n++] = repeated(element, bits);
			}
	return n;
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static bool is_pattern(u64 v)
{
	return bsearch(&v, pattern, NR_PATTERNS, sizeof(v), by_value);
}

/* Arm ARM, DecodeBitMasks(): N, imms and immr of @word; 0 for what is reserved. */
static u64 decoded(u32 word)
{
	u32 n = word >> 22 & 1, immr = word >> 16 & 63, imms = word >> 10 & 63, len, bits, i;
	u64 element = 0;

	for (len = 6; len && !((n << 6 | (~imms & 63)) >> len & 1); len--)
		;
	bits = 1u << len;
	if (!len || (imms & (bits - 1)) == bits - 1)
		return 0;
	for (i = 0; i <= (imms & (bits - 1)); i++)	/* bit i of the run, rotated right by immr */
		element |= 1ull << ((i + bits - (immr & (bits - 1))) & (bits - 1));
	return repeated(element, bits);
}

static void check_patterns(void)
{
	u32 i, wrong = 0, wrong_word = 0, words = 0;

	CHECK(make_patterns() == NR_PATTERNS, "not all patterns were made");
	qsort(pattern, NR_PATTERNS, sizeof(*pattern), by_value);
	for (i = 0; i < NR_PATTERNS; i++) {
		u32 word = a64_rrl(A64_EORI, A64_X, A64_X5, A64_X6, pattern[i]), low = pattern[i];

		wrong += word == A64_BAD || decoded(word) != pattern[i] || (word & 0xff8003ff) != 0xd20000c5 ||
			 (i && pattern[i] == pattern[i - 1]);
		if (pattern[i] >> 32 != low)
			continue;
		words++;
		word = a64_rrl(A64_EORI, A64_W, A64_X5, A64_X6, low);
		wrong_word += word == A64_BAD || word >> 22 & 1 || (u32)decoded(word) != low;
	}
	CHECK(!wrong, "%u of %u bitmask immediates", wrong, NR_PATTERNS);
	CHECK(!wrong_word && words == 1302, "%u of %u bitmask immediates of 32 bits", wrong_word, words);
}

static u64 random_u64(void)
{
	return (u64)random() << 42 ^ (u64)random() << 21 ^ random();
}

/* Neither random numbers nor patterns with a bit changed, unless that is another pattern. */
static void check_not_patterns(void)
{
	u32 i, wrong = 0, refused = 0;

	for (i = 0; i < 500000; i++) {
		u64 v = i & 1 ? random_u64() : pattern[random() % NR_PATTERNS] ^ 1ull << random() % 64;
		bool fits = a64_rrl(A64_ANDI, A64_X, A64_X0, A64_X0, v) != A64_BAD;
		bool fits_word = a64_rrl(A64_ANDI, A64_W, A64_X0, A64_X0, v) != A64_BAD;

		wrong += fits != is_pattern(v) || fits_word != is_pattern(repeated((u32)v, 32));
		refused += !fits;
	}
	CHECK(!wrong && refused > 400000, "%u wrong, %u refused", wrong, refused);
}

/* Sequences, run ----------------------------------------------------------- */

struct machine {
	u64 reg[32];
	bool n, z, c, v;
	u32 steps;
};

/* Arm ARM, AddWithCarry(): the sum as it would be with more bits. */
static void set_flags(struct machine *m, u64 a, u64 b, bool carry, u32 bits)
{
	u64 mask = ~0ull >> (64 - bits), top = 1ull << (bits - 1);
	unsigned __int128 whole = (unsigned __int128)(a & mask) + (b & mask) + carry;
	u64 sum = whole & mask;

	m->n = sum & top;
	m->z = !sum;
	m->c = whole != sum;
	m->v = ~(a ^ b) & (a ^ sum) & top;
}

/* Add, subtract and their compares; immediate or shifted register.  Register 31 as ADDI's would be SP: not used. */
static void step_add(struct machine *m, u32 word, u64 operand)
{
	u32 rd = word & 31, rn = word >> 5 & 31, bits = word >> 31 ? 64 : 32;
	bool sub = word >> 30 & 1;
	u64 a = m->reg[rn], out = sub ? a - operand : a + operand;

	if (word >> 29 & 1)
		set_flags(m, a, sub ? ~operand : operand, sub, bits);
	if (rd != 31)
		m->reg[rd] = bits == 64 ? out : (u32)out;
}

/* One instruction; false if it is none that the sequences should use. */
static bool step(struct machine *m, u32 word)
{
	u32 rd = word & 31, shift = word >> 17 & 0x30, half = word >> 5 & 0xffff;
	bool wide = word >> 31;
	u64 mask = wide ? ~0ull : 0xffffffff, v = (u64)half << shift;

	m->steps++;
	if ((word & 0x1f800000) == 0x12800000) {	/* move wide */
		u32 opc = word >> 29 & 3;

		if (opc == 1 || (!wide && shift > 16))
			return false;
		if (opc == 3)
			v |= m->reg[rd] & ~(0xffffull << shift);
		m->reg[rd] = (opc == 0 ? ~v : v) & mask;
	} else if ((word & 0x7f8003e0) == 0x320003e0) {	/* orr rd, zr, #bitmask */
		if (!decoded(word) || (!wide && word >> 22 & 1))
			return false;
		m->reg[rd] = decoded(word) & mask;
	} else if ((word & 0x1f800000) == 0x11000000) {
		step_add(m, word, (u64)(word >> 10 & 0xfff) << (word >> 22 & 1 ? 12 : 0));
	} else if ((word & 0x1fe0fc00) == 0x0b000000) {
		step_add(m, word, m->reg[word >> 16 & 31]);
	} else {
		return false;
	}
	m->reg[31] = 0;
	return true;
}

static bool run(struct machine *m, const struct moat_buf *b)
{
	u32 at;

	for (at = 0; at < b->len; at += 4)
		if (!step(m, word_at(b->base + at)))
			return false;
	return !b->err;
}

static struct moat_buf start(u8 *code, struct machine *m)
{
	u32 i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < 31; i++)
		m->reg[i] = random_u64();
	return (struct moat_buf){ .base = code, .cap = 4 * MAX_WORDS };
}

static u32 halves_other_than(u64 v, u32 what)
{
	u32 i, n = 0;

	for (i = 0; i < 64; i += 16)
		n += (v >> i & 0xffff) != what;
	return n;
}

/* As many instructions as move wide needs, and one where one is enough. */
static u32 fewest(u64 v)
{
	u32 low = v, zeros = halves_other_than(v, 0), ones = halves_other_than(v, 0xffff), n;

	n = zeros < ones ? zeros : ones;
	if (is_pattern(v) || (v == low && is_pattern(repeated(low, 32))) || n == 0)
		return 1;
	if (v == low && (low >> 16 == 0xffff || (low & 0xffff) == 0xffff))
		return 1;
	return n;
}

static u32 wrong_constants, long_constants;

static void try_constant(u64 v)
{
	u8 code[4 * MAX_WORDS];
	struct machine m;
	struct moat_buf b = start(code, &m);

	a64_mov_imm(&b, A64_X3, v);
	if ((!run(&m, &b) || m.reg[3] != v) && !wrong_constants++)
		CHECK(false, "constant %llx: got %llx", (unsigned long long)v, (unsigned long long)m.reg[3]);
	if (m.steps > fewest(v) && !long_constants++)
		CHECK(false, "constant %llx takes %u instructions", (unsigned long long)v, m.steps);
}

static void check_constants(void)
{
	static const u16 half[] = { 0, 0xffff, 1, 0x8000, 0x7fff, 0x1234, 0xfffe };
	u32 a, b, c, d, i;

	for (a = 0; a < 7; a++)
		for (b = 0; b < 7; b++)
			for (c = 0; c < 7; c++)
				for (d = 0; d < 7; d++)
					try_constant((u64)half[a] << 48 | (u64)half[b] << 32 |
						     (u64)half[c] << 16 | half[d]);
	for (i = 0; i < NR_PATTERNS; i++) {
		try_constant(pattern[i]);
		try_constant((u32)pattern[i]);
		try_constant(pattern[i] ^ 1ull << random() % 64);
	}
	for (i = 0; i < 100000; i++)
		try_constant(random_u64() >> random() % 64);
	CHECK(!wrong_constants, "%u wrong constants", wrong_constants);
	CHECK(!long_constants, "%u constants take too many instructions", long_constants);
}

/* Amounts at the bounds of each form, both signs. */
static s64 amount(u32 i)
{
	static const s64 size[] = {
		0, 1, 0xfff, 0x1000, 0x1001, 0xfff000, 0xffffff, 0x1000000, 0x12345678, 0x7fffffff, 0x80000000ll,
	};
	s64 v = i < 2 * ARRAY_SIZE(size) ? size[i / 2] : (s64)(random_u64() >> (33 + random() % 31));

	return i & 1 ? -v : v;
}

static void check_add_const(void)
{
	u8 code[4 * MAX_WORDS];
	struct machine m;
	u32 i, wrong = 0;

	for (i = 0; i < 20000; i++) {
		enum a64_size sf = random() & 1 ? A64_X : A64_W;
		struct moat_buf b = start(code, &m);
		u64 v = amount(i), want = m.reg[4] + v;

		a64_add_const(&b, sf, A64_X3, A64_X4, v, A64_X9);
		wrong += !run(&m, &b) || m.reg[3] != (sf ? want : (u32)want);
		b = start(code, &m);
		want = m.reg[4] + v;
		a64_add_const(&b, sf, A64_X4, A64_X4, v, A64_X9);	/* in place */
		wrong += !run(&m, &b) || m.reg[4] != (sf ? want : (u32)want);
	}
	CHECK(!wrong, "%u wrong sums", wrong);
}

/* The conditions, as C compares. */
static bool flags_right(const struct machine *m, u64 a, u64 b, bool wide)
{
	s64 sa = wide ? (s64)a : (s32)a, sb = wide ? (s64)b : (s32)b;
	u64 ua = wide ? a : (u32)a, ub = wide ? b : (u32)b;

	return m->z == (ua == ub) && m->c == (ua >= ub) && (m->n != m->v) == (sa < sb);
}

static void check_cmp_const(void)
{
	u8 code[4 * MAX_WORDS];
	struct machine m;
	u32 i, wrong = 0;

	for (i = 0; i < 40000; i++) {
		enum a64_size sf = random() & 1 ? A64_X : A64_W;
		struct moat_buf b = start(code, &m);
		u64 v = (s64)(s32)amount(i), a;

		if (random() & 1)
			m.reg[4] = v + random() % 3 - 1;
		a = m.reg[4];
		a64_cmp_const(&b, sf, A64_X4, v, A64_X9);
		wrong += !run(&m, &b) || m.reg[4] != a || !flags_right(&m, a, v, sf);
	}
	CHECK(!wrong, "%u wrong comparisons", wrong);
}

int main(void)
{
	srandom(3);
	check_rows();
	check_patterns();
	check_not_patterns();
	check_constants();
	check_add_const();
	check_cmp_const();
	if (!oracle_have_llvm()) {
		SKIP("enc_a64 texts and sweep", "llvm-mc is not installed");
		return check_done();
	}
	CHECK(oracle_a64_resolve(), "llvm-mc does not run");
	check_texts();
	sweep_a64();
	return check_done();
}
