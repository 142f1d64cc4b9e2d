/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* bpf_for_each_map_elem(): all elements, or as many as are asked for, with their keys and values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../check.h"
#include "order.h"

#define ENTRIES	20

static const struct {
	const char *name;
	enum bpf_map_type type;
	u32 key;
} kinds[] = {
	{ "array", BPF_MAP_TYPE_ARRAY, 4 },
	{ "percpu array", BPF_MAP_TYPE_PERCPU_ARRAY, 4 },
	{ "hash", BPF_MAP_TYPE_HASH, 4 },
	{ "hash/200", BPF_MAP_TYPE_HASH, 200 },
	{ "percpu hash", BPF_MAP_TYPE_PERCPU_HASH, 13 },
	{ "lru", BPF_MAP_TYPE_LRU_HASH, 8 },
};

/*
 * The callback adds key and value to a sum, adds 1 to the value, and copies the element to @copy; it ends the walk when it
 * has been called order->flags times.  got: the sum, ret: what the helper returned.
 */
static int load(int map, int copy)
{
	const struct bpf_insn insn[] = {
		ORDER, ST(BPF_DW, 10, -16, 0), LDX(BPF_W, 1, 6, AT(flags)), STX(BPF_DW, 10, 1, -8),
		LD_FD(1, map), LD_FUNC(2, 10), MOV_X(3, 10), ALU64_K(BPF_ADD, 3, -16), MOV_K(4, 0),
		CALL(BPF_FUNC_for_each_map_elem), LDX(BPF_DW, 1, 10, -16), STX(BPF_DW, 6, 1, AT(got)), DONE,
		/* the callback: instruction 19 */
		MOV_X(7, 4), MOV_X(8, 3),
		LDX(BPF_W, 5, 2, 0), LDX(BPF_DW, 0, 3, 0), ALU64_X(BPF_ADD, 5, 0), ALU64_K(BPF_ADD, 0, 1), STX(BPF_DW, 3, 0, 0),
		LDX(BPF_DW, 0, 4, 0), ALU64_X(BPF_ADD, 0, 5), STX(BPF_DW, 4, 0, 0),
		LD_FD(1, copy), MOV_X(3, 8), MOV_K(4, 0), CALL(BPF_FUNC_map_update_elem),
		LDX(BPF_DW, 0, 7, 8), ALU64_K(BPF_ADD, 0, -1), STX(BPF_DW, 7, 0, 8),
		JMP_K(BPF_JEQ, 0, 0, 2), MOV_K(0, 0), EXIT, MOV_K(0, 1), EXIT,
	};

	return order_load(insn, sizeof(insn) / sizeof(*insn), "each");
}

static void set_all(u32 i, int map, u64 *values, int cpus)
{
	u8 key[200] = { 0 };
	u32 k;
	int cpu;

	for (k = 0; k < ENTRIES; k++) {
		memcpy(key, &k, sizeof(k));
		for (cpu = 0; cpu < cpus; cpu++)
			values[cpu] = 1000 + k;
		CHECK(!bpf_map_update_elem(map, key, values, BPF_ANY), "%s: %s", kinds[i].name, strerror(errno));
	}
}

/* Of all elements, the copies have what the values were when they were met, and 1. */
static void check_copies(u32 i, int copy)
{
	u8 key[200] = { 0 };
	u32 k, bad = 0;
	u64 value;

	for (k = 0; k < ENTRIES; k++) {
		memcpy(key, &k, sizeof(k));
		bad += bpf_map_lookup_elem(copy, key, &value) || value != 1001 + k;
	}
	CHECK(!bad, "%s: %u elements have other keys or values", kinds[i].name, bad);
}

static void check_kind(u32 i, u64 *values, int cpus)
{
	int map = bpf_map_create(kinds[i].type, "moat_each", kinds[i].key, 8, ENTRIES, NULL);
	int copy = bpf_map_create(BPF_MAP_TYPE_HASH, "moat_copy", kinds[i].key, 8, ENTRIES, NULL), prog;
	u32 sum = 0, k;

	if (!CHECK(map >= 0 && copy >= 0, "%s: %s", kinds[i].name, strerror(errno)))
		return;
	for (k = 0; k < ENTRIES; k++)
		sum += 1000 + 2 * k;
	prog = load(map, copy);
	if (prog >= 0) {
		set_all(i, map, values, cpus);
		order->flags = ENTRIES + 1;
		CHECK(order_give(prog, 0) == 1 && order->ret == ENTRIES && order->got == sum, "%s: %llu elements, sum %llu, not %u",
		      kinds[i].name, (unsigned long long)order->ret, (unsigned long long)order->got, sum);
		check_copies(i, copy);
		order->flags = 3;
		CHECK(order_give(prog, 0) == 1 && order->ret == 3, "%s: %llu elements, not 3", kinds[i].name,
		      (unsigned long long)order->ret);
	}
	close(prog);
	close(copy);
	close(map);
}

int main(void)
{
	int cpus = libbpf_num_possible_cpus();
	u64 *values = calloc((size_t)cpus, sizeof(*values));
	u32 i;

	sys_pin();
	if (order_open())
		for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
			check_kind(i, values, cpus);
	free(values);
	return check_done();
}
