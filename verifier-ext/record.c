/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Audit records: what the gate is to do for each argument, by kind. */
#include "record.h"
#include "../jit/run.h"
#include <moat/isolation.h>

/* One call while its record is made. */
struct making {
	const struct moat_helper *h;
	const struct moat_call_facts *facts;	/* NULL: nothing was proved */
	const struct moat_analysis_opts *opts;
	struct moat_call_audit *out;
	struct moat_map_facts map;		/* of the last map argument, if it is supplied */
	bool map_known;
};

static const struct moat_value *value_of(const struct making *m, u32 i)
{
	static const struct moat_value any = { .kind = MOAT_VAL_SCALAR, .r = MOAT_ANY_WORD };

	return m->facts ? &m->facts->arg[i] : &any;
}

static void supply(struct moat_arg_audit *a, enum moat_audit_kind kind, u16 ref, u64 n)
{
	*a = (struct moat_arg_audit) { .kind = kind, .ref = ref, .min = n };
}

/* Numbers ------------------------------------------------------------------ */

/* The interval that says more: a signed one is an unsigned one that begins at its minimum, too. */
static void put_interval(struct moat_arg_audit *a, const struct moat_range *r)
{
	u64 span = r->full.umax - r->full.umin, signed_span = (u64)r->full.smax - (u64)r->full.smin;

	a->min = span <= signed_span ? r->full.umin : (u64)r->full.smin;
	a->span = span <= signed_span ? span : signed_span;
	if (a->span == ~0ull)
		a->min = 0;
}

/* Bits that the interval does not tell anyway. */
static void put_bits(struct moat_arg_audit *a, const struct moat_range *r)
{
	u64 max = a->min + a->span, same = a->min <= max ? ~0ull : 0;

	while ((a->min ^ max) & same)
		same <<= 1;
	a->mask = ~r->bits.unknown & ~same;
	a->value = r->bits.value & a->mask;
}

static void number(struct making *m, u32 i)
{
	const struct moat_value *v = value_of(m, i);
	struct moat_arg_audit *a = &m->out->arg[i];

	*a = (struct moat_arg_audit) { .kind = MOAT_AUDIT_NUMBER, .span = ~0ull };
	if (v->kind != MOAT_VAL_SCALAR)
		return;
	if (moat_value_is_const(v)) {
		supply(a, MOAT_AUDIT_CONST, 0, v->r.bits.value);
		return;
	}
	put_interval(a, &v->r);
	put_bits(a, &v->r);
}

static void flags(struct making *m, u32 i)
{
	u64 forbidden = ~m->h->arg[i].allowed;
	struct moat_arg_audit *a = &m->out->arg[i];

	number(m, i);
	if (a->kind == MOAT_AUDIT_CONST && a->min & forbidden)
		*a = (struct moat_arg_audit) { .kind = MOAT_AUDIT_NUMBER, .span = ~0ull };
	if (a->kind != MOAT_AUDIT_NUMBER)
		return;
	/* A bit that is forbidden must be clear, even if it was proved to be set. */
	a->mask |= forbidden;
	a->value &= ~forbidden;
}

/* What the helper demands of a size comes first, then what was proved. */
static void size(struct making *m, u32 i)
{
	u64 least = m->h->arg[i].kind == MOAT_ARG_SIZE;
	struct moat_arg_audit *a = &m->out->arg[i];
	u64 min, max;

	number(m, i);
	if (a->kind == MOAT_AUDIT_CONST && a->min >= least && a->min <= MOAT_MAX_ARG_BYTES)
		return;
	min = value_of(m, i)->r.full.umin;
	max = value_of(m, i)->r.full.umax;
	if (value_of(m, i)->kind != MOAT_VAL_SCALAR || min > MOAT_MAX_ARG_BYTES || max < least) {
		min = 0;
		max = ~0ull;
	}
	min = min < least ? least : min;
	max = max > MOAT_MAX_ARG_BYTES ? MOAT_MAX_ARG_BYTES : max;
	if (a->kind == MOAT_AUDIT_CONST)	/* none that it may be */
		*a = (struct moat_arg_audit) { .kind = MOAT_AUDIT_NUMBER };
	a->min = min;
	a->span = max - min;
}

/* Memory ------------------------------------------------------------------- */

