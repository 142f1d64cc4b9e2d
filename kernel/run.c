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

/*
 * A free slot, as an offset in the heap, or 0.  Each CPU looks from its own
 * place on, so that those who run at the same time seldom meet.
 */
static u32 take_slot(struct moat_domain *d)
{
	u32 first = raw_smp_processor_id() * MOAT_SLOTS_PER_CPU % d->nr_slot, i;

	for (i = 0; i < d->nr_slot; i++) {
		u32 at = first + i < d->nr_slot ? first + i : first + i - d->nr_slot;

		if (!test_bit(at, d->slot_used) && !test_and_set_bit_lock(at, d->slot_used))
			return d->slots->start + at * d->slot_bytes;
	}
	atomic64_inc(&d->runs_refused);
	return 0;
}

static void give_slot(struct moat_domain *d, u32 slot)
{
	clear_bit_unlock((slot - d->slots->start) / d->slot_bytes, d->slot_used);
}

/* Memory ------------------------------------------------------------------ */

static bool inside(u32 at, u64 bytes, u32 start, u64 length)
{
	u32 into = at - start;

	return into <= length && bytes <= length - into;
}

static bool in_slot(const struct moat_run *run, u32 at, u64 bytes, bool write)
{
	if (inside(at, bytes, run->slot, MOAT_SLOT_CTX + MOAT_SLOT_CTX_BYTES))
		return true;
	if (run->held && moat_issued_memory(run, at, bytes, NULL))
		return true;
	return run->data && (run->packet_writable || !write) && inside(at, bytes, run->data, run->data_end - run->data);
}

void *moat_run_memory(const struct moat_run *run, u64 at, u64 bytes, bool write)
{
	const struct moat_domain *d = run->domain;
	u32 i;

	if (in_slot(run, at, bytes, write))
		return moat_host(at);
	for (i = 0; i < d->nr_map; i++) {
		const struct bpf_map *map = d->map[i];

		if (map->moat && inside(at, bytes, map->moat->start, map->moat->bytes))
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
	moat_image_abort(run);
}

void moat_run_fault(struct moat_run *run, const struct moat_fault_info *fault)
{
	run->fault = *fault;
	moat_image_abort(run);
}

/* Once for each program at a limited rate; the number of faults is kept anyway. */
static void report(struct moat_run *run)
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

	run->slot = take_slot(d);
	if (!run->slot)
		return 0;
	if (d->held)
		moat_issued_enter(run);
	if (moat_view_enter(run, &r0)) {
		r0 = enter(run);
		if (!run->fault.kind)
			moat_view_leave(run);
	}
	if (d->held)
		moat_issued_leave(run);
	give_slot(d, run->slot);
	if (!run->fault.kind)
		return r0;
	report(run);
	return 0;
}

u64 moat_domain_run(void *ctx, struct moat_domain *d)
{
	struct moat_run run = { .domain = d, .ctx = ctx };
	u64 r0;

	for (;;) {
		r0 = run_one(&run);
		if (!run.next)
			return r0;
		run.domain = run.next->aux->moat;
		run.next = NULL;
		run.data = run.data_end = 0;
		run.callbacks = 0;
		run.tail_calls++;
	}
}
