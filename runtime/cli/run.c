/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `moat run`: one program over one input, or over a capture (pcap.c). */
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
	"      --data-out FILE   write the data as the program left it; with --pcap a capture\n"
	"      --ctx-out FILE    write the context as the program left it\n"
	"      --repeat N        run N times, with data and context laid anew each time\n"
	"      --isolation MODE  none, basereg, pku, pku+basereg or auto (the default):\n"
	"                        the strongest mode that is enforced here, told on stderr\n"
	"      --base FORM       base register form: register or segment (default: chosen)\n"
	"      --fuel N          end the run after about N instructions in loops;\n"
	"                        isolation none is not metered\n"
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
	OPT_ISOLATION, OPT_BASE, OPT_FUEL, OPT_MAP, OPT_MAPS,
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
	case OPT_MAP:
		return set_fill(run);
	default:
		run->maps = true;
		return CLI_OK;
	}
}

static int parse(struct run_args *run, int argc, char **argv, bool *over)
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
	if (run->data && run->pcap)
		return cli_usage("run", "--data and --pcap exclude each other");
	if (run->pcap && (run->ctx || run->ctx_out))
		return cli_usage("run", "--ctx and --ctx-out are for a single run, not for --pcap");
	run->object = argv[optind];
	*over = false;
	return CLI_OK;
}

/* Everything that one run reads and writes; data in front of room for what comes out. */
struct buffers {
	u8 *data, *ctx, *data_out, *ctx_out;
	size_t data_bytes, ctx_bytes;
};

static int read_inputs(const struct run_args *run, struct moat_program *prog, struct buffers *b)
{
	memset(b, 0, sizeof(*b));
	if (!run->data && cli_is_packet_type(moat_program__type(prog)))
		return cli_usage("run", "%s is a packet program (%s): give it a packet with --data or --pcap",
				 moat_program__name(prog), cli_type_name(moat_program__type(prog)));
	if (run->data) {
		b->data = cli_read(run->data, &b->data_bytes);
		if (!b->data)
			return CLI_FAILED;
	}
	if (run->ctx) {
		b->ctx = cli_read(run->ctx, &b->ctx_bytes);
		if (!b->ctx)
			return CLI_FAILED;
	}
	b->data_out = calloc(1, b->data_bytes + CLI_ROOM);
	b->ctx_out = calloc(1, b->ctx_bytes + CLI_ROOM);
	return b->data_out && b->ctx_out ? CLI_OK : cli_error("out of memory");
}

static void free_buffers(struct buffers *b)
{
	free(b->data);
	free(b->ctx);
	free(b->data_out);
	free(b->ctx_out);
}

/* Why a run did not even start or was not a violation, in words. */
static int run_error(struct moat_program *prog, int err)
{
	if (err == -EINVAL)
		return cli_error("%s: this input is none for a %s program: %s", moat_program__name(prog),
				 cli_type_name(moat_program__type(prog)) ?: "such a",
				 cli_is_packet_type(moat_program__type(prog)) ?
				 "a packet (at least an Ethernet header of 14 bytes) goes to --data" :
				 "see --data and --ctx");
	return cli_error("%s: cannot run: %s", moat_program__name(prog), strerror(-err));
}

static void print_result(const struct run_args *run, struct moat_object *obj, struct moat_program *prog,
			 const struct moat_run_opts *opts)
{
	const char *verdict = cli_verdict(moat_program__type(prog), opts->retval);

	if (opts->retval > INT32_MAX)
		printf("Return value: %llu (0x%llx)", (unsigned long long)opts->retval,
		       (unsigned long long)opts->retval);
	else
		printf("Return value: %llu", (unsigned long long)opts->retval);
	if (verdict)
		printf(" (%s)", verdict);
	printf(", duration%s: %uns", opts->repeat > 1 ? " (average)" : "", opts->duration);
	if (opts->data_size_in || opts->data_size_out)
		printf(", data out: %u bytes", opts->data_size_out);
	printf("\n");
	if (run->maps)
		cli_maps_text(obj, run->object);
}

