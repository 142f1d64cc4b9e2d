/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Helpers: time, random numbers, the current task, reading memory, strings and messages. */
#include <ctype.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include "helpers.h"

#define NS_PER_S	1000000000ull
#define NS_PER_JIFFY	4000000ull	/* HZ 250 */
#define MAX_TEXT	1024		/* bytes of a format and of a message */

static u64 clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

MOAT_HELPER(ktime_get_ns)
{
	return clock_ns(CLOCK_MONOTONIC);
}

MOAT_HELPER(ktime_get_boot_ns)
{
	return clock_ns(CLOCK_BOOTTIME);
}

MOAT_HELPER(ktime_get_coarse_ns)
{
	return clock_ns(CLOCK_MONOTONIC_COARSE);
}

MOAT_HELPER(ktime_get_tai_ns)
{
	return clock_ns(CLOCK_TAI);
}

MOAT_HELPER(jiffies64)
{
	return clock_ns(CLOCK_MONOTONIC_COARSE) / NS_PER_JIFFY;
}

/* xorshift64*, seeded once per thread: as much as the kernel promises of this helper. */
MOAT_HELPER(get_prandom_u32)
{
	static __thread u64 state;

	while (!state)
		if (getrandom(&state, sizeof(state), 0) != sizeof(state))
			state = clock_ns(CLOCK_MONOTONIC);
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull >> 32;
}

MOAT_HELPER(get_smp_processor_id)
{
	return run->thread->cpu;
}

MOAT_HELPER(get_numa_node_id)
{
	return 0;
}

MOAT_HELPER(get_current_pid_tgid)
{
	return (u64)getpid() << 32 | (u32)syscall(SYS_gettid);
}

MOAT_HELPER(get_current_uid_gid)
{
	return (u64)getgid() << 32 | getuid();
}

MOAT_HELPER(get_current_comm)
{
	char comm[16] = "";
	u64 n = r2 < sizeof(comm) ? r2 : sizeof(comm);

	if (!r2)
		return -EINVAL;
	prctl(PR_GET_NAME, comm);
	memset(arg_ptr(r1), 0, r2);
	memcpy(arg_ptr(r1), comm, n - 1);
	return 0;
}

/* @r3 is any number: only memory of this program is read, as if there were no other. */
MOAT_HELPER(probe_read)
{
	void *from = moat_run_memory(run, r3, r2, MOAT_READ);

	if (!r2)
		return 0;
	if (!from) {
		memset(arg_ptr(r1), 0, r2);
		return -EFAULT;
	}
	memmove(arg_ptr(r1), from, r2);
	return 0;
}

MOAT_HELPER(probe_read_str)
{
	long n = r2 ? moat_run_string(run, r3, arg_ptr(r1), r2) : 0;

	if (n < 0)
		memset(arg_ptr(r1), 0, r2);
	return n;
}

/* Numbers in strings ------------------------------------------------------- */

/* The magnitude at the start of @r2 bytes at @r1; returns how many bytes it took, or negative errno. */
static long parse(u64 r1, u64 r2, u64 base, bool *negative, u64 *value)
{
	char text[64], *at = text, *end;
	u64 n = r2 < sizeof(text) - 1 ? r2 : sizeof(text) - 1;

	if (base != 0 && base != 8 && base != 10 && base != 16)
		return -EINVAL;
	memcpy(text, arg_ptr(r1), n);
	text[n] = 0;
	while (isspace((unsigned char)*at))
		at++;
	*negative = *at == '-';
	at += *negative;
	if (!isxdigit((unsigned char)*at))
		return -EINVAL;
	errno = 0;
	*value = strtoull(at, &end, base);
	if (end == at)
		return -EINVAL;
	return errno == ERANGE ? -ERANGE : end - text;
}

MOAT_HELPER(strtol)
{
	bool negative;
	u64 v;
	long n = parse(r1, r2, r3, &negative, &v);

	if (n < 0)
		return n;
	if (v > (u64)LONG_MAX + negative)
		return -ERANGE;
	v = negative ? -v : v;
	memcpy(arg_ptr(r4), &v, sizeof(v));
	return n;
}

MOAT_HELPER(strtoul)
{
	bool negative;
	u64 v;
	long n = parse(r1, r2, r3, &negative, &v);

	if (n < 0)
		return n;
	if (negative)
		return -EINVAL;
	memcpy(arg_ptr(r4), &v, sizeof(v));
	return n;
}

MOAT_HELPER(strncmp)
{
	char other[MAX_TEXT];

	if (moat_run_string(run, r3, other, sizeof(other)) < 0)
		return -EFAULT;
	return strncmp(arg_ptr(r1), other, r2 < sizeof(other) ? r2 : sizeof(other));
}

/* Messages ----------------------------------------------------------------- */

/* Copy a format, once; it must be terminated within its size. */
static int copy_format(char *to, const void *from, u64 bytes)
{
	u64 n = bytes < MAX_TEXT ? bytes : MAX_TEXT;

	memcpy(to, from, n);
	return memchr(to, 0, n) ? 0 : -EINVAL;
}

static u64 message(struct moat_run *run, u64 fmt, u64 bytes, const u64 *arg, u32 nr)
{
	char format[MAX_TEXT], text[MAX_TEXT];
	long n;

	if (copy_format(format, arg_ptr(fmt), bytes))
		return -EINVAL;
	n = moat_format(run, text, sizeof(text), format, arg, nr);
	if (n < 0)
		return n;
	n = strlen(text);
	if (n && text[n - 1] == '\n')
		text[n - 1] = 0;
	moat_print(MOAT_INFO, "%s", text);
	return n;
}

MOAT_HELPER(trace_printk)
{
	u64 arg[3] = { r3, r4, r5 };

	return message(run, r1, r2, arg, 3);
}

/* Arguments of the v-functions: 8 bytes each, copied before they are used. */
static int copy_args(u64 *arg, u64 from, u64 bytes)
{
	if (bytes % 8 || bytes > 12 * 8 || (bytes && !from))
		return -EINVAL;
	if (bytes)
		memcpy(arg, arg_ptr(from), bytes);
	return 0;
}

MOAT_HELPER(trace_vprintk)
{
	u64 arg[12];

	if (copy_args(arg, r3, r4))
		return -EINVAL;
	return message(run, r1, r2, arg, r4 / 8);
}

MOAT_HELPER(snprintf)
{
	char format[MAX_TEXT], text[MAX_TEXT];
	u64 arg[12];
	long n;

	if (copy_args(arg, r4, r5) || moat_run_string(run, r3, format, sizeof(format)) < 0)
		return -EINVAL;
	n = moat_format(run, text, sizeof(text), format, arg, r5 / 8);
	if (n > 0 && r2) {
		u64 room = r2 < sizeof(text) ? r2 : sizeof(text);

		memcpy(arg_ptr(r1), text, room < (u64)n ? room : (u64)n);
		((char *)arg_ptr(r1))[(room < (u64)n ? room : (u64)n) - 1] = 0;
	}
	return n;
}
