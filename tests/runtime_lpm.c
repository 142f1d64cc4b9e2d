/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Longest-prefix-match tries against a list of prefixes that is searched from end to end. */
#include "map_make.h"

#define MAX	64

struct key {
	u32 prefix;
	u8 data[16];
};

/* The model: every prefix entered and its value. */
struct model {
	struct key key[MAX];
	u32 value[MAX];
	u32 nr;
};

static u32 rng = 1;

static u32 below(u32 n)
{
	rng = rng * 1664525 + 1013904223;
	return (rng >> 8) % n;
}

static bool same_bits(const struct key *a, const struct key *b, u32 bits)
{
	u32 i;

	for (i = 0; i < bits; i++)
		if ((a->data[i / 8] ^ b->data[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static u32 model_exact(const struct model *m, const struct key *k)
{
	u32 i;

	for (i = 0; i < m->nr; i++)
		if (m->key[i].prefix == k->prefix && same_bits(&m->key[i], k, k->prefix))
			break;
	return i;
}

static u32 model_longest(const struct model *m, const struct key *k)
{
	u32 i, best = MAX;

	for (i = 0; i < m->nr; i++)
		if (m->key[i].prefix <= k->prefix && same_bits(&m->key[i], k, m->key[i].prefix) &&
		    (best == MAX || m->key[i].prefix > m->key[best].prefix))
			best = i;
	return best;
}

/* Few distinct bits, so that prefixes contain one another. */
static struct key random_key(u32 bytes)
{
	struct key k = { .prefix = below(bytes * 8 + 1) };
	u32 i;

	for (i = 0; i < bytes; i++)
		k.data[i] = below(4) ? 0 : 1u << below(8);
	return k;
}

static u32 missing(struct moat_map *map, const struct model *m, u32 bytes)
{
	u32 i, best, bad = 0, v;
	struct key k;

	for (i = 0; i < 50; i++) {
		int err;

		k = random_key(bytes);
		if (below(2))
			k.prefix = bytes * 8;
		best = model_longest(m, &k);
		err = moat_map__lookup_elem(map, &k, 4 + bytes, &v, 4, 0);
		bad += best == MAX ? err != -ENOENT : err || v != m->value[best];
		bad += (best == MAX) != !map->ops->lookup(map, &k, 0);
	}
	return bad;
}

/* Each key once, and none before a longer prefix that it contains. */
static u32 walk(struct moat_map *map, const struct model *m, u32 bytes)
{
	struct key cur, next = { 0 }, seen[MAX];
	u32 n = 0, i, bad = 0;
	int err = moat_map__get_next_key(map, NULL, &next, 4 + bytes);

	while (!err && n < MAX) {
		bad += model_exact(m, &next) == m->nr;
		for (i = 0; i < n; i++)
			bad += seen[i].prefix <= next.prefix && same_bits(&seen[i], &next, seen[i].prefix);
		seen[n++] = next;
		cur = next;
		err = moat_map__get_next_key(map, &cur, &next, 4 + bytes);
	}
	return bad + (n != m->nr);
}

static long step(struct moat_map *map, struct model *m, u32 bytes, u32 value)
{
	struct key k = m->nr && below(3) == 0 ? m->key[below(m->nr)] : random_key(bytes);
	u32 at = model_exact(m, &k), size = 4 + bytes, want;

	if (below(5) < 2) {
		want = at == m->nr ? -ENOENT : 0;
		if (!want) {
			m->key[at] = m->key[--m->nr];
			m->value[at] = m->value[m->nr];
		}
		return moat_map__delete_elem(map, &k, size, 0) != (int)want;
	}
	want = at == m->nr && m->nr == MAX - 1 ? -ENOSPC : 0;
	if (!want) {
		m->nr += at == m->nr;
		m->key[at] = k;
		m->value[at] = value;
	}
	return moat_map__update_elem(map, &k, size, &value, 4, 0) != (int)want;
}

static void random_steps(u32 bytes)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_LPM_TRIE, 4 + bytes, 4, MAX - 1, BPF_F_NO_PREALLOC, NULL);
	struct model m = { .nr = 0 };
	u32 i, wrong = 0, lost = 0, order = 0;

	for (i = 0; i < 3000; i++) {
		wrong += step(map, &m, bytes, i);
		lost += missing(map, &m, bytes);
		order += i % 10 == 0 && walk(map, &m, bytes);
	}
	CHECK(!wrong, "%u bytes: %u results of updates", bytes, wrong);
	CHECK(!lost, "%u bytes: %u wrong lookups", bytes, lost);
	CHECK(!order, "%u bytes: %u wrong walks", bytes, order);
	map_drop(map);
}

static void errors(void)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_LPM_TRIE, 8, 4, 4, BPF_F_NO_PREALLOC, NULL);
	struct key k = { .prefix = 33 }, all = { .prefix = 0 };
	u32 v = 5;

	CHECK(moat_map__update_elem(map, &k, 8, &v, 4, 0) == -EINVAL, "prefix too long");
	CHECK(moat_map__delete_elem(map, &k, 8, 0) == -EINVAL, "prefix too long");
	CHECK(moat_map__lookup_elem(map, &k, 8, &v, 4, 0) == -ENOENT, "prefix too long");
	CHECK(!map->ops->lookup(map, &k, 0), "prefix too long");
	CHECK(moat_map__get_next_key(map, NULL, &k, 8) == -ENOENT, "empty");
	CHECK(moat_map__update_elem(map, &all, 8, &v, 4, BPF_EXIST) == -ENOENT, "BPF_EXIST");
	CHECK(moat_map__update_elem(map, &all, 8, &v, 4, 3) == -EINVAL, "flags");
	CHECK(!moat_map__update_elem(map, &all, 8, &v, 4, BPF_NOEXIST), "the default route");
	CHECK(moat_map__update_elem(map, &all, 8, &v, 4, BPF_NOEXIST) == -EEXIST, "BPF_NOEXIST");
	k.prefix = 32;
	v = 0;
	CHECK(!moat_map__lookup_elem(map, &k, 8, &v, 4, 0) && v == 5, "matches all");
	map_drop(map);
}

int main(void)
{
	moat_set_print(NULL);
	errors();
	random_steps(1);
	random_steps(4);
	random_steps(8);
	random_steps(9);
	random_steps(16);
	return check_done();
}
