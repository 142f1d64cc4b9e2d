/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Forged addresses, through every instruction that takes one.
 *
 * The attacker knows the address (it comes in the program's data, as a leak
 * would give it).  At the address lies SECRET; reading it or changing it is
 * success.
 */
#include <sys/mman.h>

#include "attack.h"

/* One way to touch memory: the instruction with address register R@a, value register R@b. */
struct touch {
	u8 code;
	u8 bytes;
	s32 imm;
	bool reads, writes;
};

#define LOADS(size, n)	{ BPF_LDX | BPF_MEM | (size), n, 0, true, false }
#define SIGNED(size, n)	{ BPF_LDX | BPF_MEMSX | (size), n, 0, true, false }
#define STORES(size, n)	{ BPF_STX | BPF_MEM | (size), n, 0, false, true }, { BPF_ST | BPF_MEM | (size), n, 0x3a3a3a3a, false, true }
#define ATOMICS(size, n)								\
	{ BPF_STX | BPF_ATOMIC | (size), n, BPF_ADD, false, true },			\
	{ BPF_STX | BPF_ATOMIC | (size), n, BPF_OR, false, true },			\
	{ BPF_STX | BPF_ATOMIC | (size), n, BPF_AND, false, true },			\
	{ BPF_STX | BPF_ATOMIC | (size), n, BPF_XOR, false, true },			\
	{ BPF_STX | BPF_ATOMIC | (size), n, BPF_ADD | BPF_FETCH, true, true },		\
	{ BPF_STX | BPF_ATOMIC | (size), n, BPF_OR | BPF_FETCH, true, true },		\
	{ BPF_STX | BPF_ATOMIC | (size), n, BPF_AND | BPF_FETCH, true, true },		\
	{ BPF_STX | BPF_ATOMIC | (size), n, BPF_XOR | BPF_FETCH, true, true },		\
	{ BPF_STX | BPF_ATOMIC | (size), n, BPF_XCHG, true, true },			\
	{ BPF_STX | BPF_ATOMIC | (size), n, BPF_CMPXCHG, true, false }

static const struct touch touches[] = {
	LOADS(BPF_B, 1), LOADS(BPF_H, 2), LOADS(BPF_W, 4), LOADS(BPF_DW, 8),
	SIGNED(BPF_B, 1), SIGNED(BPF_H, 2), SIGNED(BPF_W, 4),
	STORES(BPF_B, 1), STORES(BPF_H, 2), STORES(BPF_W, 4), STORES(BPF_DW, 8),
	ATOMICS(BPF_W, 4), ATOMICS(BPF_DW, 8),
};

/* Where the attack is aimed. */
struct aim {
	u64 address;		/* what the program is given */
	u64 *seen;		/* the same word as the host sees it; NULL: it is not there */
	s16 off;		/* part of the address that is in the instruction */
	bool read_only;		/* only loads are tried */
	u32 kinds;		/* how it must end where it is contained */
};

/* r@a = *data + delta; touch it; the value that came out goes to R0. Each try uses other registers. */
static u32 build(struct bpf_insn *insn, const struct touch *t, u32 try, const struct aim *aim)
{
	u8 a = (u8)(2 + try % 8), b = (u8)(2 + (try + 3) % 8);
	const struct bpf_insn program[] = {
		LDX(BPF_DW, a, 1, 0),
		MOV_K(0, 0),
		MOV_K(b, 0x3c3c3c3c),
		INSN(t->code, BPF_CLASS(t->code) == BPF_LDX ? b : a, BPF_CLASS(t->code) == BPF_LDX ? a :
		     BPF_CLASS(t->code) == BPF_STX ? b : 0, aim->off, t->imm),
		t->imm == BPF_CMPXCHG ? (struct bpf_insn)EXIT : (struct bpf_insn)JA(0),
		MOV_X(0, b),
		EXIT,
	};

	memcpy(insn, program, sizeof(program));
	return ARRAY_SIZE(program);
}

static bool shows_secret(u64 value, u32 bytes)
{
	u64 mask = bytes == 8 ? ~0ull : (1ull << (8 * bytes)) - 1;

	return (value & mask) == (SECRET & mask);
}

