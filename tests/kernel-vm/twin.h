/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One program, two twins: the kernel's JIT by BPF_PROG_TEST_RUN, and the reference interpreter.
 *
 * Both start from the same memory; afterwards R0 and memory must be the same.
 */
#ifndef MOAT_KERNEL_VM_TWIN_H
#define MOAT_KERNEL_VM_TWIN_H

#include "../gen.h"

#define TWIN_BUFFER	1024
#define TWIN_TEXT	512

struct twin_case {
	const struct bpf_insn *insn;	/* names memory by GEN_FD_*; R1 is the context, not to be looked at */
	u32 len;
	enum bpf_prog_type type;	/* SCHED_CLS or SOCKET_FILTER */
	bool unprivileged;
	u64 seed;			/* of what memory and packet hold */
};

enum twin_end {
	TWIN_SAME,
	TWIN_DIFFERENT,
	TWIN_REFUSED,		/* by the verifier */
	TWIN_LONG,		/* too many steps for the interpreter */
};

/* 0 or -errno, with the reason printed. */
int twin_init(void);
/* Load, run, compare; @text says what is different, or why it was refused. */
enum twin_end twin_run(const struct twin_case *c, char text[TWIN_TEXT]);
/* Let a program name the kernel's memory, so that it can be loaded without a twin. */
void twin_link(struct bpf_insn *insn, u32 len);
/* What the last program left in the buffer, and in R0. */
extern u64 twin_result;
extern u8 *twin_buffer;
/* Bytes of code, BPF instructions and programs that were loaded. */
extern u64 twin_code_bytes, twin_insns, twin_programs;

#endif
