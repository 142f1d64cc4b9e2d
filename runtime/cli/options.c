/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Command lines of subcommands. */
#include "cli.h"

void cli_option_reset(void)
{
	optind = 0;
	opterr = 0;
}

/* Say what is wrong with the option that getopt stopped at. */
static int bad_option(const struct cli_args *args, int c, char **argv)
{
	const char *names[32] = { NULL }, *given = argv[optind - 1], *near;
	size_t i;

	if (c == ':')
		return cli_usage(args->command, "option '%s' needs a value", given);
	if (optopt && optopt < OPT_PRETTY && strncmp(given, "--", 2))
		return cli_usage(args->command, "unknown option '-%c'", optopt);
	if (optopt)
		return cli_usage(args->command, "option '%s' takes no value", given);
	for (i = 0; i + 1 < ARRAY_SIZE(names) && args->options[i].name; i++)
		names[i] = args->options[i].name;
	near = strncmp(given, "--", 2) ? NULL : cli_closest(given + 2, names);
	if (near)
		return cli_usage(args->command, "unknown option '%s'; did you mean '--%s'?", given, near);
	return cli_usage(args->command, "unknown option '%s'", given);
}

int cli_option(const struct cli_args *args, int argc, char **argv, int *status)
{
	int c;

	while ((c = getopt_long(argc, argv, args->letters, args->options, NULL)) != -1) {
		switch (c) {
		case OPT_JSON:
			cli.json = true;
			break;
		case OPT_PRETTY:
			cli.json = cli.pretty = true;
			break;
		case OPT_DEBUG:
			cli.debug = true;
			break;
		case OPT_HELP:
			fputs(args->help, stdout);
			*status = CLI_OK;
			return '?';
		case '?':
		case ':':
			*status = bad_option(args, c, argv);
			return '?';
		default:
			return c;
		}
	}
	return -1;
}

bool cli_number(const char *text, u64 max, u64 *value)
{
	char *end;

	/* strtoull() takes "-1" and leading space: those are no numbers here. */
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return !errno && !*end && *value <= max;
}

int cli_mode(const char *command, const char *text, enum moat_mode *mode)
{
	char names[128] = "auto";
	size_t len = strlen(names);
	int m;

	if (!strcmp(text, "auto")) {
		*mode = MOAT_MODE_AUTO;
		return CLI_OK;
	}
	if (!moat_mode_parse(text, mode))
		return CLI_OK;
	for (m = MOAT_MODE_NONE; m < MOAT_NR_MODES; m++)
		len += snprintf(names + len, sizeof(names) - len, ", %s", moat_mode_name(m));
	return cli_usage(command, "unknown isolation mode '%s'; there are: %s", text, names);
}

/* The gate modes have a name on each architecture; code may be for the other one. */
static const struct {
	enum moat_mode mode;
	const char *x86, *arm64;
} gate_modes[] = {
	{ MOAT_MODE_PKU, "pku", "poe" },
	{ MOAT_MODE_PKU_BASEREG, "pku+basereg", "poe+basereg" },
};

int cli_mode_either(const char *command, const char *text, enum moat_mode *mode)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(gate_modes); i++) {
		if (strcmp(text, gate_modes[i].x86) && strcmp(text, gate_modes[i].arm64))
			continue;
		*mode = gate_modes[i].mode;
		return CLI_OK;
	}
	return cli_mode(command, text, mode);
}

const char *cli_mode_name(const char *arch, enum moat_mode mode)
{
	size_t i;

	for (i = 0; arch && i < ARRAY_SIZE(gate_modes); i++)
		if (gate_modes[i].mode == mode)
			return strcmp(arch, "arm64") ? gate_modes[i].x86 : gate_modes[i].arm64;
	return moat_mode_name(mode);
}

int cli_base_form(const char *command, const char *text, u8 *form)
{
	if (!strcmp(text, "register"))
		*form = MOAT_BASE_REGISTER;
	else if (!strcmp(text, "segment"))
		*form = MOAT_BASE_SEGMENT;
	else
		return cli_usage(command, "unknown base form '%s'; there are: register, segment", text);
	return CLI_OK;
}
