/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Statements of random programs.
 *
 * The idioms are what compilers make of packed fields, rotations and address
 * arithmetic, that is, what the plan may fuse; each also comes with one part
 * wrong, so that a match that looks at too little shows.
 */
#include "gen.h"

static u8 alu_class(struct gen *g)
{
	return gen_one_in(g, 2) ? BPF_ALU64 : BPF_ALU;
}

/* Arithmetic ------------------------------------------------------------------ */

static void swap(struct gen *g, u8 dst)
{
	static const s32 width[] = { 16, 32, 64 };
	u8 code = BPF_ALU | BPF_END | (gen_one_in(g, 2) ? BPF_TO_BE : BPF_TO_LE);

	if (gen_one_in(g, 3) && !g->o->kernel)
		code = BPF_ALU64 | BPF_END | BPF_TO_LE;
	gen_put(g, code, dst, 0, 0, width[gen_below(g, 3)]);
}

static void move(struct gen *g, u8 dst, u8 src)
{
	static const s16 width[] = { 0, 0, 8, 16, 32 };
	u8 class = alu_class(g);

	gen_put(g, class | BPF_MOV | BPF_X, dst, src,
		g->o->kernel ? 0 : width[gen_below(g, class == BPF_ALU64 ? 5 : 4)], 0);
}

void gen_alu(struct gen *g)
{
	static const u8 op[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_OR, BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH,
				 BPF_LSH, BPF_RSH, BPF_ARSH, BPF_DIV, BPF_MOD, BPF_ADD, BPF_AND };
	u8 fn = op[gen_below(g, ARRAY_SIZE(op))], dst = gen_dst(g), src = gen_src(g);
	bool is_signed = !g->o->kernel && (fn == BPF_DIV || fn == BPF_MOD) && gen_one_in(g, 2);
	u32 kind = gen_below(g, 16);

	if (kind == 0)
		swap(g, dst);
	else if (kind == 1)
		gen_put(g, alu_class(g) | BPF_NEG, dst, 0, 0, 0);
	else if (kind == 2)
		move(g, dst, gen_one_in(g, 4) ? dst : src);
	else if (kind == 3)
		gen_put(g, alu_class(g) | BPF_MOV | BPF_K, dst, 0, 0, gen_imm(g));
	else if (kind == 4)
		gen_lddw(g, dst, gen_one_in(g, 2) ? (u64)(s64)gen_imm(g) : gen_random(&g->rng));
	else if (kind < 10)
		gen_put(g, alu_class(g) | fn | BPF_X, dst, src, is_signed, 0);
	else if (fn == BPF_DIV || fn == BPF_MOD)
		gen_put(g, alu_class(g) | fn | BPF_K, dst, 0, is_signed, gen_imm(g) | 1);
	else if (fn == BPF_LSH || fn == BPF_RSH || fn == BPF_ARSH)
		gen_put(g, (kind & 1 ? BPF_ALU64 : BPF_ALU) | fn | BPF_K, dst, 0, 0, (s32)gen_below(g, kind & 1 ? 64 : 32));
	else
		gen_put(g, alu_class(g) | fn | BPF_K, dst, 0, 0, gen_imm(g));
}

/* Memory ---------------------------------------------------------------------- */

struct place {
	u8 reg;
	s16 off;
};

static const u8 size_of[] = { BPF_B, BPF_H, BPF_W, BPF_DW };

/* The class of address arithmetic: the kernel's verifier knows no address of 32 bits. */
static u8 address_class(struct gen *g)
{
	u8 class = alu_class(g);

	return g->o->kernel ? BPF_ALU64 : class;
}

/* An address register made from a scalar: base + (scalar & mask), by either addition or lea-like forms. */
static struct place computed_place(struct gen *g, u32 bytes)
{
	u8 t = gen_dst(g), src = gen_src(g);
	u32 half = g->base_bytes / 2;

	if (g->loops && gen_one_in(g, 2))
		src = t;
	gen_put(g, alu_class(g) | BPF_MOV | BPF_X, t, src, 0, 0);
	gen_put(g, alu_class(g) | BPF_AND | BPF_K, t, 0, 0, (s32)(half - 8));
	gen_put(g, address_class(g) | BPF_ADD | BPF_X, t, g->base, 0, 0);
	return (struct place){ t, (s16)(gen_below(g, (half - 80) / bytes) * bytes) };
}

