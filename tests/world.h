/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One program, two worlds: the interpreter's and libmoat's.
 *
 * A variant is a way to run a program: mode, base form, CPU features.  A run
 * in a variant starts from memory that both sides agree on to the byte, at
 * the same addresses; afterwards results, faults and memory must agree too.
 */
#ifndef MOAT_WORLD_H
#define MOAT_WORLD_H

#include "../runtime/internal.h"
#include "gen.h"
#include "interp.h"

#define WORLD_MAX_VARIANTS	24
#define WORLD_BUFFER		1024
#define WORLD_TEXT		512

struct variant {
	char name[48];			/* "basereg/segment/cpu=0" */
	enum moat_mode mode;
	u8 form;
	const char *cpu;		/* value of MOAT_CPU, or NULL: all features */
	struct moat_object *empty;	/* a program that does nothing: how a run lays memory */
	struct moat_object *bystander;	/* another domain, whose memory nobody may change */
	u32 data_at, ctx_at, stack_at;	/* R1 (plain), R1 (packet) and R10 of a run, from the slot's start */
	u32 stride;			/* of frames */
};

struct world {
	struct variant variant[WORLD_MAX_VARIANTS];
	u32 nr_variant;
	struct gen_options options;
};

/* How a comparison went. */
enum outcome { SAME, DIFFERENT, UNUSABLE };

/* Start all variants that are enforced here (and @only, if not NULL, is part of their name). 0 or -errno. */
int world_init(struct world *w, const char *only);

/*
 * What the last run that was the SAME left: its end, R0 and memory.  Equal in
 * any two processes, on any architecture, if the program and its seed are.
 */
extern u64 world_digest;

/* Addresses that hostile programs should try, for w->options. */
void world_hostile(struct world *w);

/*
 * Run @p in both worlds.  @text tells what differs.  UNUSABLE: the program
 * does not end, or depends on what it never wrote, or is not accepted (@text
 * says why; shrinking makes such programs).
 */
enum outcome world_compare(struct world *w, const struct variant *v, const struct gen_program *p, u64 seed,
			   char text[WORLD_TEXT]);

#endif
