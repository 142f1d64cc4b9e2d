// SPDX-License-Identifier: GPL-2.0-only
/* The mode of each program that there is, and why some are not isolated: debugfs, moat/programs, and fdinfo. */
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>
#include "domain.h"
#include "programs.h"

/* By the address of prog->aux: texts, which bpf_moat_free() ends, and marks, one for each function, which its image ends. */
static DEFINE_XARRAY(reasons);
static DEFINE_XARRAY(stock);

/* Without memory for it a program has no reason to show; nothing depends on one. */
void moat_remember_reason(const struct bpf_prog_aux *aux, const char *why)
{
	char *text = kstrdup(why, GFP_KERNEL_ACCOUNT);

	/* of several the last one, which is that which it was given up for */
	if (text)
		text = xa_store(&reasons, (unsigned long)aux, text, GFP_KERNEL_ACCOUNT);
	if (!xa_is_err(text))
		kfree(text);
}

void moat_remember_stock(const struct bpf_prog_aux *aux)
{
	xa_store(&stock, (unsigned long)aux, xa_mk_value(1), GFP_KERNEL_ACCOUNT);
}

void moat_forget_reason(const struct bpf_prog_aux *aux)
{
	kfree(xa_erase(&reasons, (unsigned long)aux));
}

void moat_forget_stock(const struct bpf_prog_aux *aux)
{
	xa_erase(&stock, (unsigned long)aux);
}

/* Programs that call functions are compiled function by function. */
static bool is_stock(const struct bpf_prog_aux *aux)
{
	return xa_load(&stock, (unsigned long)(aux->func_cnt ? aux->func[0]->aux : aux));
}

static const char *mode_of(const struct bpf_prog *prog)
{
	if (prog->aux->moat)
		return "basereg";
	if (!prog->jited)
		return "interpreted";
	return is_stock(prog->aux) ? "stock" : "none";
}

/* For bpf_prog_show_fdinfo(); the caller holds the program. */
void bpf_moat_show(struct seq_file *s, const struct bpf_prog *prog)
{
	const char *why = xa_load(&reasons, (unsigned long)prog->aux);
	const struct moat_domain *d = prog->aux->moat;

	seq_printf(s, "moat_mode:\t%s\n", mode_of(prog));
	if (d)
		seq_printf(s, "moat_faults:\t%lld\n", (long long)atomic64_read(&d->faults));
	if (d && d->nr_probe)
		seq_puts(s, "moat_reads:\tmemory of the kernel\n");
	if (why)
		seq_printf(s, "moat_why:\t%s\n", why);
}

static void show_program(struct seq_file *s, const struct bpf_prog *prog)
{
	const char *why = xa_load(&reasons, (unsigned long)prog->aux);

	seq_printf(s, "%6u %5u %-16s %-11s%s%s\n", prog->aux->id, prog->type, prog->aux->name[0] ? prog->aux->name : "-",
		   mode_of(prog), why ? " " : "", why ?: "");
}

/* One line for each program that has a number. */
static int programs_show(struct seq_file *s, void *unused)
{
	struct bpf_prog *prog;
	u32 id = 1;

	seq_printf(s, "%6s %5s %-16s %-11s %s\n", "id", "type", "name", "mode", "why");
	while ((prog = bpf_prog_get_curr_or_next(&id))) {
		show_program(s, prog);
		bpf_prog_put(prog);
		id++;
		cond_resched();
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(programs);

/* After mode.c, which makes the folder. */
static int __init programs_init(void)
{
	struct dentry *dir = debugfs_lookup("moat", NULL);

	/* There is none without debugfs. */
	if (IS_ERR_OR_NULL(dir))
		return 0;
	debugfs_create_file("programs", 0400, dir, NULL, &programs_fops);
	dput(dir);
	return 0;
}
late_initcall_sync(programs_init);
