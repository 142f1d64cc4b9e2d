/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arrays and per-CPU arrays; also what .data, .rodata and .bss are. */
#include "maps.h"

/* The kernel's limit on the value of a per-CPU map. */
#define MAX_PERCPU_VALUE	(32 << 10)

/* A key lies in memory that other threads may be writing: it is read once. */
static u32 index_of(const void *key)
{
	u32 index;

	memcpy(&index, key, sizeof(index));
	__asm__ volatile("" : "+r" (index));
	return index;
}

static int array_check(const struct moat_map *map)
{
	if (map->key_size != 4)
		return moat_map_refuse(map, -EINVAL, "the key of an array has 4 bytes");
	if (!map->value_size)
		return moat_map_refuse(map, -EINVAL, "value_size is 0");
	if (map->value_size > INT_MAX ||
	    (moat_is_percpu(map->type) && map->value_size > MAX_PERCPU_VALUE))
		return moat_map_refuse(map, -E2BIG, "the value is too large");
	return 0;
}

static int array_alloc(struct moat_map *map)
{
	struct moat_values *v = calloc(1, sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	map->data = v;
	err = moat_values_alloc(map, v, map->max_entries, moat_is_percpu(map->type));
	if (!err && map->initial)
		memcpy(v->base, map->initial, map->value_size);
	return err;
}

static void array_free(struct moat_map *map)
{
	free(map->data);
}

static void *array_lookup(struct moat_map *map, const void *key, u32 cpu)
{
	u32 index = index_of(key);

	return index < map->max_entries ? moat_value(map->data, index, cpu) : NULL;
}

static int array_read(struct moat_map *map, const void *key, void *value)
{
	u32 index = index_of(key);

	if (index >= map->max_entries)
		return -ENOENT;
	moat_values_read(map->data, index, value);
	return 0;
}

static long array_update(struct moat_map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	u32 index = index_of(key);

	if (flags > BPF_EXIST)
		return -EINVAL;
	if (index >= map->max_entries)
		return -E2BIG;
	if (flags == BPF_NOEXIST)
		return -EEXIST;
	moat_values_write(map->data, index, value, cpu);
	return 0;
}

static long array_delete(struct moat_map *map, const void *key)
{
	return -EINVAL;
}

int moat_array_next_key(struct moat_map *map, const void *key, void *next)
{
	u32 index = key ? index_of(key) : MOAT_NO_INDEX;

	/* An index that is not in the array starts anew, as in the kernel. */
	if (index >= map->max_entries)
		index = MOAT_NO_INDEX;
	else if (index == map->max_entries - 1)
		return -ENOENT;
	index++;
	memcpy(next, &index, sizeof(index));
	return 0;
}

static long array_each(struct moat_map *map, struct moat_run *run, u64 callback, u64 ctx)
{
	u64 seen = moat_map_seen(run, map);
	u32 cpu = run->thread->cpu, key = moat_scratch_get(run, sizeof(u32)), i;

	if (!key)
		return -ENOSPC;
	for (i = 0; i < map->max_entries; i++) {
		memcpy(moat_host(key), &i, sizeof(i));
		if (moat_callback(run, callback, seen, key, moat_offset(moat_value(map->data, i, cpu)), ctx)) {
			i++;
			break;
		}
	}
	moat_scratch_put(run, sizeof(u32));
	return i;
}

bool moat_array_values(const struct moat_map *map, struct moat_inline *out)
{
	const struct moat_values *v = map->data;

	if (map->ops != &moat_array_ops || !v || v->cpu_bytes > INT_MAX)
		return false;
	out->base = moat_offset(v->base);
	out->stride = v->stride;
	out->entries = map->max_entries;
	out->cpu_bytes = v->cpu_bytes;
	return true;
}

const struct moat_map_ops moat_array_ops = {
	.check = array_check,
	.alloc = array_alloc,
	.free = array_free,
	.lookup = array_lookup,
	.read = array_read,
	.update = array_update,
	.delete = array_delete,
	.next_key = moat_array_next_key,
	.each = array_each,
};
