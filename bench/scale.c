/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Compile time per instruction, and the cost of many domains. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/*
 * A long program of ordinary instructions: arithmetic, frame accesses, loads, short branches; with @calls
 * a helper call now and then, so that it is analysed too.
 */
static void fill(struct bpf_insn *insn, __u32 n, bool calls)
{
	static const struct bpf_insn mix[] = {
		{ .code = BPF_ALU64 | BPF_ADD | BPF_X, .dst_reg = 3, .src_reg = 4 },
		{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 10, .src_reg = 3, .off = -8 },
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 4, .src_reg = 1, .off = 4 },
		{ .code = BPF_ALU | BPF_XOR | BPF_K, .dst_reg = 4, .imm = 0x1234567 },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 4, .off = 1, .imm = 7 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 5, .src_reg = 4 },
		{ .code = BPF_ALU64 | BPF_LSH | BPF_K, .dst_reg = 5, .imm = 3 },
		{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 5 },
	};
	__u32 i;

	for (i = 0; i < n; i++)
		insn[i] = mix[i % 8];
	for (i = 31; calls && i < n; i += 32)
		insn[i] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ktime_get_ns };
	insn[n - 2] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K };
	insn[n - 1] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
}

static double compile_ns(const struct bpf_insn *insn, __u32 n, enum moat_mode mode)
{
	MOAT_OPEN_OPTS(opts, .mode = mode);
	struct moat_program_stats stats = { .sz = sizeof(stats) };
	double best = 0;
	int round;

	for (round = 0; round < 3; round++) {
		struct moat_object *obj = moat_object__open_insns(insn, n, &opts);
		struct moat_program *prog = obj ? moat_object__next_program(obj, NULL) : NULL;

		if (prog && !moat_object__load(obj) && !moat_program__stats(prog, &stats) &&
		    (!best || stats.compile_ns < best))
			best = stats.compile_ns;
		moat_object__close(obj);
	}
	return best;
}

int bench_compile(json_object *out)
{
	static const __u32 lengths[] = { 16, 256, 4096, 65536, 1000000 };
	json_object *list = json_object_new_array();
	struct bpf_insn *insn = calloc(1000000, sizeof(*insn));
	size_t i;

	if (!insn)
		return -ENOMEM;
	if (!json)
		printf("\ncompile (basereg)  instructions         us   ns per instruction   MB/s of bytecode\n");
	for (i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
		__u32 length = lengths[i / 2];
		bool calls = i & 1;
		json_object *row = json_object_new_object();
		double ns;

		fill(insn, length, calls);
		ns = compile_ns(insn, length, MOAT_MODE_BASEREG);
		json_object_object_add(row, "instructions", json_object_new_int(length));
		json_object_object_add(row, "calls", json_object_new_boolean(calls));
		json_object_object_add(row, "ns_per_instruction", json_object_new_double(ns / length));
		json_object_array_add(list, row);
		if (!json)
			printf("%-18s %12u %10.1f %20.1f %18.1f\n", calls ? "  with calls" : "", length, ns / 1000, ns / length,
			       ns ? length * 8e3 / ns : 0);
	}
	json_object_object_add(out, "compile", list);
	free(insn);
	return 0;
}

static long resident_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long total = 0, resident = 0;

	if (f) {
		if (fscanf(f, "%ld %ld", &total, &resident) != 2)
			resident = 0;
		fclose(f);
	}
	return resident * 4;
}

static const struct bpf_insn small[] = {
	{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 0, .src_reg = 1 },
	{ .code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 10, .src_reg = 0, .off = -8 },
	{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 0, .src_reg = 10, .off = -8 },
	{ .code = BPF_JMP | BPF_EXIT },
};

/* Average ns of one run in each of @n domains in turn: no domain is warm. */
static double round_robin(struct moat_object **obj, int n)
{
	__u8 data[64] = { 1 };
	double start, ns, best = 0;
	int round, i;

	for (round = 0; round < 3; round++) {
		start = now_ns();
		for (i = 0; i < n; i++)
			moat_run_repeat(moat_object__next_program(obj[i], NULL), data, sizeof(data), 1);
		ns = (now_ns() - start) / n;
		if (!best || ns < best)
			best = ns;
	}
	return best;
}

int bench_domains(json_object *out)
{
	static const int counts[] = { 1, 10, 100, 1000, 10000 };
	json_object *list = json_object_new_array();
	struct moat_object **obj = calloc(10000, sizeof(*obj));
	MOAT_OPEN_OPTS(opts, .mode = MOAT_MODE_BASEREG);
	long before = resident_kb();
	int live = 0;
	size_t i;

	if (!json)
		printf("\ndomains (basereg)     us per load   ns per entry (each in turn)   KiB each\n");
	for (i = 0; obj && i < sizeof(counts) / sizeof(counts[0]); i++) {
		double start = now_ns(), load, entry;
		json_object *row = json_object_new_object();
		int first = live;

		for (; live < counts[i]; live++) {
			obj[live] = moat_object__open_insns(small, sizeof(small) / sizeof(small[0]), &opts);
			if (!obj[live] || moat_object__load(obj[live]))
				break;
		}
		if (live < counts[i]) {
			printf("only %d domains could be created\n", live);
			break;
		}
		load = (now_ns() - start) / (live - first) / 1000;
		entry = round_robin(obj, live);
		json_object_object_add(row, "domains", json_object_new_int(live));
		json_object_object_add(row, "us_per_load", json_object_new_double(load));
		json_object_object_add(row, "ns_per_entry", json_object_new_double(entry));
		json_object_array_add(list, row);
		if (!json)
			printf("%17d %15.1f %29.1f %10.1f\n", live, load, entry, (double)(resident_kb() - before) / live);
	}
	json_object_object_add(out, "domains", list);
	for (i = 0; obj && i < 10000 && obj[i]; i++)
		moat_object__close(obj[i]);
	free(obj);
	return 0;
}
