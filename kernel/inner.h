/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps in maps: what the side of the maps (inner.c) and that of programs (inner_use.c) share. */
#ifndef MOAT_INNER_H
#define MOAT_INNER_H

#include <linux/mutex.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "gate.h"

struct bpf_moat_inner {
	struct bpf_map *map;	/* held */
	u32 id;
	u32 nr;			/* elements of the outer map that it is, and updates that are under way */
	u32 removals;		/* how often one of them ended */
	u32 seen;		/* removals that readers are waited for */
	struct list_head gone;
};

/* A map of maps, made when programs were isolated. */
struct moat_outer {
	struct hlist_node node;
	const struct bpf_map *map;
	spinlock_t lock;		/* of nr, removals */
	struct xarray inner;		/* struct bpf_moat_inner, by id */
	struct list_head use;		/* struct moat_use; under moat_inner_lock */
	struct work_struct sweep;
};

/* A program uses a map of maps. */
struct moat_use {
	struct list_head list;
	struct moat_domain *domain;
	struct moat_outer *outer;
};

/* Who uses which map of maps, and so which values are in which cages. */
extern struct mutex moat_inner_lock;

/* Any context.  It is there as long as its map.  NULL: no isolated program can look into the map. */
struct moat_outer *moat_outer_of(const struct bpf_map *map);

static inline bool moat_may_write(const struct bpf_map *map)
{
	return !(map->map_flags & BPF_F_RDONLY_PROG);
}

#endif
