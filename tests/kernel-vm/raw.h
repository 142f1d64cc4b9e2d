/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs made instruction by instruction, each of one kind of operation in every width and on every register.
 *
 * They begin with a value in each of R0-R9, and leave what R0-R9 hold then in the buffer (GEN_FD_BUFFER, see gen.h).
 */
#ifndef MOAT_KERNEL_VM_RAW_H
#define MOAT_KERNEL_VM_RAW_H

#include "../../jit/env.h"
#include "../insns.h"

#define RAW_MAX		140000

struct raw_program {
	const char *name;
	u32 len;
	struct bpf_insn insn[RAW_MAX];
};

/* Nothing yet; or what every program begins with. */
void raw_reset(struct raw_program *p, const char *name);
void raw_open(struct raw_program *p, const char *name);
void raw_close(struct raw_program *p);
void raw_put_insns(struct raw_program *p, const struct bpf_insn *insn, u32 n);
#define raw_put(p, ...)	raw_put_insns(p, (const struct bpf_insn[]){ __VA_ARGS__ },	\
				sizeof((const struct bpf_insn[]){ __VA_ARGS__ }) / sizeof(struct bpf_insn))

/* Make the @i'th of a list of such programs; false: it has no so many. */
bool raw_alu(struct raw_program *p, u32 i);

#endif
