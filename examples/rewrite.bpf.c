// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* tc classifier: sends UDP for one port to another host, with both checksums kept right. */
#include <linux/pkt_cls.h>
#include "packet.h"

/* Set by the host before loading, or left as they are. */
const volatile __u32 new_dst = 0x0a090909;	/* 10.9.9.9 */
const volatile __u16 match_port = 53;

#define IP_AT		sizeof(struct eth)
#define IP_CHECKSUM	(IP_AT + 10)
#define IP_DST		(IP_AT + 16)

__u64 rewritten;

SEC("tc")
int rewrite(struct __sk_buff *skb)
{
	struct { __be16 src, dst, bytes, checksum; } udp;
	__be32 dst = bpf_htonl(new_dst);
	struct ipv4 ip;
	__u32 udp_at;
	__be16 type;

	if (bpf_skb_load_bytes(skb, 12, &type, sizeof(type)) || type != ETH_IPV4)
		return TC_ACT_OK;
	if (bpf_skb_load_bytes(skb, IP_AT, &ip, sizeof(ip)))
		return TC_ACT_SHOT;
	if (ip.protocol != IP_UDP || ip.fragment & bpf_htons(0x1fff))
		return TC_ACT_OK;
	udp_at = IP_AT + (ip.version_words & 15) * 4;
	if (bpf_skb_load_bytes(skb, udp_at, &udp, sizeof(udp)))
		return TC_ACT_SHOT;
	if (udp.dst != bpf_htons(match_port))
		return TC_ACT_OK;
	/* A UDP checksum of 0 means that there is none. */
	if (udp.checksum && bpf_l4_csum_replace(skb, udp_at + 6, ip.dst, dst,
						BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | sizeof(dst)))
		return TC_ACT_SHOT;
	if (bpf_l3_csum_replace(skb, IP_CHECKSUM, ip.dst, dst, sizeof(dst)) ||
	    bpf_skb_store_bytes(skb, IP_DST, &dst, sizeof(dst), 0))
		return TC_ACT_SHOT;
	__sync_fetch_and_add(&rewritten, 1);
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
