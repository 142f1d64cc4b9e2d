/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See raw.h. */
#include "../gen.h"
#include "raw.h"

#define SPILL		-80		/* of R0-R9 at the end */
#define PLACE(i)	(s16)(-88 - 8 * (s32)(i))	/* of memory operations: eight bytes, i < 10 */
#define NR_PLACES	10

static const u64 first_value[10] = {
	0x0123456789abcdefull, 0xfedcba9876543210ull, 0x8000000000000001ull, 0x00000000ffffffffull, 0xffffffff00000003ull,
	0x7fffffffffffffffull, 0x00000000deadbeefull, 0xa5a5a5a55a5a5a5aull, 0x0000000100000040ull, 0xfffffffffffffff7ull,
};
static const s32 imms[] = {
	0, 1, -1, 127, 128, -128, -129, 255, 0x7fff, 0x8000, 0xffff, 0x10000, 0xffffff, INT_MAX, INT_MIN,
};

void raw_put_insns(struct raw_program *p, const struct bpf_insn *insn, u32 n)
{
	if (n > RAW_MAX - p->len)
		return;
	memcpy(p->insn + p->len, insn, n * sizeof(*insn));
	p->len += n;
}

void raw_reset(struct raw_program *p, const char *name)
{
	p->name = name;
	p->len = 0;
}

void raw_open(struct raw_program *p, const char *name)
{
	u8 r;

	raw_reset(p, name);
	for (r = 0; r < 10; r++)
		raw_put(p, LDDW(r, first_value[r]));
}

void raw_close(struct raw_program *p)
{
	u8 r;

	for (r = 0; r < 10; r++)
		raw_put(p, STX(BPF_DW, 10, r, SPILL + 8 * r));
	raw_put(p, INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_VALUE, 0, GEN_FD_BUFFER), INSN(0, 0, 0, 0, 0));
	for (r = 0; r < 10; r++)
		raw_put(p, LDX(BPF_DW, 2, 10, SPILL + 8 * r), STX(BPF_DW, 1, 2, 8 * r));
	raw_put(p, LDX(BPF_DW, 0, 10, SPILL), EXIT);
}

/* Bits move to all registers, so that a wrong one is not forgotten. */
static void stir(struct raw_program *p, u8 r)
{
	raw_put(p, ALU64_X(BPF_XOR, (r + 3) % 10, r), ALU64_X(BPF_ADD, r, (r + 7) % 10));
}

/* The families --------------------------------------------------------------------- */

static const u8 plain[] = { BPF_ADD, BPF_SUB, BPF_OR, BPF_AND, BPF_XOR, BPF_MOV, BPF_MUL };
static const u8 shifts[] = { BPF_LSH, BPF_RSH, BPF_ARSH };

static void alu_k(struct raw_program *p, u8 class)
{
	u32 f, i;
	u8 d = 0;

	for (f = 0; f < ARRAY_SIZE(plain); f++) {
		for (i = 0; i < ARRAY_SIZE(imms); i++, d = (d + 1) % 10) {
			raw_put(p, INSN(class | plain[f] | BPF_K, d, 0, 0, imms[i]));
			stir(p, d);
		}
	}
	for (d = 0; d < 10; d++)
		raw_put(p, INSN(class | BPF_NEG, d, 0, 0, 0));
}

static void alu_x(struct raw_program *p, u8 class)
{
	u32 f;
	u8 d, s;

	for (f = 0; f < ARRAY_SIZE(plain); f++)
		for (d = 0; d < 10; d++)
			for (s = f & 1; s < 10; s += 2) {
				raw_put(p, INSN(class | plain[f] | BPF_X, d, s, 0, 0));
				stir(p, d);
			}
}

static void alu64_k(struct raw_program *p)
{
	alu_k(p, BPF_ALU64);
}

static void alu32_k(struct raw_program *p)
{
	alu_k(p, BPF_ALU);
}

static void alu64_x(struct raw_program *p)
{
	alu_x(p, BPF_ALU64);
}

static void alu32_x(struct raw_program *p)
{
	alu_x(p, BPF_ALU);
}

static void shifts_k(struct raw_program *p)
{
	u32 f, k;
	u8 d = 0;

	for (f = 0; f < ARRAY_SIZE(shifts); f++) {
		for (k = 0; k < 64; k += 3, d = (d + 1) % 10) {
			raw_put(p, ALU64_K(shifts[f], d, (s32)k));
			if (k < 32)
				raw_put(p, ALU32_K(shifts[f], d, (s32)k));
			raw_put(p, ALU64_X(BPF_XOR, d, (d + 3) % 10), ALU64_K(BPF_XOR, (d + 1) % 10, -(s32)k));
		}
	}
}

