/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Functions: static and global, called from several programs, by address, and through each other. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __u64 total;

static __attribute__((noinline)) __u64 leaf(__u64 a, __u64 b)
{
	total += a;
	return a * 10 + b;
}

__attribute__((noinline)) __u64 middle(__u64 a)
{
	return leaf(a, 1) + leaf(a + 1, 2);
}

static __attribute__((noinline)) __u64 outer(__u64 a)
{
	return middle(a) + leaf(a, 3);
}

static long count(__u32 i, void *ctx)
{
	*(__u64 *)ctx += leaf(i, 0);
	return 0;
}

static long until(__u32 i, void *ctx)
{
	return i == 4;
}

SEC("moat")
long nested(__u64 *in, long bytes)
{
	return outer(*in);
}

SEC("moat")
long shared(__u64 *in, long bytes)
{
	return leaf(*in, 7);
}

SEC("moat")
long looped(__u64 *in, long bytes)
{
	__u64 sum = 0;

	if (bpf_loop(*in, count, &sum, 0) != *in)
		return -1;
	if (bpf_loop(100, until, NULL, 0) != 5)
		return -2;
	return sum;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
