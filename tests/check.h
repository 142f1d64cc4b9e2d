/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counted checks for test programs.
 *
 *	CHECK(a == b, "a is %d", a);	counts; a failure is printed with its place
 *	SKIP("pku", why);		prints "SKIP pku: why" and counts
 *	return check_done();		the total line; 0 only if nothing failed and something ran
 *
 * The counters belong to one process: a forked child reports to its parent,
 * which checks.  They may be used from several threads.
 */
#ifndef MOAT_CHECK_H
#define MOAT_CHECK_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

/* Weak: one set for all files of a program. */
__attribute__((__weak__)) _Atomic unsigned int check_passed, check_failed, check_skipped;

__attribute__((__format__(printf, 5, 6)))
static inline bool check_count(bool ok, const char *file, int line, const char *what, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (ok) {
		check_passed++;
		return true;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	check_failed++;
	fflush(stdout);
	fprintf(stderr, "FAIL %s:%d: %s: %s\n", file, line, what, text);
	return false;
}

static inline void check_skip(const char *name, const char *reason)
{
	check_skipped++;
	printf("SKIP %s: %s\n", name, reason);
}

/* A test program in which nothing was checked and nothing was skipped has failed. */
static inline int check_done(void)
{
	fflush(stderr);
	printf("%u passed, %u failed", check_passed, check_failed);
	if (check_skipped)
		printf(", %u skipped", check_skipped);
	printf("\n");
	fflush(stdout);
	return check_failed || check_passed + check_skipped == 0;
}

/*
 * True if @cond held, so that a test can stop at a failure that makes the rest pointless.  What is to be printed is
 * looked at afterwards: errno is that of @cond.
 */
#define CHECK(cond, ...) __extension__ ({					\
	bool check_ok = !!(cond);						\
										\
	check_count(check_ok, __FILE__, __LINE__, #cond, __VA_ARGS__);		\
})
#define SKIP(name, reason)	check_skip(name, reason)

#endif
