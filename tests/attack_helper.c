/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Forged arguments: what a program hands to the host's functions, and what it gets back. */
#include "attack.h"

/* r1 = data[0], r2 = data[1]; the helper; R0. */
#define TWO_ARGUMENTS(helper)	{ MOV_X(6, 1), LDX(BPF_DW, 1, 6, 0), LDX(BPF_DW, 2, 6, 8), CALL(helper), EXIT }

static const struct bpf_insn peek[] = TWO_ARGUMENTS(HELP_PEEK), poke[] = TWO_ARGUMENTS(HELP_POKE),
			     sum[] = TWO_ARGUMENTS(HELP_SUM), fill[] = TWO_ARGUMENTS(HELP_FILL);

/* Memory -------------------------------------------------------------------- */

static u64 byte_sum(u64 v)
{
	u64 sum = 0;

	for (; v; v >>= 8)
		sum += v & 0xff;
	return sum;
}

/* Each helper with memory arguments gets @address, where the host sees SECRET at @seen. */
static void pass(const struct attack_variant *v, struct attack_result *r, u64 address, u64 *seen)
{
	static const struct { const struct bpf_insn *insn; u64 second, want; } way[] = {
		{ peek, 0, SECRET }, { poke, 1, 0 }, { sum, 8, 0 }, { fill, 8, 0 },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(way); i++) {
		u64 data[ATTACK_SHARED / 8] = { address, way[i].second }, calls = helper_calls;
		u64 want = way[i].insn == sum ? byte_sum(SECRET) : way[i].want;
		struct moat_run_opts opts;
		int err;

		*seen = SECRET;
		err = attack_try(v, r, way[i].insn, 5, data, &opts);
		if (*seen != SECRET || (!err && want && opts.retval == want))
			attack_worked(r);
		else if (helper_calls != calls)
			attack_odd(r, "the helper was called");
		else
			attack_stopped(r, err, &opts.fault, KIND(AUDIT));
		*seen = SECRET;
	}
}

static void forged_memory(const struct attack_variant *v, struct attack_result *r)
{
	struct attack_victim victim;
	u64 local = SECRET, *heap = malloc(8);
	u64 *seen;

	if (attack_victim(v, &victim)) {
		attack_odd(r, "no victim");
		return;
	}
	pass(v, r, (u64)&attack_secret[9], &attack_secret[9]);
	pass(v, r, (u64)&local, &local);
	pass(v, r, (u64)heap, heap);
	seen = moat_host(victim.slot + 512);
	pass(v, r, (u64)seen, seen);
	pass(v, r, victim.slot + 512, seen);
	seen = moat_host(victim.map.heap_off);
	pass(v, r, (u64)seen, seen);
	pass(v, r, victim.map.heap_off, seen);
	free(heap);
}

void attack_call(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr, u64 *data)
{
	u64 calls = helper_calls;
	struct moat_run_opts opts;
	int err = attack_try(v, r, insn, nr, data, &opts);

	if (helper_calls != calls)
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, KIND(AUDIT));
}

/* Sizes that reach beyond what the pointer points to; @first says where it points. */
static void forged_size(const struct attack_variant *v, struct attack_result *r)
{
	static const u64 size[] = {
		ATTACK_SHARED + 1, 2 * ATTACK_SHARED, MOAT_SLOT_BYTES, 1 << 20, 1ull << 29, 1ull << 31, 1ull << 32,
		(1ull << 32) + 8, 1ull << 63, ~0ull, ~7ull,
	};
	u32 i, n;

	for (n = 0; n < 2; n++) {
		for (i = 0; i < ARRAY_SIZE(size); i++) {
			const struct bpf_insn insn[] = {
				LDX(BPF_DW, 2, 1, 8), CALL(n ? HELP_FILL : HELP_SUM), EXIT,
			};
			u64 data[ATTACK_SHARED / 8] = { 0, size[i] };

			attack_call(v, r, insn, ARRAY_SIZE(insn), data);
		}
	}
}

