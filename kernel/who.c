// SPDX-License-Identifier: GPL-2.0-only
/* Whose programs are isolated: by what the task that loads one may do, and by its control group.  Never by a program's name. */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/capability.h>
#include <linux/cgroup.h>
#include <linux/init.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>
#include "domain.h"

#define MAX_GROUPS	16
#define TEXT_BYTES	1024

/* Who is isolated: each task that one of these is true of. */
struct who {
	bool all;
	bool unprivileged;		/* has neither CAP_BPF nor CAP_SYS_ADMIN */
	u64 without;			/* lacks one of these capabilities, and CAP_SYS_ADMIN */
	u32 nr_group;
	struct cgroup *group[MAX_GROUPS];	/* is in one of these, of version 2, or below */
	char text[TEXT_BYTES];		/* as it was written */
};

static struct who everybody = { .all = true, .text = "all" };
static struct who *who = &everybody;
static DEFINE_MUTEX(who_lock);	/* programs are loaded, and the policy is written, by tasks that may sleep */

/* Capabilities that programs are loaded by. */
static const struct {
	const char *name;
	u8 cap;
} caps[] = {
	{ "bpf", CAP_BPF }, { "perfmon", CAP_PERFMON }, { "net_admin", CAP_NET_ADMIN },
};

/* Groups ------------------------------------------------------------------ */

#ifdef CONFIG_CGROUPS
static bool in_group(const struct who *w)
{
	bool is = false;
	u32 i;

	rcu_read_lock();
	for (i = 0; !is && i < w->nr_group; i++)
		is = task_under_cgroup_hierarchy(current, w->group[i]);
	rcu_read_unlock();
	return is;
}

/* A group that is removed afterwards has no tasks any more. */
static int add_group(struct who *w, const char *path)
{
	struct cgroup *group;

	if (w->nr_group == MAX_GROUPS)
		return -E2BIG;
	group = cgroup_get_from_path(path);
	if (IS_ERR(group))
		return PTR_ERR(group);
	w->group[w->nr_group++] = group;
	return 0;
}

static void drop_groups(struct who *w)
{
	while (w->nr_group)
		cgroup_put(w->group[--w->nr_group]);
}
#else
static bool in_group(const struct who *w)
{
	return false;
}

static int add_group(struct who *w, const char *path)
{
	return -EOPNOTSUPP;
}

static void drop_groups(struct who *w)
{
}
#endif

/* Questions --------------------------------------------------------------- */

/* Asked of everybody who loads: nothing for the audit log. */
static bool may(int cap)
{
	return ns_capable_noaudit(&init_user_ns, cap) || ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
}

static bool lacks_one(u64 without)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(caps); i++)
		if (without & BIT_ULL(caps[i].cap) && !may(caps[i].cap))
			return true;
	return false;
}

bool moat_isolates_loader(void)
{
	bool is;

	mutex_lock(&who_lock);
	is = who->all || (who->unprivileged && !may(CAP_BPF)) || lacks_one(who->without) || in_group(who);
	mutex_unlock(&who_lock);
	return is;
}

/* Answers ------------------------------------------------------------------- */

static void free_who(struct who *w)
{
	drop_groups(w);
	if (w != &everybody)
		kfree(w);
}

static int add_cap(struct who *w, const char *name)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		if (strcmp(caps[i].name, name))
			continue;
		w->without |= BIT_ULL(caps[i].cap);
		return 0;
	}
	return -EINVAL;
}

static int add_word(struct who *w, const char *word)
{
	if (!strcmp(word, "all"))
		w->all = true;
	else if (!strcmp(word, "unprivileged"))
		w->unprivileged = true;
	else if (str_has_prefix(word, "without="))
		return add_cap(w, word + strlen("without="));
	else if (str_has_prefix(word, "cgroup=/"))
		return add_group(w, word + strlen("cgroup="));
	else
		return -EINVAL;
	return 0;
}

/* Takes @text apart.  At least one word: for nobody there is mode none. */
static int parse(struct who *w, char *text)
{
	char *word;
	int err = -EINVAL;

	while ((word = strsep(&text, " \t"))) {
		if (!*word)
			continue;
		err = add_word(w, word);
		if (err)
			break;
	}
	return err;
}

static int set_who(char *text)
{
	struct who *w = kzalloc(sizeof(*w), GFP_KERNEL);
	int err;

	if (!w)
		return -ENOMEM;
	strscpy(w->text, text, sizeof(w->text));
	err = parse(w, text);
	if (!err) {
		mutex_lock(&who_lock);
		swap(w, who);
		mutex_unlock(&who_lock);
	}
	free_who(w);
	return err;
}

static int who_handler(struct ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct ctl_table string = { .maxlen = TEXT_BYTES };
	int err;

	if (write && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	/* A part of a list would be another policy. */
	if (write && (*ppos || *lenp >= TEXT_BYTES))
		return -E2BIG;
	string.data = kzalloc(TEXT_BYTES, GFP_KERNEL);
	if (!string.data)
		return -ENOMEM;
	mutex_lock(&who_lock);
	strscpy(string.data, who->text, TEXT_BYTES);
	mutex_unlock(&who_lock);
	if (write)
		*(char *)string.data = 0;
	err = proc_dostring(&string, write, buffer, lenp, ppos);
	if (!err && write)
		err = set_who(string.data);
	kfree(string.data);
	return err;
}

static struct ctl_table who_table[] = {
	{
		.procname = "bpf_moat_who",
		.mode = 0644,
		.proc_handler = who_handler,
	},
	{ }
};

static int __init who_init(void)
{
	if (IS_ENABLED(CONFIG_SYSCTL) && !register_net_sysctl(&init_net, "net/core", who_table))
		pr_warn("no memory for net.core.bpf_moat_who\n");
	return 0;
}
late_initcall(who_init);
