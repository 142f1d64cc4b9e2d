/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Gates, made from audit records when a program is compiled. */
#include "gate.h"
#include "views.h"

static const struct moat_map *map_at(const struct moat_domain *d, u16 handle)
{
	return moat_domain_map_at(d, handle);
}

static void supply(struct moat_call_gate *g, u32 i, u64 n)
{
	g->source[i].add = n;
}

static void supply_from_top(struct moat_call_gate *g, u32 i, u64 n)
{
	g->source[i].add = n;
	g->source[i].top = ~0ull;
}

/* The program's own value is looked at: as it is, or by a check that also says what the helper gets. */
static void add_check(struct moat_call_gate *g, const struct moat_domain *d, u32 i, const struct moat_arg_audit *a)
{
	struct moat_check *c = &g->check[g->nr_check++];
	const struct moat_map *m;
	u32 k;

	*c = (struct moat_check) { .what = *a, .arg = i };
	if (a->kind == MOAT_AUDIT_NUMBER) {
		g->bounds[i].min = a->min;
		g->bounds[i].span = a->span;
		g->bounds[i].value = a->value;
		g->bounds[i].mask = a->mask;
	}
	c->proved = a->kind == MOAT_AUDIT_NUMBER || a->region != MOAT_REGION_ANY;
	if (a->region == MOAT_REGION_MAP) {
		/* What was granted of a map that a program names stays granted as long as there is the program. */
		m = map_at(d, a->ref);
		c->start = m ? m->heap_off : 0;
		c->length = m ? m->heap_bytes : 0;
		c->denied = !m || (m->rights & a->rights) != a->rights;
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

static void make_argument(struct moat_call_gate *g, const struct moat_program *prog, const struct moat_call_audit *r,
			  u32 i)
{
	const struct moat_domain *d = prog->domain;
	const struct moat_arg_audit *a = &r->arg[i];
	bool sized = moat_proto_sized(g->helper, i);

	/* The size first: what memory there must be depends on it. */
	if (sized && r->arg[i + 1].kind == MOAT_AUDIT_NUMBER)
		add_check(g, d, i + 1, &r->arg[i + 1]);
	switch ((enum moat_audit_kind)a->kind) {
	case MOAT_AUDIT_NONE:
		break;
	case MOAT_AUDIT_CONST:
		supply(g, i, a->min);
		break;
	case MOAT_AUDIT_CONTEXT:
		if (moat_view_of(prog->type) == MOAT_VIEW_PLAIN)
			add_check(g, prog->domain, i, a);
		else
			supply_from_top(g, i, 0);	/* where the view of the context begins */
		break;
	case MOAT_AUDIT_MAP:
		supply(g, i, (uintptr_t)map_at(d, a->ref));
		break;
	case MOAT_AUDIT_FRAME:
		supply_from_top(g, i, a->min);
		break;
	case MOAT_AUDIT_DATA:
		supply(g, i, (uintptr_t)moat_host(map_at(d, a->ref)->heap_off + a->min));
		break;
	case MOAT_AUDIT_NUMBER:
		g->source[i].reg = ~0ull;
		if (!moat_audit_takes_all(a) && !(i && moat_proto_sized(g->helper, i - 1)))
			add_check(g, d, i, a);
		break;
	default:
		add_check(g, d, i, a);
	}
}

static u8 work_of(const struct moat_call_gate *g)
{
	bool plain = g->ret != MOAT_RET_MEM && g->ret != MOAT_RET_OBJECT && !g->nr_sized && !moat_gate_price(g->bytes);
	u32 i;

	for (i = 0; i < g->nr_check; i++)
		plain &= g->check[i].what.kind == MOAT_AUDIT_NUMBER;
	if (!plain)
		return MOAT_WORK_ALL;
	return g->nr_check > 1 ? MOAT_WORK_COMPARE : g->nr_check ? MOAT_WORK_COMPARE_ONE : MOAT_WORK_FORM;
}

void moat_gate_make(struct moat_call_gate *g, const struct moat_program *prog, const struct moat_helper *h,
		    const struct moat_call_audit *record)
{
	u64 bytes = 0;
	u32 i;

	static_assert(MOAT_VIEW_CTX == MOAT_STACK_BYTES, "the context lies at the top of the stack");
	memset(g, 0, sizeof(*g));
	g->fn = (moat_helper_fn *)(void (*)(void))h->fn;
	g->helper = h;
	g->pc = record->pc;
	g->ret = h->ret;
	for (i = 0; i < MOAT_MAX_ARGS; i++)
		g->bounds[i].span = ~0ull;
	for (i = 0; i < MOAT_MAX_ARGS; i++) {
		make_argument(g, prog, record, i);
		charge(g, record, i, &bytes);
	}
	g->bytes = bytes;
	g->work = work_of(g);
	g->number = g->check[0].arg;
}

void moat_gate_free(struct moat_call_gate *g)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		free(g->proved[i]);
}
