/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks from history: runs every row in every variant, and keeps docs/attacks.md true.
 *
 *	history [--only CVE] [--update] [FILE]
 *
 * FILE (docs/attacks.md) must say what the run found, in the columns of the
 * variants that run here; --update writes it anew.  Columns of variants that
 * this machine cannot enforce stay as they are: they are checked where it can.
 */
#include <getopt.h>

#include "check.h"
#include "history.h"

#define CELL	96

const struct history *history_now;

static const struct section {
	const char *title;
	const struct history *row;
	const u32 *nr;
} sections[] = {
	{ "Bounds and types that a verifier got wrong", history_bounds, &nr_history_bounds },
	{ "Helpers: arguments and promises", history_calls, &nr_history_calls },
	{ "Tail calls, packets, addresses", history_flow, &nr_history_flow },
	{ "Maps", history_maps, &nr_history_maps },
	{ "JIT compilers", history_jit, &nr_history_jit },
	{ "Transient execution", history_transient, &nr_history_transient },
};

/* Columns of the table: those of x86, which all other architectures have a part of. */
static const char *const columns[] = {
	"none", "basereg/register", "basereg/segment", "pku", "pku+basereg/register", "pku+basereg/segment",
};

static const char *missing[ATTACK_VARIANTS];	/* why a variant does not run here */
static const char *only;
static char *old;				/* the table as it was; NULL: there is none */
static FILE *table;

/* Cells --------------------------------------------------------------------- */

/* "cage 20, 22; audit 5": what ended runs, and at which BPF instructions. */
static void put_places(char *text, size_t size, const struct attack_result *r)
{
	size_t n = 0;
	u32 kind, i;

	for (kind = 0; kind < MOAT_NR_FAULTS; kind++) {
		bool first = true;

		for (i = 0; i < r->nr_place; i++) {
			if (r->place[i].kind != kind || n >= size)
				continue;
			if (first)
				n += (size_t)snprintf(text + n, size - n, "%s%s", n ? "; " : "", moat_fault_name(kind));
			if (n < size)
				n += (size_t)snprintf(text + n, size - n, "%s %u", first ? "" : ",", r->place[i].insn);
			first = false;
		}
	}
}

static void describe(char *text, bool none, enum attack_ending end, const struct attack_result *r)
{
	if (end != ATTACK_REPORTED)
		snprintf(text, CELL, "**escapes**: host %s", end == ATTACK_HUNG ? "hangs" : "dies");
	else if (r->odd)
		snprintf(text, CELL, "unclear");
	else if (r->worked)
		snprintf(text, CELL, "**escapes**%s", r->contained ? " in part" : "");
	else if (r->text[0])
		snprintf(text, CELL, "%s", r->text);
	else if (r->nr_place)
		put_places(text, CELL, r);
	else
		snprintf(text, CELL, none ? "holds" : "contained");
}

/* Try a row in a variant; says in @text what happened and fails if that must not be. */
static void try(const struct history *h, const struct attack_variant *v, char text[CELL])
{
	struct attack a = h->attack;
	struct attack_result r = { 0 };
	bool none = v->mode == MOAT_MODE_NONE, escaped, good;
	enum attack_ending end;
	int status = 0;

	a.name = h->cve;
	history_now = h;
	end = attack_conduct(&a, v, &r, &status);
	describe(text, none, end, &r);
	escaped = end != ATTACK_REPORTED || r.worked;
	good = end != ATTACK_REPORTED || (!r.odd && r.worked + r.contained);
	if (none && a.in_none == WORKS)
		good = good && escaped && (end == ATTACK_REPORTED ? a.some || !r.contained : a.may_die);
	else
		good = good && !escaped;
	CHECK(good, "%s in %s: %s; %u worked, %u contained, %u odd (%s), status %#x", h->cve, v->name, text, r.worked,
	      r.contained, r.odd, r.odd_text, status);
}

/* The table ----------------------------------------------------------------- */

/* What the table said in column @column of the row of @cve. */
static void old_cell(const char *cve, u32 column, char text[CELL])
{
	char start[64];
	const char *at;
	u32 i;

	snprintf(text, CELL, "not run yet");
	snprintf(start, sizeof(start), "\n| %s |", cve);
	at = old ? strstr(old, start) : NULL;
	/* behind the CVE: what, stopped by, then the columns */
	for (i = 0; at && i < column + 3; i++)
		at = strchr(at + 2, '|');
	if (at && strcspn(at + 2, "|\n") < CELL)
		snprintf(text, CELL, "%.*s", (int)strcspn(at + 2, "|\n") - 1, at + 2);
}

/* The variant of this architecture that a column is about; -1: there is none. */
static int variant_of(u32 column)
{
	u32 i;

	for (i = 0; i < ATTACK_VARIANTS; i++)
		if (!strcmp(attack_variants[i].name, columns[column]))
			return i;
	return -1;
}

