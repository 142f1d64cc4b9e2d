/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks, in each mode that is named: in "none" every one must work, in any other each must end as its row says.  One
 * line each, from which docs/attacks-kernel.md has its table:
 *
 *	ATTACK  BY  MODE  works | stopped: what the kernel said | refused: what Moat said | harmless: why
 */
#include <unistd.h>

#include "../check.h"
#include "attack.h"

static const char *const end_name[] = {
	[ATTACK_REFUSED] = "refused", [ATTACK_FAULT] = "stopped",
	[ATTACK_RETURNED] = "harmless", [ATTACK_ERROR] = "error",
};

/* Runs that ended by faults since the kernel was booted. */
static u64 count_faults(void)
{
	FILE *f = fopen("/sys/kernel/debug/moat/stats", "r");
	unsigned long long n = 0;
	bool found = false;
	char line[256];

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "runs: %llu ended by faults", &n) == 1;
	if (f)
		fclose(f);
	if (!found)
		CHECK(false, "the kernel does not tell how many runs faulted");
	return n;
}

/* An isolated program came to the end that is its row's: Moat did that, for the row's reason, and says so. */
static void check_end(const struct attack *row, const struct attempt *a, u64 faults)
{
	/* a refusal that does not begin so is the verifier's own, which is meant to believe everything */
	static const char *const begin[] = {
		[ATTACK_REFUSED] = "moat: insn ", [ATTACK_FAULT] = "program 'moat_test' ended at instruction ",
	};
	const char *who = a->user ? "a user" : "root";

	if (!CHECK(a->end == row->isolated, "%s, by %s: %s, not %s: %s", row->name, who, end_name[a->end],
		   end_name[row->isolated], a->why))
		return;
	CHECK(!faults == (a->end != ATTACK_FAULT), "%s, by %s: %s, and %llu faults counted", row->name, who,
	      end_name[a->end], (unsigned long long)faults);
	if (a->end == ATTACK_RETURNED)
		CHECK(!a->why[0], "%s, by %s: nothing should have been stopped: %s", row->name, who, a->why);
	else
		CHECK(!strncmp(a->why, begin[a->end], strlen(begin[a->end])) && strstr(a->why, row->says),
		      "%s, by %s: %s, but not for '%s': '%s'", row->name, who, end_name[a->end], row->says, a->why);
}

static void attempt(const struct attack *row, const char *mode, bool user)
{
	struct attempt a = { .user = user, .type = row->type };
	bool works, should = !strcmp(mode, "none");
	const char *who = user ? "user" : "root", *why;
	u64 faults = count_faults();

	if (!attempt_open(&a))
		return;
	fool(true);
	works = row->works(&a);
	fool(false);
	why = !a.why[0] && a.end == row->isolated ? row->says : a.why;
	printf("%-36s %-5s %-8s %s%s%s\n", row->name, who, mode, works ? "works" : end_name[a.end], works ? "" : ": ",
	       works ? "" : why);
	if (CHECK(works == should && a.end != ATTACK_ERROR, "%s, by %s in mode %s: %s: %s", row->name, who, mode,
		  works ? "works" : end_name[a.end], a.why) && !should)
		check_end(row, &a, count_faults() - faults);
	attempt_close(&a);
}

static void attempt_all(const struct attack *row, const char *mode)
{
	for (; row->name; row++) {
		attempt(row, mode, false);
		if (row->user)
			attempt(row, mode, true);
	}
}

int main(int argc, char **argv)
{
	long unprivileged = sys_read_number("kernel/unprivileged_bpf_disabled");
	char was[16];
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: %s MODE...\n", argv[0]);
		return 2;
	}
	if (!CHECK(fool(false), "this kernel's verifier cannot be fooled: no CONFIG_BPF_MOAT_WRONG_VERIFIER"))
		return check_done();
	sys_pin();
	sys_read("net/core/bpf_moat", was, sizeof(was));
	sys_write("kernel/unprivileged_bpf_disabled", "0");
	for (i = 1; i < argc; i++) {
		if (!CHECK(!sys_write("net/core/bpf_moat", argv[i]), "there is no mode %s", argv[i]))
			continue;
		attempt_all(attacks_on_memory, argv[i]);
		attempt_all(attacks_on_stack, argv[i]);
		attempt_all(attacks_on_calls, argv[i]);
		attempt_all(attacks_on_maps, argv[i]);
	}
	sys_write("net/core/bpf_moat", was);
	if (unprivileged > 0)
		sys_write("kernel/unprivileged_bpf_disabled", "2");
	return check_done();
}
