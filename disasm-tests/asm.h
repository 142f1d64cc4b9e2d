/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * BPF instructions from text in the style of the kernel's verifier log.
 *
 *	r0 = 1				w1 s/= w2		r1 = (s8)r2
 *	r1 = 0x123456789 ll		r1 = subprog[L1]	r1 = be16 r1
 *	r1 = *(u32 *)(r2 + 8)		*(s16 *)(r1 - 4) = r2	r0 = *(u8 *)skb[r1 + 4]
 *	lock *(u64 *)(r1 + 0) += r2	r2 = atomic64_fetch_or((u64 *)(r1 + 0), r2)
 *	if r1 s> -1 goto L0		goto pc+1		gotol L0
 *	call 1				call L1			exit
 *	probe r1 = *(u64 *)(r2 + 8)	nospec			tail_call (of poke descriptor 3: tail_call 3)
 *
 * "L0:" alone on a line is a label; "repeat 40: INSTRUCTION" stands for 40 of
 * them; "raw 0x61, 1, 2, -4, 0" gives the fields code, dst, src, off, imm.
 * Everything that moat_text() prints for a valid instruction is accepted, but
 * a wide immediate needs its "ll".
 */
#ifndef MOAT_ASM_H
#define MOAT_ASM_H

#include "../jit/env.h"

/*
 * Assemble the lines of @text into @insn[0..max).  The number of slots, or -1
 * with the reason and the line in @error.
 */
int assemble(const char *text, struct bpf_insn *insn, u32 max, char error[200]);

#endif
