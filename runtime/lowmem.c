/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Low memory: the largest free part of the first 4 GiB of the address space.
 *
 * How much there is depends on the process: nearly all of it for a
 * position-independent executable, the part below 2 GiB under
 * AddressSanitizer, what lies behind the program and its brk heap for one
 * that is linked at 4 MiB.  So the kernel's list of mappings is asked, and
 * asked again when another thread was faster.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "lowmem.h"

#define TRIES		8
#define LEAST		(16ull << 20)	/* less is of no use */

struct gap {
	u64 lo, hi;
};

/* The lowest address that this process may map, at least MOAT_EDGE. */
static u64 lowest(void)
{
	FILE *f = fopen("/proc/sys/vm/mmap_min_addr", "re");
	unsigned long long min = 0;

	if (f) {
		if (fscanf(f, "%llu", &min) != 1)
			min = 0;
		fclose(f);
	}
	return min > MOAT_EDGE ? min : MOAT_EDGE;
}

static void widen(struct gap *best, u64 lo, u64 hi)
{
	u64 top = MOAT_4G - MOAT_EDGE;

	if (hi > top)
		hi = top;
	if (lo < hi && hi - lo > best->hi - best->lo)
		*best = (struct gap){ lo, hi };
}

/* The largest gap between mappings.  A quarter of what follows the brk heap is left for it to grow. */
static int largest_gap(struct gap *best)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long long start, end;
	u64 from = lowest();
	char line[512];

	*best = (struct gap){ 0, 0 };
	if (!f)
		return -errno;
	while (from < MOAT_4G && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx", &start, &end) != 2)
			continue;
		widen(best, from, start);
		if (end > from)
			from = end;
		if (from < MOAT_4G && strstr(line, "[heap]"))
			from += (MOAT_4G - from) / 4;
	}
	if (from < MOAT_4G)
		widen(best, from, MOAT_4G);
	fclose(f);
	return 0;
}

/* 0, or a negative errno; -EEXIST: no longer free. */
static int reserve(u64 lo, u64 bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
	void *p = mmap((void *)lo, bytes, PROT_NONE, flags, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	if (p != (void *)lo) {	/* Linux before 4.17 takes the address for a wish */
		munmap(p, bytes);
		return -EEXIST;
	}
	return 0;
}

const char *moat_low_reserve(u64 page, u64 *lo, u64 *hi)
{
	const char *wish = secure_getenv("MOAT_LOW_MEMORY");
	struct gap gap;
	u32 i;

	*lo = *hi = 0;
	if (wish && !strcmp(wish, "0"))
		return "low memory is switched off (MOAT_LOW_MEMORY=0)";
	for (i = 0; i < TRIES; i++) {
		int err = largest_gap(&gap);

		if (err)
			return "/proc/self/maps cannot be read, so no low memory was looked for";
		gap.lo = (gap.lo + page - 1) & ~(page - 1);
		gap.hi &= ~(page - 1);
		if (gap.hi < gap.lo + LEAST)
			return "no low memory is free";
		err = reserve(gap.lo, gap.hi - gap.lo);
		if (!err) {
			*lo = gap.lo;
			*hi = gap.hi;
			return NULL;
		}
		if (err != -EEXIST)
			return "the kernel refuses to reserve low memory";
	}
	return "no low memory is free";
}
