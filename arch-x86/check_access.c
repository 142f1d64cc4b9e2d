/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for x86-64: which registers may be read and written, and which operands are the domain's. */
#include "check_insn.h"

bool x64_check_in_register(const struct moat_walk *w)
{
	return w->basereg && w->c->form == MOAT_BASE_REGISTER;
}

bool x64_check_may_write(struct moat_walk *w, u32 reg)
{
	if (reg == RSP || reg == RBP || reg == R9 || (reg == R12 && x64_check_in_register(w)))
		return moat_reject(w, "a trusted register is written");
	return true;
}

/* Addresses are the domain's to see where there is no base register. */
bool x64_check_may_read(struct moat_walk *w, u32 reg)
{
	u8 h = w->s.holds[reg];

	if (moat_plain(h) || w->lax)
		return true;
	if (!w->basereg && (h == H_STACK || h == H_FORGED))
		return true;
	return moat_reject(w, "a register is read that may hold what the host left in it");
}

/* The low half: of an address in the cage it is an offset. */
bool x64_check_may_read_half(struct moat_walk *w, u32 reg)
{
	u8 h = w->s.holds[reg];

	return h == H_STACK || h == H_FORGED || h == H_IN_STACK || h == H_ADDRESS || x64_check_may_read(w, reg);
}

bool x64_check_read_all(struct moat_walk *w, u32 regs)
{
	while (regs) {
		u32 reg = __builtin_ctz(regs);

		if (!x64_check_may_read(w, reg))
			return false;
		regs &= regs - 1;
	}
	return true;
}

bool x64_check_write_all(struct moat_walk *w, u32 regs, u8 holds)
{
	while (regs) {
		u32 reg = __builtin_ctz(regs);

		if (!x64_check_may_write(w, reg))
			return false;
		w->s.holds[reg] = holds;
		regs &= regs - 1;
	}
	return true;
}

static bool in_frame(s64 off, u32 bytes)
{
	return off >= -MOAT_FRAME_BYTES && off + bytes <= 0;
}

#define NEAR	(1 << 15)	/* beside a cage, where nothing is mapped (struct moat_frame) */

/*
 * With a base register: constant in the frame, cage + 32 bits, or so near to
 * that that nothing is mapped there.
 */
static bool is_confined(const struct moat_walk *w, const struct ins *in)
{
	u8 base = w->s.holds[in->base];

	if (in->index != NO_REG)
		return base == H_CAGE && in->index == R11 && in->scale == 1 &&
		       in->disp >= -NEAR && in->disp <= NEAR - in->access &&
		       (w->s.holds[in->index] == H_U32 || w->s.holds[in->index] == H_MASKED);
	if (base == H_STACK)
		return in->base == RBP && in_frame(in->disp, in->access);
	if (base == H_IN_STACK)
		return in->base == R11 && in_frame((s64)w->s.off + in->disp, in->access);
	return base == H_ADDRESS && in->base == R11 && !in->disp;
}

/* An access of the program. */
bool x64_check_access(struct moat_walk *w, const struct ins *in)
{
	if (w->gates && w->s.fix.rights != MOAT_OF_DOMAIN)
		return moat_reject(w, "memory of the domain is touched with the host's rights");
	if (in->base == NO_REG || in->base == RSP)
		return moat_reject(w, "a memory operand that is not the domain's");
	if (in->gs) {
		if (!w->basereg || !w->s.fix.segment)
			return moat_reject(w, "the segment base is not the cage's");
		return x64_check_may_read_half(w, in->base) && (in->index == NO_REG || x64_check_may_read(w, in->index));
	}
	if (!w->basereg)
		return x64_check_may_read(w, in->base) && (in->index == NO_REG || x64_check_may_read(w, in->index));
	if (!is_confined(w, in))
		return moat_reject(w, "a memory operand that is not formed in the cage or the frame");
	return true;
}