/* The most bytes that there can be, if the gate lets the call through; ~0: nobody knows. */
static u64 most_bytes(const struct making *m, u32 i)
{
	const struct moat_arg_audit *a = &m->out->arg[i], *next = a + 1;

	switch (a->size) {
	case MOAT_SIZE_FIXED:
		return a->bytes;
	case MOAT_SIZE_NEXT:
		return next->kind == MOAT_AUDIT_CONST ? next->min : next->min + next->span;
	default:
		return ~0ull;
	}
}

/* Can one address be supplied?  Only if all bytes behind it are there, whatever size passes. */
static bool supply_memory(struct making *m, u32 i, const struct moat_value *v)
{
	struct moat_arg_audit *a = &m->out->arg[i];
	s64 at = (s64)v->r.bits.value;
	u64 bytes = most_bytes(m, i);
	struct moat_map_facts map;

	if (!moat_range_is_const(&v->r) || v->nullable)
		return false;
	if (v->kind == MOAT_VAL_FRAME && at < 0 && at >= -(s64)MOAT_STACK_BYTES && bytes <= (u64)-at) {
		a->kind = MOAT_AUDIT_FRAME;
	} else if (v->kind == MOAT_VAL_MAP_DATA && m->opts->map(m->opts->arg, v->ref, &map) && at >= 0 &&
		   (u64)at <= map.bytes && bytes <= map.bytes - at && (map.rights & a->rights) == a->rights) {
		a->kind = MOAT_AUDIT_DATA;
		a->ref = v->ref;
	} else {
		return false;
	}
	a->min = at;
	a->span = 0;
	return true;
}

static u8 region_of(const struct moat_value *v)
{
	static const u8 region[MOAT_NR_VALS] = {
		[MOAT_VAL_FRAME] = MOAT_REGION_FRAME, [MOAT_VAL_CTX] = MOAT_REGION_CTX,
		[MOAT_VAL_PACKET] = MOAT_REGION_PACKET, [MOAT_VAL_MAP_VALUE] = MOAT_REGION_MAP,
		[MOAT_VAL_MAP_DATA] = MOAT_REGION_MAP, [MOAT_VAL_RECORD] = MOAT_REGION_MAP,
	};

	return region[v->kind];
}

/* From a place in one region one can get to another: a fact is made of a place only where it cannot have left. */
static bool still_inside(const struct making *m, const struct moat_value *v)
{
	struct moat_map_facts map;
	u64 room = 0;

	if (v->r.full.smin < 0 && v->kind != MOAT_VAL_FRAME)
		return false;
	switch (v->kind) {
	case MOAT_VAL_FRAME:
		return v->r.full.smin >= -(s64)MOAT_STACK_BYTES && v->r.full.smax < 0;
	case MOAT_VAL_MAP_VALUE:
	case MOAT_VAL_MAP_DATA:
		if (m->opts->map(m->opts->arg, v->ref, &map))
			room = v->kind == MOAT_VAL_MAP_VALUE ? map.value_size : map.bytes;
		return (u64)v->r.full.smax < room;
	default:	/* views have room for more, and behind records come so many bytes that are nobody's */
		return v->r.full.smax < 4096;
	}
}

static void memory(struct making *m, u32 i)
{
	const struct moat_arg_proto *p = &m->h->arg[i];
	const struct moat_value *v = value_of(m, i);
	struct moat_arg_audit *a = &m->out->arg[i];

	a->nullable = p->nullable || a->size == MOAT_SIZE_NEXT;
	if (moat_value_is_null(v) && p->nullable && a->size == MOAT_SIZE_FIXED) {
		supply(a, MOAT_AUDIT_CONST, 0, 0);
		return;
	}
	if (supply_memory(m, i, v))
		return;
	a->kind = MOAT_AUDIT_MEMORY;
	if (region_of(v) && still_inside(m, v)) {
		a->region = region_of(v);
		a->ref = v->ref;
		a->min = v->r.full.smin;
		a->span = (u64)v->r.full.smax - (u64)v->r.full.smin;
		a->nullable &= v->nullable;
	}
}

static void sized_memory(struct making *m, u32 i, u8 rights)
{
	struct moat_arg_audit *a = &m->out->arg[i];

	*a = (struct moat_arg_audit) { .rights = rights, .size = MOAT_SIZE_FIXED, .bytes = m->h->arg[i].bytes };
	if (moat_proto_sized(m->h, i)) {
		size(m, i + 1);
		a->size = MOAT_SIZE_NEXT;
		a->bytes = 0;
	}
	memory(m, i);
}

