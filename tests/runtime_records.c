/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Audit records at work: what is proved of a program's calls, and that the
 * gate supplies it or refuses what is not so, even where nothing but the
 * record stands in the way.
 */
#include <urcu/urcu-memb.h>

#include "gen.h"
#include "helper_run.h"
#include "insns.h"
#include "modes.h"

static struct moat_call_audit *record;
static u32 nr_record;

/* Analyse @insn as a program of the domain.  False: it is refused. */
static bool analyze(const struct bpf_insn *insn, u32 len, enum bpf_prog_type type)
{
	free(record);
	record = NULL;
	prog.insn = (struct bpf_insn *)insn;
	prog.len = len;
	prog.type = type;
	return CHECK(!moat_program_records(&prog, &record, &nr_record), "records of %u instructions", len);
}

#define PROGRAM(type, ...) do {								\
	static const struct bpf_insn insn_[] = { __VA_ARGS__ };				\
											\
	if (!analyze(insn_, ARRAY_SIZE(insn_), type))					\
		return;									\
} while (0)

/* The @n'th call of the program, with these registers. */
static int go(u32 n, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	const struct moat_call_audit *r = &record[n];

	if (!CHECK(n < nr_record, "there are %u calls", nr_record))
		return -1;
	return call_as(moat_helper_find(prog.obj, r->helper, prog.type), r, r1, r2, r3, r4, r5);
}

static bool proved(const char *what)
{
	return run->fault.proved && strstr(run->fault.proved, what);
}

#define JUNK	0xdeadbeefdeadbeefull
#define PLAIN	BPF_PROG_TYPE_UNSPEC

/* One value is proved: what the register holds does not matter. */
static void supplied(u64 hash)
{
	PROGRAM(PLAIN, ST(BPF_DW, 10, -8, 5), LDDW(1, 8), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -8), MOV_X(3, 10),
		ALU64_K(BPF_ADD, 3, -24), MOV_K(4, 0), CALL(BPF_FUNC_map_update_elem),
		LDDW(1, 8), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -8), CALL(BPF_FUNC_map_lookup_elem), EXIT);
	CHECK(hash == 8, "the first map's handle");
	memset(at(stack(512)), 0x33, 512);
	CHECK(go(0, JUNK, JUNK, JUNK, JUNK, JUNK) == OK && !ret, "update: %lld", (long long)ret);
	CHECK(go(1, 0, 0, 0, 0, 0) == OK && ret, "lookup of what was put there");
	CHECK(call(BPF_FUNC_map_lookup_elem, hash, stack(8), 0, 0, 0) == OK && ret, "by hand too");
	CHECK(call(BPF_FUNC_map_lookup_elem, JUNK, JUNK, 0, 0, 0) == 1, "not without a record");
}

static void numbers(void)
{
	PROGRAM(PLAIN, LDX(BPF_DW, 2, 1, 0), ALU64_K(BPF_AND, 2, 0x3c), MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -64),
		JMP_K(BPF_JEQ, 2, 0, 1), CALL(BPF_FUNC_get_current_comm), EXIT);
	CHECK(go(0, JUNK, 16, 0, 0, 0) == OK && !ret, "in range");
	CHECK(go(0, JUNK, 60, 0, 0, 0) == OK && !ret, "the most");
	CHECK(go(0, stack(64), 61, 0, 0, 0) == 2 && proved("1..60"), "above: %s", run->fault.proved ?: "");
	CHECK(go(0, stack(64), 17, 0, 0, 0) == 2, "a bit that was proved to be clear");
	CHECK(go(0, stack(64), 64, 0, 0, 0) == 2 && run->fault.address == 64, "though the frame has room");
	CHECK(go(0, stack(64), 0, 0, 0, 0) == 2, "zero");
	CHECK(call(BPF_FUNC_get_current_comm, stack(64), 64, 0, 0, 0) == OK, "without a record it passes");
	/* Nothing but a number to compare: the short way through the gate. */
	PROGRAM(BPF_PROG_TYPE_SCHED_CLS, LDX(BPF_W, 2, 1, 0), ALU64_K(BPF_AND, 2, 0x3c), MOV_X(3, 10), ALU64_K(BPF_ADD, 3, -8),
		MOV_K(4, 8), CALL(BPF_FUNC_skb_load_bytes), EXIT);
	run->data = run->slot->off + MOAT_VIEW_PACKET;
	run->data_end = run->data + 200;
	run->ctx_bytes = 64;
	CHECK(go(0, JUNK, 60, JUNK, JUNK, 0) == OK && !ret, "in range");
	CHECK(go(0, JUNK, 64, JUNK, JUNK, 0) == 2 && proved("0..60"), "above");
	CHECK(go(0, 60, 64, 60, 60, 60) == 2, "above, whatever is in the other registers");
	CHECK(go(0, JUNK, 17, JUNK, JUNK, 0) == 2, "a bit that was proved to be clear");
	CHECK(go(0, JUNK, 1ull << 32 | 60, JUNK, JUNK, 0) == 2, "numbers have 64 bits");
	run->ctx_bytes = run->data = run->data_end = 0;
	/* Two of them. */
	PROGRAM(BPF_PROG_TYPE_SCHED_CLS, LDX(BPF_B, 1, 1, 0), MOV_X(2, 1), ALU64_K(BPF_AND, 2, 1), CALL(BPF_FUNC_redirect),
		EXIT);
	CHECK(go(0, 255, 1, JUNK, JUNK, JUNK) == OK, "both in range");
	CHECK(go(0, 256, 1, 0, 0, 0) == 1 && proved("0..255"), "the first is above");
	CHECK(go(0, 255, 2, 0, 0, 0) == 2 && proved("0..1"), "the second is above");
}

