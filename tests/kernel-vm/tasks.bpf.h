/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of the kernel's types for tasks that programs look at; libbpf finds where they are. */
#ifndef MOAT_KERNEL_VM_TASKS_BPF_H
#define MOAT_KERNEL_VM_TASKS_BPF_H

struct robust_list {
	struct robust_list *next;
} __attribute__((preserve_access_index));

struct robust_list_head {
	struct robust_list list;
	long futex_offset;
} __attribute__((preserve_access_index));

struct blk_plug {
	unsigned short nr_ios;
} __attribute__((preserve_access_index));

struct task_struct {
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
	struct robust_list_head *robust_list;
	struct blk_plug *plug;	/* NULL but while it reads and writes disks */
	char comm[16];
} __attribute__((preserve_access_index));

struct bpf_fentry_test_t {
	struct bpf_fentry_test_t *a;
} __attribute__((preserve_access_index));

#endif
