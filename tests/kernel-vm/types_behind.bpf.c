// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What lies behind the arguments of a function, which has one: the kernel's stack. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "types_behind.h"

__u64 word[BEHIND_WORDS];

SEC("fentry/bpf_fentry_test1")
int behind(__u64 *ctx)
{
	__u32 i;

#pragma unroll
	for (i = 0; i < BEHIND_WORDS; i++)
		word[i] = ctx[1 + i];
	return 0;
}

char _license[] SEC("license") = "GPL";
