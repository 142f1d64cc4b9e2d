/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A second opinion on machine code that the checker accepted, from the text
 * that capstone (x86) and llvm-mc (arm64) make of it.
 *
 * It is slow and knows only the images of tests/images.c, but shares neither
 * decoder nor walk with the checker.
 */
#ifndef MOAT_READING_H
#define MOAT_READING_H

#include "../jit/arch.h"
#include "images.h"

struct line {
	u32 at, bytes;
	char text[96];
	bool falls_through, has_target;
	s64 target;		/* offset in the image, or outside */
	u32 reads, writes;	/* general registers, as bits by their hardware number */
	u32 base;		/* of the memory operand, as a bit */
	bool host;		/* works with the host's side: stack, frame, gates, calls, trusted registers */
	bool seen;		/* something leads there */
};

struct reading {
	const struct image *image;
	struct line *line;
	u32 nr;
	u32 *number;		/* line + 1 that begins at an offset */
	const char *wrong;	/* what is wrong with it, or NULL */
	u32 wrong_at;
};

/* Decode all; false: some of it is no instruction. */
bool reading_make(struct reading *r, const struct image *m);
void reading_free(struct reading *r);
/* Follow all ways through it; sets @wrong. */
void reading_follow(struct reading *r);

/* What a mutant, accepted, is found to be; sets *@why when it is UNEXPLAINED. */
enum explanation {
	SAME_CODE,		/* another encoding of the same */
	DEAD_CODE,		/* nothing leads to what changed */
	OTHER_BRANCH,		/* targets or conditions of jumps of the program */
	OTHER_NUMBER,		/* constants of the program; the price of a loop */
	OTHER_WORK,		/* registers and operations of the program */
	NOT_ENTERED,		/* runs with the host's rights, but touches no memory */
	NOT_USED,		/* a trusted register is not set up, and not used */
	ENDS_IN_TRAP,		/* runs on from a return into a trap */
	UNEXPLAINED,
	EXPLANATIONS,
};
enum explanation reading_compare(const struct reading *good, struct reading *mutant, const char **why);

static inline bool is_arm(const struct reading *r)
{
	return r->image->variant->arch == &a64_arch;
}

static inline bool has(const char *text, const char *what)
{
	return strstr(text, what);
}

static inline bool begins(const char *text, const char *what)
{
	return !strncmp(text, what, strlen(what));
}

/* Is the line at @at a trap? */
bool reading_is_trap(const struct reading *r, u32 at);
/* A whole register to another: what it holds goes with it. */
bool reading_is_copy(const struct line *l);
/* x86: an operand [r12 + r11], at most 32 KiB away from that? */
bool reading_in_cage(const char *text);

/* The architectures' halves: fill what @line->text says. */
void reading_x64(const struct reading *r, struct line *line);
void reading_a64(const struct reading *r, struct line *line);

#endif
