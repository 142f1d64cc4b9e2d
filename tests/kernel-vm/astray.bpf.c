// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that go where @wild points, and may not; the verifier must have been told to believe them. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

__u64 counted, sum, wild, inner_runs, inside, most, line;

/* Says before where that is. */
#define HERE(what)	({ *(volatile __u64 *)&line = __LINE__; (what); })
#define LOOK(at)	HERE(*(volatile __u64 *)(at))

SEC("tc")
int astray(struct __sk_buff *skb)
{
	counted++;
	if (wild)
		sum += LOOK(wild);
	return TC_ACT_OK;
}

static __noinline __u64 look(__u64 at)
{
	return LOOK(at);
}

SEC("tc")
int astray_below(struct __sk_buff *skb)
{
	counted++;
	if (wild)
		sum += look(wild);
	return TC_ACT_OK;
}

static long look_there(__u32 i, void *arg)
{
	if (wild && i == 5)
		sum += look(wild);
	return 0;
}

SEC("tc")
int astray_in_callback(struct __sk_buff *skb)
{
	__u64 none = 0;

	counted++;
	bpf_loop(10, look_there, &none, 0);
	return TC_ACT_OK;
}

SEC("tc")
int astray_after_tail_call(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &next, 0);
	return 77;
}

static long add(__u32 i, void *arg)
{
	*(__u64 *)arg += i;
	return 0;
}

/* Takes a while.  Others may begin in between; packets of an odd length lead astray. */
SEC("tc")
int overlap(struct __sk_buff *skb)
{
	__u64 total = 0, now = __sync_fetch_and_add(&inside, 1) + 1;

	if (now > most)
		most = now;
	bpf_loop(200000, add, &total, 0);
	__sync_fetch_and_sub(&inside, 1);
	if (skb->len & 1)
		total += look(wild);
	return (int)total;
}

/* The helper is what must see that this is not the program's. */
SEC("tc")
int astray_by_helper(struct __sk_buff *skb)
{
	counted++;
	if (wild)
		HERE(bpf_skb_load_bytes(skb, 0, (void *)wild, 8));
	return TC_ACT_OK;
}

SEC("tc")
int outer(struct __sk_buff *skb)
{
	__u32 key = counted & 7;

	counted++;
	bpf_map_update_elem(&recent, &key, &key, BPF_ANY);
	return (int)counted;
}

/* Runs within a helper that outer calls. */
SEC("kprobe/htab_lru_map_update_elem")
int inner(void *ctx)
{
	__sync_fetch_and_add(&inner_runs, 1);
	if (wild)
		sum += look(wild);
	return 0;
}

char _license[] SEC("license") = "GPL";
