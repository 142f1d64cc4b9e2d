/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's caches of objects, as /proc/slabinfo tells of them. */
#ifndef MOAT_KERNEL_VM_SLABS_H
#define MOAT_KERNEL_VM_SLABS_H

#define SLABS	512

struct slab {
	char name[32];
	long used;	/* objects */
	long bytes;	/* of each */
};

struct slabs {
	struct slab slab[SLABS];
	int n;		/* 0: the kernel does not say */
};

void slabs_look(struct slabs *s);
/* Of @now the cache with most objects more in use than in @was, but not @but: its name, and how many more. */
struct slab slabs_most_grown(const struct slabs *now, const struct slabs *was, const char *but);
/* Prints, in one line, the caches that have most KiB more in use than they had, at most eight. */
void slabs_print_growth(const struct slabs *was);

#endif