static void add(json_object *o, const char *name, json_object *value)
{
	json_object_object_add(o, name, value);
}

static void print_result_json(const struct run_args *run, struct moat_object *obj, struct moat_program *prog,
			      const struct moat_run_opts *opts, int err)
{
	const char *verdict = cli_verdict(moat_program__type(prog), opts->retval);
	json_object *o = json_object_new_object();

	add(o, "program", json_object_new_string(moat_program__name(prog)));
	add(o, "isolation", json_object_new_string(moat_mode_name(moat_object__mode(obj))));
	if (err) {
		add(o, "fault", cli_fault_json(prog, &opts->fault));
	} else {
		add(o, "retval", json_object_new_uint64(opts->retval));
		if (verdict)
			add(o, "verdict", json_object_new_string(verdict));
		add(o, "duration", json_object_new_int64(opts->duration));
		add(o, "repeat", json_object_new_int64(opts->repeat));
		add(o, "data_size_out", json_object_new_int64(opts->data_size_out));
	}
	if (run->maps)
		add(o, "maps", cli_maps_json(obj, run->object));
	cli_json(o);
}

static int write_outputs(const struct run_args *run, const struct moat_run_opts *opts)
{
	int status = CLI_OK;

	if (run->data_out)
		status = cli_write(run->data_out, opts->data_out, opts->data_size_out);
	if (run->ctx_out && !status)
		status = cli_write(run->ctx_out, opts->ctx_out, opts->ctx_size_out);
	return status;
}

static int run_once(const struct run_args *run, struct moat_object *obj, struct moat_program *prog,
		    const struct buffers *b)
{
	MOAT_RUN_OPTS(opts, .data_in = b->data, .data_size_in = b->data_bytes, .data_out = b->data_out,
		      .data_size_out = b->data_bytes + CLI_ROOM, .ctx_in = b->ctx, .ctx_size_in = b->ctx_bytes,
		      .ctx_out = b->ctx_out, .ctx_size_out = b->ctx_bytes + CLI_ROOM,
		      .repeat = run->repeat, .fuel = run->fuel);
	int err = moat_program__run_opts(prog, &opts);

	if (err && err != -EFAULT && err != -ETIME)
		return run_error(prog, err);
	if (err)
		cli_fault_text(stderr, prog, &opts.fault);
	if (cli.json)
		print_result_json(run, obj, prog, &opts, err);
	else if (!err)
		print_result(run, obj, prog, &opts);
	return err ? CLI_FAILED : write_outputs(run, &opts);
}

static int run_single(const struct run_args *run, struct moat_object *obj, struct moat_program *prog)
{
	struct buffers b;
	int status = read_inputs(run, prog, &b);

	if (!status)
		status = run_once(run, obj, prog, &b);
	free_buffers(&b);
	return status;
}

static int run_object(const struct run_args *run, struct moat_object *obj)
{
	struct moat_program *prog = cli_program(obj, run->program);
	int status = prog ? cli_load(obj) : CLI_FAILED;
	u32 i;

	for (i = 0; !status && i < run->nr_fill; i++)
		status = cli_fill(obj, run->fill[i]);
	if (status)
		return status;
	if (run->mode == MOAT_MODE_AUTO)
		cli_tell_auto(obj);
	return run->pcap ? cli_run_pcap(run, obj, prog) : run_single(run, obj, prog);
}

int cmd_run(int argc, char **argv)
{
	struct run_args run = { .mode = MOAT_MODE_AUTO, .repeat = 1 };
	struct moat_object *obj;
	bool over;
	int status = parse(&run, argc, argv, &over);

	if (over)
		return status;
	obj = cli_open(run.object, run.mode, run.form);
	if (!obj)
		return CLI_FAILED;
	status = run_object(&run, obj);
	moat_object__close(obj);
	return status;
}
