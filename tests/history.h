/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks from history: what was wrong elsewhere, and what becomes of it here.
 *
 * Each row is a published defect of a BPF implementation.  There is no
 * verifier to fool here, so the program simply does what the fooled one let
 * pass.  Memory attacks must succeed in mode none, or they show nothing.
 */
#ifndef MOAT_HISTORY_H
#define MOAT_HISTORY_H

#include "attack.h"

#define FORGED_BODY	32

/* What the program of a forged row is given besides its map. */
enum forged_extra {
	FORGED_NOTHING,
	FORGED_RING,		/* a ring buffer of one page */
	FORGED_CONSTANT,	/* the address of a read-only value that the host changes from 0 to 1 meanwhile */
};

/* Words of the program's data, which R6 points to. */
enum forged_word { WORD_MAP, WORD_IN, WORD_IN2, WORD_DISTANCE, WORD_END, WORD_EXTRA };
#define WORD(dst, w)	LDX(BPF_DW, dst, 6, 8 * WORD_##w)

/*
 * Arithmetic whose result somebody believed to be another.  @body leaves it in
 * R8; R7 holds the address of a map's value, unless @body sets it anew.  The
 * difference is made the distance to memory that is not the program's, and
 * added to R7.  @believed == @real: @body added WORD_DISTANCE to R7 itself.
 */
struct forged {
	u64 in, in2;
	s32 believed;
	s64 real;
	enum forged_extra extra;
	struct bpf_insn body[FORGED_BODY];
};

struct history {
	const char *cve;
	const char *what;		/* went wrong there */
	const char *stop;		/* what stops it here; NULL: the bounds of the domain's memory */
	const char *absent;		/* why it has no meaning here: nothing is run */
	struct attack attack;		/* run NULL: @forged */
	const struct forged *forged;
};

extern const struct history history_bounds[], history_calls[], history_flow[], history_maps[],
			    history_jit[], history_transient[];
extern const u32 nr_history_bounds, nr_history_calls, nr_history_flow, nr_history_maps, nr_history_jit,
		 nr_history_transient;

/* The row that is being tried. */
extern const struct history *history_now;

/* For tables. */
#define ROW(id, text, how, f, ...)	{ .cve = id, .what = text, .stop = how, .attack = { .run = f, __VA_ARGS__ } }
#define HOLDS_BY_ITSELF			.in_none = HOLDS
#define ABSENT(id, text, reason)	{ .cve = id, .what = text, .absent = reason }
#define PROGRAM(insn, ...)		static const struct bpf_insn insn[] = { __VA_ARGS__ }
#define NOTE(r, ...)			snprintf((r)->text, sizeof((r)->text), __VA_ARGS__)

void history_forge(const struct attack_variant *v, struct attack_result *r);
/* Loads @insn and runs it with @map (NULL: none), made by its attributes, in the first word of @data. */
int history_run_with(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr,
		     struct moat_map *map, u64 *data, struct moat_run_opts *opts);
void history_expect(struct attack_result *r, bool good, const char *what);

#endif
