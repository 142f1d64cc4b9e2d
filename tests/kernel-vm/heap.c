/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See heap.h. */
#include <stdio.h>
#include <unistd.h>

#include "heap.h"

long heap_pages(void)
{
	FILE *f = fopen("/sys/kernel/debug/moat/memory", "r");
	long n = -1;

	if (f && fscanf(f, "heap_pages %ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

long heap_pages_settled(long want_pages)
{
	int i;

	for (i = 0; i < 100 && heap_pages() > want_pages; i++)
		usleep(50000);
	return heap_pages();
}
