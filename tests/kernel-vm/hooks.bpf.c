// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs on trampolines: before, after and instead of functions of the kernel that are there for tests. */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "trace.h"

struct trace_shared shared;

struct bpf_fentry_test_t {
	struct bpf_fentry_test_t *a;
} __attribute__((preserve_access_index));

static __always_inline void saw(int what)
{
	__sync_fetch_and_add(&shared.count[what], 1);
}

SEC("fentry/bpf_fentry_test1")
int BPF_PROG(before_1, int a)
{
	saw(TRACE_FENTRY);
	shared.args += a;
	return 0;
}

SEC("fentry/bpf_fentry_test6")
int BPF_PROG(before_6, __u64 a, void *b, short c, int d, void *e, __u64 f)
{
	saw(TRACE_FENTRY);
	shared.args = shared.args * 31 + a + (__u64)b * 2 + c * 3 + d * 4 + (__u64)e * 5 + f * 6;
	return 0;
}

SEC("fexit/bpf_fentry_test6")
int BPF_PROG(after_6, __u64 a, void *b, short c, int d, void *e, __u64 f, int ret)
{
	saw(TRACE_FEXIT);
	shared.result = ret;
	return 0;
}

/* A function that calls back: the trampoline's frame under another function's. */
static long step(__u32 i, void *ctx)
{
	*(__u64 *)ctx += i;
	return 0;
}

SEC("fexit/bpf_fentry_test2")
int BPF_PROG(after_2, int a, __u64 b, int ret)
{
	__u64 sum = 0;

	bpf_loop(10, step, &sum, 0);
	saw(TRACE_FEXIT);
	shared.result = sum + ret;
	return 0;
}

/* The kernel passes NULL to the one, and an object that holds NULL to the other. */
SEC("fentry/bpf_fentry_test7")
int BPF_PROG(null_7, struct bpf_fentry_test_t *arg)
{
	saw(TRACE_NULL);
	if (arg->a)
		shared.wild = 7;
	return 0;
}

SEC("fentry/bpf_fentry_test8")
int BPF_PROG(null_8, struct bpf_fentry_test_t *arg)
{
	saw(TRACE_NULL);
	if (arg->a || arg->a->a || arg->a->a->a)
		shared.wild = 8;
	return 0;
}

SEC("fmod_ret/bpf_modify_return_test")
int BPF_PROG(instead, int a, int *b, int ret)
{
	saw(TRACE_MODIFY);
	return shared.deny ? -EPERM : 0;
}

SEC("lsm/socket_create")
int BPF_PROG(on_socket, int family, int type, int protocol, int kern)
{
	if (bpf_get_current_pid_tgid() >> 32 != shared.pid || family != 1)
		return 0;
	saw(TRACE_LSM);
	return shared.deny ? -EACCES : 0;
}

char _license[] SEC("license") = "GPL";
