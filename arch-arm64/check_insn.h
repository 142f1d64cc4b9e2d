/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the checker's own decoder makes of an A64 instruction.
 *
 * It shares nothing with the encoder (a64.h), so a mistake there is not made
 * here again.
 */
#ifndef MOAT_ARM64_CHECK_INSN_H
#define MOAT_ARM64_CHECK_INSN_H

#include "../jit/walk.h"

/* Registers by number; 31 is SP or zero, as the instruction says.  LEAF: in images that call nobody. */
enum { REG_FUEL_LEAF = 6, REG_R0 = 7, REG_CAGE_LEAF = 8, REG_TMP = 9, REG_TMP2 = 10,
       REG_CALL = 16, REG_FRAME = 25, REG_HOST = 26, REG_FUEL = 27,
       REG_CAGE = 28, REG_FP = 29, REG_LINK = 30, REG_31 = 31 };

#define REG(reg)	(1u << (reg))
#define REGS(lo, hi)	((2u << (hi)) - REG(lo))

enum ins_kind {
	I_BAD,		/* not known: refused */
	I_PLAIN,	/* computes: see reads and writes */
	I_CONST,	/* rd = imm */
	I_KEEP,		/* movk: 16 bits of rd */
	I_ADD_IMM,	/* rd = rn + imm, also compares; 31 is SP where no flags are set */
	I_ADD, I_SUBS, I_OR, I_ADD_UXTW, I_AND_IMM,
	I_MEM,		/* [rn, #imm] */
	I_MEM_UXTW,	/* [rn, wm, uxtw] */
	I_PUSH, I_POP, I_ATOMIC,
	I_JUMP, I_CALL, I_BRANCH, I_TEST, I_ADR, I_JUMP_REG, I_CALL_REG, I_RETURN,
	I_NOP, I_BARRIER, I_SIGN, I_AUTH, I_WRITE_RIGHTS, I_READ_RIGHTS, I_MONITOR, I_TRAP,
};

struct ins {
	u8 kind;		/* enum ins_kind */
	u8 rd, rn, rm, rt2;
	bool is64, flags, load, store;
	u8 access;		/* bytes of memory */
	u8 shift;		/* of rm; condition of a branch */
	s64 imm;
	s64 to;			/* branches and addresses: from the start of the image */
	u32 reads, writes;	/* general registers beside that of the address, as bits; 31 never */
};

void a64_check_decode(u32 word, u32 at, struct ins *in);

/* check_access.c: false after a refusal */
bool a64_check_may_write(struct moat_walk *w, u32 reg);
bool a64_check_may_read(struct moat_walk *w, u32 reg);
bool a64_check_may_read_half(struct moat_walk *w, u32 reg);
bool a64_check_read_all(struct moat_walk *w, u32 regs);
bool a64_check_write_all(struct moat_walk *w, u32 regs, u8 holds);
bool a64_check_hold(struct moat_walk *w, u32 to, u8 h, u64 value);
bool a64_check_memory(struct moat_walk *w, const struct ins *in);	/* an access of the program */
/* check_probe.c: is the test at hand the first half of a load of the kernel's memory?  Then both are walked over. */
bool a64_check_probe(struct moat_walk *w, const struct ins *test);

/* check_work.c: instructions of the program, and what copies trusted registers. */
bool a64_check_const(struct moat_walk *w, u32 reg, u64 value);
bool a64_check_plain(struct moat_walk *w, const struct ins *in);
bool a64_check_keep(struct moat_walk *w, const struct ins *in);
bool a64_check_add_imm(struct moat_walk *w, const struct ins *in);
bool a64_check_add(struct moat_walk *w, const struct ins *in);
bool a64_check_subs(struct moat_walk *w, const struct ins *in);
bool a64_check_move(struct moat_walk *w, const struct ins *in);
bool a64_check_and_imm(struct moat_walk *w, const struct ins *in);
bool a64_check_address(struct moat_walk *w, const struct ins *in);

/* check_host.c, check_call.c, check_gate.c: instructions that touch the host's side.  Like moat_walker.step. */
bool a64_check_stack(struct moat_walk *w, const struct ins *in);
bool a64_check_slot(struct moat_walk *w, const struct ins *in);
bool a64_check_frame(struct moat_walk *w, const struct ins *in);
bool a64_check_call(struct moat_walk *w, const struct ins *in);
bool a64_check_leave(struct moat_walk *w, const struct ins *in);
bool a64_check_rights(struct moat_walk *w, const struct ins *in);
bool a64_check_sign(struct moat_walk *w, const struct ins *in);

/* check_kernel.c: isolated images for the kernel. */
bool a64_check_stub(struct moat_walk *w);
/* An entry without its landing pad is refused. */
void a64_check_pad(struct moat_walk *w);

static inline u32 a64_check_word(const struct moat_check *c, u32 at)
{
	const u8 *p = c->code + at;

	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

/* moat_state.slots: the caller's rights are at SP; the host's frame says how much fuel there is. */
enum { SLOT_RIGHTS = 1, SLOT_FUEL = 2 };

#endif
