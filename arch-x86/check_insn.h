/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the checker's own decoder makes of an x86-64 instruction.
 *
 * It shares nothing with the encoder (x64.h), not even the names of registers,
 * so a mistake there is not made here again.
 */
#ifndef MOAT_X86_CHECK_INSN_H
#define MOAT_X86_CHECK_INSN_H

#include "../jit/walk.h"

enum {
	RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15,
	NO_REG,
};

#define REG(reg)	(1u << (reg))

/* Kinds that are not told apart further down share one: what matters is what is read and written. */
enum ins_kind {
	I_BAD,		/* not known: refused */
	I_PLAIN,	/* computes: see reads and writes */
	I_ALU_IMM,	/* group 1 (digit) with imm */
	I_SHIFT_IMM,	/* group 2 (digit) with imm */
	I_COMPARE,	/* cmp, test of two registers or memory and register */
	I_MOV,		/* to r/m from reg, or back (load) */
	I_MOV_IMM, I_XOR, I_LEA, I_PUSH, I_POP, I_CALL, I_JUMP, I_BRANCH, I_RETURN, I_TRAP, I_NOP,
	I_CALL_REG, I_JUMP_REG, I_WRPKRU, I_RDPKRU, I_RDGSBASE, I_WRGSBASE,
};

struct ins {
	u8 kind;		/* enum ins_kind */
	u8 bytes;		/* of the instruction */
	u8 width;		/* of the operation: 1, 2, 4, 8 */
	u8 access;		/* bytes of memory */
	u8 digit;		/* of a group; condition of a branch */
	u8 reg, base, index;	/* @base: also the register in r/m */
	u8 scale;
	bool mem, rip, gs, load, store;
	s32 disp;
	s64 imm;
	s64 to;			/* branches: target, from the start of the image */
	u32 reads, writes;	/* registers beside those of the address, as bits */
	u32 counts;		/* registers of which the low bits are read: counts of shifts */
};

/* Decode at @at; kind I_BAD if it is not known. */
void x64_check_decode(const u8 *code, u32 bytes, u32 at, struct ins *in);

/* check_kernel.c: isolated images for the kernel.  Decode the instruction at hand, which is no other than the kernel allows. */
void x64_check_next(struct moat_walk *w, struct ins *in);
bool x64_check_stub(struct moat_walk *w);
/* An entry without its landing pad is refused. */
void x64_check_pad(struct moat_walk *w);
/* Behind a return, so that nothing is speculated there. */
bool x64_check_stops(struct moat_walk *w, const struct ins *in);

/* check_host.c: instructions that touch the host's side.  Like moat_walker.step. */
bool x64_check_stack(struct moat_walk *w, const struct ins *in);	/* push, pop, RSP */
bool x64_check_slot(struct moat_walk *w, const struct ins *in);	/* [rsp + n] */
bool x64_check_frame(struct moat_walk *w, const struct ins *in);	/* a field of struct moat_frame */
bool x64_check_length(struct moat_walk *w, const struct ins *in);	/* cmp with frame.packet_bytes */
bool x64_check_call(struct moat_walk *w, const struct ins *in);
bool x64_check_leave(struct moat_walk *w, const struct ins *in);	/* ret, jmp reg */
bool x64_check_rights(struct moat_walk *w, const struct ins *in);	/* check_gate.c: WRPKRU, RDPKRU, segment base */

/* check_access.c: false after a refusal */
bool x64_check_may_write(struct moat_walk *w, u32 reg);
bool x64_check_may_read(struct moat_walk *w, u32 reg);
bool x64_check_may_read_half(struct moat_walk *w, u32 reg);
bool x64_check_read_all(struct moat_walk *w, u32 regs);
bool x64_check_write_all(struct moat_walk *w, u32 regs, u8 holds);
bool x64_check_access(struct moat_walk *w, const struct ins *in);
/* Does R12 hold the cage base? */
bool x64_check_in_register(const struct moat_walk *w);

/* check_work.c: instructions of the program, and what copies trusted registers. */
bool x64_check_plain(struct moat_walk *w, const struct ins *in);
bool x64_check_xor(struct moat_walk *w, const struct ins *in);
bool x64_check_alu_imm(struct moat_walk *w, const struct ins *in);
bool x64_check_shift_imm(struct moat_walk *w, const struct ins *in);
bool x64_check_compare(struct moat_walk *w, const struct ins *in);
bool x64_check_mov(struct moat_walk *w, const struct ins *in);
bool x64_check_mov_imm(struct moat_walk *w, const struct ins *in);
bool x64_check_lea(struct moat_walk *w, const struct ins *in);
/* check_probe.c: does a load of the kernel's memory begin at the LEA at hand, as it must be?  Then it is walked over. */
bool x64_check_probe(struct moat_walk *w, const struct ins *lea);
/* @to gets something that is not computed. */
bool x64_check_hold(struct moat_walk *w, u32 to, u8 h, u64 value);
/* Where the host's functions can be called and its memory touched. */
static inline bool x64_is_host(const struct moat_walk *w)
{
	return !w->gates || w->s.fix.rights != MOAT_OF_DOMAIN;
}

/* Words of the host's stack frame, as bits of moat_state.slots and by offset. */
enum { SLOT_SITE = 1, SLOT_FRAME = 2, SLOT_SEGMENT = 4, SLOT_RIGHTS = 8, SLOT_CALLER_FRAME = 16,
       SLOT_FUEL = 32 };	/* the last: the host's frame says how much fuel there is */

#endif
