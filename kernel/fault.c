// SPDX-License-Identifier: GPL-2.0-only
/* Faults in images: they end the run, and the kernel goes on behind it. */
#include <linux/ptrace.h>
#include <linux/sched.h>
#include "domain.h"

/* The BPF instruction whose code covers offset @at of the image. */
static u32 insn_at(const struct moat *jit, u32 at)
{
	u32 lo = 0, hi = jit->len;

	while (hi - lo > 1) {
		u32 mid = lo + (hi - lo) / 2;

		if (jit->slot[mid].start <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static void resume(struct pt_regs *regs, struct moat_run *run)
{
	moat_forget_frames(run, kernel_stack_pointer(regs));
#ifdef CONFIG_X86_64
	regs->di = (unsigned long)run;
#else
	regs->regs[0] = (unsigned long)run;
#endif
	instruction_pointer_set(regs, (unsigned long)moat_image_abort);
}

/*
 * Only code of the run's own image is forgiven: what the host does for it with
 * host rights either works, or is a defect of the host.
 */
bool bpf_moat_fixup(struct pt_regs *regs, int trap, unsigned long address)
{
	struct moat_run *run = current->moat_run;
	unsigned long at;

	if (!run || user_mode(regs))
		return false;
	at = instruction_pointer(regs) - (unsigned long)run->domain->image;
	if (at < run->domain->entry || at >= run->domain->jit.bytes)
		return false;
	run->fault = (struct moat_fault_info) {
		.kind = address ? MOAT_FAULT_CAGE : MOAT_FAULT_TRAP,
		.pc = insn_at(&run->domain->jit, at),
		.value = (u32)address,
	};
	resume(regs, run);
	return true;
}
