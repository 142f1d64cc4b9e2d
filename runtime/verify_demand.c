/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The check of gates: that what a record says is enough for the helper, and what the program's text says. */
#include "verify_gates.h"
#include "views.h"

/* What a size may be at most: as in the kernel. */
#define MAX_SIZE	(1ull << 29)

static const struct moat_arg_audit *of(const struct moat_gate_proof *p, u32 i)
{
	return &p->r->arg[i];
}

/* The most that a number can be behind the gate; ~0: anything. */
static u64 most_of(const struct moat_arg_audit *a)
{
	u64 most = a->min + a->span;

	if (a->kind == MOAT_AUDIT_CONST)
		return a->min;
	return a->kind == MOAT_AUDIT_NUMBER && most >= a->min ? most : ~0ull;
}

/* The map in front of a key or value. */
static u32 map_before(const struct moat_helper *h, u32 i)
{
	u32 k = i;

	while (k-- > 0)
		if (h->arg[k].kind == MOAT_ARG_MAP)
			return k;
	return MOAT_MAX_ARGS;
}

/* Numbers ------------------------------------------------------------------ */

static bool none(struct moat_gate_proof *p, u32 i)
{
	return of(p, i)->kind == MOAT_AUDIT_NONE || moat_gate_refuse(p, i, "the helper has no such argument");
}

static bool is_number(struct moat_gate_proof *p, u32 i)
{
	u8 kind = of(p, i)->kind;

	return kind == MOAT_AUDIT_CONST || kind == MOAT_AUDIT_NUMBER ||
	       moat_gate_refuse(p, i, "no number, where the helper takes one");
}

static bool flags(struct moat_gate_proof *p, u32 i)
{
	const struct moat_arg_audit *a = of(p, i);
	u64 forbidden = ~p->h->arg[i].allowed;

	if (!is_number(p, i))
		return false;
	if (a->kind == MOAT_AUDIT_CONST ? !(a->min & forbidden) : !(forbidden & ~a->mask) && !(a->value & forbidden))
		return true;
	return moat_gate_refuse(p, i, "bits can be set that the helper does not take");
}

static bool size(struct moat_gate_proof *p, u32 i)
{
	const struct moat_arg_audit *a = of(p, i);
	u64 least = p->h->arg[i].kind == MOAT_ARG_SIZE;

	if (!is_number(p, i))
		return false;
	return (a->min >= least && most_of(a) <= MAX_SIZE) ||
	       moat_gate_refuse(p, i, "a size that the helper does not take can pass");
}

/* Memory ------------------------------------------------------------------- */

/* How much memory the helper may touch, if it is known before the call; ~0: it is not. */
static u64 most_bytes(const struct moat_gate_proof *p, u32 i)
{
	const struct moat_arg_proto *arg = &p->h->arg[i];
	u32 k = map_before(p->h, i);
	const struct moat_map *m;

	if (moat_gate_is_memory(p->h, i))
		return moat_gate_is_size(p->h, i + 1) ? most_of(of(p, i + 1)) : arg->bytes ? arg->bytes : ~0ull;
	m = k < MOAT_MAX_ARGS && of(p, k)->kind == MOAT_AUDIT_MAP ? moat_gate_map(p, of(p, k)->ref) : NULL;
	return !m ? ~0ull : arg->kind == MOAT_ARG_MAP_KEY ? m->key_size : m->value_size;
}

/* Is argument @k done when @i is checked? */
static bool is_before(const struct moat_call_gate *g, u32 k, u32 i)
{
	return moat_gate_check_of(g, k) < moat_gate_check_of(g, i);
}

