/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Map handles: what a program holds in place of a pointer to a map.
 *
 * A handle is (index + 1) * 8 in a table of the domain: never the address of
 * anything (offsets below 64 KiB are no memory), and of no use but to be
 * looked up here.  Mode none gives the host's pointer itself.
 */
#include "internal.h"

#define HANDLE_STEP	8

static_assert((MOAT_MAX_MAPS + 1) * HANDLE_STEP < 0x10000, "handles are no heap offsets");

/* The index that names @map, or the table's end. */
static u32 find(const struct moat_domain *d, const struct moat_map *map)
{
	u32 i, nr = d->nr_map;

	for (i = 0; i < nr; i++)
		if (atomic_load_explicit(&d->map[i], memory_order_relaxed) == map)
			return i;
	return MOAT_MAX_MAPS;
}

static u64 handle(const struct moat_domain *d, const struct moat_map *map, u32 i)
{
	return d->mode == MOAT_MODE_NONE ? (u64)map : (u64)(i + 1) * HANDLE_STEP;
}

/* Under the object's lock. */
static int list_domain(struct moat_map *map, struct moat_domain *d)
{
	void *p = realloc(map->domain, (map->nr_domain + 1) * sizeof(map->domain[0]));

	if (!p)
		return -ENOMEM;
	map->domain = p;
	map->domain[map->nr_domain++] = d;
	return 0;
}

static void unlist_domain(struct moat_map *map, const struct moat_domain *d)
{
	u32 i;

	for (i = 0; i < map->nr_domain; i++)
		if (map->domain[i] == d)
			map->domain[i--] = map->domain[--map->nr_domain];
}

u64 moat_domain_map(struct moat_domain *d, struct moat_map *map)
{
	u32 i = find(d, map);
	int err = 0;

	if (i < MOAT_MAX_MAPS)
		return handle(d, map, i);
	for (i = 0; i < d->nr_map && d->map[i]; i++)
		;
	if (i == MOAT_MAX_MAPS || list_domain(map, d))
		return 0;
	if (map->heap_bytes)
		err = moat_domain_grant(d, map->heap_off, map->heap_bytes, map->rights, map->name);
	if (err) {
		unlist_domain(map, d);
		errno = -err;
		return 0;
	}
	atomic_store(&d->map[i], map);
	if (i == d->nr_map)
		d->nr_map++;
	return handle(d, map, i);
}

/* Under the object's lock, and not from within a run: revoking waits for the runs that may use the values. */
void moat_domain_unmap(struct moat_domain *d, struct moat_map *map)
{
	u32 i = find(d, map);

	if (i == MOAT_MAX_MAPS)
		return;
	atomic_store(&d->map[i], NULL);
	unlist_domain(map, d);
	if (map->heap_bytes)
		moat_domain_revoke(d, map->heap_off);
}

struct moat_map *moat_domain_map_at(const struct moat_domain *d, u64 h)
{
	u64 i = h / HANDLE_STEP - 1;

	if (d->mode == MOAT_MODE_NONE)
		i = find(d, (const struct moat_map *)h);
	else if (h % HANDLE_STEP)
		return NULL;
	return i < MOAT_MAX_MAPS ? atomic_load(&d->map[i]) : NULL;
}

u64 moat_domain_handle(const struct moat_domain *d, const struct moat_map *map)
{
	u32 i = find(d, map);

	return i < MOAT_MAX_MAPS ? handle(d, map, i) : 0;
}
