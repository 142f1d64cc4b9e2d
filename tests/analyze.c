/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The analysis says only what is true: random programs are interpreted with
 * what it says of every register and every stored word checked in front of
 * every instruction.  And it says enough: small programs, and what must come
 * out for the arguments of their calls.
 *
 *	analyze [SEED]		one program, printed if it fails
 */
#include <stdlib.h>

#include "../verifier-ext/walk.h"
#include "check.h"
#include "gen.h"
#include "insns.h"
#include "interp.h"

#define SLOT		0x200000ull		/* where a run's memory lies */
#define TOP		(SLOT + MOAT_STACK_BYTES)
#define CTX		(SLOT + GEN_STACK_BYTES)
#define DATA		(SLOT + 16384 + 256)
#define DATA_BYTES	1024
#define ARRAY		0x80000ull		/* values of map 8: 10 of 64 bytes */
#define ARRAY_BYTES	640

enum { HELP_LOOKUP = 100, HELP_RESERVE, HELP_OBJECT, HELP_OUT };

/* Prototypes of the generator's helpers, and of a few more for directed programs. */
static const struct moat_helper helpers[] = {
	{ .id = GEN_MIX, .arg = { { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR },
				  { MOAT_ARG_SCALAR } } },
	{ .id = GEN_SUM, .arg = { { MOAT_ARG_MEM }, { MOAT_ARG_SIZE } } },
	{ .id = GEN_FILL, .arg = { { MOAT_ARG_MEM_OUT }, { MOAT_ARG_SIZE_OR_ZERO }, { MOAT_ARG_SCALAR } } },
	{ .id = GEN_PEEK, .arg = { { MOAT_ARG_MEM, .nullable = 1, .bytes = 8 }, { MOAT_ARG_SCALAR } } },
	{ .id = GEN_EACH, .arg = { { MOAT_ARG_CALLBACK }, { MOAT_ARG_SCALAR }, { MOAT_ARG_SCALAR } },
	  .gives = { MOAT_GIVE_R2, MOAT_GIVE_NUMBER, MOAT_GIVE_ANYTHING, MOAT_GIVE_NUMBER } },
	{ .id = HELP_LOOKUP, .arg = { { MOAT_ARG_MAP }, { MOAT_ARG_MAP_KEY } }, .ret = MOAT_RET_MAP_VALUE },
	{ .id = HELP_RESERVE, .arg = { { MOAT_ARG_MAP }, { MOAT_ARG_SCALAR } }, .ret = MOAT_RET_MEM,
	  .map_types = 1ull << BPF_MAP_TYPE_RINGBUF },
	{ .id = HELP_OBJECT, .ret = MOAT_RET_OBJECT, .object = 7 },
	{ .id = HELP_OUT, .arg = { { MOAT_ARG_MEM_OUT, .bytes = 8 } } },
};

static const struct moat_helper *helper(void *arg, s32 id)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(helpers); i++)
		if (helpers[i].id == id)
			return &helpers[i];
	return NULL;
}

static bool known(void *arg, s32 id)
{
	return helper(arg, id);
}

static bool map(void *arg, u64 handle, struct moat_map_facts *out)
{
	*out = (struct moat_map_facts) { .key_size = 4, .value_size = 64, .bytes = ARRAY_BYTES, .outer = handle == 16 };
	return handle == 8 || handle == 16;
}

static bool value_at(void *arg, u64 address, u16 *handle, u32 *off)
{
	*handle = 8;
	*off = address - ARRAY;
	return address - ARRAY < ARRAY_BYTES;
}

/* A program with what is said of it ------------------------------------------- */

static struct moat_op op[200000];
static struct moat_func func[MOAT_MAX_FUNCS];
static struct moat_state *at;		/* by slot, joined over the visits */
static bool *seen;
static struct moat_analysis analysis;
static void *work;
static u64 nr_programs, nr_incomplete, nr_checked, nr_calls, nr_told, most_effort;

static void visit(void *arg, u32 pc, const struct moat_state *s)
{
	if (seen[pc])
		moat_state_join(&at[pc], s, false);
	else
		at[pc] = *s;
	seen[pc] = true;
}