static struct place place(struct gen *g, u32 bytes)
{
	u32 n = gen_below(g, 10);
	s16 step = (s16)bytes, low = g->o->kernel ? -(s16)g->frame_bytes : -256;
	u8 t;

	if (n < 4)
		return (struct place){ g->base, (s16)(step * (s16)gen_below(g, (g->base_bytes - 88) / bytes)) };
	if (n < 6)	/* below the loop counters */
		return (struct place){ BPF_REG_10, (s16)(-(s16)g->counter_bytes - step *
			(1 + (s16)gen_below(g, (g->frame_bytes - g->counter_bytes) / bytes))) };
	if (n < 8)
		return computed_place(g, bytes);
	t = gen_dst(g);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, t, n == 8 ? g->base : BPF_REG_10, 0, 0);
	gen_put(g, address_class(g) | BPF_ADD | BPF_K, t, 0, 0, n == 8 ? 64 : low);
	if (g->o->kernel)
		return (struct place){ t, (s16)(step * (s16)gen_below(g, 32 / bytes)) };
	return (struct place){ t, (s16)(step * ((s16)gen_below(g, 64 / bytes) - (s16)(gen_one_in(g, 2) ? 32 / bytes : 0))) };
}

static void atomic(struct gen *g, u8 size, struct place p)
{
	static const s32 op[] = { BPF_ADD, BPF_OR, BPF_AND, BPF_XOR, BPF_ADD | BPF_FETCH, BPF_OR | BPF_FETCH,
				  BPF_AND | BPF_FETCH, BPF_XOR | BPF_FETCH, BPF_XCHG, BPF_CMPXCHG };
	s32 fn = op[gen_below(g, ARRAY_SIZE(op))];
	u8 src = fn & BPF_FETCH && fn != BPF_CMPXCHG ? gen_dst(g) : gen_src(g);

	if (fn == BPF_CMPXCHG && (!gen_can_write(g, 0) || (g->o->kernel && p.reg == 0)))
		fn = BPF_ADD;
	if (fn == BPF_CMPXCHG && gen_one_in(g, 2) && p.reg != 0) {	/* half of them succeed */
		gen_put(g, BPF_LDX | BPF_MEM | size, 0, p.reg, p.off, 0);
		if (size == BPF_W && gen_one_in(g, 2))	/* bits that 32-bit operations must neither see nor leave */
			gen_put(g, BPF_ALU64 | BPF_OR | BPF_K, 0, 0, 0, INT_MIN);
	}
	gen_put(g, BPF_STX | BPF_ATOMIC | size, p.reg, src, p.off, fn);
}

/* One access of any kind to @p, which has room for 8 bytes unless @shift says less. */
static void access(struct gen *g, struct place p, u32 shift)
{
	u8 size = size_of[shift];
	u32 kind = gen_below(g, 12);

	if (kind < 5)
		gen_put(g, BPF_LDX | BPF_MEM | size, gen_dst(g), p.reg, p.off, 0);
	else if (kind == 5)
		gen_put(g, BPF_LDX | (shift < 3 && !g->o->kernel ? BPF_MEMSX : BPF_MEM) | size, gen_dst(g), p.reg,
			p.off, 0);
	else if (kind < 8)
		gen_put(g, BPF_STX | BPF_MEM | size, p.reg, gen_src(g), p.off, 0);
	else if (kind < 10 || shift < 2)
		gen_put(g, BPF_ST | BPF_MEM | size, p.reg, 0, p.off, gen_imm(g));
	else
		atomic(g, size, p);
}

/* For the kernel: a register that holds an address is no value before it got a new one. */
static void access_typed(struct gen *g, struct place p, u32 shift)
{
	u16 bit = (u16)(1u << p.reg), had = g->scalar & bit;

	if (had && gen_one_in(g, 3)) {
		gen_put(g, BPF_LDX | BPF_MEM | size_of[shift], p.reg, p.reg, p.off, 0);
		return;
	}
	g->scalar &= (u16)~bit;
	access(g, p, shift);
	g->scalar |= had;
	if (had)
		gen_fresh(g, p.reg);
}

void gen_memory(struct gen *g)
{
	u32 shift = gen_below(g, 4);

	/* two registers, so that one is left while an address is in the other */
	if (!g->o->kernel)
		access(g, place(g, 1u << shift), shift);
	else if (__builtin_popcount(g->scalar & ~g->locked) > 1)
		access_typed(g, place(g, 1u << shift), shift);
}