/* A sanitizer ends the host at the first wrong step of an attack that would have gone on: an escape is an escape. */
static void same_escape(const char *cve, u32 column, char text[CELL])
{
#ifdef __SANITIZE_ADDRESS__
	static const char escape[] = "**escapes**";
	char before[CELL];

	old_cell(cve, column, before);
	if (!strncmp(text, escape, strlen(escape)) && !strncmp(before, escape, strlen(escape)))
		strcpy(text, before);
#endif
}

static void run_row(const struct history *h)
{
	char text[CELL];
	u32 i;

	fprintf(table, "| %s | %s | %s%s |", h->cve, h->what, h->absent ? "*not here:* " : "",
		h->absent ?: h->stop ?: "the bounds of the domain's memory");
	printf("%-16s", h->cve);
	for (i = 0; i < ARRAY_SIZE(columns); i++) {
		int v = variant_of(i);

		if (h->absent)
			snprintf(text, CELL, "-");
		else if (v < 0 || missing[v])
			old_cell(h->cve, i, text);
		else if (h->attack.in_none == MEANINGLESS && attack_variants[v].mode == MOAT_MODE_NONE)
			snprintf(text, CELL, "-");
		else
			try(h, &attack_variants[v], text);
		same_escape(h->cve, i, text);
		fprintf(table, " %s |", text);
		printf(" %s |", v < 0 || missing[v] ? "" : text);
		fflush(stdout);
	}
	fprintf(table, "\n");
	printf("\n");
}

static void put_head(void)
{
	fprintf(table,
"# Attacks from history\n\n"
"Published defects of BPF implementations, and what becomes of each here. There is no verifier to fool in user\n"
"space: the programs do what a fooled one let pass, with the arithmetic that fooled it. In `none`, where nothing\n"
"protects the host, a memory attack must escape, or it would show nothing; in every other mode none may.\n\n"
"`tests/history.c` writes this page (`make attacks-table`) and fails when it is not what a run finds. A cell says\n"
"what ended the attacker's runs, and at which BPF instructions: `cage` is memory outside the cage, `key` a page\n"
"with another protection key, `audit` an argument of a helper. *holds*: nothing came of it, and the third column\n"
"says why that is so without protection too. *refused*: it does not get as far as running. *right*: results are those of RFC 9669.\n\n"
"In the kernel there is a verifier, and what was wrong is put back into it: [attacks-kernel.md](attacks-kernel.md).\n");
}

static void run_section(const struct section *s)
{
	u32 i;

	fprintf(table, "\n## %s\n\n| | what was wrong there | stopped here by |", s->title);
	for (i = 0; i < ARRAY_SIZE(columns); i++)
		fprintf(table, " %s |", columns[i]);
	fprintf(table, "\n|---|---|---|");
	for (i = 0; i < ARRAY_SIZE(columns); i++)
		fprintf(table, "---|");
	fprintf(table, "\n");
	for (i = 0; i < *s->nr; i++)
		if (!only || strstr(s->row[i].cve, only))
			run_row(&s->row[i]);
}

/* Files ----------------------------------------------------------------------- */

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	if (!f)
		return NULL;
	if (getdelim(&text, &room, '\0', f) < 0) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

/* The first line in which the table and the run differ is the one to tell of. */
static void compare(const char *path, const char *new)
{
	size_t i = 0, line = 1, start = 0;

	if (!CHECK(old, "%s cannot be read: %s", path, strerror(errno)))
		return;
	for (; new[i] && new[i] == old[i]; i++) {
		if (new[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	CHECK(new[i] == old[i], "%s:%zu is not what was found (make attacks-table writes it anew)\n  says:  %.*s\n  found: %.*s",
	      path, line, (int)strcspn(old + start, "\n"), old + start, (int)strcspn(new + start, "\n"), new + start);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	bool good = f && fputs(text, f) >= 0;

	good = f && !fclose(f) && good;
	CHECK(good, "%s: %s", path, strerror(errno));
}

static bool parse(int argc, char **argv, bool *update)
{
	static const struct option options[] = {
		{ "only", required_argument, NULL, 'o' }, { "update", no_argument, NULL, 'u' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'o')
			only = optarg;
		else if (c == 'u')
			*update = true;
		else
			return false;
	}
	return optind + 1 >= argc && !(only && *update);
}

int main(int argc, char **argv)
{
	const char *path;
	bool update = false;
	char *new = NULL;
	size_t bytes;
	u32 i;

	if (!parse(argc, argv, &update)) {
		fprintf(stderr, "usage: history [--only CVE | --update] [FILE]\n");
		return 2;
	}
	path = optind < argc ? argv[optind] : "docs/attacks.md";
	attack_signals();
	for (i = 0; i < ATTACK_VARIANTS; i++) {
		const char *why = NULL;

		if (!moat_mode_enforced(attack_variants[i].mode, &why))
			continue;
		missing[i] = why ?: "unknown reason";
		SKIP(attack_variants[i].name, missing[i]);
	}
	old = read_file(path);
	table = open_memstream(&new, &bytes);
	put_head();
	for (i = 0; i < ARRAY_SIZE(sections); i++)
		run_section(&sections[i]);
	fclose(table);
	if (update)
		write_file(path, new);
	else if (!only)
		compare(path, new);
	free(new);
	free(old);
	return check_done();
}
