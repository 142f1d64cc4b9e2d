// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs of a control group: count what its sockets send and receive, forbid a port, an address and a socket's family. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "cgroup.h"

struct cgroup_shared shared;

/* What precedes the ports in an IPv4 header without options; a control group's packets begin with it. */
static __always_inline __u16 port_of(struct __sk_buff *skb)
{
	__u16 port = 0;

	bpf_skb_load_bytes(skb, 22, &port, sizeof(port));
	return bpf_ntohs(port);
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	if (port_of(skb) == CLOSED_PORT) {
		__sync_fetch_and_add(&shared.dropped, 1);
		return 0;
	}
	__sync_fetch_and_add(&shared.sent, skb->len);
	return 1;
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&shared.received, skb->len);
	return 1;
}

/* Send to 127.0.0.77 what goes to 127.0.0.88; refuse 127.0.0.99. */
SEC("cgroup/connect4")
int on_connect(struct bpf_sock_addr *ctx)
{
	if (ctx->user_ip4 == bpf_htonl(0x7f000063)) {
		__sync_fetch_and_add(&shared.refused, 1);
		return 0;
	}
	if (ctx->user_ip4 == bpf_htonl(0x7f000058))
		ctx->user_ip4 = bpf_htonl(0x7f00004d);
	return 1;
}

SEC("cgroup/sock_create")
int on_socket(struct bpf_sock *sk)
{
	__sync_fetch_and_add(&shared.made, 1);
	return sk->family != 10;	/* AF_INET6 */
}

char _license[] SEC("license") = "GPL";
