/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the host does with maps, as bpf(2) would: sizes and rights are checked here, keys by the types. */
#include "maps.h"

const char *moat_map__name(const struct moat_map *map)
{
	return map->name;
}

enum bpf_map_type moat_map__type(const struct moat_map *map)
{
	return map->type;
}

__u32 moat_map__key_size(const struct moat_map *map)
{
	return map->key_size;
}

__u32 moat_map__value_size(const struct moat_map *map)
{
	return map->value_size;
}

__u32 moat_map__max_entries(const struct moat_map *map)
{
	return map->max_entries;
}

int moat_map__set_max_entries(struct moat_map *map, __u32 max_entries)
{
	if (map->created)
		return -EBUSY;
	if (map->internal || !max_entries)
		return -EINVAL;
	map->max_entries = max_entries;
	return 0;
}

/* Bytes of value that the host takes and gives. */
static size_t host_value(const struct moat_map *map)
{
	return moat_is_percpu(map->type) ? align_up(map->value_size, 8) * MOAT_MAX_CPUS : map->value_size;
}

/* 0, or why an access of the host to keys and values of @map is refused. */
static int check_access(const struct moat_map *map, size_t key_sz, u32 forbidden)
{
	if (!map->created || key_sz != map->key_size)
		return -EINVAL;
	if (map->flags & forbidden)
		return -EPERM;
	return 0;
}

/* .rodata is frozen once the object is loaded. */
static bool is_frozen(const struct moat_map *map)
{
	return map->internal && map->flags & BPF_F_RDONLY_PROG && map->obj && map->obj->loaded;
}

int moat_map__lookup_elem(const struct moat_map *map, const void *key, size_t key_sz,
			  void *value, size_t value_sz, __u64 flags)
{
	int err = check_access(map, key_sz, BPF_F_WRONLY);

	if (err)
		return err;
	if (!map->ops->read || moat_is_outer(map->type))
		return -EOPNOTSUPP;
	if (flags || value_sz != host_value(map))
		return -EINVAL;
	return map->ops->read((struct moat_map *)map, key, value);
}

int moat_map__update_elem(const struct moat_map *map, const void *key, size_t key_sz,
			  const void *value, size_t value_sz, __u64 flags)
{
	int err = check_access(map, key_sz, BPF_F_RDONLY);

	if (err)
		return err;
	if (!map->ops->read || moat_is_outer(map->type))
		return -EOPNOTSUPP;
	if (is_frozen(map))
		return -EPERM;
	if (value_sz != host_value(map))
		return -EINVAL;
	return map->ops->update((struct moat_map *)map, key, value, flags,
				moat_is_percpu(map->type) ? MOAT_ALL_CPUS : 0);
}

int moat_map__delete_elem(const struct moat_map *map, const void *key, size_t key_sz, __u64 flags)
{
	int err = check_access(map, key_sz, BPF_F_RDONLY);

	if (err)
		return err;
	if (flags)
		return -EINVAL;
	if (moat_is_outer(map->type))
		return moat_map__set_inner((struct moat_map *)map, key, key_sz, NULL);
	return map->ops->delete((struct moat_map *)map, key);
}

int moat_map__get_next_key(const struct moat_map *map, const void *cur, void *next, size_t key_sz)
{
	int err = check_access(map, key_sz, BPF_F_WRONLY);

	return err ? err : map->ops->next_key((struct moat_map *)map, cur, next);
}
