/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel addresses for the heap and the cages: ranges of 4 GiB, and pages in them. */
#ifndef MOAT_MEMORY_H
#define MOAT_MEMORY_H

#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#define MOAT_RANGE_BYTES	(1UL << 32)
/* What is never given out at the start of the heap, and never mapped around a cage. */
#define MOAT_MARGIN_BYTES	SZ_64K

/* memory.c.  Process context. */

/*
 * Reserve addresses: *@base is 4 GiB aligned, and nothing is mapped in the
 * 4 GiB from there, nor in MOAT_MARGIN_BYTES before and behind.  NULL: no room.
 * Given back with free_vm_area(), after moat_unmap_pages() of all that was mapped.
 */
struct vm_struct *moat_reserve(unsigned long *base);
/* Where the range of such a reservation begins. */
static inline unsigned long moat_range_of(const struct vm_struct *area)
{
	return ALIGN((unsigned long)area->addr + MOAT_MARGIN_BYTES, MOAT_RANGE_BYTES);
}

/* Map @nr pages one after the other, never executable.  0; -ENOMEM: nothing is mapped. */
int moat_map_pages(unsigned long at, struct page **page, u32 nr, pgprot_t prot);
/* No CPU remembers them then: pages and addresses may be used again. */
void moat_unmap_pages(unsigned long at, u32 nr);
/* The same, but that the caller flushes before the pages are anybody else's. */
void moat_unmap_unflushed(unsigned long at, u32 nr);

/* heap.c: for moat_memory_stats(). */
u64 moat_heap_pages(void);

#endif
