// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that get the arguments of a function, or of a tracepoint that lets them be written. */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "tasks.bpf.h"
#include "types.h"

static __always_inline int is_ours(void)
{
	return bpf_get_current_pid_tgid() >> 32 == shared.ports[0];
}

SEC("fentry/bpf_fentry_test6")
int BPF_PROG(before, __u64 a, void *b, short c, int d, void *e, __u64 f)
{
	enter();
	saw(0, a + (__u64)b * 2 + c * 3 + d * 4 + (__u64)e * 5 + f * 6);
	return 0;
}

SEC("fexit/bpf_fentry_test3")
int BPF_PROG(after, char a, int b, __u64 c, int ret)
{
	enter();
	saw(1, a | b << 8 | c << 16);
	saw(2, ret);
	return 0;
}

SEC("fmod_ret/bpf_modify_return_test")
int BPF_PROG(instead, int a, int *b, int ret)
{
	enter();
	saw(3, a);
	saw(4, ret);
	return shared.deny ? -EPERM : 0;
}

SEC("lsm/socket_create")
int BPF_PROG(on_socket, int family, int type, int protocol, int kern, int ret)
{
	if (!is_ours())
		return 0;
	enter();
	saw(5, family << 16 | type << 8 | protocol);
	saw(6, ret);
	return shared.deny ? -EACCES : 0;
}

/* The end of a test run: what it returns may be written. */
SEC("raw_tracepoint.w/bpf_test_finish")
int on_finish(struct bpf_raw_tracepoint_args *ctx)
{
	int *err = (void *)ctx->args[0];

	if (!is_ours())
		return 0;
	enter();
	saw(7, *err);
	if (shared.deny)
		*err = -(int)shared.deny;
	return 0;
}

/* Objects of the kernel ------------------------------------------------------------------------ */

/* The parts of its types that are looked at; libbpf finds where they are. */
struct super_block {
	unsigned long s_magic;
} __attribute__((preserve_access_index));

struct inode {
	unsigned short i_mode;
	unsigned int i_rdev;
	struct super_block *i_sb;
} __attribute__((preserve_access_index));

struct dentry {
	struct inode *d_inode;
} __attribute__((preserve_access_index));

struct path {
	struct dentry *dentry;
} __attribute__((preserve_access_index));

struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_flags;
} __attribute__((preserve_access_index));

static __noinline int family(struct task_struct *child)
{
	return child->real_parent->group_leader->tgid == shared.ports[0];
}

static __always_inline void look_at(struct task_struct *child)
{
	saw(8, 1 + family(child));
	saw(9, child->group_leader->pid == child->pid);
	saw(10, child->comm[0] | child->comm[4] << 8);
	if (!child->plug)
		saw(11, 1 + child->plug->nr_ios);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	if (parent->tgid != shared.ports[0])
		return 0;
	enter();
	look_at(child);
	return 0;
}

/* Also follows a pointer that user space sets to what it likes. */
SEC("fentry/wake_up_new_task")
int BPF_PROG(on_wake, struct task_struct *child)
{
	struct robust_list_head *wild;

	if (!is_ours())
		return 0;
	enter();
	look_at(child);
	wild = child->real_parent->robust_list;
	saw(12, wild->list.next ? 2 : 1);	/* no arithmetic with pointers */
	saw(13, 1 + wild->futex_offset);
	saw(14, wild->list.next->next ? 2 : 1);
	return 0;
}

/* Called with a structure of zeros. */
SEC("fentry/bpf_fentry_test8")
int BPF_PROG(on_zeros, struct bpf_fentry_test_t *arg)
{
	enter();
	saw(15, arg->a ? 2 : 1);
	saw(16, arg->a->a ? 2 : 1);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(on_open, struct file *file, int ret)
{
	if (!is_ours() || file->f_inode->i_rdev != (1 << 20 | 3))
		return 0;
	enter();
	saw(17, file->f_flags);
	saw(18, file->f_path.dentry->d_inode->i_sb->s_magic);
	saw(19, file->f_inode->i_mode);
	return shared.deny ? -EACCES : 0;
}

/* Something to be run. */
SEC("tc")
int nothing(struct __sk_buff *skb)
{
	return 1;
}

char _license[] SEC("license") = "GPL";
