/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hash tables: creation, keys, lookups; see hash.h for why lookups are right. */
#include <sys/random.h>
#include "hash.h"

#define MAX_PERCPU_VALUE	(32 << 10)

static bool is_lru(enum bpf_map_type type)
{
	return type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static int hash_check(const struct moat_map *map)
{
	if (!map->key_size || !map->value_size)
		return moat_map_refuse(map, -EINVAL, "key_size or value_size is 0");
	if (map->key_size > MOAT_MAX_KEY)
		return moat_map_refuse(map, -E2BIG, "a key larger than 512 bytes");
	if (map->value_size > INT_MAX ||
	    (moat_is_percpu(map->type) && map->value_size > MAX_PERCPU_VALUE))
		return moat_map_refuse(map, -E2BIG, "the value is too large");
	if (moat_is_outer(map->type) && map->value_size != 4)
		return moat_map_refuse(map, -EINVAL, "the value of a map of maps has 4 bytes");
	return 0;
}

static u32 bucket_count(u32 entries)
{
	u32 n = 1;

	while (n < entries)
		n <<= 1;
	return n;
}

static int hash_alloc_tables(struct hash *h, u32 nodes)
{
	u32 i, buckets = h->mask + 1;

	h->bucket = moat_zalloc((u64)buckets * sizeof(*h->bucket));
	h->node = moat_zalloc((u64)nodes * h->node_bytes);
	if (!h->bucket || !h->node)
		return -ENOMEM;
	for (i = 0; i < buckets; i++)
		atomic_init(&h->bucket[i].first, hash_end(i));
	return moat_pool_init(&h->pool, nodes);
}

static int hash_alloc(struct moat_map *map)
{
	struct hash *h = aligned_alloc(64, align_up(sizeof(*h), 64));
	u32 nodes = map->max_entries + MOAT_IN_FLIGHT;
	int err;

	if (!h)
		return -ENOMEM;
	memset(h, 0, sizeof(*h));
	map->data = h;
	h->percpu = moat_is_percpu(map->type);
	h->outer = moat_is_outer(map->type);
	h->lru = is_lru(map->type);
	h->words = (map->key_size + 7) / 8;
	h->mask = bucket_count(map->max_entries) - 1;
	h->node_bytes = sizeof(struct hash_node) + h->words * 8;
	h->max_entries = map->max_entries;
	h->pool.nr = nodes;
	if (!(map->flags & BPF_F_ZERO_SEED) && getrandom(&h->seed, sizeof(h->seed), 0) != sizeof(h->seed))
		return -EAGAIN;
	err = hash_alloc_tables(h, nodes);
	return err || h->outer ? err : moat_values_alloc(map, &h->values, nodes, h->percpu);
}

static void hash_free(struct moat_map *map)
{
	struct hash *h = map->data;

	moat_zfree(h->bucket, ((u64)h->mask + 1) * sizeof(*h->bucket));
	moat_zfree(h->node, (u64)h->pool.nr * h->node_bytes);
	moat_pool_exit(&h->pool);
	free(h);
}

/* Keys -------------------------------------------------------------------- */

static u64 mix(u64 a, u64 b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (u64)p ^ (u64)(p >> 64);
}

/* Seeded per map, so that a program cannot choose keys that fall into one bucket. */
static u32 hash_words(const u64 *word, u32 words, u64 seed)
{
	const u64 odd = 0x9e3779b97f4a7c15ull, other = 0xd6e8feb86659fd93ull;
	u64 h = seed ^ odd;
	u32 i;

	for (i = 0; i < words; i++)
		h = mix(h ^ word[i], other ^ (seed + i));
	h = mix(h ^ words, odd);
	return (u32)(h ^ h >> 32);
}

void hash_key_load(const struct moat_map *map, struct hash_key *k, const void *key)
{
	const struct hash *h = map->data;
	u32 half;

	/* The usual sizes without a call, and none as a store that the load of a whole word would wait for. */
	switch (map->key_size) {
	case 4:
		memcpy(&half, key, 4);
		k->word[0] = half;
		break;
	case 8:
		memcpy(k->word, key, 8);
		break;
	case 16:
		memcpy(&k->word[0], key, 8);
		memcpy(&k->word[1], (const u8 *)key + 8, 8);
		break;
	default:
		k->word[h->words - 1] = 0;
		memcpy(k->word, key, map->key_size);
	}
	/* From here on the compiler must use the copy: the original may change. */
	__asm__ volatile("" : : "r" (k->word) : "memory");
	k->hash = hash_words(k->word, h->words, h->seed);
}

/* Lookups ----------------------------------------------------------------- */

static bool same_key(const struct hash *h, const struct hash_node *n, const struct hash_key *k)
{
	u32 i;

	if (__atomic_load_n(&n->hash, __ATOMIC_RELAXED) != k->hash)
		return false;
	for (i = 0; i < h->words; i++)
		if (__atomic_load_n(&n->key[i], __ATOMIC_RELAXED) != k->word[i])
			return false;
	return true;
}

struct hash_node *hash_find(const struct hash *h, const struct hash_key *k)
{
	struct hash_bucket *b = hash_bucket_of(h, k->hash);
	struct hash_node *n;
	uintptr_t link;
	u32 gen, left;

again:
	left = atomic_load_explicit(&b->left, memory_order_acquire);
	link = atomic_load_explicit(&b->first, memory_order_acquire);
	while (!hash_is_end(link)) {
		n = (struct hash_node *)link;
		gen = atomic_load_explicit(&n->gen, memory_order_acquire);
		if (same_key(h, n, k)) {
			atomic_thread_fence(memory_order_acquire);
			if (gen & 1 || atomic_load_explicit(&n->gen, memory_order_relaxed) != gen)
				goto again;
			return n;
		}
		link = atomic_load_explicit(&n->next, memory_order_acquire);
	}
	/* Who saw a node's next key sees that the node had left: it did before it was taken again. */
	atomic_thread_fence(memory_order_acquire);
	if (link != hash_end(k->hash & h->mask) || atomic_load_explicit(&b->left, memory_order_relaxed) != left)
		goto again;
	return NULL;
}

struct hash_node *hash_find_locked(const struct hash *h, const struct hash_key *k, _Atomic uintptr_t **link)
{
	_Atomic uintptr_t *at = &hash_bucket_of(h, k->hash)->first;
	uintptr_t to;

	while (!hash_is_end(to = atomic_load_explicit(at, memory_order_relaxed))) {
		struct hash_node *n = (struct hash_node *)to;

		if (same_key(h, n, k)) {
			*link = at;
			return n;
		}
		at = &n->next;
	}
	return NULL;
}

/* The inner map of a node that may be given to another key meanwhile. */
static void *inner_of(const struct hash *h, const struct hash_key *k, struct hash_node *n)
{
	struct moat_map *inner;
	u32 gen;

	do {
		gen = atomic_load_explicit(&n->gen, memory_order_acquire);
		inner = atomic_load_explicit(&n->inner, memory_order_acquire);
		atomic_thread_fence(memory_order_acquire);
		if (!(gen & 1) && same_key(h, n, k) &&
		    atomic_load_explicit(&n->gen, memory_order_relaxed) == gen)
			return inner;
		n = hash_find(h, k);
	} while (n);
	return NULL;
}

static void *hash_lookup(struct moat_map *map, const void *key, u32 cpu)
{
	struct hash *h = map->data;
	struct hash_node *n;
	struct hash_key k;

	hash_key_load(map, &k, key);
	n = hash_find(h, &k);
	if (!n)
		return NULL;
	if (h->outer)
		return inner_of(h, &k, n);
	if (h->lru && !atomic_load_explicit(&n->used, memory_order_relaxed))
		atomic_store_explicit(&n->used, true, memory_order_relaxed);
	if (h->percpu && !(atomic_load_explicit(&n->touched, memory_order_relaxed) >> cpu & 1))
		atomic_fetch_or(&n->touched, 1ull << cpu);
	return moat_value(&h->values, n->index, cpu);
}

/* Under the lock, so that the value is neither replaced nor given to another key while it is copied. */
static int hash_read(struct moat_map *map, const void *key, void *value)
{
	struct hash *h = map->data;
	struct hash_bucket *b;
	struct hash_node *n;
	struct hash_key k;
	_Atomic uintptr_t *link;

	hash_key_load(map, &k, key);
	b = hash_bucket_of(h, k.hash);
	moat_spin_lock(&b->lock);
	n = hash_find_locked(h, &k, &link);
	if (n)
		moat_values_read(&h->values, n->index, value);
	moat_spin_unlock(&b->lock);
	return n ? 0 : -ENOENT;
}

const struct moat_map_ops moat_hash_ops = {
	.check = hash_check,
	.alloc = hash_alloc,
	.free = hash_free,
	.lookup = hash_lookup,
	.read = hash_read,
	.update = hash_update,
	.delete = hash_delete,
	.next_key = hash_next_key,
	.each = hash_each,
};