/* An address or NULL: neither is supplied in place of the other. */
static void choices(void)
{
	PROGRAM(BPF_PROG_TYPE_XDP, LDX(BPF_W, 6, 1, 0), MOV_K(1, 0), MOV_K(2, 0), JMP_K(BPF_JEQ, 6, 0, 3), MOV_X(1, 10),
		ALU64_K(BPF_ADD, 1, -16), MOV_K(2, 8), MOV_X(3, 10), ALU64_K(BPF_ADD, 3, -8), MOV_K(4, 8), MOV_K(5, 0),
		CALL(BPF_FUNC_csum_diff), EXIT);
	memset(at(stack(16)), 0x11, 16);
	CHECK(go(0, 0, 0, 0, 0, 0) == OK && (u32)ret == 0x22222222, "NULL: %llx", (long long)ret);
	CHECK(go(0, stack(16), 8, 0, 0, 0) == OK && ret == 0xffffffff, "the address: %llx", (long long)ret);
	CHECK(go(0, 0, 8, 0, 0, 0) == 1, "NULL with a size");
	CHECK(go(0, stack(24), 8, 0, 0, 0) == 1, "another address");
}

/* Memory must be where it was proved to be, not only somewhere in the domain. */
static void regions(struct moat_map *hash, struct moat_map *array, struct moat_map *ro)
{
	PROGRAM(PLAIN, LDX(BPF_DW, 6, 1, 0), ALU64_K(BPF_AND, 6, 31), LDDW(1, 8), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -64),
		ALU64_X(BPF_ADD, 2, 6), CALL(BPF_FUNC_map_lookup_elem), EXIT);
	CHECK(go(0, 0, stack(64), 0, 0, 0) == OK && go(0, 0, stack(33), 0, 0, 0) == OK, "within");
	CHECK(go(0, 0, stack(65), 0, 0, 0) == 2 && proved("frame, from -64..-33"), "below: %s", run->fault.proved ?: "");
	CHECK(go(0, 0, stack(32), 0, 0, 0) == 2, "above");
	CHECK(go(0, 0, array->heap_off, 0, 0, 0) == 2, "a value");
	PROGRAM(PLAIN, ST(BPF_W, 10, -4, 0), LDDW(1, 16), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -4), CALL(BPF_FUNC_map_lookup_elem),
		JMP_K(BPF_JNE, 0, 0, 1), EXIT, MOV_X(1, 0), ALU64_K(BPF_ADD, 1, 8), MOV_K(2, 8), CALL(BPF_FUNC_get_current_comm),
		EXIT);
	CHECK(go(1, array->heap_off + 8, JUNK, 0, 0, 0) == OK, "a value of that map");
	CHECK(go(1, array->heap_off + array->heap_bytes - 7, JUNK, 0, 0, 0) == 1, "across its end");
	CHECK(go(1, hash->heap_off + 8, JUNK, 0, 0, 0) == 1 && proved("map array"), "of another map: %s", run->fault.proved ?: "");
	CHECK(go(1, stack(64), 8, 0, 0, 0) == 1, "the frame");
	CHECK(call(BPF_FUNC_get_current_comm, hash->heap_off + 8, 8, 0, 0, 0) == OK, "without a record it passes");
	PROGRAM(PLAIN, LDX(BPF_DW, 6, 1, 0), ALU64_K(BPF_AND, 6, 7), LDDW(1, 0), ALU64_X(BPF_ADD, 1, 6), MOV_K(2, 4),
		CALL(BPF_FUNC_get_current_comm), EXIT);
	CHECK(go(0, ro->heap_off, 4, 0, 0, 0) == 1, "read-only memory is no output");
}

