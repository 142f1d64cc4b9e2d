/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside the analysis: what its files share. */
#ifndef MOAT_WALK_H
#define MOAT_WALK_H

#include "analyze.h"

/*
 * A place where paths meet, or to which analysis must come back.  Its state is
 * what was joined there so far; where only later code comes from, it is given
 * up when it was walked from: what comes then is walked by itself, and every
 * cycle passes a place that keeps its state.
 */
struct moat_meet {
	u32 pc;
	u32 state;		/* in the pool, if @seen */
	u32 next_caller;	/* another call of the function that is called here + 1, or 0 */
	u16 visits;
	bool seen;
	bool head;		/* something jumps back to it */
	bool keeps;		/* a head, a function's start, or a call that is walked again */
};

/* What calling a function does, joined over its exits and stores so far. */
struct moat_effects {
	struct moat_value r0;
	bool exits;		/* it returns at all */
	bool everything;	/* may write anywhere */
	bool ctx;		/* may write the context */
	s64 from, to;		/* of the stack, from its top, it may write [from, to) */
	u32 callers;		/* the first call's meeting point + 1, or 0 */
	u16 visits;
};

struct moat_walk {
	const struct moat_analysis_opts *opts;
	struct moat_analysis *out;
	struct moat_meet *meet;		/* by pc */
	u32 nr_meet;
	u32 callbacks;		/* the first call of a helper that calls back, its meeting point + 1, or 0 */
	u64 *pending;		/* a bit for each meeting point that has news */
	u32 first_pending;	/* words in front of it are zero */
	struct moat_state *pool;	/* one for each meeting point at most; few are in use at a time */
	u32 nr_state;
	u32 fresh, nr_free;	/* the first that never was in use; those that were and are free */
	u32 *free;
	u32 *index;			/* by slot: its meet + 1, or 0 */
	u32 *call_at;			/* by slot: its call + 1, or 0 */
	struct moat_effects *effects;	/* by function */
	struct moat_state cur, side;
	const struct moat_func *func;	/* that the walk is in */
	u64 limit;
};

/* Bytes from the stack's top to R10 of @f, negative or 0. */
static inline s64 moat_frame_top(const struct moat_func *f)
{
	return -(s64)f->depth * MOAT_FRAME_STRIDE;
}

static inline struct moat_effects *moat_effects_of(struct moat_walk *w, const struct moat_func *f)
{
	return &w->effects[f - w->opts->func];
}

/* meet.c: paths come to @pc with @s. */
void moat_walk_merge(struct moat_walk *w, u32 pc, const struct moat_state *s);
/* Effects of @f have grown: whoever may call it is to be walked again. */
void moat_walk_again(struct moat_walk *w, const struct moat_func *f);
/* The lowest meeting point that has news, which is none any more; NULL: there is none. */
struct moat_meet *moat_walk_next(struct moat_walk *w);

/* step.c: the value of register @reg; that of R10 is put in @top. */
const struct moat_value *moat_walk_reg(const struct moat_walk *w, u8 reg, struct moat_value *top);
/* One instruction that is no call and no jump; one side of a branch. */
void moat_step(struct moat_walk *w, const struct moat_op *op);
/* False: that side is never taken. */
bool moat_step_branch(const struct moat_walk *w, struct moat_state *s, const struct moat_op *op, bool taken);
/* The function walked may write [@from, @to) of the stack, the context, or everything. */
void moat_note_write(struct moat_walk *w, s64 from, s64 to, bool ctx, bool everything);
/* @bytes were written at @p + @off. */
void moat_step_written(struct moat_walk *w, const struct moat_value *p, s64 off, u64 bytes);

/* follow.c: calls of helpers and of functions, and returns.  False: the path ends here for now. */
bool moat_follow_helper(struct moat_walk *w, const struct moat_op *op);
bool moat_follow_local(struct moat_walk *w, const struct moat_op *op);
void moat_follow_exit(struct moat_walk *w);
bool moat_calls_back(const struct moat_analysis_opts *opts, const struct moat_op *op);

#endif
