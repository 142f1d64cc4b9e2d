/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Cycles per entry and exit, and per helper call, beside the bare instruction. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define CALLS	100	/* in helper_calls of packet.bpf.c */
#define REPEAT	20000

#if defined(__x86_64__)
static double bare_wrpkru(void)
{
	double best = 0;
	int round, i;
	__u32 pkru, edx;

	asm volatile("rdpkru" : "=a"(pkru), "=d"(edx) : "c"(0));
	for (round = 0; round < rounds; round++) {
		double start = now_ns(), ns;

		for (i = 0; i < REPEAT; i++)
			asm volatile("wrpkru" : : "a"(pkru), "c"(0), "d"(0) : "memory");
		ns = (now_ns() - start) / REPEAT;
		if (!best || ns < best)
			best = ns;
	}
	return best * tsc_per_ns();
}
#endif

/* Best ns per run of program @name of object @path. */
static double best_run(const char *path, const char *name, const struct variant *v)
{
	struct moat_object *obj = moat_load(path, v);
	struct moat_program *prog = obj ? moat_object__find_program_by_name(obj, name) : NULL;
	double best = 0;
	int round;

	for (round = 0; prog && round < rounds; round++) {
		double start = now_ns(), ns;

		if (moat_run_repeat(prog, packet, SMALL_PACKET, REPEAT))
			break;
		ns = (now_ns() - start) / REPEAT;
		if (!best || ns < best)
			best = ns;
	}
	moat_object__close(obj);
	return best;
}

static void one_variant(const char *dir, const struct variant *v, double none_entry, double none_call,
			json_object *list, double *entry, double *call)
{
	json_object *row = json_object_new_object();
	char compute[4096], packets[4096];

	snprintf(compute, sizeof(compute), "%s/compute.bpf.o", dir);
	snprintf(packets, sizeof(packets), "%s/packet.bpf.o", dir);
	*entry = best_run(compute, "empty", v) * tsc_per_ns();
	*call = (best_run(packets, "helper_calls", v) * tsc_per_ns() - *entry) / CALLS;
	json_object_object_add(row, "mode", json_object_new_string(v->name));
	json_object_object_add(row, "cycles_per_run", json_object_new_double(*entry));
	json_object_object_add(row, "cycles_per_helper_call", json_object_new_double(*call));
	json_object_array_add(list, row);
	if (!json)
		printf("%-18s %10.1f (+%.1f) %10.1f (+%.1f)\n", v->name, *entry,
		       none_entry ? *entry - none_entry : 0, *call, none_call ? *call - none_call : 0);
}

int bench_gates(const char *dir, json_object *out)
{
	json_object *list = json_object_new_array();
	double entry0 = 0, call0 = 0, entry, call;
	const char *why = NULL;
	int v;

	if (!json)
		printf("\ncycles (TSC)          empty run (- none)   helper call (- none)\n");
	for (v = 0; v < nr_variants; v++) {
		if (variants[v].kernel || variants[v].absent)
			continue;
		one_variant(dir, &variants[v], entry0, call0, list, &entry, &call);
		if (variants[v].mode == MOAT_MODE_NONE) {
			entry0 = entry;
			call0 = call;
		}
	}
	json_object_object_add(out, "gates", list);
#if defined(__x86_64__)
	if (!moat_mode_enforced(MOAT_MODE_PKU_BASEREG, &why)) {
		double cycles = bare_wrpkru();

		json_object_object_add(out, "wrpkru_cycles", json_object_new_double(cycles));
		if (!json)
			printf("%-18s %10.1f\n", "bare WRPKRU", cycles);
		return 0;
	}
#endif
	if (!json)
		printf("WRPKRU: not measured: %s\n", why ? why : "another architecture");
	return 0;
}
