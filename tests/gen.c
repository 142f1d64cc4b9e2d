/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random valid programs: functions, flow of control, and what statements are made of. */
#include "gen.h"

#define COUNTER_BYTES	64	/* top of every frame: loop counters in memory */
#define FRAME_BYTES	512

u64 gen_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

u32 gen_below(struct gen *g, u32 n)
{
	return (u32)(((gen_random(&g->rng) & 0xffffffff) * n) >> 32);
}

bool gen_one_in(struct gen *g, u32 n)
{
	return gen_below(g, n) == 0;
}

s32 gen_imm(struct gen *g)
{
	static const s32 edge[] = {
		0, 0, 1, 1, -1, -1, 2, 3, 4, 7, 8, 15, 16, 24, 31, 32, 33, 48, 56, 63, 64, 127, 128, -128, -129, 255, 256,
		0x7fff, 0x8000, 0xffff, 0x10000, 0xffffff, INT_MAX, INT_MIN, INT_MIN + 1, -2,
		/* wrpkru, wrmsr, xrstor and ud2 as immediates: an emitter must split them */
		0x00ef010f, 0x0fef010f, (s32)0xef010f00, (s32)0x010f0000, 0x0000300f, 0x28ae0f00, 0x0b0f0b0f,
	};
	u64 r;

	if (!gen_one_in(g, 3))
		return edge[gen_below(g, ARRAY_SIZE(edge))];
	r = gen_random(&g->rng);
	return (s32)(r >> (32 + (r & 31)));
}

void gen_put_insn(struct gen *g, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	struct bpf_insn *in = &g->p->insn[g->p->len];

	if (g->p->len >= ARRAY_SIZE(g->p->insn))
		return;
	*in = (struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm };
	g->p->len++;
}

void gen_lddw(struct gen *g, u8 dst, u64 v)
{
	gen_put(g, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (s32)v);
	gen_put(g, 0, 0, 0, 0, (s32)(v >> 32));
}

static u8 pick(struct gen *g, u16 set)
{
	u32 n = gen_below(g, (u32)__builtin_popcount(set));

	while (n--)
		set &= (u16)(set - 1);
	return (u8)__builtin_ctz(set);
}

u8 gen_src(struct gen *g)
{
	if (!g->o->kernel && gen_one_in(g, 16))
		return gen_one_in(g, 2) ? g->base : BPF_REG_10;
	return pick(g, g->scalar);
}

u8 gen_dst(struct gen *g)
{
	return pick(g, g->scalar & (u16)~g->locked);
}

bool gen_can_write(const struct gen *g, u8 reg)
{
	return g->scalar & ~g->locked & 1u << reg;
}

bool gen_temps(struct gen *g, u8 *r, u32 n)
{
	u16 set = g->scalar & (u16)~g->locked;
	u32 i;

	if ((u32)__builtin_popcount(set) < n)
		return false;
	for (i = 0; i < n; i++) {
		r[i] = pick(g, set);
		set &= (u16)~(1u << r[i]);
	}
	return true;
}

void gen_fresh(struct gen *g, u8 reg)
{
	if (gen_one_in(g, 4))
		gen_lddw(g, reg, gen_random(&g->rng));
	else
		gen_put(g, (gen_one_in(g, 3) ? BPF_ALU : BPF_ALU64) | BPF_MOV | BPF_K, reg, 0, 0, gen_imm(g));
}

void gen_kill(struct gen *g, u8 reg)
{
	if (gen_can_write(g, reg) && !gen_one_in(g, 3))
		gen_fresh(g, reg);
}

/* Jumps --------------------------------------------------------------------- */

u8 gen_condition(struct gen *g)
{
	static const u8 op[] = { BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSET,
				 BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE };

	return op[gen_below(g, ARRAY_SIZE(op))] | (gen_one_in(g, 2) ? BPF_X : BPF_K) |
	       (gen_one_in(g, 2) ? BPF_JMP : BPF_JMP32);
}

/* A forward jump that lands on one of the next statements, never inside a loop that it is not in. */
void gen_jump_pending_insn(struct gen *g, u8 code, u8 dst, u8 src, s32 imm)
{
	if (g->nr_pending == GEN_PENDING)
		return;
	g->pending[g->nr_pending].at = g->p->len;
	g->pending[g->nr_pending].loops = g->loops;
	g->nr_pending++;
	gen_put(g, code, dst, src, 0, imm);
}

