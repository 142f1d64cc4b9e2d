// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* XDP: sends every frame back, its addresses swapped. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int bounce(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, mac[6];

	if (data + 14 > end)
		return XDP_DROP;
	__builtin_memcpy(mac, data, 6);
	__builtin_memcpy(data, data + 6, 6);
	__builtin_memcpy(data + 6, mac, 6);
	return XDP_TX;
}

char _license[] SEC("license") = "GPL";
