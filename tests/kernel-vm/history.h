/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks by published defects: programs that a former kernel accepted, or ran wrongly, and that this one refuses, or runs
 * rightly, until the very defect is put back (/sys/kernel/debug/moat/bug).
 */
#ifndef MOAT_KERNEL_VM_HISTORY_H
#define MOAT_KERNEL_VM_HISTORY_H

#include "attack.h"

/* What becomes of such a program. */
enum history_end {
	HISTORY_REFUSED,	/* it is not loaded */
	HISTORY_STOPPED,	/* its run is ended, and that is reported */
	HISTORY_HARMLESS,	/* it runs to its end, and nothing came of it */
};

struct history {
	const char *cve;
	const char *what;		/* was wrong */
	const char *harm;		/* that is done by it */
	const char *needs;		/* NULL: no privilege; else what the attacker must have */
	enum bpf_prog_type type;
	bool (*works)(struct attempt *a);
	enum history_end fixed;		/* where the defect is not */
	enum history_end isolated;	/* where it is, in an isolated program */
	const char *because;		/* why nothing had to be stopped then */
};

/* Ends with a cve that is NULL. */
extern const struct history history_scalars[], history_objects[];

/* The @i'th number that a program is given: history_feed() before it is loaded, then LDX(BPF_DW, reg, 6, FED(i)). */
#define FED(i)	(s16)(512 + 8 * (i))
void history_feed(struct attempt *a, u32 i, u64 number);

#endif
