/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A map whose values hold a lock of the kernel's: not supported. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct guarded {
	__u64 value;
	struct { struct bpf_spin_lock lock[1]; } deep;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct guarded);
} locked SEC(".maps");

SEC("moat")
long use(void *in)
{
	__u32 k = 0;

	return bpf_map_lookup_elem(&locked, &k) != NULL;
}
