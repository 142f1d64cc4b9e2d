/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hash tables: update, deletion and the eviction of LRU maps. */
#include "hash.h"

static_assert(MOAT_MAX_CPUS <= 64, "hash_node.touched has one bit for each CPU");

/* Give a node that is in no chain its key and value. */
static void fill(struct hash *h, struct hash_node *n, const struct hash_key *k, const void *value, u32 cpu)
{
	u64 dirty = atomic_load(&n->touched);
	u32 i;

	__atomic_store_n(&n->hash, k->hash, __ATOMIC_RELAXED);
	for (i = 0; i < h->words; i++)
		__atomic_store_n(&n->key[i], k->word[i], __ATOMIC_RELAXED);
	atomic_store_explicit(&n->used, false, memory_order_relaxed);
	if (h->outer) {
		atomic_store_explicit(&n->inner, *(struct moat_map *const *)value, memory_order_relaxed);
		return;
	}
	if (!h->percpu) {
		moat_values_write(&h->values, n->index, value, 0);
		return;
	}
	/* Values of other CPUs start as zero, whoever had the node before. */
	for (; dirty; dirty &= dirty - 1)
		memset(moat_value(&h->values, n->index, __builtin_ctzll(dirty)), 0, h->values.stride);
	moat_values_write(&h->values, n->index, value, cpu);
	atomic_store(&n->touched, cpu == MOAT_ALL_CPUS ? ~0ull : 1ull << cpu);
}

static struct hash_node *take_node(struct hash *h)
{
	u32 index = moat_pool_wait(&h->pool);
	struct hash_node *n = hash_node_at(h, index);

	/* A fresh node is zero: make its generation odd like that of every other that is in no chain. */
	if (!(atomic_load_explicit(&n->gen, memory_order_relaxed) & 1)) {
		n->index = index;
		atomic_store_explicit(&n->gen, 1, memory_order_relaxed);
	}
	atomic_thread_fence(memory_order_release);
	return n;
}

static void bump(struct hash_node *n)
{
	atomic_fetch_add_explicit(&n->gen, 1, memory_order_acq_rel);
}

/* Put @n into the chain in front of what *@link leads to.  Bucket locked. */
static void publish(struct hash_node *n, _Atomic uintptr_t *link, uintptr_t next)
{
	atomic_store_explicit(&n->next, next, memory_order_release);
	bump(n);
	atomic_store_explicit(link, (uintptr_t)n, memory_order_release);
}

/* @n is in no chain any more.  Bucket locked. */
static void left(struct hash_bucket *b, struct hash_node *n)
{
	bump(n);
	atomic_fetch_add_explicit(&b->left, 1, memory_order_acq_rel);
}

/* Bucket locked.  The node keeps its link: readers that stand on it go on from there. */
void hash_unlink(struct hash *h, struct hash_node *n, _Atomic uintptr_t *link)
{
	atomic_store_explicit(link, atomic_load_explicit(&n->next, memory_order_relaxed), memory_order_release);
	left(hash_bucket_of(h, n->hash), n);
	atomic_fetch_sub(&h->count, 1);
}

static bool reserve(struct hash *h)
{
	if (atomic_fetch_add(&h->count, 1) < h->max_entries)
		return true;
	atomic_fetch_sub(&h->count, 1);
	return false;
}

/*
 * Enter a filled node, in the place of the one with the same key if there is
 * one.  *@back is the node that is free afterwards, if any.  Bucket locked.
 */
static long enter(struct hash *h, const struct hash_key *k, struct hash_node *n, u64 flags, struct hash_node **back)
{
	struct hash_bucket *b = hash_bucket_of(h, k->hash);
	_Atomic uintptr_t *link;
	struct hash_node *old = hash_find_locked(h, k, &link);
	long err = moat_map_flags(flags, old);

	*back = n;
	if (err)
		return err;
	if (old) {
		/* One store exchanges them: a reader finds one or the other. */
		publish(n, link, atomic_load_explicit(&old->next, memory_order_relaxed));
		left(b, old);
		*back = old;
		return 0;
	}
	if (!reserve(h))
		return -E2BIG;
	publish(n, &b->first, atomic_load_explicit(&b->first, memory_order_relaxed));
	*back = NULL;
	return 0;
}

