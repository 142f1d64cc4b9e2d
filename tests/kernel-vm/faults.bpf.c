// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that fault, each in the way that @how says; the verifier must have been told to believe them. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "faults.h"

__u64 how, wild, began, ended;
__u64 pair[4] __attribute__((aligned(16)));
const volatile __u64 fixed = 7;

static __noinline void fault(void)
{
	__u64 at = how;

	if (!at)
		return;
	__sync_fetch_and_add(&began, 1);
	if (at == FAULT_NOT_MAPPED)
		pair[0] = *(volatile __u64 *)wild;
	else if (at == FAULT_READ_ONLY)
		*(volatile __u64 *)&fixed = 8;
	else if (at == FAULT_MISALIGNED)
		__sync_fetch_and_add((__u64 *)((char *)pair + 12), 1);
	__sync_fetch_and_add(&ended, 1);
}

SEC("tc")
int on_packet(struct __sk_buff *skb)
{
	fault();
	return TC_ACT_SHOT;
}

/* Interrupts are off, and the scheduler holds a lock. */
SEC("raw_tp/sched_switch")
int on_switch(void *ctx)
{
	fault();
	return 0;
}

/* A timer's interrupt. */
SEC("raw_tp/hrtimer_expire_entry")
int on_timer(void *ctx)
{
	fault();
	return 0;
}

char _license[] SEC("license") = "GPL";