void gen_null(struct gen *g)
{
	u8 t = gen_dst(g);
	u32 shift;

	gen_put(g, alu_class(g) | BPF_MOV | BPF_K, t, 0, 0, (s32)gen_below(g, 2) * 4096);
	shift = gen_below(g, 4);
	access(g, (struct place){ t, (s16)(8 * gen_below(g, 100)) }, shift);
}

/* An address that the program was not given, or one near the edge of what it was. */
void gen_hostile(struct gen *g)
{
	static const s16 off[] = { 0, 0, 0, 8, -8, 1, -1, 7, -7, INT16_MAX, INT16_MIN };
	static const s32 edge[] = { 0x10000, 0x1000, 0x2000, 0x8000, -0x1000, -0x2000, 0x4000000, INT_MAX, INT_MIN, -512, 4096 };
	u32 shift = gen_below(g, 4), kind = gen_below(g, 4);
	u8 t = gen_dst(g);
	s16 o = off[gen_below(g, ARRAY_SIZE(off))];

	if (kind == 0 && g->o->nr_hostile) {
		gen_lddw(g, t, g->o->hostile[gen_below(g, g->o->nr_hostile)]);
	} else if (kind == 1) {
		gen_lddw(g, t, gen_random(&g->rng));
	} else {
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, t, gen_one_in(g, 2) ? g->base : BPF_REG_10, 0, 0);
		gen_put(g, alu_class(g) | BPF_ADD | BPF_K, t, 0, 0, edge[gen_below(g, ARRAY_SIZE(edge))]);
		if (gen_one_in(g, 2))	/* to the page's edge */
			gen_put(g, BPF_ALU64 | BPF_OR | BPF_K, t, 0, 0, 4088 + (s32)gen_below(g, 8));
	}
	/* atomics across a line are punished by some machines: keep forged ones aligned */
	gen_put(g, BPF_ALU64 | BPF_AND | BPF_K, t, 0, 0, gen_one_in(g, 2) ? -1 : -8);
	if (gen_one_in(g, 4)) {
		gen_put(g, BPF_ALU64 | BPF_AND | BPF_K, t, 0, 0, -8);
		atomic(g, size_of[2 + gen_below(g, 2)], (struct place){ t, (s16)(o & ~7) });
		return;
	}
	access(g, (struct place){ t, o }, shift < 2 ? shift : gen_below(g, 2));
}

/* Calls out ------------------------------------------------------------------- */

static void memory_argument(struct gen *g, u32 bytes)
{
	bool frame = gen_one_in(g, 2);

	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, 1, frame ? BPF_REG_10 : g->base, 0, 0);
	gen_put(g, BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0,
		frame ? -64 - (s32)bytes - (s32)gen_below(g, 64) : (s32)gen_below(g, 64));
	if (g->o->escape && gen_one_in(g, 4))
		gen_put(g, BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, gen_imm(g));
	if (g->o->escape && g->o->nr_hostile && gen_one_in(g, 6))
		gen_lddw(g, 1, g->o->hostile[gen_below(g, g->o->nr_hostile)]);
}

static void helper_with_memory(struct gen *g, s32 id)
{
	u32 bytes = 1 + gen_below(g, 96);

	memory_argument(g, bytes);
	if (g->o->escape && gen_one_in(g, 4))
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, gen_imm(g));
	else
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, (s32)bytes);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, gen_imm(g));
	gen_put(g, BPF_JMP | BPF_CALL, 0, 0, 0, id);
}

void gen_helper_call(struct gen *g)
{
	u8 reg, from;

	if (g->o->kernel) {
		gen_kernel_helper(g);
		return;
	}
	switch (gen_below(g, 4)) {
	case 0:
		for (reg = 1; reg <= 5; reg++) {
			from = gen_src(g);
			if (from == 0 || from >= 6)
				gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, reg, from, 0, 0);
			else
				gen_lddw(g, reg, gen_random(&g->rng));
		}
		gen_put(g, BPF_JMP | BPF_CALL, 0, 0, 0, GEN_MIX);
		break;
	case 1:
		helper_with_memory(g, GEN_SUM);
		break;
	case 2:
		helper_with_memory(g, GEN_FILL);
		break;
	default:
		if (gen_one_in(g, 3))
			gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 0);
		else
			memory_argument(g, 8);
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, gen_imm(g));
		gen_put(g, BPF_JMP | BPF_CALL, 0, 0, 0, GEN_PEEK);
	}
}