static void forget(void)
{
	free(work);
	free(at);
	free(seen);
	work = at = NULL;
	seen = NULL;
}

/* False: it is not a program, or makes no calls. */
static bool analyze(const struct bpf_insn *insn, u32 len, bool packet)
{
	struct moat_log log = { 0 };
	struct moat_known k = { .helper = known };
	struct moat_analysis_opts o = { .op = op, .len = len, .func = func, .ctx = { .packet = packet, .data = 4 },
					.helper = helper, .map = map, .value_at = value_at, .visit = visit };
	size_t bytes;

	forget();
	if (moat_decode(op, insn, len, &log) || moat_validate(op, len, &k, func, &o.nr_func, &log))
		return false;
	bytes = moat_analysis_bytes(&o);
	if (!bytes)
		return false;
	work = calloc(1, bytes);
	at = calloc(len, sizeof(*at));
	seen = calloc(len, sizeof(*seen));
	moat_analyze(&analysis, &o, work);
	if (analysis.effort / len > most_effort)
		most_effort = analysis.effort / len;
	return true;
}

/* Interpretation with checks --------------------------------------------------- */

static bool wrong;
static char wrong_text[256];

static u64 base_of(const struct moat_value *v)
{
	static const u64 base[MOAT_NR_VALS] = {
		[MOAT_VAL_FRAME] = TOP, [MOAT_VAL_CTX] = CTX, [MOAT_VAL_PACKET] = DATA, [MOAT_VAL_MAP_DATA] = ARRAY,
	};

	return base[v->kind];
}

static bool holds(const struct moat_value *v, u64 n)
{
	if (v->nullable && !n)
		return true;
	return moat_range_has(&v->r, n - base_of(v), 64);
}

static void complain(const struct interp *it, const char *what, s64 which, u64 n)
{
	if (wrong)
		return;
	wrong = true;
	snprintf(wrong_text, sizeof(wrong_text), "insn %u: %s %lld is %#llx", it->pc, what, (long long)which,
		 (unsigned long long)n);
}

static void check_ids(const struct interp *it, const struct moat_state *s)
{
	u32 i, k;

	for (i = 0; i < BPF_REG_10; i++)
		for (k = i + 1; k < BPF_REG_10; k++)
			if (s->reg[i].id && s->reg[i].id == s->reg[k].id && it->reg[i] != it->reg[k])
				complain(it, "not equal to an equal one: register", k, it->reg[k]);
}

static void before(struct interp *it)
{
	const struct moat_state *s = &at[it->pc];
	u64 word;
	u32 i;

	if (!seen[it->pc]) {
		complain(it, "never reached", 0, 0);
		return;
	}
	for (i = 0; i < BPF_REG_10; i++)
		if (!holds(&s->reg[i], it->reg[i]))
			complain(it, "register", i, it->reg[i]);
	check_ids(it, s);
	for (i = 0; i < s->nr_spill; i++) {
		u8 *p = interp_memory(it, TOP + 8 * (s64)s->spill[i].at, 8, false);

		memcpy(&word, p, 8);
		if (!holds(&s->spill[i].v, word))
			complain(it, "stored word", 8 * s->spill[i].at, word);
	}
	nr_checked++;
}

static bool interp_helper(struct interp *it, int32_t id)
{
	u64 bytes = id == GEN_PEEK ? 8 : it->reg[2];
	u64 p = it->wrap32 ? (u32)it->reg[1] : it->reg[1];
	u8 *mem;

	if (id == GEN_EACH)
		return interp_each(it);
	if (id == GEN_MIX || (id == GEN_PEEK && !p)) {
		it->reg[0] = it->reg[1] * 31 + it->reg[2];
		return true;
	}
	mem = interp_memory(it, p, bytes, id == GEN_FILL);
	if (!mem) {
		it->end = INTERP_FAULT;
		return false;
	}
	if (id == GEN_FILL)
		memset(mem, it->reg[3], bytes);
	it->reg[0] = bytes ? mem[bytes - 1] : 0;
	return true;
}

