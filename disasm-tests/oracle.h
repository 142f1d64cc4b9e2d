/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Disassemblers that know nothing of our encoders: capstone, and llvm-mc for
 * what capstone 4.0.2 does not know.
 */
#ifndef MOAT_ORACLE_H
#define MOAT_ORACLE_H

#include "../jit/env.h"

struct oracle_ins {
	u32 bytes;
	bool has_target;	/* a direct branch or call, or a RIP-relative operand */
	bool falls_through;	/* control may reach what follows */
	u64 target;
	char text[160];		/* Intel syntax, single spaces */
};

/* Decode the instruction at @code with capstone; false if it does not know it. */
bool oracle_capstone(const u8 *code, u32 bytes, u64 pc, struct oracle_ins *out);

/* The same for reading: instructions that capstone does not know but we use are told by name. */
bool oracle_decode(const u8 *code, u32 bytes, u64 pc, struct oracle_ins *out);

/* Is llvm-mc installed? */
bool oracle_have_llvm(void);

/* What llvm-mc makes of these bytes, as one line; false if it does not know them. */
bool oracle_llvm(const u8 *code, u32 bytes, char text[160]);

#endif
