/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Each type of map, one thread: what the kernel's map of that type does, and its errors. */
#include "map_make.h"

#define ALL_CPUS	MOAT_MAX_CPUS

static void attributes(void)
{
	static const struct {
		enum bpf_map_type type;
		u32 key, value, max, flags;
		int err;
	} row[] = {
		{ BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0, 0 },
		{ BPF_MAP_TYPE_ARRAY, 8, 8, 1, 0, -EINVAL },
		{ BPF_MAP_TYPE_ARRAY, 4, 0, 1, 0, -EINVAL },
		{ BPF_MAP_TYPE_ARRAY, 4, 8, 0, 0, -EINVAL },
		{ BPF_MAP_TYPE_ARRAY, 4, 8, 1, BPF_F_NO_PREALLOC, -EINVAL },
		{ BPF_MAP_TYPE_ARRAY, 4, 1u << 31, 1, 0, -E2BIG },
		{ BPF_MAP_TYPE_ARRAY, 4, 1 << 30, 8, 0, -ENOMEM },
		{ BPF_MAP_TYPE_ARRAY, 4, 4096, ~0u, 0, -E2BIG },
		{ BPF_MAP_TYPE_ARRAY, 4, 8, 1, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG, -EINVAL },
		{ BPF_MAP_TYPE_ARRAY, 4, 8, 1, BPF_F_RDONLY | BPF_F_WRONLY, -EINVAL },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 3, 0, 0 },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 40000, 1, 0, -E2BIG },
		{ BPF_MAP_TYPE_HASH, 0, 8, 1, 0, -EINVAL },
		{ BPF_MAP_TYPE_HASH, 4, 0, 1, 0, -EINVAL },
		{ BPF_MAP_TYPE_HASH, 513, 8, 1, 0, -E2BIG },
		{ BPF_MAP_TYPE_HASH, 512, 8, 1, BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED, 0 },
		{ BPF_MAP_TYPE_HASH, 1, 1, 1, 0, 0 },
		{ BPF_MAP_TYPE_HASH, 4, 8, ~0u, 0, -E2BIG },
		{ BPF_MAP_TYPE_LRU_HASH, 4, 8, 1, BPF_F_NO_PREALLOC, -EINVAL },
		{ BPF_MAP_TYPE_LPM_TRIE, 8, 8, 1, 0, -EINVAL },
		{ BPF_MAP_TYPE_LPM_TRIE, 4, 8, 1, BPF_F_NO_PREALLOC, -EINVAL },
		{ BPF_MAP_TYPE_LPM_TRIE, 261, 8, 1, BPF_F_NO_PREALLOC, -EINVAL },
		{ BPF_MAP_TYPE_LPM_TRIE, 260, 8, 1, BPF_F_NO_PREALLOC, 0 },
		{ BPF_MAP_TYPE_PROG_ARRAY, 4, 8, 1, 0, -EINVAL },
		{ BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0, -EINVAL },
		{ BPF_MAP_TYPE_RINGBUF, 4, 0, 4096, 0, -EINVAL },
		{ BPF_MAP_TYPE_RINGBUF, 0, 0, 4096 * 3, 0, -EINVAL },
		{ BPF_MAP_TYPE_RINGBUF, 0, 0, 1024, 0, -EINVAL },
		{ BPF_MAP_TYPE_RINGBUF, 0, 0, 65536, 0, 0 },
		{ BPF_MAP_TYPE_CPUMAP, 4, 4, 4, 0, -EOPNOTSUPP },
		{ 9999, 4, 4, 4, 0, -EOPNOTSUPP },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		int err = map_try(row[i].type, row[i].key, row[i].value, row[i].max, row[i].flags);

		CHECK(err == row[i].err, "row %zu, type %d: %d, not %d", i, row[i].type, err, row[i].err);
	}
}

