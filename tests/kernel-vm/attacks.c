/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks, in each mode that is named: in "none" every one must work, in any other none may.  One line each:
 *
 *	ATTACK  BY  MODE  works | refused: what the verifier said | contained: what the kernel said
 */
#include <unistd.h>

#include "../check.h"
#include "attack.h"

static const char *outcome(const struct attempt *a, bool works)
{
	static const char *const names[] = {
		[ATTACK_REFUSED] = "refused", [ATTACK_FAULT] = "contained", [ATTACK_RETURNED] = "contained", [ATTACK_ERROR] = "error",
	};

	return works ? "works" : names[a->end];
}

static void attempt(const struct attack *row, const char *mode, bool user)
{
	struct attempt a = { .user = user, .type = row->type };
	bool works, should = !strcmp(mode, "none");
	const char *why;

	if (!attempt_open(&a))
		return;
	fool(true);
	works = row->works(&a);
	fool(false);
	why = a.why[0] || a.end != ATTACK_RETURNED ? a.why : "it hit only what is its own";
	printf("%-36s %-5s %-8s %s%s%s\n", row->name, user ? "user" : "root", mode, outcome(&a, works), works ? "" : ": ",
	       works ? "" : why);
	CHECK(works == should && a.end != ATTACK_ERROR, "%s, by %s in mode %s: %s: %s", row->name, user ? "a user" : "root",
	      mode, outcome(&a, works), a.why);
	/* a run that is ended early says why */
	if (!works && a.end == ATTACK_FAULT)
		CHECK(a.why[0], "%s in mode %s: the kernel says nothing about the fault", row->name, mode);
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