/* Like the one above, but the address of the read-only map's value is in the program. */
static void read_only(struct moat_map *ro)
{
	const struct bpf_insn insn[] = {
		LDX(BPF_DW, 6, 1, 0), ALU64_K(BPF_AND, 6, 7), LDDW(1, ro->heap_off), ALU64_X(BPF_ADD, 1, 6), MOV_K(2, 4),
		CALL(BPF_FUNC_get_current_comm),
		LDDW(1, ro->heap_off), MOV_K(2, 4), MOV_K(3, 0), CALL(BPF_FUNC_trace_printk),
		LDDW(1, ro->heap_off), MOV_K(2, 4), CALL(BPF_FUNC_get_current_comm), EXIT,
	};

	if (!analyze(insn, ARRAY_SIZE(insn), PLAIN))
		return;
	CHECK(record[0].arg[0].region == MOAT_REGION_MAP, "known to be of that map");
	CHECK(go(0, ro->heap_off, 4, 0, 0, 0) == 1, "as output");
	CHECK(record[1].arg[0].kind == MOAT_AUDIT_DATA && go(1, JUNK, JUNK, JUNK, 0, 0) == OK, "as a format: supplied");
	CHECK(record[2].arg[0].kind == MOAT_AUDIT_MEMORY && go(2, ro->heap_off, 4, 0, 0, 0) == 1, "as output: not");
}

static void packets(void)
{
	PROGRAM(BPF_PROG_TYPE_XDP, LDX(BPF_W, 6, 1, 0), MOV_X(1, 6), ALU64_K(BPF_ADD, 1, 14), MOV_K(2, 20), MOV_X(3, 1),
		MOV_K(4, 20), MOV_K(5, 0), CALL(BPF_FUNC_csum_diff), EXIT);
	run->ctx_bytes = 64;
	run->data = run->slot->off + MOAT_VIEW_PACKET + MOAT_HEADROOM;
	run->data_end = run->data + 60;
	CHECK(go(0, run->data + 14, JUNK, run->data + 14, JUNK, JUNK) == OK, "in the packet");
	CHECK(go(0, run->data + 41, JUNK, run->data + 14, JUNK, JUNK) == 1 && proved("packet"), "beyond its end");
	CHECK(go(0, stack(64), 20, run->data + 14, 20, 0) == 1, "the frame");
	CHECK(go(0, run->data + 14, 20, stack(64), 20, 0) == 3, "the frame");
	CHECK(call(BPF_FUNC_csum_diff, stack(64), 20, run->data + 14, 20, 0) == OK, "without a record it passes");
	run->ctx_bytes = run->data = run->data_end = 0;
}

static void records(u64 ring, u64 other)
{
	u64 mine, foreign;

	CHECK(ring == 32 && other == 40, "handles: %llu, %llu", (long long)ring, (long long)other);
	PROGRAM(PLAIN, LDDW(1, 32), MOV_K(2, 16), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve), JMP_K(BPF_JEQ, 0, 0, 3),
		MOV_X(1, 0), MOV_K(2, 0), CALL(BPF_FUNC_ringbuf_discard), EXIT);
	CHECK(go(0, JUNK, 4000, JUNK, 0, 0) == OK && ret && run->issued[0].bytes == 16, "the size is the program's own");
	mine = ret;
	CHECK(call(BPF_FUNC_ringbuf_reserve, other, 16, 0, 0, 0) == OK && ret, "of another ring");
	foreign = ret;
	CHECK(go(1, foreign, 0, 0, 0, 0) == 1, "a record of another ring buffer");
	CHECK(go(1, mine + 8, 0, 0, 0, 0) == 1, "the middle of a record");
	CHECK(go(1, mine, JUNK, 0, 0, 0) == OK, "the right one, the flags are supplied");
	CHECK(go(1, mine, 0, 0, 0, 0) == 1, "twice");
	CHECK(call(BPF_FUNC_ringbuf_discard, foreign, 0, 0, 0, 0) == OK, "without a record it passes");
}

