/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps under many threads.
 *
 * Every value carries its key in each of its words.  Readers without locks may
 * see a value slot that was given to another key meanwhile, as in the kernel;
 * the host's reads and all counts must be exact.
 */
#include <urcu/urcu-memb.h>
#include "map_make.h"

#define THREADS		6
#define KEYS		256
#define WORDS		8
#define SECONDS_X10	6

struct value {
	u64 word[WORDS];
};

struct worker {
	struct moat_map *map;
	u32 id;
	_Atomic u64 ops;
	u64 torn, foreign, lost;
};

static _Atomic bool stop;

/* Values: the key in the high half, which write it was in the low half. */
static struct value make_value(u32 key, u32 write)
{
	struct value v;
	u32 i;

	for (i = 0; i < WORDS; i++)
		v.word[i] = (u64)key << 32 | write;
	return v;
}

/* A key of the map: for tries a full prefix, its data spread over the bits. */
static u64 make_key(const struct moat_map *map, u32 key)
{
	return map->type == BPF_MAP_TYPE_LPM_TRIE ? (u64)__builtin_bswap32(key * 0x9e3779b1u) << 32 | 32 : key;
}

static void check_value(struct worker *w, u32 key, const struct value *v)
{
	u32 i;

	for (i = 1; i < WORDS; i++)
		w->torn += v->word[i] != v->word[0];
	w->foreign += v->word[0] >> 32 != key;
}

/*
 * Each key has one owner, who knows whether it is there; all others only look.
 * Keys below @KEYS / 4 are never deleted: a lookup must always find them.
 */
static void own_turn(struct worker *w, u32 turn, bool *there)
{
	u32 key = turn * 11 % (KEYS / THREADS) * THREADS + w->id;
	struct value v = make_value(key, turn), got;
	u64 k = make_key(w->map, key);
	bool keep = key < KEYS / 4;
	int err;

	if (!keep && there[key] && turn % 3 == 0) {
		w->lost += moat_map__delete_elem(w->map, &k, 8, 0) != 0;
		there[key] = false;
		return;
	}
	err = moat_map__update_elem(w->map, &k, 8, &v, sizeof(v), there[key] ? BPF_EXIST : BPF_NOEXIST);
	w->lost += err != 0;
	there[key] = true;
	err = moat_map__lookup_elem(w->map, &k, 8, &got, sizeof(got), 0);
	w->lost += err || memcmp(&got, &v, sizeof(v));
}

static void look(struct worker *w, u32 turn)
{
	u32 key = (turn * 31 + w->id) % (KEYS / THREADS * THREADS);
	u64 k = make_key(w->map, key);
	struct value v;

	if (!moat_map__lookup_elem(w->map, &k, 8, &v, sizeof(v), 0))
		check_value(w, key, &v);
	/* As a program does, without a lock: the pointer must lead to a value of this map. */
	u8 *p = w->map->ops->lookup(w->map, &k, 0);

	if (p)
		w->lost += p < (u8 *)moat_host(w->map->heap_off) ||
			   p + sizeof(v) > (u8 *)moat_host(w->map->heap_off) + w->map->heap_bytes;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	bool there[KEYS] = { false };
	u32 turn;

	for (turn = 0; !stop; turn++) {
		own_turn(w, turn, there);
		look(w, turn);
		w->ops += 3;
	}
	/* Leave only what is never deleted. */
	for (turn = KEYS / 4; turn < KEYS; turn++) {
		u64 k = make_key(w->map, turn);

		if (there[turn])
			w->lost += moat_map__delete_elem(w->map, &k, 8, 0) != 0;
	}
	return NULL;
}

/* Only looks up keys that are never deleted, without a lock. */
static void *read_on(void *arg)
{
	struct worker *w = arg;
	u32 key;
	u64 k;

	for (key = 0; !stop; key = (key + 1) % (KEYS / 4)) {
		k = make_key(w->map, key);
		w->lost += !w->map->ops->lookup(w->map, &k, 0);
		w->ops++;
	}
	return NULL;
}

static void owners(enum bpf_map_type type)
{
	struct moat_map *map = map_make(type, 8, sizeof(struct value), KEYS, type == BPF_MAP_TYPE_LPM_TRIE ?
					BPF_F_NO_PREALLOC : 0, NULL);
	struct worker w[THREADS + 1] = { { 0 } };
	pthread_t t[THREADS + 1];
	u64 k, next, count = 0;
	u32 i;

	stop = false;
	for (i = 0; i < THREADS; i++) {
		w[i].map = map;
		w[i].id = i;
		pthread_create(&t[i], NULL, work, &w[i]);
	}
	usleep(SECONDS_X10 * 50000);
	/* Every owner must have gone round, however busy the machine is, before keys can be missed. */
	for (i = 0; i < THREADS; i++)
		while (w[i].ops < 3 * KEYS)
			usleep(1000);
	w[THREADS].map = map;
	pthread_create(&t[THREADS], NULL, read_on, &w[THREADS]);
	usleep(SECONDS_X10 * 50000);
	stop = true;
	for (i = 0; i <= THREADS; i++) {
		pthread_join(t[i], NULL);
		CHECK(!w[i].lost && !w[i].torn && !w[i].foreign, "type %d thread %u: %llu lost, %llu torn, %llu foreign",
		      type, i, (long long)w[i].lost, (long long)w[i].torn, (long long)w[i].foreign);
	}
	for (i = moat_map__get_next_key(map, NULL, &k, 8); !i; k = next, count++)
		i = moat_map__get_next_key(map, &k, &next, 8);
	CHECK(count == KEYS / 4, "type %d: %llu elements are left", type, (long long)count);
	map_drop(map);
}