/* Around the stack and the data: argument memory that is only partly the program's. */
static void partly_own(const struct attack_variant *v, struct attack_result *r)
{
	static const s32 off[] = { -7, -1, 0, 1, 8, 64, -MOAT_STACK_BYTES - 1, -MOAT_STACK_BYTES - 8, -MOAT_STACK_BYTES - 4096 };
	u32 i, n;

	for (n = 0; n < 2; n++) {
		for (i = 0; i < ARRAY_SIZE(off); i++) {
			const struct bpf_insn insn[] = {
				MOV_X(1, 10), ALU64_K(BPF_ADD, 1, off[i]), MOV_K(2, n ? 8 : 0),
				CALL(n ? HELP_FILL : HELP_POKE), EXIT,
			};
			u64 data[ATTACK_SHARED / 8] = { 0 };

			attack_call(v, r, insn, ARRAY_SIZE(insn), data);
		}
	}
}

static void null_argument(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn *const way[] = { poke, sum, fill };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(way); i++) {
		u64 data[ATTACK_SHARED / 8] = { 0, 8 };

		attack_call(v, r, way[i], 5, data);
	}
}

void attack_write_constant(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr)
{
	static struct moat_map map;
	struct moat_object *obj = attack_load(v, r, insn, nr);
	u64 data[ATTACK_SHARED / 8] = { 0, 1, 8, 0x30303030 }, handle = 0;
	struct moat_run_opts opts = { 0 };
	int err;

	map = (struct moat_map){ .obj = obj, .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 64, .max_entries = 1,
				 .flags = BPF_F_RDONLY_PROG, .internal = true, .name = ".rodata" };
	if (!obj || moat_map_create(&map)) {
		attack_odd(r, "no map");
		return;
	}
	pthread_mutex_lock(&obj->lock);
	handle = moat_domain_map(moat_object__next_program(obj, NULL)->domain, &map);
	pthread_mutex_unlock(&obj->lock);
	if (!handle)
		attack_odd(r, "no handle");
	*(u64 *)moat_host(map.heap_off) = SECRET;
	data[0] = map.heap_off;
	err = attack_run(obj, data, &opts);
	if (*(u64 *)moat_host(map.heap_off) != SECRET)
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, KIND(AUDIT));
}

/* CVE-2024-49861: a helper's output argument aimed at constant data. */
static void rodata_output(const struct attack_variant *v, struct attack_result *r)
{
	attack_write_constant(v, r, poke, ARRAY_SIZE(poke));
}

/* Maps ------------------------------------------------------------------------- */

/* r1 = data[0], key 0 on the stack: what bpf_map_lookup_elem gives, and what is there. */
static const struct bpf_insn lookup[] = {
	MOV_X(6, 1),
	ST(BPF_DW, 10, -8, 0),
	LDX(BPF_DW, 1, 6, 0),
	MOV_X(2, 10),
	ALU64_K(BPF_ADD, 2, -8),
	CALL(BPF_FUNC_map_lookup_elem),
	STX(BPF_DW, 6, 0, 8),
	JMP_K(BPF_JEQ, 0, 0, 1),
	LDX(BPF_DW, 0, 0, 0),
	EXIT,
};

static void try_map(const struct attack_variant *v, struct attack_result *r, u64 map)
{
	u64 data[ATTACK_SHARED / 8] = { map };
	struct moat_run_opts opts;
	int err = attack_try(v, r, lookup, ARRAY_SIZE(lookup), data, &opts);

	if (!err && opts.retval == SECRET)
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, KIND(AUDIT));
}

static void forged_map(const struct attack_variant *v, struct attack_result *r)
{
	static const u64 handle[] = { 0, 1, 4, 7, 8, 16, 24, 8 * MOAT_MAX_MAPS, 8 * MOAT_MAX_MAPS + 8, ~7ull, 0xfffffff8, 1ull << 63 };
	struct attack_victim victim;
	u32 i;

	if (attack_victim(v, &victim)) {
		attack_odd(r, "no victim");
		return;
	}
	try_map(v, r, (u64)&victim.map);
	/* handles are small numbers: guess them all (in none they are addresses: guessing crashes the host) */
	for (i = 0; v->mode != MOAT_MODE_NONE && i < ARRAY_SIZE(handle); i++)
		try_map(v, r, handle[i]);
}