/* Does the check go by as many bytes as the helper may touch? */
static bool size_is_right(const struct moat_gate_proof *p, u32 i)
{
	const struct moat_arg_audit *a = of(p, i);
	u32 k = map_before(p->h, i);

	if (moat_gate_is_memory(p->h, i) && moat_gate_is_size(p->h, i + 1))
		return a->size == MOAT_SIZE_NEXT && is_before(p->g, i + 1, i);
	if (a->size == MOAT_SIZE_FIXED)
		return a->bytes >= most_bytes(p, i);
	return !moat_gate_is_memory(p->h, i) && k < MOAT_MAX_ARGS && is_before(p->g, k, i) &&
	       p->g->check[moat_gate_check_of(p->g, i)].map == k &&
	       a->size == (p->h->arg[i].kind == MOAT_ARG_MAP_KEY ? MOAT_SIZE_KEY : MOAT_SIZE_VALUE);
}

static bool checked_memory(struct moat_gate_proof *p, u32 i, u8 rights)
{
	const struct moat_arg_audit *a = of(p, i);

	if ((a->rights & rights) != rights)
		return moat_gate_refuse(p, i, "memory is not checked for the right that the helper needs");
	if (!size_is_right(p, i))
		return moat_gate_refuse(p, i, "memory is not checked for as many bytes as the helper needs");
	if (a->nullable && !p->h->arg[i].nullable && a->size != MOAT_SIZE_NEXT)
		return moat_gate_refuse(p, i, "NULL can pass where the helper takes none");
	return a->region < MOAT_NR_REGIONS || moat_gate_refuse(p, i, "memory of a kind that there is not");
}

/* From @at, of @room bytes.  The gate takes the same bytes' price from the run's fuel. */
static bool fits(struct moat_gate_proof *p, u32 i, u64 at, u64 room)
{
	const struct moat_arg_audit *a = of(p, i);
	bool sized = moat_gate_is_memory(p->h, i) && moat_gate_is_size(p->h, i + 1);
	u64 bytes = most_bytes(p, i);

	if (a->size != (sized ? MOAT_SIZE_NEXT : MOAT_SIZE_FIXED) || (!sized && a->bytes != bytes))
		return moat_gate_refuse(p, i, "memory is supplied of another size than the helper's");
	return (at <= room && bytes <= room - at) ||
	       moat_gate_refuse(p, i, "an address is supplied with too few bytes behind it");
}

static bool memory(struct moat_gate_proof *p, u32 i)
{
	const struct moat_arg_audit *a = of(p, i);
	u8 kind = p->h->arg[i].kind;
	u8 rights = kind == MOAT_ARG_MEM_OUT || kind == MOAT_ARG_MAP_VALUE_OUT ? MOAT_WRITE : MOAT_READ;
	bool sized = moat_gate_is_memory(p->h, i) && moat_gate_is_size(p->h, i + 1);
	const struct moat_map *m;

	switch (a->kind) {
	case MOAT_AUDIT_CONST:
		return (!a->min && p->h->arg[i].nullable && !sized) ||
		       moat_gate_refuse(p, i, "a number, where the helper takes memory");
	case MOAT_AUDIT_FRAME:
		return fits(p, i, a->min + MOAT_STACK_BYTES, MOAT_STACK_BYTES);
	case MOAT_AUDIT_DATA:
		m = moat_gate_map(p, a->ref);
		return ((m->rights & rights) == rights && fits(p, i, a->min, m->heap_bytes)) ||
		       moat_gate_refuse(p, i, "values without the right that the helper needs");
	case MOAT_AUDIT_MEMORY:
		return checked_memory(p, i, rights);
	}
	return moat_gate_refuse(p, i, "not checked to be memory");
}

/* Others ------------------------------------------------------------------- */

static bool context(struct moat_gate_proof *p, u32 i)
{
	return of(p, i)->kind == MOAT_AUDIT_CONTEXT || moat_gate_refuse(p, i, "not the context");
}

