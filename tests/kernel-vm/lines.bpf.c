// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every line's code holds the line's number, as an operand that no compiler can fold: lines.c looks for it there. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LINE(x)	asm volatile("%0 ^= %1" : "+r"(x) : "i"(0x5e110000 + __LINE__))

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

static __noinline __u64 first(__u64 x)
{
	LINE(x);
	if (x & 1)
		LINE(x);
	LINE(x);
	return x;
}

static __noinline __u64 second(__u64 x)
{
	volatile __u64 frame[4] = { x };

	LINE(x);
	x += frame[0] * first(x);
	LINE(x);
	return x;
}

static long step(__u32 i, void *ctx)
{
	__u64 x = i;

	LINE(x);
	*(__u64 *)ctx += x;
	LINE(x);
	return 0;
}

SEC("tc")
int lines(struct __sk_buff *skb)
{
	__u64 x = skb->len, *v, sum = 0;
	__u32 key = 0;

	LINE(x);
	v = bpf_map_lookup_elem(&values, &key);
	LINE(x);
	if (!v)
		return 1;
	LINE(x);
	__sync_fetch_and_add(v, x);
	LINE(x);
	x += first(x);
	LINE(x);
	if (x > 1000) {
		LINE(x);
		x /= (x & 15) + 1;
		LINE(x);
	}
	x += second(x);
	LINE(x);
	bpf_loop(3, step, &sum, 0);
	LINE(x);
	return x + sum;
}

char _license[] SEC("license") = "GPL";
