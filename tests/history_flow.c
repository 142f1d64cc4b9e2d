/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Defects of tail calls, of packet pointers, and of what programs get to see. */
#include "../runtime/loader.h"
#include "history.h"

/* Tail calls ----------------------------------------------------------------- */

/* Around the end of a program array: behind it nothing is called, before it at most 33 times. */
static void tail_index(const struct attack_variant *v, struct attack_result *r)
{
	static const u64 index[] = { 4, 5, 0x7fffffff, 0x80000000, 0xffffffff, ~0ull, 1ull << 32 | 4, 3, 1ull << 32 | 3 };
	PROGRAM(insn, MOV_X(6, 1), LDX(BPF_DW, 2, 6, 16), ALU64_K(BPF_ADD, 2, 1), STX(BPF_DW, 6, 2, 16),
	     LDX(BPF_DW, 2, 6, 0), LDX(BPF_DW, 3, 6, 8), CALL(BPF_FUNC_tail_call), MOV_K(0, 55), EXIT);
	static struct moat_map map;
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	u64 data[ATTACK_SHARED / 8] = { 0 };
	u32 i;

	if (!obj || attack_map(obj, &map, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, &data[0]) ||
	    moat_map__set_program(&map, 3, moat_object__next_program(obj, NULL))) {
		attack_odd(r, "no program array");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(index); i++) {
		struct moat_run_opts opts = { 0 };
		int err;

		data[1] = index[i];
		data[2] = 0;
		err = attack_run(obj, data, &opts);
		history_expect(r, !err && opts.retval == 55 && data[2] == (i < 7 ? 1 : 1 + MOAT_MAX_TAIL_CALLS), "calls counted wrong");
	}
}

/* The program that is called believes that the value it is handed is as large as its own. */
static void larger_storage(const struct attack_variant *v, struct attack_result *r)
{
	PROGRAM(insn, MOV_X(6, 1), LDX(BPF_DW, 7, 6, 24), JMP_K(BPF_JNE, 7, 0, 15),
	     ST(BPF_W, 10, -4, 0), LDX(BPF_DW, 1, 6, 0), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -4),
	     CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 1), EXIT, STX(BPF_DW, 6, 0, 24),
	     MOV_X(1, 6), LDX(BPF_DW, 2, 6, 8), MOV_K(3, 0), CALL(BPF_FUNC_tail_call), MOV_K(0, 1), EXIT, EXIT,
	     LDX(BPF_DW, 2, 6, 16), ALU64_X(BPF_ADD, 7, 2), LDX(BPF_DW, 0, 7, 0), EXIT);
	static struct moat_map map, programs;
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts = { 0 };
	struct attack_victim victim;
	int err;

	if (!obj || attack_victim(v, &victim) || attack_map(obj, &map, BPF_MAP_TYPE_ARRAY, 4, 8, 1, &data[0]) ||
	    attack_map(obj, &programs, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1, &data[1]) ||
	    moat_map__set_program(&programs, 0, moat_object__next_program(obj, NULL))) {
		attack_odd(r, "no maps");
		return;
	}
	data[2] = (u64)victim.map.heap_off - map.heap_off;
	err = attack_run(obj, data, &opts);
	if (!err && opts.retval == SECRET)
		attack_worked(r);
	else if (err == -EFAULT && opts.fault.insn != 20)
		attack_odd(r, "the fault is at %u", opts.fault.insn);
	else
		attack_stopped(r, err, &opts.fault, BY_MEMORY);
}

/* A tail call from an XDP program to one for tc, whose context is larger. */
static void other_hook(const struct attack_variant *v, struct attack_result *r)
{
	MOAT_OPEN_OPTS(open, .name = "hooks", .mode = v->mode, .base_form = v->form);
	PROGRAM(xdp, LDX(BPF_W, 6, 1, 0), LDX(BPF_DW, 2, 6, 0), MOV_K(3, 0), CALL(BPF_FUNC_tail_call), MOV_K(0, XDP_DROP), EXIT);
	PROGRAM(tc, LDX(BPF_W, 0, 1, offsetof(struct __sk_buff, priority)), MOV_K(0, XDP_TX), EXIT);
	static struct moat_map map;
	struct moat_object *obj = moat_object__open_insns(xdp, ARRAY_SIZE(xdp), &open);
	struct moat_program *first = obj ? moat_object__next_program(obj, NULL) : NULL, *second;
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts = { 0 };
	int err;

	second = obj ? moat_program_add(obj, "tc", "tc", BPF_PROG_TYPE_SCHED_CLS) : NULL;
	if (second) {
		second->insn = malloc(sizeof(tc));
		memcpy(second->insn, tc, sizeof(tc));
		second->len = ARRAY_SIZE(tc);
		moat_program__set_type(first, BPF_PROG_TYPE_XDP);
	}
	if (!second || moat_object__load(obj) || attack_map(obj, &map, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 1, &data[0]) ||
	    moat_map__set_program(&map, 0, second)) {
		attack_odd(r, "no two programs");
		return;
	}
	err = attack_run(obj, data, &opts);
	if (!err && opts.retval == XDP_TX)
		attack_worked(r);
	else if (!err && opts.retval != XDP_DROP)
		attack_odd(r, "it returned %llu", (unsigned long long)opts.retval);
	else
		attack_stopped(r, err, &opts.fault, 0);
}

