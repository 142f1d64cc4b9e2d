/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `moat features`: what this machine can enforce. */
#include "cli.h"

static const char help[] =
	"Usage: moat features [OPTIONS]\n\n"
	"Show which isolation modes are enforced on this machine.  A mode counts only\n"
	"after a probe run in it made an access that must fault, and it did.\n\n"
	"Options:\n"
	"  -j, --json         print JSON\n"
	"      --pretty       print JSON, indented\n"
	"      --debug        show the library's messages\n"
	"  -h, --help         this text\n";

static void add(json_object *o, const char *name, json_object *value)
{
	json_object_object_add(o, name, value);
}

static json_object *json_row(const char *name, const char *is, bool yes, const char *why)
{
	json_object *o = json_object_new_object();

	add(o, "name", json_object_new_string(name));
	add(o, is, json_object_new_boolean(yes));
	add(o, yes ? "detail" : "reason", why ? json_object_new_string(why) : NULL);
	return o;
}

/*
 * The library's table ends with a row for each mode, which says how the mode
 * was proved.  One name ("pku") is a mode's and the CPU's: the last row counts.
 */
static const struct moat_feature *mode_row(const struct moat_feature *f, size_t n, int mode)
{
	while (n--)
		if (!strcmp(f[n].name, moat_mode_name(mode)))
			return &f[n];
	return NULL;
}

static bool is_mode_row(const struct moat_feature *f, size_t n, size_t i)
{
	int m;

	for (m = MOAT_MODE_NONE; m < MOAT_NR_MODES; m++)
		if (mode_row(f, n, m) == &f[i])
			return true;
	return false;
}

/* Is the mode enforced, and how or why not. */
static bool mode_state(const struct moat_feature *f, size_t n, int mode, const char **why)
{
	const struct moat_feature *row = mode_row(f, n, mode);

	*why = NULL;
	if (moat_mode_enforced(mode, why)) {
		if (!*why)
			*why = "not available";
		return false;
	}
	*why = row && row->detail ? row->detail : "";
	if (!strncmp(*why, "enforced: ", strlen("enforced: ")))
		*why += strlen("enforced: ");
	return true;
}

static void print_json(void)
{
	json_object *o = json_object_new_object(), *modes = json_object_new_array();
	json_object *list = json_object_new_array();
	const struct moat_feature *f;
	size_t n = moat_features(&f), i;
	const char *why;
	bool yes;
	int m;

	for (m = MOAT_MODE_NONE; m < MOAT_NR_MODES; m++) {
		yes = mode_state(f, n, m, &why);
		json_object_array_add(modes, json_row(moat_mode_name(m), "enforced", yes, why));
	}
	for (i = 0; i < n; i++)
		if (!is_mode_row(f, n, i))
			json_object_array_add(list, json_row(f[i].name, "present", f[i].present, f[i].detail));
	add(o, "version", json_object_new_string(moat_version()));
	add(o, "auto", json_object_new_string(moat_mode_name(moat_mode_best())));
	add(o, "modes", modes);
	add(o, "features", list);
	add(o, "cpus", json_object_new_int(moat_num_possible_cpus()));
	cli_json(o);
}

static void print_text(void)
{
	const struct moat_feature *f;
	size_t n = moat_features(&f), i;
	const char *why;
	bool yes;
	int m;

	printf("Isolation modes:\n");
	for (m = MOAT_MODE_NONE; m < MOAT_NR_MODES; m++) {
		yes = mode_state(f, n, m, &why);
		printf("  %-14s %-14s %s\n", moat_mode_name(m),
		       m == MOAT_MODE_NONE ? (yes ? "available" : "not available") :
		       yes ? "enforced" : "not enforced", why);
	}
	printf("  %-14s %s\n\nMachine:\n", "auto", moat_mode_name(moat_mode_best()));
	for (i = 0; i < n; i++)
		if (!is_mode_row(f, n, i))
			printf("  %-14s %-14s %s\n", f[i].name, f[i].present ? "yes" : "no",
			       f[i].detail ? f[i].detail : "");
}

int cmd_features(int argc, char **argv)
{
	static const struct option options[] = { CLI_COMMON_OPTIONS, { NULL, 0, NULL, 0 } };
	static const struct cli_args args = { "features", help, ":jh", options };
	int status;

	if (cli_option(&args, argc, argv, &status) != -1)
		return status;
	if (optind < argc)
		return cli_usage("features", "takes no argument, got '%s'", argv[optind]);
	if (cli.json)
		print_json();
	else
		print_text();
	return CLI_OK;
}