static void interpret(const struct gen_program *p, bool packet, bool wrap, u64 seed)
{
	static u8 mem[GEN_SLOT_BYTES], level[GEN_MAX_INSNS + 64];
	struct interp it = {
		.insn = p->insn, .len = p->len, .nr_region = 1, .region[0] = { SLOT, sizeof(mem), mem, true },
		.packet = mem, .packet_bytes = DATA_BYTES, .wrap32 = wrap, .stride = MOAT_FRAME_STRIDE, .level = level,
		.helper = interp_helper, .before = before, .scratch = gen_random(&seed), .max_steps = 100000,
	};
	u32 i;

	memset(level, 0, p->len);
	for (i = 0; i < MOAT_MAX_FUNCS; i++)
		if (func[i].end && func[i].start < p->len)
			level[func[i].start] = func[i].depth;
	for (i = 0; i < sizeof(mem); i += 8) {
		u64 r = gen_random(&seed);

		memcpy(mem + i, &r, 8);
	}
	for (i = 0; i < 10; i++)
		it.reg[i] = it.scratch;
	it.reg[1] = packet ? CTX : DATA;
	it.reg[2] = packet ? it.scratch : DATA_BYTES;
	it.reg[10] = TOP;
	interp_run(&it);
}

static struct gen_options options(u64 seed)
{
	static const u64 hostile[] = { TOP - 8, TOP - 64, TOP - 72, TOP - 576 - 64, TOP - 576 * 2 - 8, DATA, CTX, CTX + 4,
				       TOP, 0, 1ull << 32 | (TOP - 8), ARRAY, 8, 5 };
	struct gen_options o = { .statements = 5 + seed % 50, .buffer_bytes = DATA_BYTES, .packet_bytes = DATA_BYTES,
				 .packet = seed % 5 == 0, .calls = seed % 7 != 0, .null = seed % 3 == 0,
				 .escape = seed % 2 == 0, .nr_hostile = ARRAY_SIZE(hostile) };

	memcpy(o.hostile, hostile, sizeof(hostile));
	if (seed % 101 == 0)
		o.statements = 1500;
	return o;
}

/* How much is told: an argument of which something is known. */
static void count_told(void)
{
	u32 i, k;

	for (i = 0; i < analysis.nr_call; i++) {
		const struct moat_helper *h = helper(NULL, op[analysis.call[i].pc].imm);

		for (k = 0; analysis.call[i].reached && k < 5 && h->arg[k].kind; k++) {
			const struct moat_value *v = &analysis.call[i].arg[k];

			nr_calls++;
			nr_told += v->kind != MOAT_VAL_SCALAR || v->r.full.umax != ~0ull || v->r.full.umin;
		}
	}
}

static void one_program(u64 seed)
{
	static struct gen_program p;
	struct gen_options o = options(seed);
	u32 i;

	gen_program(&p, seed, &o);
	memset(func, 0, sizeof(func));
	if (!analyze(p.insn, p.len, !o.packet))
		return;
	nr_programs++;
	if (!analysis.complete) {
		nr_incomplete++;
		return;
	}
	count_told();
	wrong = false;
	for (i = 0; i < 3; i++)
		interpret(&p, o.packet, i & 1, seed + i);
	CHECK(!wrong, "seed %llu: %s", (unsigned long long)seed, wrong_text);
}

static void random_programs(void)
{
	u64 seed;

	for (seed = 1; seed <= 12000 && check_failed < 5; seed++)
		one_program(seed);
	CHECK(nr_programs > 4000 && nr_checked > 100000, "%llu programs", (unsigned long long)nr_programs);
	CHECK(nr_incomplete < nr_programs / 100, "%llu of %llu gave up", (unsigned long long)nr_incomplete,
	      (unsigned long long)nr_programs);
	CHECK(nr_told > nr_calls / 2, "of %llu arguments %llu are known", (unsigned long long)nr_calls,
	      (unsigned long long)nr_told);
	printf("analyze: %llu programs, %llu gave up, %llu steps checked, %llu of %llu arguments known, at most %llu visits\n",
	       (unsigned long long)nr_programs, (unsigned long long)nr_incomplete, (unsigned long long)nr_checked,
	       (unsigned long long)nr_told, (unsigned long long)nr_calls, (unsigned long long)most_effort);
}

/* Directed programs --------------------------------------------------------------- */

