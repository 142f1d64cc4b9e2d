/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The speed of the image checker, in megabytes of machine code per second, and its cost beside compiling (CPU time).
 *
 *	check [SECONDS]		for each way to compile; the last line is a warning if one is slow
 *
 * What is checked are random programs as the tests make them, small and large.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../tests/images.h"

#define IMAGES	64
#define WANTED	50.0	/* MB/s */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Seconds per pass over all images, the best of many; 0: one is refused. */
static double measure(struct image *m, u32 n, double seconds, void *work)
{
	double best = 1e9, start, end = now() + seconds;
	u32 i;

	do {
		start = now();
		for (i = 0; i < n; i++)
			if (moat_check(&m[i].facts, work))
				return 0;
		if (now() - start < best)
			best = now() - start;
	} while (now() < end);
	return best;
}

/* Megabytes per second; 0 after a message. */
static double bench(const struct image_variant *v, u32 statements, double seconds)
{
	static struct image image[IMAGES];
	u32 n = 0, i, bytes = 0, largest = 0;
	double start = now(), made, checked;
	void *work;

	for (i = 0; i < IMAGES; i++)
		if (!image_make(&image[n], v, 100 + i, statements, NULL))
			n++;
	made = now() - start;
	for (i = 0; i < n; i++) {
		bytes += image[i].bytes;
		if (image[i].bytes > largest)
			largest = image[i].bytes;
		image[i].facts.arch = v->arch;
		image[i].facts.entry = image[i].entry;
	}
	work = malloc(moat_check_bytes(largest));
	checked = measure(image, n, seconds, work);
	if (checked)
		printf("%-28s %9u %12.1f %14.2f\n", v->name, bytes / n, bytes / checked * 1e-6, checked / made);
	else
		fprintf(stderr, "%s: an image is refused\n", v->name);
	free(work);
	for (i = 0; i < n; i++)
		image_free(&image[i]);
	return checked ? bytes / checked * 1e-6 : 0;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 0.3, least = 1e9, speed;
	u32 i, large;

	printf("%-28s %9s %12s %14s\n", "code", "bytes", "MB/s", "of emitting");
	for (large = 0; large < 2; large++) {
		for (i = 0; i < image_variants; i++) {
			speed = bench(&image_variant[i], large ? 1500 : 30, seconds);
			if (speed < least)
				least = speed;
		}
	}
	printf("least: %.1f MB/s, wanted: %.0f\n", least, WANTED);
	return least < WANTED;
}
