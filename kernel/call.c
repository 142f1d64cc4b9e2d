// SPDX-License-Identifier: GPL-2.0-only
/*
 * Helper calls of isolated programs: what images call.
 *
 * What a site needs is known when its gate is made (gate.c), so that a call
 * does no more than that: many take only what the host supplies anyway.
 */
#include <linux/err.h>
#include "gate.h"

/* What the program gets to see.  An address in the heap is what was asked for; nothing else may get out as one. */
static __always_inline u64 result(struct moat_call *c, u64 ret)
{
	if (!c->gate->returns_value)
		return c->gate->no_result ? 0 : ret;
	if (!ret)
		return 0;
	if (WARN_ON_ONCE(ret - moat_heap_base > U32_MAX))
		moat_gate_miss(c, 0, "a map whose value is not where programs reach it");
	return (u32)ret;
}

/* The same, if the map may be one of maps.  It is the first argument of all that look something up. */
static noinline u64 map_or_value(struct moat_call *c, u64 ret)
{
	if (ret && ((const struct bpf_map *)c->out[0])->inner_map_meta)
		return moat_map_handle(c->run->domain, (const struct bpf_map *)ret);
	return result(c, ret);
}

u64 moat_gate_forward(struct moat_call *c)
{
	const struct moat_site_gate *g = c->gate;
	u64 ret;

	if (g->flushes)
		moat_view_before_call(c->run);
	ret = g->fn(c->out[0], c->out[1], c->out[2], c->out[3], c->out[4]);
	if (g->refills)
		moat_view_after_call(c->run, g->proto->moves);
	return g->may_return_map ? map_or_value(c, ret) : result(c, ret);
}

static u64 finish(struct moat_call *c)
{
	return c->gate->proto->own ? c->gate->proto->own(c) : moat_gate_forward(c);
}

static noinline u64 finish_with_copies(struct moat_call *c)
{
	u8 room[MOAT_COPY_BYTES] __aligned(8);

	moat_gate_copy(c, room);
	return finish(c);
}

static noinline u64 call_audited(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_run *run,
				 const struct moat_site_gate *g)
{
	struct moat_call c __uninitialized;

	moat_call_start(&c, run, g, r1, r2, r3, r4, r5);
	moat_gate_pass(&c);
	c.copied = g->copied;
	if (g->key >= 0)
		moat_gate_copy_key(&c);
	return c.copied ? finish_with_copies(&c) : finish(&c);
}

/* Each argument is one that the host supplies, or a number. */
static noinline u64 call_formed(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_run *run,
				const struct moat_site_gate *g)
{
	struct moat_call c __uninitialized;

	u32 i;

	moat_call_start(&c, run, g, r1, r2, r3, r4, r5);
	for (i = 0; i < g->nr_check; i++)
		if (!moat_number_passes(&g->check[i].what, c.in[g->check[i].arg]))
			moat_gate_miss(&c, g->check[i].arg, MOAT_NUMBER_MISSES);
	return result(&c, g->fn(moat_call_form(&c, 0), moat_call_form(&c, 1), moat_call_form(&c, 2),
				moat_call_form(&c, 3), moat_call_form(&c, 4)));
}

/* Those who asked take what is above 0 for success, and use what was not made. */
u64 moat_gate_set_retval(struct moat_call *c)
{
	int value = c->out[0];

	if (value > 0 || value < -MAX_ERRNO)
		moat_gate_miss(c, 0, "neither 0 nor an error");
	return moat_gate_forward(c);
}

/* The kernel reads the number of a device there that it has written before. */
u64 moat_gate_fib_lookup(struct moat_call *c)
{
	struct bpf_fib_lookup params, *theirs = (void *)c->out[1];
	u64 ret;

	/* Then it only says so. */
	if (c->out[2] < sizeof(params))
		return moat_gate_forward(c);
	params = *theirs;
	c->out[1] = (unsigned long)&params;
	ret = moat_gate_forward(c);
	*theirs = params;
	return ret;
}

u64 moat_gate_call(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site)
{
	struct moat_run *run = container_of(f, struct moat_run, frame);
	const struct moat_site_gate *g = &run->domain->gate[site];

	if (g->way == MOAT_WAY_FORM)
		return call_formed(r1, r2, r3, r4, r5, run, g);
	if (g->way == MOAT_WAY_DIRECT)
		return g->fn(0, 0, 0, 0, 0);
	return call_audited(r1, r2, r3, r4, r5, run, g);
}
