/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The examples under the running kernel (BPF_PROG_TEST_RUN) and under Moat, in
 * every mode: verdicts, packets and maps must be the same.
 *
 * Only XDP and tc: for a socket filter the kernel's test run hides the
 * Ethernet header, which a filter on a packet socket sees.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "check.h"
#include "modes.h"

#define MAX_PACKETS	4096
#define ROOM		4096

struct packet {
	const __u8 *data;
	__u32 bytes;
};

/* What came out of one run. */
struct result {
	int err;
	__u32 retval, bytes;
	__u8 data[ROOM];
};

static const struct example {
	const char *object, *program;
} examples[] = {
	{ "firewall", "firewall" }, { "events", "events_source" }, { "rewrite", "rewrite" },
};

/* Flows that the firewall is told to block, as examples/firewall.bpf.c lays them out. */
static const __u8 blocked[][16] = {
	{ 203, 0, 113, 66, 10, 0, 0, 10, 0x11, 0x5c, 0, 22, 6 },
	{ 192, 0, 2, 99, 10, 0, 0, 11, 0x07, 0x6c, 0x07, 0x6c, 17 },
};

static struct packet packets[MAX_PACKETS];
static unsigned int nr_packets;
static struct result *want;
static const char *dir;

static char *path_of(const char *name, const char *suffix)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/examples/%s%s", dir, name, suffix);
	return path;
}

/* A little-endian pcap file, as examples/capture.py writes it. */
static bool read_capture(void)
{
	static __u8 file[1 << 20];
	FILE *f = fopen(path_of("traffic", ".pcap"), "rb");
	size_t bytes = f ? fread(file, 1, sizeof(file), f) : 0, at = 24;
	__u32 n;

	if (f)
		fclose(f);
	while (at + 16 <= bytes && nr_packets < MAX_PACKETS) {
		memcpy(&n, file + at + 8, 4);
		if (n > bytes - at - 16 || n > ROOM / 2)
			return false;
		packets[nr_packets].data = file + at + 16;
		packets[nr_packets++].bytes = n;
		at += 16 + n;
	}
	return at == bytes && nr_packets;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

static struct bpf_object *kernel_load(const char *path)
{
	struct bpf_object *obj;
	struct bpf_map *map;
	__u64 zero = 0;
	size_t i;
	int err;

	libbpf_set_print(quiet);
	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		return NULL;
	err = bpf_object__load(obj);
	if (err) {
		bpf_object__close(obj);
		errno = -err;
		return NULL;
	}
	map = bpf_object__find_map_by_name(obj, "blocked");
	for (i = 0; map && i < sizeof(blocked) / sizeof(blocked[0]); i++)
		bpf_map__update_elem(map, blocked[i], 16, &zero, 8, BPF_ANY);
	return obj;
}

static void kernel_run(struct bpf_object *obj, const char *program)
{
	int fd = bpf_program__fd(bpf_object__find_program_by_name(obj, program));
	unsigned int i;

	for (i = 0; i < nr_packets; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packets[i].data, .data_size_in = packets[i].bytes,
			    .data_out = want[i].data, .data_size_out = ROOM);

		want[i].err = bpf_prog_test_run_opts(fd, &opts);
		want[i].retval = opts.retval;
		want[i].bytes = opts.data_size_out;
	}
}

static struct moat_object *moat_load(const char *path, const struct mode *m)
{
	MOAT_OPEN_OPTS(opts);
	struct moat_object *obj;
	struct moat_map *map;
	__u64 zero = 0;
	size_t i;

	opts.mode = m->mode;
	opts.base_form = m->form;
	obj = moat_object__open_file(path, &opts);
	if (!obj || moat_object__load(obj))
		return NULL;
	map = moat_object__find_map_by_name(obj, "blocked");
	for (i = 0; map && i < sizeof(blocked) / sizeof(blocked[0]); i++)
		moat_map__update_elem(map, blocked[i], 16, &zero, 8, BPF_ANY);
	return obj;
}

