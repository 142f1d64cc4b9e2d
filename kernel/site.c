// SPDX-License-Identifier: GPL-2.0-only
/* The gate of one call site, made from its record: all that a call need not find out anew. */
#include "gate.h"
#include "view.h"

/* Is there anything to look at in what the program passes? */
bool moat_site_checks(const struct moat_arg_audit *a)
{
	return a->kind > MOAT_AUDIT_DATA && !moat_audit_takes_all(a);
}

static void add_check(struct moat_site_gate *g, struct moat_check *c, const struct moat_domain *d,
		      const struct moat_call_audit *r, u32 i)
{
	const struct bpf_map *m;
	u32 k;

	*c = (struct moat_check) { .what = r->arg[i], .arg = i };
	if (c->what.region == MOAT_REGION_MAP) {
		m = moat_map_at(d, c->what.ref);
		c->ring = m && m->map_type == BPF_MAP_TYPE_RINGBUF ? m : NULL;
		c->start = m && m->moat ? m->moat->start : 0;
		c->length = m && m->moat ? m->moat->bytes : 0;
		if (m && c->what.rights & MOAT_WRITE && m->map_flags & BPF_F_RDONLY_PROG)
			c->start = c->length = 0;
	}
	for (k = 0; k < i; k++)
		if (g->proto->h.arg[k].kind == MOAT_ARG_MAP)
			c->map = k;
	g->nr_check++;
}

/* What the argument is made of, if it is not made by its check. */
static void make_source(struct moat_site_gate *g, const struct moat_domain *d, const struct moat_arg_audit *a, u32 i)
{
	struct moat_source *s = &g->source[i];

	s->from = MOAT_FROM_NOTHING;
	switch (a->kind) {
	case MOAT_AUDIT_CONST:
		s->add = a->min;
		break;
	case MOAT_AUDIT_CONTEXT:
		s->from = MOAT_FROM_CONTEXT;
		break;
	case MOAT_AUDIT_MAP:
		s->add = (unsigned long)moat_map_at(d, a->ref);
		break;
	case MOAT_AUDIT_FRAME:
		s->add = a->min;
		s->from = MOAT_FROM_TOP;
		break;
	case MOAT_AUDIT_DATA:
		s->add = (unsigned long)moat_host(moat_map_at(d, a->ref)->moat->start + a->min);
		break;
	case MOAT_AUDIT_NUMBER:
		s->from = i;
		break;
	}
}

static const struct bpf_map *known_map(const struct moat_domain *d, const struct moat_arg_audit *a)
{
	return a->kind == MOAT_AUDIT_MAP ? moat_map_at(d, a->ref) : NULL;
}

/* Hash tables may find what they like for a key that changes; who enters one, and others, go by what they have seen of it before. */
static bool trusts_key(const struct moat_proto *p, const struct bpf_map *m)
{
	if (p->changes_map)
		return true;
	switch (m->map_type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return false;
	default:
		return true;
	}
}

/* Argument @i is a key: without a copy if its map is known to be one that needs none. */
static void make_key(struct moat_site_gate *g, const struct moat_domain *d, const struct moat_call_audit *r, u32 i)
{
	const struct bpf_map *m;
	u32 k;

	for (k = 0; k < i; k++)
		if (g->proto->h.arg[k].kind == MOAT_ARG_MAP)
			g->key_map = k;
	m = known_map(d, &r->arg[g->key_map]);
	if (!m || trusts_key(g->proto, m))
		g->key = i;
}

/* What the helper itself would call, if its map is known. */
static moat_helper_fn *function(const struct moat_domain *d, const struct moat_call_audit *r, const struct moat_proto *p)
{
	const struct bpf_map *m = known_map(d, &r->arg[0]);

	return m && r->helper == BPF_FUNC_map_lookup_elem ? (moat_helper_fn *)(void *)m->ops->map_lookup_elem : p->fn;
}

/* May what it finds be a map in a map? */
static bool may_return_map(const struct moat_domain *d, const struct moat_call_audit *r, const struct moat_proto *p)
{
	const struct bpf_map *m = known_map(d, &r->arg[0]);

	return p->returns_value && (!m || m->inner_map_meta);
}

static u8 way_of(const struct moat_site_gate *g)
{
	u32 i;

	for (i = 0; i < g->nr_check; i++)
		if (g->check[i].what.kind != MOAT_AUDIT_NUMBER)
			return MOAT_WAY_ALL;
	if (g->copied || g->key >= 0 || g->flushes || g->refills || g->may_return_map || g->proto->own)
		return MOAT_WAY_ALL;
	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (g->proto->h.arg[i].kind != MOAT_ARG_NONE)
			return MOAT_WAY_FORM;
	return g->no_result || g->returns_value ? MOAT_WAY_FORM : MOAT_WAY_DIRECT;
}

void moat_site_make(struct moat_site_gate *g, struct moat_check *check, const struct moat_domain *d,
		    const struct moat_call_audit *r)
{
	const struct moat_proto *p = moat_proto_of(d, r->helper);
	u32 i;

	*g = (struct moat_site_gate) {
		.fn = function(d, r, p), .proto = p, .pc = r->pc, .check = check, .key = -1, .copied = p->copied | p->text,
		.no_result = p->no_result, .returns_value = p->returns_value, .may_return_map = may_return_map(d, r, p),
		.flushes = p->context && (moat_view_packet_only(r->helper) ? d->view->packet_write : d->view_leaves),
		.refills = p->context && d->view_enters && !moat_view_only_read(r->helper),
	};
	for (i = 0; i < MOAT_MAX_ARGS; i++) {
		make_source(g, d, &r->arg[i], i);
		if (p->h.arg[i].kind == MOAT_ARG_MAP_KEY)
			make_key(g, d, r, i);
		/* Sizes come with their memory, and before it. */
		if (moat_proto_sized(&p->h, i) && moat_site_checks(&r->arg[i + 1]))
			add_check(g, check + g->nr_check, d, r, i + 1);
		if (moat_site_checks(&r->arg[i]) && !(i && moat_proto_sized(&p->h, i - 1)))
			add_check(g, check + g->nr_check, d, r, i);
	}
	g->way = way_of(g);
}
