/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Meeting points: what comes to them is joined, and which have news. */
#include "walk.h"

#define WIDEN_AFTER	3	/* visits of a loop's head, until what grows is made to grow in steps */
#define WIDEN_CALLS	12	/* the same, of a function: it has as many callers */
#define GIVE_UP_AFTER	24	/* visits, until what still changes is not known at all */

static void set_pending(struct moat_walk *w, u32 i)
{
	w->pending[i / 64] |= 1ull << i % 64;
	if (i / 64 < w->first_pending)
		w->first_pending = i / 64;
}

/* A state for a point that has none; false: there are too many, and nothing will be proved. */
static bool take_state(struct moat_walk *w, struct moat_meet *m)
{
	if (w->nr_free) {
		m->state = w->free[--w->nr_free];
	} else if (w->fresh < w->nr_state) {
		m->state = w->fresh++;
	} else {
		w->limit = 0;
		return false;
	}
	m->seen = true;
	return true;
}

void moat_walk_merge(struct moat_walk *w, u32 pc, const struct moat_state *s)
{
	u32 i = w->index[pc] - 1;
	struct moat_meet *m = &w->meet[i];

	w->out->effort++;
	if (!m->seen) {
		if (!take_state(w, m))
			return;
		moat_state_copy(&w->pool[m->state], s);
		set_pending(w, i);
		return;
	}
	if (!moat_state_join(&w->pool[m->state], s, m->visits >= (m->head ? WIDEN_AFTER : WIDEN_CALLS)))
		return;
	if (m->visits > GIVE_UP_AFTER)
		moat_state_any(&w->pool[m->state]);
	set_pending(w, i);
}

static void callers_again(struct moat_walk *w, u32 caller)
{
	for (; caller; caller = w->meet[caller - 1].next_caller) {
		w->out->effort++;
		if (w->meet[caller - 1].seen)
			set_pending(w, caller - 1);
	}
}

void moat_walk_again(struct moat_walk *w, const struct moat_func *f)
{
	callers_again(w, moat_effects_of(w, f)->callers);
	if (f->is_callback)
		callers_again(w, w->callbacks);
}

struct moat_meet *moat_walk_next(struct moat_walk *w)
{
	u32 i = w->first_pending, bit;

	while (i <= w->nr_meet / 64 && !w->pending[i])
		i++;
	/* Passing over is work as well: a loop may lead back over many points. */
	w->out->effort += (i - w->first_pending) / 64;
	w->first_pending = i;
	if (i > w->nr_meet / 64)
		return NULL;
	bit = __builtin_ctzll(w->pending[i]);
	w->pending[i] &= w->pending[i] - 1;
	return &w->meet[64 * i + bit];
}