void gen_packet_load(struct gen *g)
{
	u8 size = size_of[gen_below(g, 3)], src = gen_dst(g);
	s32 at = (s32)gen_below(g, gen_one_in(g, 8) ? g->o->packet_bytes + 8 : g->o->packet_bytes - 4);

	if (gen_one_in(g, 2)) {
		gen_put(g, BPF_LD | BPF_ABS | size, 0, 0, 0, at);
		return;
	}
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, src, 0, 0, (s32)gen_below(g, 16) - (gen_one_in(g, 8) ? 16 : 0));
	gen_put(g, BPF_LD | BPF_IND | size, 0, src, 0, at > 16 ? at - 16 : 0);
}

/* Idioms ---------------------------------------------------------------------- */

/* In the escape variant: an address register whose next bytes are the last of the run's memory, or the first. */
static bool edge_base(struct gen *g, u16 avoid, u8 *base)
{
	u8 t = gen_dst(g);

	if (avoid & 1u << t)
		return false;
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, t, BPF_REG_10, 0, 0);
	gen_put(g, BPF_ALU64 | BPF_ADD | BPF_K, t, 0, 0,
		gen_one_in(g, 3) ? -GEN_STACK_BYTES - 8 : GEN_SLOT_BYTES - GEN_STACK_BYTES - 8);
	*base = t;
	return true;
}

/* Somewhere in memory; never in a register of @avoid. */
static s16 near_off(struct gen *g, u32 bytes, u8 *base, u16 avoid)
{
	if (g->o->escape && gen_one_in(g, 4) && edge_base(g, avoid, base))
		return (s16)gen_below(g, 12);
	if (gen_one_in(g, 3)) {
		s32 room = (s32)(g->frame_bytes - g->counter_bytes - bytes);
		s16 off = (s16)(-(s32)g->frame_bytes + (s32)gen_below(g, (u32)room));

		*base = BPF_REG_10;
		return g->o->kernel ? (s16)(off & -8) : off;
	}
	*base = g->base;
	return (s16)gen_below(g, g->base_bytes - 88 - bytes);
}

/* Something that does not belong: most fusions must not happen across it. */
static void disturb(struct gen *g, u8 base, s16 off, u8 reg)
{
	switch (gen_below(g, 4)) {
	case 0:
		gen_put(g, BPF_STX | BPF_MEM | BPF_B, base, gen_src(g), off, 0);
		break;
	case 1:
		gen_alu(g);
		break;
	case 2:
		gen_put(g, alu_class(g) | BPF_XOR | BPF_K, reg, 0, 0, gen_imm(g));
		break;
	default:
		gen_jump_pending(g, BPF_JMP | BPF_JNE | BPF_K, reg, 0, 0);
	}
}

/*
 * A field put together from bytes: t = next; t <<= its place; d |= t.  Or by
 * Horner's rule: d <<= 8; t = next; d |= t.
 */
static void gather(struct gen *g)
{
	u32 n = 2u << gen_below(g, 3), wrong = gen_one_in(g, 4) ? gen_below(g, n) : n, i, place;
	u8 r[2], base, class = n == 8 ? BPF_ALU64 : alu_class(g), fn;
	bool big = gen_one_in(g, 2), horner = gen_one_in(g, 3), down = gen_one_in(g, 3);
	s16 off;

	if (!gen_temps(g, r, 2))
		return;
	off = near_off(g, 8, &base, (u16)(1u << r[0] | 1u << r[1]));
	for (i = 0; i < n; i++) {
		place = down && !horner ? n - 1 - i : i;
		gen_land(g);
		if (i && horner)
			gen_put(g, class | BPF_LSH | BPF_K, r[0], 0, 0, i == wrong ? 7 : 8);
		gen_put(g, BPF_LDX | BPF_MEM | BPF_B, r[i ? 1 : 0], base, 0,
			0);
		g->p->insn[g->p->len - 1].off = (s16)(off + (s32)place + (!horner && i == wrong && gen_one_in(g, 2)));
		if (i == wrong && gen_one_in(g, 2))
			disturb(g, base, off, r[0]);
		if (!horner && (big ? n - 1 - place : place))
			gen_put(g, class | BPF_LSH | BPF_K, r[i ? 1 : 0], 0, 0, (s32)(8 * (big ? n - 1 - place : place)));
		fn = gen_one_in(g, 12) ? BPF_ADD : gen_one_in(g, 12) ? BPF_XOR : BPF_OR;
		if (i)
			gen_put(g, class | fn | BPF_X, r[0], r[1], 0, 0);
	}
	gen_kill(g, r[1]);
}

