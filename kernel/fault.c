// SPDX-License-Identifier: GPL-2.0-only
/* Faults in images: they end the run, and the kernel goes on behind it. */
#include <linux/ptrace.h>
#include <linux/kernel.h>
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

/* Which check of the image leads to the trap instruction at @at. */
static struct moat_fault_info trap_at(const struct moat *jit, u32 at)
{
	u32 i;

	for (i = 0; i < jit->nr_trap; i++)
		if (jit->trap[i].at == at)
			return (struct moat_fault_info) { .kind = jit->trap[i].kind, .pc = jit->trap[i].pc };
	return (struct moat_fault_info) { .kind = MOAT_FAULT_TRAP, .pc = insn_at(jit, at) };
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
 * The program that the code belongs to, and the run whose stack it uses: neither
 * is anything that a program could change.  Only code of the run's own image is forgiven: what the host does for it with
 * host rights either works, or is a defect of the host.
 */
bool bpf_moat_fixup(struct pt_regs *regs, int trap, unsigned long address)
{
	unsigned long ip = instruction_pointer(regs), at;
	struct moat_domain *d;
	struct moat_run *run;

	if (user_mode(regs) || core_kernel_text(ip))
		return false;
	d = moat_domain_at(ip);
	if (!d)
		return false;
	at = ip - (unsigned long)d->image;
	run = moat_run_at(d, kernel_stack_pointer(regs));
	if (at < d->entry || WARN_ON_ONCE(!run))
		return false;
	if (address)
		run->fault = (struct moat_fault_info) {
			.kind = MOAT_FAULT_CAGE, .pc = insn_at(&d->jit, at), .value = (u32)address,
		};
	else
		run->fault = trap_at(&d->jit, at);
	resume(regs, run);
	return true;
}
