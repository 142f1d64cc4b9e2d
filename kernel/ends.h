/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs that come to no result of their own (ends.c). */
#ifndef MOAT_ENDS_H
#define MOAT_ENDS_H

#include "domain.h"

struct seq_file;

/* What a run has for loops and functions, all programs of a chain together (net.core.bpf_moat_fuel). */
extern unsigned long moat_fuel;

/* Process context.  For a new domain, before its first run; and when there are no runs of it any more. */
void moat_ends_init(struct moat_domain *d, const struct bpf_prog *prog);
void moat_ends_stop(struct moat_domain *d);
/* The run, whose ->fault says why, has faulted: count, tell, follow the policy.  Returns what it returns. */
u64 moat_run_failed(struct moat_run *run);
/* A run of a program whose results are looked at returned @r0.  What the kernel gets. */
u64 moat_run_judge(struct moat_domain *d, u64 r0);
/* A run got no slot: all are taken, or the program is disabled.  Count it. */
void moat_run_slotless(struct moat_domain *d);
/* Totals since the boot, a line of debugfs. */
void moat_show_ends(struct seq_file *s);

#endif