/* The count is masked first: what a larger one does is nobody's promise before RFC 9669. */
static void shifts_x(struct raw_program *p)
{
	u32 f;
	u8 d, s;

	for (f = 0; f < ARRAY_SIZE(shifts); f++) {
		for (d = 0; d < 10; d++) {
			for (s = 0; s < 10; s++) {
				raw_put(p, ALU64_K(BPF_AND, s, 31), ALU64_X(shifts[f], d, s), ALU32_X(shifts[f], d, s));
				raw_put(p, ALU64_K(BPF_OR, d, 0x1234567), ALU64_K(BPF_MUL, s, 0x10001));
			}
		}
	}
}

static void division(struct raw_program *p)
{
	static const u8 op[] = { BPF_DIV, BPF_MOD };
	u32 f;
	u8 d, s;

	for (f = 0; f < ARRAY_SIZE(op); f++) {
		for (d = 0; d < 10; d++) {
			for (s = 0; s < 10; s++) {
				raw_put(p, ALU64_X(op[f], d, s), ALU64_K(BPF_OR, d, 0x70000001), ALU32_X(op[f], d, s));
				raw_put(p, ALU64_K(BPF_OR, d, 0x70000001), ALU64_K(op[f], d, 1 + s * 7));
				raw_put(p, ALU32_K(op[f], d, -3 - s), ALU64_K(BPF_MUL, s, 0x7654321));
			}
		}
	}
}

static void endian(struct raw_program *p)
{
	static const s32 width[] = { 16, 32, 64 };
	u32 i;
	u8 d;

	for (i = 0; i < ARRAY_SIZE(width); i++)
		for (d = 0; d < 10; d++) {
			raw_put(p, INSN(BPF_ALU | BPF_END | BPF_TO_BE, d, 0, 0, width[i]));
			raw_put(p, ALU64_K(BPF_MUL, d, 0x10203));
			raw_put(p, INSN(BPF_ALU | BPF_END | BPF_TO_LE, d, 0, 0, width[i]));
			raw_put(p, ALU64_X(BPF_ADD, d, (d + 1) % 10));
		}
}

static const u8 conditions[] = { BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSET,
				 BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE };

/*
 * Every condition on pairs of registers and on every immediate; what was skipped shows in R0.  Operands come from the
 * buffer each time: the verifier would take out jumps that it knows the end of.
 */
static void jumps_of(struct raw_program *p, u8 class)
{
	u32 f, i;
	u8 d, s;

	raw_put(p, INSN(BPF_LD | BPF_IMM | BPF_DW, 9, BPF_PSEUDO_MAP_VALUE, 0, GEN_FD_BUFFER), INSN(0, 0, 0, 0, 0));
	raw_put(p, LDX(BPF_DW, 0, 9, 0));
	for (f = 0; f < ARRAY_SIZE(conditions); f++) {
		for (d = 1; d < 9; d++) {
			for (s = 1; s < 9; s++) {
				raw_put(p, LDX(s & 1 ? BPF_DW : BPF_W, s, 9, 8 * s), LDX(BPF_DW, d, 9, 8 * (d + (s & 2))));
				raw_put(p, INSN(class | conditions[f] | BPF_X, d, s, 1, 0));
				raw_put(p, ALU64_K(BPF_ADD, 0, d * 16 + s));
			}
			i = (d * 5 + f) % ARRAY_SIZE(imms);
			raw_put(p, LDX(d & 1 ? BPF_DW : BPF_B, d, 9, 8 * d));
			raw_put(p, INSN(class | conditions[f] | BPF_K, d, 0, 1, imms[i]));
			raw_put(p, ALU64_K(BPF_XOR, 0, (s32)i * 77));
		}
	}
	raw_put(p, MOV_K(9, 0));
}

static void jumps64(struct raw_program *p)
{
	jumps_of(p, BPF_JMP);
}

static void jumps32(struct raw_program *p)
{
	jumps_of(p, BPF_JMP32);
}

static void clear_places(struct raw_program *p)
{
	u32 i;

	for (i = 0; i < NR_PLACES; i++)
		raw_put(p, ST(BPF_DW, 10, PLACE(i), (s32)(i * 0x1010101)));
}

