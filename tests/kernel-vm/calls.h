/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What calls.bpf.c and calls.c share. */
#ifndef MOAT_KERNEL_VM_CALLS_H
#define MOAT_KERNEL_VM_CALLS_H

struct shared {
	__u64 runs;		/* programs that began */
	__u64 input;		/* of the program */
	__u64 sum;		/* its output */
	__u64 fired;		/* timers */
	__u64 fell_through;	/* tail calls that were not taken */
};

#endif
