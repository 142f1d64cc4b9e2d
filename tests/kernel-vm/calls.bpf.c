// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Calls of every kind: tail calls, subprograms, callbacks, timers, functions of the kernel. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "calls.h"

struct bpf_map;

#define NR_TARGETS	16
#define CLOCK_MONOTONIC	1

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, NR_TARGETS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct alarm {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct alarm);
} alarms SEC(".maps");

struct shared shared;

/* Tail calls ------------------------------------------------------------------------ */

/* Returns what it was and how it went on: 1000 * its own number, plus what the target adds. */
SEC("tc")
int target_1(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&shared.runs, 1);
	return 1001;
}

SEC("tc")
int target_2(struct __sk_buff *skb)
{
	char frame[200] = {};

	/* another size of frame than any caller has */
	bpf_skb_load_bytes(skb, 0, frame, sizeof(frame));
	__sync_fetch_and_add(&shared.runs, 1);
	return 2000 + frame[3];
}

SEC("tc")
int tail_direct(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &targets, 1);
	__sync_fetch_and_add(&shared.fell_through, 1);
	return 7;
}

SEC("tc")
int tail_indirect(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &targets, shared.input);
	__sync_fetch_and_add(&shared.fell_through, 1);
	return 8;
}

/* Calls itself until it may no more. */
SEC("tc")
int tail_itself(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&shared.runs, 1);
	bpf_tail_call(skb, &targets, 3);
	__sync_fetch_and_add(&shared.fell_through, 1);
	return 9;
}

/* The same by an index that is not known before. */
SEC("tc")
int tail_itself_indirect(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&shared.runs, 1);
	bpf_tail_call(skb, &targets, shared.input);
	__sync_fetch_and_add(&shared.fell_through, 1);
	return 10;
}

/* A target ends the subprogram, not its caller: 100000 + what the target returned. */
static __noinline int sub_tail(struct __sk_buff *skb)
{
	volatile int ret = 1;

	bpf_tail_call(skb, &targets, 1);
	__sync_fetch_and_add(&shared.fell_through, 1);
	return ret;
}

SEC("tc")
int tail_in_sub(struct __sk_buff *skb)
{
	return 100000 + sub_tail(skb);
}

/* Two calls in a row that each tail-call this program again: the limit holds for the whole tree on some kernels only. */
static __noinline int sub_tail_itself(struct __sk_buff *skb)
{
	volatile int ret = 5;

	bpf_tail_call(skb, &targets, 5);
	return ret;
}

SEC("tc")
int tail_tree(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&shared.runs, 1);
	sub_tail_itself(skb);
	return 11;
}

/* Subprograms ------------------------------------------------------------------------ */

/* Values in R6-R9 and in the frame live across calls of functions that use them too. */
static __noinline __u64 deep3(__u64 a, __u64 b)
{
	volatile __u64 x[6] = { a, b, a ^ b, a + b, a * 3, b * 5 };

	return x[0] + x[1] * 2 + x[2] * 3 + x[3] * 4 + x[4] * 5 + x[5] * 6;
}

static __noinline __u64 deep2(__u64 a, __u64 b, __u64 c)
{
	volatile __u64 x[4] = { a, b, c, 0 };
	__u64 r = deep3(b, c);

	r ^= deep3(a + r, b);
	return r + x[0] * 7 + x[1] * 11 + x[2] * 13 + a + b + c;
}

static __noinline __u64 deep1(__u64 a, __u64 b, __u64 c, __u64 d, __u64 e)
{
	__u64 r = deep2(a, b, c);

	r += deep2(d, e, a) * 3;
	return r ^ a ^ b << 1 ^ c << 2 ^ d << 3 ^ e << 4;
}

SEC("tc")
int subprograms(struct __sk_buff *skb)
{
	shared.sum = deep1(shared.input, shared.input + 1, shared.input * 3, ~shared.input, shared.input << 7);
	return 12;
}

/* Callbacks --------------------------------------------------------------------------- */

static long add_number(struct bpf_map *map, __u32 *key, __u64 *value, void *ctx)
{
	__u64 *total = ctx;

	*total += *value * (*key + 1);
	*value += 1;
	return *key == 100;	/* stop there */
}

SEC("tc")
int each_element(struct __sk_buff *skb)
{
	__u64 total = 0;
	long n;

	n = bpf_for_each_map_elem(&numbers, add_number, &total, 0);
	n += 100 * bpf_for_each_map_elem(&table, add_number, &total, 0);
	shared.sum = total;
	return n;
}

struct walk {
	__u64 total;
	__u32 outer;
};

static long inner_step(__u32 i, void *ctx)
{
	struct walk *w = ctx;

	w->total += i * (w->outer + 1);
	return i == 20;
}

static long outer_step(__u32 i, void *ctx)
{
	struct walk *w = ctx;

	w->outer = i;
	bpf_loop(30, inner_step, w, 0);
	return 0;
}

SEC("tc")
int nested_loops(struct __sk_buff *skb)
{
	struct walk w = {};
	long n = bpf_loop(shared.input, outer_step, &w, 0);

	shared.sum = w.total;
	return n;
}

/* Timers -------------------------------------------------------------------------------- */

static int on_alarm(void *map, int *key, struct alarm *a)
{
	if (__sync_fetch_and_add(&shared.fired, 1) < 9)
		bpf_timer_start(&a->timer, 1000000, 0);
	return 0;
}

SEC("tc")
int start_timer(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct alarm *a = bpf_map_lookup_elem(&alarms, &zero);

	if (!a)
		return 1;
	bpf_timer_init(&a->timer, &alarms, CLOCK_MONOTONIC);
	bpf_timer_set_callback(&a->timer, on_alarm);
	return bpf_timer_start(&a->timer, 1000000, 0);
}

char _license[] SEC("license") = "GPL";
