/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `moat run --pcap`: a program over every packet of a capture, verdicts counted. */
/* Its classic BPF has a struct bpf_insn of its own. */
#define PCAP_DONT_INCLUDE_PCAP_BPF_H
#include <pcap/pcap.h>
#include <pcap/dlt.h>
#include "cli.h"

#define MAX_VERDICTS	64	/* distinct values counted apart */
#define MAX_REPORTS	3	/* violations reported in full */

struct verdict {
	u64 value;
	const char *name;	/* NULL: only a number */
	u64 packets, bytes;
};

struct capture {
	const struct run_args *run;
	struct moat_object *obj;
	struct moat_program *prog;
	pcap_t *in;
	pcap_dumper_t *out;
	u8 *room;
	struct verdict verdict[MAX_VERDICTS];
	u32 nr_verdict;
	struct verdict other;		/* what did not fit the table */
	u64 packets, bytes, ns;
	u64 violations, refused;	/* refused: packets that the program cannot be given */
	struct moat_fault report[MAX_REPORTS];
	u64 report_packet[MAX_REPORTS];
};

/* Socket filters return how many bytes to keep: only whether is a verdict. */
static struct verdict *verdict_of(struct capture *c, u64 value)
{
	enum bpf_prog_type type = moat_program__type(c->prog);
	struct verdict *v;
	u32 i;

	if (type == BPF_PROG_TYPE_SOCKET_FILTER)
		value = !!value;
	for (i = 0; i < c->nr_verdict; i++)
		if (c->verdict[i].value == value)
			return &c->verdict[i];
	if (c->nr_verdict == MAX_VERDICTS)
		return &c->other;
	v = &c->verdict[c->nr_verdict++];
	v->value = value;
	v->name = cli_verdict(type, value);
	return v;
}

static int by_value(const void *a, const void *b)
{
	const struct verdict *x = a, *y = b;

	return x->value < y->value ? -1 : x->value > y->value;
}

static void count_violation(struct capture *c, const struct moat_fault *fault)
{
	u64 n = c->violations++;

	if (n >= MAX_REPORTS)
		return;
	c->report[n] = *fault;
	c->report_packet[n] = c->packets;
	fprintf(stderr, "moat: packet %llu:\n", (unsigned long long)c->packets);
	cli_fault_text(stderr, c->prog, fault);
}

static void write_packet(struct capture *c, const struct pcap_pkthdr *head, u32 bytes)
{
	struct pcap_pkthdr h = *head;

	if (!c->out)
		return;
	h.caplen = h.len = bytes;
	pcap_dump((u_char *)c->out, &h, c->room);
}

/* 0, or a negative errno that ends the whole run. */
static int run_packet(struct capture *c, const struct pcap_pkthdr *head, const u8 *data)
{
	MOAT_RUN_OPTS(opts, .data_in = data, .data_size_in = head->caplen, .data_out = c->room,
		      .data_size_out = head->caplen + CLI_ROOM, .repeat = c->run->repeat, .fuel = c->run->fuel);
	int err = moat_program__run_opts(c->prog, &opts);
	struct verdict *v;

	c->packets++;
	c->bytes += head->caplen;
	if (err == -EFAULT || err == -ETIME) {
		count_violation(c, &opts.fault);
		return 0;
	}
	if (err == -EINVAL) {
		c->refused++;
		return 0;
	}
	if (err)
		return err;
	v = verdict_of(c, opts.retval);
	v->packets++;
	v->bytes += head->caplen;
	c->ns += opts.duration;
	write_packet(c, head, opts.data_size_out);
	return 0;
}

static int run_all(struct capture *c)
{
	struct pcap_pkthdr *head;
	const u_char *data;
	int got, err;

	while ((got = pcap_next_ex(c->in, &head, &data)) == 1) {
		/* Room for the longest packet that libpcap hands out, checked rather than believed. */
		if (head->caplen > CLI_ROOM)
			return cli_error("%s: packet %llu has %u bytes, more than %u", c->run->pcap,
					 (unsigned long long)c->packets + 1, head->caplen, CLI_ROOM);
		err = run_packet(c, head, data);
		if (err)
			return cli_error("%s: packet %llu: cannot run: %s", moat_program__name(c->prog),
					 (unsigned long long)c->packets, strerror(-err));
	}
	qsort(c->verdict, c->nr_verdict, sizeof(c->verdict[0]), by_value);
	if (got == PCAP_ERROR)
		return cli_error("%s: after %llu packets: %s", c->run->pcap,
				 (unsigned long long)c->packets, pcap_geterr(c->in));
	return CLI_OK;
}

static u64 average(const struct capture *c)
{
	u64 ran = c->packets - c->violations - c->refused;

	return ran ? c->ns / ran : 0;
}

static void print_row(const char *name, u64 packets, u64 bytes)
{
	printf("%-16s %10llu %12llu\n", name, (unsigned long long)packets, (unsigned long long)bytes);
}

