// SPDX-License-Identifier: GPL-2.0-only
/* Which mode programs are compiled in, and what came of it: boot parameter, sysctl, statistics. */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/seq_file.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>
#include "glue.h"

static const char * const mode_name[NR_BPF_MOAT_MODES] = {
	[BPF_MOAT_NONE] = "none",
	[BPF_MOAT_STOCK] = "stock",
};

#ifdef CONFIG_BPF_JIT_MOAT_KEEP_STOCK
#define MODE_WORDS	"none, stock"
#else
#define MODE_WORDS	"none"
#endif

static enum bpf_moat_mode current_mode __read_mostly = BPF_MOAT_NONE;

struct count {
	atomic64_t programs, refused, insns, bytes, ns;
};

static struct count counts[NR_BPF_MOAT_MODES];

enum bpf_moat_mode moat_current_mode(void)
{
	return READ_ONCE(current_mode);
}

/* 0; -EINVAL: there is no such mode; -EOPNOTSUPP: this kernel was built without it. */
static int set_mode(const char *name)
{
	int mode = match_string(mode_name, NR_BPF_MOAT_MODES, name);

	if (mode < 0)
		return mode;
	if (mode == BPF_MOAT_STOCK && !IS_ENABLED(CONFIG_BPF_JIT_MOAT_KEEP_STOCK))
		return -EOPNOTSUPP;
	WRITE_ONCE(current_mode, mode);
	return 0;
}

static int __init __maybe_unused boot_mode(char *name)
{
	if (set_mode(name))
		pr_warn("bpf_moat=%s: no such mode here, only: " MODE_WORDS "; it stays %s\n",
			name, mode_name[current_mode]);
	return 1;
}
__setup("bpf_moat=", boot_mode);

void moat_count(enum bpf_moat_mode mode, const struct bpf_prog *prog, enum moat_outcome outcome, u64 ns)
{
	struct count *c = &counts[mode];

	atomic64_add(ns, &c->ns);
	if (outcome == MOAT_REFUSED)
		atomic64_inc(&c->refused);
	if (outcome != MOAT_COMPILED)
		return;
	atomic64_inc(&c->programs);
	atomic64_add(prog->len, &c->insns);
	atomic64_add(prog->jited_len, &c->bytes);
}

/* One line for each mode, under a line of titles; functions of a program count one by one. */
static int stats_show(struct seq_file *s, void *unused)
{
	u32 i;

	seq_printf(s, "%-8s %10s %10s %14s %14s %14s\n", "mode", "programs", "refused", "insns", "bytes", "ns");
	for (i = 0; i < NR_BPF_MOAT_MODES; i++) {
		struct count *c = &counts[i];

		if (i == BPF_MOAT_STOCK && !IS_ENABLED(CONFIG_BPF_JIT_MOAT_KEEP_STOCK))
			continue;
		seq_printf(s, "%-8s %10lld %10lld %14lld %14lld %14lld\n", mode_name[i],
			   (long long)atomic64_read(&c->programs), (long long)atomic64_read(&c->refused),
			   (long long)atomic64_read(&c->insns), (long long)atomic64_read(&c->bytes),
			   (long long)atomic64_read(&c->ns));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int mode_handler(struct ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	char name[16];
	struct ctl_table text = { .data = name, .maxlen = sizeof(name) };
	int err;

	if (write && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	strscpy(name, mode_name[moat_current_mode()], sizeof(name));
	err = proc_dostring(&text, write, buffer, lenp, ppos);
	return err || !write ? err : set_mode(name);
}

static struct ctl_table mode_table[] = {
	{
		.procname = "bpf_moat",
		.mode = 0644,
		.proc_handler = mode_handler,
	},
	{ }
};

static int __init moat_init(void)
{
	debugfs_create_file("stats", 0444, debugfs_create_dir("moat", NULL), NULL, &stats_fops);
	if (IS_ENABLED(CONFIG_SYSCTL) && !register_net_sysctl(&init_net, "net/core", mode_table))
		pr_warn("no memory for net.core.bpf_moat\n");
	return 0;
}
late_initcall(moat_init);
