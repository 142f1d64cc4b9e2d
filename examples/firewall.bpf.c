// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* XDP firewall: drops blocked IPv4 flows, counts the rest per protocol. */
#include "packet.h"

/* Filled by the host. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, __u64);		/* packets dropped */
} blocked SEC(".maps");

/* By IP protocol; what is not IPv4 counts as 255. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct count);
} protocols SEC(".maps");

#define NOT_IPV4	255

static __always_inline void count(__u32 protocol, __u64 bytes)
{
	struct count *c = bpf_map_lookup_elem(&protocols, &protocol);

	if (c) {
		c->packets++;
		c->bytes += bytes;
	}
}

/* Ports are 0 where there are none: other protocols and all fragments but the first. */
static __always_inline int read_flow(struct flow *flow, struct ipv4 *ip, void *end)
{
	struct ports *ports = (void *)ip + (ip->version_words & 15) * 4;

	flow->src = ip->src;
	flow->dst = ip->dst;
	flow->protocol = ip->protocol;
	if (ip->protocol != IP_TCP && ip->protocol != IP_UDP)
		return 0;
	if (ip->fragment & bpf_htons(0x1fff))
		return 0;
	if ((void *)(ports + 1) > end)
		return -1;
	flow->sport = ports->src;
	flow->dport = ports->dst;
	return 0;
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	struct ipv4 *ip = (void *)(eth + 1);
	__be16 type;
	struct flow flow = {};
	__u64 *drops;

	if ((void *)(eth + 1) > end)
		return XDP_ABORTED;
	type = eth->type;
	if (type == ETH_VLAN) {
		struct vlan *vlan = (void *)(eth + 1);

		if ((void *)(vlan + 1) > end)
			return XDP_ABORTED;
		type = vlan->type;
		ip = (void *)(vlan + 1);
	}
	if (type != ETH_IPV4) {
		count(NOT_IPV4, end - data);
		return XDP_PASS;
	}
	if ((void *)(ip + 1) > end || ip->version_words >> 4 != 4 || (ip->version_words & 15) < 5)
		return XDP_ABORTED;
	if (read_flow(&flow, ip, end))
		return XDP_ABORTED;
	drops = bpf_map_lookup_elem(&blocked, &flow);
	if (drops) {
		__sync_fetch_and_add(drops, 1);
		return XDP_DROP;
	}
	count(ip->protocol, end - data);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
