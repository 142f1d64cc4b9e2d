/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runs of one program in the interpreter and in libmoat, compared; see world.h. */
#include "world.h"

#define MAX_STEPS	200000
#define FUEL		(64ull * MAX_STEPS)	/* charged by span, so more than steps */
#define PAGE		4096

static_assert(GEN_STACK_BYTES == MOAT_STACK_BYTES && GEN_SLOT_BYTES == MOAT_SLOT_BYTES, "the generator knows the edges");

/* Host memory that no program may reach: pages around them stay what they are. */
static u8 canary[3 * PAGE] __attribute__((aligned(PAGE)));

/* Slot memory as a run starts, as the interpreter left it, as libmoat left it. */
static u8 initial[MOAT_SLOT_BYTES], expected[MOAT_SLOT_BYTES];

u64 world_digest;

/* What a helper found out during interpretation. */
struct notes {
	bool audit;		/* it was a helper argument that faulted */
	bool unclear;		/* the argument lies where only the audit's own rules decide */
	u64 stack, data, data_bytes;
};

/* Helpers: each once for libmoat and once for the interpreter, on common arithmetic -- */

static u64 mix5(const u64 v[5])
{
	u64 h = 0;
	u32 i;

	for (i = 0; i < 5; i++)
		h = (h ^ v[i]) * 0x9e3779b97f4a7c15ull + (h >> 29);
	return h;
}

static u64 hash_memory(const u8 *mem, u64 bytes)
{
	u64 h = bytes;

	while (bytes--)
		h = (h ^ *mem++) * 0x100000001b3ull;
	return h;
}

static void fill_memory(u8 *mem, u64 bytes, u64 v)
{
	u64 i;

	for (i = 0; i < bytes; i++)
		mem[i] = (u8)(v + i * 7);
}

static u64 read_word(const u8 *mem)
{
	u64 v;

	memcpy(&v, mem, sizeof(v));
	return v;
}

static u64 helper_mix(u64 a, u64 b, u64 c, u64 d, u64 e, struct moat_run *run)
{
	return mix5((u64[]){ a, b, c, d, e });
}

static u64 helper_sum(u64 mem, u64 bytes, u64 c, u64 d, u64 e, struct moat_run *run)
{
	return hash_memory((const u8 *)mem, bytes);
}

static u64 helper_fill(u64 mem, u64 bytes, u64 v, u64 d, u64 e, struct moat_run *run)
{
	fill_memory((u8 *)mem, bytes, v);
	return bytes;
}

static u64 helper_peek(u64 mem, u64 v, u64 c, u64 d, u64 e, struct moat_run *run)
{
	return v + (mem ? read_word((const u8 *)mem) : 0);
}

static u64 helper_each(u64 handle, u64 address, u64 n, u64 d, u64 e, struct moat_run *run)
{
	u64 sum = 0, i;

	for (i = 0; i < n % 4; i++)
		sum += moat_callback(run, handle, address, i, 0x77, i);
	return sum;
}

#define FN(f)	((__u64 (*)(void))(void (*)(void))(f))

static const struct moat_helper helpers[] = {
	{ .id = GEN_MIX, .name = "test_mix", .fn = FN(helper_mix),
	  .arg = { { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR } } },
	{ .id = GEN_SUM, .name = "test_sum", .fn = FN(helper_sum),
	  .arg = { { MOAT_ARG_MEM }, { MOAT_ARG_SIZE } } },
	{ .id = GEN_FILL, .name = "test_fill", .fn = FN(helper_fill),
	  .arg = { { MOAT_ARG_MEM_OUT }, { MOAT_ARG_SIZE_OR_ZERO }, { MOAT_ARG_SCALAR } } },
	{ .id = GEN_PEEK, .name = "test_peek", .fn = FN(helper_peek),
	  .arg = { { MOAT_ARG_MEM, .nullable = 1, .bytes = 8 }, { MOAT_ARG_SCALAR } } },
	{ .id = GEN_EACH, .name = "test_each", .fn = FN(helper_each),
	  .arg = { { MOAT_ARG_CALLBACK }, { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR } } },
};

