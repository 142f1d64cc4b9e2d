/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attack tests: each succeeds in mode none and is contained in the others.
 *
 *	attacks [--markdown] [--only TEXT] [--mode MODE]
 *
 * Every attack runs in a process of its own for each variant; its death, a
 * hang or a signal that nobody expected count as the attacker's success.
 */
#include <getopt.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "attack.h"
#include "check.h"

#define SECONDS	30

static const struct attack_variant variants[] = {
	{ MOAT_MODE_NONE, 0, "none" },
	{ MOAT_MODE_BASEREG, 1, "basereg/register" },
#if defined(__x86_64__)
	{ MOAT_MODE_BASEREG, 2, "basereg/segment" },
	{ MOAT_MODE_PKU, 0, "pku" },
	{ MOAT_MODE_PKU_BASEREG, 1, "pku+basereg/register" },
	{ MOAT_MODE_PKU_BASEREG, 2, "pku+basereg/segment" },
#elif defined(__aarch64__)
	{ MOAT_MODE_PKU, 0, "poe" },
	{ MOAT_MODE_PKU_BASEREG, 1, "poe+basereg" },
#endif
};

static const char *missing[ARRAY_SIZE(variants)];	/* why a variant does not run here */
static bool hidden[ARRAY_SIZE(variants)];		/* not asked for: no column */
static bool markdown;
static const char *only;
static const char *no_end;				/* why there is no memory around 4 GiB */

/* One process ---------------------------------------------------------------- */

static void unexpected(int sig)
{
	_exit(99);
}

static _Noreturn void child(const struct attack *a, const struct attack_variant *v, int to)
{
	static const struct rlimit no_core;
	struct attack_result r = { 0 };
	u32 i;

	setrlimit(RLIMIT_CORE, &no_core);
	alarm(SECONDS);
	moat_set_print(NULL);
	for (i = 0; i < 512; i++) {
		attack_secret[i] = SECRET;
		attack_canary[i] = SECRET;
	}
	if (moat_heap_detach() || moat_code_detach())
		attack_odd(&r, "no memory of its own");
	else
		a->run(v, &r);
	for (i = 0; i < 512; i++)
		if (attack_secret[i] != SECRET || attack_canary[i] != SECRET)
			attack_odd(&r, "host memory is not what it was");
	_exit(write(to, &r, sizeof(r)) != sizeof(r));
}

enum ending { REPORTED, DIED, HUNG };

static enum ending conduct(const struct attack *a, const struct attack_variant *v, struct attack_result *r, int *status)
{
	ssize_t n;
	int fd[2];
	pid_t pid;

	if (pipe(fd)) {
		attack_odd(r, "no pipe");
		return REPORTED;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		child(a, v, fd[1]);
	}
	close(fd[1]);
	n = read(fd[0], r, sizeof(*r));
	close(fd[0]);
	if (pid < 0 || waitpid(pid, status, 0) != pid) {
		attack_odd(r, "no process");
		return REPORTED;
	}
	if (WIFSIGNALED(*status) && WTERMSIG(*status) == SIGALRM)
		return HUNG;
	return n == sizeof(*r) && !*status ? REPORTED : DIED;
}

/* The table -------------------------------------------------------------------- */

static void kinds_text(char *text, size_t size, u32 kinds)
{
	size_t n = 0;
	u32 k;

	text[0] = 0;
	for (k = 0; k < MOAT_NR_FAULTS; k++)
		if (kinds & 1u << k && n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : ": ", moat_fault_name(k));
}

/* What the table says, and whether that is what must be. */
static bool judge(const struct attack *a, const struct attack_variant *v, char *text, size_t size, char *fail, size_t fsize)
{
	bool none = v->mode == MOAT_MODE_NONE, success;
	struct attack_result r = { 0 };
	int status = 0;
	enum ending end = conduct(a, v, &r, &status);
	char kinds[64];

	success = end != REPORTED || r.worked;
	kinds_text(kinds, sizeof(kinds), r.kinds);
	if (end != REPORTED)
		snprintf(text, size, end == HUNG ? "host hangs" : "host dies");
	else if (r.odd)
		snprintf(text, size, "unclear");
	else if (r.worked)
		snprintf(text, size, "**succeeds**%s", r.contained ? " in part" : "");
	else
		snprintf(text, size, none ? "holds%s" : "contained%s", kinds);
	snprintf(fail, fsize, "%s; %u worked, %u contained, %u odd (%s), status %#x", text, r.worked, r.contained, r.odd,
		 r.odd_text, status);
	if (end == REPORTED && r.odd)
		return false;
	if (end == REPORTED && !r.worked && !r.contained)
		return false;
	if (none && a->in_none == WORKS)
		return end == REPORTED ? r.worked && (a->some || !r.contained) : a->may_die;
	return !success;
}

