/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Constant blinding: what a program says of numbers stands in its code without it, and does not with it. */
#include <stdlib.h>

#include "../jit/arch.h"
#include "check.h"
#include "images.h"

#define HIGH	0x2bad5eedu
#define LOW	0x4c0ffee1u	/* in the lower half of 64 bits, or what a memory access adds to nothing */

struct row {
	const char *name, *text;
	u32 part[2];		/* 0: there is no second */
};

static const struct row row[] = {
	{ "move", "r0 = 732782317\n" "exit\n", { HIGH } },
	{ "32-bit move", "w0 = 732782317\n" "exit\n", { HIGH } },
	{ "negative move", "r0 = -732782318\n" "exit\n", { ~HIGH } },
	{ "wide", "r0 = 0x2bad5eed4c0ffee1 ll\n" "exit\n", { HIGH, LOW } },
	{ "wide, with the sign of its lower half", "r0 = 0x2bad5eedcc0ffee1 ll\n" "exit\n", { HIGH, 0xcc0ffee1 } },
	{ "add", "r0 = r1\n" "r0 += 732782317\n" "exit\n", { HIGH } },
	{ "32-bit add", "w0 = w1\n" "w0 += 732782317\n" "w0 ^= w1\n" "exit\n", { HIGH } },
	{ "and", "r0 = r1\n" "r0 &= 732782317\n" "exit\n", { HIGH } },
	{ "xor", "r0 = r1\n" "r0 ^= 732782317\n" "exit\n", { HIGH } },
	{ "mul", "r0 = r1\n" "r0 *= 732782317\n" "exit\n", { HIGH } },
	{ "div", "r0 = r1\n" "r0 /= 732782317\n" "exit\n", { HIGH } },
	{ "mod", "r0 = r1\n" "w0 %= 732782317\n" "exit\n", { HIGH } },
	{ "sum in another register", "r2 = r1\n" "r2 += 732782317\n" "r0 = r2\n" "r0 += r1\n" "exit\n", { HIGH } },
	{ "store", "*(u32 *)(r1 + 0) = 732782317\n" "r0 = 0\n" "exit\n", { HIGH } },
	{ "wide store", "*(u64 *)(r1 + 0) = 732782317\n" "r0 = 0\n" "exit\n", { HIGH } },
	{ "branch", "r0 = 0\n" "if r1 == 732782317 goto L0\n" "r0 = 1\n" "L0:\n" "exit\n", { HIGH } },
	{ "32-bit branch", "r0 = 0\n" "if w1 s> 732782317 goto L0\n" "r0 = 1\n" "L0:\n" "exit\n", { HIGH } },
	{ "bits", "r0 = 0\n" "if r1 & 732782317 goto L0\n" "r0 = 1\n" "L0:\n" "exit\n", { HIGH } },
	{ "packet", "r6 = r1\n" "r0 = *(u32 *)skb[732782317]\n" "exit\n", { HIGH } },
	{ "packet, near", "r6 = r1\n" "r0 = *(u32 *)skb[30011]\n" "exit\n", { 30011 } },
	{ "packet, of a sum", "r6 = r1\n" "r2 = 1\n" "r0 = *(u32 *)skb[r2 + 732782317]\n" "exit\n", { HIGH } },
};

static const char *const division[] = {
	"r0 = r1\n" "r0 /= 1073741824\n" "exit\n",
	"r0 = r1\n" "r0 %= 1073741824\n" "exit\n",
	"w0 = w1\n" "w0 /= 4096\n" "exit\n",
	"w0 = w1\n" "w0 %= 4096\n" "exit\n",
};

/* As an immediate of an instruction of x86, whatever that is. */
static bool stands_in_bytes(const struct image *m, u32 part)
{
	u32 i;

	for (i = 0; i + sizeof(part) <= m->bytes; i++)
		if (!memcmp(m->code + i, &part, sizeof(part)))
			return true;
	return false;
}

