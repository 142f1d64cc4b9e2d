// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Records of ring buffers: used as they should be (records, large), and misused as @how says. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "ring.h"

struct record {
	__u64 word[RING_RECORD_BYTES / 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 32768);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} narrow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

__u64 how, kept, wild, held, after, number;

static __always_inline void fill(struct record *r, __u64 from)
{
	int i;

	for (i = 0; i < RING_RECORD_BYTES / 8; i++)
		r->word[i] = from + i;
}

/* As they should be -------------------------------------------------------------------------------- */

static long report(__u32 i, __u64 *from)
{
	struct record *r = bpf_ringbuf_reserve(&narrow, sizeof(*r), 0);

	if (!r)
		return 1;
	fill(r, *from + i);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Two at once, released the other way round; helpers read and write them. */
SEC("tc")
int records(struct __sk_buff *skb)
{
	struct record *a, *b;
	__u64 from = skb->len;
	long n;

	n = bpf_loop(3, report, &from, 0);
	a = bpf_ringbuf_reserve(&ring, sizeof(*a), 0);
	if (!a)
		return 100;
	b = bpf_ringbuf_reserve(&narrow, 200, 0);
	if (!b) {
		fill(a, 1000 + n);
		bpf_ringbuf_submit(a, 0);
		return 200 + bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	}
	fill(a, number++);
	__builtin_memset(b, 7, 200);
	bpf_skb_load_bytes(skb, 0, (void *)b + 100, 30);
	n += bpf_csum_diff((void *)a, sizeof(*a), NULL, 0, 0);
	bpf_ringbuf_output(&ring, b, 150, 0);
	bpf_ringbuf_submit(b, BPF_RB_FORCE_WAKEUP);
	if (number & 1)
		bpf_ringbuf_submit(a, 0);
	else
		bpf_ringbuf_discard(a, 0);
	return n + bpf_ringbuf_query(&narrow, BPF_RB_AVAIL_DATA) + bpf_ringbuf_query(&narrow, BPF_RB_RING_SIZE);
}

/* More than most programs need. */
SEC("tc")
int large(struct __sk_buff *skb)
{
	__u64 *a = bpf_ringbuf_reserve(&ring, 9000, 0), *b;

	if (!a)
		return 1;
	b = bpf_ringbuf_reserve(&ring, 7008, 0);
	if (!b) {
		bpf_ringbuf_discard(a, 0);
		return 2;
	}
	__builtin_memset(a, 0, 512);
	a[9000 / 8 - 1] = 5;
	b[7008 / 8 - 1] = 6;
	bpf_ringbuf_output(&ring, &a[9000 / 8 - 1], 8, 0);
	bpf_ringbuf_output(&ring, &b[7008 / 8 - 1], 8, 0);
	bpf_ringbuf_discard(a, 0);
	bpf_ringbuf_discard(b, 0);
	return 3;
}

/* Misused -------------------------------------------------------------------------------------------- */

static long look(__u32 i, void *unused)
{
	if (i == 3)
		after = *(volatile __u64 *)wild;
	return 0;
}

static __always_inline void release_wrong(struct __sk_buff *skb, struct record *r)
{
	switch (how) {
	case RING_FORGED:
		bpf_ringbuf_submit((void *)r + 8, 0);
		break;
	case RING_OTHER_MEMORY:
		bpf_ringbuf_submit(&held, 0);
		break;
	case RING_TWICE:
		bpf_ringbuf_submit(r, 0);
		bpf_ringbuf_submit(r, 0);
		break;
	case RING_DISCARDED:
		bpf_ringbuf_discard(r, 0);
		bpf_ringbuf_submit(r, 0);
		break;
	case RING_FAULT:
		after = *(volatile __u64 *)wild;
		break;
	case RING_CALLBACK:
		bpf_loop(5, look, NULL, 0);
		break;
	case RING_EXIT:
		return;
	case RING_TAIL:
	case RING_TAIL_STALE:
		bpf_tail_call(skb, &next, 1);
		break;
	}
	after++;
}

static __always_inline void reach_wrong(struct __sk_buff *skb, struct record *r)
{
	switch (how) {
	case RING_BELOW:
		((volatile __u64 *)r)[-1] = ~0ull;
		((volatile __u64 *)r)[-2] = ~0ull;
		bpf_ringbuf_submit(r, 0);
		return;
	case RING_BEHIND:
		bpf_skb_load_bytes(skb, 0, &r->word[RING_RECORD_BYTES / 8 - 1], 9);
		break;
	case RING_STALE:
		bpf_ringbuf_discard(r, 0);
		bpf_skb_load_bytes(skb, 0, r, 8);
		break;
	}
	after++;
}

static __always_inline void want_much(void)
{
	int i;

	if (how == RING_TOO_LONG) {
		held += bpf_ringbuf_reserve(&ring, wild, 0) != NULL;
		return;
	}
#pragma unroll
	for (i = 0; i < RING_MANY; i++)
		if (bpf_ringbuf_reserve(&ring, 16, 0))
			held++;
}

SEC("tc")
int misuse(struct __sk_buff *skb)
{
	struct record *r;

	if (how == RING_EARLIER_RUN) {
		bpf_ringbuf_submit((void *)kept, 0);
		after++;
		return 4;
	}
	if (how == RING_TOO_MANY || how == RING_TOO_LONG) {
		want_much();
		return 4;
	}
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r)
		return 1;
	kept = (__u64)r;
	fill(r, RING_TAG);
	if (how == RING_GOOD)
		bpf_ringbuf_submit(r, 0);
	else if (how < RING_BELOW)
		release_wrong(skb, r);
	else
		reach_wrong(skb, r);
	return 4;
}

/* What misuse goes on with. */
SEC("tc")
int target(struct __sk_buff *skb)
{
	struct record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r)
		return 1;
	fill(r, RING_TAG);
	bpf_ringbuf_submit(r, 0);
	if (how == RING_TAIL_STALE) {
		bpf_ringbuf_submit((void *)kept, 0);
		after++;
	}
	return 3;
}

char _license[] SEC("license") = "GPL";
