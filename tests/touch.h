/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Asking the kernel what can be reached at an address, without a fault. */
#ifndef MOAT_TOUCH_H
#define MOAT_TOUCH_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel reads the byte on our behalf, and says EFAULT where we could not. */
static inline bool can_read(const void *at)
{
	bool ok;
	int fd[2];

	if (pipe(fd))
		return false;
	ok = write(fd[1], at, 1) == 1;
	close(fd[0]);
	close(fd[1]);
	return ok;
}

/* Writes back what was there. */
static inline bool can_write(void *at)
{
	bool ok;
	int fd[2];

	if (pipe(fd))
		return false;
	ok = write(fd[1], at, 1) == 1 && read(fd[0], at, 1) == 1;
	close(fd[0]);
	close(fd[1]);
	return ok;
}

/* Lines of /proc/self/maps, and how many of them contain @what (NULL: all). */
static inline unsigned int mappings_with(const char *what)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += !what || strstr(line, what);
	if (f)
		fclose(f);
	return n;
}

static inline unsigned int mappings(void)
{
	return mappings_with(NULL);
}

#endif
