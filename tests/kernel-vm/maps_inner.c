/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps in maps: lookups in an inner map are compiled for a map that stands for all of them, wherever their values lie.
 *
 *	maps_inner [MODE]
 *
 * The maps are made in MODE, basereg if there is none said, and the programs that look into them in mode none, as under a
 * permissive policy.  An inner map of the other mode is no match.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "../insns.h"
#include "sys.h"

#define LD_FD(reg, fd)	INSN(BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)

static const struct {
	const char *name;
	enum bpf_map_type type;
	u32 flags;
} kinds[] = {
	{ "array", BPF_MAP_TYPE_ARRAY, 0 },
	{ "hash", BPF_MAP_TYPE_HASH, 0 },
	{ "hash without preallocation", BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC },
	{ "lru", BPF_MAP_TYPE_LRU_HASH, 0 },
};

static bool mode(const char *name)
{
	return CHECK(!sys_write("net/core/bpf_moat", name), "there is no mode %s", name);
}

static int make(u32 i)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = kinds[i].flags);

	return bpf_map_create(kinds[i].type, "moat_inner", sizeof(u32), sizeof(u64), 4, &opts);
}

/* Adds 1 to value 1 of the inner map at 0; 2: there is no such map, 3: no such value. */
static int load(int outer)
{
	const struct bpf_insn insn[] = {
		ST(BPF_W, 10, -4, 0), ST(BPF_W, 10, -8, 1),
		MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -4), LD_FD(1, outer),
		CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 2), EXIT,
		MOV_X(1, 0), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -8),
		CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 3), EXIT,
		LDX(BPF_DW, 1, 0, 0), ALU64_K(BPF_ADD, 1, 1), STX(BPF_DW, 0, 1, 0), MOV_K(0, 1), EXIT,
	};

	return sys_load_logged(BPF_PROG_TYPE_SOCKET_FILTER, insn, sizeof(insn) / sizeof(*insn));
}

static void check_lookup(u32 i, int outer, int inner)
{
	u32 one = 1, result = 0;
	u64 value = 0x4141414141414141;
	u8 packet[64] = { 0 };
	int prog = load(outer);

	if (!CHECK(prog >= 0, "%s: the program is refused: %s\n%s", kinds[i].name, strerror(-prog), sys_log))
		return;
	bpf_map_update_elem(inner, &one, &value, BPF_ANY);
	CHECK(!sys_run(prog, packet, sizeof(packet), 1, &result) && result == 1, "%s: the program ends with %u",
	      kinds[i].name, result);
	CHECK(!bpf_map_lookup_elem(inner, &one, &value) && value == 0x4141414141414142,
	      "%s: the program has made something else of the value: %#llx", kinds[i].name, (unsigned long long)value);
	close(prog);
}

static void check_kind(u32 i, const char *name)
{
	u32 zero = 0;
	int inner, outer, other, err;

	if (!mode(name))
		return;
	inner = make(i);
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = (u32)inner);
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "moat_outer", sizeof(u32), sizeof(u32), 1, &opts);
	mode("none");
	other = make(i);
	if (CHECK(inner >= 0 && outer >= 0 && other >= 0, "%s: no maps: %s", kinds[i].name, strerror(errno))) {
		err = bpf_map_update_elem(outer, &zero, &other, BPF_ANY) ? errno : 0;
		CHECK(err == (strcmp(name, "none") ? EINVAL : 0), "%s: a map made in mode none beside one of mode %s: %s",
		      kinds[i].name, name, strerror(err));
		if (CHECK(!bpf_map_update_elem(outer, &zero, &inner, BPF_ANY), "%s: %s", kinds[i].name, strerror(errno)))
			check_lookup(i, outer, inner);
	}
	close(other);
	close(outer);
	close(inner);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "basereg";
	char was[16];
	u32 i;

	sys_read("net/core/bpf_moat", was, sizeof(was));
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		check_kind(i, name);
	sys_write("net/core/bpf_moat", was);
	return check_done();
}