#define PROGRAM(name, ...)	static const struct bpf_insn name[] = { __VA_ARGS__ }
#define ANALYZE(p, packet)	do {							\
	if (!CHECK(analyze(p, ARRAY_SIZE(p), packet) && analysis.complete, #p))		\
		return;									\
} while (0)

/* Argument @i (1..5) of the @n'th call. */
static const struct moat_value *argument(u32 n, u32 i)
{
	CHECK(n < analysis.nr_call && analysis.call[n].reached, "call %u is reached", n);
	return &analysis.call[n].arg[i - 1];
}

#define IS(n, i, k, min, max) do {							\
	const struct moat_value *v_ = argument(n, i);					\
											\
	CHECK(v_->kind == MOAT_VAL_##k && v_->r.full.smin == (s64)(min) && v_->r.full.smax == (s64)(max) &&	\
	      !v_->nullable, "call %u, argument %u: kind %u, %lld..%lld%s", n, i, v_->kind,	\
	      (long long)v_->r.full.smin, (long long)v_->r.full.smax, v_->nullable ? " or NULL" : "");	\
} while (0)

static void frames(void)
{
	PROGRAM(p,
		MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -16), MOV_K(2, 16), CALL(GEN_SUM),
		STX(BPF_DW, 10, 1, -24),			/* whatever: R1 is gone */
		LDX(BPF_DW, 1, 10, -24), MOV_K(2, 8), CALL(GEN_SUM),
		MOV_X(6, 10), ALU64_K(BPF_SUB, 6, 40), STX(BPF_DW, 10, 6, -24), MOV_K(6, 0),
		LDX(BPF_DW, 1, 10, -24), MOV_K(2, 8), CALL(GEN_SUM),
		ST(BPF_B, 10, -20, 0),				/* over the spilled word */
		LDX(BPF_DW, 1, 10, -24), MOV_K(2, 8), CALL(GEN_SUM),
		EXIT);

	ANALYZE(p, true);
	IS(0, 1, FRAME, -16, -16);
	IS(0, 2, SCALAR, 16, 16);
	IS(1, 1, SCALAR, LLONG_MIN, LLONG_MAX);
	IS(2, 1, FRAME, -40, -40);
	IS(3, 1, SCALAR, LLONG_MIN, LLONG_MAX);
}

static void branches(void)
{
	PROGRAM(p,
		LDX(BPF_DW, 6, 1, 0),
		JMP_K(BPF_JGT, 6, 100, 8), MOV_X(2, 6), MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -128), JMP_K(BPF_JEQ, 6, 0, 4),
		ALU64_K(BPF_ADD, 1, 8), MOV_K(3, 7), JMP_K(BPF_JNE, 2, 5, 1), MOV_K(3, 9),
		CALL(GEN_FILL), MOV_K(0, 0), EXIT);
	PROGRAM(copies,
		LDX(BPF_W, 6, 1, 0), MOV_X(7, 6), JMP_K(BPF_JGT, 7, 64, 5), JMP_K(BPF_JLT, 6, 8, 4),
		MOV_X(1, 10), ALU64_K(BPF_SUB, 1, 64), MOV_X(2, 6), CALL(GEN_SUM), EXIT);

	ANALYZE(p, true);
	CHECK(argument(0, 1)->kind == MOAT_VAL_SCALAR, "the path from the first branch joins too");
	ANALYZE(copies, true);
	IS(0, 1, FRAME, -64, -64);
	IS(0, 2, SCALAR, 8, 64);
}

static void loops(void)
{
	PROGRAM(up,
		MOV_K(6, 0),
		MOV_X(1, 6), CALL(GEN_MIX), ALU64_K(BPF_ADD, 6, 1), JMP_K(BPF_JLT, 6, 100, -4), EXIT);
	PROGRAM(walking,
		MOV_X(6, 10), ALU64_K(BPF_ADD, 6, -64), MOV_K(7, 0),
		MOV_X(1, 6), ALU64_X(BPF_ADD, 1, 7), MOV_K(2, 4), CALL(GEN_SUM), ALU64_K(BPF_ADD, 7, 4),
		JMP_K(BPF_JLE, 7, 60, -6), EXIT);

	ANALYZE(up, true);
	IS(0, 1, SCALAR, 0, 127);	/* a loop that is tested at its end: the next step above 99 */
	ANALYZE(walking, true);
	IS(0, 1, FRAME, -64, -1);
}

