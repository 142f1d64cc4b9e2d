/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Branch layout against every other choice of forms, and offsets back to slots.
 *
 * A branch that is long can only make others longer, so of all valid choices
 * the one that the layout starts from (all short) and grows to is the smallest.
 * That claim is tried on small programs with a tiny reach.
 */
#include <stdlib.h>

#include "../jit/plan.h"
#include "../tests/check.h"

#define MAX_SLOTS	7
#define ROUNDS		60000

static const struct moat_reach tiny = { .min = -8, .max = 7, .jump = { 1, 3 }, .branch = { 1, 4 } };
static const struct moat_reach real = { .min = -128, .max = 127, .jump = { 2, 5 }, .branch = { 2, 6 } };

static u32 below(u32 n)
{
	return random() % n;
}

static void random_slots(struct moat_slot *slot, u32 n, u32 max_body)
{
	u32 i;

	memset(slot, 0, (n + 1) * sizeof(*slot));
	for (i = 0; i < n; i++) {
		slot[i].body = below(max_body);
		slot[i].pre = below(8) ? 0 : below(max_body);
		slot[i].target = below(3) ? below(n) : MOAT_NO_BRANCH;
		slot[i].conditional = below(2);
	}
}

static u32 bytes_of(const struct moat_slot *s, const struct moat_reach *r)
{
	if (s->target == MOAT_NO_BRANCH)
		return s->body;
	return s->body + (s->conditional ? r->branch[s->form] : r->jump[s->form]);
}

/* Is each slot where its predecessors end, and each short branch within reach? */
static bool valid(const struct moat_slot *slot, u32 n, const struct moat_reach *r)
{
	u32 i, at = 0;

	for (i = 0; i < n; i++) {
		at += slot[i].pre;
		if (slot[i].start != at)
			return false;
		at += bytes_of(&slot[i], r);
	}
	if (slot[n].start != at)
		return false;
	for (i = 0; i < n; i++) {
		s64 disp;

		if (slot[i].target == MOAT_NO_BRANCH || slot[i].form == MOAT_LONG)
			continue;
		disp = (s64)slot[slot[i].target].start - slot[i].start - bytes_of(&slot[i], r);
		if (disp < r->min || disp > r->max)
			return false;
	}
	return true;
}

static void place(struct moat_slot *slot, u32 n, const struct moat_reach *r)
{
	u32 i, at = 0;

	for (i = 0; i < n; i++) {
		slot[i].start = at + slot[i].pre;
		at = slot[i].start + bytes_of(&slot[i], r);
	}
	slot[n].start = at;
}

/* The smallest size of all valid choices of forms. */
static u32 best_of_all(const struct moat_slot *slot, u32 n, const struct moat_reach *r)
{
	struct moat_slot try[MAX_SLOTS + 1];
	u32 choice, i, best = ~0u;

	for (choice = 0; choice < 1u << n; choice++) {
		memcpy(try, slot, sizeof(try));
		for (i = 0; i < n; i++)
			try[i].form = choice >> i & 1 ? MOAT_LONG : MOAT_SHORT;
		place(try, n, r);
		if (valid(try, n, r) && try[n].start < best)
			best = try[n].start;
	}
	return best;
}

/* A longer body never makes another branch shorter. */
static bool monotone(const struct moat_slot *slot, const struct moat_slot *done, u32 n, const struct moat_reach *r)
{
	struct moat_slot more[MAX_SLOTS + 1];
	u32 i;

	memcpy(more, slot, sizeof(more));
	more[below(n)].body += 1 + below(6);
	moat_layout(more, n, r);
	for (i = 0; i < n; i++)
		if (more[i].form < done[i].form || more[i].start < done[i].start)
			return false;
	return true;
}

