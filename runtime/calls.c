/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a running program into other code of programs: tail calls and callbacks. */
#include <urcu.h>

#include "gate.h"
#include "views.h"

/* The program that the program names, as audited.  Mode none trusts what it passes. */
static struct moat_program *target(struct moat_run *run, const u64 in[MOAT_MAX_ARGS], u64 site)
{
	const struct moat_call_gate *g;
	struct moat_issued *released;
	u64 out[MOAT_MAX_ARGS];
	u32 i;

	if (run->domain->mode == MOAT_MODE_NONE)
		return moat_map_program_at(arg_ptr(in[1]), (u32)in[2]);
	g = &run->image->gate[site];
	for (i = 0; i < MOAT_MAX_ARGS; i++)
		out[i] = moat_gate_form(&g->source[i], in[i], moat_gate_top(run));
	moat_gate_pass(run, g, in, out, &released);
	return moat_map_program_at(arg_ptr(out[1]), (u32)out[2]);
}

/* May a run of one program go on as one of the other?  As in the kernel, they must be of one type. */
static bool compatible(const struct moat_program *from, const struct moat_program *to)
{
	return to && to->image && to->type == from->type && to->domain->mode == from->domain->mode;
}

/* Move the run into the target's domain.  False: no slot is left there. */
static bool change_domain(struct moat_run *run, struct moat_domain *to)
{
	struct moat_slot_mem *old = run->slot, *slot;

	slot = moat_slot_get(to, run->thread->cpu);
	if (!slot)
		return false;
	moat_run_release(run);		/* records issued in the old domain mean nothing in the new one */
	moat_view_move(run, slot);
	moat_slot_put(old);
	run->domain = to;
	run->frame.cage = to->cage;
	run->frame.stack = to->cage + slot->off + MOAT_STACK_BYTES;
	return true;
}

/*
 * What emitted code calls for bpf_tail_call().  The address to jump to, with
 * the frame's r1 and r2 set, or 0: go on behind the call, as the kernel does
 * when the element is empty or too many calls were made.
 *
 * The context is the run's own whatever R1 holds; all state of the run is the
 * target's when this returns an address.
 */
u64 moat_tail(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site)
{
	struct moat_run *run = (struct moat_run *)f;
	u64 in[MOAT_MAX_ARGS] = { r1, r2, r3, r4, r5 };
	struct moat_program *to = target(run, in, site);

	/*
	 * Only a forged return leads from a callback to the main function's
	 * tail call: the code below still waits for its helper.
	 */
	if (run->callbacks)
		moat_run_fault(run, MOAT_FAULT_TRAP, run->image->site[site].pc, 0);
	if (!run->tail_calls)
		return 0;
	if (!compatible(run->prog, to))
		return 0;
	if (to->domain != run->domain && !change_domain(run, to->domain))
		return 0;
	run->tail_calls--;
	run->prog = to;
	run->image = to->image;
	return to->image->pc;
}

u64 moat_callback(struct moat_run *run, u64 handle, u64 r1, u64 r2, u64 r3, u64 r4)
{
	u64 (*entry)(u64 r1, u64 r2, u64 r3, struct moat_frame *f, u64 r4);
	u64 address = moat_image_callback(run->image, handle), ret;

	/* The audit has looked before; a helper that passes on something else ends the run. */
	if (!address)
		moat_run_fault(run, MOAT_FAULT_TRAP, 0, handle);
	/* A handle is a plain number: a callback can name itself, and the host's stack would end before the fuel. */
	if (run->callbacks == MOAT_MAX_FRAMES)
		moat_run_fault(run, MOAT_FAULT_TRAP, handle, 0);
	entry = (__typeof__(entry))(uintptr_t)address;
	run->callbacks++;
	ret = entry(r1, r2, r3, &run->frame, r4);
	run->callbacks--;
	return ret;
}
