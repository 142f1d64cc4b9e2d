// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that return, or say that the kernel is to, what @result has: whatever the verifier leaves to them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

__u64 pid, seen, seconds;
long result;

static __always_inline long ours(void)
{
	return bpf_get_current_pid_tgid() >> 32 == pid ? result : 0;
}

/* All of R0 is the trampoline's. */
SEC("lsm/task_getpgid")
long on_getpgid(void *ctx)
{
	return ours();
}

SEC("fmod_ret/security_task_getpgid")
long instead_of_getpgid(void *ctx)
{
	return ours();
}

/* A function whose errors may be put in, called when this one is run. */
SEC("fmod_ret/bpf_modify_return_test")
long instead_of_test(void *ctx)
{
	return result;
}

/* Called behind the first, if that denied nothing. */
SEC("lsm/task_getpgid")
int second(void *ctx)
{
	seconds++;
	return 0;
}

SEC("cgroup/getsockopt")
int on_get(struct bpf_sockopt *ctx)
{
	if (ours())
		bpf_set_retval((int)result);
	return 1;
}

struct bpf_fib_lookup route;

/* The kernel reads there what it has written. */
SEC("tc")
int routes(struct __sk_buff *skb)
{
	return bpf_fib_lookup(skb, &route, sizeof(route), 0);
}

/* Asks for nothing of its context, and so it runs without one. */
SEC("raw_tp/task_rename")
int without_context(void *ctx)
{
	bpf_tail_call(ctx, &next, 1);
	return 7;
}

SEC("raw_tp/task_rename")
int looks(struct bpf_raw_tracepoint_args *ctx)
{
	seen = ctx->args[0];
	return 8;
}

char _license[] SEC("license") = "GPL";
