/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps, maps of maps and program arrays with contents from the object file. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { [0] = &first, [2] = &second },
};

long tail_one(void *in);
long tail_two(void *in);
long again(void *in);
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, sizeof(__u32));
	__array(values, long (void *));
} programs SEC(".maps") = {
	.values = { [1] = &tail_one, [5] = &tail_two, [6] = &again },
};

__u64 steps;

SEC("moat")
long lookup(__u32 *key)
{
	__u32 k = *key;
	__u64 *v = bpf_map_lookup_elem(&table, &k);

	return v ? (*v)++ : -2;
}

SEC("moat")
long lookup_inner(__u32 *keys)
{
	__u32 which = keys[0], k = keys[1];
	void *map = bpf_map_lookup_elem(&outer, &which);
	__u64 *v;

	if (!map)
		return -2;
	v = bpf_map_lookup_elem(map, &k);
	return v ? ++*v : -3;
}

/* The first byte chooses the target, so that the context is seen to arrive there. */
SEC("moat")
long dispatch(__u32 *in)
{
	bpf_tail_call(in, &programs, *in);
	return 1000 + *in;
}

SEC("moat")
long tail_one(void *in)
{
	return 100 + *(__u32 *)in;
}

SEC("moat")
long tail_two(void *in)
{
	*(__u32 *)in = 1;
	bpf_tail_call(in, &programs, 1);
	return -1;
}

SEC("moat")
long again(void *in)
{
	steps++;
	bpf_tail_call(in, &programs, 6);
	return steps;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
