// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all classic programs have together: a cage with slots, how they are
 * run, and helpers; and the kernel's hook.
 *
 * Classic programs have no maps and keep nothing from one run to the next, so
 * all of them are one domain as far as memory goes: each has its own image, and
 * they share the cage.  Anybody may attach one to a socket or to himself, in any number,
 * which cages of their own would not be enough for.
 */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/seccomp.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include "unverified.h"
#include "view.h"

/* Memory -------------------------------------------------------------------- */

/* Any of them may be what runs in a slot next: the longest view of a packet fits. */
#define SLOT_BYTES	PAGE_ALIGN(MOAT_SLOT_PACKET + MOAT_VIEW_META + MOAT_VIEW_LOADS_MAX + 4 + MOAT_VIEW_LOADS_ADD)

static DEFINE_MUTEX(shared_lock);
static struct {
	u32 users;		/* programs; the rest is there while there are any */
	struct moat_cage cage;
	struct bpf_moat_values *slots;
	struct moat_cpu_runs __percpu *runs;
	u32 nr_slot;
} shared;

static void free_shared(void)
{
	moat_cage_destroy(&shared.cage);
	moat_values_put(shared.slots);
	free_percpu(shared.runs);
	shared.slots = NULL;
	shared.runs = NULL;
}

static int make_shared(void)
{
	int err;

	shared.nr_slot = num_possible_cpus() * MOAT_SLOTS_PER_CPU;
	shared.slots = moat_values_alloc(0, (u64)shared.nr_slot * SLOT_BYTES, NUMA_NO_NODE);
	shared.runs = alloc_percpu(struct moat_cpu_runs);
	err = shared.slots && shared.runs ? moat_cage_init(&shared.cage) : -ENOMEM;
	if (!err)
		err = moat_cage_grant(&shared.cage, shared.slots, true);
	if (err)
		free_shared();
	return err;
}

/* A run is told whose it is when it is taken (slots.c). */
static void share(struct moat_domain *d)
{
	d->cage.base = shared.cage.base;
	d->slots = shared.slots;
	d->runs = shared.runs;
	d->nr_slot = shared.nr_slot;
	d->slot_bytes = SLOT_BYTES;
	if (!shared.users++)
		moat_runs_fill(d);
}

int moat_classic_enter(struct moat_domain *d)
{
	int err;

	mutex_lock(&shared_lock);
	err = shared.users ? 0 : make_shared();
	if (!err)
		share(d);
	mutex_unlock(&shared_lock);
	return err;
}

void moat_classic_leave(struct moat_domain *d)
{
	if (!d->slots)
		return;
	d->slots = NULL;
	d->runs = NULL;
	mutex_lock(&shared_lock);
	if (!--shared.users)
		free_shared();
	mutex_unlock(&shared_lock);
}

/*
 * Nobody else runs on this CPU meanwhile but what interrupts it: a task's run
 * and a softirq's are all there is, and a slot for each is always free.  A
 * seccomp filter that found none would kill its task.  The program ends soon: it cannot jump back.
 */
u64 moat_classic_run(void *ctx, struct moat_domain *d)
{
	u64 r0;

	preempt_disable();
	r0 = moat_domain_run(ctx, d);
	preempt_enable();
	return r0;
}

/* Helpers -------------------------------------------------------------------- */

BPF_CALL_1(moat_skb_hatype, const struct sk_buff *, skb)
{
	return skb->dev ? skb->dev->type : MOAT_NO_DEVICE;
}

/* net/core/filter.c */
u64 bpf_skb_get_pay_offset(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);
u64 bpf_skb_get_nlattr(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);
u64 bpf_skb_get_nlattr_nest(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);

#define SKB_FUNC(f, ...)	{ .func = (f), .ret_type = RET_INTEGER, .arg1_type = ARG_PTR_TO_CTX, __VA_ARGS__ }
#define A_AND_X			.arg2_type = ARG_ANYTHING, .arg3_type = ARG_ANYTHING

const struct bpf_func_proto *moat_classic_proto(s32 id)
{
	static const struct bpf_func_proto proto[] = {
		[MOAT_FUNC_HATYPE - __BPF_FUNC_MAX_ID]		= SKB_FUNC(moat_skb_hatype),
		[MOAT_FUNC_PAY_OFFSET - __BPF_FUNC_MAX_ID]	= SKB_FUNC(bpf_skb_get_pay_offset),
		[MOAT_FUNC_NLATTR - __BPF_FUNC_MAX_ID]		= SKB_FUNC(bpf_skb_get_nlattr, A_AND_X),
		[MOAT_FUNC_NLATTR_NEST - __BPF_FUNC_MAX_ID]	= SKB_FUNC(bpf_skb_get_nlattr_nest, A_AND_X),
	};
	u32 i = id - __BPF_FUNC_MAX_ID;

	return i < ARRAY_SIZE(proto) ? &proto[i] : NULL;
}

/* The hook -------------------------------------------------------------------- */

static void describe(struct bpf_verifier_env *env, bool seccomp)
{
	static const struct bpf_verifier_ops flat = { };
	struct bpf_prog *prog = env->prog;

	env->ops = seccomp ? &flat : &sk_filter_verifier_ops;
	prog->type = seccomp ? BPF_PROG_TYPE_UNSPEC : BPF_PROG_TYPE_SOCKET_FILTER;
	prog->aux->max_ctx_offset = seccomp ? sizeof(struct seccomp_data) : 0;
	/* What fills its view must not be taken for a raw program. */
	prog->aux->ops = &sk_filter_prog_ops;
	strscpy(prog->aux->name, seccomp ? "classic_seccomp" : "classic_filter", sizeof(prog->aux->name));
}

/* 0 or -errno; @prog has its domain then. */
static int isolate(struct bpf_prog *prog, const struct sock_filter *f, u32 len)
{
	struct bpf_verifier_env *env = NULL;
	struct moat_domain *d;
	int err = moat_classic_translate(&env, f, len);

	if (!err) {
		describe(env, moat_classic_is_seccomp(f, len));
		d = moat_domain_make(env, true);
		err = PTR_ERR_OR_ZERO(d);
	}
	if (!err)
		moat_domain_give(d, prog->aux);
	moat_unverified_free(env);
	return err;
}

int bpf_moat_classic(struct bpf_prog *prog, const struct sock_filter *f, u32 len)
{
	int err;

	if (!moat_maps_isolated() || !moat_isolates_loader())
		return 0;
	err = isolate(prog, f, len);
	if (!err)
		return 0;
	/* Anybody can do this as often as he likes.  The kernel's own, which it makes when it boots, it cannot do without. */
	pr_info_ratelimited("a classic program cannot be isolated: error %d\n", err);
	return system_state < SYSTEM_RUNNING || (err != -ENOMEM && moat_permissive()) ? 0 : err;
}
