/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The plan: what must hold for each instruction, decided before any code is written.
 *
 * Pure and without an architecture: it looks at the instruction and the mode.
 * Nothing that a verifier or an analysis says is heard here.
 */
#ifndef MOAT_PLAN_H
#define MOAT_PLAN_H

#include "arch.h"

/* How one memory access is kept inside the domain. */
enum moat_guard {
	MOAT_GUARD_REFUSE,
	MOAT_GUARD_NONE,	/* mode none: not at all */
	MOAT_GUARD_FRAME,	/* a constant distance from R10, which bytecode cannot write */
	MOAT_GUARD_CAGE,	/* formed as cage base + 32-bit offset */
	MOAT_GUARD_KEY,		/* the page's protection key decides */
};

struct moat_verdict {
	enum moat_guard guard;
	const char *why;
};

/* @trusted_frame: R10 cannot have been moved by a forged return. */
struct moat_verdict moat_plan_memory(const struct moat_op *op, enum moat_mode mode, bool trusted_frame);

/* The BPF register that holds the address of a memory access. */
u8 moat_op_base(const struct moat_op *op);

/* Does it leave the function to come back: helper, packet load, tail or local call? */
bool moat_is_call(const struct moat_op *op);

/* BPF registers that @op reads or writes, as bits. */
u16 moat_op_regs(const struct moat_op *op);

/* Fill guards, the summary fields of @jit and the places of exits; fuse. 0 or -EOPNOTSUPP. */
int moat_plan_ops(struct moat *jit);

/* Filled by moat_find_targets(): something jumps to the slot, so nothing is known about what ran before it. */
#define MOAT_TARGET	0x8000
#define MOAT_TARGETS	0x4000	/* more than one jump does */
void moat_find_targets(struct moat *jit);

/* divisor.c: set nonzero. */
void moat_find_divisors(struct moat *jit);

/* live.c: which registers are live in front of each slot. */
void moat_find_liveness(struct moat *jit);

/* live.c: registers whose values matter behind slot @i; any of them where instructions are not fused. */
u16 moat_live_behind(const struct moat *jit, u32 i);

/* inline.c: helper calls that the image does itself. */
void moat_inline(struct moat *jit);

/* fuse.c: replace short windows by fused operations, where no jump lands inside. */
void moat_fuse(struct moat *jit);

/* live.c: registers that @op writes, as bits. */
u16 moat_op_defs(const struct moat_op *op);

/* live.c: registers whose values matter to @op, as bits. */
u16 moat_op_uses(const struct moat_op *op);

/* blind.c: which ops hide their constants, when opt->blind asks for it. */
void moat_blind(struct moat *jit);

/* straight.c: which accesses share the address of their base (kept, keeps), within straight code; anew after splits. */
void moat_plan_kept(struct moat *jit);

/* straight.c: those of @regs that code from slot @from on might read before it writes them. */
u16 moat_read_first(const struct moat *jit, u32 from, u16 regs);

/* layout.c: place slots [0, n); returns where slot[n] starts. */
u32 moat_layout(struct moat_slot *slot, u32 n, const struct moat_reach *r);

#endif