static bool map(struct moat_gate_proof *p, u32 i)
{
	const struct moat_arg_audit *a = of(p, i);
	const struct moat_map *m = a->kind == MOAT_AUDIT_MAP ? moat_gate_map(p, a->ref) : NULL;
	u64 types = p->h->map_types;
	bool null = p->h->arg[i].nullable;

	if (m)
		return !types || (m->type < 64 && types >> m->type & 1) ||
		       moat_gate_refuse(p, i, "a map of a type that the helper does not take");
	return (a->kind == MOAT_AUDIT_HANDLE && (null || !a->nullable)) ||
	       (a->kind == MOAT_AUDIT_CONST && null && !a->min) ||
	       moat_gate_refuse(p, i, "not checked to be a map, or NULL can pass where the helper takes none");
}

static bool callback(struct moat_gate_proof *p, u32 i)
{
	const struct moat_arg_audit *a = of(p, i);
	u32 k;

	for (k = 0; a->kind == MOAT_AUDIT_CONST && k < p->img->nr_callback; k++)
		if (p->img->callback[k].pc == a->min)
			return true;
	return a->kind == MOAT_AUDIT_CALLBACK || moat_gate_refuse(p, i, "not checked to be a callback of the program");
}

static bool record(struct moat_gate_proof *p, u32 i)
{
	return of(p, i)->kind == MOAT_AUDIT_RECORD ||
	       moat_gate_refuse(p, i, "not checked to be a record that the run holds");
}

static bool object(struct moat_gate_proof *p, u32 i)
{
	return (of(p, i)->kind == MOAT_AUDIT_OBJECT && of(p, i)->ref == p->h->arg[i].object) ||
	       moat_gate_refuse(p, i, "not checked to be an object of the helper's type");
}

bool moat_gate_enough(struct moat_gate_proof *p, u32 i)
{
	static bool (*const demand[MOAT_NR_ARGS])(struct moat_gate_proof *p, u32 i) = {
		[MOAT_ARG_NONE] = none, [MOAT_ARG_SCALAR] = is_number, [MOAT_ARG_FLAGS] = flags,
		[MOAT_ARG_CTX] = context,
		[MOAT_ARG_MAP] = map, [MOAT_ARG_MAP_KEY] = memory, [MOAT_ARG_MAP_VALUE] = memory,
		[MOAT_ARG_MAP_VALUE_OUT] = memory, [MOAT_ARG_MEM] = memory, [MOAT_ARG_MEM_OUT] = memory,
		[MOAT_ARG_SIZE] = size, [MOAT_ARG_SIZE_OR_ZERO] = size, [MOAT_ARG_CALLBACK] = callback,
		[MOAT_ARG_RECORD] = record, [MOAT_ARG_OBJECT] = object,
	};
	u8 kind = p->h->arg[i].kind;

	return kind < MOAT_NR_ARGS && demand[kind] ? demand[kind](p, i) :
	       moat_gate_refuse(p, i, "an argument of a kind that is not known");
}

/* The text ----------------------------------------------------------------- */

/* R10 of a function is so many frames below the top of the stack; of the main function it is the top. */
static bool is_frame_address(const struct moat_gate_proof *p, u64 off, u64 from_top)
{
	u64 below = off - from_top;

	return p->text->in_main ? !below : below < MOAT_STACK_BYTES && below % MOAT_FRAME_STRIDE == 0;
}

bool moat_gate_as_told(struct moat_gate_proof *p, u32 i)
{
	const struct moat_text_value *v = &p->text->reg[BPF_REG_1 + i];
	const struct moat_arg_audit *a = of(p, i);
	bool same = true, number = v->told == MOAT_TOLD_NUMBER;

	if (v->told == MOAT_TOLD_NOTHING)
		return true;
	switch (a->kind) {
	case MOAT_AUDIT_CONST:
		same = number && v->n == a->min;
		break;
	case MOAT_AUDIT_MAP:
		same = number && v->n == a->ref;
		break;
	case MOAT_AUDIT_DATA:
		same = number && v->n == moat_gate_map(p, a->ref)->heap_off + a->min;
		break;
	case MOAT_AUDIT_FRAME:
		same = !number && is_frame_address(p, v->n, a->min);
		break;
	}
	return same || moat_gate_refuse(p, i, "another value is supplied than the program's text says");
}