/* All keys are everybody's: nothing can be said but that the map stays whole. */
static void *scramble(void *arg)
{
	struct worker *w = arg;
	u32 turn, rng = w->id * 77 + 1, key;
	struct value v;
	u64 k;

	for (turn = 0; !stop; turn++) {
		rng = rng * 1664525 + 1013904223;
		key = (rng >> 8) % (KEYS * 2);
		k = make_key(w->map, key);
		v = make_value(key, turn);
		if (rng >> 30 == 0)
			moat_map__delete_elem(w->map, &k, 8, 0);
		else if (rng >> 30 == 1 && !moat_map__lookup_elem(w->map, &k, 8, &v, sizeof(v), 0))
			check_value(w, key, &v);
		else
			w->lost += moat_map__update_elem(w->map, &k, 8, &v, sizeof(v), 0) == -ENOMEM;
		w->map->ops->lookup(w->map, &k, 0);
		w->ops++;
	}
	return NULL;
}

static void everybody(enum bpf_map_type type)
{
	struct moat_map *map = map_make(type, 8, sizeof(struct value), KEYS, type == BPF_MAP_TYPE_LPM_TRIE ?
					BPF_F_NO_PREALLOC : 0, NULL);
	struct worker w[THREADS] = { { 0 } };
	pthread_t t[THREADS];
	u32 i, count = 0, left = 0;
	u64 k, next;
	int err;

	stop = false;
	for (i = 0; i < THREADS; i++) {
		w[i].map = map;
		w[i].id = i;
		pthread_create(&t[i], NULL, scramble, &w[i]);
	}
	usleep(SECONDS_X10 * 100000);
	for (i = 0; i < THREADS; i++)
		while (w[i].ops < 1000)
			usleep(1000);
	stop = true;
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		CHECK(!w[i].torn && !w[i].foreign && !w[i].lost,
		      "type %d: %llu torn, %llu foreign, %llu not entered of %llu", type, (long long)w[i].torn,
		      (long long)w[i].foreign, (long long)w[i].lost, (long long)w[i].ops);
	}
	for (err = moat_map__get_next_key(map, NULL, &k, 8); !err && count < 2 * KEYS; k = next, count++)
		err = moat_map__get_next_key(map, &k, &next, 8);
	CHECK(count <= KEYS, "type %d: %u elements", type, count);
	/* The count is exact: exactly the missing elements can be entered. */
	for (i = 0; type == BPF_MAP_TYPE_HASH && i < 4 * KEYS; i++) {
		struct value v = make_value(i, 0);

		k = make_key(map, i + 100000);
		left += !moat_map__update_elem(map, &k, 8, &v, sizeof(v), BPF_NOEXIST);
	}
	CHECK(type != BPF_MAP_TYPE_HASH || left == KEYS - count, "%u elements and room for %u", count, left);
	map_drop(map);
}

/* Two keys in one bucket, replaced all the time: their nodes change places, and each is always there. */
static void *exchange(void *arg)
{
	struct worker *w = arg;
	u32 turn;

	for (turn = 0; !stop; turn++) {
		u64 k = turn & 1;
		struct value v = make_value(k, turn);

		w->lost += moat_map__update_elem(w->map, &k, 8, &v, sizeof(v), BPF_EXIST) != 0;
		w->ops++;
	}
	return NULL;
}

static void exchanged(void)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_HASH, 8, sizeof(struct value), 2, BPF_F_ZERO_SEED, NULL);
	struct worker w = { .map = map }, reader = { .map = map };
	struct value v = { { 0 } };
	pthread_t t;
	u64 k;

	for (k = 0; k < 2; k++)
		CHECK(!moat_map__update_elem(map, &k, 8, &v, sizeof(v), 0), "key %llu", (long long)k);
	stop = false;
	pthread_create(&t, NULL, exchange, &w);
	while (w.ops < 1000000) {
		k = reader.ops++ & 1;
		reader.lost += !map->ops->lookup(map, &k, 0);
	}
	stop = true;
	pthread_join(t, NULL);
	CHECK(!w.lost && !reader.lost, "%llu updates, %llu of %llu lookups failed", (long long)w.lost,
	      (long long)reader.lost, (long long)reader.ops);
	map_drop(map);
}

int main(void)
{
	moat_set_print(NULL);
	exchanged();
	owners(BPF_MAP_TYPE_HASH);
	owners(BPF_MAP_TYPE_LPM_TRIE);
	everybody(BPF_MAP_TYPE_HASH);
	everybody(BPF_MAP_TYPE_LRU_HASH);
	everybody(BPF_MAP_TYPE_LPM_TRIE);
	return check_done();
}
