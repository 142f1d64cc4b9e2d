/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tests of policies share (policy.c). */
#ifndef MOAT_KERNEL_VM_POLICY_H
#define MOAT_KERNEL_VM_POLICY_H

#include "sys.h"

/* Load a program in mode basereg, which the verifier is told to believe.  -1, and a failure is counted: it does not load. */
int policy_load(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len);
/* One run; what it returned.  ~0, and a failure is counted: it does not run. */
u32 policy_run(int prog, enum bpf_prog_type type);

/* What runs that end by faults return. */
void policy_verdicts(void);
/* Programs that are disabled by a fault. */
void policy_disabling(void);
/* Runs that take too long. */
void policy_fuel(void);
/* Who is isolated, and what is told of that. */
void policy_who(void);
/* Who is charged for their memory. */
void policy_memory(void);

#endif