static void touch(const struct attack_variant *v, struct attack_result *r, const struct aim *aim, u32 try)
{
	const struct touch *t = &touches[try];
	u64 data[ATTACK_SHARED / 8] = { aim->address };
	struct bpf_insn insn[16];
	struct moat_run_opts opts;
	bool changed;
	int err;

	if (aim->seen)
		*aim->seen = SECRET;
	err = attack_try(v, r, insn, build(insn, t, try, aim), data, &opts);
	if (err == -ENOEXEC)
		return;
	changed = aim->seen && *aim->seen != SECRET;
	if (changed || (!err && t->reads && shows_secret(opts.retval, t->bytes)))
		attack_worked(r);
	else if (!err)
		attack_odd(r, "try %u went through and did nothing: R0 = %#llx", try, (unsigned long long)opts.retval);
	else
		attack_stopped(r, err, &opts.fault, aim->kinds);
	if (aim->seen)
		*aim->seen = SECRET;
}

static void touch_all(const struct attack_variant *v, struct attack_result *r, const struct aim *aim)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(touches); i++)
		if (!aim->read_only || !touches[i].writes)
			touch(v, r, aim, i);
}

/* A base-register mode sees the low 32 bits only; without one, memory that is not there is just that. */
static u32 nothing_there(const struct attack_variant *v)
{
	return attack_is_based(v) ? BY_MEMORY : BY_MEMORY | KIND(MEMORY);
}

/* Targets ---------------------------------------------------------------------- */

static void host_memory(const struct attack_variant *v, struct attack_result *r)
{
	static const s16 off[] = { 0, 8, -8, 127, 128, -128, -129, 32760, -32768 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(off); i++) {
		struct aim aim = { .seen = &attack_secret[256], .off = off[i], .kinds = BY_MEMORY };

		aim.address = (u64)aim.seen - (u64)(s64)off[i];
		if (i < 2)
			touch_all(v, r, &aim);
		else
			touch(v, r, &aim, i);
	}
}

static void host_heap(const struct attack_variant *v, struct attack_result *r)
{
	u64 *p = malloc(64);
	struct aim aim = { .address = (u64)p, .seen = p, .kinds = BY_MEMORY };

	touch_all(v, r, &aim);
	free(p);
}

static void host_stack(const struct attack_variant *v, struct attack_result *r)
{
	u64 local[4];
	struct aim aim = { .address = (u64)local, .seen = local, .kinds = BY_MEMORY };

	touch_all(v, r, &aim);
}

/* The library maps the whole heap for itself: every program's memory is there. */
static void heap_alias(const struct attack_variant *v, struct attack_result *r)
{
	struct attack_victim victim;
	struct aim aim = { .kinds = BY_MEMORY };

	if (attack_victim(v, &victim)) {
		attack_odd(r, "no victim");
		return;
	}
	aim.seen = moat_host(victim.slot);
	aim.address = (u64)aim.seen;
	touch_all(v, r, &aim);
}

static void other_stack(const struct attack_variant *v, struct attack_result *r)
{
	struct attack_victim victim;
	struct aim aim = { .kinds = BY_MEMORY };

	if (attack_victim(v, &victim)) {
		attack_odd(r, "no victim");
		return;
	}
	aim.seen = moat_host(victim.slot + MOAT_STACK_BYTES - 64);
	aim.address = victim.slot + MOAT_STACK_BYTES - 64;
	touch_all(v, r, &aim);
}

static void other_map(const struct attack_variant *v, struct attack_result *r)
{
	struct attack_victim victim;
	struct aim aim = { .kinds = BY_MEMORY };

	if (attack_victim(v, &victim)) {
		attack_odd(r, "no victim");
		return;
	}
	aim.seen = moat_host(victim.map.heap_off);
	aim.address = victim.map.heap_off;
	touch_all(v, r, &aim);
	/* the same offset in the victim's own cage: a host address */
	if (attack_is_based(v)) {
		aim.address += moat_object__next_program(victim.obj, NULL)->domain->cage;
		touch_all(v, r, &aim);
	}
}

