/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Gates, made from audit records when a program is compiled. */
#include "gate.h"

static const struct moat_map *map_at(const struct moat_domain *d, u16 handle)
{
	return moat_domain_map_at(d, handle);
}

static void set(struct moat_call_gate *g, u32 i, u8 from, u64 add)
{
	g->from[i] = from;
	g->add[i] = add;
}

/* The program's own value is looked at: as it is, or by a check that also says what the helper gets. */
static void add_check(struct moat_call_gate *g, const struct moat_domain *d, u32 i, const struct moat_arg_audit *a)
{
	struct moat_check *c = &g->check[g->nr_check++];
	const struct moat_map *m;
	u32 k;

	*c = (struct moat_check) { .what = *a, .arg = i };
	c->proved = a->kind == MOAT_AUDIT_NUMBER || a->region != MOAT_REGION_ANY;
	if (a->region == MOAT_REGION_MAP) {
		m = map_at(d, a->ref);
		c->start = m->heap_off;
		c->length = m->heap_bytes;
	}
	for (k = 0; k < i; k++)
		if (g->helper->arg[k].kind == MOAT_ARG_MAP)
			c->map = k;
}

/* Memory that is supplied costs fuel like any other. */
static void charge(struct moat_call_gate *g, const struct moat_call_audit *r, u32 i, u64 *bytes)
{
	const struct moat_arg_audit *a = &r->arg[i];

	if (a->kind != MOAT_AUDIT_FRAME && a->kind != MOAT_AUDIT_DATA)
		return;
	if (a->size == MOAT_SIZE_FIXED)
		*bytes += a->bytes;
	else if (a[1].kind == MOAT_AUDIT_CONST)
		*bytes += a[1].min;
	else
		g->sized[g->nr_sized++] = i + 1;
}

static void make_argument(struct moat_call_gate *g, const struct moat_domain *d, const struct moat_call_audit *r, u32 i)
{
	const struct moat_arg_audit *a = &r->arg[i];
	bool sized = moat_proto_sized(g->helper, i);

	/* The size first: what memory there must be depends on it. */
	if (sized && r->arg[i + 1].kind == MOAT_AUDIT_NUMBER)
		add_check(g, d, i + 1, &r->arg[i + 1]);
	switch ((enum moat_audit_kind)a->kind) {
	case MOAT_AUDIT_NONE:
		break;
	case MOAT_AUDIT_CONST:
		set(g, i, MOAT_FROM_NOTHING, a->min);
		break;
	case MOAT_AUDIT_CONTEXT:
		set(g, i, MOAT_FROM_CONTEXT, 0);
		break;
	case MOAT_AUDIT_MAP:
		set(g, i, MOAT_FROM_NOTHING, (uintptr_t)map_at(d, a->ref));
		break;
	case MOAT_AUDIT_FRAME:
		set(g, i, MOAT_FROM_STACK, a->min);
		break;
	case MOAT_AUDIT_DATA:
		set(g, i, MOAT_FROM_NOTHING, (uintptr_t)moat_host(map_at(d, a->ref)->heap_off + a->min));
		break;
	case MOAT_AUDIT_NUMBER:
		set(g, i, MOAT_FROM_R1 + i, 0);
		if (!moat_audit_takes_all(a) && !(i && moat_proto_sized(g->helper, i - 1)))
			add_check(g, d, i, a);
		break;
	default:
		add_check(g, d, i, a);
	}
}

void moat_gate_make(struct moat_call_gate *g, const struct moat_domain *d, const struct moat_helper *h,
		    const struct moat_call_audit *record)
{
	u64 bytes = 0;
	u32 i;

	memset(g, 0, sizeof(*g));
	g->fn = (moat_helper_fn *)(void (*)(void))h->fn;
	g->helper = h;
	g->pc = record->pc;
	g->ret = h->ret;
	for (i = 0; i < MOAT_MAX_ARGS; i++) {
		make_argument(g, d, record, i);
		charge(g, record, i, &bytes);
	}
	g->steps = 1 + bytes / 16;
}

void moat_gate_free(struct moat_call_gate *g)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		free(g->proved[i]);
}
