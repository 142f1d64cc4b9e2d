// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Socket filter, large: a dissector, one program per header, chained by tail
 * calls.  Where the next header begins is kept in skb->cb[0].
 */
#include "packet.h"

enum { DISSECT_IPV4, DISSECT_IPV6, DISSECT_VLAN, DISSECT_L4, DISSECT_NR };

int dissect_ipv4(struct __sk_buff *skb);
int dissect_ipv6(struct __sk_buff *skb);
int dissect_vlan(struct __sk_buff *skb);
int dissect_l4(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, DISSECT_NR);
	__uint(key_size, sizeof(__u32));
	__array(values, int (void *));
} next SEC(".maps") = {
	.values = {
		[DISSECT_IPV4] = (void *)&dissect_ipv4,
		[DISSECT_IPV6] = (void *)&dissect_ipv6,
		[DISSECT_VLAN] = (void *)&dissect_vlan,
		[DISSECT_L4] = (void *)&dissect_l4,
	},
};

enum found {
	FOUND_PACKETS, FOUND_VLAN, FOUND_ARP, FOUND_IPV4, FOUND_IPV6, FOUND_FRAGMENT,
	FOUND_TCP, FOUND_TCP_SYN, FOUND_UDP, FOUND_DNS, FOUND_ICMP, FOUND_OTHER, FOUND_SHORT,
	FOUND_NR,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FOUND_NR);
	__type(key, __u32);
	__type(value, __u64);
} found SEC(".maps");

#define CB_AT		0	/* offset of the header to look at */
#define CB_PROTOCOL	1	/* IP protocol, for dissect_l4 */

static __always_inline int saw(__u32 what, int verdict)
{
	__u64 *n = bpf_map_lookup_elem(&found, &what);

	if (n)
		__sync_fetch_and_add(n, 1);
	return verdict;
}

/* Go on with the program for @type, at @at; back here only if there is none. */
static __always_inline int by_type(struct __sk_buff *skb, __be16 type, __u32 at)
{
	skb->cb[CB_AT] = at;
	if (type == ETH_IPV4)
		bpf_tail_call(skb, &next, DISSECT_IPV4);
	else if (type == ETH_IPV6)
		bpf_tail_call(skb, &next, DISSECT_IPV6);
	else if (type == ETH_VLAN)
		bpf_tail_call(skb, &next, DISSECT_VLAN);
	return saw(type == ETH_ARP ? FOUND_ARP : FOUND_OTHER, skb->len);
}

static __always_inline int to_l4(struct __sk_buff *skb, __u32 protocol, __u32 at)
{
	skb->cb[CB_AT] = at;
	skb->cb[CB_PROTOCOL] = protocol;
	bpf_tail_call(skb, &next, DISSECT_L4);
	return saw(FOUND_OTHER, skb->len);
}

SEC("socket")
int dissect(struct __sk_buff *skb)
{
	__be16 type;

	saw(FOUND_PACKETS, 0);
	if (bpf_skb_load_bytes(skb, 12, &type, sizeof(type)))
		return saw(FOUND_SHORT, 0);
	return by_type(skb, type, sizeof(struct eth));
}

SEC("socket")
int dissect_vlan(struct __sk_buff *skb)
{
	__u32 at = skb->cb[CB_AT];
	struct vlan vlan;

	if (bpf_skb_load_bytes(skb, at, &vlan, sizeof(vlan)))
		return saw(FOUND_SHORT, 0);
	saw(FOUND_VLAN, 0);
	return by_type(skb, vlan.type, at + sizeof(vlan));
}

SEC("socket")
int dissect_ipv4(struct __sk_buff *skb)
{
	__u32 at = skb->cb[CB_AT];
	struct ipv4 ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return saw(FOUND_SHORT, 0);
	saw(FOUND_IPV4, 0);
	if (ip.fragment & bpf_htons(0x1fff))
		return saw(FOUND_FRAGMENT, skb->len);
	return to_l4(skb, ip.protocol, at + (ip.version_words & 15) * 4);
}

SEC("socket")
int dissect_ipv6(struct __sk_buff *skb)
{
	__u32 at = skb->cb[CB_AT];
	struct ipv6 ip;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return saw(FOUND_SHORT, 0);
	saw(FOUND_IPV6, 0);
	return to_l4(skb, ip.next, at + sizeof(ip));
}

static __always_inline int tcp(struct __sk_buff *skb, __u32 at)
{
	struct tcp tcp;

	if (bpf_skb_load_bytes(skb, at, &tcp, sizeof(tcp)))
		return saw(FOUND_SHORT, 0);
	if (tcp.flags & 2)
		saw(FOUND_TCP_SYN, 0);
	return saw(FOUND_TCP, skb->len);
}

static __always_inline int udp(struct __sk_buff *skb, __u32 at)
{
	struct ports udp;

	if (bpf_skb_load_bytes(skb, at, &udp, sizeof(udp)))
		return saw(FOUND_SHORT, 0);
	if (udp.src == bpf_htons(53) || udp.dst == bpf_htons(53))
		saw(FOUND_DNS, 0);
	return saw(FOUND_UDP, skb->len);
}

SEC("socket")
int dissect_l4(struct __sk_buff *skb)
{
	__u32 at = skb->cb[CB_AT];

	switch (skb->cb[CB_PROTOCOL]) {
	case IP_TCP:
		return tcp(skb, at);
	case IP_UDP:
		return udp(skb, at);
	case IP_ICMP:
	case IP_ICMPV6:
		return saw(FOUND_ICMP, skb->len);
	default:
		return saw(FOUND_OTHER, skb->len);
	}
}

char _license[] SEC("license") = "Dual BSD/GPL";