/* By arithmetic on a pointer that the program owns, as a fooled verifier would let pass. */
static void by_arithmetic(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		LDX(BPF_DW, 2, 1, 0),		/* distance */
		MOV_X(3, 1),
		ALU64_X(BPF_ADD, 3, 2),
		LDX(BPF_DW, 0, 3, 0),
		ST(BPF_DW, 3, 0, 1),
		EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	struct attack_victim victim;
	struct moat_object *obj;
	u64 *seen[2];
	u32 i, own;
	int err;

	if (attack_victim(v, &victim))
		attack_odd(r, "no victim");
	seen[0] = &attack_secret[10];
	seen[1] = moat_host(victim.map.heap_off);
	for (i = 0; i < 2; i++) {
		obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
		if (!obj)
			return;
		own = attack_slot(obj) + MOAT_VIEW_PACKET + MOAT_HEADROOM;
		data[0] = (i ? victim.map.heap_off : (u64)seen[0]) - own;
		opts = (struct moat_run_opts){ 0 };
		err = attack_run(obj, data, &opts);
		if ((!err && opts.retval == SECRET) || *seen[i] != SECRET)
			attack_worked(r);
		else
			attack_stopped(r, err, &opts.fault, BY_MEMORY);
		moat_object__close(obj);
		*seen[i] = SECRET;
	}
}

static void code(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = { LDX(BPF_DW, 2, 1, 0), LDX(BPF_DW, 0, 2, 0), EXIT };
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	struct moat_run_opts opts = { 0 };
	struct moat_code c;
	int err;

	if (!obj || moat_program__code(moat_object__next_program(obj, NULL), &c)) {
		attack_odd(r, "no code");
		return;
	}
	data[0] = c.address;
	err = attack_run(obj, data, &opts);
	if (!err && !memcmp(&opts.retval, c.code, 8))
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, BY_MEMORY);
}

/* Stores must fail in every mode: no mapping of code is writable (G6). */
static void code_write(const struct attack_variant *v, struct attack_result *r)
{
	struct attack_victim victim;
	struct aim aim = { .kinds = BY_MEMORY | KIND(MEMORY) };
	struct moat_code c;
	u8 before[64];
	u32 i;

	if (attack_victim(v, &victim) || moat_program__code(moat_object__next_program(victim.obj, NULL), &c)) {
		attack_odd(r, "no victim");
		return;
	}
	memcpy(before, c.code, c.bytes < 64 ? c.bytes : 64);
	aim.address = c.address;
	for (i = 0; i < ARRAY_SIZE(touches); i++)
		if (touches[i].writes)
			touch(v, r, &aim, i);
	if (memcmp(before, c.code, c.bytes < 64 ? c.bytes : 64))
		attack_worked(r);
}

/* Edges --------------------------------------------------------------------------- */

static void edges(const struct attack_variant *v, struct attack_result *r, u64 start, u64 bytes)
{
	static const s32 delta[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 64 };
	u32 i, n;

	for (n = 0; n < ARRAY_SIZE(touches); n++) {
		for (i = 0; i < ARRAY_SIZE(delta); i++) {
			struct aim before = { .address = start - touches[n].bytes - (u64)delta[i], .kinds = nothing_there(v) };
			struct aim after = { .address = start + bytes + (u64)delta[i], .kinds = nothing_there(v) };
			struct aim across = { .address = start + bytes - (u64)delta[i], .kinds = nothing_there(v) };

			/* locked instructions across a page: some machines punish them */
			if (BPF_MODE(touches[n].code) == BPF_ATOMIC && delta[i] % touches[n].bytes)
				continue;
			if (n != i && n % 4 != i % 4)
				continue;
			touch(v, r, &before, n);
			touch(v, r, &after, n);
			if (delta[i] && delta[i] < touches[n].bytes)
				touch(v, r, &across, n);
		}
	}
}

/* Around [start, start + bytes), memory of @obj itself; its program does *data. */
static void own_edges(const struct attack_variant *v, struct attack_result *r, struct moat_object *obj, bool store,
		      u64 start, u64 bytes)
{
	u64 data[ATTACK_SHARED / 8] = { 0 };
	u32 width = store ? 1 : 8, i;

	for (i = 0; i < 24; i++) {
		struct moat_run_opts opts = { 0 };
		/* before, across the start, behind, across the end */
		u64 at[] = { start - width - i * 5, start - 1 - i % width, start + bytes + i * 5, start + bytes - i % width };
		int err;

		data[0] = at[i % 4];
		err = attack_run(obj, data, &opts);
		attack_stopped(r, err, &opts.fault, nothing_there(v));
	}
}