/* Facts only add: whatever is said, what a record lets through the generic audit does too ----------- */

static struct moat_call_facts facts;
static u64 rng = 7;

static u32 below(u32 n)
{
	return gen_random(&rng) % n;
}

static void random_value(struct moat_value *v)
{
	static const s64 off[] = { 0, 0, -8, -64, -512, -8192, 8, 40, 100, 5000, 1 };
	u64 a = gen_random(&rng) >> below(64), b = a + below(100);

	moat_value_any(v);
	switch (below(6)) {
	case 0:
		moat_value_const(v, below(2) ? 8ull * below(7) : (u64)off[below(ARRAY_SIZE(off))]);
		return;
	case 1:
		if (a <= b)
			moat_range_between(&v->r, a, b, 64);
		return;
	case 2:
		return;
	}
	moat_value_pointer(v, MOAT_VAL_FRAME + below(MOAT_NR_VALS - 1), 8 * (1 + below(5)), off[below(ARRAY_SIZE(off))]);
	if (below(2)) {
		v->r.full.smax += below(200);
		v->r.bits = (struct moat_known_bits) { .unknown = ~0ull };
	}
	v->nullable = below(3) == 0;
}

static bool map_facts(void *arg, u64 handle, struct moat_map_facts *out)
{
	const struct moat_map *m = moat_domain_map_at(domain, handle);

	if (m)
		*out = (struct moat_map_facts) { .key_size = m->key_size, .value_size = m->value_size, .bytes = m->heap_bytes,
						 .type = m->type, .rights = m->rights };
	return m;
}

static u64 random_register(struct moat_map *const map[5])
{
	switch (below(6)) {
	case 0:
		return stack(below(600));
	case 1:
		return map[below(5)]->heap_off + below(100);
	case 2:
		return 8 * below(7);
	case 3:
		return run->data + below(70);
	case 4:
		return below(2) ? 0 : run->slot->off + MOAT_VIEW_CTX + below(70);
	default:
		return gen_random(&rng) >> below(64);
	}
}

/* Does the audit by @r let @in through? */
static bool passes(const struct moat_helper *h, const struct moat_call_audit *r, const u64 in[5], u64 out[5])
{
	static struct moat_call_gate g;
	struct moat_issued *released;
	u32 i;

	moat_gate_free(&g);
	moat_gate_make(&g, &prog, h, r);
	if (sigsetjmp(run->on_fault, 0))
		return false;
	for (i = 0; i < 5; i++)
		out[i] = moat_gate_form(&g.source[i], in[i], moat_gate_top(run));
	moat_gate_pass(run, &g, in, out, &released);
	return true;
}

/* What the program would have to have in its register for what is supplied. */
static u64 as_register(const struct moat_arg_audit *a, u64 have)
{
	switch (a->kind) {
	case MOAT_AUDIT_CONST:
		return a->min;
	case MOAT_AUDIT_MAP:
		return a->ref;
	case MOAT_AUDIT_FRAME:
		return stack(0) + a->min;
	case MOAT_AUDIT_DATA:
		return moat_domain_map_at(domain, a->ref)->heap_off + a->min;
	default:
		return have;
	}
}

