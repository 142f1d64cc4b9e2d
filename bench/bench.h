/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the parts of the benchmark share: timing, the packet, tables. */
#ifndef MOAT_BENCH_H
#define MOAT_BENCH_H

#include <json-c/json.h>
#include <moat/moat.h>

#define MAX_VARIANTS	12

/* One way to run a program; columns of the tables. */
struct variant {
	const char *name;
	enum moat_mode mode;
	__u8 form;		/* base form: 0 chosen, 1 register, 2 segment */
	bool kernel;
	bool unmetered;		/* as the kernel, which does not count what loops do */
	const char *absent;	/* why it cannot be run here, or NULL */
};

extern struct variant variants[MAX_VARIANTS];
extern int nr_variants;
extern bool json;		/* machine output only */
extern int rounds;		/* each figure is the best of so many, interleaved */

/* The packet that all programs get: Ethernet, IPv4, UDP. */
extern __u8 packet[1400];
#define SMALL_PACKET	256

double now_ns(void);
double tsc_per_ns(void);
__u64 tsc(void);

/* Parts; each adds its object to @out and prints its table unless json. */
int bench_programs(const char *dir, json_object *out);
int bench_gates(const char *dir, json_object *out);
int bench_audit(const char *dir, json_object *out);
int bench_compile(json_object *out);
int bench_domains(json_object *out);

/* Kernel side (kernel.c): -errno; the object stays loaded. */
int kernel_load(const char *path, void **obj);
int kernel_prog(void *obj, const char *name);
/*
 * ns per run, as the kernel measured it (whole ns; it leaves out the time that
 * other tasks had), or 0.
 */
double kernel_run(int fd, const void *data, __u32 size, __u32 repeat);
int kernel_code_bytes(int fd);

struct moat_object *moat_load(const char *path, const struct variant *v);
int moat_run_repeat(struct moat_program *prog, const void *data, __u32 size, __u32 repeat);
double geomean(const double *ratio, int n);

#endif
