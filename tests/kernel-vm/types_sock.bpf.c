// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs on connections, on what is sent and received, and on the choice of a socket. */
#include <linux/bpf.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "types.h"

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} listeners SEC(".maps");

/* Connections: only the test's own. */
SEC("sockops")
int on_connection(struct bpf_sock_ops *ctx)
{
	__u8 *data, *end;
	int got = 0;

	if (ctx->local_port != shared.ports[0] && bpf_ntohl(ctx->remote_port) != shared.ports[0])
		return 1;
	enter();
	saw(0, ctx->op);
	saw(1, ctx->family);
	saw(2, ctx->remote_ip4);
	saw(3, ctx->is_fullsock);
	saw(4, ctx->args[1]);
	switch (ctx->op) {
	case BPF_SOCK_OPS_RWND_INIT:
		ctx->reply = 20;
		return 1;
	case BPF_SOCK_OPS_TIMEOUT_INIT:
	case BPF_SOCK_OPS_BASE_RTT:
		ctx->reply = -1;
		return 1;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		saw(5, bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG));
		saw(6, ctx->bpf_sock_ops_cb_flags);
		saw(7, bpf_setsockopt(ctx, 1, 12, &(int){ 4 }, 4));
		saw(8, bpf_getsockopt(ctx, 1, 12, &got, 4));
		saw(9, got);
		saw(10, ctx->state);
		saw(11, ctx->mss_cache);
		saw(12, ctx->skb_len);
		data = ctx->skb_data;
		end = ctx->skb_data_end;
		if (data && data + sizeof(struct tcphdr) <= end) {
			saw(13, ((struct tcphdr *)data)->dest);
			saw(14, data[13]);
		}
		return 1;
	case BPF_SOCK_OPS_STATE_CB:
		saw(15, ctx->args[0] << 8 | ctx->args[1]);
		return 1;
	}
	return 1;
}

/* Which socket a packet is for. */
SEC("sk_lookup")
int on_lookup(struct bpf_sk_lookup *ctx)
{
	if (ctx->local_port < 7000 || ctx->local_port > 7100)
		return SK_PASS;
	enter();
	saw(16, ctx->family << 8 | ctx->protocol);
	saw(17, ctx->remote_ip4);
	saw(18, ctx->local_ip4);
	saw(19, ctx->local_port);
	return ctx->local_port == 7001 ? SK_DROP : SK_PASS;
}

/* What is sent: double the number in it. */
SEC("sk_msg")
int on_message(struct sk_msg_md *msg)
{
	__u8 *data, *end;

	enter();
	bpf_msg_pull_data(msg, 0, 4, 0);
	data = msg->data;
	end = msg->data_end;
	saw(20, msg->size);
	saw(21, msg->family);
	saw(22, msg->remote_ip4);
	if (data + 4 > end)
		return SK_DROP;
	saw(23, data[0]);
	if (data[0] == 'x')
		return SK_DROP;
	data[3] = data[3] * 2;
	if (data[0] == 'p') {
		saw(24, bpf_msg_push_data(msg, 4, 2, 0));
		bpf_msg_pull_data(msg, 0, 6, 0);
		data = msg->data;
		end = msg->data_end;
		if (data + 6 <= end) {
			data[4] = 'm';
			data[5] = 'o';
		}
	}
	return SK_PASS;
}

/* What is received: "x" is dropped, "r" goes to the other socket. */
SEC("sk_skb/stream_verdict")
int on_stream(struct __sk_buff *skb)
{
	__u8 *data, *end;

	enter();
	if (bpf_skb_pull_data(skb, 4))
		return SK_DROP;
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	saw(25, skb->len);
	saw(26, end - data);
	saw(27, skb->family);
	if (data + 4 > end)
		return SK_PASS;
	saw(28, data[0]);
	if (data[0] == 'x')
		return SK_DROP;
	data[2] = '!';
	if (data[0] == 'r')
		return bpf_sk_redirect_map(skb, &sockets, 1, 0);
	return SK_PASS;
}

/* Which of several sockets at one port: the number in the packet says it. */
SEC("sk_reuseport")
int on_select(struct sk_reuseport_md *ctx)
{
	__u8 *data = ctx->data, *end = ctx->data_end;
	__u32 key;

	enter();
	saw(30, ctx->len);
	saw(31, ctx->ip_protocol);
	saw(32, ctx->bind_inany);
	saw(33, ctx->eth_protocol);
	if (data + sizeof(struct udphdr) + 1 > end)
		return SK_DROP;
	key = data[sizeof(struct udphdr)] - '0';
	if (key == 9)
		return SK_DROP;
	saw(34, bpf_sk_select_reuseport(ctx, &listeners, &key, 0));
	return SK_PASS;
}

char _license[] SEC("license") = "GPL";
