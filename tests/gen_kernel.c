/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What random programs for the kernel do differently.
 *
 * The verifier of Linux 6.1 wants to see what is true of every generated
 * program anyway: that no stack is read before it was written (so all of it
 * is written at first), that frames together take no more than 512 bytes,
 * that memory is reached through a typed pointer.  And what R0 and the memory
 * hold must not depend on where the kernel put things.  The helpers are the
 * kernel's own, with arguments whose answer is known; tests/kernel-vm/world.c
 * knows it too.
 */
#include "gen.h"

#define STACK_BYTES	512
#define TRAMPOLINE_BYTES	32	/* what the verifier counts for a function that needs none */

void gen_kernel_frame(struct gen *g)
{
	static const u32 bytes[] = { STACK_BYTES, 224, 128, 96 };	/* with trampolines between them: at most 512 */

	_Static_assert(4 * 96 + 4 * TRAMPOLINE_BYTES <= STACK_BYTES, "four frames and what calls them back");
	if (g->nr_func > ARRAY_SIZE(bytes))
		g->nr_func = ARRAY_SIZE(bytes);
	g->frame_bytes = bytes[g->nr_func - 1];
	g->counter_bytes = 32;
}

void gen_kernel_open(struct gen *g)
{
	u32 at;

	for (at = g->frame_bytes; at; at -= 8)
		gen_put(g, BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, (s16)-(s32)at, 0);
	if (g->func)
		return;
	if (g->o->packet)
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	else
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, gen_imm(g));
	gen_put(g, BPF_LD | BPF_IMM | BPF_DW, g->o->packet ? g->base : 1, BPF_PSEUDO_MAP_VALUE, 0, GEN_FD_BUFFER);
	gen_put(g, 0, 0, 0, 0, 0);
}

/* @reg: the address of @bytes of the frame or of the buffer. */
static void memory(struct gen *g, u8 reg, u32 bytes)
{
	u32 room = g->frame_bytes - g->counter_bytes;

	if (gen_one_in(g, 2)) {
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, reg, BPF_REG_10, 0, 0);
		gen_put(g, BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0,
			-(s32)g->frame_bytes + (s32)(gen_below(g, room - bytes + 1) & ~7u));
		return;
	}
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, reg, g->base, 0, 0);
	gen_put(g, BPF_ALU64 | BPF_ADD | BPF_K, reg, 0, 0, (s32)gen_below(g, 64));
}

/* R1 the array, R2 the address of an index, mostly of one that it has. */
static void element(struct gen *g)
{
	s16 key = (s16)-(s32)g->frame_bytes;
	u8 from = gen_src(g);

	if (gen_one_in(g, 2)) {
		gen_put(g, BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, key, (s32)gen_below(g, GEN_ARRAY_ELEMENTS + 2));
	} else {	/* one that only the run knows */
		gen_put(g, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, from, key, 0);
		gen_put(g, BPF_LDX | BPF_MEM | BPF_W, 0, BPF_REG_10, key, 0);
		gen_put(g, BPF_ALU64 | BPF_AND | BPF_K, 0, 0, 0, 2 * GEN_ARRAY_ELEMENTS - 1);
		gen_put(g, BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, 0, key, 0);
	}
	gen_put(g, BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, GEN_FD_ARRAY);
	gen_put(g, 0, 0, 0, 0, 0);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, BPF_REG_10, 0, 0);
	gen_put(g, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, key);
}

static void lookup(struct gen *g)
{
	u32 kind = gen_below(g, 4);

	element(g);
	gen_put(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem);
	gen_put(g, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, kind == 1 ? 3 : kind ? 2 : 1, 0);
	if (kind == 1) {
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, gen_imm(g));
		gen_put(g, BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 8, BPF_ADD);
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1);
	} else if (kind) {
		gen_put(g, BPF_ST | BPF_MEM | (kind == 2 ? BPF_W : BPF_H), 0, 0, 4, gen_imm(g));
		gen_put(g, BPF_LDX | BPF_MEM | BPF_W, 0, 0, 12, 0);
	} else {
		gen_put(g, BPF_LDX | BPF_MEM | BPF_DW, 0, 0, 0, 0);
	}
}

static void update(struct gen *g)
{
	element(g);
	memory(g, 3, GEN_ARRAY_BYTES);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, (s32)gen_below(g, 5));
	gen_put(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_update_elem);
	/* the verifier turns it into a call of a function that returns an int: the upper half is nobody's promise */
	gen_put(g, BPF_ALU | BPF_MOV | BPF_X, 0, 0, 0, 0);
}

/* A read of what nobody can: it fails, and clears what it should have filled. */
static void probe_read(struct gen *g)
{
	u32 bytes = 1 + gen_below(g, g->o->calls && g->frame_bytes < 128 ? 32 : 64);

	memory(g, 1, bytes);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, (s32)bytes);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, (s32)gen_below(g, 100));
	gen_put(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_probe_read_kernel);
	gen_put(g, BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 63);	/* which error it is depends on the architecture */
}

void gen_kernel_helper(struct gen *g)
{
	switch (gen_below(g, 4)) {
	case 0:
		update(g);
		break;
	case 1:
		if (!g->o->forward)	/* what may not loop may not read the kernel either */
			probe_read(g);
		else
			lookup(g);
		break;
	case 2:
		gen_put(g, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_smp_processor_id);
		break;
	default:
		lookup(g);
	}
}

void gen_kernel_callback(struct gen *g)
{
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, (s32)gen_below(g, 4));
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 0);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0);
}

/* bpf_loop() calls with (index, nothing of use), a generated function is called with (buffer, four scalars). */
static void trampoline(struct gen *g, u32 func)
{
	u8 reg;

	g->start[GEN_FUNCS + func] = g->p->len;
	for (reg = 3; reg <= 5; reg++)
		gen_put(g, BPF_ALU64 | BPF_MOV | BPF_X, reg, 1, 0, 0);
	gen_put(g, BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_VALUE, 0, GEN_FD_BUFFER);
	gen_put(g, 0, 0, 0, 0, 0);
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, gen_imm(g));
	gen_put(g, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, (s32)(g->start[func] - g->p->len - 1));
	gen_put(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	gen_put(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

void gen_kernel_close(struct gen *g)
{
	u32 made = 0, i, func;

	for (i = 0; i < g->nr_call; i++) {
		if (!g->call[i].callback)
			continue;
		func = g->call[i].func;
		if (!(made & 1u << func))
			trampoline(g, func);
		made |= 1u << func;
		g->call[i].func = GEN_FUNCS + func;
	}
}
