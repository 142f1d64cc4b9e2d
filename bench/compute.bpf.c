// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Compute programs: loops over data of their own; the packet is only their seed. */
#include "common.h"

static __u32 seed_of(struct xdp_md *ctx)
{
	__u32 *p = packet_at(ctx, 0, 4);

	return p ? *p : 1;
}

__u8 text[256];
__u32 numbers[64];
__u32 matrix_a[64], matrix_b[64], matrix_c[64];
__u8 sieve_map[256];
__u64 state[4];
const __u32 nibble_crc[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int fnv1a(struct xdp_md *ctx)
{
	__u32 h = 2166136261u ^ seed_of(ctx);
	int i;

	LOOP for (i = 0; i < 256; i++)
		h = (h ^ text[i]) * 16777619;
	return h & 1;
}

SEC("xdp")
int mix_hash(struct xdp_md *ctx)
{
	__u32 a = seed_of(ctx), b = 0x9e3779b9, c = 0xdeadbeef;
	int i;

	LOOP for (i = 0; i + 3 <= 63; i += 3) {
		a += numbers[i];
		b += numbers[i + 1];
		c += numbers[i + 2];
		a -= c; a ^= rol32(c, 4); c += b;
		b -= a; b ^= rol32(a, 6); a += c;
		c -= b; c ^= rol32(b, 8); b += a;
		a -= c; a ^= rol32(c, 16); c += b;
		b -= a; b ^= rol32(a, 19); a += c;
		c -= b; c ^= rol32(b, 4); b += a;
	}
	return (a ^ b ^ c) & 1;
}

SEC("xdp")
int sip_rounds(struct xdp_md *ctx)
{
	__u64 v0 = 0x736f6d6570736575, v1 = 0x646f72616e646f6d, v2 = 0x6c7967656e657261, v3 = seed_of(ctx);
	int i;

	LOOP for (i = 0; i < 64; i++) {
		v0 += v1; v1 = rol64(v1, 13); v1 ^= v0; v0 = rol64(v0, 32);
		v2 += v3; v3 = rol64(v3, 16); v3 ^= v2;
		v0 += v3; v3 = rol64(v3, 21); v3 ^= v0;
		v2 += v1; v1 = rol64(v1, 17); v1 ^= v2; v2 = rol64(v2, 32);
	}
	return (v0 ^ v1 ^ v2 ^ v3) & 1;
}

SEC("xdp")
int crc_nibbles(struct xdp_md *ctx)
{
	__u32 crc = ~seed_of(ctx);
	int i;

	LOOP for (i = 0; i < 128; i++) {
		crc ^= text[i];
		crc = crc >> 4 ^ nibble_crc[crc & 15];
		crc = crc >> 4 ^ nibble_crc[crc & 15];
	}
	return crc & 1;
}

SEC("xdp")
int matrix(struct xdp_md *ctx)
{
	__u32 i, j, k, sum = seed_of(ctx);

	LOOP for (i = 0; i < 8; i++) {
		LOOP for (j = 0; j < 8; j++) {
			LOOP for (k = 0; k < 8; k++)
				sum += matrix_a[i * 8 + k] * matrix_b[k * 8 + j];
			matrix_c[i * 8 + j] = sum;
		}
	}
	return sum & 1;
}

SEC("xdp")
int insertion_sort(struct xdp_md *ctx)
{
	__u32 v[16], i, j, x = seed_of(ctx) | 1;

	LOOP for (i = 0; i < 16; i++) {
		x = x * 1664525 + 1013904223;
		v[i] = x;
	}
	LOOP for (i = 0; i < 15; i++) {
		LOOP for (j = 0; j < 15; j++) {
			__u32 a = v[j], b = v[j + 1];

			v[j] = a < b ? a : b;
			v[j + 1] = a < b ? b : a;
		}
	}
	return v[0] & 1;
}

SEC("xdp")
int sieve(struct xdp_md *ctx)
{
	__u32 i, j, primes = 0;

	LOOP for (i = 0; i < 256; i++)
		sieve_map[i] = 1;
	LOOP for (i = 2; i < 16; i++) {
		LOOP for (j = i * i; j < 256; j += i)
			sieve_map[j & 255] = 0;
	}
	LOOP for (i = 2; i < 256; i++)
		primes += sieve_map[i];
	return primes & 1;
}

SEC("xdp")
int xorshift(struct xdp_md *ctx)
{
	__u64 x = seed_of(ctx) | 1;
	int i;

	LOOP for (i = 0; i < 256; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	state[0] = x;
	return x & 1;
}

SEC("xdp")
int divisions(struct xdp_md *ctx)
{
	__u32 x = seed_of(ctx) | 0x10000, sum = 0, i;

	LOOP for (i = 1; i < 64; i++) {
		sum += x / (i + (x & 3));
		sum ^= x % (i + 7);
		x += sum;
	}
	return sum & 1;
}

SEC("xdp")
int to_hex(struct xdp_md *ctx)
{
	__u32 x = seed_of(ctx), i;

	LOOP for (i = 0; i < 64; i++) {
		__u8 nibble = x >> (i * 4 & 28) & 15;

		text[i] = nibble < 10 ? '0' + nibble : 'a' + nibble - 10;
		x += i * 2654435761u;
	}
	return text[5] & 1;
}

SEC("xdp")
int bit_count(struct xdp_md *ctx)
{
	__u64 bits = 0;
	int i;

	LOOP for (i = 0; i < 64; i++) {
		__u32 v = numbers[i] ^ i;

		v = v - (v >> 1 & 0x55555555);
		v = (v & 0x33333333) + (v >> 2 & 0x33333333);
		bits += ((v + (v >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
	}
	return (bits + seed_of(ctx)) & 1;
}

static __noinline __u32 step(__u32 x)
{
	return x & 1 ? x * 3 + 1 : x >> 1;
}

SEC("xdp")
int local_calls(struct xdp_md *ctx)
{
	__u32 x = seed_of(ctx) | 27, i;

	LOOP for (i = 0; i < 100; i++)
		x = step(x);
	return x & 1;
}

SEC("xdp")
int atomics(struct xdp_md *ctx)
{
	int i;

	LOOP for (i = 0; i < 32; i++)
		__sync_fetch_and_add(&state[i & 3], i);
	return 0;
}

char _license[] SEC("license") = "GPL";
