/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ns per run of each program in every mode, relative to mode none. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define MAX_PROGRAMS	64
#define ROUND_NS	2e6	/* how long one measurement lasts */

struct row {
	char name[64];
	const char *kind;		/* the file it is from */
	__u32 size;			/* of the packet */
	struct moat_program *prog[MAX_VARIANTS];
	int fd;
	__u32 repeat;
	double ns[MAX_VARIANTS];	/* 0: not measured */
	__u32 bytes[MAX_VARIANTS];
};

static const char *const files[] = { "compute", "packet", "stream" };
static struct row rows[MAX_PROGRAMS];
static int nr_rows;

double geomean(const double *ratio, int n)
{
	double sum = 0;
	int i;

	for (i = 0; i < n; i++)
		sum += log(ratio[i]);
	return n ? exp(sum / n) : 0;
}

static bool present(const struct row *r, int v)
{
	return variants[v].kernel ? r->fd >= 0 : r->prog[v] != NULL;
}

static double measure(struct row *r, int v)
{
	double start = now_ns();

	if (variants[v].kernel)
		return kernel_run(r->fd, packet, r->size, r->repeat);
	if (moat_run_repeat(r->prog[v], packet, r->size, r->repeat))
		return 0;
	return (now_ns() - start) / r->repeat;
}

/* So many repetitions that one measurement takes about ROUND_NS. */
static void calibrate(struct row *r)
{
	double ns;

	for (r->repeat = 16; r->repeat < 1 << 24; r->repeat *= 4) {
		ns = measure(r, 0);
		if (ns * r->repeat > ROUND_NS / 8)
			break;
	}
	if (ns > 0)
		r->repeat = ROUND_NS / ns + 1;
}

static void collect(const char *path, const char *kind)
{
	struct moat_object *obj[MAX_VARIANTS] = { 0 };
	struct moat_program *p = NULL;
	void *kernel = NULL;
	int v;

	for (v = 0; v < nr_variants; v++) {
		if (variants[v].absent)
			continue;
		if (variants[v].kernel) {
			int err = kernel_load(path, &kernel);

			if (err)
				variants[v].absent = err == -EPERM ? "bpf(2) is not allowed" : "the kernel refused the object";
		} else {
			obj[v] = moat_load(path, &variants[v]);
		}
	}
	while (obj[0] && (p = moat_object__next_program(obj[0], p)) && nr_rows < MAX_PROGRAMS) {
		struct row *r = &rows[nr_rows++];

		snprintf(r->name, sizeof(r->name), "%s", moat_program__name(p));
		r->kind = kind;
		r->size = strcmp(r->name, "payload_sum") ? SMALL_PACKET : sizeof(packet);
		r->fd = kernel ? kernel_prog(kernel, r->name) : -1;
		for (v = 0; v < nr_variants; v++) {
			struct moat_code code;

			if (obj[v])
				r->prog[v] = moat_object__find_program_by_name(obj[v], r->name);
			if (r->prog[v] && !moat_program__code(r->prog[v], &code))
				r->bytes[v] = code.bytes;
			else if (variants[v].kernel && r->fd >= 0)
				r->bytes[v] = kernel_code_bytes(r->fd);
		}
	}
}

static void measure_all(void)
{
	int round, i, v;

	for (i = 0; i < nr_rows; i++)
		calibrate(&rows[i]);
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < nr_rows; i++) {
			for (v = 0; v < nr_variants; v++) {
				double ns = present(&rows[i], v) ? measure(&rows[i], v) : 0;

				if (ns > 0 && (!rows[i].ns[v] || ns < rows[i].ns[v]))
					rows[i].ns[v] = ns;
			}
		}
		if (!json)
			fprintf(stderr, "\rround %d of %d", round + 1, rounds);
	}
	if (!json)
		fprintf(stderr, "\r%20s\r", "");
}

/* Geometric mean of column @v over column @base, of the rows of @kind (NULL: all) that have both. */
static double column_mean(int v, int base, bool bytes, const char *kind)
{
	double ratio[MAX_PROGRAMS];
	int i, n = 0;

	for (i = 0; i < nr_rows; i++) {
		double a = bytes ? rows[i].bytes[v] : rows[i].ns[v], b = bytes ? rows[i].bytes[base] : rows[i].ns[base];

		if (a > 0 && b > 0 && (!kind || rows[i].kind == kind))
			ratio[n++] = a / b;
	}
	return geomean(ratio, n);
}

