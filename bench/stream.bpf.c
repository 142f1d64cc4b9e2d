// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Programs of a few hundred instructions that walk through memory: table-driven ciphers, automata, histograms, a
 * parser that moves its pointer, counters.  What they access is mostly named by a register alone.
 */
#include "common.h"

#define UNROLL	_Pragma("clang loop unroll(full)")

__u32 round_table[4][256];
__u8 sbox[256];
__u32 crc_table[8][256];
__u8 next_state[16][16];
__u32 histogram[256];
__u32 heap[128];
__u64 seen_ip, seen_tcp, seen_udp, seen_other, seen_small, seen_large, seen_broadcast, seen_bytes;

/* One column of a block cipher's round, by tables as AES is done with. */
static __always_inline __u32 column(__u32 a, __u32 b, __u32 c, __u32 d, __u32 key)
{
	return round_table[0][a & 255] ^ round_table[1][b >> 8 & 255] ^ round_table[2][c >> 16 & 255] ^
	       round_table[3][d >> 24] ^ key;
}

SEC("xdp")
int table_cipher(struct xdp_md *ctx)
{
	__u32 *p = packet_at(ctx, 0, 16), a, b, c, d, i;

	if (!p)
		return XDP_ABORTED;
	a = p[0];
	b = p[1];
	c = p[2];
	d = p[3];
	UNROLL for (i = 0; i < 6; i++) {
		__u32 w = column(a, b, c, d, i), x = column(b, c, d, a, i + 1);
		__u32 y = column(c, d, a, b, i + 2), z = column(d, a, b, c, i + 3);

		a = w;
		b = x;
		c = y;
		d = z;
	}
	return (a ^ b ^ c ^ d) & 1;
}

/* CRC-32 of eight bytes at a time. */
SEC("xdp")
int crc_by_eight(struct xdp_md *ctx)
{
	__u32 *p = packet_at(ctx, 0, 128), crc = ~0u, i;

	if (!p)
		return XDP_ABORTED;
	UNROLL for (i = 0; i < 12; i++) {
		__u32 one = *p++ ^ crc, two = *p++;

		crc = crc_table[7][one & 255] ^ crc_table[6][one >> 8 & 255] ^ crc_table[5][one >> 16 & 255] ^
		      crc_table[4][one >> 24] ^ crc_table[3][two & 255] ^ crc_table[2][two >> 8 & 255] ^
		      crc_table[1][two >> 16 & 255] ^ crc_table[0][two >> 24];
	}
	return crc & 1;
}

/* A stream cipher's state: 256 bytes that are swapped as it goes, RC4's way. */
SEC("xdp")
int byte_shuffle(struct xdp_md *ctx)
{
	__u32 *p = packet_at(ctx, 0, 4), i, j = 0, out = 0;

	j = p ? *p & 255 : 0;
	UNROLL for (i = 1; i <= 20; i++) {
		__u8 a = sbox[i], b;

		j = (j + a + i) & 255;
		b = sbox[j];
		sbox[i] = b;
		sbox[j] = a;
		out = out << 1 ^ sbox[(a + b) & 255];
	}
	return out & 1;
}

/* An automaton over the nibbles of a table that says itself where it reads on, and what it saw of each byte. */
SEC("xdp")
int automaton(struct xdp_md *ctx)
{
	__u8 *p = packet_at(ctx, 0, 1), byte;
	__u32 state = p ? *p & 15 : 0, i;

	UNROLL for (i = 0; i < 24; i++) {
		byte = sbox[(16 * state + i) & 255];
		histogram[byte]++;
		state = next_state[state & 15][byte >> 4];
		state = next_state[state & 15][byte & 15] & 15;
	}
	return state & 1;
}

/* The largest of a heap goes, the last takes its place and sinks. */
SEC("xdp")
int heap_sink(struct xdp_md *ctx)
{
	__u32 *p = packet_at(ctx, 0, 4), at = 1, v = p ? *p : 0, level, child;

	UNROLL for (level = 0; level < 6; level++) {
		child = 2 * at & 126;
		child |= heap[child | 1] > heap[child];
		if (heap[child] <= v)
			break;
		heap[at & 127] = heap[child];
		at = child;
	}
	heap[at & 127] = v;
	return v & 1;
}

/* Options of a protocol: a length byte and as many bytes, up to 24 of them; the pointer goes from one to the next. */
SEC("xdp")
int walk_options(struct xdp_md *ctx)
{
	__u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 sum = 0, i;

	UNROLL for (i = 0; i < 24; i++) {
		__u32 length;

		if (p + 1 > end)
			return XDP_DROP;
		length = *p & 7;
		p += length + 1;
		if (p + 1 > end)
			return XDP_DROP;
		sum += *p;
	}
	return sum & 1;
}

/* Statistics of a packet in variables of their own. */
SEC("xdp")
int statistics(struct xdp_md *ctx)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth) + sizeof(struct iphdr));
	struct iphdr *ip = (void *)(eth + 1);
	__u32 size = ctx->data_end - ctx->data;

	if (!eth)
		return XDP_DROP;
	seen_bytes += size;
	if (size < 128)
		seen_small++;
	else
		seen_large++;
	if (eth->h_dest[0] == 0xff)
		seen_broadcast++;
	if (eth->h_proto != bpf_htons(ETH_P_IP)) {
		seen_other++;
		return XDP_PASS;
	}
	seen_ip++;
	if (ip->protocol == IPPROTO_TCP)
		seen_tcp++;
	else if (ip->protocol == IPPROTO_UDP)
		seen_udp++;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
