/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What cgroup.bpf.c and cgroup.c share. */
#ifndef MOAT_KERNEL_VM_CGROUP_H
#define MOAT_KERNEL_VM_CGROUP_H

#define CLOSED_PORT	7777

struct cgroup_shared {
	__u64 sent, received;	/* bytes */
	__u64 dropped;		/* packets to the closed port */
	__u64 refused, made;	/* connections, sockets */
};

#endif