static void maps(void)
{
	PROGRAM(p,
		ST(BPF_W, 10, -4, 1), MOV_K(1, 8), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -4), CALL(HELP_LOOKUP),
		MOV_X(6, 0), JMP_K(BPF_JEQ, 0, 0, 9),
		MOV_X(1, 6), ALU64_K(BPF_ADD, 1, 8), MOV_K(2, 8), STX(BPF_DW, 10, 6, -16), ST(BPF_DW, 6, 0, 0),
		CALL(GEN_SUM), LDX(BPF_DW, 1, 10, -16), MOV_K(2, 8), CALL(GEN_SUM), EXIT);
	PROGRAM(unchecked,
		MOV_K(1, 8), MOV_X(2, 10), CALL(HELP_LOOKUP), MOV_X(1, 0), MOV_K(2, 1), CALL(GEN_SUM), EXIT);
	PROGRAM(data,
		LDX(BPF_DW, 3, 1, 0), LDDW(1, ARRAY + 64), ALU64_K(BPF_AND, 3, 31), ALU64_X(BPF_ADD, 1, 3), MOV_K(2, 1),
		CALL(GEN_SUM), EXIT);

	ANALYZE(p, true);
	IS(0, 1, SCALAR, 8, 8);
	IS(1, 1, MAP_VALUE, 8, 8);
	IS(2, 1, MAP_VALUE, 0, 0);
	CHECK(argument(1, 1)->ref == 8, "of map 8");
	ANALYZE(unchecked, true);
	CHECK(argument(1, 1)->kind == MOAT_VAL_MAP_VALUE && argument(1, 1)->nullable, "may be NULL");
	ANALYZE(data, true);
	IS(0, 1, MAP_DATA, 64, 95);
}

static void objects(void)
{
	PROGRAM(p,
		MOV_K(1, 8), MOV_K(2, 16), CALL(HELP_RESERVE), MOV_X(6, 0), JMP_K(BPF_JNE, 6, 0, 1), EXIT,
		MOV_X(1, 6), MOV_K(2, 16), CALL(GEN_SUM), CALL(HELP_OBJECT), MOV_X(1, 0), MOV_K(2, 1), CALL(GEN_MIX), EXIT);

	ANALYZE(p, true);
	IS(1, 1, RECORD, 0, 0);
	CHECK(argument(3, 1)->kind == MOAT_VAL_ISSUED && argument(3, 1)->ref == 7 && argument(3, 1)->nullable, "object");
}

static void contexts(void)
{
	PROGRAM(p,
		MOV_X(6, 1), LDX(BPF_W, 1, 6, 4), ALU64_K(BPF_ADD, 1, 14), MOV_K(2, 20), CALL(GEN_SUM),
		MOV_X(1, 6), CALL(GEN_MIX),
		ST(BPF_W, 6, 8, 0), LDX(BPF_W, 1, 6, 4), MOV_K(2, 1), CALL(GEN_SUM),
		ST(BPF_B, 6, 7, 0), LDX(BPF_W, 1, 6, 4), MOV_K(2, 1), CALL(GEN_SUM), EXIT);

	ANALYZE(p, false);
	IS(0, 1, PACKET, 14, 14);
	IS(1, 1, CTX, 0, 0);
	IS(2, 1, PACKET, 0, 0);
	IS(3, 1, SCALAR, 0, 0xffffffffll);	/* that pointer was written over */
}

