// SPDX-License-Identifier: GPL-2.0-only
/* The switch for defects of former kernels, see history.h.  Never in a kernel that anybody uses. */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "history.h"

enum bpf_moat_bug bpf_moat_bug __read_mostly;

#define BUG_NAME(year, number)	[BPF_MOAT_BUG_##year##_##number] = #year "-" #number,
static const char *const bug_name[BPF_MOAT_NR_BUG] = { [BPF_MOAT_NO_BUG] = "none", BPF_MOAT_BUGS(BUG_NAME) };

/* All names, one line each; "*" stands before that of the defect that there is. */
static int bug_show(struct seq_file *s, void *unused)
{
	u32 i;

	for (i = 0; i < BPF_MOAT_NR_BUG; i++)
		seq_printf(s, "%s%s\n", i == READ_ONCE(bpf_moat_bug) ? "*" : "", bug_name[i]);
	return 0;
}

static int bug_open(struct inode *inode, struct file *file)
{
	return single_open(file, bug_show, NULL);
}

static ssize_t bug_write(struct file *file, const char __user *text, size_t bytes, loff_t *at)
{
	char name[16];
	int i;

	if (bytes >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, text, bytes))
		return -EFAULT;
	name[bytes] = 0;
	i = match_string(bug_name, BPF_MOAT_NR_BUG, strim(name));
	if (i < 0)
		return -EINVAL;
	WRITE_ONCE(bpf_moat_bug, i);
	return bytes;
}

static const struct file_operations bug_fops = {
	.owner = THIS_MODULE,
	.open = bug_open,
	.read = seq_read,
	.write = bug_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* After mode.c, which makes the folder. */
static int __init history_init(void)
{
	struct dentry *dir = debugfs_lookup("moat", NULL);

	debugfs_create_file("bug", 0600, dir, NULL, &bug_fops);
	dput(dir);
	return 0;
}
late_initcall_sync(history_init);
