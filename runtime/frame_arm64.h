/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a signal frame says on arm64, for fault.c alone.
 *
 * Linux puts a row of records behind the registers: each has a magic number
 * and a size, and the last is all zero.
 */
#ifndef MOAT_FRAME_ARM64_H
#define MOAT_FRAME_ARM64_H

#include <asm/sigcontext.h>
#include <ucontext.h>

#include "internal.h"

static u64 fault_pc(const ucontext_t *uc)
{
	return uc->uc_mcontext.pc;
}

/* The value of a BPF register where the code stopped; the map is arch-arm64/regs.h. */
static u64 bpf_register(const ucontext_t *uc, u8 reg)
{
	static const u8 at[] = { 7, 0, 1, 2, 3, 4, 19, 20, 21, 22, 25 };

	return uc->uc_mcontext.regs[at[reg]];
}

/* A record is followed by others: none is read beyond the end of the row, whatever a size says. */
static const void *frame_record(const ucontext_t *uc, u32 magic, u32 bytes)
{
	const u8 *p = (const u8 *)uc->uc_mcontext.__reserved;
	u32 left = sizeof(uc->uc_mcontext.__reserved);

	while (left >= bytes) {
		struct _aarch64_ctx head;

		memcpy(&head, p, sizeof(head));
		if (head.magic == magic)
			return p;
		if (!head.magic || head.size < sizeof(head) || head.size > left)
			return NULL;
		p += head.size;
		left -= head.size;
	}
	return NULL;
}

/*
 * Was it a store?  The instruction says so itself, in the formats that the
 * emitter uses (arch-arm64/a64.h).  The syndrome (ESR_EL1.WnR) calls an atomic
 * operation a read where reading would fault too, and not every kernel or
 * emulator passes it on; here they always count as writes, as on x86.
 */
static bool fault_write(const ucontext_t *uc)
{
	u32 insn = *(const u32 *)fault_pc(uc);

	if ((insn & 0x0a000000) != 0x08000000)
		return false;			/* no load or store */
	if ((insn & 0x3f000000) == 0x08000000)	/* exclusive, compare and swap */
		return true;
	if ((insn & 0x3a000000) == 0x28000000)	/* pair */
		return !(insn & 1 << 22);
	if ((insn & 0x3f200c00) == 0x38200000)	/* atomic */
		return true;
	return (insn & 0x38000000) == 0x38000000 && !(insn & 3 << 22);
}

/*
 * Was the page there, and only the overlay (the key) forbade it?  ESR_EL1: a
 * permission fault (FSC 0b0011xx) with Overlay, bit 6 of ISS2.
 */
static bool fault_key(const siginfo_t *info, const ucontext_t *uc)
{
	const struct esr_context *esr = frame_record(uc, ESR_MAGIC, sizeof(*esr));

	return esr && (esr->esr & 0x3c) == 0x0c && esr->esr >> 38 & 1;
}

/* There are no segments. */
static u64 read_segment(void)
{
	return 0;
}

static void write_segment(u64 base)
{
}

static bool detect_segment(void)
{
	return false;
}

/* Handlers run with the floating-point control of what they interrupt: it is the thread's own still. */
static void restore_control(const ucontext_t *uc)
{
}

#endif
