/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a program in the guest speaks to our plugins (count-plugin.c, parts-plugin.c): by instructions that do nothing and that no compiler makes.
 *
 * GUEST_ARM64 chooses those of arm64 in the plugin, which is compiled for the host.
 */
#ifndef MOAT_KERNEL_VM_MARK_H
#define MOAT_KERNEL_VM_MARK_H

#include <stdint.h>

enum mark {
	MARK_BIT_0,	/* shift a bit into the two numbers: the first one is told first */
	MARK_BIT_1,
	MARK_FORGET,	/* all ranges */
	MARK_RANGE,	/* count in [number 0, number 0 + number 1) too */
	MARK_ZERO,	/* start again from zero */
	MARK_TELL,	/* print "count N COUNT TOTAL": N is number 1, COUNT in the ranges, TOTAL everywhere; or its parts */
	MARK_PART,	/* ranges that follow are of the part number 1 (parts.h) */
	NR_MARKS,
};

#if defined(__aarch64__) || defined(GUEST_ARM64)
/* movz xzr, #(0x6d00 + mark) */
#define MARK_WORD(m)	(0xd2800000u | (0x6d00u + (m)) << 5 | 31u)
#define MARK_INSN(m)	{ MARK_WORD(m) & 255, MARK_WORD(m) >> 8 & 255, MARK_WORD(m) >> 16 & 255, MARK_WORD(m) >> 24 }
#define MARK_ASM(m)	__asm__ volatile(".inst %c0" : : "i"(MARK_WORD(m)) : "memory")
#define MARK_BYTES	4
#else
/* nopl 0x4d6f6100 + mark(%rax, %rax) */
#define MARK_INSN(m)	{ 0x0f, 0x1f, 0x84, 0x00, (m), 0x61, 0x6f, 0x4d }
#define MARK_ASM(m)	__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, %c0, 0x61, 0x6f, 0x4d" : : "i"(m) : "memory")
#define MARK_BYTES	8
#endif

static const uint8_t mark_insn[NR_MARKS][MARK_BYTES] __attribute__((__unused__)) = {
	MARK_INSN(MARK_BIT_0), MARK_INSN(MARK_BIT_1), MARK_INSN(MARK_FORGET), MARK_INSN(MARK_RANGE), MARK_INSN(MARK_ZERO),
	MARK_INSN(MARK_TELL), MARK_INSN(MARK_PART),
};

#endif