/* Per-CPU values are written where they are: -EAGAIN when the key is not there. */
static long update_percpu(struct hash *h, const struct hash_key *k, const void *value, u64 flags, u32 cpu)
{
	struct hash_bucket *b = hash_bucket_of(h, k->hash);
	_Atomic uintptr_t *link;
	struct hash_node *n;
	long err = -EAGAIN;

	moat_spin_lock(&b->lock);
	n = hash_find_locked(h, k, &link);
	if (n) {
		err = moat_map_flags(flags, true);
		if (!err) {
			atomic_fetch_or(&n->touched, cpu == MOAT_ALL_CPUS ? ~0ull : 1ull << cpu);
			moat_values_write(&h->values, n->index, value, cpu);
		}
	}
	moat_spin_unlock(&b->lock);
	return err;
}

long hash_update(struct moat_map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	struct hash *h = map->data;
	struct hash_node *n, *back;
	struct hash_bucket *b;
	struct hash_key k;
	long err;

	if (flags > BPF_EXIST)
		return -EINVAL;
	hash_key_load(map, &k, key);
	b = hash_bucket_of(h, k.hash);
	n = NULL;
	do {
		/* Between the two steps another thread may have entered the key: look again. */
		err = h->percpu ? update_percpu(h, &k, value, flags, cpu) : -EAGAIN;
		if (err == -EAGAIN && h->percpu && flags == BPF_EXIST)
			err = -ENOENT;
		if (err != -EAGAIN)
			break;
		if (!n) {
			n = take_node(h);
			fill(h, n, &k, value, cpu);
		}
		moat_spin_lock(&b->lock);
		err = enter(h, &k, n, h->percpu && flags == BPF_ANY ? BPF_NOEXIST : flags, &back);
		moat_spin_unlock(&b->lock);
		if (!err)
			n = back;
	} while ((err == -EEXIST && h->percpu && flags == BPF_ANY) ||
		 (err == -E2BIG && h->lru && hash_evict(h)));
	if (n)
		moat_pool_put(&h->pool, n->index);
	return err == -E2BIG && h->lru ? -ENOMEM : err;
}

long hash_delete(struct moat_map *map, const void *key)
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
		hash_unlink(h, n, link);
	moat_spin_unlock(&b->lock);
	if (!n)
		return -ENOENT;
	moat_pool_put(&h->pool, n->index);
	return 0;
}

/* LRU --------------------------------------------------------------------- */

/* Unlink @n if it is still in the chain that its hash names. */
static bool evict_node(struct hash *h, struct hash_node *n)
{
	struct hash_bucket *b = hash_bucket_of(h, __atomic_load_n(&n->hash, __ATOMIC_RELAXED));
	_Atomic uintptr_t *at = &b->first;
	bool found = false;
	uintptr_t to;

	moat_spin_lock(&b->lock);
	while (!found && !hash_is_end(to = atomic_load_explicit(at, memory_order_relaxed))) {
		found = to == (uintptr_t)n;
		if (!found)
			at = &((struct hash_node *)to)->next;
	}
	if (found)
		hash_unlink(h, n, at);
	moat_spin_unlock(&b->lock);
	return found;
}

/*
 * A hand goes round over the nodes: one that was looked up since it last
 * passed gets another round, the first that was not is given up.  New elements
 * start not looked up, as in the kernel, but the hand has just passed them.
 */
bool hash_evict(struct hash *h)
{
	u32 nr = atomic_load(&h->pool.fresh), i;
	struct hash_node *n;

	for (i = 0; i < 4 * nr; i++) {
		n = hash_node_at(h, atomic_fetch_add(&h->hand, 1) % nr);
		if (atomic_load_explicit(&n->gen, memory_order_acquire) & 1)
			continue;
		if (atomic_exchange_explicit(&n->used, false, memory_order_relaxed))
			continue;
		if (evict_node(h, n)) {
			moat_pool_put(&h->pool, n->index);
			return true;
		}
	}
	return false;
}