/* Functions: arguments joined over the callers, results, and what is left of the caller's frame. */
static void functions(void)
{
	PROGRAM(p,
		MOV_K(6, 3), MOV_X(7, 10), ALU64_K(BPF_ADD, 7, -8), STX(BPF_DW, 10, 7, -16), STX(BPF_DW, 10, 7, -24),
		MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -24), MOV_K(2, 5), CALL_LOCAL(10),
		MOV_X(3, 0), LDX(BPF_DW, 1, 10, -16), LDX(BPF_DW, 2, 10, -24), MOV_X(4, 6), MOV_X(5, 7), CALL(GEN_MIX),
		MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -24), MOV_K(2, 9), EXIT,
		/* f(p, n): *p = 0; mix(p, n, r10); return n & 1 */
		ST(BPF_DW, 1, 0, 0), MOV_X(6, 2), MOV_X(3, 10), CALL(GEN_MIX), MOV_X(0, 6), ALU64_K(BPF_AND, 0, 1), EXIT);

	ANALYZE(p, true);
	IS(0, 3, SCALAR, 1, 1);
	IS(0, 1, FRAME, -8, -8);
	IS(0, 2, SCALAR, LLONG_MIN, LLONG_MAX);
	IS(0, 4, SCALAR, 3, 3);
	IS(0, 5, FRAME, -8, -8);
	IS(1, 1, FRAME, -24, -24);
	IS(1, 2, SCALAR, 5, 5);
	IS(1, 3, FRAME, -MOAT_FRAME_STRIDE, -MOAT_FRAME_STRIDE);
}

static void callbacks(void)
{
	PROGRAM(p,
		STX(BPF_DW, 10, 10, -8), STX(BPF_DW, 10, 10, -16),
		LD_FUNC(1, 9), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -16), MOV_K(3, 3), CALL(GEN_EACH),
		LDX(BPF_DW, 1, 10, -8), LDX(BPF_DW, 2, 10, -16), CALL(GEN_MIX), EXIT,
		/* f(p, i): *p = 0; mix(p, i) */
		ST(BPF_DW, 1, 0, 0), CALL(GEN_MIX), MOV_K(0, 0), EXIT);
	PROGRAM(forged,		/* the function is a number that is not known */
		STX(BPF_DW, 10, 10, -8), LDX(BPF_W, 6, 1, 0), LD_FUNC(1, 8), MOV_X(1, 6), MOV_X(2, 10), CALL(GEN_EACH),
		LDX(BPF_DW, 1, 10, -8), CALL(GEN_MIX), JA(0), EXIT,
		ST(BPF_DW, 1, -8, 0), CALL(GEN_MIX), MOV_K(0, 0), EXIT);

	ANALYZE(p, true);
	IS(1, 1, FRAME, 0, 0);
	IS(1, 2, SCALAR, LLONG_MIN, LLONG_MAX);
	IS(2, 1, FRAME, -16, -16);
	IS(2, 2, SCALAR, 0, 0xffffffffll);
	ANALYZE(forged, true);
	IS(1, 1, SCALAR, LLONG_MIN, LLONG_MAX);
}

/* Said of programs that the generator does not make, and checked as for random ones. */
static void interpreted(const char *name, const struct bpf_insn *insn, u32 len)
{
	static struct gen_program p;
	u32 i;

	memcpy(p.insn, insn, len * sizeof(*insn));
	p.len = len;
	memset(func, 0, sizeof(func));
	if (!CHECK(analyze(insn, len, true) && analysis.complete, "%s", name))
		return;
	wrong = false;
	for (i = 0; i < 10; i++)
		interpret(&p, false, i & 1, i);
	CHECK(!wrong, "%s: %s", name, wrong_text);
}

#define INTERPRETED(p)	interpreted(#p, p, ARRAY_SIZE(p))

