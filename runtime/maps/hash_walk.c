/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Hash tables: going from key to key, for the host and for bpf_for_each_map_elem(). */
#include "hash.h"

static struct hash_node *node_of(uintptr_t link)
{
	return hash_is_end(link) ? NULL : (struct hash_node *)link;
}

/* The key of the first element in bucket @from or after it. */
static int first_key(struct moat_map *map, u64 from, void *next)
{
	struct hash *h = map->data;
	struct hash_node *n;
	u64 i;

	for (i = from; i <= h->mask; i++) {
		struct hash_bucket *b = &h->bucket[i];

		if (hash_is_end(atomic_load_explicit(&b->first, memory_order_relaxed)))
			continue;
		moat_spin_lock(&b->lock);
		n = node_of(atomic_load_explicit(&b->first, memory_order_relaxed));
		if (n)
			memcpy(next, n->key, map->key_size);
		moat_spin_unlock(&b->lock);
		if (n)
			return 0;
	}
	return -ENOENT;
}

/* The order is that of buckets and chains; a key that is not there starts anew, as in the kernel. */
int hash_next_key(struct moat_map *map, const void *key, void *next)
{
	struct hash *h = map->data;
	struct hash_node *n, *after = NULL;
	struct hash_bucket *b;
	struct hash_key k;
	_Atomic uintptr_t *link;

	if (!key)
		return first_key(map, 0, next);
	hash_key_load(map, &k, key);
	b = hash_bucket_of(h, k.hash);
	moat_spin_lock(&b->lock);
	n = hash_find_locked(h, &k, &link);
	if (n)
		after = node_of(atomic_load_explicit(&n->next, memory_order_relaxed));
	if (after)
		memcpy(next, after->key, map->key_size);
	moat_spin_unlock(&b->lock);
	if (after)
		return 0;
	return first_key(map, n ? (u64)(k.hash & h->mask) + 1 : 0, next);
}

/* One pass over the elements of a table. */
struct walk {
	struct moat_map *map;
	struct hash *h;
	struct hash_key key;	/* of the element that the callback sees */
	struct hash_node *next;	/* the one after it, and its generation */
	u32 next_gen;
	u32 index;
};

static void look_ahead(struct walk *w, const struct hash_node *n)
{
	w->next = node_of(atomic_load_explicit(&n->next, memory_order_relaxed));
	w->next_gen = w->next ? atomic_load_explicit(&w->next->gen, memory_order_relaxed) : 0;
}

/*
 * Step to the next element of bucket @b.  What the callback or other threads
 * did meanwhile may have removed the element that comes next: then the one
 * after the last is looked for again; if that is gone too the chain is left.
 */
static bool step(struct walk *w, struct hash_bucket *b, bool first)
{
	struct hash_node *n, *last;
	_Atomic uintptr_t *link;

	moat_spin_lock(&b->lock);
	n = first ? node_of(atomic_load_explicit(&b->first, memory_order_relaxed)) : w->next;
	if (!first && n && atomic_load_explicit(&n->gen, memory_order_relaxed) != w->next_gen) {
		last = hash_find_locked(w->h, &w->key, &link);
		n = last ? node_of(atomic_load_explicit(&last->next, memory_order_relaxed)) : NULL;
	}
	if (n) {
		w->key.hash = n->hash;
		memcpy(w->key.word, n->key, w->h->words * 8);
		w->index = n->index;
		look_ahead(w, n);
	}
	moat_spin_unlock(&b->lock);
	return n;
}

/* No lock is held while the callback runs: it may update and delete. */
long hash_each(struct moat_map *map, struct moat_run *run, u64 callback, u64 ctx)
{
	struct walk w = { .map = map, .h = map->data };
	u32 cpu = run->thread->cpu, key = moat_scratch_get(run, map->key_size);
	u64 seen = moat_map_seen(run, map), stop = 0, i;
	long seen_elements = 0;

	if (!key)
		return -ENOSPC;
	/* Empty buckets call nobody back who would pay for them. */
	moat_run_charge(run, w.h->mask / 16);
	for (i = 0; i <= w.h->mask && !stop; i++) {
		struct hash_bucket *b = &w.h->bucket[i];
		bool more;

		if (hash_is_end(atomic_load_explicit(&b->first, memory_order_acquire)))
			continue;
		for (more = step(&w, b, true); more && !stop; more = !stop && step(&w, b, false)) {
			u64 value = moat_offset(moat_value(&w.h->values, w.index, w.h->percpu ? cpu : 0));

			memcpy(moat_host(key), w.key.word, map->key_size);
			if (w.h->percpu)
				atomic_fetch_or(&hash_node_at(w.h, w.index)->touched, 1ull << cpu);
			seen_elements++;
			stop = moat_callback(run, callback, seen, key, value, ctx);
		}
	}
	moat_scratch_put(run, map->key_size);
	return seen_elements;
}