static void rights(void)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_ARRAY, 4, 8, 2, BPF_F_RDONLY_PROG | BPF_F_WRONLY, NULL);
	u64 v;

	CHECK(map->rights == MOAT_READ, "rights %d", map->rights);
	CHECK(map_get(map, 0, &v) == -EPERM, "the host may not read");
	CHECK(map_put(map, 0, 1, 0) == 0, "the host may write");
	map_drop(map);
	map = map_make(BPF_MAP_TYPE_HASH, 4, 8, 2, BPF_F_RDONLY, NULL);
	CHECK(map_put(map, 0, 1, 0) == -EPERM, "the host may not write");
	CHECK(map_del(map, 0) == -EPERM, "nor delete");
	map_drop(map);
}

static void array(void)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_ARRAY, 4, 8, 3, 0, NULL);
	u32 key, next;
	u64 v = 1;

	CHECK(map->heap_bytes == 24 && map->heap_off, "bytes %zu", map->heap_bytes);
	CHECK(!map_get(map, 2, &v) && v == 0, "starts as zero");
	CHECK(map_get(map, 3, &v) == -ENOENT, "behind the end");
	CHECK(!map_put(map, 2, 77, BPF_EXIST) && !map_get(map, 2, &v) && v == 77, "v %llu", (long long)v);
	CHECK(map_put(map, 2, 78, BPF_NOEXIST) == -EEXIST, "every element exists");
	CHECK(map_put(map, 3, 78, 0) == -E2BIG, "behind the end");
	CHECK(map_put(map, 0, 78, 4) == -EINVAL, "BPF_F_LOCK without a lock");
	CHECK(map_put(map, 0, 78, 1ull << 40) == -EINVAL, "unknown flag");
	CHECK(map_del(map, 0) == -EINVAL, "nothing can be deleted");
	CHECK(!moat_map__get_next_key(map, NULL, &next, 4) && next == 0, "first %u", next);
	key = 1;
	CHECK(!moat_map__get_next_key(map, &key, &next, 4) && next == 2, "next %u", next);
	key = 2;
	CHECK(moat_map__get_next_key(map, &key, &next, 4) == -ENOENT, "end");
	key = 9;
	CHECK(!moat_map__get_next_key(map, &key, &next, 4) && next == 0, "restart %u", next);
	CHECK(moat_map__lookup_elem(map, &key, 8, &v, 8, 0) == -EINVAL, "key size");
	CHECK(moat_map__lookup_elem(map, &key, 4, &v, 4, 0) == -EINVAL, "value size");
	CHECK(map->ops->lookup(map, &(u32){ 1 }, 0) == moat_host(map->heap_off + 8), "stride");
	map_drop(map);
	map = map_make(BPF_MAP_TYPE_ARRAY, 4, 5, 3, 0, NULL);
	CHECK(map->ops->lookup(map, &(u32){ 2 }, 0) == moat_host(map->heap_off + 16), "stride is a multiple of 8");
	map_drop(map);
}

static void percpu(enum bpf_map_type type)
{
	struct moat_map *map = map_make(type, 4, 5, 2, 0, NULL);
	u8 in[ALL_CPUS][8], out[ALL_CPUS][8];
	u32 key = 1, cpu;
	u8 *v;

	for (cpu = 0; cpu < ALL_CPUS; cpu++)
		memset(in[cpu], cpu + 1, 8);
	CHECK(moat_map__update_elem(map, &key, 4, in, 5, 0) == -EINVAL, "one value is not enough");
	CHECK(!moat_map__update_elem(map, &key, 4, in, sizeof(in), 0), "all values");
	CHECK(!moat_map__lookup_elem(map, &key, 4, out, sizeof(out), 0), "all values");
	for (cpu = 0; cpu < ALL_CPUS; cpu++) {
		CHECK(!memcmp(out[cpu], in[cpu], 5) && !out[cpu][5], "cpu %u: %u", cpu, out[cpu][0]);
		v = map->ops->lookup(map, &key, cpu);
		CHECK(v && v[4] == cpu + 1, "own value of cpu %u", cpu);
	}
	CHECK(!map->ops->update(map, &key, "abcde", 0, 3), "one cpu");
	CHECK(!moat_map__lookup_elem(map, &key, 4, out, sizeof(out), 0), "all values");
	CHECK(!memcmp(out[3], "abcde", 5) && out[2][0] == 3 && out[4][0] == 5, "only that cpu's value");
	map_drop(map);
}

