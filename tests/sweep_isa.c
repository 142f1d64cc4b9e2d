/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which instructions are swept: every operation in every form, with every
 * register as destination, as source and as both, because the backends treat
 * some machine registers specially (x86: shifts, division, compare-exchange).
 */
#include <stdlib.h>

#include "../jit/op.h"
#include "check.h"
#include "insns.h"
#include "sweep.h"

static struct batch batch;

static const s32 imms[] = {
	0, 1, 2, 3, 7, 8, 10, 15, 16, 31, 32, 33, 63, 64, 100, 127, 128, 255, 256, 65535, 65536,
	0x7fffffff, -1, -2, -8, -127, -128, -129, -32768, -65536, INT32_MIN + 1, INT32_MIN,
};

static const u8 alu_functions[] = {
	BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_OR, BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_MOV,
};

static const u8 conditions[] = {
	BPF_JEQ, BPF_JNE, BPF_JSET, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE,
};

/* Add one instruction; runs the batch first if it is full. */
static struct segment *add(struct bpf_insn insn, bool pairs)
{
	struct segment *s = sweep_add(&batch);

	if (!s) {
		sweep_run(&batch, pairs);
		s = sweep_add(&batch);
	}
	s->op[0] = insn;
	s->n = 1;
	return s;
}

/* Every destination with every source; R10 is a source too. */
static void registers(const char *name, u8 code, s16 off)
{
	u8 d, s;

	batch.name = name;
	for (d = 0; d < 10; d++)
		for (s = 0; s <= 10; s++) {
			struct segment *seg = add((struct bpf_insn) INSN(code, d, s, off, 0), true);

			seg->first = d;
			seg->second = s;
		}
	sweep_run(&batch, true);
}

/* Every destination with every immediate. */
static void immediates(const char *name, u8 code, s16 off)
{
	u32 i;
	u8 d;

	batch.name = name;
	for (i = 0; i < ARRAY_SIZE(imms); i++)
		for (d = 0; d < 10; d++)
			add((struct bpf_insn) INSN(code, d, 0, off, imms[i]), false)->first = d;
	sweep_run(&batch, false);
}

static void arithmetic(void)
{
	static const u8 classes[] = { BPF_ALU, BPF_ALU64 };
	u32 i, c;

	for (c = 0; c < 2; c++)
		for (i = 0; i < ARRAY_SIZE(alu_functions); i++) {
			u8 code = classes[c] | alu_functions[i];

			registers("arithmetic, register", code | BPF_X, 0);
			immediates("arithmetic, immediate", code | BPF_K, 0);
			if (alu_functions[i] != BPF_DIV && alu_functions[i] != BPF_MOD)
				continue;
			registers("signed division, register", code | BPF_X, 1);
			immediates("signed division, immediate", code | BPF_K, 1);
		}
	registers("sign-extending move, 8 to 32", BPF_ALU | BPF_MOV | BPF_X, 8);
	registers("sign-extending move, 16 to 32", BPF_ALU | BPF_MOV | BPF_X, 16);
	registers("sign-extending move, 8 to 64", BPF_ALU64 | BPF_MOV | BPF_X, 8);
	registers("sign-extending move, 16 to 64", BPF_ALU64 | BPF_MOV | BPF_X, 16);
	registers("sign-extending move, 32 to 64", BPF_ALU64 | BPF_MOV | BPF_X, 32);
}

static void unary(void)
{
	static const u8 swaps[] = { BPF_ALU | BPF_END | BPF_TO_LE, BPF_ALU | BPF_END | BPF_TO_BE, BPF_ALU64 | BPF_END };
	u32 i, bits;
	u8 d;

	batch.name = "negation and byte swaps";
	for (d = 0; d < 10; d++) {
		add((struct bpf_insn) INSN(BPF_ALU | BPF_NEG, d, 0, 0, 0), false)->first = d;
		add((struct bpf_insn) INSN(BPF_ALU64 | BPF_NEG, d, 0, 0, 0), false)->first = d;
		for (i = 0; i < ARRAY_SIZE(swaps); i++)
			for (bits = 16; bits <= 64; bits *= 2)
				add((struct bpf_insn) INSN(swaps[i], d, 0, 0, bits), false)->first = d;
	}
	sweep_run(&batch, false);
}

