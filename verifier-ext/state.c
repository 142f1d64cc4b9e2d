/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Values and states: make, join, remember what was stored in frames. */
#include "state.h"

void moat_value_any(struct moat_value *v)
{
	static const struct moat_value any = { .kind = MOAT_VAL_SCALAR, .r = MOAT_ANY_WORD };

	*v = any;
}

void moat_value_const(struct moat_value *v, u64 n)
{
	*v = (struct moat_value) { .kind = MOAT_VAL_SCALAR };
	moat_range_const(&v->r, n, MOAT_WORD);
}

void moat_value_number(struct moat_value *v, u32 bits, bool sx)
{
	struct moat_span s = { .umax = moat_mask(bits), .smax = (s64)moat_mask(bits) };

	moat_value_any(v);
	if (sx) {
		moat_range_sign_extend(&v->r, &v->r, bits, true, MOAT_WORD);
	} else if (bits < MOAT_WORD) {
		v->r.full = s;
		v->r.bits.unknown = s.umax;
		if (bits < MOAT_WORD / 2)
			v->r.low = s;
	}
}

void moat_value_pointer(struct moat_value *v, enum moat_value_kind kind, u16 ref, s64 off)
{
	*v = (struct moat_value) { .kind = kind, .ref = ref };
	moat_range_const(&v->r, off, MOAT_WORD);
}

/* One is NULL and the other points somewhere: that is what lookups return. */
static bool join_null(struct moat_value *to, const struct moat_value *from)
{
	bool null = moat_value_is_null(to);

	if (!null && !moat_value_is_null(from))
		return false;
	if (null)
		*to = *from;
	to->nullable = true;
	to->id = 0;
	return true;
}

static void join(struct moat_value *to, const struct moat_value *from, bool widen)
{
	if (to->id != from->id)
		to->id = 0;
	if (to->kind == from->kind && to->ref == from->ref) {
		to->nullable |= from->nullable;
		if (widen)
			moat_range_widen(&to->r, &from->r, MOAT_WORD);
		else
			moat_range_join(&to->r, &from->r, MOAT_WORD);
	} else if (!join_null(to, from)) {
		moat_value_any(to);
	}
}

static bool equal(const struct moat_value *a, const struct moat_value *b)
{
	return moat_range_equal(&a->r, &b->r) && a->id == b->id && a->ref == b->ref && a->kind == b->kind &&
	       a->nullable == b->nullable;
}

bool moat_value_join(struct moat_value *to, const struct moat_value *from, bool widen)
{
	struct moat_value was;

	if (equal(to, from))
		return false;
	was = *to;
	join(to, from, widen);
	return !equal(to, &was);
}

void moat_state_any(struct moat_state *s)
{
	u32 r;

	for (r = 0; r < ARRAY_SIZE(s->reg); r++)
		moat_value_any(&s->reg[r]);
	s->nr_spill = 0;
	s->ctx_intact = false;
}

void moat_state_copy(struct moat_state *__restrict to, const struct moat_state *__restrict from)
{
	u32 i;

	memcpy(to->reg, from->reg, sizeof(to->reg));
	to->ctx_intact = from->ctx_intact;
	to->nr_spill = from->nr_spill;
	for (i = 0; i < from->nr_spill; i++)
		to->spill[i] = from->spill[i];
}

/* The index of the word at 8 * @at, or nr_spill. */
static u32 find(const struct moat_state *s, s64 at)
{
	u32 i = 0;

	while (i < s->nr_spill && s->spill[i].at != at)
		i++;
	return i;
}

static void drop(struct moat_state *s, u32 i)
{
	s->nr_spill--;
	if (i != s->nr_spill)
		s->spill[i] = s->spill[s->nr_spill];
}

/* Only what both know stays. */
static bool join_spills(struct moat_state *to, const struct moat_state *from, bool widen)
{
	bool changed = false;
	u32 i, k;

	for (i = to->nr_spill; i-- > 0;) {
		k = find(from, to->spill[i].at);
		if (k == from->nr_spill) {
			drop(to, i);
			changed = true;
		} else {
			changed |= moat_value_join(&to->spill[i].v, &from->spill[k].v, widen);
		}
	}
	return changed;
}

bool moat_state_join(struct moat_state *to, const struct moat_state *from, bool widen)
{
	bool changed = to->ctx_intact && !from->ctx_intact;
	u32 r;

	to->ctx_intact &= from->ctx_intact;
	for (r = 0; r < ARRAY_SIZE(to->reg); r++)
		changed |= moat_value_join(&to->reg[r], &from->reg[r], widen);
	return join_spills(to, from, widen) || changed;
}

const struct moat_value *moat_state_spilled(const struct moat_state *s, s64 off)
{
	u32 i = off % 8 ? s->nr_spill : find(s, off / 8);

	return i < s->nr_spill ? &s->spill[i].v : NULL;
}

void moat_state_spill(struct moat_state *s, s64 off, const struct moat_value *v)
{
	u32 i = find(s, off / 8);

	if (off % 8 || off >= 0 || off < -(s64)MOAT_STACK_BYTES || i == MOAT_MAX_SPILLS)
		return;
	s->nr_spill += i == s->nr_spill;
	s->spill[i].at = off / 8;
	s->spill[i].v = *v;
}

void moat_state_forget(struct moat_state *s, s64 from, s64 to)
{
	u32 i;

	for (i = s->nr_spill; i-- > 0;) {
		s64 at = 8 * (s64)s->spill[i].at;

		if (at + 8 > from && at < to)
			drop(s, i);
	}
}

void moat_state_learn(struct moat_state *s, u32 id, const struct moat_value *now)
{
	u32 i;

	if (!id)
		return;
	for (i = 0; i < ARRAY_SIZE(s->reg); i++)
		if (s->reg[i].id == id)
			s->reg[i] = *now;
	for (i = 0; i < s->nr_spill; i++)
		if (s->spill[i].v.id == id)
			s->spill[i].v = *now;
}