/* Memory argument in R1; NULL: faulted.  The stack and the data are granted; the rest of the slot is unclear. */
static u8 *audited(struct interp *it, u64 bytes, bool write)
{
	struct notes *n = it->user;
	u64 at = it->reg[1];
	u8 *p = interp_memory(it, it->wrap32 ? (u32)at : at, bytes, write);
	bool stack = at >= n->stack - MOAT_STACK_BYTES && at <= n->stack && bytes <= n->stack - at;
	bool data = at >= n->data && at <= n->data + n->data_bytes && bytes <= n->data + n->data_bytes - at;

	if (p && (stack || data))
		return p;
	n->unclear |= !!p;
	n->audit = true;
	it->address = at;
	it->end = INTERP_FAULT;
	return NULL;
}

static bool interp_helper(struct interp *it, int32_t id)
{
	struct notes *n = it->user;
	u8 *p = NULL;
	bool null;

	if (id == GEN_MIX) {
		it->reg[0] = mix5(&it->reg[1]);
		return true;
	}
	if (id == GEN_PEEK) {
		null = it->wrap32 ? !(u32)it->reg[1] : !it->reg[1];
		p = null ? NULL : audited(it, 8, false);
		it->reg[0] = it->reg[2] + (p ? read_word(p) : 0);
		return p || null;
	}
	if (id == GEN_EACH)
		return interp_each(it);
	if (id != GEN_SUM && id != GEN_FILL)
		return false;
	if (it->reg[2] == 0)
		n->unclear = true;
	p = audited(it, it->reg[2], id == GEN_FILL);
	if (!p)
		return false;
	it->reg[0] = it->reg[2];
	if (id == GEN_SUM)
		it->reg[0] = hash_memory(p, it->reg[2]);
	else
		fill_memory(p, it->reg[2], it->reg[3]);
	return true;
}

/* libmoat's side ---------------------------------------------------------------- */

static struct moat_object *load(const struct variant *v, const struct bpf_insn *insn, u32 len, bool packet)
{
	MOAT_OPEN_OPTS(opts, .name = "test", .base_form = v->form, .helpers = helpers, .nr_helpers = ARRAY_SIZE(helpers));
	struct moat_object *obj;
	int err;

	if (v->cpu)
		setenv("MOAT_CPU", v->cpu, 1);
	else
		unsetenv("MOAT_CPU");
	opts.mode = v->mode;
	obj = moat_object__open_insns(insn, len, &opts);
	if (!obj)
		return NULL;
	err = packet ? moat_program__set_type(moat_object__next_program(obj, NULL), BPF_PROG_TYPE_SOCKET_FILTER) : 0;
	if (!err)
		err = moat_object__load(obj);
	if (!err)
		return obj;
	moat_object__close(obj);
	errno = -err;
	return NULL;
}

/* Offset of the memory that a run on this thread gets, or 0. */
static u32 slot_of(struct moat_object *obj)
{
	struct moat_slot_mem *s = NULL;
	u32 off;

	if (!moat_thread_register())
		s = moat_slot_get(moat_object__next_program(obj, NULL)->domain, moat_self->cpu);
	if (!s)
		return 0;
	off = s->off;
	moat_slot_put(s);
	return off;
}

static int run(struct moat_object *obj, const u8 *data, struct moat_run_opts *opts)
{
	*opts = (struct moat_run_opts){ .sz = sizeof(*opts), .data_in = data, .data_size_in = WORLD_BUFFER, .fuel = FUEL };
	return moat_program__run_opts(moat_object__next_program(obj, NULL), opts);
}

static void fill_random(u8 *p, u32 bytes, u64 seed)
{
	u32 i;

	for (i = 0; i + 8 <= bytes; i += 8) {
		u64 r = gen_random(&seed);

		/* values near the edges of the widths are worth more than random ones */
		if ((r & 7) == 0)
			r = (u64)(s64)(s8)(r >> 8);
		else if ((r & 7) == 1)
			r = 1ull << (r >> 58);
		memcpy(p + i, &r, 8);
	}
}