static void corners(void)
{
	PROGRAM(names,		/* results of two calls, made by one instruction */
		MOV_X(7, 1), CALL_LOCAL(7), MOV_X(6, 0), MOV_X(1, 7), ALU64_K(BPF_ADD, 1, 8), CALL_LOCAL(3), JMP_K(BPF_JGT, 0, 100, 0),
		CALL(GEN_MIX), EXIT,
		LDX(BPF_B, 0, 1, 0), MOV_X(2, 0), EXIT);
	PROGRAM(below,		/* a word below the own frame, where the function called has its own */
		MOV_X(6, 10), ALU64_K(BPF_SUB, 6, 576 + 8), ST(BPF_DW, 6, 0, 5), CALL_LOCAL(3), LDX(BPF_DW, 1, 6, 0),
		CALL(GEN_MIX), EXIT,
		ST(BPF_DW, 10, -8, 6), MOV_K(0, 0), EXIT);
	PROGRAM(far,		/* around the address space and back */
		MOV_X(6, 10), LDDW(7, 1ull << 63), ALU64_X(BPF_ADD, 6, 7), ALU64_X(BPF_ADD, 6, 7), ALU64_K(BPF_ADD, 6, -8),
		ST(BPF_DW, 10, -8, 1), ST(BPF_DW, 6, 0, 2), LDX(BPF_DW, 1, 10, -8), CALL(GEN_MIX), EXIT);
	PROGRAM(half,		/* a stored word read in part, and one written in part */
		ST(BPF_DW, 10, -8, 0x1234567), LDX(BPF_W, 1, 10, -8), LDX(BPF_W, 2, 10, -4), ST(BPF_H, 10, -6, 9),
		LDX(BPF_DW, 3, 10, -8), ATOM(BPF_W, BPF_ADD, 10, 3, -8), LDX(BPF_DW, 4, 10, -8), CALL(GEN_MIX), EXIT);
	PROGRAM(filled,		/* by a helper, over a word and beside one */
		ST(BPF_DW, 10, -8, 1), ST(BPF_DW, 10, -24, 2), MOV_X(1, 10), ALU64_K(BPF_ADD, 1, -16), MOV_K(2, 9), MOV_K(3, 7),
		CALL(GEN_FILL), LDX(BPF_DW, 1, 10, -8), LDX(BPF_DW, 2, 10, -24), CALL(GEN_MIX), EXIT);

	INTERPRETED(names);
	INTERPRETED(below);
	INTERPRETED(far);
	INTERPRETED(half);
	INTERPRETED(filled);
}

/* Beyond its effort nothing is proved, and that does not take long: branches that double the paths, nested loops. */
static void effort(void)
{
	static struct bpf_insn p[ARRAY_SIZE(op)];
	u32 i, n = 0;

	for (i = 0; i < 20000; i++) {
		p[n++] = (struct bpf_insn)LDX(BPF_DW, 2, 10, (s16)(-8 * (1 + (s32)i % 60)));
		p[n++] = (struct bpf_insn)JMP_K(BPF_JGT, 2, (s32)i, 1);
		p[n++] = (struct bpf_insn)ALU64_K(BPF_ADD, 6, (s32)i);
		p[n++] = (struct bpf_insn)STX(BPF_DW, 10, 6, (s16)(-8 * (1 + (s32)(i * 7) % 60)));
	}
	for (i = 0; i < 40; i++)
		p[n++] = (struct bpf_insn)JMP_K(BPF_JGT, 6, (s32)i, (s16)-(s32)(1000 + 4 * i));
	p[n++] = (struct bpf_insn)CALL(GEN_MIX);
	p[n++] = (struct bpf_insn)EXIT;
	CHECK(analyze(p, n, true), "it is a program");
	CHECK(analysis.effort <= 17ull * n + 21000, "%llu steps for %u instructions", (unsigned long long)analysis.effort, n);
	CHECK(analysis.complete || !moat_call_facts(&analysis, analysis.call[0].pc), "nothing is proved");
	printf("analyze: %u instructions of loops in %llu steps, %s\n", n, (unsigned long long)analysis.effort,
	       analysis.complete ? "complete" : "given up");
}

/* As many states to be kept as there is room for, and one more: given up, whatever comes behind. */
static void many_loops(u32 loops, bool complete)
{
	static struct bpf_insn p[ARRAY_SIZE(op)];
	u32 n = 0;

	while (n < loops)
		p[n++] = (struct bpf_insn)JMP_K(BPF_JEQ, 1, 7, -1);
	p[n++] = (struct bpf_insn)CALL(GEN_MIX);
	p[n++] = (struct bpf_insn)EXIT;
	CHECK(analyze(p, n, true) && analysis.complete == complete, "%u loops", loops);
	CHECK(!!moat_call_facts(&analysis, n - 2) == complete, "the call behind %u loops", loops);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		one_program(strtoull(argv[1], NULL, 0));
		return check_done();
	}
	frames();
	branches();
	loops();
	maps();
	objects();
	contexts();
	functions();
	callbacks();
	corners();
	effort();
	many_loops(65536, true);
	many_loops(65537, false);
	random_programs();
	forget();
	return check_done();
}
