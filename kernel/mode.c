// SPDX-License-Identifier: GPL-2.0-only
/* Which mode programs are compiled in, and what came of it: boot parameter, sysctl, statistics. */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/seq_file.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>
#include "domain.h"
#include "ends.h"
#include "facts.h"
#include "glue.h"

static const char * const mode_name[NR_BPF_MOAT_MODES] = {
	[BPF_MOAT_NONE] = "none",
	[BPF_MOAT_STOCK] = "stock",
	[BPF_MOAT_BASEREG] = "basereg",
};

#ifdef CONFIG_BPF_JIT_MOAT_KEEP_STOCK
#define MODE_WORDS	"none, basereg, stock"
#else
#define MODE_WORDS	"none, basereg"
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
	int mode = match_string(mode_name, NR_BPF_MOAT_MODES, name), err;

	if (mode < 0)
		return mode;
	if (mode == BPF_MOAT_STOCK && !IS_ENABLED(CONFIG_BPF_JIT_MOAT_KEEP_STOCK))
		return -EOPNOTSUPP;
	err = mode == BPF_MOAT_BASEREG && system_state >= SYSTEM_RUNNING ? moat_heap_init() : 0;
	if (!err)
		WRITE_ONCE(current_mode, mode);
	return err;
}

/* The boot parameter is read before there is memory to reserve. */
static int __init make_heap(void)
{
	int err = moat_current_mode() == BPF_MOAT_BASEREG ? moat_heap_init() : 0;

	if (err) {
		pr_err("no heap: error %d; programs are not isolated\n", err);
		WRITE_ONCE(current_mode, BPF_MOAT_NONE);
	}
	return 0;
}
core_initcall(make_heap);

bool moat_maps_isolated(void)
{
	return moat_current_mode() == BPF_MOAT_BASEREG && moat_heap_base;
}

/* What has no isolated form is refused, or runs without isolation: sysctl net.core.bpf_moat_permissive. */
static u8 permissive;

bool moat_permissive(void)
{
	return READ_ONCE(permissive);
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
	moat_show_ends(s);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/* Domains ----------------------------------------------------------------- */

static LIST_HEAD(domains);
static DEFINE_MUTEX(domains_lock);

void moat_remember_domain(struct moat_domain *d)
{
	mutex_lock(&domains_lock);
	moat_runs_fuel(d, READ_ONCE(moat_fuel));
	list_add_tail_rcu(&d->list, &domains);
	mutex_unlock(&domains_lock);
}

void moat_forget_domain(struct moat_domain *d)
{
	mutex_lock(&domains_lock);
	list_del_rcu(&d->list);
	mutex_unlock(&domains_lock);
}

void moat_refuel_domains(void)
{
	struct moat_domain *d;

	mutex_lock(&domains_lock);
	list_for_each_entry(d, &domains, list)
		moat_runs_fuel(d, READ_ONCE(moat_fuel));
	mutex_unlock(&domains_lock);
}

struct moat_domain *moat_domain_at(unsigned long ip)
{
	struct moat_domain *d, *found = NULL;
	unsigned long image;

	rcu_read_lock();
	list_for_each_entry_rcu(d, &domains, list) {
		image = (unsigned long)READ_ONCE(d->image);
		if (image && ip - image < d->jit.bytes) {
			found = d;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

static void show_domain(struct seq_file *s, const struct moat_domain *d)
{
	seq_printf(s, "%-16s %5u %8u %8u %6u %6u %10lld %10lld ", d->name[0] ? d->name : "-", d->type, d->len,
		   d->jit.bytes, d->nr_map, d->nr_slot, (long long)atomic64_read(&d->faults),
		   (long long)atomic64_read(&d->runs_refused));
	if (READ_ONCE(d->disabled))
		seq_printf(s, "%10lld\n", (long long)atomic64_read(&d->runs_disabled));
	else
		seq_printf(s, "%10s\n", "-");
}

/* One line for each isolated program; the last column says how many runs came to nothing since it was disabled. */
static int domains_show(struct seq_file *s, void *unused)
{
	struct moat_domain *d;

	seq_printf(s, "%-16s %5s %8s %8s %6s %6s %10s %10s %10s\n", "name", "type", "insns", "bytes", "maps", "slots",
		   "faults", "refused", "disabled");
	mutex_lock(&domains_lock);
	list_for_each_entry(d, &domains, list)
		show_domain(s, d);
	mutex_unlock(&domains_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(domains);

/* For `moat verify --kernel`: to those who may see the image itself, by the rule that dumps of it go by. */
static int images_show(struct seq_file *s, void *unused)
{
	struct moat_domain *d;

	if (!bpf_dump_raw_ok(s->file->f_cred))
		return -EPERM;
	mutex_lock(&domains_lock);
	list_for_each_entry(d, &domains, list)
		moat_show_image(s, d);
	mutex_unlock(&domains_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(images);

static int memory_show(struct seq_file *s, void *unused)
{
	u64 pages, cages;

	moat_memory_stats(&pages, &cages);
	seq_printf(s, "heap_pages %llu\ncages %llu\n", pages, cages);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(memory);

/* The sysctl ---------------------------------------------------------------- */

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

static int permissive_handler(struct ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	if (write && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return proc_dou8vec_minmax(table, write, buffer, lenp, ppos);
}

static struct ctl_table mode_table[] = {
	{
		.procname = "bpf_moat",
		.mode = 0644,
		.proc_handler = mode_handler,
	},
	{
		.procname = "bpf_moat_permissive",
		.data = &permissive,
		.maxlen = sizeof(permissive),
		.mode = 0644,
		.proc_handler = permissive_handler,
		.extra1 = SYSCTL_ZERO,
		.extra2 = SYSCTL_ONE,
	},
	{ }
};

static int __init moat_init(void)
{
	struct dentry *dir = debugfs_create_dir("moat", NULL);

	debugfs_create_file("stats", 0444, dir, NULL, &stats_fops);
	debugfs_create_file("domains", 0400, dir, NULL, &domains_fops);
	debugfs_create_file("images", 0400, dir, NULL, &images_fops);
	debugfs_create_file("memory", 0444, dir, NULL, &memory_fops);
	if (IS_ENABLED(CONFIG_SYSCTL) && !register_net_sysctl(&init_net, "net/core", mode_table))
		pr_warn("no memory for net.core.bpf_moat\n");
	return 0;
}
late_initcall(moat_init);
