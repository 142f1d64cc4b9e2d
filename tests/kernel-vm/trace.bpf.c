// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs on the kernel's own events; they count what one process does. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "tasks.bpf.h"
#include "trace.h"

struct trace_shared shared;

static __always_inline int mine(void)
{
	return bpf_get_current_pid_tgid() >> 32 == shared.pid;
}

static __always_inline int saw(int what)
{
	if (what < NR_TRACE && mine())
		__sync_fetch_and_add(&shared.count[what], 1);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int enter_getppid(void *ctx)
{
	return saw(TRACE_TRACEPOINT);
}

SEC("raw_tracepoint/sys_enter")
int raw_enter(struct bpf_raw_tracepoint_args *ctx)
{
	return ctx->args[1] == shared.getppid ? saw(TRACE_RAW) : 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(typed_enter, void *regs, long id)
{
	return id == shared.getppid ? saw(TRACE_TYPED) : 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	if (prev->tgid == shared.pid || next->tgid == shared.pid)
		__sync_fetch_and_add(&shared.count[TRACE_SWITCH], 1);
	return 0;
}

/* Follows pointers of the kernel: good ones, and one that user space sets to what it likes. */
SEC("tp_btf/sys_enter")
int BPF_PROG(follow, void *regs, long id)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (id != shared.getppid || !mine())
		return 0;
	shared.parent = task->real_parent->tgid;
	shared.leader = task->group_leader->group_leader->pid;
	if (!task->plug && !task->plug->nr_ios)
		saw(TRACE_NULL);
	saw(TRACE_FOLLOW);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(follow_wild, void *regs, long id)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct robust_list_head *wild;

	if (id != shared.getppid || !mine())
		return 0;
	/* everything around the load that faults must stay as it is */
	shared.guard[0] = bpf_get_current_pid_tgid();
	wild = task->robust_list;
	shared.wild = (__u64)wild->list.next;
	shared.wild_long = wild->futex_offset;
	shared.wild_twice = (__u64)wild->list.next->next;
	shared.guard[1] = bpf_get_current_pid_tgid();
	saw(TRACE_WILD);
	return 0;
}

SEC("kprobe/do_nanosleep")
int BPF_KPROBE(on_kprobe)
{
	return saw(TRACE_KPROBE);
}

SEC("kretprobe/do_nanosleep")
int BPF_KRETPROBE(on_kretprobe)
{
	return saw(TRACE_KRETPROBE);
}

SEC("perf_event")
int on_sample(struct bpf_perf_event_data *ctx)
{
	__sync_fetch_and_add(&shared.count[TRACE_SAMPLE], 1);
	return 0;
}

char _license[] SEC("license") = "GPL";