/* A map of the attacker's own making, with operations of its choice. */
static void fake_map(const struct attack_variant *v, struct attack_result *r)
{
	struct moat_object *obj = attack_load(v, r, lookup, ARRAY_SIZE(lookup));
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts = { 0 };
	struct moat_map_ops *ops = (struct moat_map_ops *)&data[300];
	struct moat_map *map = (struct moat_map *)&data[100];
	u32 at, i;
	int err;

	if (!obj)
		return;
	at = attack_slot(obj) + MOAT_VIEW_PACKET + MOAT_HEADROOM;
	for (i = 0; i < sizeof(*ops) / 8; i++)
		((u64 *)ops)[i] = (u64)attack_pwned;
	map->ops = (const struct moat_map_ops *)((u64)at + 300 * 8);
	map->type = BPF_MAP_TYPE_ARRAY;
	map->key_size = 4;
	map->value_size = 8;
	data[0] = at + 100 * 8;
	pwned = 0;
	err = attack_run(obj, data, &opts);
	if (pwned)
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, KIND(AUDIT));
}

/* CVE-2021-34866: helpers of one map type on a map of another. */
static void wrong_map_type(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn reserve[] = {
		LDX(BPF_DW, 1, 1, 0), MOV_K(2, 64), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve), EXIT,
	};
	const struct bpf_insn *insn[] = { reserve, lookup };
	const u32 nr[] = { ARRAY_SIZE(reserve), ARRAY_SIZE(lookup) };
	u32 i;

	for (i = 0; i < 2; i++) {
		struct moat_object *obj = attack_load(v, r, insn[i], nr[i]);
		u64 data[ATTACK_SHARED / 8] = { 0 };
		struct moat_run_opts opts = { 0 };
		struct moat_map map;
		int err;

		if (!obj || attack_map(obj, &map, i ? BPF_MAP_TYPE_RINGBUF : BPF_MAP_TYPE_ARRAY, i ? 0 : 4, i ? 0 : 8,
				       i ? 4096 : 1, &data[0])) {
			attack_odd(r, "no map");
			return;
		}
		err = attack_run(obj, data, &opts);
		if (!err && opts.retval)
			attack_worked(r);
		else if (!err)		/* NULL is an answer too */
			attack_stopped(r, 0, &opts.fault, 0);
		else
			attack_stopped(r, err, &opts.fault, KIND(AUDIT));
	}
}

/* Records ------------------------------------------------------------------------ */

/* Reserve @size, then hand back the record's address + @off, @times times. */
static int ring(const struct attack_variant *v, struct attack_result *r, s32 size, s32 off, s32 helper, bool twice,
		struct moat_run_opts *opts)
{
	const struct bpf_insn insn[] = {
		LDX(BPF_DW, 1, 1, 0),
		MOV_K(2, size),
		MOV_K(3, 0),
		CALL(BPF_FUNC_ringbuf_reserve),
		JMP_K(BPF_JNE, 0, 0, 1),
		EXIT,
		MOV_X(7, 0),
		ST(BPF_DW, 7, 0, 0x1234),
		MOV_X(1, 7),
		ALU64_K(BPF_ADD, 1, off),
		MOV_K(2, 0),
		CALL(helper),
		MOV_X(1, 7),
		MOV_K(2, 0),
		twice ? (struct bpf_insn)CALL(helper) : (struct bpf_insn)MOV_K(0, 0),
		MOV_K(0, 99),
		EXIT,
	};
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_map map;

	*opts = (struct moat_run_opts){ 0 };
	if (!obj || attack_map(obj, &map, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, &data[0])) {
		attack_odd(r, "no ring");
		return -ENOEXEC;
	}
	return attack_run(obj, data, opts);
}

