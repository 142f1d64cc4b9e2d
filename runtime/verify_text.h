/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What stands in a program's text about its registers: numbers and frame
 * addresses that the instructions in front, with no way in between, put there.
 *
 * For the check of gates, which compares what they supply with it.  It decodes
 * by itself and knows little: of what it does not know it says nothing.
 */
#ifndef MOAT_VERIFY_TEXT_H
#define MOAT_VERIFY_TEXT_H

#include <linux/bpf.h>
#include "../jit/env.h"

enum moat_told { MOAT_TOLD_NOTHING, MOAT_TOLD_NUMBER, MOAT_TOLD_FRAME };

struct moat_text_value {
	u8 told;		/* enum moat_told */
	u64 n;			/* the number; FRAME: the distance from R10 */
};

struct moat_text_walk {
	const struct bpf_insn *insn;
	u32 len, pc;
	u8 *entered;		/* by instruction: other ways lead there than from the one in front */
	bool in_main;		/* no local function has begun yet: R10 is the top of the stack */
	struct moat_text_value reg[16];	/* in front of @pc */
};

/* Stand in front of the first instruction of a program that was validated.  0 or -ENOMEM; free @entered then. */
int moat_text_start(struct moat_text_walk *t, const struct bpf_insn *insn, u32 len);
/* Go on behind the instruction.  False: the program ends there. */
bool moat_text_next(struct moat_text_walk *t);

#endif