static void facts_only_add(struct moat_map *const map[5])
{
	static const s32 ids[] = { BPF_FUNC_map_lookup_elem, BPF_FUNC_map_update_elem, BPF_FUNC_csum_diff, BPF_FUNC_strtol,
				   BPF_FUNC_get_current_comm, BPF_FUNC_ringbuf_output, BPF_FUNC_probe_read_kernel,
				   BPF_FUNC_trace_vprintk, BPF_FUNC_snprintf, BPF_FUNC_skb_load_bytes, BPF_FUNC_ringbuf_query };
	struct moat_analysis_opts o = { .map = map_facts };
	u32 round, i, nr_pass = 0, nr_stop = 0;

	run->ctx_bytes = 64;
	run->data = run->slot->off + MOAT_VIEW_PACKET + MOAT_HEADROOM;
	run->data_end = run->data + 60;
	for (round = 0; round < 300000; round++) {
		const struct moat_helper *h = moat_helper_builtin(ids[below(ARRAY_SIZE(ids))]);
		u64 in[5], as[5], out[5], generic_out[5];
		struct moat_call_audit with, without;

		for (i = 0; i < 5; i++) {
			random_value(&facts.arg[i]);
			in[i] = random_register(map);
		}
		moat_record(&with, 1, h, &facts, &o);
		moat_record(&without, 1, h, NULL, &o);
		run->frame.fuel = ~0ull;
		urcu_memb_read_lock();
		for (i = 0; i < 5; i++)
			as[i] = as_register(&with.arg[i], in[i]);
		if (passes(h, &with, in, out)) {
			nr_pass++;
			CHECK(passes(h, &without, as, generic_out), "%s: only the record lets it through: %llx %llx %llx %llx %llx",
			      h->name, (long long)as[0], (long long)as[1], (long long)as[2], (long long)as[3], (long long)as[4]);
			for (i = 0; i < 5; i++)
				CHECK(out[i] == generic_out[i], "%s: argument %u is %llx, not %llx", h->name, i + 1,
				      (long long)out[i], (long long)generic_out[i]);
		} else {
			nr_stop += passes(h, &without, as, generic_out);
		}
		urcu_memb_read_unlock();
		if (check_failed > 5)
			break;
	}
	CHECK(nr_pass > 1000 && nr_stop > 1000, "%u passed, %u stopped by the record alone", nr_pass, nr_stop);
	printf("records: of %u random calls %u passed, %u were stopped by the record alone\n", round, nr_pass, nr_stop);
	run->ctx_bytes = run->data = run->data_end = 0;
	run->frame.fuel = MOAT_DEFAULT_FUEL;
}

/* Objects of the host, in real runs ----------------------------------------------- */

enum { ACQUIRE = 9301, USE, PUT, FLAGS, OTHER, NEST, FILL };

static struct object { u32 used, put, released; } objects[64];
static u32 nr_objects;

static u64 acquire(u64 a, u64 b, u64 c, u64 d, u64 e, struct moat_run *r)
{
	return nr_objects < ARRAY_SIZE(objects) ? (uintptr_t)&objects[nr_objects++] : 0;
}

static u64 use(u64 o, u64 b, u64 c, u64 d, u64 e, struct moat_run *r)
{
	return ++((struct object *)arg_ptr(o))->used;
}

static u64 put(u64 o, u64 b, u64 c, u64 d, u64 e, struct moat_run *r)
{
	return ++((struct object *)arg_ptr(o))->put;
}

static void release(void *o, void *user)
{
	((struct object *)o)->released++;
	CHECK(user == &objects, "the user's own");
}

static u64 flags(u64 f, u64 b, u64 c, u64 d, u64 e, struct moat_run *r)
{
	return f;
}

static u64 nest(u64 frame, u64 b, u64 c, u64 d, u64 e, struct moat_run *r)
{
	u64 data[8] = { 1, frame, b };
	MOAT_RUN_OPTS(o, .data_in = data, .data_size_in = sizeof(data));

	CHECK(!moat_program__run_opts(moat_run__program(r), &o), "the run inside");
	return 0;
}

static u64 fill(u64 to, u64 bytes, u64 c, u64 d, u64 e, struct moat_run *r)
{
	memset(arg_ptr(to), 0x77, bytes);
	return bytes;
}

#define FN(f)	((__u64 (*)(void))(void (*)(void))(f))

static const struct moat_helper host[] = {
	{ .id = ACQUIRE, .name = "acquire", .fn = FN(acquire), .ret = MOAT_RET_OBJECT, .object = 7, .release = release },
	{ .id = USE, .name = "use", .fn = FN(use), .arg = { { MOAT_ARG_OBJECT, .object = 7 } } },
	{ .id = PUT, .name = "put", .fn = FN(put), .arg = { { MOAT_ARG_OBJECT, .object = 7, .released = 1 } } },
	{ .id = FLAGS, .name = "flags", .fn = FN(flags), .arg = { { MOAT_ARG_FLAGS, .allowed = 5 } } },
	{ .id = OTHER, .name = "other", .fn = FN(use), .arg = { { MOAT_ARG_OBJECT, .object = 8 } } },
	{ .id = NEST, .name = "nest", .fn = FN(nest), .arg = { { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR } } },
	{ .id = FILL, .name = "fill", .fn = FN(fill), .arg = { { MOAT_ARG_MEM_OUT }, { MOAT_ARG_SIZE_OR_ZERO } } },
	{ 0 },
};