/* Value of the one-register program "r0 = @reg" in @v, from the slot's start; ~0: it did not run. */
static u32 place_of(const struct variant *v, u8 reg, bool packet, bool in_call)
{
	const struct bpf_insn insn[] = {
		{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .src_reg = reg },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct moat_object *obj = load(v, in_call ? insn : insn + 2, in_call ? 4 : 2, packet);
	u8 data[WORLD_BUFFER] = { 0 };
	struct moat_run_opts opts;
	u32 at = ~0u;

	if (obj && !run(obj, data, &opts))
		at = (u32)opts.retval - slot_of(obj);
	moat_object__close(obj);
	return at;
}

static int start(struct variant *v)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	v->stack_at = place_of(v, 10, false, false);
	v->data_at = place_of(v, 1, false, false);
	v->ctx_at = place_of(v, 1, true, false);
	v->stride = v->stack_at - place_of(v, 10, false, true);
	v->empty = load(v, nothing, 2, false);
	v->bystander = load(v, nothing, 2, false);
	if (!v->empty || !v->bystander || v->stack_at > MOAT_SLOT_BYTES || v->data_at > MOAT_SLOT_BYTES)
		return -EINVAL;
	if (!slot_of(v->bystander))
		return -ENOMEM;
	memset(moat_host(slot_of(v->bystander)), 0x5a, MOAT_SLOT_BYTES);
	return 0;
}

int world_init(struct world *w, const char *only)
{
	static const char *const form[] = { "auto", "register", "segment" };
#if defined(__x86_64__)
	static const char *const cpu[] = { NULL, "4" };	/* FSGSBASE alone: it makes the segment form possible */
	const u32 last_form = 2;
#else
	static const char *const cpu[] = { NULL, "0" };
	const u32 last_form = 1;
#endif
	u32 mode, f, c;

	memset(canary, 0xa5, sizeof(canary));
	for (mode = MOAT_MODE_NONE; mode < MOAT_NR_MODES; mode++) {
		bool base = mode == MOAT_MODE_BASEREG || mode == MOAT_MODE_PKU_BASEREG;
		const char *why;

		if (moat_mode_enforced(mode, &why))
			continue;
		for (f = base ? 1 : 0; f <= (base ? last_form : 0); f++) {
			for (c = 0; c < ARRAY_SIZE(cpu); c++) {
				struct variant *v = &w->variant[w->nr_variant];

				*v = (struct variant){ .mode = mode, .form = (u8)f, .cpu = cpu[c] };
				snprintf(v->name, sizeof(v->name), "%s/%s/cpu=%s", moat_mode_name(mode), form[f],
					 cpu[c] ? cpu[c] : "all");
				if (only && !strstr(v->name, only))
					continue;
				if (start(v)) {
					fprintf(stderr, "variant %s does not start\n", v->name);
					return -EINVAL;
				}
				w->nr_variant++;
			}
		}
	}
	return w->nr_variant ? 0 : -EOPNOTSUPP;
}