/* Two bytes whose result's register is still in use when the first one is loaded. */
static void gather_late(struct gen *g)
{
	u8 r[3], base, class = alu_class(g);
	bool big = gen_one_in(g, 2);
	s16 off;

	if (!gen_temps(g, r, 3))
		return;
	off = near_off(g, 2, &base, (u16)(1u << r[0] | 1u << r[1] | 1u << r[2]));
	gen_put(g, BPF_LDX | BPF_MEM | BPF_B, r[1], base, off, 0);
	if (big)
		gen_put(g, class | BPF_LSH | BPF_K, r[1], 0, 0, 8);
	if (gen_one_in(g, 2))
		gen_put(g, alu_class(g) | BPF_ADD | BPF_X, r[2], r[0], 0, 0);
	else
		gen_put(g, alu_class(g) | BPF_ADD | BPF_X, r[0], r[2], 0, 0);
	gen_put(g, BPF_LDX | BPF_MEM | BPF_B, r[0], base, (s16)(off + 1), 0);
	if (!big)
		gen_put(g, class | BPF_LSH | BPF_K, r[0], 0, 0, 8);
	gen_put(g, class | BPF_OR | BPF_X, r[0], r[1], 0, 0);
	gen_kill(g, r[1]);
}

/* As clang makes four bytes: two pairs, then one shift. */
static void gather_pairs(struct gen *g)
{
	u8 r[3], base;
	s16 off;
	u32 i;

	if (!gen_temps(g, r, 3))
		return;
	off = near_off(g, 4, &base, (u16)(1u << r[0] | 1u << r[1] | 1u << r[2]));
	for (i = 0; i < 4; i++) {
		u8 t = r[i & 1 ? 2 : i / 2];

		gen_put(g, BPF_LDX | BPF_MEM | BPF_B, t, base, (s16)(off + (s32)i), 0);
		if (i)
			gen_put(g, BPF_ALU64 | BPF_LSH | BPF_K, t, 0, 0, (s32)(8 * i) + (gen_one_in(g, 30) ? 1 : 0));
		if (i & 1)
			gen_put(g, BPF_ALU64 | BPF_OR | BPF_X, r[i / 2], t, 0, 0);
	}
	gen_put(g, BPF_ALU64 | BPF_OR | BPF_X, r[0], r[1], 0, 0);
	gen_kill(g, r[1]);
	gen_kill(g, r[2]);
}

/* The class of one part of an idiom: now and then not that of the others. */
static u8 mostly(struct gen *g, u8 class)
{
	return gen_one_in(g, 12) ? alu_class(g) : class;
}

static void rotate(struct gen *g)
{
	u8 r[2], class = alu_class(g), a = gen_src(g);
	s32 width = class == BPF_ALU64 ? 64 : 32, k = 1 + (s32)gen_below(g, 31);
	s32 other = width - k - (gen_one_in(g, 6) ? 1 : 0);
	bool left = gen_one_in(g, 2);

	if (!gen_temps(g, r, 2))
		return;
	if (class == BPF_ALU64 && gen_one_in(g, 2)) {	/* counts that only 64 bits have: the classes must agree */
		k += 32;
		other = 64 - k;
	}
	if (a == r[1])
		a = r[0];
	if (a != r[0])
		gen_put(g, mostly(g, class) | BPF_MOV | BPF_X, r[0], a, 0, 0);
	gen_land(g);
	gen_put(g, mostly(g, class) | BPF_MOV | BPF_X, r[1], r[0], 0, 0);
	gen_land(g);
	if (gen_one_in(g, 2)) {
		gen_put(g, class | (left ? BPF_LSH : BPF_RSH) | BPF_K, r[0], 0, 0, k);
		gen_put(g, class | (left ? BPF_RSH : BPF_LSH) | BPF_K, r[1], 0, 0, other);
	} else {
		gen_put(g, class | (left ? BPF_RSH : BPF_LSH) | BPF_K, r[1], 0, 0, other);
		gen_put(g, class | (left ? BPF_LSH : BPF_RSH) | BPF_K, r[0], 0, 0, k);
	}
	gen_put(g, mostly(g, class) | (gen_one_in(g, 4) ? BPF_ADD : BPF_OR) | BPF_X, r[0], r[1], 0, 0);
	gen_kill(g, r[1]);
}

