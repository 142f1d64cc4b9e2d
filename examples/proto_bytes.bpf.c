// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Socket filter, small: bytes per IPv4 protocol, read with the packet loads of classic BPF. */
#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} bytes SEC(".maps");

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");

SEC("socket")
int proto_bytes(struct __sk_buff *skb)
{
	__u64 *sum;
	__u32 protocol;

	/* These loads are in host order, and end the program with 0 beyond the packet. */
	if (load_half(skb, 12) != 0x0800)
		return 0;
	protocol = load_byte(skb, 14 + 9);
	sum = bpf_map_lookup_elem(&bytes, &protocol);
	if (sum)
		__sync_fetch_and_add(sum, skb->len);
	return skb->len;
}

char _license[] SEC("license") = "Dual BSD/GPL";
