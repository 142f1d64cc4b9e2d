/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Domains: what memory and which maps belong to a program.
 *
 * Two things are kept for each grant: the mapping, which confines the
 * program's own accesses, and a region, which is what the audit of helper
 * arguments goes by.  The region table is replaced as a whole, so that the
 * audit reads it without a lock.
 */
#include <urcu.h>

#include "internal.h"

static int shared_key = -1;	/* of all pku+basereg domains: there cages separate them from each other */

static int take_shared_key(void)
{
	pthread_mutex_lock(&moat_lock);
	if (shared_key < 0)
		shared_key = moat_key_alloc();
	pthread_mutex_unlock(&moat_lock);
	return shared_key;
}

static int take_key(struct moat_domain *d)
{
	d->key = d->basereg ? take_shared_key() : moat_key_alloc();
	if (d->key < 0)
		return d->key;
	d->host_pkru = MOAT_DEFAULT_PKRU;
	d->domain_pkru = moat_key_rights(d->key);
	return 0;
}

/* The mechanisms of the mode.  What it took is in @d, also on failure. */
static int set_up(struct moat_domain *d)
{
	int err = moat_heap_init();

	if (err || d->sketch)
		return err;
	if (!d->basereg && moat_heap_why())
		return -EOPNOTSUPP;
	if (d->gates)
		err = take_key(d);
	if (err || !d->basereg)
		return err;
	d->cage = moat_cage_alloc();
	return d->cage ? 0 : -ENOMEM;
}

static struct moat_domain *make(enum moat_mode mode, bool sketch)
{
	struct moat_domain *d = calloc(1, sizeof(*d));
	int err;

	if (!d) {
		errno = ENOMEM;
		return NULL;
	}
	d->mode = mode;
	d->sketch = sketch;
	d->gates = mode == MOAT_MODE_PKU || mode == MOAT_MODE_PKU_BASEREG;
	d->basereg = mode == MOAT_MODE_BASEREG || mode == MOAT_MODE_PKU_BASEREG;
	d->key = -1;
	pthread_mutex_init(&d->lock, NULL);
	pthread_mutex_init(&d->revoking, NULL);
	err = set_up(d);
	if (err) {
		moat_domain_free(d);
		errno = -err;
		return NULL;
	}
	return d;
}

struct moat_domain *moat_domain_new(enum moat_mode mode)
{
	return make(mode, false);
}

struct moat_domain *moat_domain_sketch(enum moat_mode mode)
{
	return make(mode, true);
}

int moat_domain_map_pages(struct moat_domain *d, u32 off, size_t bytes, u8 rights)
{
	if (d->sketch)
		return 0;
	if (d->basereg)
		return moat_cage_map(d->cage, off, bytes, rights, d->key);
	return moat_heap_home(off, bytes, rights, d->key);
}

static void free_retired(struct moat_regions *t)
{
	while (t) {
		struct moat_regions *older = t->retired;

		free(t);
		t = older;
	}
}

/*
 * Replace the table; under d->lock.  A table that runs may be reading is kept
 * behind the new one until revoking waits for them anyway: granting, which
 * goes on while programs run, never waits.
 */
static void publish(struct moat_domain *d, struct moat_regions *new)
{
	struct moat_regions *old = d->regions;

	new->retired = old;
	rcu_assign_pointer(d->regions, new);
	if (!d->entered) {
		new->retired = NULL;
		free_retired(old);
	}
}

/* A copy with room for @extra more. */
static struct moat_regions *copy_table(const struct moat_regions *old, u32 extra)
{
	u32 nr = old ? old->nr : 0;
	struct moat_regions *t = malloc(sizeof(*t) + (nr + extra) * sizeof(t->region[0]));

	if (!t)
		return NULL;
	t->nr = nr;
	if (nr)
		memcpy(t->region, old->region, nr * sizeof(t->region[0]));
	return t;
}

