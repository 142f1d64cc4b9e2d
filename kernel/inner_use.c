// SPDX-License-Identifier: GPL-2.0-only
/* Maps in maps, as isolated programs use them; see inner.c. */
#include <linux/slab.h>
#include "inner.h"

#define INNER_HANDLE	BIT(31)	/* no map has a number as high */

/* With moat_inner_lock held. */
static int use(struct moat_use *u, struct moat_domain *d, struct moat_outer *o)
{
	struct bpf_moat_inner *i;
	unsigned long id;
	int err;

	u->domain = d;
	u->outer = o;
	list_add(&u->list, &o->use);
	xa_for_each(&o->inner, id, i) {
		err = i->map->moat ? moat_cage_lend(&d->cage, i->map->moat, moat_may_write(i->map)) : 0;
		if (err)
			return err;
	}
	return 0;
}

int moat_inner_open(struct moat_domain *d)
{
	struct moat_outer *o;
	u32 i;
	int err = 0;

	d->use = kcalloc(d->nr_map + 1, sizeof(*d->use), GFP_KERNEL_ACCOUNT);
	if (!d->use)
		return -ENOMEM;
	mutex_lock(&moat_inner_lock);
	for (i = 0; !err && i < d->nr_map; i++) {
		o = d->map[i]->inner_map_meta ? moat_outer_of(d->map[i]) : NULL;
		if (o)
			err = use(&d->use[d->nr_use++], d, o);
	}
	mutex_unlock(&moat_inner_lock);
	return err;
}

/* The cage takes what it was lent with it. */
void moat_inner_close(struct moat_domain *d)
{
	mutex_lock(&moat_inner_lock);
	while (d->nr_use)
		list_del(&d->use[--d->nr_use].list);
	mutex_unlock(&moat_inner_lock);
	kfree(d->use);
	d->use = NULL;
}

const char *moat_inner_misfit(const struct bpf_map *outer)
{
	const struct bpf_map *inner = outer->inner_map_meta;

	if (!moat_outer_of(outer))
		return "a map of maps from before programs were isolated";
	if (inner->map_flags & BPF_F_WRONLY_PROG)
		return "a map of maps that can only be written, which a page cannot say";
	return NULL;
}

u64 moat_map_handle(const struct moat_domain *d, const struct bpf_map *map)
{
	u32 i;

	for (i = 0; i < d->nr_map; i++)
		if (d->map[i] == map)
			return 1 + i;
	return INNER_HANDLE | map->id;
}

/* A number may be that of a map that the program has never met: if it is in a map of this program, no harm is done. */
struct bpf_map *moat_inner_at(const struct moat_domain *d, u32 handle)
{
	const struct bpf_moat_inner *inner = NULL;
	u32 i;

	for (i = 0; handle & INNER_HANDLE && !inner && i < d->nr_use; i++)
		inner = xa_load(&d->use[i].outer->inner, handle & ~INNER_HANDLE);
	return inner ? inner->map : NULL;
}

bool moat_inner_memory(const struct moat_domain *d, u32 at, u64 bytes, bool write)
{
	const struct bpf_moat_inner *inner;
	unsigned long id;
	u32 i;

	for (i = 0; i < d->nr_use; i++)
		xa_for_each(&d->use[i].outer->inner, id, inner) {
			const struct bpf_moat_values *v = inner->map->moat;

			if (v && moat_inside(at, bytes, v->start, v->bytes))
				return !write || moat_may_write(inner->map);
		}
	return false;
}