static void map_memory(struct making *m, u32 i, bool key, u8 rights)
{
	struct moat_arg_audit *a = &m->out->arg[i];

	*a = (struct moat_arg_audit) { .rights = rights, .size = key ? MOAT_SIZE_KEY : MOAT_SIZE_VALUE };
	if (m->map_known) {
		a->size = MOAT_SIZE_FIXED;
		a->bytes = key ? m->map.key_size : m->map.value_size;
	}
	memory(m, i);
}

/* Others ------------------------------------------------------------------- */

static void map(struct making *m, u32 i)
{
	const struct moat_value *v = value_of(m, i);
	struct moat_arg_audit *a = &m->out->arg[i];
	u64 types = m->h->map_types;

	*a = (struct moat_arg_audit) { .kind = MOAT_AUDIT_HANDLE, .nullable = m->h->arg[i].nullable };
	m->map_known = false;
	if (!moat_value_is_const(v))
		return;
	if (moat_value_is_null(v) && a->nullable) {
		supply(a, MOAT_AUDIT_CONST, 0, 0);
	} else if (v->r.bits.value <= 0xffff && m->opts->map(m->opts->arg, v->r.bits.value, &m->map) &&
		   (!types || (m->map.type < 64 && types >> m->map.type & 1))) {
		supply(a, MOAT_AUDIT_MAP, v->r.bits.value, 0);
		m->map_known = true;
	}
}

static void callback(struct making *m, u32 i)
{
	const struct moat_value *v = value_of(m, i);
	const struct moat_func *f = NULL;

	if (moat_value_is_const(v) && v->r.bits.value < m->opts->len)
		f = moat_func_at(m->opts->func, m->opts->nr_func, v->r.bits.value);
	if (f && f->start == v->r.bits.value && f->is_callback)
		supply(&m->out->arg[i], MOAT_AUDIT_CONST, 0, f->start);
	else
		m->out->arg[i].kind = MOAT_AUDIT_CALLBACK;
}

static void record(struct making *m, u32 i)
{
	const struct moat_value *v = value_of(m, i);
	struct moat_arg_audit *a = &m->out->arg[i];

	a->kind = MOAT_AUDIT_RECORD;
	if (v->kind != MOAT_VAL_RECORD)
		return;
	a->region = MOAT_REGION_MAP;
	a->ref = v->ref;
}

static void context(struct making *m, u32 i)
{
	m->out->arg[i].kind = MOAT_AUDIT_CONTEXT;
}

static void object(struct making *m, u32 i)
{
	m->out->arg[i].kind = MOAT_AUDIT_OBJECT;
	m->out->arg[i].ref = m->h->arg[i].object;
}

static void map_key(struct making *m, u32 i)
{
	map_memory(m, i, true, MOAT_READ);
}

static void map_value(struct making *m, u32 i)
{
	map_memory(m, i, false, MOAT_READ);
}

static void map_value_out(struct making *m, u32 i)
{
	map_memory(m, i, false, MOAT_WRITE);
}

static void input(struct making *m, u32 i)
{
	sized_memory(m, i, MOAT_READ);
}

static void output(struct making *m, u32 i)
{
	sized_memory(m, i, MOAT_WRITE);
}

/* Sizes are made with their memory. */
static void (*const make[MOAT_NR_ARGS])(struct making *m, u32 i) = {
	[MOAT_ARG_SCALAR]	= number,
	[MOAT_ARG_FLAGS]	= flags,
	[MOAT_ARG_CTX]		= context,
	[MOAT_ARG_MAP]		= map,
	[MOAT_ARG_MAP_KEY]	= map_key,
	[MOAT_ARG_MAP_VALUE]	= map_value,
	[MOAT_ARG_MAP_VALUE_OUT] = map_value_out,
	[MOAT_ARG_MEM]		= input,
	[MOAT_ARG_MEM_OUT]	= output,
	[MOAT_ARG_CALLBACK]	= callback,
	[MOAT_ARG_RECORD]	= record,
	[MOAT_ARG_OBJECT]	= object,
};

void moat_record(struct moat_call_audit *out, u32 pc, const struct moat_helper *h, const struct moat_call_facts *facts,
		 const struct moat_analysis_opts *opts)
{
	struct making m = { .h = h, .facts = facts, .opts = opts, .out = out };
	u32 i;

	memset(out, 0, sizeof(*out));
	out->pc = pc;
	out->helper = h->id;
	out->proved = !!facts;
	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (make[h->arg[i].kind])
			make[h->arg[i].kind](&m, i);
}
