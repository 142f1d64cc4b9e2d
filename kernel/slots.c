// SPDX-License-Identifier: GPL-2.0-only
/* The slots of a domain: who has them, and whose run a fault is in. */
#include <linux/atomic.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include "domain.h"
#include "ends.h"
#include "glue.h"

#define TAKEN	1	/* a slot whose run has no stack pointer yet */
#define CLOSED	2	/* one that nobody takes any more: the program is disabled */

#define MAX_WAIT	(10 * HZ)	/* ticks: a task may have all slots itself */

static bool take(struct moat_run *run)
{
	return !READ_ONCE(run->host_sp) && !cmpxchg(&run->host_sp, 0, TAKEN);
}

/* The slots that classic programs share stay open for the others: moat_run_take() is asked for each of their runs. */
static bool closes(const struct moat_domain *d)
{
	return READ_ONCE(d->disabled) && !d->classic;
}

void moat_run_give(struct moat_run *run)
{
	smp_store_release(&run->host_sp, closes(run->domain) ? CLOSED : 0);
}

/* Of this CPU, or of another, which may run the same program at the same time. */
static struct moat_run *find_run(const struct moat_domain *d)
{
	u32 cpu, i;

	for_each_possible_cpu(cpu)
		for (i = 1; i < MOAT_SLOTS_PER_CPU; i++) {
			struct moat_run *run = &per_cpu_ptr(d->runs, cpu)->run[i];

			if (take(run))
				return run;
		}
	return NULL;
}

/* Programs that may sleep keep their slots meanwhile; but they may wait for one, too: their CPU's first one, or another. */
static struct moat_run *await_run(const struct moat_domain *d)
{
	struct moat_run *first = &raw_cpu_ptr(d->runs)->run[0], *run = NULL;
	u32 i;

	for (i = 0; !run && i < MAX_WAIT && !READ_ONCE(d->disabled) && !fatal_signal_pending(current); i++) {
		schedule_timeout_killable(1);
		run = cmpxchg_local(&first->host_sp, 0, TAKEN) ? find_run(d) : first;
	}
	return run;
}

static noinline struct moat_run *take_other(struct moat_domain *d)
{
	struct moat_run *run = find_run(d);

	if (!run && d->sleepable)
		run = await_run(d);
	if (!run)
		moat_run_slotless(d);
	return run;
}

/* Classic programs share their slots: what another has left is not this one's. */
static void make_own(struct moat_run *run, struct moat_domain *d)
{
	run->domain = d;
	run->data = run->data_end = 0;
	run->frame.packet = run->frame.packet_bytes = 0;
}

/*
 * Programs run with migration disabled, but the CPU's next task may run the same one.  A stub takes the first slot
 * with one instruction that is not locked, as only its own CPU does.
 */
struct moat_run *moat_run_take(struct moat_domain *d)
{
	struct moat_cpu_runs *own = raw_cpu_ptr(d->runs);
	struct moat_run *run = &own->run[0];
	u32 i;

	if (unlikely(READ_ONCE(d->disabled))) {
		moat_run_slotless(d);
		return NULL;
	}
	if (cmpxchg_local(&run->host_sp, 0, TAKEN)) {
		for (i = 1; i < MOAT_SLOTS_PER_CPU && !take(&own->run[i]); i++)
			;
		run = i < MOAT_SLOTS_PER_CPU ? &own->run[i] : take_other(d);
		if (!run)
			return NULL;
	}
	run->called = true;
	if (d->classic)
		make_own(run, d);
	return run;
}

int moat_runs_alloc(struct moat_domain *d)
{
	d->runs = alloc_percpu_gfp(struct moat_cpu_runs, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!d->runs)
		return -ENOMEM;
	moat_machine_slot(&d->opt, &d->kernel, d->runs);
	return 0;
}

void moat_runs_fill(struct moat_domain *d)
{
	u32 cpu, i, slot = 0;

	for_each_possible_cpu(cpu)
		for (i = 0; i < MOAT_SLOTS_PER_CPU; i++, slot++) {
			struct moat_run *run = &per_cpu_ptr(d->runs, cpu)->run[i];

			run->domain = d;
			run->slot = d->slots->start + slot * d->slot_bytes;
			run->r1 = run->slot + MOAT_SLOT_CTX;
			run->held = moat_issued_of(d, slot);
			run->frame.stack = d->cage.base + run->slot + MOAT_STACK_BYTES;
			run->frame.cage = d->cage.base;
			run->frame.cpu = cpu;
		}
}

/* Behind the stub's call there is its return address, and then what the image pushes. */
static void saved_registers(const struct moat *jit, s8 saved[5])
{
	u32 i;

	for (i = 0; i < jit->nr_saved; i++) {
		s32 which = moat_machine_saved(jit->saved[i]);

		if (which >= 0)
			saved[which] = -8 * (s32)(i + 2);
	}
}

void moat_runs_placed(struct moat_domain *d)
{
	u32 cpu, i;

	/* No stub enters those of classic programs. */
	if (d->classic)
		return;
	for_each_possible_cpu(cpu)
		for (i = 0; i < MOAT_SLOTS_PER_CPU; i++)
			saved_registers(&d->jit, per_cpu_ptr(d->runs, cpu)->run[i].saved);
}

/* Of all that are in progress on this stack, the innermost that @sp has not left. */
struct moat_run *moat_run_at(const struct moat_domain *d, unsigned long sp)
{
	struct moat_run *found = NULL;
	unsigned long nearest = 0;
	u32 cpu, i;

	for_each_possible_cpu(cpu)
		for (i = 0; i < MOAT_SLOTS_PER_CPU; i++) {
			struct moat_run *run = &per_cpu_ptr(d->runs, cpu)->run[i];
			/* Once: others' come and go meanwhile, and their stacks may lie next to this one. */
			unsigned long at = READ_ONCE(run->host_sp);

			if (at >= sp && at - sp < THREAD_SIZE && (!found || at < nearest)) {
				found = run;
				nearest = at;
			}
		}
	return found;
}

/* Closing ------------------------------------------------------------------- */

bool moat_runs_close(struct moat_domain *d)
{
	bool closed = true;
	u32 cpu, i;

	if (!closes(d))
		return true;
	for_each_possible_cpu(cpu)
		for (i = 0; i < MOAT_SLOTS_PER_CPU; i++)
			closed &= cmpxchg(&per_cpu_ptr(d->runs, cpu)->run[i].host_sp, 0, CLOSED) == CLOSED;
	return closed;
}

void moat_runs_fuel(struct moat_domain *d, u64 fuel)
{
	u32 cpu, i;

	for_each_possible_cpu(cpu)
		for (i = 0; i < MOAT_SLOTS_PER_CPU; i++)
			WRITE_ONCE(per_cpu_ptr(d->runs, cpu)->run[i].frame.fuel, fuel);
}