static char said[512];	/* of the last fault */

/* Run @insn over @data in @m: 0, or the number of the argument that was refused, or -errno. */
static int try(const struct mode *m, const struct bpf_insn *insn, u32 len, u64 data[8], u64 *retval, char proof[64])
{
	MOAT_RUN_OPTS(o, .data_in = data, .data_size_in = 64, .user = &objects, .fuel = 100000);
	struct moat_object *obj = mode_load(m, insn, len, PLAIN, host);
	int err;

	if (!CHECK(obj, "%s: %s", m->name, mode_said))
		return -EINVAL;
	err = moat_program__run_opts(moat_object__next_program(obj, NULL), &o);
	if (err == -EFAULT && o.fault.kind == MOAT_FAULT_AUDIT)
		err = o.fault.arg;
	snprintf(proof, 64, "%s", o.fault.proved ?: "");
	moat_fault__text(&o.fault, said, sizeof(said));
	*retval = o.retval;
	moat_object__close(obj);
	return err;
}

#define TRY(...)	({								\
	static const struct bpf_insn insn_[] = { __VA_ARGS__ };				\
											\
	try(m, insn_, ARRAY_SIZE(insn_), data, &retval, proof);				\
})

static void held_objects(const struct mode *m)
{
	u64 data[8] = { 0 }, retval;
	char proof[64];
	int err;

	nr_objects = 0;
	memset(objects, 0, sizeof(objects));
	err = TRY(CALL(ACQUIRE), MOV_X(6, 0), MOV_X(1, 6), CALL(USE), MOV_X(1, 6), CALL(PUT), MOV_X(0, 6), EXIT);
	CHECK(!err && objects[0].used == 1 && objects[0].put == 1 && !objects[0].released, "%s: acquired, used, put: %d",
	      m->name, err);
	CHECK(retval < 65536, "%s: a handle, no address: %llx", m->name, (long long)retval);
	err = TRY(CALL(ACQUIRE), MOV_X(6, 0), MOV_X(1, 6), CALL(PUT), MOV_X(1, 6), CALL(USE), EXIT);
	CHECK(err == 1 && objects[1].put == 1 && !objects[1].used && !objects[1].released, "%s: used when it was put: %d",
	      m->name, err);
	err = TRY(CALL(ACQUIRE), MOV_X(6, 0), MOV_X(1, 6), CALL(PUT), CALL(ACQUIRE), MOV_X(1, 6), CALL(USE), EXIT);
	CHECK(err == 1 && objects[3].released == 1, "%s: the old handle names no new object, which is released: %d",
	      m->name, err);
	err = TRY(CALL(ACQUIRE), MOV_X(1, 0), CALL(OTHER), EXIT);
	CHECK(err == 1 && !objects[4].used && objects[4].released == 1, "%s: another type: %d", m->name, err);
	err = TRY(CALL(ACQUIRE), MOV_X(1, 0), ALU64_K(BPF_ADD, 1, 1), CALL(USE), EXIT);
	CHECK(err == 1 && objects[5].released == 1, "%s: a forged handle: %d", m->name, err);
	err = TRY(MOV_K(1, 0), CALL(USE), EXIT);
	CHECK(err == 1, "%s: NULL: %d", m->name, err);
	err = TRY(CALL(ACQUIRE), LDDW(1, 0x12345), LDX(BPF_DW, 0, 1, 0), EXIT);
	CHECK(err == -EFAULT && objects[6].released == 1, "%s: released behind a wild access: %d", m->name, err);
	err = TRY(CALL(ACQUIRE), CALL(ACQUIRE), MOV_K(0, 0), EXIT);
	CHECK(!err && objects[7].released == 1 && objects[8].released == 1, "%s: released at the end: %d", m->name, err);
	err = TRY(MOV_K(6, 20), CALL(ACQUIRE), ALU64_K(BPF_SUB, 6, 1), JMP_K(BPF_JNE, 6, 0, -3), EXIT);
	CHECK(!err && !retval && nr_objects == 9 + MOAT_MAX_ISSUED, "%s: no more than it may hold: %u", m->name, nr_objects);
	err = TRY(CALL(ACQUIRE), JA(-2), EXIT);
	CHECK(err == -ETIME, "%s: out of fuel: %d", m->name, err);
}