/* An element that takes the place of a deleted one starts with zeros on other CPUs. */
static void percpu_reuse(enum bpf_map_type type)
{
	struct moat_map *map = map_make(type, 4, 8, 1, 0, NULL);
	u64 out[ALL_CPUS], one = 1, two = 2;
	u32 a = 1, b = 2, cpu, round, bad = 0;

	for (round = 0; round < 2 * MOAT_IN_FLIGHT + 3; round++) {
		CHECK(!map->ops->update(map, &a, &one, BPF_NOEXIST, 5), "enter a");
		*(u64 *)map->ops->lookup(map, &a, 7) = 9;
		CHECK(!map->ops->delete(map, &a), "delete a");
		CHECK(!map->ops->update(map, &b, &two, BPF_ANY, 6), "enter b");
		CHECK(!moat_map__lookup_elem(map, &b, 4, out, sizeof(out), 0), "b is there");
		for (cpu = 0; cpu < ALL_CPUS; cpu++)
			bad += out[cpu] != (cpu == 6 ? 2 : 0);
		CHECK(map->ops->update(map, &b, &one, BPF_NOEXIST, 6) == -EEXIST, "b is there");
		CHECK(map->ops->update(map, &a, &one, BPF_EXIST, 6) == -ENOENT, "a is not");
		CHECK(!map->ops->delete(map, &b), "delete b");
	}
	CHECK(!bad, "%u values of other elements", bad);
	map_drop(map);
}

static void hash_basics(enum bpf_map_type type, u32 flags)
{
	struct moat_map *map = map_make(type, 4, 8, 100, flags, NULL);
	u32 key, next, i, seen = 0;
	u64 v, sum = 0;

	CHECK(map_get(map, 1, &v) == -ENOENT && map_del(map, 1) == -ENOENT, "empty");
	CHECK(map_put(map, 1, 1, BPF_EXIST) == -ENOENT, "BPF_EXIST");
	CHECK(map_put(map, 1, 1, 3) == -EINVAL && map_put(map, 1, 1, 4) == -EINVAL, "flags");
	for (i = 0; i < 100; i++)
		CHECK(!map_put(map, i * 7919, i, BPF_NOEXIST), "enter %u", i);
	CHECK(map_put(map, 7919, 5, BPF_NOEXIST) == -EEXIST, "BPF_NOEXIST");
	for (i = 0; i < 100; i++)
		CHECK(!map_get(map, i * 7919, &v) && v == i, "%u is %llu", i, (long long)v);
	for (i = 0; i < 100; i++)
		CHECK(!map_put(map, i * 7919, i + 1000, i & 1 ? BPF_EXIST : BPF_ANY), "replace when full %u", i);
	if (type == BPF_MAP_TYPE_HASH)
		CHECK(map_put(map, 3, 3, 0) == -E2BIG, "full");
	CHECK(moat_map__get_next_key(map, NULL, &key, 4) == 0, "first");
	do {
		CHECK(!map_get(map, key, &v), "key %u", key);
		sum += v;
		next = key;
	} while (++seen < 200 && !moat_map__get_next_key(map, &next, &key, 4));
	CHECK(seen == 100 && sum == 4950 + 100000, "seen %u, sum %llu", seen, (long long)sum);
	key = 5;
	CHECK(!moat_map__get_next_key(map, &key, &next, 4) && !moat_map__get_next_key(map, NULL, &i, 4) && next == i,
	      "an unknown key starts anew");
	for (i = 0; i < 100; i++)
		CHECK(!map_del(map, i * 7919) && map_del(map, i * 7919) == -ENOENT, "delete %u", i);
	CHECK(moat_map__get_next_key(map, NULL, &key, 4) == -ENOENT, "empty again");
	map_drop(map);
}

