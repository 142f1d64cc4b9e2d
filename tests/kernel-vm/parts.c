/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What isolation costs, part by part: the same programs in modes none and basereg, in one boot.
 *
 * Prints a line "row ID TYPE PROGRAM MODE BYTES" for each, or "refused TYPE PROGRAM WHY"; parts-plugin.c, if the machine
 * has it, says "parts ID INSTRUCTIONS..." for each of several runs.  parts.py joins them.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <sys/syscall.h>

#include "../check.h"
#include "object.h"
#include "parts.h"
#include "sys.h"
#include "tell.h"
#include "trace.h"

#define RUNS	12	/* of each program; the least counts, which no interrupt came into */

static const char *mode;
static u32 next_id;
/* What the link layer's header is taken off from before a socket filter sees it, and what others get. */
static u8 link_packet[14 + 256], *const packet = link_packet + 14;

/* The kernel's code -------------------------------------------------------------- */

struct symbol {
	u64 at;
	char name[56];
};

static struct symbol *symbols;
static u32 nr_symbols;

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static bool read_symbols(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	unsigned long long at;
	char line[256], name[128];
	u32 room = 0;

	while (f && fgets(line, sizeof(line), f)) {
		/* those of modules have a fourth word, "[module]" */
		if (sscanf(line, "%llx %*c %127s", &at, name) != 2 || strchr(line, '['))
			continue;
		if (nr_symbols == room) {
			room = room ? 2 * room : 65536;
			symbols = realloc(symbols, room * sizeof(*symbols));
			if (!symbols)
				abort();
		}
		symbols[nr_symbols].at = at;
		snprintf(symbols[nr_symbols++].name, sizeof(symbols[0].name), "%.55s", name);
	}
	if (f)
		fclose(f);
	qsort(symbols, nr_symbols, sizeof(*symbols), by_address);
	return nr_symbols && symbols[nr_symbols - 1].at;
}

static u64 symbol(const char *name)
{
	u32 i;

	for (i = 0; i < nr_symbols; i++)
		if (!strcmp(symbols[i].name, name))
			return symbols[i].at;
	return 0;
}

/* The first that fits.  Names of static functions are looked for among Moat's only. */
static const struct rule {
	const char *start;	/* of the symbol's name */
	bool ours;
	enum part part;
} rule[] = {
	{ "moat_image_", true, PART_RUN },
	{ "moat_domain_run", true, PART_RUN },
	{ "moat_run_leave", true, PART_RUN },
	{ "moat_run_take", true, PART_RUN },
	{ "moat_run_give", true, PART_RUN },
	{ "moat_run_", true, PART_GATES },
	{ "moat_gate_", true, PART_GATES },
	{ "moat_proto_", true, PART_GATES },
	{ "finish", true, PART_GATES },
	{ "copy_", true, PART_GATES },
	{ "call_", true, PART_GATES },
	{ "moat_issued_", true, PART_GATES },
	{ "moat_view_", true, PART_VIEWS },
	{ "moat_packet_", true, PART_VIEWS },
	{ "host_packet", true, PART_VIEWS },
	{ "fill", true, PART_VIEWS },
	{ "flush", true, PART_VIEWS },
	{ "memcpy", false, RANGE_SHARED },
	{ "__memcpy", false, RANGE_SHARED },
	{ "memset", false, RANGE_SHARED },
	{ "__memset", false, RANGE_SHARED },
	{ "__x86_indirect_", false, RANGE_SHARED },
	{ "__x86_return_thunk", false, RANGE_SHARED },
	{ "bpf_test_run", false, RANGE_OUTSIDE },
	{ "trace_call_bpf", false, RANGE_OUTSIDE },
	{ "bpf_dispatcher_xdp", false, RANGE_OUTSIDE },
	{ "__bpf_prog_test_run_raw_tp", false, RANGE_OUTSIDE },
};

static void tell_part(enum part part)
{
	tell_number(part);
	MARK_ASM(MARK_PART);
}

/* Where the next function begins; some have several names. */
static u64 behind(u32 i)
{
	u64 at = symbols[i].at;

	while (i + 1 < nr_symbols && symbols[i].at == at)
		i++;
	return symbols[i].at;
}

/* In front of the images of isolated programs, as their kernel says.  What is told first counts. */
static void tell_stubs(void)
{
	FILE *f = fopen("/sys/kernel/debug/moat/images", "r");
	unsigned long long at, bytes;
	const char *address, *main;
	char *line = NULL;
	size_t room = 0;

	tell_part(PART_STUB);
	while (f && getline(&line, &room, f) > 0) {
		address = strstr(line, " address=");
		main = strstr(line, " main=");
		if (CHECK(address && main && sscanf(address, " address=%llx", &at) == 1 &&
			  sscanf(main, " main=%llx", &bytes) == 1, "images: %s", line))
			tell_range(at, bytes);
	}
	free(line);
	if (f)
		fclose(f);
}

/* What is not a program's; ranges that were told before take precedence. */
static void tell_kernel(void)
{
	u64 first = symbol("moat_current_mode"), last = symbol("moat_image_abort");
	u64 text = symbol("_stext"), end = symbol("_etext");
	u32 i, k;

	for (i = 0; i < nr_symbols; i++) {
		struct symbol *s = &symbols[i];

		if (s->at < text || s->at >= end)
			continue;
		for (k = 0; k < sizeof(rule) / sizeof(rule[0]); k++) {
			if (strncmp(s->name, rule[k].start, strlen(rule[k].start)) ||
			    (rule[k].ours && (s->at < first || s->at > last)))
				continue;
			tell_part(rule[k].part);
			tell_range(s->at, behind(i) - s->at);
			break;
		}
	}
	tell_part(PART_HELPERS);
	tell_range(text, end - text);
}

