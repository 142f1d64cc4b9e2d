/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Runs: enter a program's image, once or many times in a row.
 *
 * A batch holds one RCU read lock, so that closing an object waits for it; one
 * slot of the program's domain; and one place to come back to when a run is
 * ended by a fault.  What changes while the batch goes on lives in struct
 * batch, in memory, so that it is right after a jump out of emitted code too.
 */
#include <time.h>
#include <urcu.h>

#include "views.h"

struct batch {
	struct moat_run run;
	struct moat_layout lay;
	struct moat_program *prog;
	struct moat_count *count;
	u64 fuel;
	u64 retval;
	u64 done;		/* runs begun */
	u64 ns;
};

typedef u64 entry_fn(u64 r1, u64 r2, struct moat_frame *f);

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Make the run one of @prog's in @slot. */
static void set_program(struct moat_run *run, struct moat_program *prog, struct moat_slot_mem *slot)
{
	run->prog = prog;
	run->image = prog->image;
	run->domain = prog->domain;
	run->slot = slot;
	run->frame.cage = prog->domain->cage;
	run->frame.stack = prog->domain->cage + slot->off + MOAT_STACK_BYTES;
}

/* Before each run.  @packet: the packet view does not hold what was given any more. */
static void lay(struct batch *b, bool packet)
{
	struct moat_run *run = &b->run;

	moat_view_lay(run, &b->lay, packet);
	run->frame.fuel = b->fuel;
	run->tail_calls = MOAT_MAX_TAIL_CALLS;
	run->callbacks = 0;
	run->scratch = 0;
}

static void run_once(struct batch *b)
{
	entry_fn *entry = (entry_fn *)(uintptr_t)b->run.image->pc;

	b->done++;
	b->retval = entry(b->run.frame.r1, b->run.frame.r2, &b->run.frame);
}

/* After a run that was not the last: back to the batch's own program and to what it was given. */
static int rewind_batch(struct batch *b)
{
	struct moat_run *run = &b->run;
	struct moat_slot_mem *slot = run->slot;
	bool packet = run->image->writes;

	moat_run_release(run);
	if (run->prog != b->prog) {
		packet = true;
		if (run->domain != b->prog->domain) {
			moat_slot_put(slot);
			run->slot = NULL;
			slot = moat_slot_get(b->prog->domain, run->thread->cpu);
			if (!slot)
				return -EBUSY;
		}
		set_program(run, b->prog, slot);
	}
	lay(b, packet);
	return 0;
}

/* All runs of a batch whose first one is laid.  Comes back a second time when a run faults. */
static int run_all(struct batch *b, u32 repeat)
{
	u64 start;
	int err = 0;

	if (sigsetjmp(b->run.on_fault, 0))
		return b->run.fault.kind == MOAT_FAULT_FUEL ? -ETIME : -EFAULT;
	start = now();
	run_once(b);
	while (b->done < repeat && !err) {
		err = rewind_batch(b);
		if (!err)
			run_once(b);
	}
	b->ns = now() - start;
	return err;
}

/* Only the thread that has the CPU comes here with it. */
static struct moat_count *counters(struct moat_program *prog, u32 cpu)
{
	struct moat_count *c = atomic_load_explicit(&prog->count[cpu], memory_order_relaxed);

	if (c)
		return c;
	c = aligned_alloc(sizeof(*c), sizeof(*c));
	if (c) {
		*c = (struct moat_count) { 0 };
		atomic_store_explicit(&prog->count[cpu], c, memory_order_release);
	}
	return c;
}

/* Become the innermost run of this thread.  -EBUSY: no CPU number, or no slot, is left. */
static int begin(struct batch *b, struct moat_program *prog, void *user)
{
	struct moat_run *run = &b->run;
	struct moat_slot_mem *slot;
	int err = moat_self ? 0 : moat_thread_register();

	if (err)
		return err;
	rcu_read_lock();
	b->count = counters(prog, moat_self->cpu);
	slot = b->count ? moat_slot_get(prog->domain, moat_self->cpu) : NULL;
	if (!slot) {
		rcu_read_unlock();
		return b->count ? -EBUSY : -ENOMEM;
	}
	b->prog = prog;
	b->done = 0;
	run->thread = moat_self;
	run->frame.cpu = moat_self->cpu;
	run->outer = moat_self->run;
	run->user = user;
	run->packet_writable = b->lay.writable;
	run->issued_busy = 0;
	run->issued_count = 0;
	run->fault.kind = MOAT_FAULT_NONE;
	set_program(run, prog, slot);
	moat_fault_arm(run);
	lay(b, true);
	moat_self->run = run;
	atomic_signal_fence(memory_order_seq_cst);
	return 0;
}