static void flag_bits(const struct mode *m)
{
	u64 data[8] = { 5, 4 }, retval;
	char proof[64];

	CHECK(!TRY(MOV_K(1, 5), CALL(FLAGS), EXIT) && retval == 5, "%s: constant", m->name);
	CHECK(TRY(MOV_K(1, 2), CALL(FLAGS), EXIT) == 1, "%s: a constant that is none", m->name);
	CHECK(!TRY(LDX(BPF_DW, 1, 1, 0), CALL(FLAGS), EXIT) && retval == 5, "%s: any", m->name);
	data[0] = 7;
	CHECK(TRY(LDX(BPF_DW, 1, 1, 0), CALL(FLAGS), EXIT) == 1, "%s: a bit too much", m->name);
	CHECK(TRY(LDX(BPF_B, 1, 1, 8), ALU64_K(BPF_OR, 1, 2), CALL(FLAGS), EXIT) == 1, "%s: a bit too much, as proved",
	      m->name);
	data[0] = 1ull << 63;
	CHECK(TRY(LDX(BPF_DW, 1, 1, 0), CALL(FLAGS), EXIT) == 1, "%s: the highest", m->name);
}

/*
 * A run inside the run, of the same program and so in the same domain, forges
 * the address of the outer one's frame and changes a size that lies there.
 * It is a size that the frame has room for, so only the record says no; what
 * it would get is its own outer frame, return addresses not included.
 */
static void changed_behind(const struct mode *m)
{
	u64 data[8] = { 0, 12 }, retval;
	char proof[64];
	int err;
	static const struct bpf_insn insn[] = {
		LDX(BPF_DW, 6, 1, 0), JMP_K(BPF_JNE, 6, 0, 16),
		LDX(BPF_DW, 7, 1, 8), JMP_K(BPF_JGT, 7, 16, 13), STX(BPF_DW, 10, 7, -8),
		MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -8), LDX(BPF_DW, 2, 10, -8), ALU64_K(BPF_MUL, 2, 5), CALL(NEST),
		LDX(BPF_DW, 2, 10, -8), MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -64), CALL(FILL), EXIT,
		MOV_K(0, 0), EXIT, MOV_K(0, 0),
		/* inside: *(u64 *)data[1] = data[2] */
		LDX(BPF_DW, 2, 1, 8), LDX(BPF_DW, 3, 1, 16), STX(BPF_DW, 2, 3, 0), MOV_K(0, 0), EXIT,
	};

	err = try(m, insn, ARRAY_SIZE(insn), data, &retval, proof);
	CHECK(err == 2 && !strcmp(proof, "0..16"), "%s: %d, proved: %s", m->name, err, proof);
	CHECK(strstr(said, "argument 2 of") && strstr(said, "proved: 0..16, came: 0x3c"), "%s: %s", m->name, said);
}

int main(void)
{
	struct moat_map *map[5];
	u64 handle[5];
	u32 i;

	helper_begin();
	map[0] = map_make(BPF_MAP_TYPE_HASH, 8, 16, 16, 0, NULL);
	map[1] = map_make(BPF_MAP_TYPE_ARRAY, 4, 64, 16, 0, NULL);
	map[2] = map_make(BPF_MAP_TYPE_ARRAY, 4, 16, 4, BPF_F_RDONLY_PROG, NULL);
	map[3] = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, NULL);
	map[4] = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, NULL);
	strcpy(map[1]->name, "array");
	for (i = 0; i < 5; i++)
		handle[i] = moat_domain_map(domain, map[i]);
	supplied(handle[0]);
	numbers();
	choices();
	regions(map[0], map[1], map[2]);
	read_only(map[2]);
	packets();
	records(handle[3], handle[4]);
	facts_only_add(map);
	free(record);
	record = NULL;
	moat_self->run = NULL;
	for (i = 0; i < 5; i++) {
		moat_domain_unmap(domain, map[i]);
		map_drop(map[i]);
	}
	modes_init(NULL);
	for (i = 0; i < nr_modes; i++) {
		if (modes[i].mode == MOAT_MODE_NONE)	/* nothing is audited there */
			continue;
		held_objects(&modes[i]);
		flag_bits(&modes[i]);
		changed_behind(&modes[i]);
	}
	return check_done();
}