/* Programs ------------------------------------------------------------------------ */

static bool run_packet(int fd)
{
	u32 retval;
	int err = sys_run(fd, packet, 256, 1, &retval);

	return CHECK(!err, "it does not run: %s", strerror(-err));
}

static bool run_socket(int fd)
{
	u32 retval;
	int err = sys_run(fd, link_packet, sizeof(link_packet), 1, &retval);

	return CHECK(!err, "it does not run: %s", strerror(-err));
}

static bool run_getppid(int fd)
{
	syscall(SYS_getppid);
	return true;
}

/* The plugin learns where @obj's programs are.  The first run fills maps, and is not looked at. */
static void measure(const char *type, const char *name, struct bpf_object *obj, int fd, bool (*run)(int fd))
{
	struct bpf_program *prog;
	u32 i, bytes = 0;

	MARK_ASM(MARK_FORGET);
	tell_stubs();
	tell_part(PART_IMAGE);
	bpf_object__for_each_program(prog, obj)
		if (bpf_program__fd(prog) >= 0)
			tell_code(bpf_program__fd(prog));
	bytes = sys_code_bytes(fd);
	tell_kernel();
	if (!run(fd) || !CHECK(bytes, "%s (%s): no code, or no address of it", name, mode))
		return;
	for (i = 0; i < RUNS; i++) {
		MARK_ASM(MARK_ZERO);
		run(fd);
		tell_number(next_id);
		MARK_ASM(MARK_TELL);
	}
	printf("row %u %s %s %s %u\n", next_id++, type, name, mode, bytes);
}

static struct bpf_object *load(const char *type, const char *path, const char *name)
{
	struct bpf_object *obj = object_open(path);
	struct bpf_program *prog;
	char why[256];

	if (!CHECK(obj, "%s cannot be opened", path))
		return NULL;
	bpf_object__for_each_program(prog, obj)
		if (name)
			bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	if (!bpf_object__load(obj))
		return obj;
	object_why(why);
	bpf_object__close(obj);
	CHECK(!strcmp(mode, "basereg"), "%s (%s) does not load: %s", path, mode, why);
	printf("refused %s %s %s\n", type, name ? name : strrchr(path, '/') + 1, why);
	return NULL;
}

static void measure_packets(const char *type, const char *path, const char *name, bool alone)
{
	struct bpf_object *obj = load(type, path, alone ? name : NULL);

	if (obj)
		measure(type, name, obj, object_prog(obj, name), strcmp(type, "socket") ? run_packet : run_socket);
	bpf_object__close(obj);
}

static void measure_tracepoint(const char *name)
{
	struct bpf_object *obj = load("tracepoint", "trace", name);
	volatile struct trace_shared *shared;
	struct bpf_link *link;
	size_t bytes;

	if (!obj)
		return;
	shared = object_section(obj, ".bss", &bytes);
	shared->pid = (u32)getpid();
	shared->getppid = SYS_getppid;
	link = bpf_program__attach(bpf_object__find_program_by_name(obj, name));
	if (CHECK(link, "%s is not attached (%s)", name, mode))
		measure("tracepoint", name, obj, object_prog(obj, name), run_getppid);
	bpf_link__destroy(link);
	bpf_object__close(obj);
}

static void measure_all(void)
{
	measure_packets("socket", "parts", "nothing", true);
	measure_packets("socket", "parts", "count_bytes", true);
	measure_packets("socket", "parts", "count_protocol", true);
	measure_packets("socket", "examples/proto_bytes", "proto_bytes", false);
	measure_packets("socket", "examples/flow_count", "flow_count", false);
	measure_packets("socket", "examples/dissect", "dissect", false);
	measure_packets("xdp", "examples/firewall", "firewall", false);
	measure_packets("xdp", "examples/events", "events_source", false);
	measure_packets("xdp", "isolate", "swap", true);
	measure_packets("tc", "examples/rewrite", "rewrite", false);
	measure_packets("tc", "isolate", "callbacks", true);
	measure_packets("tc", "isolate", "functions", true);
	measure_tracepoint("enter_getppid");
}

int main(void)
{
	static const u8 head[] = {	/* Ethernet, IPv4, UDP to port 53 */
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, 0, 0xf2, 0, 1, 0, 0, 64, 17, 0x66, 0xba, 10, 0, 0, 1, 10, 0, 0, 2,
		0x12, 0x34, 0, 53, 0, 0xde, 0, 0,
	};
	static const char *const modes[] = { "none", "basereg" };
	u32 i;

	for (i = 0; i < 256; i++)
		packet[i] = (u8)(i * 7);
	memcpy(packet, head, sizeof(head));
	memcpy(link_packet, head, 14);
	if (!CHECK(read_symbols() && symbol("moat_current_mode") && symbol("moat_image_abort") && symbol("bpf_test_run"),
		   "no addresses of the kernel's functions"))
		return check_done();
	for (i = 0; i < 2; i++) {
		mode = modes[i];
		if (CHECK(!sys_write("net/core/bpf_moat", mode), "net.core.bpf_moat does not take %s", mode))
			measure_all();
	}
	sys_write("net/core/bpf_moat", "none");
	return check_done();
}
