/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps with a value for each CPU, wherever the values lie: see maps.c. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../check.h"
#include "../insns.h"
#include "heap.h"
#include "sys.h"

#define ENTRIES	40

struct kind {
	const char *name;
	enum bpf_map_type type;
	u32 flags, value;
};

static const struct kind kinds[] = {
	{ "array/8", BPF_MAP_TYPE_PERCPU_ARRAY, 0, 8 },
	{ "array/100", BPF_MAP_TYPE_PERCPU_ARRAY, 0, 100 },
	{ "hash/8", BPF_MAP_TYPE_PERCPU_HASH, 0, 8 },
	{ "hash/100", BPF_MAP_TYPE_PERCPU_HASH, 0, 100 },
	{ "alloc/12", BPF_MAP_TYPE_PERCPU_HASH, BPF_F_NO_PREALLOC, 12 },
	{ "lru/8", BPF_MAP_TYPE_LRU_PERCPU_HASH, 0, 8 },
};

static int cpus;
static u8 *want, *got;

/* The values of @key, all CPUs' in a row, in round @seed.  What is behind a value is 0. */
static void fill(const struct kind *k, u32 key, u32 seed)
{
	u32 step = (k->value + 7) & ~7u, b;
	int cpu;

	memset(want, 0, step * (u32)cpus);
	for (cpu = 0; cpu < cpus; cpu++)
		for (b = 0; b < k->value; b++)
			want[(u32)cpu * step + b] = (u8)(key * 5 + seed * 17 + (u32)cpu * 101 + b);
}

static bool has(const struct kind *k, int map, u32 key)
{
	u32 step = (k->value + 7) & ~7u;

	memset(got, 0xee, step * (u32)cpus);
	return !bpf_map_lookup_elem(map, &key, got) && !memcmp(got, want, step * (u32)cpus);
}

static void check_values(const struct kind *k, int map)
{
	u32 seed, key, bad = 0;

	for (seed = 0; seed < 3; seed++)
		for (key = 0; key < ENTRIES; key++) {
			fill(k, key, seed);
			bad += bpf_map_update_elem(map, &key, want, BPF_ANY) != 0;
		}
	CHECK(!bad, "%s: %u updates fail", k->name, bad);
	for (key = 0; key < ENTRIES; key++) {
		fill(k, key, 2);
		bad += !has(k, map, key);
	}
	/* Of the ones used least, an LRU map may drop some. */
	CHECK(!bad || k->type == BPF_MAP_TYPE_LRU_PERCPU_HASH, "%s: %u values are wrong", k->name, bad);
}

/* A program that adds 1 to the first byte of value 7 of its CPU; 2: there is none. */
static int load(const struct kind *k, int map)
{
	struct bpf_insn insn[] = {
		ST(BPF_W, 10, -4, 7), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -4),
		INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map), INSN(0, 0, 0, 0, 0),
		CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 2), EXIT,
		LDX(BPF_B, 1, 0, 0), ALU64_K(BPF_ADD, 1, 1), STX(BPF_B, 0, 1, 0), MOV_K(0, 1), EXIT,
	};
	int prog = sys_load_logged(BPF_PROG_TYPE_SOCKET_FILTER, insn, sizeof(insn) / sizeof(*insn));

	CHECK(prog >= 0, "%s: the program is refused: %s\n%s", k->name, strerror(-prog), sys_log);
	return prog;
}

/* On each CPU in turn the program changes that CPU's value and no other. */
static void check_program(const struct kind *k, int map)
{
	u32 step = (k->value + 7) & ~7u, key = 7, result = 0;
	int prog = load(k, map), cpu;
	u8 packet[64] = { 0 };

	fill(k, key, 1);
	bpf_map_update_elem(map, &key, want, BPF_ANY);
	for (cpu = 0; prog >= 0 && cpu < cpus; cpu++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			continue;	/* not online */
		CHECK(!sys_run(prog, packet, sizeof(packet), 2, &result) && result == 1, "%s: it ends with %u", k->name,
		      result);
		want[(u32)cpu * step] += 2;
		CHECK(has(k, map, key), "%s: on CPU %d its value becomes %u, not %u, or another changes", k->name, cpu,
		      got[(u32)cpu * step], want[(u32)cpu * step]);
	}
	if (prog >= 0 && k->type != BPF_MAP_TYPE_PERCPU_ARRAY) {
		bpf_map_delete_elem(map, &key);
		CHECK(!sys_run(prog, packet, sizeof(packet), 1, &result) && result == 2, "%s: it finds what is not there",
		      k->name);
	}
	close(prog);
}

static void check_kind(const struct kind *k, bool in_heap, long start)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = k->flags);
	long before = heap_pages_settled(start), now;
	int map = bpf_map_create(k->type, "moat_percpu", 4, k->value, ENTRIES, &opts);

	if (!CHECK(map >= 0, "%s cannot be made: %s", k->name, strerror(errno)))
		return;
	now = heap_pages();
	CHECK(now < 0 || (now > before) == in_heap, "%s takes %ld pages of the heap", k->name, now - before);
	check_values(k, map);
	check_program(k, map);
	close(map);
}

int main(int argc, char **argv)
{
	bool in_heap = argc > 1 && !strcmp(argv[1], "heap");
	long start = heap_pages_at_rest();
	size_t i;

	cpus = libbpf_num_possible_cpus();
	want = calloc((size_t)cpus, 128);
	got = calloc((size_t)cpus, 128);
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		check_kind(&kinds[i], in_heap, start);
	if (start < 0)
		SKIP("heap", "this kernel tells nothing of one");
	else
		CHECK(heap_pages_settled(start) == start, "%ld pages of the heap are left", heap_pages() - start);
	free(want);
	free(got);
	return check_done();
}