/* CVE-2021-4204: an address near a record in place of it; and a record handed back twice. */
static void forged_record(const struct attack_variant *v, struct attack_result *r)
{
	static const s32 off[] = { 8, 16, -8, -16, 4096, 1, 64 };
	struct moat_run_opts opts;
	u32 i;
	int err;

	err = ring(v, r, 64, 0, BPF_FUNC_ringbuf_submit, false, &opts);
	if (err || opts.retval != 99)
		attack_odd(r, "an honest record does not pass: %d", err);
	for (i = 0; i < ARRAY_SIZE(off); i++) {
		err = ring(v, r, 64, off[i], i & 1 ? BPF_FUNC_ringbuf_submit : BPF_FUNC_ringbuf_discard, false, &opts);
		attack_stopped(r, err, &opts.fault, KIND(AUDIT));
	}
	err = ring(v, r, 64, 0, BPF_FUNC_ringbuf_submit, true, &opts);
	attack_stopped(r, err, &opts.fault, KIND(AUDIT));
}

/* CVE-2021-3489: more than the ring holds. */
static void large_record(const struct attack_variant *v, struct attack_result *r)
{
	static const s32 size[] = { 4096, 4089, 8192, 1 << 20, INT_MAX, INT_MIN, -1, -8 };
	struct moat_run_opts opts;
	u32 i;
	int err;

	for (i = 0; i < ARRAY_SIZE(size); i++) {
		err = ring(v, r, size[i], 0, BPF_FUNC_ringbuf_submit, false, &opts);
		if (!err && opts.retval)
			attack_worked(r);
		else
			attack_stopped(r, err, &opts.fault, err ? KIND(AUDIT) : 0);
	}
}

static u64 ring_sum;

static int ring_sample(void *ctx, void *data, size_t size)
{
	ring_sum += size + *(u32 *)data;
	return 0;
}

/* CVE-2024-41009: what lies around a record is written to; the host's view of the ring must not care. */
static void record_header(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		LDX(BPF_DW, 1, 1, 0), MOV_K(2, 16), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve),
		JMP_K(BPF_JEQ, 0, 0, 9), MOV_X(6, 0),
		ST(BPF_DW, 6, 0, 5), ST(BPF_DW, 6, 16, -1), ST(BPF_DW, 6, 24, -1), ST(BPF_DW, 6, 32, 0x7fffffff),
		MOV_X(1, 6), MOV_K(2, 0), CALL(BPF_FUNC_ringbuf_submit), MOV_K(0, 99),
		EXIT,
	};
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_ring_buffer *rb;
	struct moat_map map;
	u32 i;

	if (!obj || attack_map(obj, &map, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, &data[0])) {
		attack_odd(r, "no ring");
		return;
	}
	rb = moat_ring_buffer__new(&map, ring_sample, NULL);
	for (i = 0; i < 40; i++) {
		struct moat_run_opts opts = { 0 };
		int err = attack_run(obj, data, &opts), n;

		ring_sum = 0;
		n = moat_ring_buffer__consume(rb);
		if (err || opts.retval != 99 || n != 1 || ring_sum != 16 + 5)
			attack_odd(r, "round %u: %d, R0 %llu, %d records, sum %llu", i, err, (unsigned long long)opts.retval, n,
				   (unsigned long long)ring_sum);
		else
			r->contained++;
	}
	moat_ring_buffer__free(rb);
}

/* Registers ---------------------------------------------------------------------- */

static void count_leaks(struct attack_result *r, const u64 *data, u32 from, u32 to)
{
	u32 i;

	for (i = from; i <= to; i++) {
		if (data[i])
			attack_worked(r);
		else
			r->contained++;
	}
}

/* What did the helper leave in R1-R5? */
static void after_call(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_X(6, 1), CALL(HELP_DIRTY),
		STX(BPF_DW, 6, 1, 8), STX(BPF_DW, 6, 2, 16), STX(BPF_DW, 6, 3, 24), STX(BPF_DW, 6, 4, 32), STX(BPF_DW, 6, 5, 40),
		EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	int err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);

	if (err)
		attack_odd(r, "the run returned %d", err);
	count_leaks(r, data, 1, 5);
}

