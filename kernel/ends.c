// SPDX-License-Identifier: GPL-2.0-only
/* Runs that come to no result of their own: what they return, who is told, what becomes of the program; fuel. */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/btf.h>
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/pkt_cls.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>
#include "domain.h"
#include "ends.h"
#include "lines.h"

/* Verdicts ------------------------------------------------------------------ */

/*
 * What lets nothing through, for whoever called the program.  0 does for all
 * types that are not here: it drops a packet (XDP, socket filters, sockets and
 * their lookup), denies (control groups), or records no event (tracing).
 */
static const s8 verdict[] = {
	[BPF_PROG_TYPE_SCHED_CLS]	= TC_ACT_SHOT,
	[BPF_PROG_TYPE_SCHED_ACT]	= TC_ACT_SHOT,
	[BPF_PROG_TYPE_LWT_IN]		= BPF_DROP,
	[BPF_PROG_TYPE_LWT_OUT]		= BPF_DROP,
	[BPF_PROG_TYPE_LWT_XMIT]	= BPF_DROP,
	[BPF_PROG_TYPE_LWT_SEG6LOCAL]	= BPF_DROP,
	[BPF_PROG_TYPE_FLOW_DISSECTOR]	= BPF_DROP,
	[BPF_PROG_TYPE_LSM]		= -EPERM,
};

static u64 safe_verdict(enum bpf_prog_type type, enum bpf_attach_type attach)
{
	if (type == BPF_PROG_TYPE_LSM && attach == BPF_LSM_CGROUP)
		return 0;
	/* The function that it stands in front of is not called. */
	if (type == BPF_PROG_TYPE_TRACING && attach == BPF_MODIFY_RETURN)
		return -EPERM;
	return type < ARRAY_SIZE(verdict) ? (s64)verdict[type] : 0;
}

/* Hooks whose callers know what a result above 0 is; those that answer with a length are in front of code that believes it. */
static const struct {
	const char *hook;
	s32 most;
} most_of[] = {
	{ "audit_rule_known", 1 }, { "audit_rule_match", 1 }, { "inode_copy_up_xattr", 1 }, { "inode_need_killpriv", 1 },
	{ "ismaclabel", 1 }, { "task_prctl", INT_MAX }, { "xfrm_state_pol_flow_match", 1 },
};

/* What the kernel's own types say of the function. */
static bool returns_bool(const struct bpf_prog *prog)
{
	const struct btf *btf = bpf_prog_get_target_btf(prog);
	const struct btf_type *t = btf ? btf_type_skip_modifiers(btf, prog->aux->attach_func_proto->type, NULL) : NULL;

	return t && btf_type_is_int(t) && btf_int_encoding(t) & BTF_INT_BOOL;
}

static s32 most(const struct bpf_prog *prog, const char *hook)
{
	u32 i;

	if (!hook || returns_bool(prog))
		return !!hook;
	for (i = 0; i < ARRAY_SIZE(most_of); i++)
		if (!strcmp(hook, most_of[i].hook))
			return most_of[i].most;
	return 0;
}

/*
 * LSM programs return what they like, as far as the verifier goes.  Callers take it for 0 or an error: of a hook that
 * goes with an allocation 1 is a pointer then.  NULL: not a hook, or one that returns nothing.
 */
static const char *judged_hook(const struct bpf_prog *prog)
{
	const struct btf_type *proto = prog->aux->attach_func_proto;
	const char *name = prog->aux->attach_func_name;

	if (!proto || !proto->type || !name)
		return NULL;
	if (prog->type == BPF_PROG_TYPE_LSM && prog->expected_attach_type == BPF_LSM_MAC)
		return name + str_has_prefix(name, "bpf_lsm_");
	/* Or of another function, whose errors may be put in; some of those return pointers. */
	if (prog->type == BPF_PROG_TYPE_TRACING && prog->expected_attach_type == BPF_MODIFY_RETURN)
		return name + str_has_prefix(name, "security_");
	return NULL;
}

/* Policy -------------------------------------------------------------------- */

/* net.core.bpf_moat_on_fault */
enum { END_RUN, DISABLE_PROGRAM };
static const char * const policy_name[] = { [END_RUN] = "end-run", [DISABLE_PROGRAM] = "disable-program" };
static int on_fault __read_mostly;

/*
 * net.core.bpf_moat_fuel: about as many instructions in loops and functions as
 * one run may execute, with all programs that it goes on to.  2^32 are more than
 * a verifier that was not fooled lets pass outside of bpf_loop(), and some seconds.
 */
unsigned long moat_fuel __read_mostly = 1ul << 32;

static struct {
	atomic64_t faults, slotless, disabled;
} totals;

/* Until all slots are closed, those too that were just being taken. */
static void close_slots(struct work_struct *work)
{
	struct moat_domain *d = container_of(to_delayed_work(work), struct moat_domain, close);

	if (!moat_runs_close(d))
		schedule_delayed_work(&d->close, 1);
}

/* Programs run where no work can be queued: under the scheduler's locks, in NMIs. */
static void start_closing(struct irq_work *work)
{
	schedule_delayed_work(&container_of(work, struct moat_domain, closing)->close, 1);
}

void moat_ends_init(struct moat_domain *d, const struct bpf_prog *prog)
{
	const char *hook = judged_hook(prog);

	d->judged = hook;
	d->most = most(prog, hook);
	d->verdict = safe_verdict(d->type, d->attach);
	init_irq_work(&d->closing, start_closing);
	INIT_DELAYED_WORK(&d->close, close_slots);
}

