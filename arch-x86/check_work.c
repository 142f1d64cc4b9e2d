/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for x86-64: what computes, copies and compares. */
#include "check_insn.h"
#include "../jit/op.h"

#define FRAME_UNIT	MOAT_FRAME_STRIDE

bool x64_check_plain(struct moat_walk *w, const struct ins *in)
{
	if (in->mem && !x64_check_access(w, in))
		return false;
	if (in->counts && !x64_check_may_read_half(w, __builtin_ctz(in->counts)))
		return false;
	/* Only some of these write a whole register when they write memory too. */
	return x64_check_read_all(w, in->reads) &&
	       x64_check_write_all(w, in->writes, in->width == 4 && !in->store ? H_U32 : H_ANY);
}

static bool set_const(struct moat_walk *w, u32 reg, u64 value)
{
	if (!x64_check_may_write(w, reg))
		return false;
	w->s.holds[reg] = H_CONST;
	w->value[reg] = value;
	return true;
}

bool x64_check_xor(struct moat_walk *w, const struct ins *in)
{
	if (!in->mem && in->reg == in->base)
		return set_const(w, in->reg, 0);
	return x64_check_plain(w, in);
}

/* R10 is moved by whole frames.  Behind gates its word is never taken again, as returns can be forged. */
static bool move_frame(struct moat_walk *w, const struct ins *in)
{
	u8 *h = moat_holds(w, RBP);
	s64 by = in->digit == 5 ? in->imm : -in->imm;

	if (in->width != 8 || (in->digit && in->digit != 5) || (*h != H_STACK && *h != H_FORGED) || by % FRAME_UNIT)
		return moat_reject(w, "R10 is moved other than by whole frames");
	by = w->s.fix.moved + by / FRAME_UNIT;
	if (w->gates)
		*h = H_FORGED;
	else if (by < w->s.fix.entry_moved || (by + 1) * FRAME_UNIT > MOAT_STACK_BYTES)
		return moat_reject(w, "R10 is moved off the stack");
	else
		w->s.fix.moved = by;
	return true;
}

static bool burn_fuel(struct moat_walk *w, const struct ins *in)
{
	if (in->digit != 5 || in->width != 8 || in->imm <= 0 || w->s.holds[R9] != H_FUEL)
		return moat_reject(w, "the fuel is changed other than by taking from it");
	w->s.expect = X_FUEL_TRAP;
	w->s.slots &= ~SLOT_FUEL;
	return true;
}

/*
 * Is this the host's access to a field of its frame?  Where nothing confines
 * the program, it may use the address that it finds in R3: then only what
 * moves a register that it cannot name is the host's, or loads R10, which it cannot write.
 */
static bool is_frame_access(const struct moat_walk *w, const struct ins *in)
{
	if (in->base == NO_REG || in->gs || w->s.holds[in->base] != H_FRAME)
		return false;
	return !w->lax || in->reg == R9 || (in->reg == RBP && in->load);
}

bool x64_check_alu_imm(struct moat_walk *w, const struct ins *in)
{
	u8 before = w->s.holds[in->base];

	if (in->mem && in->digit == 7 && is_frame_access(w, in))
		return x64_check_length(w, in);
	if (in->mem)
		return x64_check_access(w, in);
	if (in->writes == REG(RSP))
		return x64_check_stack(w, in);
	if (in->writes == REG(RBP))
		return move_frame(w, in);
	if (in->writes == REG(R9))
		return burn_fuel(w, in);
	if (in->digit == 7 && in->base == RBP && in->imm == -1)
		return true;	/* see compare() */
	if (!x64_check_plain(w, in) || !in->writes)
		return !w->c->why;
	if (in->digit == 4 && in->width == 4 && in->imm >= 0) {
		w->s.holds[in->base] = H_MASKED;
		w->value[in->base] = in->imm;
	} else if (in->digit == 1 && before == H_CONST && in->width == 8) {
		set_const(w, in->base, w->value[in->base] | in->imm);
	}
	return true;
}

/* The cage base out of an address in it, behind a loop that needed R12: a cage is 4 GiB aligned. */
static bool restore_cage(struct moat_walk *w, const struct ins *in)
{
	u8 *h = moat_holds(w, R12);

	if (in->width == 8 && in->imm == 32 && in->digit == 5 && (*h == H_ADDRESS || *h == H_IN_STACK))
		*h = H_HIGH;
	else if (in->width == 8 && in->imm == 32 && in->digit == 4 && *h == H_HIGH)
		*h = H_CAGE;
	else
		return moat_reject(w, "a trusted register is written");
	return true;
}

bool x64_check_shift_imm(struct moat_walk *w, const struct ins *in)
{
	u8 before = w->s.holds[in->base];

	if (in->base == R12 && x64_check_in_register(w))
		return restore_cage(w, in);
	if (!x64_check_plain(w, in))
		return false;
	if (in->digit == 4 && in->width == 8 && before == H_CONST)
		set_const(w, in->base, w->value[in->base] << (in->imm & 63));
	return true;
}

