/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a signal frame says on x86, for fault.c alone. */
#ifndef MOAT_FRAME_X86_H
#define MOAT_FRAME_X86_H

#include <sys/auxv.h>
#include <ucontext.h>

#include "internal.h"

static u64 fault_pc(const ucontext_t *uc)
{
	return uc->uc_mcontext.gregs[REG_RIP];
}

/* The value of a BPF register where the code stopped; the map is arch-x86/regs.h. */
static u64 bpf_register(const ucontext_t *uc, u8 reg)
{
	static const u8 at[] = {
		REG_RAX, REG_RDI, REG_RSI, REG_RDX, REG_RCX, REG_R8, REG_RBX, REG_R13, REG_R14, REG_R15, REG_RBP,
	};

	return uc->uc_mcontext.gregs[at[reg]];
}

/* Page faults (exception 14) say in bit 1 of their error code whether it was a write. */
static bool fault_write(const ucontext_t *uc)
{
	return uc->uc_mcontext.gregs[REG_TRAPNO] == 14 && uc->uc_mcontext.gregs[REG_ERR] & 2;
}

/* And in bit 5 whether the page was there and only the key forbade it. */
static bool fault_key(const siginfo_t *info, const ucontext_t *uc)
{
	return uc->uc_mcontext.gregs[REG_TRAPNO] == 14 && uc->uc_mcontext.gregs[REG_ERR] & 0x20;
}

static u64 read_segment(void)
{
	u64 base;

	asm volatile("rdgsbase %0" : "=r"(base));
	return base;
}

static void write_segment(u64 base)
{
	asm volatile("wrgsbase %0" : : "r"(base));
}

/* The kernel starts handlers with fresh floating-point control; no sigreturn will bring back the thread's own. */
static void restore_control(const ucontext_t *uc)
{
	if (!uc->uc_mcontext.fpregs)
		return;
	asm volatile("ldmxcsr %0" : : "m"(uc->uc_mcontext.fpregs->mxcsr));
	asm volatile("fldcw %0" : : "m"(uc->uc_mcontext.fpregs->cwd));
}

static bool detect_segment(void)
{
	return getauxval(AT_HWCAP2) & 2;	/* HWCAP2_FSGSBASE */
}

#endif
