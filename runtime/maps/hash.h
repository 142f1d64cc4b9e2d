/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hash tables: readers without locks, writers with one lock per bucket.
 *
 * A node is taken from the pool for a key and may be given back and taken for
 * another one while a reader stands on it.  Three things keep that reader right:
 *
 *   - the end of each chain names its bucket; a reader that was carried over to
 *     another chain comes to the wrong end and starts again;
 *   - @gen is odd while a node is in no chain and moves whenever it enters or
 *     leaves one; a reader looks at it before and after it compared the key;
 *   - @left of a bucket counts the nodes that left its chain; a reader that found
 *     nothing while it moved may have been carried past its key, and starts again.
 *
 * Nodes are never returned to the system before the map is, so following a
 * stale link is harmless.  Keys are kept in whole words, padded with zeros.
 */
#ifndef MOAT_MAPS_HASH_H
#define MOAT_MAPS_HASH_H

#include "maps.h"

struct hash_node {
	_Atomic uintptr_t next;		/* node, or the end of a chain */
	_Atomic u32 gen;
	u32 hash;
	u32 index;			/* of the node and of its value */
	_Atomic bool used;		/* looked up since the hand last passed (LRU) */
	_Atomic u64 touched;		/* CPUs whose value may be other than zero */
	struct moat_map *_Atomic inner;	/* maps of maps: the value */
	u64 key[];
};

struct hash_bucket {
	_Atomic uintptr_t first;
	struct moat_spin lock;
	_Atomic u32 left;
};

struct hash_key {
	u32 hash;
	u64 word[MOAT_MAX_KEY / 8];
};

struct hash {
	struct moat_values values;	/* first: of no use to maps of maps */
	bool percpu, lru, outer;
	u32 words;			/* of a key */
	u32 mask;			/* buckets - 1 */
	u32 node_bytes;
	u32 max_entries;
	u64 seed;
	struct hash_bucket *bucket;
	u8 *node;
	struct moat_pool pool;
	_Atomic u32 count;		/* of elements */
	_Atomic u32 hand;		/* next node that eviction looks at */
};

/* Where a chain ends: an odd number, so that it is no node. */
static inline uintptr_t hash_end(u32 bucket)
{
	return (uintptr_t)bucket << 1 | 1;
}

static inline bool hash_is_end(uintptr_t link)
{
	return link & 1;
}

static inline struct hash_node *hash_node_at(const struct hash *h, u32 index)
{
	return (struct hash_node *)(h->node + (u64)index * h->node_bytes);
}

static inline struct hash_bucket *hash_bucket_of(const struct hash *h, u32 hash)
{
	return &h->bucket[hash & h->mask];
}

/* Copy a key that others may be writing, once, and hash the copy. */
void hash_key_load(const struct moat_map *map, struct hash_key *k, const void *key);
struct hash_node *hash_find(const struct hash *h, const struct hash_key *k);
/* With the bucket's lock held; *@link is what leads to the node. */
struct hash_node *hash_find_locked(const struct hash *h, const struct hash_key *k, _Atomic uintptr_t **link);
bool hash_evict(struct hash *h);	/* LRU: give one element up */

long hash_update(struct moat_map *map, const void *key, const void *value, u64 flags, u32 cpu);
long hash_delete(struct moat_map *map, const void *key);
void hash_unlink(struct hash *h, struct hash_node *n, _Atomic uintptr_t *link);
int hash_next_key(struct moat_map *map, const void *key, void *next);
long hash_each(struct moat_map *map, struct moat_run *run, u64 callback, u64 ctx);

#endif
