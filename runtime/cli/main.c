/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command `moat`: subcommands, global options, help. */
#include <bpf/libbpf.h>
#include <capstone/capstone.h>
#include "cli.h"

struct cli cli;

static const struct command commands[] = {
	{ "run", cmd_run, "run a program of an object file, over data or a capture" },
	{ "dump", cmd_dump, "show the machine code or the instructions of programs" },
	{ "verify", cmd_verify, "prove of machine code that it confines itself" },
	{ "features", cmd_features, "show what this machine can enforce, and why not the rest" },
	{ "exec", cmd_exec, "run raw instructions given in hex and print R0" },
	{ "help", cmd_help, "this text, or the help of a command" },
};

static void print_help(void)
{
	size_t i;

	printf("Usage: moat [-j|--json] [-p|--pretty] [--debug] COMMAND [OPTIONS]\n"
	       "       moat --version | --help\n\n"
	       "Run BPF programs in this process, confined.\n\nCommands:\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].summary);
	printf("\n'moat COMMAND --help' tells more about each.  See also moat(1).\n");
}

static void print_version(void)
{
	int major, minor;
	json_object *o;

	cs_version(&major, &minor);
	if (!cli.json) {
		printf("moat v%s\nusing libbpf %s, capstone v%d.%d\n",
		       moat_version(), libbpf_version_string(), major, minor);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "version", json_object_new_string(moat_version()));
	json_object_object_add(o, "libbpf_version", json_object_new_string(libbpf_version_string()));
	json_object_object_add(o, "capstone_major", json_object_new_int(major));
	json_object_object_add(o, "capstone_minor", json_object_new_int(minor));
	cli_json(o);
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *names[ARRAY_SIZE(commands) + 1] = { NULL };
	const char *near;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		names[i] = commands[i].name;
	near = cli_closest(name, names);
	if (near)
		return cli_usage(NULL, "unknown command '%s'; did you mean '%s'?", name, near);
	return cli_usage(NULL, "unknown command '%s'", name);
}

int cmd_help(int argc, char **argv)
{
	char *help[] = { argc > 1 ? argv[1] : NULL, "--help", NULL };
	const struct command *cmd;

	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help();
		return CLI_OK;
	}
	cmd = find_command(argv[1]);
	if (!cmd)
		return unknown_command(argv[1]);
	return cmd->fn(2, help);
}

/* Output that could not be written (full disk, closed pipe) is a failure too. */
static int finish(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "moat: cannot write the output: %s\n", strerror(errno));
		return status ? status : CLI_FAILED;
	}
	return status;
}

static int run_command(int argc, char **argv)
{
	const struct command *cmd;

	if (!argc) {
		print_help();
		return CLI_USAGE;
	}
	cmd = find_command(argv[0]);
	if (!cmd)
		return unknown_command(argv[0]);
	cli_option_reset();
	return cmd->fn(argc, argv);
}

/* Global options; false: the command is over, with its exit status in *@status. */
static bool parse_global(int argc, char **argv, int *status)
{
	static const struct option options[] = {
		{ "version", no_argument, NULL, 'V' },
		CLI_COMMON_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	bool version = false;
	int c;

	opterr = 0;
	*status = CLI_OK;
	while ((c = getopt_long(argc, argv, "+jphVd", options, NULL)) != -1) {
		if (c == OPT_HELP) {
			print_help();
			return false;
		}
		if (c == '?') {
			*status = cli_usage(NULL, "unknown option '%s'", argv[optind - 1]);
			return false;
		}
		version |= c == 'V';
		cli.json |= c == OPT_JSON || c == 'p' || c == OPT_PRETTY;
		cli.pretty |= c == 'p' || c == OPT_PRETTY;
		cli.debug |= c == 'd' || c == OPT_DEBUG;
	}
	if (version)
		print_version();
	return !version;
}

int main(int argc, char **argv)
{
	int status;

	cli_messages();
	if (parse_global(argc, argv, &status))
		status = run_command(argc - optind, argv + optind);
	return finish(status);
}
