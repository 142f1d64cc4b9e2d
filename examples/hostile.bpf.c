// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * XDP attacker: reads or writes eight bytes at an address that it is sent.
 *
 * No verifier would let this pass; Moat has none and does not need one.  The
 * attacker learned the address through an information leak, and puts what it
 * reads into its own map, from where its owner takes it.
 */
#include "packet.h"

struct order {
	__u64 address;
	__u64 write;		/* 0: read */
	__u64 value;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} loot SEC(".maps");

SEC("xdp")
int hostile(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct order *order = data;
	volatile __u64 *forged;
	__u64 *out;
	__u32 zero = 0;

	if ((void *)(order + 1) > end)
		return XDP_ABORTED;
	forged = (volatile __u64 *)order->address;
	out = bpf_map_lookup_elem(&loot, &zero);
	if (!out)
		return XDP_ABORTED;
	if (order->write)
		*forged = order->value;
	else
		*out = *forged;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
