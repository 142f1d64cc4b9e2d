/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arrays of programs and of maps: their values are host memory only.
 *
 * Programs see an inner map as a handle of their domain.  It gets one before
 * it can be looked up, and loses it when no run can still hold what a lookup
 * gave it.
 */
#include <urcu/urcu-memb.h>
#include "maps.h"

typedef void *_Atomic slot_t;

static u32 index_of(const void *key)
{
	u32 index;

	memcpy(&index, key, sizeof(index));
	__asm__ volatile("" : "+r" (index));
	return index;
}

static int table_check(const struct moat_map *map)
{
	if (map->key_size != 4 || map->value_size != 4)
		return moat_map_refuse(map, -EINVAL, "keys and values of this type of map have 4 bytes");
	return 0;
}

static int table_alloc(struct moat_map *map)
{
	map->data = moat_zalloc((u64)map->max_entries * sizeof(slot_t));
	return map->data ? 0 : -ENOMEM;
}

static void table_free(struct moat_map *map)
{
	moat_zfree(map->data, (u64)map->max_entries * sizeof(slot_t));
}

static void *table_lookup(struct moat_map *map, const void *key, u32 cpu)
{
	slot_t *slot = map->data;
	u32 index = index_of(key);

	if (index >= map->max_entries)
		return NULL;
	return atomic_load_explicit(&slot[index], memory_order_acquire);
}

/* @value is where the pointer is. */
static long table_update(struct moat_map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	slot_t *slot = map->data;
	u32 index = index_of(key);

	if (flags != BPF_ANY)
		return -EINVAL;
	if (index >= map->max_entries)
		return -E2BIG;
	atomic_store_explicit(&slot[index], *(void *const *)value, memory_order_release);
	return 0;
}

static long table_delete(struct moat_map *map, const void *key)
{
	slot_t *slot = map->data;
	u32 index = index_of(key);

	if (index >= map->max_entries)
		return -E2BIG;
	return atomic_exchange(&slot[index], NULL) ? 0 : -ENOENT;
}

const struct moat_map_ops moat_prog_array_ops = {
	.check = table_check,
	.alloc = table_alloc,
	.free = table_free,
	.lookup = table_lookup,
	.update = table_update,
	.delete = table_delete,
	.next_key = moat_array_next_key,
};

const struct moat_map_ops moat_map_array_ops = {
	.check = table_check,
	.alloc = table_alloc,
	.free = table_free,
	.lookup = table_lookup,
	.update = table_update,
	.delete = table_delete,
	.next_key = moat_array_next_key,
};

/* Only the low half of @index counts, as in the kernel. */
struct moat_program *moat_map_program_at(struct moat_map *map, u64 index)
{
	u32 key = index;

	return map->type == BPF_MAP_TYPE_PROG_ARRAY ? table_lookup(map, &key, 0) : NULL;
}

int moat_map__set_program(struct moat_map *map, __u32 index, struct moat_program *prog)
{
	if (!map->created || map->type != BPF_MAP_TYPE_PROG_ARRAY)
		return -EINVAL;
	if (!prog)
		return table_delete(map, &index);
	/* A program of another object could be gone before the map is. */
	if (prog->obj != map->obj)
		return moat_map_refuse(map, -EINVAL, "a program of another object");
	if (!prog->loaded)
		return moat_map_refuse(map, -EINVAL, "a program that is not loaded");
	return table_update(map, &index, &prog, BPF_ANY, 0);
}

/* Naming inner maps ------------------------------------------------------- */

/* One domain that names a map because maps of maps hold it. */
struct moat_naming {
	struct moat_naming *next;
	struct moat_domain *domain;
	u32 count;
	bool direct;		/* it was named before, by a program itself: never taken back */
};

static struct moat_naming **find_naming(struct moat_map *map, const struct moat_domain *d)
{
	struct moat_naming **at = &map->naming;

	while (*at && (*at)->domain != d)
		at = &(*at)->next;
	return at;
}

static bool is_named(const struct moat_map *map, const struct moat_domain *d)
{
	u32 i;

	for (i = 0; i < map->nr_domain; i++)
		if (map->domain[i] == d)
			return true;
	return false;
}

