/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random valid programs.
 *
 * The same seed and options give the same program everywhere.  A program
 * never reads what it did not write (registers at entry and after calls
 * included), ends if its loops do, and leaves all it computed in R0 and in
 * the memory that it was given.  Its statements are what the JIT treats
 * specially as much as what it does not: see gen_idiom.c.
 */
#ifndef MOAT_GEN_H
#define MOAT_GEN_H

#include "../jit/env.h"

#define GEN_MAX_HOSTILE	48
#define GEN_MAX_INSNS	30000	/* no jump is out of a branch's reach */
#define GEN_FUNCS	8
#define GEN_STACK_BYTES	8192		/* from R10 down, and the whole piece that the stack begins: MOAT_SLOT_BYTES */
#define GEN_SLOT_BYTES	(8192 + 8192 + 96 * 1024)

/* Helpers that the host of generated programs must have. */
enum gen_helper {
	GEN_MIX = 9001,		/* (a, b, c, d, e): a hash of five scalars */
	GEN_SUM = 9002,		/* (mem, size): a hash of memory */
	GEN_FILL = 9003,	/* (mem, size or zero, value): fills memory */
	GEN_PEEK = 9004,	/* (8 bytes of memory or NULL, scalar): the first word plus the scalar */
	GEN_EACH = 9005,	/* (function, address, n): the sum of n % 4 calls function(address, i, 0x77, i) */
};

struct gen_options {
	u32 statements;		/* of the whole program, about */
	u32 buffer_bytes;	/* R1 points to them; a power of two, at least 256 */
	bool packet;		/* socket filter: R1 is the context and not looked at; LD_ABS, LD_IND */
	u32 packet_bytes;
	bool calls;		/* local calls and helpers */
	bool null;		/* an access near address 0 may occur */
	bool escape;		/* forged addresses, forged helper arguments */
	bool kernel;		/* what Linux 6.1's verifier takes, see gen_kernel.c; neither null nor escape */
	bool forward;		/* no loops */
	u64 hostile[GEN_MAX_HOSTILE];	/* addresses worth forging */
	u32 nr_hostile;
};

struct gen_program {
	struct bpf_insn insn[GEN_MAX_INSNS + 64];
	u32 len;
};

/*
 * Programs for the kernel name memory and maps by these file descriptors, to be replaced: in
 * LDDW with BPF_PSEUDO_MAP_VALUE the buffer, with BPF_PSEUDO_MAP_FD an array.
 */
#define GEN_FD_BUFFER	0x6d610001
#define GEN_FD_ARRAY	0x6d610002
#define GEN_ARRAY_ELEMENTS	8	/* the array's */
#define GEN_ARRAY_BYTES		16	/* a value's */

void gen_program(struct gen_program *p, u64 seed, const struct gen_options *o);

/* The next number of a sequence that depends on *@state only. */
u64 gen_random(u64 *state);

/* Inside the generator ----------------------------------------------------- */

#define GEN_PENDING	12
#define GEN_CALLS	64

struct gen {
	struct gen_program *p;
	const struct gen_options *o;
	u64 rng;
	u32 left;		/* statements still to make in this function */
	u32 func, nr_func;
	u32 start[2 * GEN_FUNCS];	/* the second half: what calls a function back */
	struct { u32 at, func; bool callback; } call[GEN_CALLS];	/* calls to be pointed at functions */
	u32 nr_call;
	u32 frame_bytes;	/* that a function may use */
	u32 counter_bytes;	/* of them, at the top: loop counters, and nothing else */
	u32 calls_left;		/* local calls that this function may still make */
	bool calls;		/* this function makes calls: nothing of value in R1-R5 */
	u16 scalar;		/* registers that hold values */
	u16 locked;		/* of them: loop counters, not to be written */
	u8 base;		/* register that holds the buffer's address */
	u32 base_bytes;
	u32 loops;		/* loops that the next statement is in */
	struct { u32 at, loops; } pending[GEN_PENDING];	/* forward jumps without a target yet */
	u32 nr_pending;
};

u32 gen_below(struct gen *g, u32 n);		/* uniform in [0, n) */
bool gen_one_in(struct gen *g, u32 n);
s32 gen_imm(struct gen *g);			/* an immediate, edges preferred */
void gen_put_insn(struct gen *g, u8 code, u8 dst, u8 src, s16 off, s32 imm);
/* Arguments that draw random numbers do so in this order with every compiler: the last one first. */
#define gen_put(g, code, dst, src, off, imm) do {				\
	s32 imm_ = (imm);							\
	s16 off_ = (s16)(off);							\
	u8 src_ = (u8)(src), dst_ = (u8)(dst), code_ = (u8)(code);		\
										\
	gen_put_insn(g, code_, dst_, src_, off_, imm_);				\
} while (0)
void gen_lddw(struct gen *g, u8 dst, u64 v);
u8 gen_src(struct gen *g);			/* a register that may be read */
u8 gen_dst(struct gen *g);			/* a register that may be written */
bool gen_temps(struct gen *g, u8 *r, u32 n);	/* @n different ones; false: there are not so many */
void gen_kill(struct gen *g, u8 reg);		/* often: give @reg a value that has nothing to do with the old one */
void gen_fresh(struct gen *g, u8 reg);		/* always */
void gen_jump_pending_insn(struct gen *g, u8 code, u8 dst, u8 src, s32 imm);
/* A forward jump to somewhere; arguments as those of gen_put(). */
#define gen_jump_pending(g, code, dst, src, imm) do {				\
	s32 imm_ = (imm);							\
	u8 src_ = (u8)(src), dst_ = (u8)(dst), code_ = (u8)(code);		\
										\
	gen_jump_pending_insn(g, code_, dst_, src_, imm_);			\
} while (0)
void gen_land(struct gen *g);	/* an instruction that jumps may land on, in the middle of a statement */
bool gen_can_write(const struct gen *g, u8 reg);

/* One statement each. */
void gen_alu(struct gen *g);
void gen_memory(struct gen *g);
void gen_hostile(struct gen *g);
void gen_null(struct gen *g);
void gen_helper_call(struct gen *g);
void gen_packet_load(struct gen *g);
void gen_idiom(struct gen *g);
u8 gen_condition(struct gen *g);	/* code of a conditional jump, register form or immediate */

/* gen_kernel.c: what is different for the kernel. */
void gen_kernel_frame(struct gen *g);		/* how much of the stack each function may have */
void gen_kernel_open(struct gen *g);		/* a function's first instructions */
void gen_kernel_helper(struct gen *g);
void gen_kernel_callback(struct gen *g);	/* what precedes the address of a function to call back */
void gen_kernel_close(struct gen *g);		/* after all functions */

#endif