void world_hostile(struct world *w)
{
	struct gen_options *o = &w->options;
	struct moat_code code;
	u64 local = 0;
	u32 i;

	for (i = 0; i < w->nr_variant && o->nr_hostile + 20 < GEN_MAX_HOSTILE; i += 2) {
		o->hostile[o->nr_hostile++] = slot_of(w->variant[i].bystander);
		if (!moat_program__code(moat_object__next_program(w->variant[i].bystander, NULL), &code))
			o->hostile[o->nr_hostile++] = code.address;
	}
	o->hostile[o->nr_hostile++] = (u64)&canary[PAGE];
	o->hostile[o->nr_hostile++] = (u64)&local;
	o->hostile[o->nr_hostile++] = (u64)moat_heap.host;
	o->hostile[o->nr_hostile++] = (u64)moat_heap.host + moat_heap.lo;
	o->hostile[o->nr_hostile++] = (u64)&world_hostile;
	o->hostile[o->nr_hostile++] = 0;
	o->hostile[o->nr_hostile++] = 0xffffffff;
	o->hostile[o->nr_hostile++] = 0xfffffff9;
	o->hostile[o->nr_hostile++] = 0xfffffff8;
	o->hostile[o->nr_hostile++] = 0x100000000ull;
	o->hostile[o->nr_hostile++] = ~0ull;
	o->hostile[o->nr_hostile++] = 0x7fffffffffffull;
	o->hostile[o->nr_hostile++] = 0x8000000000000000ull;
	o->hostile[o->nr_hostile++] = 0xffffffffff600000ull;
	o->hostile[o->nr_hostile++] = moat_heap.lo;
	o->hostile[o->nr_hostile++] = moat_heap.hi;
}

/* Comparing ------------------------------------------------------------------------ */

/* Frames above each function's: the longest chain of calls that leads to it.  Functions call only later ones. */
static void find_levels(const struct gen_program *p, u8 *level)
{
	u32 at, start = 0;

	memset(level, 0, p->len);
	for (at = 0; at < p->len; at++) {
		const struct bpf_insn *in = &p->insn[at];
		bool call = (in->code == (BPF_JMP | BPF_CALL) && in->src_reg == BPF_PSEUDO_CALL) ||
			    (in->code == (BPF_LD | BPF_IMM | BPF_DW) && in->src_reg == BPF_PSEUDO_FUNC);
		u32 to = at + 1 + (u32)in->imm;

		if (level[at])
			start = at;
		if (call && to < p->len && level[to] <= level[start])
			level[to] = level[start] + 1;
	}
}

static enum interp_end interpret(struct interp *it, struct notes *n, const struct variant *v, bool packet,
				 const struct gen_program *p, u64 slot, const u8 *data, u64 scratch)
{
	static u8 level[GEN_MAX_INSNS + 64];
	u32 r;

	find_levels(p, level);
	*n = (struct notes){ .stack = slot + v->stack_at, .data = slot + v->data_at, .data_bytes = WORLD_BUFFER };
	*it = (struct interp){
		.insn = p->insn, .len = p->len, .nr_region = 1, .packet = data, .packet_bytes = WORLD_BUFFER,
		.region[0] = { slot, MOAT_SLOT_BYTES, expected, true },
		.wrap32 = v->mode == MOAT_MODE_BASEREG || v->mode == MOAT_MODE_PKU_BASEREG,
		.stride = v->stride, .level = level, .helper = interp_helper, .user = n, .scratch = scratch, .max_steps = MAX_STEPS,
	};
	for (r = 0; r < 10; r++)
		it->reg[r] = scratch;
	it->reg[1] = slot + (packet ? v->ctx_at : v->data_at);
	if (!packet)
		it->reg[2] = WORLD_BUFFER;
	it->reg[10] = slot + v->stack_at;
	memcpy(expected, initial, sizeof(expected));
	return interp_run(it);
}

/* Bytes that gate modes keep between frames are theirs. */
static bool is_private(const struct variant *v, u32 at)
{
	u32 below = v->stack_at - 1 - at;

	return at < v->stack_at && v->stride > MOAT_FRAME_BYTES && below % v->stride >= MOAT_FRAME_BYTES;
}

/* Programs over packets have views that the empty program does not have: there only the stack counts. */
static bool same_memory(const struct variant *v, const u8 *got, bool packet, char text[WORLD_TEXT])
{
	u32 end = packet ? v->stack_at : MOAT_SLOT_BYTES, i;

	if (!memcmp(got, expected, end))
		return true;
	for (i = 0; i < end; i++) {
		if (got[i] == expected[i] || is_private(v, i))
			continue;
		snprintf(text, WORLD_TEXT, "memory at slot+%#x (R10%+d, data%+d): %#x, interpreter %#x", i,
			 (int)i - (int)v->stack_at, (int)i - (int)v->data_at, got[i], expected[i]);
		return false;
	}
	return true;
}

