/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A second opinion on gates: random calls, and what the gate of the bare prototype says of those that pass. */
#include <urcu/urcu-memb.h>

#include "gate_world.h"
#include "gen.h"

static u64 rng = 3;

static u64 random_register(void)
{
	static const u64 edge[] = { 0, 1, 4, 5, 8, 16, 60, 61, 64, 255, 256, 1ull << 29, (1ull << 29) + 1, ~0ull,
				    1ull << 63, 1ull << 32, 0x7fffffff };

	switch (below(9)) {
	case 0:
		return stack(below(2) ? 8 * below(20) : below(8300));
	case 1:
		return gate_map[below(4)]->heap_off + below(2) * below(5000) + below(70);
	case 2:
		return 8 * below(8);
	case 3:
		return run->data - 4 + below(70);
	case 4:
		return run->slot->off + MOAT_VIEW_CTX + below(70);
	case 5:
		return below(3) ? gate_handle[below(2)] : gate_record;
	case 6:
		return image.nr_callback ? image.callback[below(image.nr_callback)].pc + below(2) : 3;
	case 7:
		return gen_random(&rng) >> below(64);
	default:
		return edge[below(ARRAY_SIZE(edge))];
	}
}

/* Form the arguments.  Is more to be done than that, on the gate's way? */
static bool form(const struct moat_call_gate *g, const u64 in[5], u64 out[5])
{
	bool right = true;
	u32 i;

	for (i = 0; i < 5; i++) {
		const struct moat_bounds *b = &g->bounds[i];

		out[i] = moat_gate_form(&g->source[i], in[i], moat_gate_top(run));
		if (g->work != MOAT_WORK_COMPARE_ONE || g->number == i)
			right &= out[i] - b->min <= b->span && (out[i] & b->mask) == b->value;
	}
	return g->helper->id == BPF_FUNC_tail_call || g->work == MOAT_WORK_ALL ||
	       (g->work != MOAT_WORK_FORM && !right);
}

/* What the gate does at a call, as far as the helper: true if it is called, with @out. */
static bool passes(struct moat_call_gate *g, const u64 in[5], u64 out[5])
{
	struct moat_issued *released;

	urcu_memb_read_lock();
	run->fault.arg = 0;
	if (sigsetjmp(run->on_fault, 0)) {
		urcu_memb_read_unlock();
		return false;
	}
	if (form(g, in, out))
		moat_gate_pass(run, g, in, out, &released);
	urcu_memb_read_unlock();
	return true;
}

/* What the program would have in its register for what the helper got, by the prototype. */
static u64 as_register(const struct moat_arg_proto *arg, u64 out)
{
	switch (arg->kind) {
	case MOAT_ARG_SCALAR:
	case MOAT_ARG_FLAGS:
	case MOAT_ARG_SIZE:
	case MOAT_ARG_SIZE_OR_ZERO:
	case MOAT_ARG_CALLBACK:
		return out;
	case MOAT_ARG_MAP:
		return out ? moat_domain_handle(domain, arg_ptr(out)) ?: ~0ull : 0;
	case MOAT_ARG_RECORD:
		return out == (uintptr_t)&run->issued[0] ? gate_record : ~0ull;
	case MOAT_ARG_OBJECT:
		return out == (uintptr_t)&gate_object[0] ? gate_handle[0] :
		       out == (uintptr_t)&gate_object[1] ? gate_handle[1] : ~0ull;
	case MOAT_ARG_NONE:
	case MOAT_ARG_CTX:
		return 0;
	default:
		return out && out - (uintptr_t)moat_heap.host > UINT32_MAX ? ~0ull : (u32)out;
	}
}

/* One call that passed: is it one that the prototype alone lets pass, at the same price? */
static const char *judge(struct gated *w, const struct moat_helper *h, const u64 out[5], u64 price)
{
	struct moat_call_audit bare;
	static struct moat_call_gate g;
	u64 as[5], generic[5];
	u32 i;

	moat_gate_free(&g);
	moat_record(&bare, 0, h, NULL, NULL);
	moat_gate_make(&g, &w->prog, h, &bare);
	for (i = 0; i < 5; i++)
		as[i] = as_register(&h->arg[i], out[i]);
	run->frame.fuel = MOAT_DEFAULT_FUEL;
	if (!passes(&g, as, generic))
		return "the prototype alone does not let it pass";
	for (i = 0; i < 5; i++)
		if (generic[i] != out[i])
			return "the prototype alone gives the helper something else";
	return price < MOAT_DEFAULT_FUEL - run->frame.fuel ? "it costs less" : NULL;
}