static int name_in(struct moat_domain *d, struct moat_map *inner)
{
	struct moat_naming *n = *find_naming(inner, d);

	if (n) {
		n->count++;
		return 0;
	}
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->domain = d;
	n->count = 1;
	n->direct = is_named(inner, d);
	if (!n->direct && !moat_domain_map(d, inner)) {
		free(n);
		return -ENOSPC;
	}
	n->next = inner->naming;
	inner->naming = n;
	return 0;
}

static void unname_in(struct moat_domain *d, struct moat_map *inner)
{
	struct moat_naming **at = find_naming(inner, d), *n = *at;

	if (!n || --n->count)
		return;
	*at = n->next;
	if (!n->direct)
		moat_domain_unmap(d, inner);
	free(n);
}

void moat_map_forget_names(struct moat_map *map)
{
	struct moat_naming *n;

	while ((n = map->naming)) {
		map->naming = n->next;
		free(n);
	}
}

static void unname(struct moat_map *outer, struct moat_map *inner)
{
	u32 i;

	for (i = 0; i < outer->nr_domain; i++)
		unname_in(outer->domain[i], inner);
}

static int name(struct moat_map *outer, struct moat_map *inner)
{
	u32 i;
	int err;

	for (i = 0; i < outer->nr_domain; i++) {
		err = name_in(outer->domain[i], inner);
		if (!err)
			continue;
		while (i--)
			unname_in(outer->domain[i], inner);
		return moat_map_refuse(inner, err, "a domain cannot name another map");
	}
	return 0;
}

/* As the kernel compares them: programs were compiled for the kind of the template. */
static bool same_kind(const struct moat_map *a, const struct moat_map *b)
{
	return a->type == b->type && a->key_size == b->key_size && a->value_size == b->value_size &&
	       a->flags == b->flags &&
	       (a->type != BPF_MAP_TYPE_ARRAY || a->flags & BPF_F_INNER_MAP || a->max_entries == b->max_entries);
}

/* Exchange what @key leads to, NULL: nothing.  The object is locked; *@old is what was there. */
static int exchange(struct moat_map *map, const void *key, struct moat_map *inner, struct moat_map **old)
{
	int err;

	*old = map->ops->lookup(map, key, 0);
	if (!inner)
		return map->ops->delete(map, key);
	err = name(map, inner);
	if (err)
		return err;
	err = map->ops->update(map, key, &inner, BPF_ANY, 0);
	if (err)
		unname(map, inner);
	return err;
}

int moat_map__set_inner(struct moat_map *map, const void *key, size_t key_sz, struct moat_map *inner)
{
	struct moat_map *old = NULL;
	int err;

	if (!map->created || !moat_is_outer(map->type) || key_sz != map->key_size)
		return -EINVAL;
	if (inner && (!inner->created || inner->obj != map->obj))
		return moat_map_refuse(map, -EINVAL, "an inner map must be a created map of the same object");
	/* Removal waits for the runs under way: this one cannot wait for itself. */
	if (moat_self && moat_self->run)
		return -EBUSY;
	if (inner && !same_kind(map->inner, inner))
		return moat_map_refuse(map, -EINVAL, "an inner map of another kind");

	pthread_mutex_lock(&map->obj->lock);
	err = exchange(map, key, inner, &old);
	if (!err && old) {
		urcu_memb_synchronize_rcu();
		unname(map, old);
	}
	pthread_mutex_unlock(&map->obj->lock);
	return err;
}

struct moat_map *moat_map__new_inner(struct moat_map *outer, const char *name)
{
	struct moat_map *map;
	int err;

	/* The object's lock may be held by a thread that waits for this very run. */
	if (moat_self && moat_self->run) {
		errno = EBUSY;
		return NULL;
	}
	if (!outer->created || !moat_is_outer(outer->type)) {
		errno = EINVAL;
		return NULL;
	}
	map = calloc(1, sizeof(*map));
	if (!map)
		return NULL;
	snprintf(map->name, sizeof(map->name), "%s", name ? name : outer->inner->name);
	map->obj = outer->obj;
	map->type = outer->inner->type;
	map->key_size = outer->inner->key_size;
	map->value_size = outer->inner->value_size;
	map->max_entries = outer->inner->max_entries;
	map->flags = outer->inner->flags;
	err = moat_map_create(map);
	if (err) {
		free(map);
		errno = -err;
		return NULL;
	}
	pthread_mutex_lock(&map->obj->lock);
	map->next = map->obj->maps;
	map->obj->maps = map;
	pthread_mutex_unlock(&map->obj->lock);
	return map;
}
