/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Images to check: random and fixed programs, compiled for each architecture, mode and form, to be looked at only. */
#ifndef MOAT_IMAGES_H
#define MOAT_IMAGES_H

#include "../jit/check.h"

#define IMAGE_AT	0x10000000ull

/* A way to compile. */
struct image_variant {
	const char *name;
	const struct moat_arch *arch;
	enum moat_mode mode;
	enum moat_base_form form;
	enum moat_gate gate;
	u32 cpu;
	bool packet_view;
	u64 blind;		/* 0: some programs, each with a secret of its own */
};

extern const struct image_variant image_variant[];
extern const u32 image_variants;

/* An image with all that the checker is told, and the labels of its stretches. */
struct image {
	const struct image_variant *variant;
	struct moat_check facts;
	u8 *code;
	u32 bytes;
	struct moat_site *site;
	struct moat_mark *mark;
	u32 nr_mark;
	u32 entry[MOAT_MAX_FUNCS];
};

/*
 * Compile the @seed'th program; the first are fixed ones that have what random
 * ones lack.  @arch: another backend than the variant's own, or NULL.  0, or the error of the core
 * (-EINVAL: this seed gives no program).
 */
int image_make(struct image *m, const struct image_variant *v, u64 seed, u32 statements, const struct moat_arch *arch);
/* The same of a program in the text of asm.h, with fuel and two arguments. */
int image_from_text(struct image *m, const struct image_variant *v, const char *program, const struct moat_arch *arch);
void image_free(struct image *m);

/* What the checker says of it, as of moat_check(). */
int image_check(struct image *m);

#endif
