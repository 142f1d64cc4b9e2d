/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What one instruction does, as RFC 9669 defines it, on one machine state. */
#ifndef MOAT_MODEL_H
#define MOAT_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/bpf.h>

#define MODEL_MEMORY	32

struct model {
	uint64_t reg[11];
	uint64_t at;			/* address of memory[0] as the program sees it */
	uint8_t memory[MODEL_MEMORY];
	bool jumped;			/* the last conditional jump was taken */
	bool lost;			/* an access was outside of the memory, or there is no such instruction */
};

/* Arithmetic, loads, stores, atomics, conditional jumps (only whether), the first half of LDDW with @insn[1]. */
void model_step(struct model *m, const struct bpf_insn *insn);

#endif
