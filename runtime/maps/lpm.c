/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Longest-prefix-match tries.
 *
 * A binary trie of prefixes as in the kernel: a node with a value is a prefix
 * that was entered; one without joins two subtrees.  Writers hold one lock and
 * make @seq odd while links change; a reader that saw it change looks again.
 * Nodes are reused at once but never leave the map, links are always below the
 * number of nodes, and a descent is bounded: a stale link costs a retry only.
 */
#include "lpm.h"

#define MAX_DATA	256	/* bytes of a key behind its prefix length, as in the kernel */

static int lpm_check(const struct moat_map *map)
{
	if (!(map->flags & BPF_F_NO_PREALLOC))
		return moat_map_refuse(map, -EINVAL, "an LPM trie must have BPF_F_NO_PREALLOC");
	if (map->key_size < 5 || map->key_size > 4 + MAX_DATA)
		return moat_map_refuse(map, -EINVAL, "the key of an LPM trie is a 32-bit length and 1 to 256 bytes");
	if (!map->value_size || map->value_size > INT_MAX)
		return moat_map_refuse(map, -EINVAL, "value_size out of range");
	return 0;
}

static int lpm_alloc(struct moat_map *map)
{
	struct lpm *t = aligned_alloc(64, align_up(sizeof(*t), 64));
	int err;

	if (!t)
		return -ENOMEM;
	memset(t, 0, sizeof(*t));
	map->data = t;
	t->bits = (map->key_size - 4) * 8;
	t->words = (map->key_size - 4 + 7) / 8;
	t->node_bytes = sizeof(struct lpm_node) + t->words * 8;
	/* Joining nodes are fewer than entered ones; one more is being entered. */
	t->nr = 2 * map->max_entries + 2;
	t->max_entries = map->max_entries;
	t->pool.nr = t->nr;
	t->spare.nr = map->max_entries + MOAT_IN_FLIGHT;
	t->node = moat_zalloc((u64)t->nr * t->node_bytes);
	if (!t->node)
		return -ENOMEM;
	err = moat_pool_init(&t->pool, t->nr);
	if (!err)
		err = moat_pool_init(&t->spare, t->spare.nr);
	return err ? err : moat_values_alloc(map, &t->values, t->spare.nr, false);
}

static void lpm_free(struct moat_map *map)
{
	struct lpm *t = map->data;

	moat_zfree(t->node, (u64)t->nr * t->node_bytes);
	moat_pool_exit(&t->pool);
	moat_pool_exit(&t->spare);
	free(t);
}

/* Copy a key, once, as big-endian words: bit 0 is the first bit of the data. */
int lpm_key_load(const struct moat_map *map, struct lpm_key *k, const void *key)
{
	const struct lpm *t = map->data;
	u32 i;

	memcpy(&k->prefix, key, 4);
	k->word[t->words - 1] = 0;
	memcpy(k->word, (const u8 *)key + 4, map->key_size - 4);
	__asm__ volatile("" : : "r" (k) : "memory");
	for (i = 0; i < t->words; i++)
		k->word[i] = be64toh(k->word[i]);
	return k->prefix > t->bits ? -EINVAL : 0;
}

/* How many leading bits @n and @k have in common, at most the shorter of the two prefixes. */
u32 lpm_common(const struct lpm *t, const struct lpm_node *n, const struct lpm_key *k)
{
	u32 prefix = __atomic_load_n(&n->prefix, __ATOMIC_RELAXED);
	u32 limit = prefix < k->prefix ? prefix : k->prefix, i;
	u64 differ;

	for (i = 0; i < t->words && i * 64 < limit; i++) {
		differ = __atomic_load_n(&n->word[i], __ATOMIC_RELAXED) ^ k->word[i];
		if (differ) {
			u32 same = i * 64 + __builtin_clzll(differ);

			return same < limit ? same : limit;
		}
	}
	return limit;
}

/* The value with the longest prefix that @k begins with, or MOAT_NO_INDEX. */
static u32 search(const struct lpm *t, const struct lpm_key *k)
{
	u32 at = atomic_load_explicit(&t->root, memory_order_acquire);
	u32 found = MOAT_NO_INDEX, depth, common, prefix, value;

	for (depth = 0; at && depth <= t->bits; depth++) {
		struct lpm_node *n = lpm_node_at(t, at);

		prefix = __atomic_load_n(&n->prefix, __ATOMIC_RELAXED);
		common = lpm_common(t, n, k);
		if (common < prefix)
			break;
		value = atomic_load_explicit(&n->value, memory_order_acquire);
		if (value)
			found = value - 1;
		if (prefix >= t->bits)
			break;
		at = atomic_load_explicit(&n->child[lpm_bit(k, prefix)], memory_order_acquire);
	}
	return found;
}

static void *lpm_lookup(struct moat_map *map, const void *key, u32 cpu)
{
	struct lpm *t = map->data;
	struct lpm_key k;
	u32 round, seq, found;

	if (lpm_key_load(map, &k, key))
		return NULL;
	for (round = 0; round < 64; round++) {
		seq = atomic_load_explicit(&t->seq, memory_order_acquire);
		if (seq & 1) {
			moat_relax(round);
			continue;
		}
		found = search(t, &k);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&t->seq, memory_order_relaxed) == seq)
			goto out;
	}
	/* Writers without end: take a turn among them. */
	moat_spin_lock(&t->lock);
	found = search(t, &k);
	moat_spin_unlock(&t->lock);
out:
	return found == MOAT_NO_INDEX ? NULL : moat_value(&t->values, found, 0);
}

static int lpm_read(struct moat_map *map, const void *key, void *value)
{
	struct lpm *t = map->data;
	struct lpm_key k;
	u32 found;

	if (lpm_key_load(map, &k, key))
		return -ENOENT;
	moat_spin_lock(&t->lock);
	found = search(t, &k);
	if (found != MOAT_NO_INDEX)
		moat_values_read(&t->values, found, value);
	moat_spin_unlock(&t->lock);
	return found == MOAT_NO_INDEX ? -ENOENT : 0;
}

const struct moat_map_ops moat_lpm_ops = {
	.check = lpm_check,
	.alloc = lpm_alloc,
	.free = lpm_free,
	.lookup = lpm_lookup,
	.read = lpm_read,
	.update = lpm_update,
	.delete = lpm_delete,
	.next_key = lpm_next_key,
};