/*
 * Trusted registers take only what they are there for.  While a loop needs
 * R12 for RAX, R11 keeps the cage's upper half for it.
 */
static bool may_hold(struct moat_walk *w, u32 to, u8 h)
{
	bool loop = w->s.holds[R11] == H_ADDRESS || w->s.holds[R11] == H_IN_STACK;

	if (to == R9)
		return h == H_FUEL || (h == H_FRAME && (w->s.holds[R9] != H_FUEL || w->s.slots & SLOT_FUEL));
	if (to == R12 && x64_check_in_register(w))
		return h == H_CAGE || (loop && (h == w->s.holds[R11] || moat_plain(h)));
	return to == RBP ? h == H_STACK : to != RSP && h != H_STACK && h != H_FUEL;
}

bool x64_check_hold(struct moat_walk *w, u32 to, u8 h, u64 value)
{
	if (!may_hold(w, to, h))
		return moat_reject(w, "a trusted register is written");
	w->s.holds[to] = h == H_OWN ? H_UNKNOWN : h;
	w->value[to] = value;
	return true;
}

/* A copy holds what the original does; what may be done with it is asked where it is used. */
static bool copy(struct moat_walk *w, u32 to, u32 from)
{
	u8 h = w->s.holds[from];

	/* Without a base register R10 is a number like others. */
	if (to != RBP && (h == H_STACK || h == H_FORGED) && !w->basereg)
		h = H_ANY;
	return x64_check_hold(w, to, h, w->value[from]);
}

bool x64_check_mov(struct moat_walk *w, const struct ins *in)
{
	u32 from = in->reg;

	if (in->mem && in->base == RSP)
		return x64_check_slot(w, in);
	if (in->mem && is_frame_access(w, in))
		return x64_check_frame(w, in);
	if (in->mem)
		return x64_check_plain(w, in);
	if (in->writes != REG(in->base))	/* 8B: from r/m */
		from = in->base;
	if (in->width == 8)
		return copy(w, __builtin_ctz(in->writes), from);
	return x64_check_may_read_half(w, from) && x64_check_write_all(w, in->writes, H_U32);
}

bool x64_check_mov_imm(struct moat_walk *w, const struct ins *in)
{
	if (in->mem && in->base == RSP)
		return x64_check_slot(w, in);
	if (in->mem)
		return x64_check_plain(w, in);
	return set_const(w, in->base, in->width == 4 ? (u32)in->imm : (u64)in->imm);
}

/* The address of memory in 64 bits: of a table of returns, or for a loop in R11. */
static bool lea_address(struct moat_walk *w, const struct ins *in)
{
	u8 base = w->s.holds[in->base], index = in->index == NO_REG ? H_UNKNOWN : w->s.holds[in->index];

	if (base == H_CAGE && in->reg == R11 && in->index == R11 && in->scale == 1 && !in->disp &&
	    (index == H_U32 || index == H_MASKED)) {
		w->s.off = 0;
		return x64_check_hold(w, R11, H_ADDRESS, 0);
	}
	if (base == H_TABLE && index == H_MASKED && in->scale == 8 && !in->disp)
		return x64_check_hold(w, in->reg, H_RETURN_SITE,
				      w->value[in->base] | w->value[in->index] << 32);
	if (w->basereg && in->reg == R11 && in->index == NO_REG && (base == H_STACK || base == H_FORGED)) {
		w->s.off = in->disp;
		return x64_check_hold(w, R11, base == H_STACK && w->s.off == in->disp ? H_IN_STACK : H_FORGED, 0);
	}
	return x64_check_may_read(w, in->base) && (in->index == NO_REG || x64_check_may_read(w, in->index)) &&
	       x64_check_write_all(w, REG(in->reg), H_ANY);
}

bool x64_check_lea(struct moat_walk *w, const struct ins *in)
{
	if (in->gs || (in->base == NO_REG && (!in->rip || in->width != 8)))
		return moat_reject(w, "an address that is none of the domain's");
	if (in->rip)
		return (w->gates && in->reg == R10 &&
			x64_check_hold(w, in->reg, H_TABLE, (u32)(w->next + in->disp))) ||
		       moat_reject(w, "an address in the code that is no table of returns");
	if (x64_check_probe(w, in))
		return true;
	if (in->width == 8)
		return lea_address(w, in);
	return x64_check_may_read_half(w, in->base) &&
	       (in->index == NO_REG || x64_check_may_read(w, in->index)) &&
	       x64_check_write_all(w, REG(in->reg), H_U32);
}

/*
 * A test of what a tail call found is the one look that the image takes at it.
 * That R10 is neither 0 nor -1, which a division asks, is no secret.
 */
bool x64_check_compare(struct moat_walk *w, const struct ins *in)
{
	if (in->mem && is_frame_access(w, in))
		return x64_check_length(w, in);
	if (!in->mem && in->reg == in->base && (w->s.holds[in->reg] == H_TARGET || in->reg == RBP))
		return true;
	return x64_check_plain(w, in);
}