static void print_means(const char *title, bool bytes, const char *kind)
{
	int v;

	printf("\n%-16s", title);
	for (v = 0; v < nr_variants; v++) {
		double mean = column_mean(v, 0, bytes, kind);

		if (mean > 0)
			printf(" %16.3f ", mean);
		else
			printf(" %17s", "-");
	}
}

static void print_table(void)
{
	int i, v;

	printf("\nns per run, and relative to %s (best of %d interleaved rounds)\n%-16s", variants[0].name, rounds, "");
	for (v = 0; v < nr_variants; v++)
		printf(" %17s", variants[v].name);
	for (i = 0; i < nr_rows; i++) {
		printf("\n%-16s", rows[i].name);
		for (v = 0; v < nr_variants; v++) {
			if (rows[i].ns[v] > 0)
				printf(" %9.1f  (%4.2f)", rows[i].ns[v], rows[i].ns[v] / rows[i].ns[0]);
			else
				printf(" %17s", "-");
		}
	}
	print_means("geometric mean", false, NULL);
	print_means("  compute", false, files[0]);
	print_means("  packet", false, files[1]);
	print_means("  stream", false, files[2]);
	print_means("code size", true, NULL);
	printf("\n");
	for (v = 0; v < nr_variants; v++)
		if (variants[v].absent)
			printf("%s: not measured: %s\n", variants[v].name, variants[v].absent);
}

/* Like with like: one layer more, everything else the same. */
static const struct { const char *what, *v, *base; } pairs[] = {
	{ "basereg over none, both unmetered", "basereg unmet.", "none unmetered" },
	{ "basereg over none, both metered", "basereg", "none" },
	{ "metering alone: none over none unmetered", "none", "none unmetered" },
	{ "both: basereg over none unmetered", "basereg", "none unmetered" },
	{ "none unmetered over the kernel's JIT", "none unmetered", "kernel" },
};

static int variant_named(const char *name)
{
	int v;

	for (v = 0; v < nr_variants && strcmp(variants[v].name, name); v++)
		;
	return v;
}

/* Each pair's ratio of time and of code size: a line each, or members of @out. */
static void tell_pairs(json_object *out)
{
	json_object *o;
	size_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		int v = variant_named(pairs[i].v), base = variant_named(pairs[i].base);
		double time = column_mean(v, base, false, NULL), size = column_mean(v, base, true, NULL);

		if (time <= 0)
			continue;
		if (!out) {
			printf("%-42s %.3f (compute %.3f, packet %.3f, stream %.3f), code size %.3f\n", pairs[i].what, time,
			       column_mean(v, base, false, files[0]), column_mean(v, base, false, files[1]),
			       column_mean(v, base, false, files[2]), size);
			continue;
		}
		o = json_object_new_object();
		json_object_object_add(o, "time", json_object_new_double(time));
		json_object_object_add(o, "code_size", json_object_new_double(size));
		json_object_object_add(out, pairs[i].what, o);
	}
}

static void add_json(json_object *out)
{
	json_object *ratios = json_object_new_object();
	json_object *list = json_object_new_array(), *mean = json_object_new_object();
	int i, v;

	for (i = 0; i < nr_rows; i++) {
		json_object *row = json_object_new_object();

		json_object_object_add(row, "name", json_object_new_string(rows[i].name));
		for (v = 0; v < nr_variants; v++)
			if (rows[i].ns[v] > 0)
				json_object_object_add(row, variants[v].name, json_object_new_double(rows[i].ns[v]));
		json_object_array_add(list, row);
	}
	for (v = 0; v < nr_variants; v++)
		if (!variants[v].absent)
			json_object_object_add(mean, variants[v].name,
					       json_object_new_double(column_mean(v, 0, false, NULL)));
	json_object_object_add(out, "ns_per_run", list);
	json_object_object_add(out, "geomean_over_none_unmetered", mean);
	tell_pairs(ratios);
	json_object_object_add(out, "geomeans", ratios);
}

int bench_programs(const char *dir, json_object *out)
{
	char path[4096];
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s.bpf.o", dir, files[i]);
		collect(path, files[i]);
	}
	if (!nr_rows)
		return -ENOENT;
	measure_all();
	add_json(out);
	if (!json) {
		print_table();
		tell_pairs(NULL);
	}
	return 0;
}
