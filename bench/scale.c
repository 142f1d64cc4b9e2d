/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Compile time per instruction, and the cost of many domains. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define OP(...)	(struct bpf_insn) { __VA_ARGS__ }
#define MOV_X(d, s)	OP(.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = d, .src_reg = s)
#define MOV_K(d, n)	OP(.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = d, .imm = n)
#define ALU_X(f, d, s)	OP(.code = BPF_ALU64 | f | BPF_X, .dst_reg = d, .src_reg = s)
#define ALU_K(f, d, n)	OP(.code = BPF_ALU64 | f | BPF_K, .dst_reg = d, .imm = n)
#define LOAD(b, d, s, o) OP(.code = BPF_LDX | BPF_MEM | b, .dst_reg = d, .src_reg = s, .off = o)
#define STORE(b, d, o, s) OP(.code = BPF_STX | BPF_MEM | b, .dst_reg = d, .src_reg = s, .off = o)
#define JUMP_K(f, d, n, o) OP(.code = BPF_JMP | f | BPF_K, .dst_reg = d, .imm = n, .off = o)
#define JUMP_X(f, d, s, o) OP(.code = BPF_JMP | f | BPF_X, .dst_reg = d, .src_reg = s, .off = o)
#define CALL(h)		OP(.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_##h)

/* Arithmetic, frame accesses, loads, short branches; nothing to analyse. */
static const struct bpf_insn straight[] = {
	ALU_X(BPF_ADD, 3, 4), STORE(BPF_DW, 10, -8, 3), LOAD(BPF_W, 4, 6, 4), ALU_K(BPF_XOR, 4, 0x1234567),
	JUMP_K(BPF_JEQ, 4, 7, 1), MOV_X(5, 4), ALU_K(BPF_LSH, 5, 3), STORE(BPF_W, 6, 12, 5),
};

/* A helper call every ten instructions, numbers that go through branches, spills, and a loop. */
static const struct bpf_insn calls[] = {
	LOAD(BPF_W, 7, 6, 0), ALU_K(BPF_AND, 7, 0xff), STORE(BPF_DW, 10, -8, 7), JUMP_K(BPF_JGT, 7, 100, 1),
	ALU_K(BPF_ADD, 7, 3),
	MOV_X(1, 10), ALU_K(BPF_ADD, 1, -8), MOV_K(2, 8), MOV_K(3, 0), MOV_K(4, 0), MOV_X(5, 7), CALL(csum_diff),
	MOV_K(8, 4),
	ALU_X(BPF_ADD, 9, 0), ALU_X(BPF_XOR, 9, 8), ALU_K(BPF_LSH, 9, 1), CALL(get_prandom_u32), ALU_K(BPF_ADD, 8, -1),
	JUMP_K(BPF_JNE, 8, 0, -6),
	JUMP_K(BPF_JSGT, 0, 5, 2), ALU_X(BPF_ADD, 9, 0), STORE(BPF_W, 10, -16, 9),
	MOV_X(1, 6), MOV_K(2, 14), MOV_X(3, 10), ALU_K(BPF_ADD, 3, -16), MOV_K(4, 8), CALL(skb_load_bytes),
	LOAD(BPF_DW, 3, 10, -16), JUMP_X(BPF_JEQ, 3, 7, 1), ALU_X(BPF_SUB, 9, 3), MOV_X(0, 9),
};

static const struct shape {
	const char *name;
	const struct bpf_insn *insn;
	__u32 nr;
	bool local;		/* each piece ends with a call of a function, of which there are some */
} shapes[] = {
	{ "straight", straight, sizeof(straight) / sizeof(*straight), false },
	{ "calls", calls, sizeof(calls) / sizeof(*calls), false },
	{ "functions", calls, sizeof(calls) / sizeof(*calls), true },
};

/* R6 is the context, so many whole pieces, filled up with moves. */
static void fill_function(struct bpf_insn *insn, __u32 n, const struct shape *s)
{
	__u32 i = 0;

	insn[i++] = MOV_X(6, 1);
	for (; i + s->nr + 2 <= n; i += s->nr)
		memcpy(&insn[i], s->insn, s->nr * sizeof(*insn));
	while (i < n - 1)
		insn[i++] = MOV_K(0, 0);
	insn[i] = OP(.code = BPF_JMP | BPF_EXIT);
}

