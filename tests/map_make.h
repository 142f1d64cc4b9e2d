/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps of their own for the tests of maps: no object file, no program. */
#ifndef MOAT_TEST_MAP_MAKE_H
#define MOAT_TEST_MAP_MAKE_H

#include "../runtime/maps/maps.h"
#include "check.h"

extern struct moat_object map_owner;	/* of all maps that are made here */

/* A created map, or NULL with *@err (which may be NULL) set. */
struct moat_map *map_make(enum bpf_map_type type, u32 key, u32 value, u32 max, u32 flags, int *err);
void map_drop(struct moat_map *map);
/* What creation says. */
int map_try(enum bpf_map_type type, u32 key, u32 value, u32 max, u32 flags);

/* Keys and values of whole u32 and u64, as most tests use them. */
int map_put(struct moat_map *map, u32 key, u64 value, u64 flags);
int map_get(struct moat_map *map, u32 key, u64 *value);
int map_del(struct moat_map *map, u32 key);

#endif
