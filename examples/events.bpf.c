// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* XDP event source: reports each TCP connection attempt (SYN without ACK) through a ring buffer. */
#include "packet.h"

struct event {
	__be32 src, dst;
	__be16 sport, dport;
	__u32 number;		/* of the event, from 0 */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

__u32 number;
__u64 lost;

static __always_inline int report(struct ipv4 *ip, struct tcp *tcp)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return XDP_PASS;
	}
	e->src = ip->src;
	e->dst = ip->dst;
	e->sport = tcp->src;
	e->dport = tcp->dst;
	e->number = __sync_fetch_and_add(&number, 1);
	bpf_ringbuf_submit(e, 0);
	return XDP_PASS;
}

SEC("xdp")
int events_source(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	struct ipv4 *ip = (void *)(eth + 1);
	struct tcp *tcp;

	if ((void *)(ip + 1) > end || eth->type != ETH_IPV4 || ip->protocol != IP_TCP)
		return XDP_PASS;
	tcp = (void *)ip + (ip->version_words & 15) * 4;
	if ((void *)(tcp + 1) > end || ip->fragment & bpf_htons(0x1fff))
		return XDP_PASS;
	if ((tcp->flags & 0x12) != 0x02)
		return XDP_PASS;
	return report(ip, tcp);
}

char _license[] SEC("license") = "Dual BSD/GPL";
