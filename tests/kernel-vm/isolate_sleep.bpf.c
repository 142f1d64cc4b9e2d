// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that may sleep: they take words from the test's memory, which may be there only later. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "isolate_sleep.h"

struct sleep_shared shared;

/* Behind the user's registers R0 and DI, whose places the kernel's headers for user space give. */
#define ARGUMENT_ARM64(ctx)	((ctx)[0])
#define ARGUMENT_X86(ctx)	((ctx)[14])

static __always_inline __u64 take(__u64 from)
{
	__u64 word = 0;

	if (bpf_copy_from_user(&word, sizeof(word), (const void *)from))
		__sync_fetch_and_add(&shared.failed, 1);
	__sync_fetch_and_add(&shared.sum, word);
	__sync_fetch_and_add(&shared.runs, 1);
	return word;
}

/* At the entry of a function of the test: what its argument points to. */
SEC("uprobe.s")
int take_x86(__u64 *ctx)
{
	take(ARGUMENT_X86(ctx));
	return 0;
}

SEC("uprobe.s")
int take_arm64(__u64 *ctx)
{
	take(ARGUMENT_ARM64(ctx));
	return 0;
}

/* And look at what lies where the word says. */
static __always_inline int follow(__u64 word)
{
	shared.sum += *(volatile __u64 *)word;
	shared.behind++;
	return 0;
}

SEC("uprobe.s")
int follow_x86(__u64 *ctx)
{
	return follow(take(ARGUMENT_X86(ctx)));
}

SEC("uprobe.s")
int follow_arm64(__u64 *ctx)
{
	return follow(take(ARGUMENT_ARM64(ctx)));
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} following SEC(".maps");

/* May not sleep itself, and so go on as none that may. */
SEC("uprobe")
int go_on(__u64 *ctx)
{
	bpf_tail_call(ctx, &following, 0);
	shared.behind++;
	return 0;
}

/* Of these as many can sleep at a time as there are tasks. */
SEC("lsm.s/file_open")
int sleep_in_open(void *ctx)
{
	if (bpf_get_current_pid_tgid() >> 32 != shared.tgid)
		return 0;
	take(shared.pages + __sync_fetch_and_add(&shared.next, 1) * (__u64)shared.page_bytes);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 1);
		__type(key, __u32);
		__type(value, __u64);
	});
} outer SEC(".maps");

static long each(void *map, __u32 *key, __u64 *value, void *ctx)
{
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

/* Who is called back in there must not sleep. */
SEC("uprobe.s")
int walk(__u64 *ctx)
{
	return (int)bpf_for_each_map_elem(&numbers, each, NULL, 0);
}

/* Inner maps may go while it sleeps. */
SEC("uprobe.s")
int look_inside(__u64 *ctx)
{
	__u32 zero = 0;
	void *inner = bpf_map_lookup_elem(&outer, &zero);
	__u64 *value = inner ? bpf_map_lookup_elem(inner, &zero) : NULL;

	return value ? (int)*value : 0;
}

char _license[] SEC("license") = "GPL";
