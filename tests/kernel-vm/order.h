/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A program that is told what to do with a map, and what came of it, in memory that it shares with us.
 *
 * So that the same can be done to a map by a process and by a program.
 */
#ifndef MOAT_KERNEL_VM_ORDER_H
#define MOAT_KERNEL_VM_ORDER_H

#include <stddef.h>
#include <linux/bpf.h>

#include "../insns.h"
#include "sys.h"

struct order {
	u32 op, flags;
	u8 key[24];
	u8 value[112];
	u64 got, ret;
};
enum { LOOK, UPDATE, DELETE, PUSH, POP, PEEK, NR_OPS };

extern volatile struct order *order;
extern int orders;	/* the array map that it is the value of */

/* Make it.  False, and a failure is counted: there is none. */
bool order_open(void);
/* Tell @prog; what the program returns.  0 is what a run that was ended does. */
u32 order_give(int prog, u32 op);
/* Load a program, a socket filter; negative, and a failure is counted: it is refused. */
int order_load(const struct bpf_insn *insn, u32 n, const char *name);
#define AT(field)	((s32)offsetof(struct order, field))
#define LD_FD(reg, fd)	INSN(BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define POINT(reg, field) MOV_X(reg, 6), ALU64_K(BPF_ADD, reg, AT(field))
/* R6: the order, R7: its op. */
#define ORDER		INSN(BPF_LD | BPF_IMM | BPF_DW, 6, BPF_PSEUDO_MAP_VALUE, 0, orders), INSN(0, 0, 0, 0, 0),	\
			LDX(BPF_W, 7, 6, AT(op))
/* What the helper returned is told, and the program returns 1. */
#define DONE		STX(BPF_DW, 6, 0, AT(ret)), MOV_K(0, 1), EXIT

/* A number below @n, by chance, but the same ones in each run. */
u32 order_dice(u32 n);

#endif