static void check_small(void)
{
	u32 round, n, invalid = 0, worse = 0, shrunk = 0, longer = 0, i;
	struct moat_slot slot[MAX_SLOTS + 1], done[MAX_SLOTS + 1];

	for (round = 0; round < ROUNDS; round++) {
		n = 1 + below(MAX_SLOTS);
		memset(slot, 0, sizeof(slot));
		random_slots(slot, n, 10);
		memcpy(done, slot, sizeof(done));
		moat_layout(done, n, &tiny);
		invalid += !valid(done, n, &tiny);
		worse += done[n].start != best_of_all(slot, n, &tiny);
		shrunk += !monotone(slot, done, n, &tiny);
		for (i = 0; i < n; i++)
			longer += done[i].target != MOAT_NO_BRANCH && done[i].form == MOAT_LONG;
	}
	CHECK(!invalid, "%u of %u layouts have a branch out of reach", invalid, ROUNDS);
	CHECK(!worse, "%u of %u layouts are not the smallest", worse, ROUNDS);
	CHECK(!shrunk, "%u of %u layouts shrink when a body grows", shrunk, ROUNDS);
	CHECK(longer > ROUNDS / 10, "only %u long branches: the programs are too easy", longer);
}

/* Long programs: too many choices to try, but each branch must reach. */
static void check_large(void)
{
	u32 round, n = 5000, invalid = 0;
	struct moat_slot *slot = calloc(n + 1, sizeof(*slot));

	for (round = 0; round < 40; round++) {
		u32 i;

		random_slots(slot, n, 12);
		for (i = 0; i < n; i++)	/* near targets, so that some are at the edge */
			if (slot[i].target != MOAT_NO_BRANCH && below(8))
				slot[i].target = i < 30 || i > n - 30 ? i : i - 28 + below(57);
		moat_layout(slot, n, &real);
		invalid += !valid(slot, n, &real);
	}
	CHECK(!invalid, "%u of 40 large layouts have a branch out of reach", invalid);
	free(slot);
}

/* The worst case of growing: each branch forces the one before it, a round each. */
static void check_chain(void)
{
	u32 n = 2000, i, longs = 0;
	struct moat_slot *slot = calloc(n + 1, sizeof(*slot));

	for (i = 0; i < n; i++) {
		slot[i].target = i + 64 < n ? i + 64 : n - 1;
		slot[i].body = i + 64 < n ? 0 : 2;
	}
	slot[n - 1].target = 0;
	moat_layout(slot, n, &real);
	for (i = 0; i < n; i++)
		longs += slot[i].form == MOAT_LONG;
	CHECK(valid(slot, n, &real) && longs > 1, "a chain of %u branches: %u long", n, longs);
	free(slot);
}

/* One branch more in each round, as a program can have it: must not take a pass over all slots each time. */
static void check_cascade(void)
{
	u32 n = 400000, i, longs = 0;
	struct moat_slot *slot = calloc(n + 1, sizeof(*slot));

	for (i = 0; i < n; i++) {
		slot[i].body = 61;
		slot[i].target = i + 3 < n ? i + 3 : n - 1;
		slot[i].conditional = true;
	}
	slot[n - 3].target = 0;
	moat_layout(slot, n, &real);
	for (i = 0; i < n; i++)
		longs += slot[i].form == MOAT_LONG;
	CHECK(valid(slot, n, &real) && longs > 100, "a cascade of %u branches: %u long", n, longs);
	free(slot);
}

/* By definition: the last slot that starts at or before @at. */
static s64 slot_by_search(const u32 *start, u32 len, u32 at)
{
	s64 found = -1;
	u32 i;

	for (i = 0; i < len && at < start[len]; i++)
		if (start[i] <= at)
			found = i;
	return found;
}

static void check_slot_at(void)
{
	u32 start[12], round, len, i, at, wrong = 0;

	for (round = 0; round < 20000; round++) {
		len = 1 + below(10);
		start[0] = below(5);
		for (i = 0; i < len; i++)
			start[i + 1] = start[i] + below(4);	/* empty slots too */
		for (at = 0; at < start[len] + 3; at++)
			wrong += moat_slot_at(start, len, at) != slot_by_search(start, len, at);
	}
	CHECK(!wrong, "%u wrong slots", wrong);
}

int main(void)
{
	srandom(1);
	check_small();
	check_large();
	check_chain();
	check_cascade();
	check_slot_at();
	return check_done();
}
