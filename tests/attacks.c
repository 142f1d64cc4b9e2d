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
#include <sys/mman.h>

#include "attack.h"
#include "check.h"

static const char *missing[ATTACK_VARIANTS];	/* why a variant does not run here */
static bool hidden[ATTACK_VARIANTS];		/* not asked for: no column */
static bool markdown;
static const char *only;
static const char *no_end;				/* why there is no memory around 4 GiB */

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
	enum attack_ending end = attack_conduct(a, v, &r, &status);
	char kinds[64];

	success = end != ATTACK_REPORTED || r.worked;
	kinds_text(kinds, sizeof(kinds), r.kinds);
	if (end != ATTACK_REPORTED)
		snprintf(text, size, end == ATTACK_HUNG ? "host hangs" : "host dies");
	else if (r.odd)
		snprintf(text, size, "unclear");
	else if (r.worked)
		snprintf(text, size, "**succeeds**%s", r.contained ? " in part" : "");
	else
		snprintf(text, size, none ? "holds%s" : "contained%s", kinds);
	snprintf(fail, fsize, "%s; %u worked, %u contained, %u odd (%s), status %#x", text, r.worked, r.contained, r.odd,
		 r.odd_text, status);
	if (end == ATTACK_REPORTED && r.odd)
		return false;
	if (end == ATTACK_REPORTED && !r.worked && !r.contained)
		return false;
	if (none && a->in_none == WORKS)
		return end == ATTACK_REPORTED ? r.worked && (a->some || !r.contained) : a->may_die;
	return !success;
}

static const char *skipped(const struct attack *a, u32 i)
{
	const struct attack_variant *v = &attack_variants[i];

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
	for (i = 0; i < ATTACK_VARIANTS; i++) {
		if (hidden[i])
			continue;
		skip = skipped(a, i);
		if (skip)
			snprintf(text, sizeof(text), "%s", skip);
		else
			CHECK(judge(a, &attack_variants[i], text, sizeof(text), fail, sizeof(fail)), "%s in %s: %s", a->name,
			      attack_variants[i].name, fail);
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
	for (i = 0; i < ATTACK_VARIANTS; i++)
		if (!hidden[i])
			printf(markdown ? " %s |" : " %-24s", attack_variants[i].name);
	printf(markdown ? "\n|---|" : "\n");
	for (i = 0; markdown && i < ATTACK_VARIANTS; i++)
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
	attack_signals();
	for (i = 0; i < ATTACK_VARIANTS; i++) {
		const char *why = NULL;

		hidden[i] = mode && !strstr(attack_variants[i].name, mode);
		if (hidden[i] || !moat_mode_enforced(attack_variants[i].mode, &why))
			continue;
		missing[i] = why ?: "unknown reason";
		SKIP(attack_variants[i].name, missing[i]);
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
