/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Run each program of the benchmark's objects under count-plugin.c: count {none|basereg}[-unmetered] OBJECT...
 *
 * One mode at a time: maps are then at the same offsets in both, and take as many instructions to name.
 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <moat/moat.h>

#define MARK	0x4d6f6174	/* count-plugin.c */
enum { MARK_CODE, MARK_ZERO, MARK_TELL };
#define RUNS	16	/* count-arm64.sh divides by it */

struct variant {
	const char *name;
	enum moat_mode mode;
	bool unmetered;
};

static const struct variant variants[] = {
	{ "none", MOAT_MODE_NONE, false },
	{ "basereg", MOAT_MODE_BASEREG, false },
	{ "none-unmetered", MOAT_MODE_NONE, true },
	{ "basereg-unmetered", MOAT_MODE_BASEREG, true },
};

static __u8 packet[1400];

static struct moat_object *load(const char *path, const struct variant *v)
{
	MOAT_OPEN_OPTS(opts, .mode = v->mode, .unmetered = v->unmetered);
	struct moat_object *obj = moat_object__open_file(path, &opts);
	__u32 key[2] = { 8, 10 }, port = 3;
	struct moat_map *routes;

	if (!obj || moat_object__load(obj))
		return NULL;
	routes = moat_object__find_map_by_name(obj, "routes");
	if (routes)
		moat_map__update_elem(routes, key, sizeof(key), &port, sizeof(port), BPF_ANY);
	return obj;
}

/* Label 0 is what nothing is said of; the others are enum moat_mark_kind + 1. */
static void count_code(const struct moat_code *code)
{
	__u32 i;

	syscall(MARK, MARK_CODE, code->address, (unsigned long)code->bytes, 0ul);
	for (i = 0; i < code->nr_marks; i++) {
		const struct moat_mark *m = &code->marks[i];

		syscall(MARK, MARK_CODE, code->address + m->start, (unsigned long)(m->end - m->start), m->kind + 1ul);
	}
}

/* Accesses that do not go through R10 (those need no base register), and how many of them have offset 0. */
static void count_accesses(const struct moat_program *prog, __u32 *all, __u32 *zero)
{
	const struct bpf_insn *insn = moat_program__insns(prog);
	__u32 i, base, mode;

	for (i = 0, *all = 0, *zero = 0; i < moat_program__insn_cnt(prog); i++) {
		mode = BPF_MODE(insn[i].code);
		if (insn[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			i++;
			continue;
		}
		if (BPF_CLASS(insn[i].code) < BPF_LDX || BPF_CLASS(insn[i].code) > BPF_STX ||
		    (mode != BPF_MEM && mode != BPF_ATOMIC))
			continue;
		base = BPF_CLASS(insn[i].code) == BPF_LDX ? insn[i].src_reg : insn[i].dst_reg;
		*all += base != BPF_REG_10;
		*zero += base != BPF_REG_10 && !insn[i].off;
	}
}

static int count(struct moat_program *prog, const struct variant *v)
{
	__u32 size = strcmp(moat_program__name(prog), "payload_sum") ? 256 : sizeof(packet);
	MOAT_RUN_OPTS(opts, .data_in = packet, .data_size_in = size, .repeat = RUNS);
	struct moat_code code;
	__u32 all, zero;
	char name[200];
	int err;

	err = moat_program__code(prog, &code);
	if (err)
		return err;
	count_code(&code);
	syscall(MARK, MARK_ZERO);
	err = moat_program__run_opts(prog, &opts);
	count_accesses(prog, &all, &zero);
	snprintf(name, sizeof(name), "%s %s %u %zu %u %u", moat_program__name(prog), v->name, code.bytes,
		 moat_program__insn_cnt(prog), all, zero);
	syscall(MARK, MARK_TELL, name);
	return err;
}

static int count_all(const char *path, const struct variant *v)
{
	struct moat_object *obj = load(path, v);
	struct moat_program *prog = NULL;
	int failed = 0;

	if (!obj)
		return 1;
	while ((prog = moat_object__next_program(obj, prog)))
		failed |= count(prog, v) != 0;
	return failed;
}

int main(int argc, char **argv)
{
	static const __u8 head[] = {	/* as bench.c's */
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, 0x05, 0x6a, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0x12, 0x34, 0, 53, 0x05, 0x56, 0, 0,
	};
	const size_t nr = sizeof(variants) / sizeof(variants[0]);
	size_t v = 0;
	int i, failed = 0;

	while (argc > 1 && v < nr && strcmp(argv[1], variants[v].name))
		v++;
	if (argc < 3 || v == nr) {
		fprintf(stderr, "usage: count {none|basereg}[-unmetered] OBJECT...\n");
		return 2;
	}

	memcpy(packet, head, sizeof(head));
	for (i = sizeof(head); i < (int)sizeof(packet); i++)
		packet[i] = i * 7;
	for (i = 2; i < argc; i++)
		failed |= count_all(argv[i], &variants[v]);
	return failed;
}
