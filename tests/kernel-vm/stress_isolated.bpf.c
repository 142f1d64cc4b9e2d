// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What stress_isolated.c loads, attaches, rewires and unloads: programs that have an isolated form. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MAP(name, kind, n)				\
	struct {					\
		__uint(type, BPF_MAP_TYPE_##kind);	\
		__uint(max_entries, n);			\
		__type(key, __u32);			\
		__type(value, __u64);			\
	} name SEC(".maps")

MAP(cells, ARRAY, 64);
MAP(by_length, HASH, 128);
MAP(recent, LRU_HASH, 64);
MAP(by_cpu, PERCPU_ARRAY, 4);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} targets SEC(".maps");

__u64 wrong, events;

/* 1 to 3 from a target, 100 from nowhere; what was in the frame before is still there then. */
SEC("tc")
int caller(struct __sk_buff *skb)
{
	volatile __u64 x[4] = { skb->len, 3, 5, 7 };
	__u32 i;

	for (i = 0; i < 4; i++)
		x[i] *= skb->len + i;
	bpf_tail_call(skb, &targets, skb->len & 1);
	if (x[0] != (__u64)skb->len * skb->len || x[3] != 7 * ((__u64)skb->len + 3))
		__sync_fetch_and_add(&wrong, 1);
	return 100;
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

static __noinline int half(int x)
{
	return x / 2;
}

SEC("tc")
int three(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &targets, 3);	/* nobody there */
	return half(skb->len & 0 ? 1 : 6);
}

/* All maps, a callback, and the packet. */
static long step(__u32 i, __u32 *key)
{
	__u64 *cell = bpf_map_lookup_elem(&cells, key);

	if (cell)
		__sync_fetch_and_add(cell, i);
	return 0;
}

SEC("socket")
int count(struct __sk_buff *skb)
{
	__u32 key = skb->len & 63, zero = 0;
	__u64 one_more = 1, *value = bpf_map_lookup_elem(&by_length, &key);
	__u8 head[8];

	if (value)
		__sync_fetch_and_add(value, 1);
	else
		bpf_map_update_elem(&by_length, &key, &one_more, BPF_ANY);
	if (!bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		key += head[7];
	bpf_map_update_elem(&recent, &key, &one_more, BPF_ANY);
	if (key & 4)
		bpf_map_delete_elem(&by_length, &key);
	value = bpf_map_lookup_elem(&by_cpu, &zero);
	if (value)
		++*value;
	key &= 63;
	bpf_loop(10, step, &key, 0);
	return skb->len;
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	__u32 key = bpf_get_smp_processor_id();
	__u64 now = bpf_ktime_get_ns();

	__sync_fetch_and_add(&events, 1);
	bpf_map_update_elem(&recent, &key, &now, BPF_ANY);
	return 0;
}

char _license[] SEC("license") = "GPL";
