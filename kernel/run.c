// SPDX-License-Identifier: GPL-2.0-only
/* One run of an isolated program: from the stub in front of its image to the value that it returns. */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/smp.h>
#include "domain.h"
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

static const char * const fault_text[MOAT_NR_FAULTS] = {
	[MOAT_FAULT_CAGE] = "access outside its memory",
	[MOAT_FAULT_AUDIT] = "argument refused",
	[MOAT_FAULT_TRAP] = "a check in its code failed",
};

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

/* Once for each program at a limited rate; the number of faults is kept anyway. */
static noinline void report(struct moat_run *run)
{
	const struct moat_fault_info *f = &run->fault;
	struct moat_domain *d = run->domain;

	atomic64_inc(&d->faults);
	if (!__ratelimit(&d->limit))
		return;
	/* Programs run under locks that the console's users take, too: the scheduler's. */
	if (f->kind == MOAT_FAULT_AUDIT)
		printk_deferred(KERN_WARNING pr_fmt("program '%s' ended at instruction %u: %s %u: %s (0x%llx)\n"), d->name,
				f->pc, fault_text[f->kind], f->arg, f->why, f->value);
	else
		printk_deferred(KERN_WARNING pr_fmt("program '%s' ended at instruction %u: %s at 0x%llx\n"), d->name, f->pc,
				fault_text[f->kind], f->value);
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
}

/* The same of one that may have been ended from within. */
static void end(struct moat_run *run, bool entered)
{
	clean(run, entered);
	if (unlikely(run->fault.kind))
		report(run);
	run->fault.kind = 0;
	run->next = NULL;
	run->callbacks = 0;
	run->called = false;
	moat_run_give(run);
}

static u64 enter(struct moat_run *run)
{
	const struct moat_domain *d = run->domain;

	/* The CPU whose slot it is may be another one. */
	run->frame.cpu = raw_smp_processor_id();
	return moat_image_call(run, run->r1, (unsigned long)d->image + d->entry);
}

/* What is left of a chain of tail calls, from one program on. */
static u64 run_chain(void *ctx, struct moat_domain *d, u32 tail_calls)
{
	struct bpf_prog *next = NULL;
	struct moat_run *run;
	struct moat_entered e;

	do {
		run = moat_run_take(d);
		if (unlikely(!run))
			return 0;
		run->ctx = ctx;
		run->tail_calls = tail_calls;
		e.run = run;
		if (d->view_enters)
			e = moat_view_enter(run);
		if (e.run)
			e.r0 = enter(run);
		next = run->next;
		tail_calls = run->tail_calls + 1;
		end(run, e.run);
		if (next)
			d = next->aux->moat;
	} while (next);
	return e.r0;
}

u64 moat_domain_run(void *ctx, struct moat_domain *d)
{
	return run_chain(ctx, d, 0);
}

/* Stubs --------------------------------------------------------------------- */

u64 moat_run_leave(u64 r0, struct moat_run *run)
{
	clean(run, true);
	return r0;
}

u64 moat_run_ended(struct moat_run *run)
{
	struct bpf_prog *next = run->next;
	u32 tail_calls = run->tail_calls + 1;
	void *ctx = run->ctx;

	end(run, true);
	return next ? run_chain(ctx, next->aux->moat, tail_calls) : 0;
}
