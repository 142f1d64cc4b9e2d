/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attacks by memory accesses. */
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"

#define MARK	0x5ec2e7c0de5ull

/* Registers are addresses ------------------------------------------------------------- */

static void load_from(u64 address)
{
	put(LDDW(1, address), LDX(BPF_DW, 2, 1, 0), STX(BPF_DW, 6, 2, 0));
}

static bool read_secret(struct attempt *a)
{
	load_from(prey("secret.at"));
	attempt_run(a);
	return a->out[0] == prey("secret");
}

/* The kernel's version string, whose address every user of /proc/kallsyms may know. */
static bool read_banner(struct attempt *a)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	unsigned long long at = 0;
	char name[256];

	while (f && fscanf(f, "%llx %*s %255s%*[^\n]", &at, name) == 2 && strcmp(name, "linux_banner"))
		at = 0;
	if (f)
		fclose(f);
	CHECK(at, "the address of linux_banner is not to be known");
	load_from(at);
	attempt_run(a);
	return !memcmp(a->out, "Linux version", 8);
}

static bool write_victim(struct attempt *a)
{
	u64 mark = prey("victim") + MARK;

	put(LDDW(1, prey("victim.at")), LDDW(2, mark), STX(BPF_DW, 1, 2, 0));
	attempt_run(a);
	return prey("victim") == mark;
}

static bool write_byte(struct attempt *a)
{
	u64 was = prey("victim");

	put(LDDW(1, prey("victim.at")), ST(BPF_B, 1, 3, (s32)(u8)(was >> 24) + 1));
	attempt_run(a);
	return prey("victim") != was;
}

static bool swap_victim(struct attempt *a)
{
	u64 was = prey("victim");

	put(LDDW(1, prey("victim.at")), LDDW(2, ~was), ATOM(BPF_DW, BPF_XCHG, 1, 2, 0), STX(BPF_DW, 6, 2, 0));
	attempt_run(a);
	return prey("victim") != was;
}

static bool add_to_victim(struct attempt *a)
{
	u64 was = prey("victim");

	put(LDDW(1, prey("victim.at")), MOV_K(2, 77), ATOM(BPF_W, BPF_ADD, 1, 2, 0));
	attempt_run(a);
	return prey("victim") != was;
}

/* A pointer and its distance from the target: @reg is what the verifier calls it, R8 is free --------------------------- */

static bool read_from(struct attempt *a, u8 reg)
{
	put(LDDW(8, prey("secret.at")), ALU64_X(BPF_SUB, 8, reg), MOV_X(2, reg), ALU64_X(BPF_ADD, 2, 8));
	put(LDX(BPF_DW, 2, 2, 0), STX(BPF_DW, 6, 2, 0));
	attempt_run(a);
	return a->out[0] == prey("secret");
}

static bool from_value(struct attempt *a)
{
	return read_from(a, 6);
}

static bool from_stack(struct attempt *a)
{
	return read_from(a, 10);
}

static bool from_context(struct attempt *a)
{
	return read_from(a, 7);
}

/* The packet's end is no pointer to calculate with. */
static bool from_packet_end(struct attempt *a)
{
	put(LDX(BPF_W, 9, 7, offsetof(struct __sk_buff, data_end)));
	return read_from(a, 9);
}

static bool from_packet(struct attempt *a)
{
	put(LDX(BPF_W, 9, 7, offsetof(struct __sk_buff, data)));
	return read_from(a, 9);
}

/* What a flow dissector writes its result to. */
static bool from_flow_keys(struct attempt *a)
{
	put(LDX(BPF_DW, 9, 7, offsetof(struct __sk_buff, flow_keys)));
	return read_from(a, 9);
}

/* XOR makes a number of the context, and of that an address. */
static bool from_number(struct attempt *a)
{
	put(MOV_X(9, 7), ALU64_K(BPF_XOR, 9, 0));
	return read_from(a, 9);
}

/* Maps ------------------------------------------------------------------------------------ */

