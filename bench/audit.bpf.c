/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls as the examples make them, to helpers of the host that do nothing: what is left is the call and its audit. */
#include "common.h"

#define CALLS	200	/* audit.c says the same */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u64);
	__type(value, __u64[2]);
} flows SEC(".maps");

static long (*const no_args)(void) = (void *)9101;
static long (*const map_key)(void *map, const void *key) = (void *)9102;
static long (*const map_key_value)(void *map, const void *key, const void *value, __u64 flags) = (void *)9103;
static long (*const load_bytes)(void *ctx, __u32 at, void *to, __u32 bytes) = (void *)9104;
static long (*const csum_replace)(void *ctx, __u32 at, __u64 from, __u64 to, __u64 flags) = (void *)9106;
static long (*const output)(void *map, const void *data, __u64 bytes, __u64 flags) = (void *)9105;

SEC("xdp")
int call_no_args(struct xdp_md *ctx)
{
	__u32 i, sum = 0;

	LOOP for (i = 0; i < CALLS; i++)
		sum += no_args();
	return sum;
}

SEC("xdp")
int call_lookup(struct xdp_md *ctx)
{
	__u64 key = ctx->ingress_ifindex;
	__u32 i, sum = 0;

	LOOP for (i = 0; i < CALLS; i++)
		sum += map_key(&flows, &key);
	return sum;
}

SEC("xdp")
int call_update(struct xdp_md *ctx)
{
	__u64 key = ctx->ingress_ifindex, value[2] = { key, 1 };
	__u32 i, sum = 0;

	LOOP for (i = 0; i < CALLS; i++)
		sum += map_key_value(&flows, &key, value, BPF_NOEXIST);
	return sum;
}

SEC("xdp")
int call_load(struct xdp_md *ctx)
{
	__u32 i, sum = 0;
	__u8 head[20];

	LOOP for (i = 0; i < CALLS; i++)
		sum += load_bytes(ctx, 14, head, sizeof(head));
	return sum;
}

/* As behind a variable header: the offset is a number within bounds. */
SEC("xdp")
int call_load_at(struct xdp_md *ctx)
{
	__u32 i, sum = 0, at = 14 + (ctx->rx_queue_index & 15) * 4;
	__u8 ports[4];

	LOOP for (i = 0; i < CALLS; i++)
		sum += load_bytes(ctx, at, ports, sizeof(ports));
	return sum;
}

/* As after a rewrite: three numbers within bounds. */
SEC("xdp")
int call_replace(struct xdp_md *ctx)
{
	__u32 i, sum = 0, at = 14 + (ctx->rx_queue_index & 15) * 4, from = ctx->ingress_ifindex, to = ~from;

	LOOP for (i = 0; i < CALLS; i++)
		sum += csum_replace(ctx, at, from, to, 4);
	return sum;
}

/* Packet bytes to a ring: memory that can only be checked. */
SEC("xdp")
int call_output(struct xdp_md *ctx)
{
	void *head = packet_at(ctx, 0, 64);
	__u32 i, sum = 0;

	if (!head)
		return 0;
	LOOP for (i = 0; i < CALLS; i++)
		sum += output(&flows, head, 64, 0);
	return sum;
}

char _license[] SEC("license") = "GPL";