/* From the registers @in to some that pass @g, one argument after the other.  False: not found. */
static bool find_passing(struct moat_call_gate *g, u64 in[5], u32 tries)
{
	u64 out[5];
	u32 i;

	while (tries--) {
		run->frame.fuel = MOAT_DEFAULT_FUEL;
		if (passes(g, in, out))
			return true;
		i = run->fault.arg ? (u32)run->fault.arg - 1 : below(5);
		in[i] = random_register();
		if (below(4) == 0)	/* a size and its memory may have to change together */
			in[below(5)] = random_register();
	}
	return false;
}

static void find_starts(struct gated *w, u32 site)
{
	u32 i, k;

	for (i = 0; i < GATE_STARTS; i++) {
		u64 *in = w->start[site][w->nr_start[site]];

		for (k = 0; k < 5; k++)
			in[k] = random_register();
		w->nr_start[site] += find_passing(&w->img.gate[site], in, 5000);
	}
	CHECK(w->nr_start[site], "%s: call %u: nothing passes its gate", w->name, site);
}

/* The run is one of this program. */
static void become(struct gated *w)
{
	prog = w->prog;
	image.pc = 0x1000;
	image.callback = w->img.callback;
	image.nr_callback = w->img.nr_callback;
	if (w->start)
		return;
	w->start = calloc(w->img.nr_site, sizeof(*w->start));
	w->nr_start = calloc(w->img.nr_site, sizeof(*w->nr_start));
}

/* Calls near those that pass the good gate. */
static const char *try_random(struct gated *w, u32 site, struct moat_call_gate *g, u32 tries)
{
	const char *why = NULL;
	u64 in[5], out[5];

	while (!why && tries--) {
		memcpy(in, w->start[site][below(w->nr_start[site] ?: 1)], sizeof(in));
		in[below(5)] = random_register();
		if (below(2))
			in[below(5)] += (int)below(17) - 8;
		run->frame.fuel = MOAT_DEFAULT_FUEL;
		if (passes(g, in, out))
			why = judge(w, g->helper, out, MOAT_DEFAULT_FUEL - run->frame.fuel);
	}
	return why;
}

/* Can it be acted on without going beyond its tables? */
static bool is_gate(const struct moat_call_gate *g)
{
	const struct moat_check *c;
	u32 i;

	if (g->work > MOAT_WORK_ALL || g->nr_check > MOAT_MAX_ARGS || g->nr_sized > ARRAY_SIZE(g->sized) ||
	    (g->work == MOAT_WORK_COMPARE_ONE && g->number >= MOAT_MAX_ARGS))
		return false;
	for (i = 0; i < g->nr_check; i++) {
		c = &g->check[i];
		if (c->arg >= MOAT_MAX_ARGS || c->map >= MOAT_MAX_ARGS ||
		    (c->what.kind == MOAT_AUDIT_MEMORY && c->what.size == MOAT_SIZE_NEXT && c->arg + 1 >= MOAT_MAX_ARGS))
			return false;
	}
	for (i = 0; i < g->nr_sized; i++)
		if (g->sized[i] >= MOAT_MAX_ARGS)
			return false;
	return true;
}

const char *gate_weakness(struct gated *w, u32 site, struct moat_call_gate *g, u32 tries)
{
	const struct moat_helper *h = moat_helper_find(&map_owner, w->img.site[site].helper, w->type);
	const char *why = NULL;
	u64 in[5], out[5];
	u32 i;

	if (g->helper != h || g->fn != (moat_helper_fn *)(void (*)(void))h->fn || g->ret != h->ret)
		return "another helper";
	if (!is_gate(g))
		return "no gate at all";
	become(w);
	if (!w->nr_start[site])
		find_starts(w, site);
	for (i = 0; !why && i < GATE_STARTS; i++) {
		memcpy(in, w->start[site][below(w->nr_start[site] ?: 1)], sizeof(in));
		run->frame.fuel = MOAT_DEFAULT_FUEL;
		if (find_passing(g, in, tries / 4) && passes(g, in, out))
			why = judge(w, h, out, ~0ull);
	}
	if (!why)
		why = try_random(w, site, g, tries);
	image.callback = NULL;
	image.nr_callback = 0;
	return why;
}