/* A neighbour's values, at the very address by which the neighbour knows them. */
static bool meet_neighbour(struct attempt *a, bool write)
{
	u64 value[VALUE_WORDS];
	int map = attack_map(0, MARK), prog = attack_bystander(map);

	attack_value(map, value);
	CHECK(value[1] && value[2] == 1, "the neighbour does not know its own value");
	put(LDDW(1, value[1]));
	if (write)
		put(ST(BPF_DW, 1, 0, 7));
	else
		put(LDX(BPF_DW, 2, 1, 0), STX(BPF_DW, 6, 2, 0));
	attempt_run(a);
	attack_value(map, value);
	close(prog);
	close(map);
	return a->out[0] == MARK || value[0] != MARK;
}

static bool read_neighbour(struct attempt *a)
{
	return meet_neighbour(a, false);
}

static bool write_neighbour(struct attempt *a)
{
	return meet_neighbour(a, true);
}

/* The map's own header, before its values. */
static bool resize_map(struct attempt *a)
{
	s16 at = (s16)((s64)prey("map.max_entries") - (s64)prey("array.value"));
	struct bpf_map_info info = { 0 };
	u32 len = sizeof(info);

	put(ST(BPF_W, 6, at, 77));
	attempt_run(a);
	CHECK(!bpf_obj_get_info_by_fd(a->own, &info, &len), "nothing is known of a map");
	return info.max_entries != 1;
}

static bool read_header(struct attempt *a)
{
	put(LDX(BPF_DW, 2, 6, (s16)((s64)prey("map.ops") - (s64)prey("array.value"))), STX(BPF_DW, 6, 2, 0));
	attempt_run(a);
	return is_kernel_address(a->out[0]);
}

#define BACK	24	/* words: past all values of the own hash map, 16 and one for each CPU, wherever this one is */

/* What links the elements of a hash map lies right before their values. */
static bool read_links(struct attempt *a)
{
	u64 key = 5, value = 6;
	s16 i;

	bpf_map_update_elem(a->hash, &key, &value, BPF_ANY);
	put(ST(BPF_DW, 10, -8, 5), LD_MAP(1, a->hash), MOVE(2, 10, -8), CALL(BPF_FUNC_map_lookup_elem));
	put(JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 2), EXIT);
	for (i = 0; i < BACK; i++)
		put(LDX(BPF_DW, 1, 0, (s16)(-8 - 8 * i)), STX(BPF_DW, 6, 1, (s16)(8 * i)));
	attempt_run(a);
	return found_address(a, BACK);
}

/* A map whose values programs may only read. */
static bool write_constant(struct attempt *a)
{
	u64 value[VALUE_WORDS];
	int map = attack_map(BPF_F_RDONLY_PROG, MARK);

	put(LD_VALUE(1, map, 0), ST(BPF_DW, 1, 0, 7));
	attempt_run(a);
	attack_value(map, value);
	close(map);
	return value[0] != MARK;
}

#define FILTER	BPF_PROG_TYPE_SOCKET_FILTER
#define TC	BPF_PROG_TYPE_SCHED_CLS

const struct attack attacks_on_memory[] = {
	{ "read a secret of the kernel", FILTER, true, read_secret, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "read the kernel's own data", FILTER, true, read_banner, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "overwrite an object of the kernel", FILTER, true, write_victim, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "overwrite one byte of it", FILTER, true, write_byte, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "exchange it", FILTER, true, swap_victim, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "add to it", FILTER, true, add_to_victim, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "far from a map's value", FILTER, true, from_value, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "far from the stack", FILTER, true, from_stack, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "far from the context", BPF_PROG_TYPE_RAW_TRACEPOINT, false, from_context, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "a context that was a number", FILTER, true, from_number, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "far from the packet", TC, false, from_packet, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "far from the packet's end", TC, false, from_packet_end, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "far from the flow keys", BPF_PROG_TYPE_FLOW_DISSECTOR, false, from_flow_keys, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "read a neighbour's map", FILTER, true, read_neighbour, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "overwrite a neighbour's map", FILTER, true, write_neighbour, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "read the header of a map", FILTER, true, read_header, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "overwrite the header of a map", FILTER, true, resize_map, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "read the links of a hash map", FILTER, true, read_links, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "overwrite a constant map", FILTER, true, write_constant, ATTACK_FAULT, ATTACK_ASTRAY },
	{ NULL },
};
