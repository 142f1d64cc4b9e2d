/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Good images, broken: the checker refuses every mutant that is no longer confined.
 *
 *	mutate [--count N]	mutants of each architecture; or N in the environment's MUTANTS
 *
 * Nobody can list what breaks an invariant; so it is the survivors that are
 * explained, each of them, by a second reading of the code (reading.h) that
 * finds the host's side word by word as it was and nothing else reached by
 * what remains.  A survivor that this cannot explain is a failure.
 */
#include <stdlib.h>

#include "../disasm-tests/oracle_a64.h"
#include "../jit/arch.h"
#include "check.h"
#include "gen.h"
#include "reading.h"

#define MAX_IMAGES	160
#define MAX_CHANGE	48
#define MAX_SURVIVORS	60000	/* distinct words that the disassembler of A64 is asked for */

struct mutant {
	u32 image, at, bytes;
	u8 code[MAX_CHANGE];
	const char *how;
};

static const char *const explained[] = {
	[SAME_CODE] = "another encoding of the same", [DEAD_CODE] = "code that nothing leads to",
	[OTHER_BRANCH] = "the program jumps elsewhere", [OTHER_NUMBER] = "other numbers of the program",
	[OTHER_WORK] = "other registers or operations of the program",
	[NOT_ENTERED] = "the domain is not entered, nor touched",
	[NOT_USED] = "what is not set up is not used",
	[ENDS_IN_TRAP] = "a trap in place of a return", [UNEXPLAINED] = "not explained",
};

static struct image image[MAX_IMAGES];
static struct reading good[MAX_IMAGES];
static u32 nr_image;
static struct mutant *survivor;
static u32 nr_survivor, nr_mutant, nr_refused;
static u64 rng;

static u32 below(u32 n)
{
	return gen_random(&rng) % n;
}

static bool of_arm64(void)
{
	return image[0].variant->arch == &a64_arch;
}

/* Mutating ----------------------------------------------------------------- */

/* Try @n bytes of @code at @at of image @i; true if it is refused. */
static bool try(u32 i, u32 at, const u8 *code, u32 n, const char *how)
{
	struct image *m = &image[i];
	u8 old[MAX_CHANGE];
	bool refused;

	memcpy(old, m->code + at, n);
	if (n > MAX_CHANGE || !memcmp(old, code, n))
		return true;
	memcpy(m->code + at, code, n);
	refused = image_check(m) != 0;
	memcpy(m->code + at, old, n);
	nr_mutant++;
	nr_refused += refused;
	if (!refused && nr_survivor < MAX_SURVIVORS) {
		struct mutant *s = &survivor[nr_survivor++];

		*s = (struct mutant){ .image = i, .at = at, .bytes = n, .how = how };
		memcpy(s->code, code, n);
	}
	return refused;
}

static void fill_nops(u8 *code, u32 n)
{
	static const u8 nop[] = { 0x1f, 0x20, 0x03, 0xd5 };
	u32 i;

	for (i = 0; i < n; i++)
		code[i] = of_arm64() ? nop[i % 4] : 0x90;
}

/* One instruction away, two exchanged, or one in place of another. */
static bool mutate_lines(u32 i, u8 *code, u32 *at, u32 *n)
{
	const struct reading *r = &good[i];
	const struct line *a = &r->line[below(r->nr - 1)], *b = a + 1;
	const u8 *from = image[i].code;

	*at = a->at;
	*n = a->bytes;
	switch (below(3)) {
	case 0:
		fill_nops(code, a->bytes);
		break;
	case 1:
		*n = a->bytes + b->bytes;
		memcpy(code, from + b->at, b->bytes);
		memcpy(code + b->bytes, from + a->at, a->bytes);
		break;
	default:
		b = &r->line[below(r->nr)];
		fill_nops(code, a->bytes);
		if (b->bytes > a->bytes)
			return false;
		memcpy(code, from + b->at, b->bytes);
	}
	return true;
}

/* A bit, a byte, or the field of a register. */
static void mutate_bits(u32 i, u8 *code, u32 *at, u32 *n)
{
	static const u8 field[] = { 0, 5, 10, 16 };
	u32 word, low;

	*at = below(image[i].bytes);
	if (of_arm64())
		*at &= ~3u;
	*n = of_arm64() ? 4 : 1;
	memcpy(code, image[i].code + *at, *n);
	switch (below(3)) {
	case 0:
		low = below(8 * *n);
		code[low / 8] ^= 1 << low % 8;
		break;
	case 1:
		code[below(*n)] = below(256);
		break;
	default:
		if (!of_arm64()) {	/* a field of ModRM or SIB */
			low = 3 * below(2);
			code[0] = (code[0] & ~(7 << low)) | below(8) << low;
			break;
		}
		memcpy(&word, code, 4);
		low = field[below(4)];
		word = (word & ~(31u << low)) | below(32) << low;
		memcpy(code, &word, 4);
	}
}

