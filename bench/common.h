/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the benchmark programs share. */
#ifndef MOAT_BENCH_COMMON_H
#define MOAT_BENCH_COMMON_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define LOOP	_Pragma("clang loop unroll(disable)")

/* The packet's bytes [@off, @off + @n), or NULL when it is shorter. */
static __always_inline void *packet_at(struct xdp_md *ctx, __u32 off, __u32 n)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return data + off + n <= end ? data + off : NULL;
}

static __always_inline __u32 rol32(__u32 v, int n)
{
	return v << n | v >> (32 - n);
}

static __always_inline __u64 rol64(__u64 v, int n)
{
	return v << n | v >> (64 - n);
}

#endif
