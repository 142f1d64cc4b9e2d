/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * llvm-mc as the disassembler and assembler of A64: capstone 4.0.2 knows too
 * little of it.
 *
 * One process answers for many words: ask for each with oracle_a64_want(), run
 * it with oracle_a64_resolve(), then read.
 */
#ifndef MOAT_ORACLE_A64_H
#define MOAT_ORACLE_A64_H

#include <stdio.h>

#include "../jit/env.h"

void oracle_a64_want(u32 word);

/* False: llvm-mc did not run. */
bool oracle_a64_resolve(void);

/* Single spaces, branches with their distance ("b.eq #8"); NULL: no instruction, or never asked for. */
const char *oracle_a64_text(u32 word);

/*
 * Assemble: one instruction in each line of @source, which is rewound and read.
 * The number of words that llvm-mc made of them, at most @max.
 */
u32 oracle_a64_assemble(FILE *source, u32 *word, u32 max);

#endif