/* What did the host leave in the registers at entry? */
static void at_entry(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		STX(BPF_DW, 1, 0, 8), STX(BPF_DW, 1, 3, 16), STX(BPF_DW, 1, 4, 24), STX(BPF_DW, 1, 5, 32),
		STX(BPF_DW, 1, 6, 40), STX(BPF_DW, 1, 7, 48), STX(BPF_DW, 1, 8, 56), STX(BPF_DW, 1, 9, 64),
		MOV_K(0, 0), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	int err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);

	if (err)
		attack_odd(r, "the run returned %d", err);
	if (v->mode != MOAT_MODE_NONE)
		count_leaks(r, data, 1, 8);
	else if (data[1] | data[2] | data[3] | data[4] | data[5] | data[6] | data[7] | data[8])
		attack_worked(r);
}

/* And at the entry of a callback, which a helper calls? */
static void at_callback(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_X(6, 1), MOV_X(2, 1), LD_FUNC(1, 4), MOV_K(3, 0), CALL(HELP_CALLBACK), EXIT,
		/* the callback: R1 = data, R2 = 0 */
		STX(BPF_DW, 1, 0, 8), STX(BPF_DW, 1, 3, 16), STX(BPF_DW, 1, 4, 24), STX(BPF_DW, 1, 5, 32),
		STX(BPF_DW, 1, 6, 40), STX(BPF_DW, 1, 7, 48), STX(BPF_DW, 1, 8, 56), STX(BPF_DW, 1, 9, 64),
		MOV_K(0, 7), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	int err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);

	if (err || opts.retval != 7)
		attack_odd(r, "the run returned %d, R0 = %llu", err, (unsigned long long)opts.retval);
	if (v->mode != MOAT_MODE_NONE)
		count_leaks(r, data, 1, 8);
	else if (data[1] | data[2] | data[3] | data[4] | data[5] | data[6] | data[7] | data[8])
		attack_worked(r);
}

/* Registers that are no arguments must not reach a helper that looks at them by mistake. */
static void more_arguments(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_K(1, 1), MOV_K(2, 2), MOV_K(3, 4), MOV_K(4, 8), MOV_K(5, 16), CALL(HELP_ECHO), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	int err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);

	if (err)
		attack_odd(r, "the run returned %d", err);
	if (helper_dirt)
		attack_worked(r);
	else
		r->contained++;
}

/* Pointers that the program is meant to have must say nothing about the host: 32 bits each (G5). */
static void own_pointers(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_X(6, 1), STX(BPF_DW, 6, 1, 8), STX(BPF_DW, 6, 10, 16),
		ST(BPF_DW, 10, -8, 0), LDX(BPF_DW, 1, 6, 0), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -8), STX(BPF_DW, 6, 2, 24),
		CALL(BPF_FUNC_map_lookup_elem), STX(BPF_DW, 6, 0, 32), ST(BPF_DW, 0, 0, 3), LDX(BPF_DW, 0, 0, 0), EXIT,
	};
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts = { 0 };
	struct moat_map map;
	u32 i;
	int err;

	if (!obj || attack_map(obj, &map, BPF_MAP_TYPE_ARRAY, 4, 8, 1, &data[0])) {
		attack_odd(r, "no map");
		return;
	}
	if (v->mode != MOAT_MODE_NONE && data[0] >> 32)
		attack_worked(r);
	err = attack_run(obj, data, &opts);
	if (err || opts.retval != 3)
		attack_odd(r, "the run returned %d, R0 = %llu", err, (unsigned long long)opts.retval);
	for (i = 1; i <= 4; i++) {
		if (!data[i])
			attack_odd(r, "pointer %u is null", i);
		if (data[i] >> 32)
			attack_worked(r);
		else
			r->contained++;
	}
}

/* Callbacks ------------------------------------------------------------------------ */

