/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks by published defects, each put back for itself, in each mode that is named: in modes without isolation every one
 * must work, in others none may.  Before that the same program is tried without the defect, and nothing may come of it.
 *
 * Ends with a table: defect, what was wrong, what is done by it, and what became of it without it and in each mode.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "history.h"

#define MAX_ROWS	32
#define MAX_MODES	4

/* What a row has for the table: what became of the program where all is right, and then in each mode. */
static const struct history *rows[MAX_ROWS];
static char cells[MAX_ROWS][1 + MAX_MODES][32];
static u32 nr_rows;

static bool isolates(const char *mode)
{
	return !strcmp(mode, "basereg");
}

static bool put_back(const char *bug)
{
	int fd = open("/sys/kernel/debug/moat/bug", O_WRONLY);
	bool ok = fd >= 0 && write(fd, bug, strlen(bug)) == (ssize_t)strlen(bug);

	if (fd >= 0)
		close(fd);
	return ok;
}

void history_feed(struct attempt *a, u32 i, u64 number)
{
	u64 value[VALUE_WORDS];
	u32 zero = 0;

	attack_value(a->own, value);
	value[FED(i) / 8] = number;
	bpf_map_update_elem(a->own, &zero, value, BPF_ANY);
}

/* Faults of the isolated programs that there are: only those of a test are. */
static u64 count_faults(void)
{
	FILE *f = fopen("/sys/kernel/debug/moat/domains", "r");
	unsigned long long faults, sum = 0;
	char line[256], name[32];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %*u %*u %*u %*u %*u %llu", name, &faults) == 2 && !strcmp(name, "moat_test"))
			sum += faults;
	if (f)
		fclose(f);
	return sum;
}

/* Ends and how they are called. */
static enum history_end end_of(const struct attempt *a)
{
	return a->end == ATTACK_REFUSED ? HISTORY_REFUSED : a->end == ATTACK_RETURNED ? HISTORY_HARMLESS : HISTORY_STOPPED;
}

static const char *const end_name[] = {
	[HISTORY_REFUSED] = "refused", [HISTORY_STOPPED] = "stopped", [HISTORY_HARMLESS] = "harmless",
};

/* One try of @row; true: it works.  What else became of it in *@a. */
static bool try(const struct history *row, const char *bug, struct attempt *a, u64 *faults)
{
	bool works;

	*a = (struct attempt) { .user = !row->needs, .type = row->type };
	if (!attempt_open(a) || !CHECK(put_back(bug), "the kernel has no defect %s to put back", bug))
		return false;
	works = row->works(a);
	put_back("none");
	*faults = count_faults();
	attempt_close(a);
	return works;
}

static void tell(const struct history *row, const char *mode, const char *where, const struct attempt *a, bool works)
{
	printf("%-10s %-8s %-8s %s%s%s\n", row->cve, mode, where, works ? "works" : end_name[end_of(a)],
	       !works && a->why[0] ? ": " : "", works ? "" : a->why);
}

/* Without the defect. */
static void try_fixed(const struct history *row, const char *mode, char *cell)
{
	struct attempt a;
	u64 faults;
	bool works = try(row, "none", &a, &faults);

	tell(row, mode, "fixed", &a, works);
	strcpy(cell, works ? "WORKS" : end_name[end_of(&a)]);
	CHECK(!works && a.end != ATTACK_ERROR && (end_of(&a) == row->fixed || a.end == ATTACK_REFUSED),
	      "CVE-%s in mode %s without the defect: %s, not %s: %s", row->cve, mode, works ? "works" : end_name[end_of(&a)],
	      end_name[row->fixed], a.why);
}

/* With the defect, in a mode that isolates programs or does not. */
static void try_broken(const struct history *row, const char *mode, bool isolated, char *cell)
{
	struct attempt a;
	u64 faults;
	bool works = try(row, row->cve, &a, &faults);

	tell(row, mode, "defect", &a, works);
	strcpy(cell, works ? "works" : end_name[end_of(&a)]);
	CHECK(works != isolated && a.end != ATTACK_ERROR, "CVE-%s in mode %s: %s: %s", row->cve, mode, cell, a.why);
	if (!isolated || works)
		return;
	CHECK(end_of(&a) == row->isolated, "CVE-%s in mode %s: %s, not %s: %s", row->cve, mode, cell, end_name[row->isolated],
	      a.why);
	/* a run that is ended early says why, and is counted */
	if (row->isolated == HISTORY_STOPPED)
		CHECK(faults && a.why[0], "CVE-%s in mode %s: %llu faults counted, the kernel says '%s'", row->cve, mode,
		      (unsigned long long)faults, a.why);
}

/* From row @n of the table on; which row is next. */
static u32 try_all(const struct history *row, u32 n, const char *mode, u32 column)
{
	for (; row->cve && n < MAX_ROWS; row++, n++) {
		rows[n] = row;
		try_fixed(row, mode, cells[n][0]);
		try_broken(row, mode, isolates(mode), cells[n][1 + column]);
	}
	return n;
}

static void print_table(char **modes, u32 n)
{
	bool isolated = false;
	u32 i, m;

	printf("\n%-16s %-46s %-42s %-22s %-9s", "defect", "what was wrong", "what it does", "by", "fixed");
	for (m = 0; m < n; m++) {
		printf(" %-9s", modes[m]);
		isolated = isolated || isolates(modes[m]);
	}
	printf("\n");
	for (i = 0; i < nr_rows; i++) {
		printf("CVE-%-12s %-46s %-42s %-22s", rows[i]->cve, rows[i]->what, rows[i]->harm,
		       rows[i]->needs ? rows[i]->needs : "any user");
		for (m = 0; m <= n; m++)
			printf(" %-9s", cells[i][m]);
		printf(" %s\n", isolated && rows[i]->because ? rows[i]->because : "");
	}
	printf("\n");
}

int main(int argc, char **argv)
{
	long unprivileged = sys_read_number("kernel/unprivileged_bpf_disabled");
	u32 n = (u32)argc - 1, i;
	char was[16];

	if (argc < 2 || n > MAX_MODES) {
		fprintf(stderr, "usage: %s MODE...\n", argv[0]);
		return 2;
	}
	if (!CHECK(put_back("none"), "no defect can be put back into this kernel: no CONFIG_BPF_MOAT_WRONG_VERIFIER"))
		return check_done();
	sys_pin();
	sys_read("net/core/bpf_moat", was, sizeof(was));
	sys_write("kernel/unprivileged_bpf_disabled", "0");
	for (i = 0; i < n; i++) {
		if (!CHECK(!sys_write("net/core/bpf_moat", argv[1 + i]), "there is no mode %s", argv[1 + i]))
			continue;
		nr_rows = try_all(history_scalars, 0, argv[1 + i], i);
		nr_rows = try_all(history_objects, nr_rows, argv[1 + i], i);
	}
	print_table(argv + 1, n);
	sys_write("net/core/bpf_moat", was);
	if (unprivileged > 0)
		sys_write("kernel/unprivileged_bpf_disabled", "2");
	return check_done();
}
