/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the audit of a helper call costs: calls of helpers that do nothing, in mode none and in basereg. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define CALLS	200
#define REPEAT	200
#define ROUNDS	20	/* batches per round */

static __u64 nothing(__u64 a, __u64 b, __u64 c, __u64 d, __u64 e, struct moat_run *run)
{
	return 0;
}

#define HELPER(n, what, ...) \
	{ .id = (n), .name = (what), .fn = (__u64 (*)(void))(void (*)(void))nothing, .arg = { __VA_ARGS__ } }

static const struct moat_helper helpers[] = {
	HELPER(9101, "no_args", { MOAT_ARG_NONE }),
	HELPER(9102, "map_key", { MOAT_ARG_MAP }, { MOAT_ARG_MAP_KEY }),
	HELPER(9103, "map_key_value", { MOAT_ARG_MAP }, { MOAT_ARG_MAP_KEY }, { MOAT_ARG_MAP_VALUE }, { MOAT_ARG_SCALAR }),
	HELPER(9104, "load_bytes", { MOAT_ARG_CTX }, { MOAT_ARG_SCALAR }, { MOAT_ARG_MEM_OUT }, { MOAT_ARG_SIZE }),
	HELPER(9106, "csum_replace", { MOAT_ARG_CTX }, { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR },
	       { MOAT_ARG_SCALAR }),
	HELPER(9105, "output", { MOAT_ARG_MAP }, { MOAT_ARG_MEM }, { MOAT_ARG_SIZE_OR_ZERO }, { MOAT_ARG_SCALAR }),
};

static struct moat_object *load(const char *dir, enum moat_mode mode)
{
	MOAT_OPEN_OPTS(opts, .mode = mode, .helpers = helpers, .nr_helpers = sizeof(helpers) / sizeof(*helpers));
	struct moat_object *obj;
	char path[4096];

	snprintf(path, sizeof(path), "%s/audit.bpf.o", dir);
	obj = moat_object__open_file(path, &opts);
	if (obj && moat_object__load(obj)) {
		moat_object__close(obj);
		return NULL;
	}
	return obj;
}

/* ns per call in a batch of @prog, of this thread's own time: others may be on the machine. */
static double one(struct moat_program *prog)
{
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	if (moat_run_repeat(prog, packet, SMALL_PACKET, REPEAT))
		return 0;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / REPEAT / CALLS;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The two modes in turn, so that both meet the same weather; the best of each. */
static void measure(struct moat_program *none, struct moat_program *based, double ns[2])
{
	int i;

	ns[0] = ns[1] = 1e9;
	for (i = 0; i < ROUNDS * rounds; i++) {
		double a = one(none), b = one(based);

		ns[0] = a < ns[0] ? a : ns[0];
		ns[1] = b < ns[1] ? b : ns[1];
	}
}

static void put_row(json_object *list, const char *name, const double ns[2])
{
	json_object *row = json_object_new_object();

	json_object_object_add(row, "site", json_object_new_string(name));
	json_object_object_add(row, "ns_none", json_object_new_double(ns[0]));
	json_object_object_add(row, "ns_basereg", json_object_new_double(ns[1]));
	json_object_object_add(row, "audit_ns", json_object_new_double(ns[1] - ns[0]));
	json_object_object_add(row, "audit_cycles", json_object_new_double((ns[1] - ns[0]) * tsc_per_ns()));
	json_object_array_add(list, row);
	if (!json)
		printf("%-18s %10.2f %10.2f %10.2f %10.1f\n", name, ns[0], ns[1], ns[1] - ns[0], (ns[1] - ns[0]) * tsc_per_ns());
}

int bench_audit(const char *dir, json_object *out)
{
	struct moat_object *none = load(dir, MOAT_MODE_NONE), *based = load(dir, MOAT_MODE_BASEREG);
	json_object *list = json_object_new_array();
	struct moat_program *p = NULL, *q;
	double ns[2] = { 0 }, audit[16];
	int n = 0;

	if (!json)
		printf("\nns per helper call       none    basereg      audit     cycles\n");
	while (none && based && n < 16 && (p = moat_object__next_program(none, p))) {
		q = moat_object__find_program_by_name(based, moat_program__name(p));
		measure(p, q, ns);
		put_row(list, moat_program__name(p), ns);
		audit[n++] = ns[1] - ns[0];
	}
	moat_object__close(none);
	moat_object__close(based);
	json_object_object_add(out, "audit", list);
	if (!n)
		return -ENOENT;
	qsort(audit, n, sizeof(*audit), by_value);
	json_object_object_add(out, "audit_median_ns", json_object_new_double(audit[n / 2]));
	if (!json)
		printf("%-40s %10.2f\n", "median", audit[n / 2]);
	return 0;
}
