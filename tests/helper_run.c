/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A run that goes nowhere, from which tests call helpers as emitted code does. */
#include <urcu/urcu-memb.h>
#include "helper_run.h"

#define PC	7

struct moat_domain *domain;
struct moat_program prog = { .obj = &map_owner };
static struct moat_site site[1] = { { .pc = PC } };
static struct moat_call_gate gate[1];
struct moat_image image = { .prog = &prog, .site = site, .gate = gate, .nr_site = 1 };
struct moat_run *run;
u64 ret;

void helper_begin(void)
{
	CHECK(!moat_thread_register(), "a thread that runs programs");
	domain = moat_domain_new(MOAT_MODE_BASEREG);
	run = calloc(1, sizeof(*run));
	run->thread = moat_self;
	run->prog = &prog;
	run->image = &image;
	run->domain = domain;
	run->slot = moat_slot_get(domain, moat_self->cpu);
	run->frame.fuel = MOAT_DEFAULT_FUEL;
	run->frame.stack = domain->cage + run->slot->off + MOAT_STACK_BYTES;
	prog.domain = domain;
	moat_fault_arm(run);
	moat_self->run = run;
}

int call_as(const struct moat_helper *h, const struct moat_call_audit *record, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	moat_gate_free(&gate[0]);
	moat_gate_make(&gate[0], &prog, h, record);
	run->fault.kind = MOAT_FAULT_NONE;
	urcu_memb_read_lock();
	if (sigsetjmp(run->on_fault, 0)) {
		urcu_memb_read_unlock();
		CHECK(run->fault.kind == MOAT_FAULT_AUDIT && run->fault.insn == record->pc && run->fault.helper == h->id &&
		      run->fault.reason, "fault %d, insn %u", run->fault.kind, run->fault.insn);
		return run->fault.arg;
	}
	ret = moat_call(r1, r2, r3, r4, r5, &run->frame, 0);
	urcu_memb_read_unlock();
	return OK;
}

int call(s32 id, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	const struct moat_helper *h = moat_helper_builtin(id);
	struct moat_call_audit record;

	moat_record(&record, PC, h, NULL, NULL);
	return call_as(h, &record, r1, r2, r3, r4, r5);
}

u64 stack(u32 below_top)
{
	return domain->cage + run->slot->off + MOAT_STACK_BYTES - below_top;
}

void *at(u64 p)
{
	return moat_host((u32)p);
}
