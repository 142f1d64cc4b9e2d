/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attacks on what the kernel keeps around the values of maps. */
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"

/* What links the nodes of a trie lies right before their values. */
static bool read_nodes(struct attempt *a)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int trie = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "moat_attack", 8, 8, 4, &opts);
	u32 wide[2] = { 8, 10 }, narrow[2] = { 16, 10 | 1 << 8 };
	u64 value = 6;
	s16 i;

	CHECK(!bpf_map_update_elem(trie, wide, &value, BPF_ANY) && !bpf_map_update_elem(trie, narrow, &value, BPF_ANY),
	      "no trie");
	put(ST(BPF_W, 10, -8, 32), ST(BPF_W, 10, -4, 10), LD_MAP(1, trie), MOVE(2, 10, -8), CALL(BPF_FUNC_map_lookup_elem));
	put(JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 2), EXIT);
	for (i = 0; i < 6; i++)
		put(LDX(BPF_DW, 1, 0, (s16)(-12 - 8 * i)), STX(BPF_DW, 6, 1, (s16)(8 * i)));
	attempt_run(a);
	close(trie);
	return found_address(a, 6);
}

/* An array of one array; that one's file descriptor in *@inner. */
static int nest(int *inner)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	u32 zero = 0;
	int outer;

	*inner = attack_map(0, 0);
	opts.inner_map_fd = (u32)*inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "moat_attack", 4, 4, 1, &opts);
	CHECK(outer >= 0 && !bpf_map_update_elem(outer, &zero, inner, BPF_ANY), "no map of maps");
	return outer;
}

/* From the value of an inner map to the header of that. */
static bool read_inner_header(struct attempt *a)
{
	int inner, outer = nest(&inner);

	put(ST(BPF_DW, 10, -8, 0), LD_MAP(1, outer), MOVE(2, 10, -8), CALL(BPF_FUNC_map_lookup_elem));
	put(JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 2), EXIT);
	put(MOV_X(1, 0), MOVE(2, 10, -8), CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 2), EXIT);
	put(LDX(BPF_DW, 2, 0, (s16)((s64)prey("map.ops") - (s64)prey("array.value"))), STX(BPF_DW, 6, 2, 0));
	attempt_run(a);
	close(outer);
	close(inner);
	return is_kernel_address(a->out[0]);
}

#define STALE_WORD	2	/* of the own value; and so of what is copied from there to the inner map */
#define STALE_MARK	77

static bool was_reached(int inner)
{
	u64 value[VALUE_WORDS], none[VALUE_WORDS] = { 0 };
	u32 zero = 0;

	attack_value(inner, value);
	CHECK(!bpf_map_update_elem(inner, &zero, none, BPF_ANY), "an inner map is stuck");
	return value[STALE_WORD] == STALE_MARK;
}

/* The program runs again, with what it kept of the inner map, until it is ended or time is up. */
static bool meets_again(struct attempt *a, int inner)
{
	bool reached = true;
	u32 tries;

	for (tries = 0; tries < 40 && reached; tries++) {
		usleep(50000);
		attempt_again(a);
		reached = was_reached(inner);
	}
	return reached;
}

/* Of an inner map that is in no map of this program any more it kept by what that was known. */
static bool use_stale(struct attempt *a)
{
	int inner, outer = nest(&inner);
	bool works = false;
	u32 zero = 0;

	put(ST(BPF_DW, 10, -8, 0), LD_MAP(1, outer), MOVE(2, 10, -8), CALL(BPF_FUNC_map_lookup_elem));
	put(JMP_K(BPF_JEQ, 0, 0, 1), STX(BPF_DW, 6, 0, 8), ST(BPF_DW, 6, 8 * STALE_WORD, STALE_MARK));
	put(LDX(BPF_DW, 1, 6, 8), MOVE(2, 10, -8), MOV_X(3, 6), MOV_K(4, 0), CALL(BPF_FUNC_map_update_elem));
	if (attempt_run(a) && CHECK(was_reached(inner), "an inner map is not found")) {
		CHECK(!bpf_map_delete_elem(outer, &zero), "it stays in its map");
		works = meets_again(a, inner);
	}
	close(outer);
	close(inner);
	return works;
}

/* A fault in a callback, while the kernel walks over the map: afterwards that is as usable as before. */
static bool fault_in_callback(struct attempt *a)
{
	u64 key = 5, value = 6;

	bpf_map_update_elem(a->hash, &key, &value, BPF_ANY);
	put(LD_MAP(1, a->hash), LD_FUNC(2, 6), MOV_K(3, 0), MOV_K(4, 0), CALL(BPF_FUNC_for_each_map_elem));
	put(MOV_K(0, 1), EXIT);
	put(LDDW(1, prey("secret.at")), LDX(BPF_DW, 2, 1, 0), STX(BPF_DW, 3, 2, 0), MOV_K(0, 0));
	put(JMP_K(BPF_JNE, 0, 0, 1), EXIT);	/* what follows is never reached */
	attempt_run(a);
	CHECK(!bpf_map_lookup_elem(a->hash, &key, &value), "the map has lost its element");
	key = 7;
	CHECK(!bpf_map_update_elem(a->hash, &key, &key, BPF_ANY) && !bpf_map_delete_elem(a->hash, &key), "the map is stuck");
	return value == prey("secret");
}

#define FILTER	BPF_PROG_TYPE_SOCKET_FILTER

const struct attack attacks_on_maps[] = {
	{ "read the nodes of a trie", FILTER, true, read_nodes, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "read the header of an inner map", FILTER, true, read_inner_header, ATTACK_FAULT, ATTACK_ASTRAY },
	{ "use an inner map that has left", FILTER, true, use_stale, ATTACK_FAULT,
	  "refused 1: not a map of this program" },
	{ "read in a callback for an element", FILTER, false, fault_in_callback, ATTACK_FAULT, ATTACK_ASTRAY },
	{ NULL },
};
