// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Runs before and after another program, whatever mode that is compiled in; and on a clock. */
#include <linux/ptrace.h>
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__u64 before, after, sum, ticks;

SEC("fentry")
int BPF_PROG(on_entry, struct __sk_buff *skb)
{
	before++;
	return 0;
}

SEC("fexit")
int BPF_PROG(on_exit, struct __sk_buff *skb, int ret)
{
	after++;
	sum += (__u32)ret;
	return 0;
}

SEC("perf_event")
int on_clock(struct bpf_perf_event_data *ctx)
{
	if (ctx->sample_period)
		__sync_fetch_and_add(&ticks, 1);
	return 0;
}

char _license[] SEC("license") = "GPL";
