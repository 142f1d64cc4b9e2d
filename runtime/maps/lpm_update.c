/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Longest-prefix-match tries: update, deletion, and the order of keys. */
#include "lpm.h"

/* Where a descent ended: the link to the node, and the node above it with the link to that. */
struct place {
	_Atomic u32 *link, *above;
	u32 parent;		/* link value; 0: the root leads here */
	u32 common;		/* bits that node and key share */
};

static u32 get(_Atomic u32 *link)
{
	return atomic_load_explicit(link, memory_order_relaxed);
}

static void set(_Atomic u32 *link, u32 to)
{
	atomic_store_explicit(link, to, memory_order_release);
}

/* Links change between these two; readers that overlap look again. */
static void begin(struct lpm *t)
{
	atomic_fetch_add_explicit(&t->seq, 1, memory_order_acq_rel);
	atomic_thread_fence(memory_order_release);
}

static void end(struct lpm *t)
{
	atomic_fetch_add_explicit(&t->seq, 1, memory_order_release);
}

/* Go down to the node with exactly this prefix, or to the first that is not above it.  Locked. */
static struct place descend(struct lpm *t, const struct lpm_key *k)
{
	struct place p = { .link = &t->root };
	struct lpm_node *n;

	while (get(p.link)) {
		n = lpm_node_at(t, get(p.link));
		p.common = lpm_common(t, n, k);
		if (p.common != n->prefix || n->prefix == k->prefix)
			break;
		p.above = p.link;
		p.parent = get(p.link);
		p.link = &n->child[lpm_bit(k, n->prefix)];
	}
	return p;
}

static u32 new_node(struct lpm *t, const struct lpm_key *k, u32 prefix, u32 value)
{
	u32 link = moat_pool_wait(&t->pool) + 1, i;
	struct lpm_node *n = lpm_node_at(t, link);

	set(&n->child[0], 0);
	set(&n->child[1], 0);
	set(&n->value, value);
	__atomic_store_n(&n->prefix, prefix, __ATOMIC_RELAXED);
	for (i = 0; i < t->words; i++)
		__atomic_store_n(&n->word[i], k->word[i], __ATOMIC_RELAXED);
	return link;
}

/* Bit @at of what the node at @link stands for. */
static u32 node_bit(const struct lpm *t, u32 link, u32 at)
{
	return lpm_node_at(t, link)->word[at / 64] >> (63 - at % 64) & 1;
}

/* Link a new prefix in at @p.  Locked, between begin() and end(). */
static void link_new(struct lpm *t, const struct place *p, const struct lpm_key *k, u32 value)
{
	u32 there = get(p->link), mine = new_node(t, k, k->prefix, value), join;

	if (!there) {
		set(p->link, mine);
	} else if (p->common == k->prefix) {
		set(&lpm_node_at(t, mine)->child[node_bit(t, there, k->prefix)], there);
		set(p->link, mine);
	} else {
		join = new_node(t, k, p->common, 0);
		set(&lpm_node_at(t, join)->child[lpm_bit(k, p->common)], mine);
		set(&lpm_node_at(t, join)->child[!lpm_bit(k, p->common)], there);
		set(p->link, join);
	}
}

/* Enter value @value + 1; *@old is the value index + 1 that became free.  Locked. */
static long enter(struct lpm *t, const struct lpm_key *k, u32 value, u64 flags, u32 *old)
{
	struct place p = descend(t, k);
	struct lpm_node *n = get(p.link) ? lpm_node_at(t, get(p.link)) : NULL;
	bool same = n && p.common == n->prefix && n->prefix == k->prefix;
	long err = moat_map_flags(flags, same && get(&n->value));

	if (err)
		return err;
	*old = same ? get(&n->value) : 0;
	if (!*old && t->count == t->max_entries)
		return -ENOSPC;
	if (!*old)
		t->count++;
	begin(t);
	if (same) {
		u32 i;

		/* The data beyond the prefix is kept as it was given last. */
		for (i = 0; i < t->words; i++)
			__atomic_store_n(&n->word[i], k->word[i], __ATOMIC_RELAXED);
		set(&n->value, value);
	} else {
		link_new(t, &p, k, value);
	}
	end(t);
	return 0;
}