static void mutate_random(void)
{
	u32 i = below(nr_image), at, n;
	u8 code[MAX_CHANGE];

	if (below(3) == 0) {
		if (mutate_lines(i, code, &at, &n))
			try(i, at, code, n, "instructions");
	} else {
		mutate_bits(i, code, &at, &n);
		try(i, at, code, n, "bits");
	}
}

/* Named damage ------------------------------------------------------------- */

struct damage {
	const char *name;
	u8 mark;		/* of the stretches where it is done */
	const char *text[2];	/* lines that begin so: x86, arm64; NULL: there is none */
	bool flip;		/* a bit of its number, else the line is dropped */
	bool always;		/* no such mutant is accepted, explained or not */
};

static const struct damage damages[] = {
	{ "a call dropped", MOAT_MARK_CALL, { "call", "blr" }, .always = true },
	{ "another site's number", MOAT_MARK_CALL, { "mov qword ptr [rsp], ", "mov w6, #" }, .flip = true, .always = true },
	{ "frame not passed", MOAT_MARK_CALL, { "mov r9, ", "mov x5, x26" }, .always = true },
	{ "enter gate dropped", MOAT_MARK_ENTER, { "wrpkru", "msr" } },
	{ "leave gate dropped", MOAT_MARK_LEAVE, { "wrpkru", "msr" }, .always = true },
	{ "monitor not called", MOAT_MARK_LEAVE, { NULL, "hvc" }, .always = true },
	{ "gate value changed", MOAT_MARK_ENTER, { "mov eax, ", "mov w9, #" }, .flip = true, .always = true },
	{ "leave value changed", MOAT_MARK_LEAVE, { "mov eax, ", "mov w9, #" }, .flip = true, .always = true },
	{ "gate not compared", MOAT_MARK_ENTER, { "cmp eax", "cmp x" }, .always = true },
	{ "gate not trapped", MOAT_MARK_LEAVE, { "jne", "b.ne" }, .always = true },
	{ "barrier dropped", MOAT_MARK_ENTER, { NULL, "isb" }, .always = true },
	{ "fuel not tested", MOAT_MARK_FUEL, { "jb", "b.lo" }, .always = true },
	{ "clear dropped", MOAT_MARK_CLEAR, { "xor", "mov x" } },
	{ "truncation dropped", MOAT_MARK_CAGE, { "lea r11d", "add x" } },
	{ "copy to the low half", MOAT_MARK_CAGE, { "mov r11d", "add w9" } },
	{ "prologue shortened", MOAT_MARK_PROLOGUE, { "mov ", "ldr x2" } },
	{ "register not saved", MOAT_MARK_PROLOGUE, { "push", "stp" }, .always = true },
	{ "register not restored", MOAT_MARK_EPILOGUE, { "pop", "ldp" }, .always = true },
	{ "rights not restored", MOAT_MARK_EPILOGUE, { "wrpkru", "msr" }, .always = true },
	{ "no return", MOAT_MARK_EPILOGUE, { "ret", "ret" } },
};

static bool damage_line(const struct damage *d, u32 i, const struct line *l)
{
	u8 code[MAX_CHANGE];

	fill_nops(code, l->bytes);
	if (d->flip) {
		memcpy(code, image[i].code + l->at, l->bytes);
		code[of_arm64() ? 0 : l->bytes - 4] ^= of_arm64() ? 0x20 : 1 + below(255);
	}
	return try(i, l->at, code, l->bytes, d->name);
}

static void do_damage(const struct damage *d)
{
	u32 i, k, tried = 0, refused = 0;
	const char *text = d->text[of_arm64()];

	for (i = 0; text && i < nr_image; i++) {
		const struct reading *r = &good[i];
		const struct moat_mark *mark = image[i].mark;

		for (k = 0; k < image[i].nr_mark; k++) {
			u32 n = r->number[mark[k].start];

			for (; mark[k].kind == d->mark && n && n <= r->nr && r->line[n - 1].at < mark[k].end; n++) {
				const struct line *l = &r->line[n - 1];

				if (!l->seen || strncmp(l->text, text, strlen(text)))
					continue;
				tried++;
				refused += damage_line(d, i, l);
			}
		}
	}
	if (!text)
		return;
	printf("  %-24s %5u of %5u refused\n", d->name, refused, tried);
	CHECK(refused, "%s: nothing was refused (of %u)", d->name, tried);
	CHECK(!d->always || refused == tried, "%s: %u accepted", d->name, tried - refused);
}

/* Survivors ---------------------------------------------------------------- */

static void want_words(const struct image *m)
{
	u32 at;

	for (at = 0; at < m->bytes; at += 4)
		oracle_a64_want(m->code[at] | m->code[at + 1] << 8 | m->code[at + 2] << 16 | (u32)m->code[at + 3] << 24);
}

static void put(const struct mutant *s, u8 *old)
{
	u8 *at = image[s->image].code + s->at;

	memcpy(old, at, s->bytes);
	memcpy(at, s->code, s->bytes);
}

