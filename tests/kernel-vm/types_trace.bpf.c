// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that get the arguments of a function, or of a tracepoint that lets them be written. */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
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

/* Something to be run. */
SEC("tc")
int nothing(struct __sk_buff *skb)
{
	return 1;
}

char _license[] SEC("license") = "GPL";
