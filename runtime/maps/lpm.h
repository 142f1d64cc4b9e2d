/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Longest-prefix-match tries: nodes and keys; see lpm.c. */
#ifndef MOAT_MAPS_LPM_H
#define MOAT_MAPS_LPM_H

#include <endian.h>
#include "maps.h"

#define LPM_WORDS	32	/* 256 bytes */

/* Links are node index + 1, 0: none. */
struct lpm_node {
	_Atomic u32 child[2];
	_Atomic u32 value;	/* index + 1; 0: only joins two subtrees */
	u32 prefix;		/* bits */
	u64 word[];		/* data, as numbers: the first bit is the highest */
};

struct lpm_key {
	u32 prefix;
	u64 word[LPM_WORDS];
};

struct lpm {
	struct moat_values values;
	u32 bits, words;	/* of the data of a key */
	u32 nr, node_bytes;
	u32 max_entries, count;
	u8 *node;
	_Atomic u32 root, seq;
	struct moat_spin lock;
	struct moat_pool pool;	/* nodes */
	struct moat_pool spare;	/* values */
};

static inline struct lpm_node *lpm_node_at(const struct lpm *t, u32 link)
{
	return (struct lpm_node *)(t->node + (u64)(link - 1) * t->node_bytes);
}

/* Bit @at of the data, @at below the number of bits. */
static inline u32 lpm_bit(const struct lpm_key *k, u32 at)
{
	return k->word[at / 64] >> (63 - at % 64) & 1;
}

int lpm_key_load(const struct moat_map *map, struct lpm_key *k, const void *key);
u32 lpm_common(const struct lpm *t, const struct lpm_node *n, const struct lpm_key *k);
long lpm_update(struct moat_map *map, const void *key, const void *value, u64 flags, u32 cpu);
long lpm_delete(struct moat_map *map, const void *key);
int lpm_next_key(struct moat_map *map, const void *key, void *next);

#endif
