/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See heap.h. */
#include <stdio.h>
#include <unistd.h>

#include "heap.h"

static void read_memory(long *pages, long *cages)
{
	FILE *f = fopen("/sys/kernel/debug/moat/memory", "r");

	*pages = *cages = -1;
	if (f && fscanf(f, "heap_pages %ld cages %ld", pages, cages) != 2)
		*pages = *cages = -1;
	if (f)
		fclose(f);
}

long heap_pages(void)
{
	long pages, cages;

	read_memory(&pages, &cages);
	return pages;
}

long heap_cages(void)
{
	long pages, cages;

	read_memory(&pages, &cages);
	return cages;
}

long heap_pages_at_rest(void)
{
	long pages = heap_pages(), was = -1;
	int i, same = 0;

	for (i = 0; i < 200 && same < 10; i++) {
		was = pages;
		usleep(50000);
		pages = heap_pages();
		same = pages == was ? same + 1 : 0;
	}
	return pages;
}

long heap_pages_settled(long want_pages)
{
	int i;

	for (i = 0; i < 100 && heap_pages() > want_pages; i++)
		usleep(50000);
	return heap_pages();
}