/* After the last run, also one that faulted; results have been taken. */
static void end(struct batch *b, int err)
{
	struct moat_run *run = &b->run;
	struct moat_domain *d = b->prog->domain;

	moat_run_release(run);
	moat_self->run = run->outer;
	if (run->slot)
		moat_slot_put(run->slot);
	/* Gates leave the default rights behind; a caller with rights of its own gets them back. */
	if (d->gates && run->host_pkru != d->host_pkru)
		moat_wrpkru(run->host_pkru);
	__atomic_store_n(&b->count->runs, b->count->runs + b->done, __ATOMIC_RELAXED);
	if (err)
		__atomic_store_n(&b->count->faults, b->count->faults + 1, __ATOMIC_RELAXED);
	rcu_read_unlock();	/* from here on the object may be closed */
}

static u64 result(const struct batch *b)
{
	return b->lay.view == MOAT_VIEW_XDP || b->lay.view == MOAT_VIEW_SKB ? (u32)b->retval : b->retval;
}

/* A caller of another version: fields beyond its size are neither read nor written. */
static int run_copy(struct moat_program *prog, struct moat_run_opts *o)
{
	struct batch b;
	u32 repeat = o->repeat ?: 1;
	int err;

	err = moat_view_check(&b.lay, prog, o);
	if (err)
		return err;
	b.fuel = prog->obj->unmetered ? UINT64_MAX : o->fuel ?: MOAT_DEFAULT_FUEL;
	err = begin(&b, prog, o->user);
	if (err)
		return err;
	err = run_all(&b, repeat);
	if (err) {
		o->fault = b.run.fault;
	} else {
		o->retval = result(&b);
		o->duration = b.ns / repeat > UINT32_MAX ? UINT32_MAX : b.ns / repeat;
	}
	if (!err)
		err = moat_view_results(&b.run, &b.lay, o);
	end(&b, b.run.fault.kind != MOAT_FAULT_NONE);
	return err;
}

int moat_program__run_opts(struct moat_program *prog, struct moat_run_opts *opts)
{
	struct moat_run_opts o = { 0 };
	size_t sz;
	int err;

	if (!prog || !opts || opts->sz < offsetof(struct moat_run_opts, repeat))
		return -EINVAL;
	if (!prog->loaded) {
		moat_print(MOAT_WARN, "%s: %s: cannot run: it is not loaded", prog->obj->name, prog->name);
		return -EINVAL;
	}
	sz = opts->sz < sizeof(o) ? opts->sz : sizeof(o);
	memcpy(&o, opts, sz);
	o.sz = sz;
	memset(&o.fault, 0, sizeof(o.fault));
	err = run_copy(prog, &o);
	o.sz = opts->sz;
	memcpy(opts, &o, sz);
	return err;
}

/* The packet back to the caller, if it changed: @data may be memory that must not be written. */
static int give_back(const struct batch *b, void *data, u32 *len)
{
	const void *packet = moat_host(b->run.data);
	u32 bytes = b->run.data_end - b->run.data;

	if (bytes > *len)
		return -ENOSPC;
	if (bytes != *len || memcmp(data, packet, bytes))
		memcpy(data, packet, bytes);
	*len = bytes;
	return 0;
}

__s64 moat_program__run_packet(struct moat_program *prog, void *data, __u32 *len)
{
	struct batch b;
	s64 ret;
	int err;

	if (!prog->loaded || !len)
		return -EINVAL;
	err = moat_view_packet(&b.lay, prog, data, *len);
	if (err)
		return err;
	b.fuel = prog->obj->unmetered ? UINT64_MAX : MOAT_DEFAULT_FUEL;
	err = begin(&b, prog, NULL);
	if (err)
		return err;

	if (sigsetjmp(b.run.on_fault, 0)) {
		err = b.run.fault.kind == MOAT_FAULT_FUEL ? -ETIME : -EFAULT;
	} else {
		run_once(&b);
		if (b.lay.writable && (b.run.image->writes || b.run.prog != prog))
			err = give_back(&b, data, len);
	}
	ret = err ? err : (s64)result(&b);
	end(&b, b.run.fault.kind != MOAT_FAULT_NONE);
	return ret;
}

void *moat_run__user(struct moat_run *run)
{
	return run->user;
}

struct moat_program *moat_run__program(struct moat_run *run)
{
	return run->prog;
}
