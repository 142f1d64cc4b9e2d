/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attacks on the stack; what stacks and registers tell. */
#include "attack.h"

/* Stack --------------------------------------------------------------------------------- */

/* What lies above the frame: saved registers, the return address. */
static bool read_up_from(struct attempt *a, u8 reg)
{
	s16 i;

	for (i = 0; i < 16; i++)
		put(LDX(BPF_DW, 1, reg, (s16)(8 * i)), STX(BPF_DW, 6, 1, (s16)(8 * i)));
	attempt_run(a);
	return found_address(a, 16);
}

static bool read_above(struct attempt *a)
{
	return read_up_from(a, 10);
}

static bool read_above_copy(struct attempt *a)
{
	put(MOV_X(8, 10));
	return read_up_from(a, 8);
}

/* What others left in the frame. */
static bool read_stale(struct attempt *a)
{
	s16 i;

	for (i = 0; i < 64; i++)
		put(LDX(BPF_DW, 1, 10, (s16)(-8 - 8 * i)), STX(BPF_DW, 6, 1, (s16)(8 * i)));
	attempt_run(a);
	return found_address(a, 64);
}

/*
 * A function that is called twice returns the second time to where it was called first: what is in between runs twice.  The
 * return address is kept in the value's word 1.  (Where arm64 signs it, both calls sign alike, as their stack pointers are the
 * same.)
 */
static bool return_elsewhere(struct attempt *a)
{
#ifdef __x86_64__
	s16 at = 8;
#else
	s16 at = -8;	/* below the frame, which has no bytes, as long as the verifier does not see that it is used */
#endif

	put(MOV_K(8, 0), CALL_LOCAL(5), ALU64_K(BPF_ADD, 8, 1), CALL_LOCAL(3));
	put(STX(BPF_DW, 6, 8, 0), MOV_K(0, 1), EXIT);
	/* the function, which calls another, so that it saves its return address; word 2 counts its calls, word 3 is 0 */
	put(CALL(BPF_FUNC_ktime_get_ns));
	put(LD_VALUE(1, a->own, 0), LDX(BPF_DW, 2, 1, 16), ALU64_K(BPF_ADD, 2, 1), STX(BPF_DW, 1, 2, 16));
	put(MOV_X(4, 10), LDX(BPF_DW, 5, 1, 24), ALU64_X(BPF_ADD, 4, 5));
	put(JMP_K(BPF_JNE, 2, 1, 2), LDX(BPF_DW, 3, 4, at), STX(BPF_DW, 1, 3, 8));
	put(JMP_K(BPF_JNE, 2, 2, 2), LDX(BPF_DW, 3, 1, 8), STX(BPF_DW, 4, 3, at));
	attempt_run(a);
	return a->out[0] != 1 && a->out[0] != 0;
}

/* Addresses ------------------------------------------------------------------------------- */

/* What the program is given: its frame, its context, its map, its value, what a lookup found. */
static bool tell_addresses(struct attempt *a)
{
	put(STX(BPF_DW, 6, 10, 0), STX(BPF_DW, 6, 7, 8), STX(BPF_DW, 6, 6, 16));
	put(LD_MAP(1, a->own), STX(BPF_DW, 6, 1, 24), ST(BPF_W, 10, -4, 0), MOVE(2, 10, -4));
	put(CALL(BPF_FUNC_map_lookup_elem), STX(BPF_DW, 6, 0, 32));
	attempt_run(a);
	return found_address(a, 5);
}

/* Registers that the program has not written: at its start, and after a helper. */
static bool tell_registers(struct attempt *a)
{
	static const u8 found[] = { 0, 2, 3, 4, 5, 8, 9 };
	s16 i;

	for (i = 0; i < (s16)sizeof(found); i++)
		put(STX(BPF_DW, 6, found[i], (s16)(8 * i)));
	attempt_run(a);
	return found_address(a, sizeof(found));
}

static bool tell_after_call(struct attempt *a)
{
	u8 r;

	/* sends the packet's words to the value; what else the kernel had in its registers stays there */
	put(MOV_X(1, 7), MOV_K(2, 0), MOVE(3, 6, 256), MOV_K(4, 8), CALL(BPF_FUNC_skb_load_bytes));
	for (r = 1; r <= 5; r++)
		put(STX(BPF_DW, 6, r, (s16)(8 * r)));
	attempt_run(a);
	return found_address(a, 6);
}

#define FILTER	BPF_PROG_TYPE_SOCKET_FILTER
#define TC	BPF_PROG_TYPE_SCHED_CLS

const struct attack attacks_on_stack[] = {
	{ "read above the stack", FILTER, true, read_above, ATTACK_REFUSED,
	  "accesses the stack outside of its 512-byte frame" },
	{ "read above a copy of R10", FILTER, true, read_above_copy, ATTACK_RETURNED,
	  "above the frame lies its view of the context" },
	{ "read what is left on the stack", FILTER, true, read_stale, ATTACK_RETURNED,
	  "the frame is in its slot, where only its own runs were" },
	{ "return to elsewhere", TC, false, return_elsewhere, ATTACK_RETURNED,
	  "where functions return to is on the host's stack, which it cannot name" },
	{ "tell addresses", FILTER, true, tell_addresses, ATTACK_RETURNED,
	  "what it has for addresses are offsets in its cage and numbers" },
	{ "tell what registers hold at first", FILTER, true, tell_registers, ATTACK_RETURNED,
	  "an image clears those that it names" },
	{ "tell what registers hold after calls", FILTER, true, tell_after_call, ATTACK_RETURNED,
	  "a gate leaves a result and nothing else" },
	{ NULL },
};