/* As the immediate of MOVZ, MOVN or MOVK of arm64: one half. */
static bool stands_in_moves(const struct image *m, u16 half)
{
	u32 i, word;

	for (i = 0; i + sizeof(word) <= m->bytes; i += sizeof(word)) {
		memcpy(&word, m->code + i, sizeof(word));
		if ((word & 0x1f800000) == 0x12800000 && ((u16)(word >> 5) == half || (u16)(word >> 5) == (u16)~half))
			return true;
	}
	return false;
}

static bool stands(const struct image *m, u32 part)
{
	if (!strncmp(m->variant->name, "arm64", 5))
		return stands_in_moves(m, part) || (part >> 16 && stands_in_moves(m, part >> 16));
	return stands_in_bytes(m, part);
}

/* UDIV of arm64. */
static bool divides(const struct image *m)
{
	u32 i, word;

	for (i = 0; i + sizeof(word) <= m->bytes; i += sizeof(word)) {
		memcpy(&word, m->code + i, sizeof(word));
		if ((word & 0x7fe0fc00) == 0x1ac00800)
			return true;
	}
	return false;
}

#define SECRET	0x0123456789abcdef

static void check_row(const struct image_variant *plain, const struct row *r)
{
	struct image_variant blind = *plain, other = *plain;
	struct image was, now, next;
	u32 i;

	blind.blind = SECRET;
	other.blind = blind.blind + 1;
	if (!CHECK(!image_from_text(&was, plain, r->text, NULL) && !image_from_text(&now, &blind, r->text, NULL) &&
		   !image_from_text(&next, &other, r->text, NULL), "%s: %s: no image", plain->name, r->name))
		return;
	for (i = 0; i < ARRAY_SIZE(r->part) && r->part[i]; i++) {
		CHECK(stands(&was, r->part[i]), "%s: %s: 0x%08x does not stand in plain code", plain->name, r->name, r->part[i]);
		CHECK(!stands(&now, r->part[i]), "%s: %s: 0x%08x stands in blinded code", plain->name, r->name, r->part[i]);
	}
	CHECK(now.bytes != next.bytes || memcmp(now.code, next.code, now.bytes), "%s: %s: two secrets, the same code",
	      plain->name, r->name);
	CHECK(!image_check(&now), "%s: %s: refused: %s", plain->name, r->name, now.facts.why);
	image_free(&was);
	image_free(&now);
	image_free(&next);
}

/* Two images of one program: plain, and blinded. */
static bool make_both(const struct image_variant *plain, const char *text, struct image *was, struct image *now)
{
	struct image_variant blind = *plain;

	blind.blind = SECRET;
	return CHECK(!image_from_text(was, plain, text, NULL) && !image_from_text(now, &blind, text, NULL), "%s: no image: %s",
		     plain->name, text);
}

/* How many values an array has, and how long they are, is the author's choice: lookups are calls. */
static void check_lookup(const struct image_variant *plain)
{
	static const char text[] = "*(u32 *)(r10 - 4) = 3\n" "r2 = r10\n" "r2 += -4\n" "r1 = 0x1000 ll\n" "call 1\n" "r0 = 0\n" "exit\n";
	struct image was, now;

	if (!make_both(plain, text, &was, &now))
		return;
	CHECK(!was.facts.nr_site && now.facts.nr_site == 1, "%s: %u calls in plain code, %u in blinded code", plain->name,
	      was.facts.nr_site, now.facts.nr_site);
	image_free(&was);
	image_free(&now);
}

/* A power of two would stand there as the distance of a shift, or as a mask. */
static void check_division(const struct image_variant *plain, const char *text)
{
	struct image was, now;

	if (!make_both(plain, text, &was, &now))
		return;
	CHECK(!divides(&was), "%s: plain code divides: %s", plain->name, text);
	CHECK(divides(&now), "%s: blinded code does not divide: %s", plain->name, text);
	image_free(&was);
	image_free(&now);
}

int main(void)
{
	u32 v, i;

	for (v = 0; v < image_variants; v++) {
		struct image_variant plain = image_variant[v];

		plain.packet_view = true;
		for (i = 0; i < ARRAY_SIZE(row); i++)
			check_row(&plain, &row[i]);
		check_lookup(&plain);
		for (i = 0; plain.arch == &a64_arch && i < ARRAY_SIZE(division); i++)
			check_division(&plain, division[i]);
	}
	return check_done();
}
