// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Small programs whose costs parts.c looks at. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} bytes SEC(".maps");

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");

__u64 total;

/* What a run costs before the program does anything. */
SEC("socket")
int nothing(struct __sk_buff *skb)
{
	return 0;
}

/* No load from the packet and no call. */
SEC("socket")
int count_bytes(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&total, skb->len);
	return skb->len;
}

/* Bytes per protocol as the kernel's sockex1 counts them. */
SEC("socket")
int count_protocol(struct __sk_buff *skb)
{
	__u32 index = load_byte(skb, 14 + 9);
	__u64 *value;

	value = bpf_map_lookup_elem(&bytes, &index);
	if (value)
		__sync_fetch_and_add(value, skb->len);
	return 0;
}

char _license[] SEC("license") = "GPL";
