/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel tells of the heap that isolated programs are given memory from. */
#ifndef MOAT_KERNEL_VM_HEAP_H
#define MOAT_KERNEL_VM_HEAP_H

/* Pages of it that are given out; -1: the kernel has none to tell of. */
long heap_pages(void);
/* The same once they stay as they are for half a second, or after ten: what a test begins with may still be in use by those before it. */
long heap_pages_at_rest(void);
/* Cages that there are, one for each isolated program; -1 likewise. */
long heap_cages(void);
/* The same when there are no more than @want_pages, or after seconds: maps are freed a while after their last user. */
long heap_pages_settled(long want_pages);

#endif
