/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Options of `moat run`. */
#include "cli.h"

static const char help[] =
	"Usage: moat run OBJECT [-p PROGRAM] [--data FILE | --pcap FILE] [OPTIONS]\n\n"
	"Load a BPF object file and run one of its programs.\n\n"
	"Options:\n"
	"  -p, --program NAME    the program; needed if the object has several\n"
	"      --data FILE       input: a packet for XDP, tc and socket filters, else a\n"
	"                        buffer (R1 its address, R2 its length); '-' is stdin\n"
	"      --pcap FILE       run over every packet of a capture and count verdicts\n"
	"      --ctx FILE        context: a struct xdp_md or __sk_buff for packet programs,\n"
	"                        the flat context of other types\n"
	"      --data-out FILE   write the data as the program left it ('-': stdout, with\n"
	"                        the result on stderr); with --pcap a capture\n"
	"      --ctx-out FILE    write the context as the program left it\n"
	"      --repeat N        run N times, with data and context laid anew each time\n"
	"      --isolation MODE  none, basereg, pku, pku+basereg or auto (the default):\n"
	"                        the strongest mode that is enforced here, told on stderr\n"
	"      --base FORM       base register form: register or segment (default: chosen)\n"
	"      --fuel N          end the run after about N instructions in loops\n"
	"      --unmetered       let loops run as long as they want: for verified programs\n"
	"      --blind           hide the program's constants from its code\n"
	"      --map NAME:KEY=VALUE   set a map element before the run; may be repeated.\n"
	"                        KEY and VALUE are hex bytes; arrays: KEY is an index;\n"
	"                        program arrays: VALUE is a program's name; per-CPU maps:\n"
	"                        every CPU gets VALUE\n"
	"      --maps            print the contents of the maps after the run\n"
	"  -j, --json            print JSON\n"
	"      --pretty          print JSON, indented\n"
	"      --debug           show the library's messages\n"
	"  -h, --help            this text\n\n"
	"Exit status: 0; 1 if the program was ended by a violation or could not be run;\n"
	"2 for a wrong command line.\n\n"
	"Example:\n"
	"  moat run firewall.bpf.o --pcap traffic.pcap --maps\n";

enum {
	OPT_DATA = OPT_OWN, OPT_PCAP, OPT_CTX, OPT_DATA_OUT, OPT_CTX_OUT, OPT_REPEAT,
	OPT_ISOLATION, OPT_BASE, OPT_FUEL, OPT_UNMETERED, OPT_BLIND, OPT_MAP, OPT_MAPS,
};

static const struct option options[] = {
	{ "program", required_argument, NULL, 'p' },
	{ "data", required_argument, NULL, OPT_DATA },
	{ "pcap", required_argument, NULL, OPT_PCAP },
	{ "ctx", required_argument, NULL, OPT_CTX },
	{ "data-out", required_argument, NULL, OPT_DATA_OUT },
	{ "ctx-out", required_argument, NULL, OPT_CTX_OUT },
	{ "repeat", required_argument, NULL, OPT_REPEAT },
	{ "isolation", required_argument, NULL, OPT_ISOLATION },
	{ "base", required_argument, NULL, OPT_BASE },
	{ "fuel", required_argument, NULL, OPT_FUEL },
	{ "unmetered", no_argument, NULL, OPT_UNMETERED },
	{ "blind", no_argument, NULL, OPT_BLIND },
	{ "map", required_argument, NULL, OPT_MAP },
	{ "maps", no_argument, NULL, OPT_MAPS },
	CLI_COMMON_OPTIONS,
	{ NULL, 0, NULL, 0 },
};

static int set_number(const char *name, u64 max, u64 *value)
{
	if (cli_number(optarg, max, value) && *value)
		return CLI_OK;
	return cli_usage("run", "option '--%s' wants a number from 1 to %llu, got '%s'",
			 name, (unsigned long long)max, optarg);
}

static int set_repeat(struct run_args *run)
{
	u64 n = 1;
	int status = set_number("repeat", UINT32_MAX, &n);

	run->repeat = n;
	return status;
}

static int set_fill(struct run_args *run)
{
	if (run->nr_fill == CLI_MAX_FILLS)
		return cli_usage("run", "more than %u --map options", CLI_MAX_FILLS);
	run->fill[run->nr_fill++] = optarg;
	return CLI_OK;
}

/* One option that is run's own. */
static int set_option(struct run_args *run, int c)
{
	switch (c) {
	case 'p':
		run->program = optarg;
		return CLI_OK;
	case OPT_DATA:
		run->data = optarg;
		return CLI_OK;
	case OPT_PCAP:
		run->pcap = optarg;
		return CLI_OK;
	case OPT_CTX:
		run->ctx = optarg;
		return CLI_OK;
	case OPT_DATA_OUT:
		run->data_out = optarg;
		return CLI_OK;
	case OPT_CTX_OUT:
		run->ctx_out = optarg;
		return CLI_OK;
	case OPT_REPEAT:
		return set_repeat(run);
	case OPT_ISOLATION:
		return cli_mode("run", optarg, &run->mode);
	case OPT_BASE:
		return cli_base_form("run", optarg, &run->form);
	case OPT_FUEL:
		return set_number("fuel", UINT64_MAX, &run->fuel);
	case OPT_UNMETERED:
		run->unmetered = true;
		return CLI_OK;
	case OPT_BLIND:
		run->blind = true;
		return CLI_OK;
	case OPT_MAP:
		return set_fill(run);
	default:
		run->maps = true;
		return CLI_OK;
	}
}

/* Options that exclude each other. */
static int check_options(const struct run_args *run)
{
	bool out = cli_is_stdout(run->data_out) || cli_is_stdout(run->ctx_out);

	if (run->data && run->pcap)
		return cli_usage("run", "--data and --pcap exclude each other");
	if (run->fuel && run->unmetered)
		return cli_usage("run", "--fuel and --unmetered exclude each other");
	if (run->pcap && (run->ctx || run->ctx_out))
		return cli_usage("run", "--ctx and --ctx-out are for a single run, not for --pcap");
	if (out && (cli.json || run->maps || run->pcap || (cli_is_stdout(run->data_out) && cli_is_stdout(run->ctx_out))))
		return cli_usage("run", "standard output can take one thing: an output, JSON, maps or the table of --pcap");
	return CLI_OK;
}

int cli_run_parse(struct run_args *run, int argc, char **argv, bool *over)
{
	static const struct cli_args args = { "run", help, ":jhp:", options };
	int status, c;

	*over = true;
	while ((c = cli_option(&args, argc, argv, &status)) != -1) {
		if (c == '?')
			return status;
		status = set_option(run, c);
		if (status)
			return status;
	}
	if (optind == argc)
		return cli_usage("run", "which object file?");
	if (optind + 1 < argc)
		return cli_usage("run", "one object file, please; '%s' is left over", argv[optind + 1]);
	if (check_options(run))
		return CLI_USAGE;
	run->object = argv[optind];
	*over = false;
	return CLI_OK;
}
