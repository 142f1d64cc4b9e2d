/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See slabs.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "slabs.h"

#define SHOWN	8

void slabs_look(struct slabs *s)
{
	FILE *f = fopen("/proc/slabinfo", "r");
	char line[256];

	s->n = 0;
	if (!f)
		return;
	while (s->n < SLABS && fgets(line, sizeof(line), f)) {
		struct slab *slab = &s->slab[s->n];

		/* two lines of heading do not have this form */
		s->n += sscanf(line, "%31s %ld %*d %ld", slab->name, &slab->used, &slab->bytes) == 3;
	}
	fclose(f);
}

static const struct slab *find(const struct slabs *s, const char *name)
{
	int i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(s->slab[i].name, name))
			return &s->slab[i];
	return NULL;
}

static long growth(const struct slab *now, const struct slabs *was)
{
	const struct slab *before = find(was, now->name);

	return now->used - (before ? before->used : 0);
}

struct slab slabs_most_grown(const struct slabs *now, const struct slabs *was, const char *but)
{
	struct slab most = { "none", 0, 0 };
	int i;

	for (i = 0; was->n && i < now->n; i++) {
		long more = growth(&now->slab[i], was);

		if (more > most.used && strcmp(now->slab[i].name, but)) {
			most = now->slab[i];
			most.used = more;
		}
	}
	return most;
}

static int by_growth(const void *a, const void *b)
{
	long x = ((const struct slab *)a)->used * ((const struct slab *)a)->bytes;
	long y = ((const struct slab *)b)->used * ((const struct slab *)b)->bytes;

	return (x < y) - (x > y);
}

void slabs_print_growth(const struct slabs *was)
{
	static struct slabs now;
	int i;

	slabs_look(&now);
	if (!was->n || !now.n)
		return;
	for (i = 0; i < now.n; i++)
		now.slab[i].used = growth(&now.slab[i], was);
	qsort(now.slab, (size_t)now.n, sizeof(now.slab[0]), by_growth);
	printf("slabs:");
	for (i = 0; i < now.n && i < SHOWN && now.slab[i].used > 0; i++)
		printf("%s %s %+ld objects %+ld KiB", i ? "," : "", now.slab[i].name, now.slab[i].used,
		       now.slab[i].used * now.slab[i].bytes / 1024);
	printf("\n");
}
