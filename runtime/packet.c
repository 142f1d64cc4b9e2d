/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Legacy packet loads, as the kernel defines them. */
#include "helpers.h"

/*
 * LD_ABS and LD_IND: @bytes at @offset of the packet, as a number in host
 * order, or ~0 when that is outside.  Negative offsets count from the link or
 * network header; extensions (SKF_AD_OFF) were converted away by whoever made
 * the program, so they are outside.
 */
u64 moat_packet(u64 offset, u64 bytes, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site)
{
	const struct moat_run *run = (struct moat_run *)f;
	u8 data[4] = { 0 };
	s64 at = (s32)offset;
	u32 i, v = 0;

	if (at < SKF_LL_OFF)
		return ~0ull;
	if (at < SKF_NET_OFF)
		at -= SKF_LL_OFF;
	else if (at < 0)
		at += ETH_HLEN - SKF_NET_OFF;
	if (at + bytes > run->data_end - run->data || bytes > sizeof(data))
		return ~0ull;
	memcpy(data, moat_host(run->data + at), bytes);
	for (i = 0; i < bytes; i++)
		v = v << 8 | data[i];
	return v;
}
