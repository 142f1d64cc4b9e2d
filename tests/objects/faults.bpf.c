/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs that break the rules, with lines that reports must name. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} map SEC(".maps");

static __attribute__((noinline)) void poke(volatile __u64 *p)
{
	*p = 1; /* LINE poke */
}

SEC("moat")
long wild(__u64 *in)
{
	poke((void *)*in);
	return 0;
}

SEC("moat")
long endless(void *in)
{
	for (;;) /* LINE endless */
		asm volatile("" ::: "memory");
}

SEC("moat")
long bad_argument(__u64 *in)
{
	return bpf_map_lookup_elem(&map, (void *)*in) != NULL; /* LINE bad_argument */
}