/* The number of regions that begin at or before @off. */
static u32 regions_upto(const struct moat_regions *t, u64 off)
{
	u32 lo = 0, hi = t->nr;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (t->region[mid].start <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Put @r into the table @t, which has room for it. */
static int insert(struct moat_regions *t, const struct moat_region *r)
{
	u32 i = regions_upto(t, r->start);

	if (i && t->region[i - 1].end > r->start)
		return -EEXIST;
	if (i < t->nr && r->end > t->region[i].start)
		return -EEXIST;
	memmove(&t->region[i + 1], &t->region[i], (t->nr - i) * sizeof(*r));
	t->region[i] = *r;
	t->nr++;
	return 0;
}

/* Under d->lock. */
static int grant(struct moat_domain *d, u32 off, size_t bytes, u8 rights, const char *name)
{
	struct moat_region r = { .start = off, .end = off + bytes, .rights = rights, .name = name };
	struct moat_regions *t;
	int err;

	if (!bytes || !rights || off % moat_heap.page || off + (u64)bytes > UINT32_MAX)
		return -EINVAL;
	t = copy_table(d->regions, 1);
	if (!t)
		return -ENOMEM;
	err = insert(t, &r);
	if (!err)
		err = moat_domain_map_pages(d, off, bytes, rights);
	if (err) {
		free(t);
		return err;
	}
	publish(d, t);
	return 0;
}

int moat_domain_grant(struct moat_domain *d, u32 off, size_t bytes, u8 rights, const char *name)
{
	int err;

	pthread_mutex_lock(&d->lock);
	err = grant(d, off, bytes, rights, name);
	pthread_mutex_unlock(&d->lock);
	return err;
}

/* Take the region that begins at @off out of the table; under d->lock.  False: there is none. */
static bool take_out(struct moat_domain *d, u32 off, struct moat_region *r)
{
	struct moat_regions *t;
	u32 i = d->regions ? regions_upto(d->regions, off) : 0;

	if (!i || d->regions->region[i - 1].start != off)
		return false;
	*r = d->regions->region[i - 1];
	t = copy_table(d->regions, 0);
	if (t) {
		memmove(&t->region[i - 1], &t->region[i], (t->nr - i) * sizeof(*r));
		t->nr--;
		publish(d, t);
	} else {	/* an empty region in place: readers see the old end or this one */
		__atomic_store_n(&d->regions->region[i - 1].end, r->start, __ATOMIC_RELEASE);
	}
	return true;
}

/*
 * First the audit forgets the pages, then helpers that passed it are waited
 * for, then the program loses them.  While we wait d->lock is free: runs that
 * we wait for may need it for a slot.  Who revokes is alone in that by
 * d->revoking, so the table that we leave behind is there when we come back.
 *
 * Never from within a run, which would wait for itself.
 */
void moat_domain_revoke(struct moat_domain *d, u32 off)
{
	struct moat_regions *then;
	struct moat_region r;
	bool found, wait;

	pthread_mutex_lock(&d->revoking);
	pthread_mutex_lock(&d->lock);
	found = take_out(d, off, &r);
	then = d->regions;
	/* In a probe's child the parent's threads are gone: do not wait for them. */
	wait = found && d->entered && !moat_probing;
	pthread_mutex_unlock(&d->lock);
	if (wait)
		synchronize_rcu();
	pthread_mutex_lock(&d->lock);
	if (wait) {
		free_retired(then->retired);
		then->retired = NULL;
	}
	if (found && moat_domain_map_pages(d, off, r.end - r.start, 0))
		moat_print(MOAT_WARN, "heap pages at 0x%x cannot be taken from a domain", off);
	pthread_mutex_unlock(&d->lock);
	pthread_mutex_unlock(&d->revoking);
}

bool moat_domain_has(const struct moat_domain *d, u64 p, u64 bytes, u8 rights)
{
	const struct moat_regions *t = rcu_dereference(d->regions);
	u32 i = t && p <= UINT32_MAX ? regions_upto(t, p) : 0;
	u64 end;

	if (!i || (t->region[i - 1].rights & rights) != rights)
		return false;
	end = __atomic_load_n(&t->region[i - 1].end, __ATOMIC_ACQUIRE);
	return p <= end && bytes <= end - p;
}

void moat_domain_free(struct moat_domain *d)
{
	u32 i;

	if (!d)
		return;
	d->entered = false;	/* nobody to wait for */
	for (i = 0; i < d->nr_map; i++)
		if (d->map[i])
			moat_domain_unmap(d, d->map[i]);
	for (i = 0; d->regions && i < d->regions->nr; i++) {
		struct moat_region *r = &d->regions->region[i];

		if (r->end > r->start)
			moat_domain_map_pages(d, r->start, r->end - r->start, 0);
	}
	free_retired(d->regions);
	moat_slot_free_all(d);
	if (d->cage)
		moat_cage_free(d->cage);
	if (d->gates && !d->basereg)
		moat_key_free(d->key);
	pthread_mutex_destroy(&d->lock);
	pthread_mutex_destroy(&d->revoking);
	free(d);
}
