/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tracing programs and trace.c share. */
#ifndef MOAT_KERNEL_VM_TRACE_H
#define MOAT_KERNEL_VM_TRACE_H

enum {
	TRACE_TRACEPOINT, TRACE_RAW, TRACE_TYPED, TRACE_SWITCH, TRACE_FOLLOW, TRACE_WILD, TRACE_KPROBE, TRACE_KRETPROBE,
	TRACE_SAMPLE, TRACE_FENTRY, TRACE_FEXIT, TRACE_MODIFY, TRACE_LSM, TRACE_NULL, NR_TRACE,
};

struct trace_shared {
	__u32 pid, getppid;	/* whom, and which system call */
	__u64 count[NR_TRACE];
	__u32 parent, leader;
	__u64 wild, wild_long, wild_twice, guard[2];
	__u64 args, result;	/* of traced functions */
	__u32 deny;		/* by the LSM */
};

#endif
