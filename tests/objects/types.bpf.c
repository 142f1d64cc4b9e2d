/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One program for each kind of context. */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

__u64 seen[16];

SEC("xdp")
int xdp_look(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	seen[0] = end - data;
	seen[1] = ctx->ingress_ifindex;
	seen[2] = ctx->rx_queue_index;
	seen[3] = ctx->data_meta == ctx->data;
	if (data + 14 > end)
		return XDP_ABORTED;
	return data[12] == 8 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int xdp_rewrite(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + 14 > end)
		return XDP_ABORTED;
	data[0]++;
	return XDP_TX;
}

SEC("xdp")
int xdp_push(struct xdp_md *ctx)
{
	__u8 *data, *end;

	if (bpf_xdp_adjust_head(ctx, -4))
		return XDP_ABORTED;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + 4 > end)
		return XDP_ABORTED;
	__builtin_memset(data, 0xab, 4);
	return XDP_TX;
}

SEC("xdp")
int xdp_pop(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, 6) ? XDP_ABORTED : XDP_TX;
}

SEC("tc")
int tc_look(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	seen[0] = skb->len;
	seen[1] = skb->protocol;
	seen[2] = skb->mark;
	seen[3] = skb->pkt_type;
	seen[4] = skb->ifindex;
	seen[5] = skb->cb[1];
	seen[6] = end - data;
	seen[7] = skb->wire_len;
	skb->mark += 1;
	skb->cb[1] += 1;
	skb->hash = 99;
	return data + 14 <= end ? data[0] : -1;
}

SEC("socket")
int socket_look(struct __sk_buff *skb)
{
	seen[0] = skb->len;
	seen[1] = *(volatile __u32 *)((void *)skb + offsetof(struct __sk_buff, data));
	seen[2] = skb->protocol;
	skb->cb[0] = 7;
	return 0x10000;
}

struct event {
	__u64 common, a, b;
};

SEC("tracepoint/x/y")
long flat_sum(struct event *e)
{
	long sum = e->a + e->b;

	e->b = 1;
	return sum;
}

SEC("raw_tp/x")
long raw_args(__u64 *args)
{
	return args[0] * 2;
}

SEC("moat")
long plain(__u8 *in, long bytes)
{
	return in ? in[0] + bytes : -bytes - 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