void moat_ends_stop(struct moat_domain *d)
{
	irq_work_sync(&d->closing);
	cancel_delayed_work_sync(&d->close);
}

/* Nobody finds a slot from now on; who has one goes on to the end. */
static void disable(struct moat_domain *d)
{
	if (xchg(&d->disabled, true))
		return;
	moat_runs_close(d);
	irq_work_queue(&d->closing);
	printk_deferred(KERN_WARNING pr_fmt("program '%s' is disabled\n"), d->name);
}

/* Messages ------------------------------------------------------------------- */

static const char * const fault_text[MOAT_NR_FAULTS] = {
	[MOAT_FAULT_CAGE] = "access outside its memory",
	[MOAT_FAULT_AUDIT] = "argument refused",
	[MOAT_FAULT_FUEL] = "out of fuel",
	[MOAT_FAULT_TRAP] = "a check in its code failed",
};

#define NO_ARGUMENT	0	/* AUDIT: of what it returned */

/* Programs run under locks that the console's users take, too: the scheduler's. */
#define say_end(d, f, line, fmt, ...)	\
	printk_deferred(KERN_WARNING pr_fmt("program '%s' ended at instruction %u%s: %s" fmt "\n"), (d)->name, (f)->pc,	\
			line, fault_text[(f)->kind], ##__VA_ARGS__)

/* Once for each program at a limited rate; the number of faults is kept anyway. */
static void report(struct moat_domain *d, const struct moat_fault_info *f)
{
	char line[MOAT_LINE_TEXT];

	if (!__ratelimit(&d->limit))
		return;
	if (f->kind == MOAT_FAULT_AUDIT && f->arg == NO_ARGUMENT) {
		printk_deferred(KERN_WARNING pr_fmt("program '%s' returned %d: %s\n"), d->name, (s32)f->value, f->why);
		return;
	}
	moat_line_text(d, f->pc, line, sizeof(line));
	if (f->kind == MOAT_FAULT_AUDIT)
		say_end(d, f, line, " %u: %s (0x%llx)", f->arg, f->why, f->value);
	else if (f->kind == MOAT_FAULT_CAGE)
		say_end(d, f, line, " at 0x%llx", f->value);
	else
		say_end(d, f, line, "");
}

/* Ends ----------------------------------------------------------------------- */

static u64 fail(struct moat_domain *d, const struct moat_fault_info *f)
{
	atomic64_inc(&d->faults);
	atomic64_inc(&totals.faults);
	report(d, f);
	if (READ_ONCE(on_fault) == DISABLE_PROGRAM)
		disable(d);
	return d->verdict;
}

u64 moat_run_failed(struct moat_run *run)
{
	return fail(run->domain, &run->fault);
}

u64 moat_run_judge(struct moat_domain *d, u64 r0)
{
	struct moat_fault_info f = {
		.kind = MOAT_FAULT_AUDIT, .arg = NO_ARGUMENT, .value = r0, .why = "not what its hook may return",
	};

	/* The trampoline looks at all of it, and the hook's caller at the lower half. */
	return (s32)r0 <= d->most && (s32)r0 >= -MAX_ERRNO ? (s64)(s32)r0 : fail(d, &f);
}

void moat_run_slotless(struct moat_domain *d)
{
	bool disabled = READ_ONCE(d->disabled);

	atomic64_inc(disabled ? &d->runs_disabled : &d->runs_refused);
	atomic64_inc(disabled ? &totals.disabled : &totals.slotless);
}

void moat_show_ends(struct seq_file *s)
{
	seq_printf(s, "runs: %lld ended by faults, %lld without a slot, %lld of disabled programs\n",
		   (long long)atomic64_read(&totals.faults), (long long)atomic64_read(&totals.slotless),
		   (long long)atomic64_read(&totals.disabled));
}

/* The sysctls ---------------------------------------------------------------- */

static int on_fault_handler(struct ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	char name[24];
	struct ctl_table text = { .data = name, .maxlen = sizeof(name) };
	int err;

	if (write && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	strscpy(name, policy_name[READ_ONCE(on_fault)], sizeof(name));
	err = proc_dostring(&text, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	err = match_string(policy_name, ARRAY_SIZE(policy_name), name);
	if (err < 0)
		return err;
	WRITE_ONCE(on_fault, err);
	return 0;
}

static int fuel_handler(struct ctl_table *table, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	int err;

	if (write && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = proc_doulongvec_minmax(table, write, buffer, lenp, ppos);
	if (!err && write)
		moat_refuel_domains();
	return err;
}

static unsigned long least_fuel = 1;

static struct ctl_table ends_table[] = {
	{
		.procname = "bpf_moat_on_fault",
		.mode = 0644,
		.proc_handler = on_fault_handler,
	},
	{
		.procname = "bpf_moat_fuel",
		.data = &moat_fuel,
		.maxlen = sizeof(moat_fuel),
		.mode = 0644,
		.proc_handler = fuel_handler,
		.extra1 = &least_fuel,
	},
	{ }
};

static int __init ends_init(void)
{
	if (IS_ENABLED(CONFIG_SYSCTL) && !register_net_sysctl(&init_net, "net/core", ends_table))
		pr_warn("no memory for net.core.bpf_moat_on_fault\n");
	return 0;
}
late_initcall(ends_init);
