// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Enters keys into hash tables while somebody else changes them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ROUNDS	200

__u64 key[2];

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} shorts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64[2]);
	__type(value, __u64);
} longs SEC(".maps");

SEC("tc")
int enter_keys(struct __sk_buff *skb)
{
	__u64 value = 1;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		bpf_map_update_elem(&shorts, &key, &value, BPF_ANY);
		bpf_map_update_elem(&longs, &key, &value, BPF_ANY);
	}
	return 0;
}