static void land(struct gen *g, u32 i)
{
	struct bpf_insn *in = &g->p->insn[g->pending[i].at];
	s32 distance = (s32)(g->p->len - g->pending[i].at - 1);

	if (in->code == (BPF_JMP32 | BPF_JA))
		in->imm = distance;
	else
		in->off = (s16)distance;
	g->pending[i] = g->pending[--g->nr_pending];
}

/* Here a statement starts: some of the pending jumps may land. */
static void land_some(struct gen *g, bool all)
{
	u32 i = g->nr_pending;

	while (i--)
		if (all || (g->pending[i].loops == g->loops && gen_one_in(g, 4)))
			land(g, i);
}

void gen_land(struct gen *g)
{
	if (gen_one_in(g, 8))
		land_some(g, false);
}

static void branch(struct gen *g)
{
	u8 code = gen_condition(g);
	u8 src = BPF_SRC(code) == BPF_X ? gen_src(g) : 0;

	if (gen_one_in(g, 12)) {
		code = g->o->kernel || gen_one_in(g, 2) ? BPF_JMP | BPF_JA : BPF_JMP32 | BPF_JA;
		if (g->o->kernel)	/* always taken; the verifier takes no instruction that nothing leads to */
			gen_jump_pending(g, BPF_JMP | BPF_JNE | BPF_K, g->base, 0, 0);
		else
			gen_jump_pending(g, code, 0, 0, 0);
		return;
	}
	gen_jump_pending(g, code, gen_src(g), src, BPF_SRC(code) == BPF_K ? gen_imm(g) : 0);
	/* a branch over a jump: worth inverting */
	if (gen_one_in(g, 6) && g->nr_pending < GEN_PENDING) {
		g->p->insn[g->p->len - 1].off = 1;
		g->nr_pending--;
		gen_jump_pending(g, BPF_JMP | BPF_JA, 0, 0, 0);
	}
}

/* Loops --------------------------------------------------------------------- */

static void statement(struct gen *g);

static void body(struct gen *g)
{
	u32 n = 1 + gen_below(g, 6);

	while (n-- && g->left)
		statement(g);
}

static void jump_back(struct gen *g, u8 code, u8 reg, s32 imm, u32 to)
{
	s32 distance = (s32)to - (s32)g->p->len - 1;

	if (gen_one_in(g, 4)) {		/* out of the loop, or back by a plain jump */
		u8 inverse = BPF_OP(code) == BPF_JNE ? BPF_JEQ : BPF_JGE;
		bool far = gen_one_in(g, 2) && !g->o->kernel;

		gen_put(g, BPF_CLASS(code) | inverse | BPF_K, reg, 0, 1, imm);
		distance--;
		gen_put(g, (far ? BPF_JMP32 : BPF_JMP) | BPF_JA, 0, 0, far ? 0 : (s16)distance, far ? distance : 0);
		return;
	}
	gen_put(g, code, reg, 0, (s16)distance, imm);
}

/* A counter in a register, up or down. */
static void loop_register(struct gen *g, u8 reg)
{
	u8 alu = gen_one_in(g, 2) ? BPF_ALU64 : BPF_ALU;
	u8 jmp = gen_one_in(g, 2) ? BPF_JMP : BPF_JMP32;
	s32 count = 1 + (s32)gen_below(g, 5);
	bool up = gen_one_in(g, 2);
	u32 to;

	gen_put(g, alu | BPF_MOV | BPF_K, reg, 0, 0, up ? 0 : count);
	g->locked |= (u16)(1u << reg);
	to = g->p->len;
	body(g);
	gen_put(g, alu | BPF_ADD | BPF_K, reg, 0, 0, up ? 1 : -1);
	jump_back(g, jmp | (up ? BPF_JLT : BPF_JNE) | BPF_K, reg, up ? count : 0, to);
	g->locked &= (u16)~(1u << reg);
}

/* A counter in the frame. */
static void loop_memory(struct gen *g)
{
	s16 off = (s16)(-8 * (s32)(g->loops + 1));
	u32 to;
	u8 reg;

	gen_put(g, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, off, 1 + (s32)gen_below(g, 5));
	to = g->p->len;
	body(g);
	reg = gen_dst(g);
	gen_put(g, BPF_LDX | BPF_MEM | BPF_W, reg, BPF_REG_10, off, 0);
	gen_put(g, BPF_ALU | BPF_ADD | BPF_K, reg, 0, 0, -1);
	gen_put(g, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, reg, off, 0);
	jump_back(g, BPF_JMP | BPF_JNE | BPF_K, reg, 0, to);
}

