/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Defects of maps: what the host's own tables must withstand. */
#include "../runtime/maps/maps.h"
#include "history.h"

/* Maps ------------------------------------------------------------------------------ */

static const struct shape {
	enum bpf_map_type type;
	u32 key, value, entries;
} shapes[] = {
	{ BPF_MAP_TYPE_ARRAY, 4, 8, 3 }, { BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 3 }, { BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 3 },
	{ BPF_MAP_TYPE_HASH, 4, 8, 3 }, { BPF_MAP_TYPE_LRU_HASH, 4, 8, 3 }, { BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 3 },
	{ BPF_MAP_TYPE_LPM_TRIE, 8, 8, 3 }, { BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 3 }, { BPF_MAP_TYPE_RINGBUF, 0, 0, 65536 },
	{ BPF_MAP_TYPE_HASH_OF_MAPS, 4, 4, 3 }, { BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 3 },
};

static struct moat_map inner_kind = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };

static int make(struct moat_map *map, const struct shape *s)
{
	static struct moat_object owner = { .name = "shapes", .lock = PTHREAD_MUTEX_INITIALIZER };

	*map = (struct moat_map){ .obj = &owner, .type = s->type, .key_size = s->key, .value_size = s->value,
				  .max_entries = s->entries, .inner = &inner_kind, .name = "shape",
				  .flags = s->type == BPF_MAP_TYPE_LPM_TRIE ? BPF_F_NO_PREALLOC : 0 };
	return moat_map_create(map);
}

static size_t host_bytes(const struct moat_map *map)
{
	return moat_is_percpu(map->type) ? align_up(map->value_size, 8) * MOAT_MAX_CPUS : map->value_size;
}

/* What the host is asked for by key. */
static void by_key(struct attack_result *r, struct moat_map *map, const void *key)
{
	static u8 value[8 * MOAT_MAX_CPUS];

	history_expect(r, moat_map__delete_elem(map, key, map->key_size, 0) < 0, "deleted");
	history_expect(r, moat_map__lookup_elem(map, key, map->key_size, value, host_bytes(map), 0) < 0, "found");
	history_expect(r, !map->ops->lookup || !map->ops->lookup(map, key, 0), "looked up");
}

/* Keys of 2^31 and more on everything that has an index for a key; by a program too. */
static void large_keys(const struct attack_variant *v, struct attack_result *r)
{
	static const u32 key[] = { 3, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff };
	PROGRAM(insn, LDX(BPF_W, 2, 1, 8), STX(BPF_W, 10, 2, -4), LDX(BPF_DW, 1, 1, 0), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -4),
	     CALL(BPF_FUNC_map_lookup_elem), EXIT);
	static struct moat_map map;
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	u64 data[ATTACK_SHARED / 8] = { 0 };
	u32 i, n;

	if (!obj || attack_map(obj, &map, BPF_MAP_TYPE_ARRAY, 4, 8, 3, &data[0])) {
		attack_odd(r, "no map");
		return;
	}
	for (n = 0; n < ARRAY_SIZE(key); n++) {
		struct moat_run_opts opts = { 0 };

		data[1] = key[n];
		history_expect(r, !attack_run(obj, data, &opts) && !opts.retval, "a program found it");
		for (i = 0; i < 4; i++) {
			struct moat_map other;

			if (make(&other, &shapes[i < 3 ? i : 7])) {
				attack_odd(r, "no map");
				return;
			}
			by_key(r, &other, &key[n]);
			moat_map_destroy(&other);
		}
	}
}

/* Sizes and numbers whose products do not fit; types that do not exist here, and their helpers. */
static void geometry(const struct attack_variant *v, struct attack_result *r)
{
	static const struct shape huge[] = {
		{ BPF_MAP_TYPE_HASH, 4, 8, 0xffffffff }, { BPF_MAP_TYPE_HASH, 4, 8, 0x80000000 },
		{ BPF_MAP_TYPE_HASH, 4, 0x7ffffff8, 0x10000 }, { BPF_MAP_TYPE_HASH, 0xfffffff8, 8, 2 },
		{ BPF_MAP_TYPE_HASH, 4, 0xffffffff, 1 }, { BPF_MAP_TYPE_LRU_HASH, 512, 0x10000, 0x10000 },
		{ BPF_MAP_TYPE_PERCPU_HASH, 4, 0x8000, 0x100000 }, { BPF_MAP_TYPE_ARRAY, 4, 0xffffffff, 0xffffffff },
		{ BPF_MAP_TYPE_ARRAY, 4, 0x7fffffff, 2 }, { BPF_MAP_TYPE_ARRAY, 4, 16, 0x10000000 },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 0x8000, 0x10000000 }, { BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 0xffffffff },
		{ BPF_MAP_TYPE_LPM_TRIE, 0xffffffff, 8, 1 }, { BPF_MAP_TYPE_LPM_TRIE, 8, 0xffffffff, 0xffffffff },
		{ BPF_MAP_TYPE_RINGBUF, 0, 0, 0x80000000 }, { BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 0xffffffff },
	};
	struct moat_map map;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		history_expect(r, !make(&map, &shapes[i]), "a modest map is refused");
		moat_map_destroy(&map);
	}
	for (i = 0; i < ARRAY_SIZE(huge); i++) {
		if (!make(&map, &huge[i]))
			attack_odd(r, "shape %u was made", i);
		else
			r->contained++;
	}
	NOTE(r, "refused");
}

