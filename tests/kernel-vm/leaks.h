/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs and maps take of the kernel's memory, to be compared before and after. */
#ifndef MOAT_KERNEL_VM_LEAKS_H
#define MOAT_KERNEL_VM_LEAKS_H

#include "../../jit/env.h"
#include "slabs.h"

struct leaks {
	u32 programs, maps;
	long code, heap, cages;		/* code, heap: pages; -1: the kernel does not say */
	long slab, vmalloc, free;	/* KiB */
	long tasks;			/* the kernel's own among them */
	struct slabs slabs;
};

struct leaks leaks_look(void);
/* After @loaded programs: waits a while for all to be as it was; what is not is a failed check. */
void leaks_check(const struct leaks *was, u64 loaded);

#endif