static void loop(struct gen *g)
{
	u16 free = g->scalar & (u16)~g->locked & (g->calls ? 0x03c0 : 0x03ff);
	u8 reg = free ? pick(g, free) : 0;
	u32 i;

	g->loops++;
	if (free && __builtin_popcount(g->scalar & ~g->locked) > 2 && gen_one_in(g, 2))
		loop_register(g, reg);
	else
		loop_memory(g);
	g->loops--;
	for (i = 0; i < g->nr_pending; i++)
		if (g->pending[i].loops > g->loops)
			g->pending[i].loops = g->loops;
}

/* Calls --------------------------------------------------------------------- */

/* After a call R1-R5 hold nothing: give those that count a value. */
static void after_call(struct gen *g)
{
	u8 reg;

	for (reg = 1; reg <= 5; reg++)
		if (g->scalar & 1u << reg)
			gen_fresh(g, reg);
}

/* A function behind this one, to be called by the instruction that comes next. */
static void aim_at_function(struct gen *g, u32 n)
{
	g->call[g->nr_call].at = g->p->len;
	g->call[g->nr_call].callback = false;
	/* mostly the next one, so that chains of eight frames come about */
	g->call[g->nr_call].func = g->func + 1 + (gen_one_in(g, 3) ? gen_below(g, n) : 0);
	g->nr_call++;
}

static void callback_call(struct gen *g, u32 n)
{
	if (g->o->kernel) {
		gen_kernel_callback(g);
		aim_at_function(g, n);
		g->call[g->nr_call - 1].callback = true;
		gen_put(g, BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_FUNC, 0, 0);
		gen_put(g, 0, 0, 0, 0, 0);
		gen_put(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_loop);
		after_call(g);
		return;
	}
	aim_at_function(g, n);
	gen_put(g, BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_FUNC, 0, 0);
	gen_put(g, 0, 0, 0, 0, 0);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, g->base, 0, 0);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, (s32)gen_below(g, 4));
	gen_put(g, BPF_JMP | BPF_CALL, 0, 0, 0, GEN_EACH);
	after_call(g);
}

static void local_call(struct gen *g)
{
	u32 n = g->nr_func - g->func - 1;
	u8 reg;

	if (!n || !g->calls_left || g->nr_call == ARRAY_SIZE(g->call) || g->loops > 1)
		return;
	g->calls_left--;
	if (gen_one_in(g, 4)) {
		callback_call(g, n);
		return;
	}
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, 1, g->base, 0, 0);
	for (reg = 2; reg <= 5; reg++) {
		u8 from = gen_src(g);

		if (gen_one_in(g, 2) && (from == 0 || from >= 6))
			gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, reg, from, 0, 0);
		else
			gen_fresh(g, reg);
	}
	aim_at_function(g, n);
	gen_put(g, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	after_call(g);
	if (gen_one_in(g, 2) && gen_can_write(g, 0))
		gen_alu(g);
}

static void packet_load(struct gen *g)
{
	if (g->calls) {
		gen_packet_load(g);
		after_call(g);
	}
}

static void call(struct gen *g)
{
	if (!g->calls || !gen_can_write(g, 0)) {
		gen_alu(g);
		return;
	}
	if (gen_one_in(g, 2)) {
		local_call(g);
		return;
	}
	gen_helper_call(g);
	after_call(g);
}

/* Statements and functions --------------------------------------------------- */

static void statement(struct gen *g)
{
	u32 kind = gen_below(g, 100);

	land_some(g, g->p->len > GEN_MAX_INSNS - 2000);
	if (!g->left || g->p->len > GEN_MAX_INSNS - 3000)
		return;
	g->left--;
	if (kind < 30)
		gen_alu(g);
	else if (kind < 50)
		gen_memory(g);
	else if (kind < 72)
		gen_idiom(g);
	else if (kind < 84)
		branch(g);
	else if (kind < 88 && g->loops < 2 && !g->o->forward)
		loop(g);
	else if (kind < 95)
		call(g);
	else if (g->o->packet && g->func == 0 && gen_can_write(g, 0))
		packet_load(g);
	else if (g->o->escape)
		gen_hostile(g);
	else if (g->o->null && gen_one_in(g, 10))
		gen_null(g);
	else
		gen_alu(g);
}