static void wide(void)
{
	static const u64 values[] = {
		0, 1, 0x7f, 0x80, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
		0x8000000000000000, -1ull, -128ull, -129ull, 0xffffffff80000000, 0xffffffff7fffffff,
		0x0123456789abcdef, 0x0f01ef0f01ef0f01, 0xef010fef010fef01, 0x00ef010f00300f00,
	};
	u32 i;
	u8 d;

	batch.name = "64-bit immediate";
	for (i = 0; i < ARRAY_SIZE(values); i++)
		for (d = 0; d < 10; d++) {
			struct bpf_insn pair[] = { LDDW(d, values[i]) };
			struct segment *s = add(pair[0], false);

			s->op[1] = pair[1];
			s->n = 2;
		}
	sweep_run(&batch, false);
}

static void jumps(void)
{
	static const u8 classes[] = { BPF_JMP, BPF_JMP32 };
	u32 i, c;

	for (c = 0; c < 2; c++)
		for (i = 0; i < ARRAY_SIZE(conditions); i++) {
			registers("conditional jump, register", classes[c] | conditions[i] | BPF_X, 1);
			immediates("conditional jump, immediate", classes[c] | conditions[i] | BPF_K, 1);
		}
}

/* Memory ------------------------------------------------------------------ */

static const s16 disps[] = { 0, 1, -1, 8, 127, 128, -128, -129, 4095, INT16_MAX, INT16_MIN };

/* A load, store or atomic whose base register is @base. */
static struct segment *access(u8 code, u8 dst, u8 src, u8 base, s16 disp, s32 imm)
{
	struct segment *s = add((struct bpf_insn) INSN(code, dst, src, disp, imm), true);

	s->base = base;
	s->disp = disp;
	return s;
}

static void loads(void)
{
	static const u8 codes[] = { 0x61, 0x69, 0x71, 0x79, 0x81, 0x89, 0x91 };
	u32 i, k;
	u8 d, s;

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		batch.name = "load";
		for (d = 0; d < 10; d++)
			for (s = 0; s < 10; s++)
				access(codes[i], d, s, s, 3, 0);
		for (k = 0; k < ARRAY_SIZE(disps); k++)
			for (s = 0; s < 10; s++)
				access(codes[i], 9 - s, s, s, disps[k], 0);
		sweep_run(&batch, false);
	}
}

static void stores(void)
{
	static const u8 sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	u32 i, k;
	u8 d, s;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		batch.name = "store of a register";
		for (d = 0; d < 10; d++)
			for (s = 0; s <= 10; s++)
				access(BPF_STX | BPF_MEM | sizes[i], d, s, d, 3, 0)->second = s;
		for (k = 0; k < ARRAY_SIZE(disps); k++)
			for (d = 0; d < 10; d++)
				access(BPF_STX | BPF_MEM | sizes[i], d, 9 - d, d, disps[k], 0)->second = 9 - d;
		sweep_run(&batch, false);

		batch.name = "store of an immediate";
		for (k = 0; k < ARRAY_SIZE(imms); k++)
			for (d = 0; d < 7; d++)
				access(BPF_ST | BPF_MEM | sizes[i], d, 0, d, disps[(k + d) % 11], imms[k]);
		sweep_run(&batch, false);
	}
}

/*
 * CMPXCHG finds R0 equal to the memory (as far as R0 is neither address nor
 * new value), equal but for the upper half, or different.
 */
static void compare_exchange(u8 size)
{
	u8 code = BPF_STX | BPF_ATOMIC | size, d, s, how;

	batch.name = "compare and exchange";
	for (how = 0; how < 3; how++)
		for (d = 0; d < 10; d++)
			for (s = 0; s <= 10; s++) {
				struct segment *seg = access(code, d, s, d, -8 * how, BPF_CMPXCHG);

				seg->second = s;
				if (how == 1)
					seg->first = 0;
				if (how == 2)
					seg->mixed = 0;
			}
	sweep_run(&batch, true);
}

static void atomics(void)
{
	static const s32 functions[] = { BPF_ADD, BPF_OR, BPF_AND, BPF_XOR, BPF_ADD | BPF_FETCH, BPF_OR | BPF_FETCH,
					 BPF_AND | BPF_FETCH, BPF_XOR | BPF_FETCH, BPF_XCHG };
	static const u8 sizes[] = { BPF_W, BPF_DW };
	u32 i, z, d, s, k;

	for (z = 0; z < 2; z++) {
		u8 code = BPF_STX | BPF_ATOMIC | sizes[z];

		for (i = 0; i < ARRAY_SIZE(functions); i++) {
			bool fetch = functions[i] & BPF_FETCH;

			batch.name = "atomic";
			for (d = 0; d < 10; d++)
				for (s = 0; s <= (fetch ? 9 : 10); s++)
					access(code, d, s, d, 8, functions[i])->second = s;
			for (k = 0; k < ARRAY_SIZE(disps); k++)
				for (d = 0; d < 10; d++)
					access(code, d, 9 - d, d, disps[k], functions[i])->second = 9 - d;
			sweep_run(&batch, true);
		}
		compare_exchange(sizes[z]);
	}
}

