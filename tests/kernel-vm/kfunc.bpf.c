// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Functions of the kernel that are there to be called by tests (net/bpf/test_run.c). */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* A declaration would not do: libbpf compares kinds. */
struct sock {
} __attribute__((preserve_access_index));

extern __u64 bpf_kfunc_call_test1(struct sock *sk, __u32 a, __u64 b, __u32 c, __u64 d) __ksym;
extern int bpf_kfunc_call_test2(struct sock *sk, __u32 a, __u32 b) __ksym;

__u64 sum;

static __noinline int in_subprogram(struct bpf_sock *sk, __u32 a)
{
	return bpf_kfunc_call_test2((struct sock *)sk, a, 40);
}

SEC("tc")
int kfuncs(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk)
		return -1;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return -2;
	/* what they return is the sum of the numbers */
	sum = bpf_kfunc_call_test1((struct sock *)sk, 0x80000001, 0x100000000ull, 3, 0x4000000000000000ull);
	return in_subprogram(sk, 2);
}

char _license[] SEC("license") = "GPL";
