// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests of isolation: a verifier that can be fooled, and what is there to be attacked.
 *
 * /sys/kernel/debug/moat/fooled is the switch (patches/6.1/08-attack.patch has
 * what it does), /sys/kernel/debug/moat/attack tells where things are and what
 * became of them.  Never in a kernel that anybody uses.
 */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/bpf.h>
#include <linux/bpf_moat.h>
#include <linux/cgroup.h>
#include <linux/debugfs.h>
#include <linux/filter.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/random.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <linux/wait.h>
#include <net/sch_generic.h>
#include <net/sock.h>
#include "memory.h"

bool bpf_moat_fooled __read_mostly;

/* What no program may read, what none may write. */
struct prey {
	u64 before[8], secret, between[7], victim, after[7];
};

static struct prey *prey;
static atomic64_t reached;

/* What no program may call; harmless, whatever it is called with. */
static noinline u64 reach(void)
{
	atomic64_inc(&reached);
	return 0;
}

/* Offsets of what has to be forged. */
static const struct {
	const char *name;
	size_t offset;
} layout[] = {
	{ "array.value", offsetof(struct bpf_array, value) },
	{ "array.ptrs", offsetof(struct bpf_array, ptrs) },
	{ "map.ops", offsetof(struct bpf_map, ops) },
	{ "map.max_entries", offsetof(struct bpf_map, max_entries) },
	{ "ops.peek", offsetof(struct bpf_map_ops, map_peek_elem) },
	{ "ops.delete", offsetof(struct bpf_map_ops, map_delete_elem) },
	{ "prog.bpf_func", offsetof(struct bpf_prog, bpf_func) },
	{ "skb.len", offsetof(struct sk_buff, len) },
	{ "skb.data_len", offsetof(struct sk_buff, data_len) },
	{ "skb.data", offsetof(struct sk_buff, data) },
	{ "skb.sk", offsetof(struct sk_buff, sk) },
	{ "skb.cb", offsetof(struct sk_buff, cb) + offsetof(struct qdisc_skb_cb, data) },
	{ "sock.cookie", offsetof(struct sock, sk_cookie) },
	{ "sock.cgroup", offsetof(struct sock, sk_cgrp_data) + offsetof(struct sock_cgroup_data, cgroup) },
	{ "cgroup.kn", offsetof(struct cgroup, kn) },
	{ "kn.id", offsetof(struct kernfs_node, id) },
	/* struct bpf_ringbuf is ringbuf.c's own: a queue of waiters, then what wakes them */
	{ "ring.func", sizeof(wait_queue_head_t) + offsetof(struct irq_work, func) },
};

/* Lines "NAME NUMBER". */
static int attack_show(struct seq_file *s, void *unused)
{
	u32 i;

	seq_printf(s, "secret.at %lu\nsecret %llu\n", (unsigned long)&prey->secret, READ_ONCE(prey->secret));
	seq_printf(s, "victim.at %lu\nvictim %llu\n", (unsigned long)&prey->victim, READ_ONCE(prey->victim));
	seq_printf(s, "reach.at %lu\nreached %lld\n", (unsigned long)reach, (long long)atomic64_read(&reached));
	for (i = 0; i < ARRAY_SIZE(layout); i++)
		seq_printf(s, "%s %zu\n", layout[i].name, layout[i].offset);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(attack);

/*
 * A program that goes for the prey touches the same offset of its cage.  There must not be something of its own by
 * chance, so that is one that no test's heap comes to.
 */
#define PREY_OFFSET	(1ul << 31)

static struct prey * __init place_prey(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	unsigned long base;

	if (!page || !moat_reserve(&base) || moat_map_pages(base + PREY_OFFSET, &page, 1, PAGE_KERNEL))
		return NULL;
	return (struct prey *)(base + PREY_OFFSET);
}

/* After mode.c, which makes the folder. */
static int __init attack_init(void)
{
	struct dentry *dir = debugfs_lookup("moat", NULL);

	prey = place_prey();
	if (!prey)
		return -ENOMEM;
	prey->secret = get_random_u64();
	debugfs_create_bool("fooled", 0600, dir, &bpf_moat_fooled);
	debugfs_create_file("attack", 0400, dir, NULL, &attack_fops);
	dput(dir);
	pr_warn("this kernel's verifier can be switched off: for tests only\n");
	return 0;
}
late_initcall_sync(attack_init);