/* Packets that came out differently; the kernel refuses some that are too short, which is no difference. */
static unsigned int moat_run(struct moat_object *obj, const char *program, const struct mode *m)
{
	struct moat_program *prog = moat_object__find_program_by_name(obj, program);
	static struct result got;
	unsigned int i, differ = 0;

	for (i = 0; i < nr_packets; i++) {
		MOAT_RUN_OPTS(opts, .data_in = packets[i].data, .data_size_in = packets[i].bytes,
			      .data_out = got.data, .data_size_out = ROOM);

		if (want[i].err)
			continue;
		if (!moat_program__run_opts(prog, &opts) && (__u32)opts.retval == want[i].retval &&
		    opts.data_size_out == want[i].bytes && !memcmp(got.data, want[i].data, want[i].bytes))
			continue;
		if (!differ++)
			printf("%s (%s): packet %u: kernel %u, %u bytes; moat %u, %u bytes\n", program, m->name, i,
			       want[i].retval, want[i].bytes, (__u32)opts.retval, opts.data_size_out);
	}
	return differ;
}

/* Elements of @map that the kernel's map of the same name has otherwise; their number in *@nr. */
static unsigned int compare_map(struct bpf_object *kernel, struct moat_map *map, unsigned int *nr)
{
	struct bpf_map *other = bpf_object__find_map_by_name(kernel, moat_map__name(map));
	__u32 key_bytes = moat_map__key_size(map), bytes = moat_map__value_size(map);
	__u8 key[64], a[256], b[256];
	unsigned int differ = 0;
	int err;

	if (!other || key_bytes > sizeof(key) || bytes > sizeof(a) ||
	    (moat_map__type(map) != BPF_MAP_TYPE_HASH && moat_map__type(map) != BPF_MAP_TYPE_ARRAY))
		return 0;
	err = moat_map__get_next_key(map, NULL, key, key_bytes);
	for (; !err; err = moat_map__get_next_key(map, key, key, key_bytes), ++*nr)
		differ += moat_map__lookup_elem(map, key, key_bytes, a, bytes, 0) ||
			  bpf_map__lookup_elem(other, key, key_bytes, b, bytes, 0) || memcmp(a, b, bytes);
	return differ;
}

static void compare(const struct example *ex, struct bpf_object *kernel, const struct mode *m)
{
	struct moat_object *obj = moat_load(path_of(ex->object, ".bpf.o"), m);
	struct moat_map *map = NULL;
	unsigned int differ, elements = 0;

	if (!CHECK(obj, "%s (%s): cannot load", ex->object, m->name))
		return;
	differ = moat_run(obj, ex->program, m);
	CHECK(!differ, "%s (%s): %u of %u packets come out differently", ex->program, m->name, differ, nr_packets);
	differ = 0;
	while ((map = moat_object__next_map(obj, map)))
		differ += compare_map(kernel, map, &elements);
	CHECK(!differ && elements, "%s (%s): %u of %u map elements differ", ex->program, m->name, differ, elements);
	moat_object__close(obj);
}

static void run_example(const struct example *ex)
{
	struct bpf_object *kernel = kernel_load(path_of(ex->object, ".bpf.o"));
	unsigned int i, ran = 0;
	char why[128];

	if (!kernel) {
		snprintf(why, sizeof(why), "cannot load into the kernel: %s", strerror(errno));
		SKIP(ex->object, why);
		return;
	}
	kernel_run(kernel, ex->program);
	for (i = 0; i < nr_packets; i++)
		ran += !want[i].err;
	if (CHECK(ran > nr_packets / 2, "%s: the kernel ran %u of %u packets", ex->program, ran, nr_packets))
		for (i = 0; i < nr_modes; i++)
			compare(ex, kernel, &modes[i]);
	bpf_object__close(kernel);
}

int main(void)
{
	size_t i;

	dir = getenv("BUILD");
	dir = dir ? dir : "build";
	want = calloc(MAX_PACKETS, sizeof(*want));
	modes_init(NULL);
	if (CHECK(want && read_capture(), "%s", path_of("traffic", ".pcap")))
		for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
			run_example(&examples[i]);
	return check_done();
}