long lpm_update(struct moat_map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	struct lpm *t = map->data;
	struct lpm_key k;
	u32 mine, old = 0;
	long err;

	if (flags > BPF_EXIST || lpm_key_load(map, &k, key))
		return -EINVAL;
	mine = moat_pool_wait(&t->spare);
	moat_values_write(&t->values, mine, value, 0);
	moat_spin_lock(&t->lock);
	err = enter(t, &k, mine + 1, flags, &old);
	moat_spin_unlock(&t->lock);
	if (err)
		old = mine + 1;
	if (old)
		moat_pool_put(&t->spare, old - 1);
	return err;
}

/* Take the node at @p out of the trie, and the joining node above it if it then joins nothing.  Locked. */
static void unlink_node(struct lpm *t, const struct place *p)
{
	u32 link = get(p->link);
	struct lpm_node *n = lpm_node_at(t, link), *up;
	u32 left = get(&n->child[0]), right = get(&n->child[1]);

	if (left && right) {
		set(&n->value, 0);
		return;
	}
	if (!left && !right && p->parent && !get(&lpm_node_at(t, p->parent)->value)) {
		up = lpm_node_at(t, p->parent);
		set(p->above, get(&up->child[p->link == &up->child[0]]));
		moat_pool_put(&t->pool, p->parent - 1);
	} else {
		set(p->link, left ? left : right);
	}
	moat_pool_put(&t->pool, link - 1);
}

long lpm_delete(struct moat_map *map, const void *key)
{
	struct lpm *t = map->data;
	struct lpm_node *n = NULL;
	struct lpm_key k;
	struct place p;
	u32 value = 0;

	if (lpm_key_load(map, &k, key))
		return -EINVAL;
	moat_spin_lock(&t->lock);
	p = descend(t, &k);
	if (get(p.link))
		n = lpm_node_at(t, get(p.link));
	if (n && p.common == n->prefix && n->prefix == k.prefix)
		value = get(&n->value);
	if (value) {
		begin(t);
		unlink_node(t, &p);
		end(t);
		t->count--;
	}
	moat_spin_unlock(&t->lock);
	if (!value)
		return -ENOENT;
	moat_pool_put(&t->spare, value - 1);
	return 0;
}

/* The first node of the subtree at @link in the order of keys: both subtrees come before their node. */
static u32 first_of(struct lpm *t, u32 link, u32 *path, u32 *depth)
{
	struct lpm_node *n;
	u32 next;

	for (;;) {
		path[(*depth)++] = link;
		n = lpm_node_at(t, link);
		next = get(&n->child[0]);
		if (!next)
			next = get(&n->child[1]);
		if (!next)
			return link;
		link = next;
	}
}

/* The node after the one that @path ends with; 0: none.  Joining nodes count too. */
static u32 next_of(struct lpm *t, u32 *path, u32 *depth)
{
	u32 last = path[--*depth], up, right;

	if (!*depth)
		return 0;
	up = path[*depth - 1];
	right = get(&lpm_node_at(t, up)->child[1]);
	if (right && right != last)
		return first_of(t, right, path, depth);
	return up;
}

/* The node after the one of @k, or the first when @k is not there.  Locked. */
static u32 node_after(struct lpm *t, const struct lpm_key *k, u32 *path)
{
	u32 link = get(&t->root), depth = 0;
	struct lpm_node *n;

	while (k && link) {
		n = lpm_node_at(t, link);
		path[depth++] = link;
		if (lpm_common(t, n, k) != n->prefix)
			break;
		if (n->prefix == k->prefix) {
			if (!get(&n->value))
				break;
			do
				link = next_of(t, path, &depth);
			while (link && !get(&lpm_node_at(t, link)->value));
			return link;
		}
		link = get(&n->child[lpm_bit(k, n->prefix)]);
	}
	depth = 0;
	link = get(&t->root);
	return link ? first_of(t, link, path, &depth) : 0;
}

/* The longest prefixes come first, a prefix after all that it contains: the kernel's order. */
int lpm_next_key(struct moat_map *map, const void *key, void *next)
{
	struct lpm *t = map->data;
	u32 path[LPM_WORDS * 64 + 1], link, i;
	u64 data[LPM_WORDS];
	struct lpm_node *n;
	struct lpm_key k;

	if (key && lpm_key_load(map, &k, key))
		key = NULL;
	moat_spin_lock(&t->lock);
	link = node_after(t, key ? &k : NULL, path);
	if (link) {
		n = lpm_node_at(t, link);
		for (i = 0; i < t->words; i++)
			data[i] = htobe64(n->word[i]);
		memcpy(next, &n->prefix, 4);
		memcpy((u8 *)next + 4, data, map->key_size - 4);
	}
	moat_spin_unlock(&t->lock);
	return link ? 0 : -ENOENT;
}