static void edge_of_own(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn load[] = { LDX(BPF_DW, 2, 1, 0), LDX(BPF_DW, 0, 2, 0), EXIT };
	static const struct bpf_insn store[] = { LDX(BPF_DW, 2, 1, 0), ST(BPF_B, 2, 0, 1), EXIT };
	struct moat_map map;
	u64 handle;
	u32 n;

	for (n = 0; n < 2; n++) {
		struct moat_object *obj = attack_load(v, r, n ? store : load, 3);

		if (!obj || attack_map(obj, &map, BPF_MAP_TYPE_ARRAY, 4, 8, 4, &handle)) {
			attack_odd(r, "no object");
			return;
		}
		own_edges(v, r, obj, n, attack_slot(obj), MOAT_SLOT_BYTES);
		own_edges(v, r, obj, n, map.heap_off, align_up(map.heap_bytes, moat_heap.page));
	}
}

static void edge_of_map(const struct attack_variant *v, struct attack_result *r)
{
	struct attack_victim victim;

	if (attack_victim(v, &victim)) {
		attack_odd(r, "no victim");
		return;
	}
	edges(v, r, victim.map.heap_off, align_up(victim.map.heap_bytes, moat_heap.page));
}

/*
 * The last bytes of the 32-bit range and what is behind it.  Host pages are
 * there (made by main() before the library looked for low memory), so an
 * unconfined access reads SECRET.
 */
static void cage_end(const struct attack_variant *v, struct attack_result *r)
{
	static const u64 address[] = {
		0xffffffff, 0xfffffff9, 0xfffffffa, 0xfffffffb, 0xfffffffc, 0xfffffffd, 0xfffffffe, 0xfffffff8, 0xfffff000,
	};
	static const struct bpf_insn load[] = { LDX(BPF_DW, 2, 1, 0), LDX(BPF_DW, 0, 2, 0), EXIT };
	static const struct bpf_insn load_off[] = { LDX(BPF_DW, 2, 1, 0), LDX(BPF_DW, 0, 2, 1), EXIT };
	static const struct bpf_insn load_neg[] = { LDX(BPF_DW, 2, 1, 0), LDX(BPF_DW, 0, 2, -8), EXIT };
	static const struct bpf_insn store[] = { LDX(BPF_DW, 2, 1, 0), ST(BPF_DW, 2, 0, 1), EXIT };
	static const struct { const struct bpf_insn *insn; s64 off; } program[] = {
		{ load, 0 }, { load_off, 1 }, { load_neg, -8 }, { store, 0 },
	};
	volatile u8 *low = (volatile u8 *)0xfffff000ull;
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(address); i++) {
		for (n = 0; n < ARRAY_SIZE(program); n++) {
			u64 data[ATTACK_SHARED / 8] = { address[i] - (u64)program[n].off }, was[2], now[2];
			struct moat_run_opts opts;
			int err;

			memcpy(was, (const void *)(low + 4088), 16);
			err = attack_try(v, r, program[n].insn, 3, data, &opts);
			memcpy(now, (const void *)(low + 4088), 16);
			if (!err)
				attack_worked(r);
			else
				attack_stopped(r, err, &opts.fault, BY_MEMORY);
			if (memcmp(was, now, 16) && err)
				attack_odd(r, "a store that faulted at %#llx left bytes", (unsigned long long)address[i]);
		}
	}
}

/* Null pointers with every reach of an offset. */
static void null_page(const struct attack_variant *v, struct attack_result *r)
{
	struct aim aim = { .kinds = nothing_there(v) };

	touch_all(v, r, &aim);
	aim.off = 32767;
	touch_all(v, r, &aim);
	aim.address = 0xffff;
	aim.off = 0;
	aim.read_only = true;
	touch_all(v, r, &aim);
}

/*
 * Offsets that lead out of the 32-bit range at either end, in cages that have
 * others on both sides.  Whether the sum wraps in the cage or lands beside it,
 * it must fault, and is told as the 32 bits that the program meant.  The second
 * load makes the first share its address, if it can: that is what lands beside.
 */
