// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Constants of several kinds, of which each is to be seen in the code, or not to be. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "isolate_blind.h"

__u32 kept;

SEC("tc")
int constants(struct __sk_buff *skb)
{
	__u32 x = skb->len, y = x ^ BLIND_XOR;
	volatile __u32 local = BLIND_STORE;

	if (x == BLIND_COMPARE)
		y += local;
	kept = y * BLIND_MUL;
	return y == BLIND_XOR ? 1 : 2;
}
