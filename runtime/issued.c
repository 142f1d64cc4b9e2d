/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What runs were issued and still hold: ring-buffer records, and objects of
 * the host's helpers.  Whatever is left when a run ends, however it ends, is
 * given back.
 */
#include "helpers.h"

static_assert(MOAT_MAX_ISSUED < 32, "moat_run.issued_busy has a bit for each");

/*
 * Handles of objects: no memory (that begins at 64 KiB) and no map.  They
 * count up, so that the handle of an object that was released does not soon
 * name another.
 */
#define HANDLES		0x8000u
#define GENERATIONS	(HANDLES / MOAT_MAX_ISSUED)

static_assert((MOAT_MAX_MAPS + 1) * 8 < HANDLES, "no map has such a handle");

struct moat_issued *moat_issued_find(struct moat_run *run, enum moat_issued_kind kind, u64 p)
{
	u32 busy;

	if (!run->domain->basereg && p >> 32)
		return NULL;
	for (busy = run->issued_busy; busy; busy &= busy - 1) {
		struct moat_issued *issued = &run->issued[__builtin_ctz(busy)];

		if (issued->kind == kind && issued->off == (u32)p)
			return issued;
	}
	return NULL;
}

bool moat_issued_room(const struct moat_run *run)
{
	return __builtin_ctz(~run->issued_busy) < MOAT_MAX_ISSUED;
}

struct moat_issued *moat_issue(struct moat_run *run, enum moat_issued_kind kind)
{
	u32 i = __builtin_ctz(~run->issued_busy);

	if (i >= MOAT_MAX_ISSUED)
		return NULL;
	run->issued_busy |= 1u << i;
	run->issued[i].kind = kind;
	return &run->issued[i];
}

u64 moat_issue_object(struct moat_run *run, const struct moat_helper *h, void *object)
{
	struct moat_issued *issued = moat_issue(run, MOAT_ISSUED_OBJECT);

	/* There was room when the helper was called; it may have used it up by calling back. */
	if (!issued) {
		h->release(object, run->user);
		return 0;
	}
	issued->object = object;
	issued->release = h->release;
	issued->type = h->object;
	issued->off = HANDLES + run->issued_count++ % GENERATIONS * MOAT_MAX_ISSUED + (issued - run->issued);
	return issued->off;
}

void moat_issued_done(struct moat_run *run, struct moat_issued *issued)
{
	issued->kind = MOAT_ISSUED_FREE;
	run->issued_busy &= ~(1u << (issued - run->issued));
}

static void give_back(struct moat_run *run, struct moat_issued *issued)
{
	if (issued->kind == MOAT_ISSUED_OBJECT) {
		moat_print(MOAT_DEBUG, "%s: an object that the program still held is released", run->prog->name);
		issued->release(issued->object, run->user);
		return;
	}
	moat_print(MOAT_DEBUG, "map '%s': a record that the program still held is discarded", issued->map->name);
	moat_ring_commit(issued->map, issued->private, true, 0);
}

void moat_run_release(struct moat_run *run)
{
	run->scratch = 0;
	while (run->issued_busy) {
		struct moat_issued *issued = &run->issued[__builtin_ctz(run->issued_busy)], was = *issued;

		moat_issued_done(run, issued);
		give_back(run, &was);
	}
}
