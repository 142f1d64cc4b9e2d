// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* XDP victim of the hostile demo: keeps a password in its map, and leaks where that lies. */
#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[8]);
} password SEC(".maps");

/* The bug: a pointer leaves the program as its result. */
SEC("xdp")
int victim(struct xdp_md *ctx)
{
	__u32 zero = 0;

	return (long)bpf_map_lookup_elem(&password, &zero);
}

char _license[] SEC("license") = "Dual BSD/GPL";