/* Choose which register is what, and give each its first value. */
static void open_function(struct gen *g)
{
	u16 args = g->func ? 0x001c : g->o->packet ? 0 : 0x0004;
	u8 reg;

	g->calls = g->o->calls && !gen_one_in(g, 4);
	g->calls_left = 2;
	g->base = (u8)(g->calls ? 6 + gen_below(g, 4) : gen_below(g, 10));
	g->scalar = (u16)(gen_random(&g->rng) & gen_random(&g->rng) & 0x3ff);
	if (gen_one_in(g, 3))
		g->scalar = 0x3ff;
	g->scalar |= (u16)(1u << ((g->base + 1) % 10) | 1u << ((g->base + 3) % 10) | 1u << ((g->base + 6) % 10) | 1);
	if (g->o->packet && g->func == 0)
		g->scalar &= (u16)~(1u << BPF_REG_6);
	if (g->o->packet && g->func == 0 && (g->base == 6 || g->base == 0))
		g->base = 7;
	if (g->base == 0)
		g->base = 1;
	g->scalar &= (u16)~(1u << g->base);
	if (g->o->kernel)
		gen_kernel_open(g);
	if (g->o->packet && g->func == 0) {	/* the buffer is in the frame, R6 the context */
		if (!g->o->kernel) {
			gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
			gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, g->base, 10, 0, 0);
			gen_put(g, BPF_ALU64 | BPF_ADD | BPF_K, g->base, 0, 0, -512);
		}
	} else if (g->base != 1) {
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, g->base, 1, 0, 0);
	}
	for (reg = 0; reg <= 9; reg++)
		if (g->scalar & 1u << reg && !(args & 1u << reg && reg != g->base && gen_one_in(g, 2)))
			gen_fresh(g, reg);
}

/* All that was computed goes where it can be seen. */
static void close_function(struct gen *g)
{
	s16 at = (s16)(g->base_bytes - 80);
	u8 reg;

	land_some(g, true);
	for (reg = 0; reg <= 9; reg++) {
		if (!(g->scalar & 1u << reg))
			continue;
		if (g->func == 0)
			gen_put(g, BPF_STX | BPF_MEM | BPF_DW, g->base, reg, (s16)(at + 8 * reg), 0);
		else if (reg)
			gen_put(g, BPF_ALU64 | (gen_one_in(g, 2) ? BPF_XOR : BPF_ADD) | BPF_X, 0, reg, 0, 0);
	}
	gen_put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void function(struct gen *g, u32 statements)
{
	g->start[g->func] = g->p->len;
	g->scalar = g->locked = 0;
	g->loops = g->nr_pending = 0;
	g->left = statements;
	open_function(g);
	while (g->left && g->p->len < GEN_MAX_INSNS - 3000)
		statement(g);
	close_function(g);
}

static bool is_called(const struct gen *g, u32 func)
{
	u32 i;

	for (i = 0; i < g->nr_call; i++)
		if (g->call[i].func == func)
			return true;
	return func == 0;
}

void gen_program(struct gen_program *p, u64 seed, const struct gen_options *o)
{
	struct gen g = { .p = p, .o = o, .rng = seed, .frame_bytes = FRAME_BYTES, .counter_bytes = COUNTER_BYTES };
	u32 i;

	p->len = 0;
	g.base_bytes = o->packet && !o->kernel ? 256 : o->buffer_bytes;
	g.nr_func = o->calls ? 1 + gen_below(&g, GEN_FUNCS) : 1;
	if (o->kernel)
		gen_kernel_frame(&g);
	for (g.func = 0; g.func < g.nr_func; g.func++)
		if (!o->kernel || is_called(&g, g.func))	/* the kernel takes no dead code */
			function(&g, 2 + (g.func ? o->statements / g.nr_func / 2 : o->statements));
	if (o->kernel)
		gen_kernel_close(&g);
	for (i = 0; i < g.nr_call; i++)
		p->insn[g.call[i].at].imm = (s32)(g.start[g.call[i].func] - g.call[i].at - 1);
}