static void stack(struct raw_program *p)
{
	static const u8 size[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	u32 i;
	u8 d;

	clear_places(p);
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		for (d = 0; d < 10; d++) {
			raw_put(p, STX(size[i], 10, d, PLACE(d)));
			raw_put(p, LDX(size[i], (d + 1) % 10, 10, PLACE((d + 2) % NR_PLACES)));
			raw_put(p, ST(size[i], 10, PLACE((d + 5) % NR_PLACES), imms[d]));
			stir(p, d);
		}
	}
}

/* Through a register that holds an address: every pair of registers. */
static void memory(struct raw_program *p)
{
	static const u8 size[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	u8 a, v, i;

	clear_places(p);
	for (a = 0; a < 10; a++) {
		for (v = 0; v < 10; v++) {
			if (v == a)
				continue;
			i = size[(a + v) % 4];
			raw_put(p, MOV_X(a, 10), STX(i, a, v, PLACE(v)), LDX(i, v, a, PLACE(a)));
			raw_put(p, ST(i, a, PLACE(v), imms[v]));
			raw_put(p, LDX(i, a, a, PLACE(v)), ALU64_X(BPF_ADD, v, a));
		}
	}
}

static const s32 atomics[] = { BPF_ADD, BPF_AND, BPF_OR, BPF_XOR, BPF_ADD | BPF_FETCH, BPF_AND | BPF_FETCH,
			       BPF_OR | BPF_FETCH, BPF_XOR | BPF_FETCH, BPF_XCHG, BPF_CMPXCHG };

/* @op in @size on every pair of address and operand. */
static void atomics_of(struct raw_program *p, u32 op, u8 size)
{
	s32 fn = atomics[op];
	u8 a, v;

	for (a = 0; a < 11; a++) {
		for (v = 0; v < 10; v++) {
			if (v == a || (fn == BPF_CMPXCHG && a == 0))
				continue;
			if (a < 10)
				raw_put(p, MOV_X(a, 10));
			if (fn == BPF_CMPXCHG && v & 1)		/* these succeed */
				raw_put(p, LDX(size, 0, a, PLACE(v)));
			raw_put(p, ATOM(size, fn, a, v, PLACE(v)));
			if (a < 10)
				raw_put(p, MOV_K(a, (s32)(op * 1000 + a)));
			raw_put(p, ALU64_X(BPF_XOR, (v + 1) % 10, v), ALU64_K(BPF_ADD, v, a * 3));
		}
	}
}

static void atomics64(struct raw_program *p)
{
	u32 op;

	clear_places(p);
	for (op = 0; op < ARRAY_SIZE(atomics); op++)
		atomics_of(p, op, BPF_DW);
}

static void atomics32(struct raw_program *p)
{
	u32 op;

	clear_places(p);
	for (op = 0; op < ARRAY_SIZE(atomics); op++)
		atomics_of(p, op, BPF_W);
}

static void wide(struct raw_program *p)
{
	u32 i, k;

	for (i = 0; i < 10; i++)
		for (k = 0; k < 64; k += 5)
			raw_put(p, LDDW(i, 0xfedcba9876543210ull << k), ALU64_X(BPF_XOR, (i + 1) % 10, i));
}

static void loop(struct raw_program *p)
{
	u32 start;

	raw_put(p, MOV_K(6, 0));
	start = p->len;
	raw_put(p, ALU64_X(BPF_ADD, 1, 2), ALU32_X(BPF_XOR, 2, 1), ALU64_K(BPF_LSH, 3, 1), ALU64_X(BPF_OR, 3, 6));
	raw_put(p, ALU64_K(BPF_MUL, 2, 0x10001), ALU64_K(BPF_ADD, 6, 1));
	raw_put(p, JMP_K(BPF_JLT, 6, 200, (s16)(s32)(start - p->len - 1)));
}

static const struct {
	const char *name;
	void (*make)(struct raw_program *p);
} families[] = {
	{ "alu64_k", alu64_k }, { "alu64_x", alu64_x }, { "alu32_k", alu32_k }, { "alu32_x", alu32_x },
	{ "shifts_k", shifts_k }, { "shifts_x", shifts_x }, { "division", division }, { "endian", endian },
	{ "jumps64", jumps64 }, { "jumps32", jumps32 }, { "stack", stack }, { "memory", memory },
	{ "atomics64", atomics64 }, { "atomics32", atomics32 }, { "wide", wide }, { "loop", loop },
};

bool raw_alu(struct raw_program *p, u32 i)
{
	if (i >= ARRAY_SIZE(families))
		return false;
	raw_open(p, families[i].name);
	families[i].make(p);
	raw_close(p);
	return true;
}
