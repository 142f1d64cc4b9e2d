/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Slots: the stack and the views of one running instance.
 *
 * Per domain and CPU number there is a list, one slot for each level of runs
 * inside runs, made when a level is first reached.
 */
#include "internal.h"

/* Under d->lock.  A piece of heap for one more run at a time on this CPU. */
static struct moat_slot_mem *new_slot(struct moat_domain *d)
{
	struct moat_slot_mem *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (moat_heap_alloc(MOAT_SLOT_BYTES, &s->off))
		goto fail;
	if (moat_domain_map_pages(d, s->off, MOAT_SLOT_BYTES, MOAT_READ | MOAT_WRITE))
		goto fail_heap;
	d->entered = true;
	return s;

fail_heap:
	moat_heap_free(s->off, MOAT_SLOT_BYTES);
fail:
	free(s);
	return NULL;
}

/* Only the thread that has @cpu comes here with it, so its list needs no lock; granting does. */
struct moat_slot_mem *moat_slot_get(struct moat_domain *d, u32 cpu)
{
	struct moat_slot_mem *s = d->slot[cpu], *last = NULL;
	u32 level;

	for (level = 0; s && s->busy; level++) {
		last = s;
		s = s->deeper;
	}
	if (!s && level < MOAT_MAX_NESTING) {
		pthread_mutex_lock(&d->lock);
		s = new_slot(d);
		pthread_mutex_unlock(&d->lock);
		if (s && last)
			last->deeper = s;
		else if (s)
			d->slot[cpu] = s;
	}
	if (!s) {
		d->busy++;
		errno = EBUSY;
		return NULL;
	}
	s->busy = true;
	return s;
}

void moat_slot_put(struct moat_slot_mem *s)
{
	s->busy = false;
}

/* No run uses the domain any more. */
void moat_slot_free_all(struct moat_domain *d)
{
	u32 cpu;

	for (cpu = 0; cpu < MOAT_MAX_CPUS; cpu++) {
		struct moat_slot_mem *s = d->slot[cpu];

		while (s) {
			struct moat_slot_mem *deeper = s->deeper;

			moat_domain_map_pages(d, s->off, MOAT_SLOT_BYTES, 0);
			moat_heap_free(s->off, MOAT_SLOT_BYTES);
			free(s);
			s = deeper;
		}
	}
}
