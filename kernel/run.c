// SPDX-License-Identifier: GPL-2.0-only
/* One run of an isolated program: from the stub in front of its image to the value that it returns. */
#include <linux/smp.h>
#include "domain.h"
#include "ends.h"
#include "enter.h"

/* Memory ------------------------------------------------------------------ */

static bool in_slot(const struct moat_run *run, u32 at, u64 bytes, bool write)
{
	if (moat_inside(at, bytes, run->slot, MOAT_SLOT_CTX + MOAT_SLOT_CTX_BYTES))
		return true;
	if (run->held && moat_issued_memory(run, at, bytes, NULL))
		return true;
	if (run->callbacks && !write && moat_callback_memory(run, at, bytes))
		return true;
	return run->data && (run->packet_writable || !write) && moat_inside(at, bytes, run->data, run->data_end - run->data);
}

void *moat_run_memory(const struct moat_run *run, u64 at, u64 bytes, bool write)
{
	const struct moat_domain *d = run->domain;
	u32 i;

	if (in_slot(run, at, bytes, write))
		return moat_host(at);
	for (i = 0; i < d->nr_map; i++) {
		const struct bpf_map *map = d->map[i];

		if (map->moat && moat_inside(at, bytes, map->moat->start, map->moat->bytes))
			return write && map->map_flags & BPF_F_RDONLY_PROG ? NULL : moat_host(at);
	}
	return moat_inner_memory(d, at, bytes, write) ? moat_host(at) : NULL;
}

/* Ends -------------------------------------------------------------------- */

void moat_run_end(struct moat_run *run)
{
	moat_forget_frames(run, current_stack_pointer);
	moat_image_abort(run);
	BUG();	/* the kernel's tools do not know that it does not come here */
}

void moat_run_fault(struct moat_run *run, const struct moat_fault_info *fault)
{
	run->fault = *fault;
	moat_run_end(run);
}

/* Runs -------------------------------------------------------------------- */

/* Nothing is left of the run.  What one that faulted has left in its views is not written back. */
static void clean(struct moat_run *run, bool entered)
{
	if (entered && run->domain->view_leaves && !run->fault.kind)
		moat_view_leave(run);
	if (run->held)
		moat_issued_leave(run);
	run->tail_calls = 0;
	run->frame.fuel = READ_ONCE(moat_fuel);
}

/* The same of one that may have been ended from within.  What it returns: @r0, unless it faulted. */
static u64 end(struct moat_run *run, bool entered, u64 r0)
{
	clean(run, entered);
	if (unlikely(run->fault.kind))
		r0 = moat_run_failed(run);
	run->fault.kind = 0;
	run->next = NULL;
	run->callbacks = 0;
	run->called = false;
	moat_run_give(run);
	return r0;
}

static u64 enter(struct moat_run *run)
{
	const struct moat_domain *d = run->domain;

	/* The CPU whose slot it is may be another one. */
	run->frame.cpu = raw_smp_processor_id();
	return moat_image_call(run, run->r1, (unsigned long)d->image + d->entry);
}

/* A chain of tail calls: what the one program hands on to the next. */
struct chain {
	struct bpf_prog *next;
	u32 tail_calls;
	u64 fuel;
};

static struct chain rest_of(const struct moat_run *run)
{
	return (struct chain){ .next = run->next, .tail_calls = run->tail_calls + 1, .fuel = run->frame.fuel };
}

/* What is left of a chain, from @d on. */
static u64 run_chain(void *ctx, struct moat_domain *d, struct chain rest)
{
	struct moat_run *run;
	struct moat_entered e;

	for (;; d = rest.next->aux->moat) {
		run = moat_run_take(d);
		if (unlikely(!run))
			return d->verdict;
		run->ctx = ctx;
		run->tail_calls = rest.tail_calls;
		run->frame.fuel = rest.fuel;
		e.run = run;
		if (d->view_enters)
			e = moat_view_enter(run);
		if (e.run)
			e.r0 = enter(run);
		if (d->judged)
			e.r0 = moat_run_judge(d, e.r0);
		rest = rest_of(run);
		e.r0 = end(run, e.run, e.r0);
		if (!rest.next)
			return e.r0;
	}
}

u64 moat_domain_run(void *ctx, struct moat_domain *d)
{
	return run_chain(ctx, d, (struct chain){ .fuel = READ_ONCE(moat_fuel) });
}

/* Stubs --------------------------------------------------------------------- */

u64 moat_run_leave(u64 r0, struct moat_run *run)
{
	clean(run, true);
	return run->domain->judged ? moat_run_judge(run->domain, r0) : r0;
}

u64 moat_run_ended(struct moat_run *run)
{
	struct chain rest = rest_of(run);
	void *ctx = run->ctx;
	u64 r0 = end(run, true, 0);

	return rest.next ? run_chain(ctx, rest.next->aux->moat, rest) : r0;
}