/* mov and one or two operations on the copy: lea, and, shifts. */
static void copy_and(struct gen *g)
{
	u8 class = alu_class(g), d = gen_dst(g), a = gen_src(g), b = gen_src(g);
	u8 second = gen_one_in(g, 6) ? alu_class(g) : class;

	gen_put(g, class | BPF_MOV | BPF_X, d, a, 0, 0);
	gen_land(g);
	switch (gen_below(g, 6)) {
	case 0:
		gen_put(g, second | BPF_ADD | BPF_K, d, 0, 0, gen_imm(g));
		break;
	case 1:
		gen_put(g, second | BPF_ADD | BPF_X, d, b, 0, 0);
		break;
	case 2:
		gen_put(g, second | BPF_LSH | BPF_K, d, 0, 0, (s32)gen_below(g, 5));
		gen_put(g, second | BPF_ADD | BPF_X, d, b, 0, 0);
		break;
	case 3:
		gen_put(g, second | BPF_AND | BPF_K, d, 0, 0, gen_imm(g));
		break;
	case 4:
		gen_put(g, second | (gen_one_in(g, 2) ? BPF_RSH : BPF_ARSH) | BPF_X, d, b, 0, 0);
		break;
	default:
		gen_put(g, second | (gen_one_in(g, 2) ? BPF_SUB : BPF_MUL) | BPF_K, d, 0, 0, gen_imm(g));
	}
}

/* A load used once: by an operation, a comparison, or with its bytes swapped. */
static void load_use(struct gen *g)
{
	u32 shift = gen_below(g, 4);
	u8 r[2], base, code;
	s16 off;

	if (!gen_temps(g, r, 2))
		return;
	off = near_off(g, 8, &base, (u16)(1u << r[0] | 1u << r[1]));
	gen_put(g, BPF_LDX | (shift < 3 && gen_one_in(g, 4) && !g->o->kernel ? BPF_MEMSX : BPF_MEM) | size_of[shift], r[0],
		base, off, 0);
	switch (gen_below(g, 3)) {
	case 0:
		gen_put(g, alu_class(g) | (gen_one_in(g, 2) ? BPF_ADD : BPF_XOR) | BPF_X, r[1], r[0], 0, 0);
		break;
	case 1:
		code = gen_condition(g);
		gen_jump_pending(g, code, r[0], BPF_SRC(code) == BPF_X ? r[1] : 0, BPF_SRC(code) == BPF_X ? 0 : gen_imm(g));
		break;
	default:
		swap(g, r[0]);
		if (gen_one_in(g, 2))
			gen_put(g, BPF_STX | BPF_MEM | size_of[shift], base, r[0], off, 0);
	}
	if (gen_one_in(g, 2))
		gen_kill(g, r[0]);
}

/* A word stored byte by byte. */
static void split_store(struct gen *g)
{
	u32 n = 2u << gen_below(g, 2), i;
	u8 r[1], base;
	s16 off;

	if (!gen_temps(g, r, 1))
		return;
	off = near_off(g, 8, &base, (u16)(1u << r[0]));
	for (i = 0; i < n; i++) {
		gen_put(g, BPF_STX | BPF_MEM | BPF_B, base, r[0], (s16)(off + (s32)i), 0);
		gen_put(g, alu_class(g) | BPF_RSH | BPF_K, r[0], 0, 0, 8);
	}
	gen_kill(g, r[0]);
}

/* An operation whose flags the branch could use. */
static void test_and_jump(struct gen *g)
{
	static const u8 op[] = { BPF_AND, BPF_SUB, BPF_ADD, BPF_OR, BPF_XOR };
	u8 d = gen_dst(g), class = alu_class(g);

	gen_put(g, class | op[gen_below(g, ARRAY_SIZE(op))] | BPF_K, d, 0, 0, gen_imm(g));
	gen_jump_pending(g, (gen_one_in(g, 4) == (class == BPF_ALU64) ? BPF_JMP32 : BPF_JMP) |
			 (gen_one_in(g, 2) ? BPF_JEQ : BPF_JNE) | BPF_K, d, 0, 0);
}

void gen_idiom(struct gen *g)
{
	static void (*const idiom[])(struct gen *g) = {
		gather, gather, gather_pairs, gather_late, rotate, rotate, copy_and, copy_and, copy_and, load_use, load_use,
		split_store, test_and_jump,
	};

	idiom[gen_below(g, ARRAY_SIZE(idiom))](g);
}