/* Atomics may be a load and a locked store: which of the two faults is not told apart. */
static bool is_atomic(const struct interp *it)
{
	return BPF_CLASS(it->insn[it->pc].code) == BPF_STX && BPF_MODE(it->insn[it->pc].code) == BPF_ATOMIC;
}

static bool same_fault(const struct variant *v, const struct interp *it, const struct notes *n,
		       const struct moat_run_opts *opts, char text[WORLD_TEXT])
{
	const struct moat_fault *f = &opts->fault;
	enum moat_fault_kind want = MOAT_FAULT_CAGE;
	bool kind, address = true, write = f->write == it->write || n->audit || is_atomic(it);

	if (v->mode == MOAT_MODE_NONE)
		want = MOAT_FAULT_MEMORY;
	if (n->audit)
		want = MOAT_FAULT_AUDIT;
	kind = f->kind == want || (v->mode == MOAT_MODE_PKU && !n->audit &&
				   (f->kind == MOAT_FAULT_KEY || f->kind == MOAT_FAULT_MEMORY));
	if (it->wrap32 && !n->audit)
		address = f->address - it->address < it->bytes;
#if defined(__aarch64__)
	/* QEMU's user mode may take the aligned word around a part of it, and then names that word's address. */
	address |= f->address % 4 == 0 && it->address - f->address < 8;
#endif
	/* The CPU tells neither address nor direction of one that is not canonical. */
	if (!it->wrap32 && it->address + (1ull << 47) >= 1ull << 48)
		write = true;
	if (kind && address && f->insn == it->pc && write)
		return true;
	snprintf(text, WORLD_TEXT, "%s fault at insn %u, %s of %#llx; interpreter: %s fault at insn %u, %s of %u bytes at %#llx",
		 moat_fault_name(f->kind), f->insn, f->write ? "write" : "read", (unsigned long long)f->address,
		 moat_fault_name(want), it->pc, it->write ? "write" : "read", it->bytes, (unsigned long long)it->address);
	return false;
}

/* Nothing outside the program's own memory changed. */
static bool contained(const struct variant *v, char text[WORLD_TEXT])
{
	const u8 *other = moat_host(slot_of(v->bystander));
	u32 i;

	for (i = 0; i < sizeof(canary); i++) {
		if (canary[i] != 0xa5) {
			snprintf(text, WORLD_TEXT, "host memory changed at canary+%#x", i);
			return false;
		}
	}
	for (i = 0; i < MOAT_SLOT_BYTES; i++) {
		if (other[i] != 0x5a) {
			snprintf(text, WORLD_TEXT, "another domain's memory changed at +%#x", i);
			return false;
		}
	}
	return true;
}

static bool same(const struct variant *v, const struct interp *it, const struct notes *n, int err,
		 const struct moat_run_opts *opts, bool packet, char text[WORLD_TEXT])
{
	u64 want = packet ? (u32)it->reg[0] : it->reg[0];

	if (n->unclear)
		return true;
	if (it->end == INTERP_FAULT && err == -EFAULT)
		return same_fault(v, it, n, opts, text);
	if (it->end == INTERP_EXIT && !err) {
		snprintf(text, WORLD_TEXT, "R0 = %#llx, interpreter %#llx", (unsigned long long)opts->retval,
			 (unsigned long long)want);
		return opts->retval == want;
	}
	snprintf(text, WORLD_TEXT, "ended with %d (%s at insn %u, %#llx), interpreter: %s at insn %u, %#llx", err,
		 moat_fault_name(opts->fault.kind), opts->fault.insn, (unsigned long long)opts->fault.address,
		 interp_end_name(it->end), it->pc, (unsigned long long)it->address);
	return false;
}

