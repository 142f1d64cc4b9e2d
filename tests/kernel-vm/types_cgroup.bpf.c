// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs of control groups on sockets, their addresses and options, sysctls and devices. */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/socket.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "types.h"

#define SOL_SOCKET	1
#define SO_PRIORITY	12
#define SOL_IP		0
#define SOL_OURS	0xdeadbeef	/* a level that no protocol has */

/* Sockets ------------------------------------------------------------------------------------- */

SEC("cgroup/sock_create")
int on_create(struct bpf_sock *sk)
{
	enter();
	saw(0, sk->family);
	saw(1, sk->type);
	saw(2, sk->protocol);
	sk->mark = 77;
	sk->priority = 5;
	return sk->family != 10;	/* AF_INET6 */
}

SEC("cgroup/post_bind4")
int on_post_bind(struct bpf_sock *sk)
{
	enter();
	saw(3, sk->src_ip4);
	saw(4, sk->src_port);
	return sk->src_port != 4242;
}

/* Addresses ------------------------------------------------------------------------------------- */

SEC("cgroup/bind4")
int on_bind(struct bpf_sock_addr *ctx)
{
	enter();
	saw(5, ctx->user_ip4);
	saw(6, bpf_ntohs(ctx->user_port));
	if (ctx->user_port == bpf_htons(5001))
		ctx->user_port = bpf_htons(5002);
	return 1;
}

SEC("cgroup/connect4")
int on_connect(struct bpf_sock_addr *ctx)
{
	struct sockaddr_in from = { .sin_family = 2, .sin_addr.s_addr = bpf_htonl(0x7f000005) };
	int priority = 3, got = 0;

	enter();
	saw(45, ctx->sk->family | ctx->sk->type << 8);
	saw(46, ctx->sk->state);
	saw(47, bpf_get_netns_cookie(ctx) == bpf_get_netns_cookie(NULL));
	saw(7, ctx->user_family | ctx->family << 8 | ctx->type << 16);
	saw(8, ctx->protocol);
	saw(9, ((volatile __u8 *)&ctx->user_ip4)[3]);
	if (ctx->user_ip4 == bpf_htonl(0x7f000063))
		return 0;
	if (ctx->user_ip4 == bpf_htonl(0x7f000058)) {
		ctx->user_ip4 = bpf_htonl(0x7f00004d);
		ctx->user_port = bpf_htons(4444);
		saw(10, bpf_bind(ctx, (void *)&from, sizeof(from)));
		saw(11, bpf_setsockopt(ctx, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)));
		saw(12, bpf_getsockopt(ctx, SOL_SOCKET, SO_PRIORITY, &got, sizeof(got)));
		saw(13, got);
		saw(14, ctx->user_ip4);
	}
	return 1;
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	__u64 *half = (__u64 *)&ctx->user_ip6[2];

	enter();
	saw(15, ctx->user_ip6[3]);
	saw(16, *half);
	/* ::ffff:127.0.0.9 */
	ctx->user_ip6[2] = bpf_htonl(0xffff);
	ctx->user_ip6[3] = bpf_htonl(0x7f000009);
	return 1;
}

SEC("cgroup/sendmsg4")
int on_sendmsg(struct bpf_sock_addr *ctx)
{
	enter();
	saw(17, ctx->user_ip4);
	saw(18, ctx->msg_src_ip4);
	ctx->user_ip4 = bpf_htonl(0x7f000001);
	ctx->msg_src_ip4 = bpf_htonl(0x7f000007);
	return 1;
}

SEC("cgroup/getpeername4")
int on_getpeername(struct bpf_sock_addr *ctx)
{
	enter();
	saw(19, ctx->user_port);
	ctx->user_ip4 = bpf_htonl(0x01020304);
	return 1;
}

/* Options ----------------------------------------------------------------------------------------- */

SEC("cgroup/setsockopt")
int on_set(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	int priority = 6;
	__u8 *val = ctx->optval, *end = ctx->optval_end;

	enter();
	saw(20, ctx->level);
	saw(21, ctx->optname);
	saw(22, ctx->optlen);
	saw(23, end - val);
	if (val + 4 > end)
		return 1;
	saw(24, val[0] | val[3] << 8);
	saw(43, bpf_setsockopt(sk, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)));
	saw(44, sk->priority | sk->protocol << 16);
	if (ctx->level == SOL_OURS) {
		ctx->optlen = -1;	/* done here */
		return val[0] != 99;
	}
	if (ctx->level == SOL_IP && ctx->optname == 1) {	/* IP_TOS */
		val[0] = 0x10;
		ctx->optlen = 4;
	}
	return 1;
}

SEC("cgroup/getsockopt")
int on_get(struct bpf_sockopt *ctx)
{
	__u8 *val = ctx->optval, *end = ctx->optval_end;

	enter();
	saw(25, ctx->retval);
	saw(26, ctx->optlen);
	if (ctx->level != SOL_OURS)
		return 1;
	if (val + 8 > end)
		return 0;
	val[0] = 55;
	val[7] = 66;
	ctx->optlen = 8;
	saw(27, bpf_get_retval());
	bpf_set_retval(-61);
	saw(28, ctx->retval);
	ctx->retval = 0;
	return 1;
}

/* Sysctls ------------------------------------------------------------------------------------------- */

SEC("cgroup/sysctl")
int on_sysctl(struct bpf_sysctl *ctx)
{
	char name[32] = "", value[16] = "";
	unsigned long n = 0;
	int len;

	enter();
	saw(30, bpf_sysctl_get_name(ctx, name, sizeof(name), 0));
	if (bpf_strncmp(name, 12, "net/core/som"))
		return 1;
	saw(31, ctx->write);
	saw(32, ctx->file_pos);
	saw(33, bpf_sysctl_get_current_value(ctx, value, sizeof(value)));
	saw(34, bpf_strtoul(value, sizeof(value), 0, &n));
	saw(35, n);
	if (!ctx->write) {
		if (!ctx->file_pos && shared.deny == 2)
			ctx->file_pos = 1;
		return 1;
	}
	len = bpf_sysctl_get_new_value(ctx, value, sizeof(value));
	saw(36, len);
	if (value[0] == '6')
		return 0;
	if (value[0] == '7')
		saw(37, bpf_sysctl_set_new_value(ctx, "1234", 4));
	return 1;
}

/* Devices --------------------------------------------------------------------------------------------- */

SEC("cgroup/dev")
int on_device(struct bpf_cgroup_dev_ctx *ctx)
{
	enter();
	if (ctx->major != 1)
		return 1;
	saw(40, ctx->minor);
	saw(41, ctx->access_type >> 16);
	saw(42, (__u16)ctx->access_type);
	return ctx->minor != 9;
}

char _license[] SEC("license") = "GPL";
