/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where each slot's code goes, and which branches need their long form. */
#include "plan.h"

#define MAX_ROUNDS	32

static u32 branch_bytes(const struct moat_slot *s, const struct moat_reach *r)
{
	if (s->target == MOAT_NO_BRANCH)
		return 0;
	return s->conditional ? r->branch[s->form] : r->jump[s->form];
}

static u32 slot_end(const struct moat_slot *s, const struct moat_reach *r)
{
	return s->start + s->body + branch_bytes(s, r);
}

static void place(struct moat_slot *slot, u32 n, const struct moat_reach *r)
{
	u32 i, at = 0;

	for (i = 0; i < n; i++) {
		slot[i].start = at + slot[i].pre;
		at = slot_end(&slot[i], r);
	}
	slot[n].start = at;
}

static bool grow(struct moat_slot *slot, u32 n, const struct moat_reach *r)
{
	bool grew = false;
	u32 i;

	for (i = 0; i < n; i++) {
		s64 disp;

		if (slot[i].target == MOAT_NO_BRANCH || slot[i].form == MOAT_LONG)
			continue;
		disp = (s64)slot[slot[i].target].start - slot_end(&slot[i], r);
		if (disp < r->min || disp > r->max) {
			slot[i].form = MOAT_LONG;
			grew = true;
		}
	}
	return grew;
}

static void lengthen_all(struct moat_slot *slot, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (slot[i].target != MOAT_NO_BRANCH)
			slot[i].form = MOAT_LONG;
}

/*
 * Starts from the forms that the slots have: all short at first.  A branch
 * only ever grows, so each round but the last lengthens at least one.  Programs
 * settle in a few rounds; one that is made to lengthen a single branch per
 * round gets long branches only, or its layout would take quadratic time.
 */
u32 moat_layout(struct moat_slot *slot, u32 n, const struct moat_reach *r)
{
	u32 round = 0;

	place(slot, n, r);
	while (grow(slot, n, r)) {
		if (++round == MAX_ROUNDS)
			lengthen_all(slot, n);
		place(slot, n, r);
	}
	return slot[n].start;
}

s64 moat_slot_at(const u32 *start, u32 len, u32 at)
{
	u32 lo = 0, hi = len;

	if (at < start[0] || at >= start[len])
		return -1;
	while (lo + 1 < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (start[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}
