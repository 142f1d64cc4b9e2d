// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Socket filter, medium: packets and bytes per IPv4 flow in a hash. */
#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct flow);
	__type(value, struct count);
} flows SEC(".maps");

__u64 full;	/* packets of flows that found no room */

static __always_inline int read_flow(struct __sk_buff *skb, struct flow *flow)
{
	struct ports ports;
	struct ipv4 ip;
	__be16 type;

	if (bpf_skb_load_bytes(skb, 12, &type, sizeof(type)) || type != ETH_IPV4)
		return -1;
	if (bpf_skb_load_bytes(skb, sizeof(struct eth), &ip, sizeof(ip)))
		return -1;
	flow->src = ip.src;
	flow->dst = ip.dst;
	flow->protocol = ip.protocol;
	if ((ip.protocol != IP_TCP && ip.protocol != IP_UDP) || ip.fragment & bpf_htons(0x1fff))
		return 0;
	if (bpf_skb_load_bytes(skb, sizeof(struct eth) + (ip.version_words & 15) * 4, &ports, sizeof(ports)))
		return -1;
	flow->sport = ports.src;
	flow->dport = ports.dst;
	return 0;
}

SEC("socket")
int flow_count(struct __sk_buff *skb)
{
	struct count *c, one = { .packets = 1, .bytes = skb->len };
	struct flow flow = {};

	if (read_flow(skb, &flow))
		return 0;
	c = bpf_map_lookup_elem(&flows, &flow);
	if (c) {
		__sync_fetch_and_add(&c->packets, 1);
		__sync_fetch_and_add(&c->bytes, skb->len);
	} else if (bpf_map_update_elem(&flows, &flow, &one, BPF_NOEXIST)) {
		__sync_fetch_and_add(&full, 1);
	}
	return skb->len;
}

char _license[] SEC("license") = "Dual BSD/GPL";
