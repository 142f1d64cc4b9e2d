/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for arm64: what computes, copies and forms addresses. */
#include "check_insn.h"
#include "../jit/op.h"

bool a64_check_plain(struct moat_walk *w, const struct ins *in)
{
	u32 regs;

	for (regs = in->reads; regs; regs &= regs - 1) {
		u32 reg = __builtin_ctz(regs);

		if (in->is64 ? !a64_check_may_read(w, reg) : !a64_check_may_read_half(w, reg))
			return false;
	}
	return a64_check_write_all(w, in->writes, in->is64 ? H_ANY : H_U32);
}

bool a64_check_const(struct moat_walk *w, u32 reg, u64 value)
{
	return a64_check_hold(w, reg, H_CONST, value);
}

/* movk: of a number that is being put together. */
bool a64_check_keep(struct moat_walk *w, const struct ins *in)
{
	u64 v = w->value[in->rd];

	if (w->s.holds[in->rd] != H_CONST)
		return a64_check_may_read(w, in->rd) && a64_check_plain(w, in);
	v = (v & ~(0xffffull << in->shift)) | in->imm;
	return a64_check_const(w, in->rd, in->is64 ? v : (u32)v);
}

/* R10 is moved by whole frames.  Behind gates its word is never taken again, as returns can be forged. */
static bool move_frame(struct moat_walk *w, const struct ins *in)
{
	u8 *h = moat_holds(w, REG_FRAME);
	s64 by = -in->imm;

	if (!in->is64 || in->flags || in->rn != REG_FRAME || (*h != H_STACK && *h != H_FORGED) ||
	    by % MOAT_FRAME_STRIDE)
		return moat_reject(w, "R10 is moved other than by whole frames");
	by = w->s.fix.moved + by / MOAT_FRAME_STRIDE;
	if (w->gates)
		*h = H_FORGED;
	else if (by < w->s.fix.entry_moved || (by + 1) * MOAT_FRAME_STRIDE > MOAT_STACK_BYTES)
		return moat_reject(w, "R10 is moved off the stack");
	else
		w->s.fix.moved = by;
	return true;
}

static bool burn_fuel(struct moat_walk *w, const struct ins *in, s64 by)
{
	if (!in->is64 || !in->flags || in->rn != in->rd || by <= 0 || w->s.holds[in->rd] != H_FUEL)
		return moat_reject(w, "the fuel is changed other than by taking from it");
	w->s.expect = X_FUEL_TRAP;
	w->s.slots &= ~SLOT_FUEL;
	return true;
}

static bool is_fuel(const struct moat_walk *w, const struct ins *in)
{
	return in->writes == REG(REG_FUEL) || (in->writes && w->s.holds[in->rd] == H_FUEL);
}

/* An address with a constant added: into the first temporary, which state.off is of. */
static bool add_to_address(struct moat_walk *w, const struct ins *in)
{
	u8 base = w->s.holds[in->rn];
	s64 off = in->imm + (in->rn == REG_TMP ? w->s.off : 0);

	if (in->rd != REG_TMP || in->flags || !fits_signed(off, 14))
		return moat_reject(w, "an address is computed where it is not needed");
	w->s.off = base == H_FORGED ? 0 : off;
	return a64_check_hold(w, REG_TMP, base == H_STACK ? H_IN_STACK : base, 0);
}

bool a64_check_add_imm(struct moat_walk *w, const struct ins *in)
{
	u8 base = w->s.holds[in->rn];

	if (!in->flags && (in->rd == REG_31 || in->rn == REG_31))
		return a64_check_stack(w, in);
	if (in->rn == REG_31)
		return moat_reject(w, "the stack pointer is looked at");
	if (in->writes == REG(REG_FRAME))
		return move_frame(w, in);
	if (is_fuel(w, in))
		return burn_fuel(w, in, -in->imm);
	if (in->flags && base == H_RIGHTS)
		return a64_check_rights(w, in);
	if (in->flags && in->is64 && !in->writes && base == H_TARGET)
		return true;
	if (w->basereg && in->is64 && (base == H_STACK || base == H_FORGED || base == H_IN_STACK || base == H_ADDRESS))
		return add_to_address(w, in);
	return a64_check_plain(w, in);
}

/* A return site: the table plus eight times the index; or, far away, the table itself in two parts. */
bool a64_check_add(struct moat_walk *w, const struct ins *in)
{
	u8 a = w->s.holds[in->rn], b = w->s.holds[in->rm];
	u64 va = w->value[in->rn], vb = w->value[in->rm];

	if (in->rn == REG_31 || in->rm == REG_31 || !in->is64)
		return a64_check_plain(w, in);
	if (a == H_TABLE && in->shift == 3 && (b == H_MASKED || b == H_CONST))
		return a64_check_hold(w, in->rd, H_RETURN_SITE, va | vb << 32);
	if (a == H_CONST && b == H_TABLE && !in->shift)
		return a64_check_hold(w, in->rd, H_TABLE, (u32)(va + vb));
	return a64_check_plain(w, in);
}

bool a64_check_subs(struct moat_walk *w, const struct ins *in)
{
	if (is_fuel(w, in) && in->rm != REG_31 && w->s.holds[in->rm] == H_CONST && !in->shift)
		return burn_fuel(w, in, w->value[in->rm]);
	if (!in->writes && in->reads && in->rn != REG_31 && w->s.holds[in->rn] == H_RIGHTS)
		return a64_check_rights(w, in);
	return a64_check_plain(w, in);
}

/* A move is an OR with nothing: a copy holds what the original does. */
bool a64_check_move(struct moat_walk *w, const struct ins *in)
{
	u8 h = in->rm == REG_31 ? H_CONST : w->s.holds[in->rm];

	if (in->rn != REG_31 || in->shift || in->rd == REG_31)
		return a64_check_plain(w, in);
	if (in->rm == REG_31)
		return a64_check_const(w, in->rd, 0);
	if (!in->is64)
		return a64_check_may_read_half(w, in->rm) && a64_check_write_all(w, in->writes, H_U32);
	if ((h == H_STACK || h == H_FORGED) && !w->basereg)
		h = H_ANY;
	if (h == H_ADDRESS || h == H_IN_STACK)
		h = H_UNKNOWN;
	return a64_check_hold(w, in->rd, h, w->value[in->rm]);
}

bool a64_check_and_imm(struct moat_walk *w, const struct ins *in)
{
	if (!a64_check_plain(w, in))
		return false;
	w->s.holds[in->rd] = !in->is64 ? H_MASKED : H_ANY;
	w->value[in->rd] = in->imm;
	return true;
}

/* The address in the cage that several accesses start from, or an atomic one. */
bool a64_check_address(struct moat_walk *w, const struct ins *in)
{
	if (in->rn == REG_31 || in->rm == REG_31 || in->rd == REG_31 || w->s.holds[in->rn] != H_CAGE)
		return moat_reject(w, "an address that is not formed in the cage");
	if (!a64_check_may_read_half(w, in->rm))
		return false;
	if (in->rd == REG_TMP)
		w->s.off = 0;
	return a64_check_hold(w, in->rd, H_ADDRESS, 0);
}