/* Every operation on every type of map, with no key where one may be missing: an answer, never a call of nothing. */
static void every_operation(const struct attack_variant *v, struct attack_result *r)
{
	static const struct shape bloom = { BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 3 };
	u64 key[2] = { 0 }, next[2], value[MOAT_MAX_CPUS] = { 0 };
	struct moat_map map;
	u32 i;

	history_expect(r, make(&map, &bloom) == -EOPNOTSUPP, "there are bloom filters");
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		if (make(&map, &shapes[i])) {
			attack_odd(r, "no map of shape %u", i);
			return;
		}
		moat_map__update_elem(&map, key, map.key_size, value, host_bytes(&map), BPF_ANY);
		moat_map__lookup_elem(&map, key, map.key_size, value, host_bytes(&map), 0);
		moat_map__get_next_key(&map, NULL, next, map.key_size);
		moat_map__get_next_key(&map, key, next, map.key_size);
		moat_map__delete_elem(&map, key, map.key_size, 0);
		moat_map__set_program(&map, 0, NULL);
		moat_map__set_inner(&map, key, map.key_size, NULL);
		history_expect(r, !moat_map__new_inner(&map, "x") || moat_is_outer(map.type), "an inner map of nothing");
		history_expect(r, !moat_ring_buffer__new(&map, NULL, NULL), "a consumer without a callback");
		moat_map_destroy(&map);
	}
}

/* Inner maps ------------------------------------------------------------------------- */

struct removal {
	struct moat_map *outer;
	u32 pauses;		/* that the program had begun when the removal was done */
};

static void *remove_inner(void *arg)
{
	struct removal *removal = arg;
	u32 key = 0;

	while (!helper_pauses)
		usleep(100);
	moat_map__set_inner(removal->outer, &key, 4, NULL);
	removal->pauses = helper_pauses;
	return NULL;
}

/* Looks up the inner map, pauses while the host takes it away, uses it then, and pauses again. */
static void inner_freed(const struct attack_variant *v, struct attack_result *r)
{
	PROGRAM(insn, MOV_X(6, 1), ST(BPF_W, 10, -4, 0), LDX(BPF_DW, 1, 6, 0), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -4),
	     CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JEQ, 0, 0, 11), MOV_X(8, 0), CALL(HELP_PAUSE), MOV_X(1, 8), MOV_X(2, 10),
	     ALU64_K(BPF_ADD, 2, -4), CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JEQ, 0, 0, 1), LDX(BPF_DW, 0, 0, 0), MOV_X(8, 0), CALL(HELP_PAUSE), MOV_X(0, 8),
	     EXIT);
	static struct moat_map outer;
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	struct removal removal = { .outer = &outer };
	u64 data[ATTACK_SHARED / 8] = { 0 }, secret = SECRET;
	struct moat_run_opts opts = { 0 };
	struct moat_map *inner = NULL;
	pthread_t thread;
	u32 key = 0;
	int err;

	outer = (struct moat_map){ .obj = obj, .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4,
				   .max_entries = 1, .inner = &inner_kind, .name = "outer" };
	err = !obj || moat_map_create(&outer);
	if (!err) {
		pthread_mutex_lock(&obj->lock);
		data[0] = moat_domain_map(moat_object__next_program(obj, NULL)->domain, &outer);
		pthread_mutex_unlock(&obj->lock);
		inner = moat_map__new_inner(&outer, "inner");
	}
	if (!data[0] || !inner || moat_map__update_elem(inner, &key, 4, &secret, 8, 0) ||
	    moat_map__set_inner(&outer, &key, 4, inner) || pthread_create(&thread, NULL, remove_inner, &removal)) {
		attack_odd(r, "no inner map");
		return;
	}
	err = attack_run(obj, data, &opts);
	pthread_join(thread, NULL);
	history_expect(r, !err && opts.retval == SECRET, "it was gone during the run");
	history_expect(r, removal.pauses == 2, "removing did not wait for the run");
	err = attack_run(obj, data, &opts);
	history_expect(r, !err && !opts.retval, "it was there behind the removal");
}

#define NO_BPF				"the host's own checks"

const struct history history_maps[] = {
ROW("CVE-2024-56615", "keys of 2^31 and more were negative: a write in front of the map", NO_BPF, large_keys, HOLDS_BY_ITSELF),
ROW("CVE-2024-56614", "the same in another type of map", NO_BPF, large_keys, HOLDS_BY_ITSELF),
ROW("CVE-2021-38166", "the size of a bucket overflowed", NO_BPF, geometry, HOLDS_BY_ITSELF),
ROW("CVE-2021-41864", "the size of all elements overflowed", NO_BPF, geometry, HOLDS_BY_ITSELF),
ROW("CVE-2022-0433", "a map without an operation was asked for it: a call of NULL", NO_BPF, every_operation, HOLDS_BY_ITSELF),
ROW("CVE-2023-52447", "an inner map was freed while a program used it", "removing waits for the runs under way", inner_freed,
    HOLDS_BY_ITSELF),
};
const u32 nr_history_maps = ARRAY_SIZE(history_maps);