static void print_text(const struct capture *c)
{
	const struct verdict *v;
	char number[24];

	printf("%s over %s, isolation %s\n\n", moat_program__name(c->prog), c->run->pcap,
	       moat_mode_name(moat_object__mode(c->obj)));
	printf("%-16s %10s %12s\n", "verdict", "packets", "bytes");
	for (v = c->verdict; v < c->verdict + c->nr_verdict; v++) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)v->value);
		print_row(v->name ? v->name : number, v->packets, v->bytes);
	}
	if (c->other.packets)
		print_row("(others)", c->other.packets, c->other.bytes);
	if (c->violations)
		printf("%-16s %10llu\n", "(violation)", (unsigned long long)c->violations);
	if (c->refused)
		printf("%-16s %10llu\n", "(not a packet)", (unsigned long long)c->refused);
	print_row("total", c->packets, c->bytes);
	printf("\naverage duration: %lluns per packet\n", (unsigned long long)average(c));
	if (c->run->maps)
		cli_maps_text(c->obj, c->run->object);
}

static void add(json_object *o, const char *name, json_object *value)
{
	json_object_object_add(o, name, value);
}

static json_object *json_verdicts(const struct capture *c)
{
	json_object *list = json_object_new_array(), *o;
	const struct verdict *v;

	for (v = c->verdict; v < c->verdict + c->nr_verdict; v++) {
		o = json_object_new_object();
		add(o, "value", json_object_new_uint64(v->value));
		if (v->name)
			add(o, "name", json_object_new_string(v->name));
		add(o, "packets", json_object_new_uint64(v->packets));
		add(o, "bytes", json_object_new_uint64(v->bytes));
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *json_reports(const struct capture *c)
{
	json_object *list = json_object_new_array(), *o;
	u64 i;

	for (i = 0; i < c->violations && i < MAX_REPORTS; i++) {
		o = cli_fault_json(c->prog, &c->report[i]);
		add(o, "packet", json_object_new_uint64(c->report_packet[i]));
		json_object_array_add(list, o);
	}
	return list;
}

static void print_json(const struct capture *c)
{
	json_object *o = json_object_new_object();

	add(o, "program", json_object_new_string(moat_program__name(c->prog)));
	add(o, "isolation", json_object_new_string(moat_mode_name(moat_object__mode(c->obj))));
	add(o, "packets", json_object_new_uint64(c->packets));
	add(o, "bytes", json_object_new_uint64(c->bytes));
	add(o, "verdicts", json_verdicts(c));
	add(o, "other_verdicts", json_object_new_uint64(c->other.packets));
	add(o, "violations", json_object_new_uint64(c->violations));
	add(o, "refused", json_object_new_uint64(c->refused));
	add(o, "reports", json_reports(c));
	add(o, "duration", json_object_new_uint64(average(c)));
	if (c->run->maps)
		add(o, "maps", cli_maps_json(c->obj, c->run->object));
	cli_json(o);
}

static int open_capture(struct capture *c)
{
	char why[PCAP_ERRBUF_SIZE] = "";

	if (!cli_is_packet_type(moat_program__type(c->prog)))
		return cli_error("%s: not a packet program (section %s): --pcap needs XDP, tc or a socket filter",
				 moat_program__name(c->prog), moat_program__section_name(c->prog));
	c->in = pcap_open_offline(c->run->pcap, why);
	if (!c->in)
		return cli_error("%s%s%s", strstr(why, c->run->pcap) ? "" : c->run->pcap,
				 strstr(why, c->run->pcap) ? "" : ": ", why);
	if (pcap_datalink(c->in) != DLT_EN10MB)
		return cli_error("%s: link type %s; only Ethernet captures can be run", c->run->pcap,
				 pcap_datalink_val_to_name(pcap_datalink(c->in)) ?: "unknown");
	c->room = malloc(2 * (size_t)CLI_ROOM);
	if (!c->room)
		return cli_error("out of memory");
	if (c->run->data_out) {
		c->out = pcap_dump_open(c->in, c->run->data_out);
		if (!c->out)
			return cli_error("%s", pcap_geterr(c->in));
	}
	return CLI_OK;
}

static int close_capture(struct capture *c, int status)
{
	if (c->out) {
		if (pcap_dump_flush(c->out) && !status)
			status = cli_error("%s: cannot write", c->run->data_out);
		pcap_dump_close(c->out);
	}
	if (c->in)
		pcap_close(c->in);
	free(c->room);
	return status;
}

int cli_run_pcap(const struct run_args *run, struct moat_object *obj, struct moat_program *prog)
{
	struct capture c = { .run = run, .obj = obj, .prog = prog };
	int status = open_capture(&c);

	if (!status)
		status = run_all(&c);
	if (!status) {
		if (cli.json)
			print_json(&c);
		else
			print_text(&c);
	}
	return close_capture(&c, status ? status : c.violations ? CLI_FAILED : CLI_OK);
}
