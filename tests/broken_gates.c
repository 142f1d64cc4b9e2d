/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Makers of records and gates, broken in named ways: the check of gates refuses what they make. */
#include "broken.h"
#include "gate_world.h"

static s32 of_kind(const struct moat_helper *h, u8 kind)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (h->arg[i].kind == kind)
			return i;
	return -1;
}

static void sizes_pass(struct moat_call_gate *g)
{
	s32 i = of_kind(g->helper, MOAT_ARG_SIZE), k = i < 0 ? -1 : moat_gate_check_of(g, i);

	if (k < 0)
		return;
	g->check[k] = g->check[--g->nr_check];
	g->bounds[i] = (struct moat_bounds) { .span = ~0ull };
}

static void output_is_read(struct moat_call_audit *r, const struct moat_helper *h)
{
	s32 i = of_kind(h, MOAT_ARG_MEM_OUT);

	if (i >= 0)
		r->arg[i].rights = MOAT_READ;
}

static void frame_is_off(struct moat_call_audit *r, const struct moat_helper *h)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (r->arg[i].kind == MOAT_AUDIT_FRAME)
			r->arg[i].min += 16;
}

static void next_map(struct moat_call_gate *g)
{
	s32 i = of_kind(g->helper, MOAT_ARG_MAP);

	if (i >= 0 && g->source[i].add == (uintptr_t)gate_map[0])
		g->source[i].add = (uintptr_t)gate_map[1];
}

static void flags_inverted(struct moat_call_audit *r, const struct moat_helper *h)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (h->arg[i].kind == MOAT_ARG_FLAGS && r->arg[i].kind == MOAT_AUDIT_NUMBER)
			r->arg[i].mask = h->arg[i].allowed;
}

static void short_way(struct moat_call_gate *g)
{
	g->work = MOAT_WORK_COMPARE;
}

static void short_way_of_one(struct moat_call_gate *g)
{
	g->work = MOAT_WORK_COMPARE_ONE;
}

static void other_number(struct moat_call_gate *g)
{
	g->number = (g->number + 1) % MOAT_MAX_ARGS;
}

static void key_as_value(struct moat_call_audit *r, const struct moat_helper *h)
{
	s32 i = of_kind(h, MOAT_ARG_MAP_KEY);

	if (i >= 0 && r->arg[i].kind == MOAT_AUDIT_MEMORY)
		r->arg[i].size = MOAT_SIZE_FIXED, r->arg[i].bytes = 1;
}

static void null_passes(struct moat_call_audit *r, const struct moat_helper *h)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		r->arg[i].nullable |= r->arg[i].kind == MOAT_AUDIT_MEMORY;
}

static void objects_pass(struct moat_call_audit *r, const struct moat_helper *h)
{
	s32 i = of_kind(h, MOAT_ARG_OBJECT);

	if (i >= 0)
		r->arg[i] = (struct moat_arg_audit) { .kind = MOAT_AUDIT_NUMBER, .span = ~0ull };
}

static void off_by_one(struct moat_call_gate *g)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		g->bounds[i].span += g->bounds[i].span != ~0ull;
}

/* Values that the helper might take, but not those of the program's text. */
static void constant_is_off(struct moat_call_audit *r, const struct moat_helper *h)
{
	s32 i = of_kind(h, MOAT_ARG_SCALAR);

	if (i >= 0 && r->arg[i].kind == MOAT_AUDIT_CONST)
		r->arg[i].min++;
}

static void frame_is_lower(struct moat_call_audit *r, const struct moat_helper *h)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (r->arg[i].kind == MOAT_AUDIT_FRAME)
			r->arg[i].min -= 8;
}

static void value_is_behind(struct moat_call_audit *r, const struct moat_helper *h)
{
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (r->arg[i].kind == MOAT_AUDIT_DATA)
			r->arg[i].min += 4;
}

static void one_for_all(struct moat_call_audit *r, const struct moat_helper *h)
{
	s32 i = of_kind(h, MOAT_ARG_MAP);

	if (i >= 0 && r->arg[i].kind == MOAT_AUDIT_HANDLE)
		r->arg[i] = (struct moat_arg_audit) { .kind = MOAT_AUDIT_MAP, .ref = 32 };
}

/* With the number of the program in gated[] that it shows in. */
static const struct {
	u32 program;
	struct broken_maker maker;
} makers[] = {
	{ 1, { "sizes pass unchecked", .gate = sizes_pass } },
	{ 1, { "memory for output only read", .record = output_is_read } },
	{ 0, { "frame addresses too high", .record = frame_is_off } },
	{ 0, { "the next map supplied", .gate = next_map } },
	{ 1, { "flags compared by what is allowed", .record = flags_inverted } },
	{ 2, { "the short way always", .gate = short_way } },
	{ 2, { "the short way of one number always", .gate = short_way_of_one } },
	{ 1, { "another number on the short way", .gate = other_number } },
	{ 0, { "a key of one byte", .record = key_as_value } },
	{ 0, { "NULL passes everywhere", .record = null_passes } },
	{ 2, { "objects passed as numbers", .record = objects_pass } },
	{ 1, { "bounds one too wide", .gate = off_by_one } },
	{ 0, { "another constant than the text's", .record = constant_is_off } },
	{ 0, { "another place in the frame", .record = frame_is_lower } },
	{ 1, { "another place in the values", .record = value_is_behind } },
	{ 0, { "a ring buffer for any map", .record = one_for_all } },
};

static bool refused(struct gated *w, const struct broken_maker *broken, struct moat_gate_verdict *v)
{
	int err;

	gated_make(w, broken);
	err = moat_gates_check(&w->img, v);
	gated_free(w);
	return err == -EPERM;
}

void check_broken_gates(void)
{
	struct moat_gate_verdict v;
	u32 i;

	gates_begin();
	for (i = 0; i < ARRAY_SIZE(makers); i++) {
		struct gated *w = &gated[makers[i].program];

		CHECK(!refused(w, NULL, &v), "%s: what is whole is refused: %s", w->name, v.why);
		if (CHECK(refused(w, &makers[i].maker, &v), "%s: accepted", makers[i].maker.name))
			printf("%-26s %-36s call at %u, argument %u: %s\n", "gates", makers[i].maker.name, v.insn, v.arg, v.why);
	}
	gates_end();
}
