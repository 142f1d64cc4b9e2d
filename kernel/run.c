// SPDX-License-Identifier: GPL-2.0-only
/* One run of an isolated program: from the stub in front of its image to the value that it returns. */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/bitops.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include "domain.h"
#include "enter.h"

/* Slots ------------------------------------------------------------------- */

/* The first free slot from @first on, or nr_slot. */
static noinline u32 find_slot(struct moat_domain *d, u32 first)
{
	u32 i, at;

	for (i = 0; i < d->nr_slot; i++) {
		at = (first + i) % d->nr_slot;
		if (!test_bit(at, d->slot_used) && !test_and_set_bit_lock(at, d->slot_used))
			return at;
	}
	atomic64_inc(&d->runs_refused);
	return d->nr_slot;
}

/* Each CPU looks from its own place on, so that those who run at the same time seldom meet. */
static bool take_slot(struct moat_run *run, struct moat_domain *d)
{
	u32 at = raw_smp_processor_id() * MOAT_SLOTS_PER_CPU;

	if (unlikely(at >= d->nr_slot || test_and_set_bit_lock(at, d->slot_used))) {
		at = find_slot(d, at);
		if (at == d->nr_slot)
			return false;
	}
	run->slot_index = at;
	run->slot = d->slots->start + at * d->slot_bytes;
	return true;
}

static void give_slot(struct moat_run *run, struct moat_domain *d)
{
	clear_bit_unlock(run->slot_index, d->slot_used);
}

/* Memory ------------------------------------------------------------------ */

static bool in_slot(const struct moat_run *run, u32 at, u64 bytes, bool write)
{
	if (moat_inside(at, bytes, run->slot, MOAT_SLOT_CTX + MOAT_SLOT_CTX_BYTES))
		return true;
	if (run->held && moat_issued_memory(run, at, bytes, NULL))
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
	return NULL;
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

/* The image runs with its own task's pointer to the run, for faults: whoever interrupts it nests properly. */
static u64 enter(struct moat_run *run)
{
	struct moat_domain *d = run->domain;
	u64 r0;

	run->frame.stack = d->cage.base + run->slot + MOAT_STACK_BYTES;
	run->frame.cage = d->cage.base;
	run->frame.cpu = raw_smp_processor_id();
	run->outer = current->moat_run;
	current->moat_run = run;
	barrier();
	r0 = moat_image_call(run, run->slot + MOAT_SLOT_CTX, (unsigned long)d->image + d->entry);
	barrier();
	current->moat_run = run->outer;
	return r0;
}

/* One program of a chain of tail calls.  What a run that faulted has left in its views is not written back. */
static u64 run_one(struct moat_run *run)
{
	struct moat_domain *d = run->domain;
	u64 r0 = 0;

	if (!take_slot(run, d))
		return 0;
	run->fault.kind = 0;
	if (d->held)
		moat_issued_enter(run);
	if (!d->view_enters || moat_view_enter(run, &r0)) {
		r0 = enter(run);
		if (d->view_leaves && !run->fault.kind)
			moat_view_leave(run);
	}
	if (d->held)
		moat_issued_leave(run);
	give_slot(run, d);
	if (likely(!run->fault.kind))
		return r0;
	report(run);
	return 0;
}

u64 moat_domain_run(void *ctx, struct moat_domain *d)
{
	/* The kernel can be configured to clear what is not set here: a large part of what a small program costs. */
	struct moat_run run __uninitialized;
	u64 r0;

	run.domain = d;
	run.ctx = ctx;
	memset(&run.zeroed, 0, sizeof(run.zeroed));
	for (;;) {
		r0 = run_one(&run);
		if (likely(!run.next))
			return r0;
		run.domain = run.next->aux->moat;
		run.next = NULL;
		run.data = run.data_end = 0;
		run.callbacks = 0;
		run.tail_calls++;
	}
}