/* What memory looks like when a program starts: as a run of the empty program leaves it. */
static int lay_initial(const struct variant *v, const u8 *data, u64 seed)
{
	u8 *mem = moat_host(slot_of(v->empty));
	struct moat_run_opts opts;
	int err;

	fill_random(mem, MOAT_SLOT_BYTES, seed);
	err = run(v->empty, data, &opts);
	memcpy(initial, mem, sizeof(initial));
	return err;
}

/* Is what @p does independent of what nobody promised?  Leaves the interpreter's result in @it and expected[]. */
static bool usable(struct interp *it, struct notes *n, const struct variant *v, bool packet,
		   const struct gen_program *p, u64 slot, const u8 *data, char text[WORLD_TEXT])
{
	static u8 first[MOAT_SLOT_BYTES];
	enum interp_end end = interpret(it, n, v, packet, p, slot, data, 0x6b6b6b6b6b6b6b6bull);
	u64 r0 = it->reg[0], address = it->address;
	u32 pc = it->pc;

	memcpy(first, expected, sizeof(first));
	snprintf(text, WORLD_TEXT, "%s at insn %u", interp_end_name(end), it->pc);
	if (end == INTERP_STEPS || end == INTERP_BAD)
		return false;
	if (interpret(it, n, v, packet, p, slot, data, 0) != end || (end == INTERP_EXIT && it->reg[0] != r0) ||
	    (end == INTERP_FAULT && (it->pc != pc || it->address != address)) || memcmp(first, expected, sizeof(first))) {
		snprintf(text, WORLD_TEXT, "depends on what it never wrote");
		return false;
	}
	return true;
}

/* For a program that the interpreter agrees about; packet programs have views which the empty one has not. */
static u64 digest(const struct variant *v, const struct interp *it, const struct moat_run_opts *opts, int err,
		  const u8 *mem, bool packet)
{
	u64 end[5] = { (u64)err, err ? opts->fault.insn : opts->retval, err ? opts->fault.kind : 0, 0, 0 };
	u32 bytes = packet ? v->stack_at : MOAT_SLOT_BYTES;

	end[3] = hash_memory(mem, bytes);
	end[4] = it->end;
	return mix5(end);
}

static enum outcome compare_loaded(struct world *w, const struct variant *v, struct moat_object *obj,
				   const struct gen_program *p, u64 seed, char text[WORLD_TEXT])
{
	bool packet = w->options.packet, gates = v->mode >= MOAT_MODE_PKU;
	struct moat_run_opts opts;
	u8 data[WORLD_BUFFER];
	u32 slot = slot_of(obj);
	struct interp it;
	struct notes n;
	int err;

	fill_random(data, sizeof(data), seed);
	if (!slot || lay_initial(v, data, seed + 1))
		return UNUSABLE;
	if (!usable(&it, &n, v, packet, p, slot, data, text))
		return UNUSABLE;
	fill_random(moat_host(slot), MOAT_SLOT_BYTES, seed + 1);
	err = run(obj, data, &opts);
	if (w->options.escape && !contained(v, text))
		return DIFFERENT;
	/* a program that scribbled over what gate modes keep in its stack may go anywhere in itself */
	if (w->options.escape && w->options.calls && gates)
		return SAME;
	if (!same(v, &it, &n, err, &opts, packet, text))
		return DIFFERENT;
	world_digest = n.unclear ? 0 : digest(v, &it, &opts, err, moat_host(slot), packet);
	return n.unclear || same_memory(v, moat_host(slot), packet, text) ? SAME : DIFFERENT;
}

enum outcome world_compare(struct world *w, const struct variant *v, const struct gen_program *p, u64 seed,
			   char text[WORLD_TEXT])
{
	struct moat_object *obj = load(v, p->insn, p->len, w->options.packet);
	enum outcome outcome;

	if (!obj) {
		snprintf(text, WORLD_TEXT, "not loaded: %s", strerror(errno));
		return UNUSABLE;
	}
	outcome = compare_loaded(w, v, obj, p, seed, text);
	moat_object__close(obj);
	return outcome;
}