static void forged_callback(const struct attack_variant *v, struct attack_result *r)
{
	static const u64 handle[] = { 0, 1, 2, 5, 7, 1000, ~0ull, 1ull << 32 | 8 };
	static const struct bpf_insn insn[] = {
		LDX(BPF_DW, 1, 1, 0), MOV_K(2, 0), MOV_K(3, 0), CALL(HELP_CALLBACK), JA(2), LD_FUNC(2, 2),
		EXIT,
		MOV_K(0, 7), EXIT,
	};
	u64 code = (u64)attack_pwned;
	u32 i;

	pwned = 0;
	for (i = 0; i <= ARRAY_SIZE(handle); i++) {
		u64 data[ATTACK_SHARED / 8] = { i < ARRAY_SIZE(handle) ? handle[i] : code };
		struct moat_run_opts opts;
		int err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);

		if (pwned || !err)
			attack_worked(r);
		else
			attack_stopped(r, err, &opts.fault, KIND(AUDIT) | KIND(TRAP));
	}
}

/* Tail calls: a map that is none, and indices around the end. */
static void forged_tail(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_X(6, 1), LDX(BPF_DW, 2, 6, 0), LDX(BPF_DW, 3, 6, 8), CALL(BPF_FUNC_tail_call), MOV_K(0, 55), EXIT,
	};
	static const u64 index[] = { 4, 5, 0x7fffffff, 0x80000000, 0xffffffff, ~0ull, 1ull << 32 | 4 };
	struct attack_victim victim;
	struct moat_run_opts opts = { 0 };
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_object *obj;
	struct moat_map map;
	u32 i;
	int err;

	if (attack_victim(v, &victim)) {
		attack_odd(r, "no victim");
		return;
	}
	for (i = 0; i < 3; i++) {
		data[0] = i == 0 ? (u64)&victim.map : i == 1 ? 8 : 0x7fffffff8ull;
		err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);
		attack_stopped(r, err, &opts.fault, KIND(AUDIT));
	}
	obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	if (!obj || attack_map(obj, &map, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, &data[0])) {
		attack_odd(r, "no program array");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(index); i++) {
		opts = (struct moat_run_opts){ 0 };
		data[1] = index[i];
		err = attack_run(obj, data, &opts);
		if (err || opts.retval != 55)
			attack_odd(r, "index %#llx: %d, R0 = %llu", (unsigned long long)index[i], err,
				   (unsigned long long)opts.retval);
		else
			r->contained++;
	}
}

#define ATTACK(n, f, ...)	{ .name = n, .run = f, __VA_ARGS__ }
#define IN_TABLE		"the host asks its own tables in every mode"
#define NO_AUDIT		"mode none audits nothing: helpers trust what they get"

const struct attack attack_helper[] = {
	ATTACK("forged memory argument", forged_memory),
	ATTACK("forged size argument", forged_size, .may_die = true),
	ATTACK("argument only partly own memory", partly_own, .may_die = true),
	ATTACK("null for memory", null_argument, .may_die = true),
	ATTACK("output to .rodata", rodata_output, .may_die = true),
	ATTACK("forged map argument", forged_map),
	ATTACK("map of the attacker's making", fake_map),
	ATTACK("map of the wrong type", wrong_map_type, .in_none = MEANINGLESS, .why = NO_AUDIT),
	ATTACK("forged ring-buffer record", forged_record, .in_none = MEANINGLESS, .why = NO_AUDIT),
	ATTACK("record larger than the ring", large_record, .in_none = HOLDS, .why = IN_TABLE),
	ATTACK("writes around a record", record_header, .in_none = HOLDS, .why = "positions and headers are not in the heap"),
#if defined(__aarch64__)	/* R1 is the register of C results: never stale */
	ATTACK("R1-R5 after a call", after_call, .some = true),
#else
	ATTACK("R1-R5 after a call", after_call),
#endif
	ATTACK("unset registers at entry", at_entry),
	ATTACK("unset registers in a callback", at_callback),
	ATTACK("registers that are no arguments", more_arguments),
	ATTACK("host bits in own pointers", own_pointers, .in_none = HOLDS, .why = "the heap is in low memory"),
	ATTACK("forged callback", forged_callback, .in_none = HOLDS, .why = IN_TABLE),
	ATTACK("forged tail call", forged_tail, .in_none = MEANINGLESS, .why = NO_AUDIT),
};
const u32 nr_attack_helper = ARRAY_SIZE(attack_helper);
