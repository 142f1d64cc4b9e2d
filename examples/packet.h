/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Headers of a packet as the example programs read them: byte for byte, fields in network order. */
#ifndef EXAMPLES_PACKET_H
#define EXAMPLES_PACKET_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define ETH_IPV4	bpf_htons(0x0800)
#define ETH_ARP		bpf_htons(0x0806)
#define ETH_VLAN	bpf_htons(0x8100)
#define ETH_IPV6	bpf_htons(0x86dd)

#define IP_ICMP		1
#define IP_TCP		6
#define IP_UDP		17
#define IP_ICMPV6	58

struct eth {
	__u8 dst[6], src[6];
	__be16 type;
};

struct vlan {
	__be16 tci;
	__be16 type;
};

struct ipv4 {
	__u8 version_words;	/* version << 4 | header length in 32-bit words */
	__u8 tos;
	__be16 bytes, id, fragment;
	__u8 ttl, protocol;
	__be16 checksum;
	__be32 src, dst;
};

struct ipv6 {
	__be32 version_flow;
	__be16 bytes;
	__u8 next, hops;
	__be32 src[4], dst[4];
};

/* What TCP and UDP headers begin with. */
struct ports {
	__be16 src, dst;
};

struct tcp {
	__be16 src, dst;
	__be32 seq, ack;
	__u8 words, flags;
	__be16 window, checksum, urgent;
};

/* What firewall and flow_count know a flow by: 16 bytes, the last 3 of them zero. */
struct flow {
	__be32 src, dst;
	__be16 sport, dport;
	__u8 protocol;
	__u8 zero[3];
};

struct count {
	__u64 packets, bytes;
};

#endif
