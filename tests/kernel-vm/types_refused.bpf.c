// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that have no isolated form. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct sock;

struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	__u32 (*undo_cwnd)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	char name[16];
} __attribute__((preserve_access_index));

struct bpf_fentry_test_t {
	struct bpf_fentry_test_t *a;
} __attribute__((preserve_access_index));

struct prog_test_ref_kfunc {
	int a;
} __attribute__((preserve_access_index));

extern struct prog_test_ref_kfunc *bpf_kfunc_call_test_acquire(unsigned long *scalar_ptr) __ksym;
extern void bpf_kfunc_call_test_release(struct prog_test_ref_kfunc *p) __ksym;

__u64 looked;

SEC("syscall")
int for_syscall(void *ctx)
{
	return 0;
}

SEC("iter/task")
int iterates(void *ctx)
{
	return 0;
}

SEC("struct_ops/ssthresh")
__u32 BPF_PROG(ssthresh, struct sock *sk)
{
	return 5;
}

SEC(".struct_ops")
struct tcp_congestion_ops control = { .ssthresh = (void *)ssthresh, .name = "moat_test" };

/* What the verifier would not have. */
SEC("fentry/bpf_fentry_test8")
int BPF_PROG(writes, struct bpf_fentry_test_t *arg)
{
	arg->a = 0;
	return 0;
}

/* An object that is no argument. */
SEC("tc")
int acquires(struct __sk_buff *skb)
{
	unsigned long unused = 0;
	struct prog_test_ref_kfunc *object = bpf_kfunc_call_test_acquire(&unused);

	if (!object)
		return 0;
	looked = object->a;
	bpf_kfunc_call_test_release(object);
	return 0;
}

__noinline int replaced(struct __sk_buff *skb)
{
	volatile int n = 1;

	return n;
}

SEC("tc")
int target(struct __sk_buff *skb)
{
	return replaced(skb);
}

SEC("freplace/replaced")
int replacement(struct __sk_buff *skb)
{
	return 2;
}

char _license[] SEC("license") = "GPL";