/* Sequences ---------------------------------------------------------------- */

/* A move and what follows it: the windows that may become one machine instruction. */
static void moves_and_more(void)
{
	static const u8 next[] = { BPF_ADD, BPF_SUB, BPF_AND, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_XOR, BPF_MUL };
	u8 move, d, s, third, i;

	for (move = 0; move < 2; move++)
		for (i = 0; i < 4 * ARRAY_SIZE(next); i++) {
			u8 f = next[i % ARRAY_SIZE(next)], x = i & 8, wide = i & 16;
			u8 code = (wide ? BPF_ALU64 : BPF_ALU) | (x ? BPF_X : BPF_K) | f;

			batch.name = "move, then more";
			for (d = 0; d < 10; d++)
				for (s = 0; s <= 10; s++) {
					u8 mov = (move ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_X;
					struct segment *seg = add((struct bpf_insn) INSN(mov, d, s, 0, 0), true);

					third = (d + s) % 11;
					seg->op[1] = (struct bpf_insn) INSN(code, d, x ? third : 0, 0, x ? 0 : 1 + (d + s) % 3);
					seg->n = 2;
					seg->first = s;
					seg->second = third;
				}
			sweep_run(&batch, false);
		}
}

/* mov t, s; shl d; shr t; or d, t: a rotation if the counts add up to the width, and if not, not. */
static void rotations(void)
{
	static const struct { s32 left, right; } counts[] = { { 1, 63 }, { 63, 1 }, { 13, 51 }, { 32, 32 }, { 5, 27 },
							      { 31, 1 }, { 16, 16 }, { 7, 56 }, { 0, 0 } };
	u32 i;
	u8 wide, d, t, join;

	for (wide = 0; wide < 2; wide++)
		for (i = 0; i < ARRAY_SIZE(counts); i++) {
			u8 class = wide ? BPF_ALU64 : BPF_ALU;

			batch.name = "rotation";
			for (d = 0; d < 10; d++)
				for (t = 0; t < 10; t++) {
					struct segment *seg;

					join = (d + t) % 3 == 0 ? BPF_ADD : (d + t) % 3 == 1 ? BPF_OR : BPF_XOR;
					seg = add((struct bpf_insn) INSN(class | BPF_MOV | BPF_X, t, d, 0, 0), false);
					seg->op[1] = (struct bpf_insn) INSN(class | BPF_LSH, d, 0, 0, counts[i].left);
					seg->op[2] = (struct bpf_insn) INSN(class | BPF_RSH, t, 0, 0, counts[i].right);
					seg->op[3] = (struct bpf_insn) INSN(class | join | BPF_X, d, t, 0, 0);
					seg->n = 4;
					seg->first = d;
				}
			sweep_run(&batch, false);
		}
}

/* ldxb, ldxb, shl, or: @d and @t from @b, little- or big-endian. */
static void byte_rows(void)
{
	u8 d, t, b, big;

	batch.name = "row of byte loads";
	for (big = 0; big < 2; big++)
		for (d = 0; d < 10; d++)
			for (t = 0; t < 10; t++) {
				struct segment *seg;

				b = (d * 3 + t + 1) % 10;
				if (d == b)
					continue;
				seg = access(BPF_LDX | BPF_MEM | BPF_B, d, b, b, 2, 0);
				seg->op[1] = (struct bpf_insn) LDX(BPF_B, t, b, 3);
				seg->op[2] = (struct bpf_insn) ALU64_K(BPF_LSH, big ? d : t, 8);
				seg->op[3] = (struct bpf_insn) ALU64_X(BPF_OR, big ? d : t, big ? t : d);
				seg->n = 4;
			}
	sweep_run(&batch, false);
}

void sweep_isa(void)
{
	arithmetic();
	unary();
	wide();
	jumps();
	loads();
	stores();
	atomics();
	moves_and_more();
	rotations();
	byte_rows();
}
