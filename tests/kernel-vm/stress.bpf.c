// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What stress.c loads, attaches and rewires while it runs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} targets SEC(".maps");

__u64 wrong;

/* A frame and saved registers that a tail call at the wrong moment would leave behind. */
static __noinline int through(struct __sk_buff *skb, __u64 a)
{
	volatile __u64 x[4] = { a, a * 3, a * 5, a * 7 };

	bpf_tail_call(skb, &targets, 0);
	if (x[0] + x[1] != a * 4 || x[2] + x[3] != a * 12)
		__sync_fetch_and_add(&wrong, 1);
	return 100;
}

/* 1 to 3 from a target, 100 from nowhere; whatever came, the same number must be left. */
SEC("tc")
int caller(struct __sk_buff *skb)
{
	__u64 a = bpf_get_prandom_u32(), b = a ^ 0x5555;
	int r = through(skb, a);

	if ((a ^ b) != 0x5555 || (r != 100 && (r < 1 || r > 3)))
		__sync_fetch_and_add(&wrong, 1);
	bpf_tail_call(skb, &targets, 1);
	return r;
}

SEC("tc")
int one(struct __sk_buff *skb)
{
	return 1;
}

SEC("tc")
int two(struct __sk_buff *skb)
{
	volatile char frame[100];

	frame[skb->len & 63] = 2;
	return frame[skb->len & 63];
}

static __noinline int three_of(int x)
{
	return x / 2;
}

SEC("tc")
int three(struct __sk_buff *skb)
{
	return three_of(skb->len & 0 ? 1 : 6);
}

char _license[] SEC("license") = "GPL";
