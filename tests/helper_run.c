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

/* As for a call of which nothing is proved. */
static void make_gate(const struct moat_helper *h)
{
	struct moat_call_audit record;

	moat_record(&record, PC, h, NULL, NULL);
	moat_gate_free(&gate[0]);
	moat_gate_make(&gate[0], &prog, h, &record);
}

int call(s32 id, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	make_gate(moat_helper_builtin(id));
	run->fault.kind = MOAT_FAULT_NONE;
	urcu_memb_read_lock();
	if (sigsetjmp(run->on_fault, 0)) {
		urcu_memb_read_unlock();
		CHECK(run->fault.kind == MOAT_FAULT_AUDIT && run->fault.insn == PC && run->fault.helper == id &&
		      run->fault.reason, "fault %d, insn %u", run->fault.kind, run->fault.insn);
		return run->fault.arg;
	}
	ret = moat_call(r1, r2, r3, r4, r5, &run->frame, 0);
	urcu_memb_read_unlock();
	return OK;
}

u64 stack(u32 below_top)
{
	return domain->cage + run->slot->off + MOAT_STACK_BYTES - below_top;
}

void *at(u64 p)
{
	return moat_host((u32)p);
}