static void cage_sides(const struct attack_variant *v, struct attack_result *r)
{
	static const struct { u32 base; s16 off; } at[] = {
		{ 0, -8 }, { 7, -8 }, { 0, -32768 }, { 32767, -32768 }, { 32768, -32768 }, { 1, -32761 },
		{ 0xfffffff8, 8 }, { 0xffffffff, 1 }, { 0xffffffff, 32767 }, { 0xffff8001, 32767 },
		{ 0xffffffff, -32767 },
	};
	/* without a cage, what is behind 4 GiB is the host's */
	u32 nr = attack_is_based(v) ? ARRAY_SIZE(at) : 6, i, n;

	for (i = 0; i < nr; i++) {
		const struct bpf_insn insn[] = {
			LDX(BPF_DW, 2, 1, 0), LDX(BPF_B, 0, 2, at[i].off), LDX(BPF_B, 0, 2, at[i].off), EXIT,
		};
		struct aim aim = { .address = at[i].base, .off = at[i].off, .kinds = nothing_there(v) };
		u64 data[ATTACK_SHARED / 8] = { at[i].base };
		struct moat_run_opts opts;
		int err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);

		attack_stopped(r, err, &opts.fault, aim.kinds);
		if (err == -EFAULT && attack_is_based(v) && opts.fault.address != (u32)(at[i].base + at[i].off))
			attack_odd(r, "%#x %+d was told as %#llx", at[i].base, at[i].off,
				   (unsigned long long)opts.fault.address);
		for (n = i % 3; n < ARRAY_SIZE(touches); n += 3)
			if (BPF_MODE(touches[n].code) != BPF_ATOMIC)
				touch(v, r, &aim, n);
	}
}

/* Values that the object declared constant. */
static void rodata(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		LDX(BPF_DW, 2, 1, 0), LDX(BPF_DW, 0, 2, 0), STX(BPF_DW, 1, 0, 8),
		ST(BPF_DW, 2, 0, 1), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 }, handle;
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	struct moat_run_opts opts = { 0 };
	struct moat_map map = { 0 };
	u64 *value;
	int err;

	if (!obj)
		return;
	map = (struct moat_map){ .obj = obj, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 64, .max_entries = 1,
				 .flags = BPF_F_RDONLY_PROG, .rights = MOAT_READ, .internal = true, .name = ".rodata" };
	err = moat_map_create(&map);
	pthread_mutex_lock(&obj->lock);
	handle = err ? 0 : moat_domain_map(moat_object__next_program(obj, NULL)->domain, &map);
	pthread_mutex_unlock(&obj->lock);
	if (!handle) {
		attack_odd(r, "no map: %d", err);
		return;
	}
	value = moat_host(map.heap_off);
	*value = SECRET;
	data[0] = map.heap_off;
	err = attack_run(obj, data, &opts);
	if (*value != SECRET)
		attack_worked(r);
	else if (err == -EFAULT && opts.fault.insn != 3)
		attack_odd(r, "even the load faulted");
	else
		attack_stopped(r, err, &opts.fault, BY_MEMORY | KIND(MEMORY));
}

#define NO_NEIGHBOUR	"the heap leaves an unmapped page after each object in every mode"
#define ATTACK(n, f, ...)	{ .name = n, .run = f, __VA_ARGS__ }

const struct attack attack_memory[] = {
	ATTACK("host memory", host_memory),
	ATTACK("host heap", host_heap),
	ATTACK("host stack", host_stack),
	ATTACK("host's alias of the heap", heap_alias),
	ATTACK("another domain's stack", other_stack),
	ATTACK("another domain's map", other_map),
	ATTACK("out of own data by arithmetic", by_arithmetic),
	ATTACK("reading code", code),
	ATTACK("writing code", code_write, .in_none = HOLDS, .why = "code has no writable mapping in any mode"),
	ATTACK("edges of own stack, views and map", edge_of_own, .in_none = HOLDS, .why = NO_NEIGHBOUR),
	ATTACK("edges of another's map", edge_of_map, .in_none = HOLDS, .why = NO_NEIGHBOUR),
	ATTACK("across the cage's end", cage_end, .end = true),
	ATTACK("beside the cage's ends", cage_sides, .in_none = HOLDS, .why = "nothing is mapped there in any mode"),
	ATTACK("null page", null_page, .in_none = HOLDS, .why = "nothing is mapped there in any mode"),
	ATTACK("writing .rodata", rodata, .in_none = HOLDS, .why = "read-only values are mapped so in every mode"),
};
const u32 nr_attack_memory = ARRAY_SIZE(attack_memory);