static const char *skipped(const struct attack *a, u32 i)
{
	const struct attack_variant *v = &variants[i];

	if (v->mode == MOAT_MODE_NONE && a->in_none == MEANINGLESS)
		return "-";
	if (a->gates_only && v->mode != MOAT_MODE_NONE && !attack_is_gated(v))
		return "-";
	return missing[i] ? "not enforced" : NULL;
}

static void run_attack(const struct attack *a)
{
	char text[96], fail[512];
	const char *skip;
	u32 i;

	if (only && !strstr(a->name, only))
		return;
	if (a->end && no_end) {
		SKIP(a->name, no_end);
		return;
	}
	printf(markdown ? "| %s |" : "%-36s", a->name);
	for (i = 0; i < ARRAY_SIZE(variants); i++) {
		if (hidden[i])
			continue;
		skip = skipped(a, i);
		if (skip)
			snprintf(text, sizeof(text), "%s", skip);
		else
			CHECK(judge(a, &variants[i], text, sizeof(text), fail, sizeof(fail)), "%s in %s: %s", a->name,
			      variants[i].name, fail);
		printf(markdown ? " %s |" : " %-24s", text);
		fflush(stdout);
	}
	printf("\n");
}

static void run_all(const struct attack *a, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		run_attack(&a[i]);
}

static void print_reasons(const struct attack *a, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (a[i].why)
			printf("%s%s%s: %s.\n", markdown ? "- " : "  ", a[i].name,
			       a[i].in_none == HOLDS ? " (holds in none)" : " (not in none)", a[i].why);
}

static void print_head(void)
{
	u32 i;

	printf(markdown ? "| attack |" : "%-36s", "");
	for (i = 0; i < ARRAY_SIZE(variants); i++)
		if (!hidden[i])
			printf(markdown ? " %s |" : " %-24s", variants[i].name);
	printf(markdown ? "\n|---|" : "\n");
	for (i = 0; markdown && i < ARRAY_SIZE(variants); i++)
		printf(hidden[i] ? "" : "---|");
	printf(markdown ? "\n" : "");
}

/*
 * Host memory at the end of the low 4 GiB and behind: what an access across
 * the end of a cage would reach if nothing confined it.
 */
static void map_around_4g(void)
{
	u8 *p = mmap((void *)0xffff0000ull, 0x20000, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

#ifdef __SANITIZE_ADDRESS__
	if (p == MAP_FAILED && errno == EEXIST) {
		no_end = "AddressSanitizer has the memory around 4 GiB";
		return;
	}
#endif
	CHECK(p == (u8 *)0xffff0000ull, "no memory around 4 GiB");
}

static bool parse(int argc, char **argv, const char **mode)
{
	static const struct option options[] = {
		{ "markdown", no_argument, NULL, 'm' }, { "only", required_argument, NULL, 'o' },
		{ "mode", required_argument, NULL, 'M' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm')
			markdown = true;
		else if (c == 'o')
			only = optarg;
		else if (c == 'M')
			*mode = optarg;
		else
			return false;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	const char *mode = NULL;
	u32 i;

	if (!parse(argc, argv, &mode)) {
		fprintf(stderr, "usage: attacks [--markdown] [--only TEXT] [--mode MODE]\n");
		return 2;
	}
	map_around_4g();
	signal(SIGSEGV, unexpected);
	signal(SIGBUS, unexpected);
	signal(SIGILL, unexpected);
	signal(SIGTRAP, unexpected);
	for (i = 0; i < ARRAY_SIZE(variants); i++) {
		const char *why = NULL;

		hidden[i] = mode && !strstr(variants[i].name, mode);
		if (hidden[i] || !moat_mode_enforced(variants[i].mode, &why))
			continue;
		missing[i] = why ?: "unknown reason";
		SKIP(variants[i].name, missing[i]);
	}
	print_head();
	run_all(attack_memory, nr_attack_memory);
	run_all(attack_helper, nr_attack_helper);
	run_all(attack_flow, nr_attack_flow);
	run_all(attack_host, nr_attack_host);
	printf("\n");
	print_reasons(attack_memory, nr_attack_memory);
	print_reasons(attack_helper, nr_attack_helper);
	print_reasons(attack_flow, nr_attack_flow);
	print_reasons(attack_host, nr_attack_host);
	return check_done();
}
