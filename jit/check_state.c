/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The checker's states: where they arrive, how two of them join, and the places still to be walked from.
 *
 * A join can only lose knowledge, and there is little of it per register, so
 * each place is walked from a bounded number of times; the one with the lowest
 * address is always next, so nearly all are walked from once.
 */
#include "walk.h"

bool moat_reject(struct moat_walk *w, const char *why)
{
	if (!w->c->why) {
		w->c->why = why;
		w->c->at = w->at;
	}
	return false;
}

/* Places to walk from ------------------------------------------------------ */

static void set_pending(struct moat_walk *w, u32 unit)
{
	u32 l;

	for (l = 0; l < WALK_LEVELS; l++, unit /= 64)
		w->pending[l][unit / 64] |= 1ull << unit % 64;
}

void moat_clear_pending(struct moat_walk *w, u32 unit)
{
	u32 l;

	for (l = 0; l < WALK_LEVELS; l++, unit /= 64) {
		w->pending[l][unit / 64] &= ~(1ull << unit % 64);
		if (w->pending[l][unit / 64])
			return;
	}
}

s64 moat_first_pending(const struct moat_walk *w)
{
	u32 words = w->units, i = 0, l;

	for (l = 0; l < WALK_LEVELS; l++)
		words = words / 64 + 1;
	while (i < words && !w->pending[WALK_LEVELS - 1][i])
		i++;
	if (i == words)
		return -1;
	for (l = WALK_LEVELS; l-- > 0;)
		i = 64 * i + __builtin_ctzll(w->pending[l][i]);
	return i;
}

/* States ------------------------------------------------------------------- */

static_assert(sizeof(struct moat_state) == 60, "states are compared as bytes: no padding");

static u32 hash(const struct moat_state *s)
{
	u32 i, word[15], h = 0;

	memcpy(word, s, sizeof(word));
	for (i = 0; i < ARRAY_SIZE(word); i++)
		h = (h ^ word[i]) * 0x9e3779b1;
	return h >> 22;
}

/* Index + 1 of a node that holds @s; 0: refused. */
static u16 intern(struct moat_walk *w, const struct moat_state *s)
{
	u16 *head = &w->bucket[hash(s)], i;

	for (i = *head; i; i = w->node[i - 1].next)
		if (!memcmp(&w->node[i - 1].s, s, sizeof(*s)))
			return i;
	if (w->nr_node == w->max_node) {
		moat_reject(w, "too many different states");
		return 0;
	}
	w->node[w->nr_node].s = *s;
	w->node[w->nr_node].next = *head;
	*head = ++w->nr_node;
	return *head;
}

static bool is_address(u8 holds)
{
	return holds == H_IN_STACK || holds == H_ADDRESS;
}

/* Forget what is good for straight code only. */
static void settle(struct moat_walk *w, struct moat_state *s)
{
	u32 r;

	for (r = 0; r < ARRAY_SIZE(s->holds); r++) {
		if (moat_plain(s->holds[r]))
			s->holds[r] = H_ANY;
		else if (s->holds[r] == H_TABLE || s->holds[r] == H_RETURN_SITE)
			s->holds[r] = H_UNKNOWN;
	}
	if (!is_address(s->holds[w->arch->off_reg]))
		s->off = 0;
	s->site = 0;
}

static u8 join_holds(u8 a, u8 b)
{
	if (a == b)
		return a;
	if (moat_plain(a) && moat_plain(b))
		return H_ANY;
	if ((a == H_STACK && b == H_FORGED) || (a == H_FORGED && b == H_STACK))
		return H_FORGED;
	return H_UNKNOWN;
}

static bool join(struct moat_walk *w, struct moat_state *to, const struct moat_state *from)
{
	u32 r;

	if (to->fix.rights != from->fix.rights)
		return moat_reject(w, "two ways meet, one with the host's rights");
	if (memcmp(&to->fix, &from->fix, sizeof(to->fix)))
		return moat_reject(w, "two ways meet with different stacks");
	for (r = 0; r < ARRAY_SIZE(to->holds); r++)
		to->holds[r] = join_holds(to->holds[r], from->holds[r]);
	if (to->off != from->off)
		to->holds[w->arch->off_reg] = H_UNKNOWN;
	if (!is_address(to->holds[w->arch->off_reg]))
		to->off = 0;
	to->slots &= from->slots;
	if (from->level > to->level)
		to->level = from->level;
	return true;
}

/* @s arrives where *@id tells the state: does that change? */
static bool arrive(struct moat_walk *w, const struct moat_state *s, u16 *id)
{
	struct moat_state joined;
	u16 i;

	if (!*id)
		return (*id = intern(w, s)) != 0;
	joined = w->node[*id - 1].s;
	if (!memcmp(&joined, s, sizeof(joined)) || !join(w, &joined, s))
		return false;
	i = intern(w, &joined);
	if (!i || i == *id)
		return false;
	*id = i;
	return true;
}

static void flow(struct moat_walk *w, const struct moat_state *s, u32 to)
{
	u32 unit = to >> w->arch->shift;
	u16 id = w->map[unit] & WALK_STATE;

	w->map[unit] |= WALK_TARGET;
	if (!arrive(w, s, &id))
		return;
	w->map[unit] = (w->map[unit] & ~WALK_STATE) | id;
	set_pending(w, unit);
}

void moat_flow(struct moat_walk *w, s64 to)
{
	struct moat_state s = w->s;

	if (!moat_is_start(w, to)) {
		moat_reject(w, "control goes where no instruction of the image begins");
		return;
	}
	if (s.expect) {
		moat_reject(w, "a pattern is left in its middle");
		return;
	}
	settle(w, &s);
	flow(w, &s, to);
}

/* A forged index reaches any entry, so whoever returns may have been called from any site. */
void moat_flow_table(struct moat_walk *w, u32 at, u32 mask)
{
	struct moat_state s = w->s;
	u32 i;

	if (w->hub && (w->table != at || w->table_mask != mask)) {
		moat_reject(w, "there is another table of returns");
		return;
	}
	w->table = at;
	w->table_mask = mask;
	settle(w, &s);
	if (s.holds[w->arch->frame_reg] == H_STACK)
		s.holds[w->arch->frame_reg] = H_FORGED;
	if (!arrive(w, &s, &w->hub))
		return;
	s = w->node[w->hub - 1].s;
	for (i = 0; i <= mask && !w->c->why; i++) {
		if (moat_is_start(w, (u64)at + 8 * i))
			flow(w, &s, at + 8 * i);
		else
			moat_reject(w, "the table of returns has no entry there");
	}
}

bool moat_is_start(const struct moat_walk *w, s64 at)
{
	return at >= 0 && at < w->c->bytes && !(at & ((1 << w->arch->shift) - 1)) &&
	       w->map[at >> w->arch->shift] & WALK_START;
}

bool moat_is_entry(const struct moat_walk *w, u32 at)
{
	u32 i;

	for (i = 0; i < w->c->nr_entry && w->c->entry[i] != at; i++)
		;
	return at == w->c->main || i < w->c->nr_entry;
}

bool moat_target(struct moat_walk *w, s64 to)
{
	if (to < w->c->main || to >= w->c->bytes || to & ((1 << w->arch->shift) - 1))
		return moat_reject(w, "a branch leads out of the image");
	w->map[to >> w->arch->shift] |= WALK_TARGET;
	return true;
}
