/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of their own for the tests of maps. */
#include "map_make.h"

struct moat_object map_owner = { .name = "test", .lock = PTHREAD_MUTEX_INITIALIZER };

struct moat_map *map_make(enum bpf_map_type type, u32 key, u32 value, u32 max, u32 flags, int *err)
{
	struct moat_map *map = calloc(1, sizeof(*map));
	int ret;

	snprintf(map->name, sizeof(map->name), "type%d", type);
	map->obj = &map_owner;
	map->type = type;
	map->key_size = key;
	map->value_size = value;
	map->max_entries = max;
	map->flags = flags;
	ret = moat_map_create(map);
	if (err)
		*err = ret;
	if (!ret)
		return map;
	free(map);
	return NULL;
}

void map_drop(struct moat_map *map)
{
	if (!map)
		return;
	moat_map_destroy(map);
	free(map->domain);
	free(map);
}

int map_try(enum bpf_map_type type, u32 key, u32 value, u32 max, u32 flags)
{
	int err;

	map_drop(map_make(type, key, value, max, flags, &err));
	return err;
}

int map_put(struct moat_map *map, u32 key, u64 value, u64 flags)
{
	return moat_map__update_elem(map, &key, sizeof(key), &value, sizeof(value), flags);
}

int map_get(struct moat_map *map, u32 key, u64 *value)
{
	return moat_map__lookup_elem(map, &key, sizeof(key), value, sizeof(*value), 0);
}

int map_del(struct moat_map *map, u32 key)
{
	return moat_map__delete_elem(map, &key, sizeof(key), 0);
}