static void want_survivors(void)
{
	u8 old[MAX_CHANGE];
	u32 i;

	for (i = 0; i < nr_survivor; i++) {
		u8 *at = image[survivor[i].image].code + survivor[i].at;

		put(&survivor[i], old);
		want_words(&image[survivor[i].image]);
		memcpy(at, old, survivor[i].bytes);
	}
}

static void tell(const struct mutant *s, const struct reading *r, const char *why)
{
	const struct reading *g = &good[s->image];
	u32 n = g->number[s->at], back;

	for (back = s->at; !n && back--;)
		n = g->number[back];
	CHECK(false, "%s, image %u, %s at 0x%x, 0x%x ('%s', then '%s' and '%s'): accepted, but %s at 0x%x",
	      image[s->image].variant->name, s->image, s->how, s->at, *(const u32 *)s->code, g->line[n - 1].text,
	      r->number[g->line[n - 1].at] ? r->line[r->number[g->line[n - 1].at] - 1].text : "",
	      r->line[r->number[g->line[n - 1].at]].text, why, r->wrong_at);
}

static void explain_survivors(void)
{
	u32 count[EXPLANATIONS] = { 0 }, i;
	u8 old[MAX_CHANGE];

	if (of_arm64()) {
		want_survivors();
		if (!CHECK(oracle_a64_resolve(), "llvm-mc does not run"))
			return;
	}
	for (i = 0; i < nr_survivor; i++) {
		const struct mutant *s = &survivor[i];
		enum explanation e = UNEXPLAINED;
		struct reading r;
		const char *why;

		put(s, old);
		if (reading_make(&r, &image[s->image]))
			e = reading_compare(&good[s->image], &r, &why);
		else
			why = r.wrong;
		memcpy(image[s->image].code + s->at, old, s->bytes);
		if (e == UNEXPLAINED && count[e] < 40)
			tell(s, &r, why);
		count[e]++;
		reading_free(&r);
	}
	for (i = 0; i < EXPLANATIONS; i++)
		printf("  %-46s %6u accepted\n", explained[i], count[i]);
	CHECK(!count[UNEXPLAINED], "%u survivors are not explained", count[UNEXPLAINED]);
}

/* Images ------------------------------------------------------------------- */

static void make_images(const struct moat_arch *arch)
{
	u32 v, seed, i;

	nr_image = 0;
	for (v = 0; v < image_variants; v++) {
		if (image_variant[v].arch != arch || image_variant[v].mode == MOAT_MODE_NONE)
			continue;
		for (seed = 0; seed < 22 && nr_image < MAX_IMAGES; seed++) {
			if (image_make(&image[nr_image], &image_variant[v], seed, 3 + seed % 9, NULL))
				image_free(&image[nr_image]);
			else if (image[nr_image].bytes < 16 || image[nr_image].bytes > 3000)
				image_free(&image[nr_image]);
			else
				nr_image++;
		}
	}
	for (i = 0; arch == &a64_arch && i < nr_image; i++)
		want_words(&image[i]);
	CHECK(arch != &a64_arch || oracle_a64_resolve(), "llvm-mc does not run");
	for (i = 0; i < nr_image; i++) {
		CHECK(!image_check(&image[i]), "%s: refused: %s", image[i].variant->name, image[i].facts.why);
		reading_make(&good[i], &image[i]);
		if (!good[i].wrong)
			reading_follow(&good[i]);
		CHECK(!good[i].wrong, "%s, image %u: the second reading finds at 0x%x: %s", image[i].variant->name, i,
		      good[i].wrong_at, good[i].wrong);
	}
}

static void mutate(const struct moat_arch *arch, u32 count)
{
	u32 i;

	rng = 12345;
	nr_survivor = nr_mutant = nr_refused = 0;
	make_images(arch);
	printf("%s: %u images\n", arch->name, nr_image);
	for (i = 0; i < ARRAY_SIZE(damages); i++)
		do_damage(&damages[i]);
	while (nr_mutant < count && nr_survivor < MAX_SURVIVORS)
		mutate_random();
	CHECK(nr_mutant >= count, "only %u mutants", nr_mutant);
	explain_survivors();
	printf("%s: %u mutants, %u refused, %u accepted and explained\n", arch->name, nr_mutant, nr_refused,
	       nr_mutant - nr_refused);
	for (i = 0; i < nr_image; i++) {
		reading_free(&good[i]);
		image_free(&image[i]);
	}
}

int main(int argc, char **argv)
{
	const char *fewer = getenv("MUTANTS");
	u32 count = fewer ? strtoul(fewer, NULL, 0) : 100000;

	if (argc == 3 && !strcmp(argv[1], "--count"))
		count = strtoul(argv[2], NULL, 0);

	survivor = calloc(MAX_SURVIVORS, sizeof(*survivor));
	mutate(&x64_arch, count);
	mutate(&a64_arch, count);
	free(survivor);
	return check_done();
}
