/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that want something of a kernel: each is refused for another reason. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct {
	int pid;
	struct task_struct *parent;
} __attribute__((preserve_access_index));

extern int kernel_variable __ksym;
extern int kernel_function(int x) __ksym;
extern int LINUX_KERNEL_VERSION __kconfig;

SEC("moat")
long core(struct task_struct *t)
{
	return t->parent->pid;
}

SEC("moat")
long variable(void *in)
{
	return kernel_variable;
}

SEC("moat")
long function(void *in)
{
	return kernel_function(1);
}

SEC("moat")
long config(void *in)
{
	return LINUX_KERNEL_VERSION;
}

SEC("moat")
long helper(void *in)
{
	return ((long (*)(void))12345)();
}

SEC("moat")
long fine(void *in)
{
	return 5;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
