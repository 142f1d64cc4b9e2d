/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `moat run`: one program over one input, or over a capture (pcap.c). */
#include "cli.h"

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
	FILE *to = cli_is_stdout(run->data_out) || cli_is_stdout(run->ctx_out) ? stderr : stdout;

	fprintf(to, "Return value: %llu", (unsigned long long)opts->retval);
	if (opts->retval > INT32_MAX)
		fprintf(to, " (0x%llx)", (unsigned long long)opts->retval);
	if (verdict)
		fprintf(to, " (%s)", verdict);
	fprintf(to, ", duration%s: %uns", opts->repeat > 1 ? " (average)" : "", opts->duration);
	if (opts->data_size_in || opts->data_size_out)
		fprintf(to, ", data out: %u bytes", opts->data_size_out);
	fprintf(to, "\n");
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
	MOAT_OPEN_OPTS(opts);
	struct moat_object *obj;
	bool over;
	int status = cli_run_parse(&run, argc, argv, &over);

	if (over)
		return status;
	opts.mode = run.mode;
	opts.base_form = run.form;
	opts.unmetered = run.unmetered;
	opts.blind = run.blind;
	obj = cli_open(run.object, &opts);
	if (!obj)
		return CLI_FAILED;
	status = run_object(&run, obj);
	moat_object__close(obj);
	return status;
}
