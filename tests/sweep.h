/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Many small tests of instructions in one program, run over many operands.
 *
 * A segment loads every register with a value of its own, runs a few
 * instructions, and stores every register: so what an instruction must leave
 * alone is checked as much as what it must do.  The results are compared with
 * model_step().
 */
#ifndef MOAT_SWEEP_H
#define MOAT_SWEEP_H

#include "../jit/env.h"

#define SWEEP_MAX	240	/* segments of a batch: their data must be within reach of an s16 offset */
#define SWEEP_OPS	8
#define SWEEP_NO_REG	255

struct segment {
	struct bpf_insn op[SWEEP_OPS];	/* a conditional jump is the last one, with off 1 */
	u32 n;
	u8 first, second;	/* registers that get the first and the second operand */
	u8 mixed;		/* gets the first operand with another upper half */
	u8 base;		/* points into the segment's memory, whose middle holds the first operand */
	s16 disp;		/* op's offset from base to there */
};

struct batch {
	const char *name;
	struct segment seg[SWEEP_MAX];
	u32 nr;
};

/* Add an empty segment.  NULL: the batch is full. */
struct segment *sweep_add(struct batch *b);

/* Run @b in every mode over all pairs of operands, or over each as first operand only, and empty it. */
void sweep_run(struct batch *b, bool pairs);

/* Set before: of all pairs take one in so many, for slow machines. */
extern u32 sweep_stride;

/* sweep_isa.c: every instruction. */
void sweep_isa(void);

#endif