/* Updating each key while going over them neither skips nor repeats one. */
static void hash_walk(void)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_HASH, 4, 8, 512, 0, NULL);
	u32 key, next, i, seen = 0;
	u64 v, wrong = 0;

	for (i = 0; i < 512; i++)
		map_put(map, i, 0, 0);
	for (i = moat_map__get_next_key(map, NULL, &key, 4); !i && seen < 1000; seen++) {
		map_get(map, key, &v);
		map_put(map, key, v + 1, BPF_EXIST);
		next = key;
		i = moat_map__get_next_key(map, &next, &key, 4);
	}
	for (i = 0; i < 512; i++)
		wrong += map_get(map, i, &v) || v != 1;
	CHECK(seen == 512 && !wrong, "seen %u, %llu wrong", seen, (long long)wrong);
	map_drop(map);
}

static void hash_key_sizes(void)
{
	static const u32 sizes[] = { 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 40, 511, 512 };
	u8 key[MOAT_MAX_KEY];
	u32 v, n, i, s;

	for (s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct moat_map *map = map_make(BPF_MAP_TYPE_HASH, sizes[s], 4, 64, 0, NULL);

		memset(key, 0xa5, sizeof(key));
		for (i = 0; i < 64; i++) {
			key[sizes[s] - 1] = i;
			CHECK(!moat_map__update_elem(map, key, sizes[s], &i, 4, BPF_NOEXIST), "size %u", sizes[s]);
		}
		for (i = n = 0; i < 64; i++) {
			key[sizes[s] - 1] = i;
			n += !moat_map__lookup_elem(map, key, sizes[s], &v, 4, 0) && v == i;
		}
		key[0] ^= 0x80;
		CHECK(n == 64 && moat_map__lookup_elem(map, key, sizes[s], &v, 4, 0) == -ENOENT,
		      "size %u: %u found", sizes[s], n);
		map_drop(map);
	}
}

/* What programs look up stays; what nobody looks at goes; updates never fail. */
static void lru(enum bpf_map_type type)
{
	struct moat_map *map = map_make(type, 4, 8, 64, 0, NULL);
	u64 v[ALL_CPUS] = { 0 };
	u32 i, k, hot = 0, failed = 0, count = 0, bytes = moat_is_percpu(type) ? sizeof(v) : 8;

	for (i = 0; i < 10000; i++) {
		failed += !!moat_map__update_elem(map, &i, 4, v, bytes, BPF_NOEXIST);
		for (k = 0; k < 16 && k <= i; k++)
			map->ops->lookup(map, &k, 0);
	}
	for (i = 0; i < 16; i++)
		hot += !moat_map__lookup_elem(map, &i, 4, v, bytes, 0);
	for (i = 0; i < 10000; i++)
		count += !moat_map__lookup_elem(map, &i, 4, v, bytes, 0);
	i = 9999;
	CHECK(!failed && hot == 16 && count == 64, "%u failed, %u of 16 kept, %u in all", failed, hot, count);
	CHECK(!moat_map__lookup_elem(map, &i, 4, v, bytes, 0), "the last one is there");
	i = 20000;
	CHECK(moat_map__update_elem(map, &i, 4, v, bytes, BPF_EXIST) == -ENOENT, "nothing is evicted for an error");
	for (i = count = 0; i < 10000; i++)
		count += !moat_map__lookup_elem(map, &i, 4, v, bytes, 0);
	CHECK(count == 64, "%u", count);
	map_drop(map);
}

int main(void)
{
	moat_set_print(NULL);
	attributes();
	rights();
	array();
	percpu(BPF_MAP_TYPE_PERCPU_ARRAY);
	percpu(BPF_MAP_TYPE_PERCPU_HASH);
	percpu(BPF_MAP_TYPE_LRU_PERCPU_HASH);
	percpu_reuse(BPF_MAP_TYPE_PERCPU_HASH);
	percpu_reuse(BPF_MAP_TYPE_LRU_PERCPU_HASH);
	hash_basics(BPF_MAP_TYPE_HASH, 0);
	hash_basics(BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC);
	hash_basics(BPF_MAP_TYPE_LRU_HASH, 0);
	hash_walk();
	hash_key_sizes();
	lru(BPF_MAP_TYPE_LRU_HASH);
	lru(BPF_MAP_TYPE_LRU_PERCPU_HASH);
	return check_done();
}
