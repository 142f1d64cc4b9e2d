/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Benchmarks of libmoat: everything that is compared is measured in one run. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "bench.h"

struct variant variants[MAX_VARIANTS] = {
	{ .name = "none unmetered", .mode = MOAT_MODE_NONE, .unmetered = true },
	{ .name = "none", .mode = MOAT_MODE_NONE },
	{ .name = "basereg unmet.", .mode = MOAT_MODE_BASEREG, .unmetered = true },
	{ .name = "basereg", .mode = MOAT_MODE_BASEREG },
	{ .name = "basereg register", .mode = MOAT_MODE_BASEREG, .form = 1 },
	{ .name = "basereg segment", .mode = MOAT_MODE_BASEREG, .form = 2 },
	{ .name = "pku", .mode = MOAT_MODE_PKU },
	{ .name = "pku+basereg", .mode = MOAT_MODE_PKU_BASEREG },
	{ .name = "kernel", .kernel = true },
};
int nr_variants = 9, rounds = 15;
bool json;
__u8 packet[1400];

double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

__u64 tsc(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#else
	return now_ns();
#endif
}

double tsc_per_ns(void)
{
	static double rate;
	double start = now_ns();
	__u64 from = tsc();

	if (rate)
		return rate;
	while (now_ns() - start < 2e7)
		;
	rate = (tsc() - from) / (now_ns() - start);
	return rate;
}

static void make_packet(void)
{
	static const __u8 head[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, 0x05, 0x6a, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0x12, 0x34, 0, 53, 0x05, 0x56, 0, 0,
	};
	size_t i;

	memcpy(packet, head, sizeof(head));
	for (i = sizeof(head); i < sizeof(packet); i++)
		packet[i] = i * 7;
}

struct moat_object *moat_load(const char *path, const struct variant *v)
{
	MOAT_OPEN_OPTS(opts, .mode = v->mode, .base_form = v->form, .unmetered = v->unmetered);
	struct moat_object *obj = moat_object__open_file(path, &opts);
	__u32 key[2] = { 8, 10 }, port = 3;
	struct moat_map *routes;

	if (obj && moat_object__load(obj)) {
		moat_object__close(obj);
		return NULL;
	}
	routes = obj ? moat_object__find_map_by_name(obj, "routes") : NULL;
	if (routes)
		moat_map__update_elem(routes, key, sizeof(key), &port, sizeof(port), BPF_ANY);
	return obj;
}

int moat_run_repeat(struct moat_program *prog, const void *data, __u32 size, __u32 repeat)
{
	MOAT_RUN_OPTS(opts, .data_in = data, .data_size_in = size, .repeat = repeat);

	return moat_program__run_opts(prog, &opts);
}

static void find_modes(void)
{
	int v;

	for (v = 0; v < nr_variants; v++)
		if (!variants[v].kernel && moat_mode_enforced(variants[v].mode, &variants[v].absent) == 0)
			variants[v].absent = NULL;
}

static int usage(void)
{
	fprintf(stderr, "usage: bench [-j] [-r ROUNDS] DIR [programs|gates|audit|compile|domains]...\n"
			"  DIR holds compute.bpf.o, packet.bpf.o and audit.bpf.o\n");
	return 2;
}

static bool wanted(const char *part, char **list)
{
	if (!*list)
		return true;
	for (; *list; list++)
		if (!strcmp(*list, part))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	json_object *out = json_object_new_object();
	int c, err = 0;

	while ((c = getopt(argc, argv, "jr:")) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'r' && atoi(optarg) > 0)
			rounds = atoi(optarg);
		else
			return usage();
	}
	if (optind >= argc)
		return usage();
	make_packet();
	find_modes();
	if (wanted("gates", argv + optind + 1))
		err = bench_gates(argv[optind], out);
	if (!err && wanted("audit", argv + optind + 1))
		err = bench_audit(argv[optind], out);
	if (!err && wanted("programs", argv + optind + 1))
		err = bench_programs(argv[optind], out);
	if (!err && wanted("compile", argv + optind + 1))
		err = bench_compile(out);
	if (!err && wanted("domains", argv + optind + 1))
		err = bench_domains(out);
	if (err)
		fprintf(stderr, "bench: %s\n", strerror(-err));
	else if (json)
		puts(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PRETTY));
	json_object_put(out);
	return err ? 1 : 0;
}
