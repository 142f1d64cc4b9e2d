/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Flush and reload: is a line of memory in a cache? */
#include "channel.h"

#if defined(__x86_64__)
#include <stdio.h>
#include <stdlib.h>
#include <x86intrin.h>

static u64 threshold;		/* cycles; an access that takes less found its line in a cache */

static inline u64 cycles_of(const volatile u8 *p)
{
	unsigned int aux;
	u64 start;

	_mm_mfence();
	_mm_lfence();
	start = __rdtscp(&aux);
	_mm_lfence();
	(void)*p;
	_mm_lfence();
	return __rdtscp(&aux) - start;
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

bool channel_calibrate(const u8 *p)
{
	u64 hit[1000], miss[1000];
	u32 i;

	for (i = 0; i < 1000; i++) {
		(void)*(const volatile u8 *)p;
		hit[i] = cycles_of(p);
		_mm_clflush(p);
		miss[i] = cycles_of(p);
	}
	qsort(hit, 1000, sizeof(*hit), by_value);
	qsort(miss, 1000, sizeof(*miss), by_value);
	/* Between the slow ones of the fast accesses and the fast ones of the slow. */
	threshold = (hit[900] + miss[100]) / 2;
	printf("cached %llu cycles, flushed %llu, threshold %llu\n", (unsigned long long)hit[500],
	       (unsigned long long)miss[500], (unsigned long long)threshold);
	return hit[900] + 20 < miss[100];
}

bool channel_cached(const void *p)
{
	return cycles_of(p) < threshold;
}

void channel_flush(const void *p)
{
	_mm_clflush(p);
	_mm_mfence();
}

void channel_shuffle(u8 *order)
{
	static u64 state = 0x9e3779b97f4a7c15ull;
	u32 i, j;

	for (i = 0; i < 256; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		j = state % (i + 1);
		order[i] = order[j];
		order[j] = i;
	}
}
#endif