/* Packets ------------------------------------------------------------------------ */

/* A packet pointer from before the packet was cut, by a function: for a helper, it is no packet any more. */
static void stale_packet(const struct attack_variant *v, struct attack_result *r)
{
	PROGRAM(insn, MOV_X(6, 1), LDX(BPF_W, 7, 6, 0), ALU64_K(BPF_ADD, 7, 1024), CALL_LOCAL(5),
	     LDX(BPF_DW, 8, 7, 0), ST(BPF_DW, 7, 0, 7), MOV_X(1, 7), CALL(HELP_PEEK), EXIT,
	     MOV_X(1, 6), MOV_K(2, -(ATTACK_SHARED - 64)), CALL(BPF_FUNC_xdp_adjust_tail), EXIT);
	struct moat_object *obj = attack_load_as(BPF_PROG_TYPE_XDP, v, r, insn, ARRAY_SIZE(insn));
	u64 data[ATTACK_SHARED / 8] = { 0 }, calls = helper_calls;
	struct moat_run_opts opts = { 0 };
	int err;

	if (!obj)
		return;
	err = attack_run(obj, data, &opts);
	if (data[1024 / 8])
		attack_odd(r, "the host's packet was changed behind its end");
	if (helper_calls != calls)
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, KIND(AUDIT));
}

/* Addresses ---------------------------------------------------------------- */

/* What a program is given for a map, in halves and by an atomic: is that the host's address of it? */
static void leak(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr)
{
	static struct moat_map map = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 64, .max_entries = 1 };
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	int err = history_run_with(v, r, insn, nr, &map, data, &opts);

	if (err)
		attack_odd(r, "the run returned %d", err);
	else if (data[1] == (u64)&map && data[2] == (u64)&map)
		attack_worked(r);
	else if (data[1] >> 32 || data[2] >> 32)
		attack_odd(r, "it sees %#llx, %#llx", (unsigned long long)data[1], (unsigned long long)data[2]);
	else
		r->contained++;
	if (v->mode != MOAT_MODE_NONE)
		NOTE(r, "a handle, 32 bits");
}

static void leak_by_halves(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		LDX(BPF_DW, 8, 1, 0), ALU32_X(BPF_MOV, 9, 8), STX(BPF_W, 1, 9, 8), MOV_X(9, 8), ALU64_K(BPF_RSH, 9, 32),
		STX(BPF_W, 1, 9, 12), ALU64_K(BPF_LSH, 9, 32), ALU32_X(BPF_MOV, 8, 8), ALU64_X(BPF_OR, 8, 9),
		STX(BPF_DW, 1, 8, 16), MOV_K(0, 0), EXIT,
	};

	leak(v, r, insn, ARRAY_SIZE(insn));
}

static void leak_by_fetch(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		LDX(BPF_DW, 8, 1, 0), STX(BPF_DW, 10, 8, -8), MOV_K(9, 0), ATOM(BPF_DW, BPF_ADD | BPF_FETCH, 10, 9, -8),
		STX(BPF_DW, 1, 9, 8), ATOM(BPF_DW, BPF_XCHG, 10, 9, -8), STX(BPF_DW, 1, 9, 16), MOV_K(0, 0), EXIT,
	};

	leak(v, r, insn, ARRAY_SIZE(insn));
}

const struct history history_flow[] = {
ROW("CVE-2022-2905", "an index at the end of a program array passed as inside", "the host's own checks", tail_index, HOLDS_BY_ITSELF),
ROW("CVE-2025-38502", "a program reached by a tail call believed its caller's storage to be larger than it was", NULL,
    larger_storage),
ROW("CVE-2024-50063", "tail calls between programs of different hooks", "the tail call, which compares types", other_hook,
    HOLDS_BY_ITSELF),
ROW("CVE-2024-58098", "packet pointers kept over a function that changed the packet",
    "packets are copies in the program's own memory; helpers take what is packet now", stale_packet),
ROW("CVE-2024-58100", "the same, over a function that was replaced", "as above: there is no replacing of functions",
    stale_packet),
ROW("CVE-2021-45402", "moving half of a pointer made it a number that may be shown",
    "addresses of maps are never given out", leak_by_halves),
ROW("CVE-2022-0264", "an atomic fetch made a spilled pointer a number that may be shown",
    "addresses of maps are never given out", leak_by_fetch),
};
const u32 nr_history_flow = ARRAY_SIZE(history_flow);