/* A long program of one shape, with a function of one piece for every 1024 instructions, up to 200. */
static void fill(struct bpf_insn *insn, __u32 n, const struct shape *s)
{
	__u32 each = s->nr + 4, functions = !s->local ? 0 : n / 1024 < 200 ? n / 1024 : 200, main = n - functions * each, i;

	fill_function(insn, main, s);
	for (i = 0; i < functions; i++)
		fill_function(&insn[main + i * each], each, s);
	for (i = s->nr; functions && i + 2 < main; i += s->nr) {
		insn[i - 1] = MOV_X(1, 6);
		insn[i] = OP(.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL);
		insn[i].imm = main + i / s->nr % functions * each - (i + 1);
	}
}

/* Of this process alone: others may be on the machine. */
static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* What was measured of one program. */
struct figures {
	double ns;		/* CPU time of moat_object__load(), the best round's */
	__u32 calls, proved;	/* of them analysis says something */
};

static int count_proved(const struct moat_program *prog, struct figures *f)
{
	struct moat_call_audit *call = NULL;
	int err = moat_program__audit(prog, &call, &f->calls);
	__u32 i;

	for (f->proved = i = 0; !err && i < f->calls; i++)
		f->proved += call[i].proved;
	free(call);
	return err;
}

static int load_once(const struct bpf_insn *insn, __u32 n, struct figures *f)
{
	MOAT_OPEN_OPTS(opts, .mode = MOAT_MODE_BASEREG);
	struct moat_object *obj = moat_object__open_insns(insn, n, &opts);
	struct moat_program *prog = obj ? moat_object__next_program(obj, NULL) : NULL;
	double start;
	int err;

	if (!prog)
		return -errno;
	moat_program__set_type(prog, BPF_PROG_TYPE_SCHED_CLS);
	start = cpu_ns();
	err = moat_object__load(obj);
	start = cpu_ns() - start;
	if (!f->ns || start < f->ns)
		f->ns = start;
	if (!err && !f->calls)
		err = count_proved(prog, f);
	moat_object__close(obj);
	return err;
}

static void put_figures(json_object *list, const struct shape *s, __u32 n, const struct figures *f)
{
	json_object *row = json_object_new_object();

	json_object_object_add(row, "shape", json_object_new_string(s->name));
	json_object_object_add(row, "instructions", json_object_new_int(n));
	json_object_object_add(row, "calls", json_object_new_int(f->calls));
	json_object_object_add(row, "calls_analysed", json_object_new_int(f->proved));
	json_object_object_add(row, "ns_per_instruction", json_object_new_double(f->ns / n));
	json_object_object_add(row, "mb_per_s", json_object_new_double(n * 8e3 / f->ns));
	json_object_array_add(list, row);
	if (!json)
		printf("%-10s %12u %8u %9u %11.1f %15.1f %7.1f\n", s->name, n, f->calls, f->proved, f->ns / 1000, f->ns / n,
		       n * 8e3 / f->ns);
}

int bench_compile(json_object *out)
{
	static const __u32 lengths[] = { 64, 1024, 16384, 65536, 262144, 1000000 };
	json_object *list = json_object_new_array();
	struct bpf_insn *insn = calloc(1000000, sizeof(*insn));
	size_t i, k;
	int round, err = insn ? 0 : -ENOMEM;

	if (!json)
		printf("\nload (basereg)  instructions  calls  analysed    CPU us  ns/instruction    MB/s of bytecode\n");
	for (k = 0; !err && k < sizeof(shapes) / sizeof(*shapes); k++) {
		for (i = 0; !err && i < sizeof(lengths) / sizeof(*lengths); i++) {
			struct figures f = { 0 };

			fill(insn, lengths[i], &shapes[k]);
			for (round = 0; !err && round < 5; round++)
				err = load_once(insn, lengths[i], &f);
			if (!err)
				put_figures(list, &shapes[k], lengths[i], &f);
		}
	}
	json_object_object_add(out, "compile", list);
	free(insn);
	return err;
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
