/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for arm64: which registers may be read and written, and which operands are the domain's. */
#include "check_insn.h"
#include "../jit/op.h"

/* What code may write as it likes: BPF's registers, temporaries, arguments of the host. */
#define FREE		(REGS(0, 7) | REGS(9, 17) | REGS(19, 22))
#define TEMPORARIES	REGS(9, 17)
#define NEAR		32768	/* struct moat_frame: so much beside a cage is never mapped */

bool a64_check_may_write(struct moat_walk *w, u32 reg)
{
	return FREE & REG(reg) || moat_reject(w, "a trusted register is written");
}

/* Addresses are the domain's to see where there is no base register. */
bool a64_check_may_read(struct moat_walk *w, u32 reg)
{
	u8 h = w->s.holds[reg];

	if (moat_plain(h) || w->lax || (!w->basereg && (h == H_STACK || h == H_FORGED)))
		return true;
	return moat_reject(w, "a register is read that may hold what the host left in it");
}

/* The low half: of an address in the cage it is an offset. */
bool a64_check_may_read_half(struct moat_walk *w, u32 reg)
{
	u8 h = w->s.holds[reg];

	return h == H_STACK || h == H_FORGED || h == H_IN_STACK || h == H_ADDRESS || a64_check_may_read(w, reg);
}

bool a64_check_read_all(struct moat_walk *w, u32 regs)
{
	for (; regs; regs &= regs - 1)
		if (!a64_check_may_read(w, __builtin_ctz(regs)))
			return false;
	return true;
}

bool a64_check_write_all(struct moat_walk *w, u32 regs, u8 holds)
{
	for (; regs; regs &= regs - 1) {
		u32 reg = __builtin_ctz(regs);

		if (!a64_check_may_write(w, reg))
			return false;
		w->s.holds[reg] = holds;
	}
	return true;
}

static bool may_hold(u32 to, u8 h)
{
	switch (h) {
	case H_STACK:	return to == REG_FRAME;
	case H_FUEL:	return to == REG_FUEL || to == REG_FUEL_LEAF;
	case H_CAGE:	return to == REG_CAGE || to == REG_CAGE_LEAF;
	case H_FRAME:	return to == REG_HOST || FREE & REG(to);
	case H_ADDRESS:
	case H_IN_STACK: return TEMPORARIES & REG(to);
	default:	return FREE & REG(to);
	}
}

/* Trusted registers take only what they are there for. */
bool a64_check_hold(struct moat_walk *w, u32 to, u8 h, u64 value)
{
	if (!may_hold(to, h))
		return moat_reject(w, "a trusted register is written");
	w->s.holds[to] = h == H_OWN ? H_UNKNOWN : h;
	w->value[to] = value;
	return true;
}

static bool in_frame(s64 off, u32 bytes)
{
	return off >= -MOAT_FRAME_BYTES && off + bytes <= 0;
}

/* With a base register: constant in the frame, cage + 32 bits, or so near to that that nothing is mapped there. */
static bool is_confined(const struct moat_walk *w, const struct ins *in)
{
	u8 base = w->s.holds[in->rn];
	s64 off = in->imm + (in->rn == REG_TMP ? w->s.off : 0);

	if (in->kind == I_MEM_UXTW)
		return base == H_CAGE;
	if (base == H_STACK)
		return in->rn == REG_FRAME && in_frame(in->imm, in->access);
	if (base == H_IN_STACK)
		return in->rn == REG_TMP && in_frame(off, in->access);
	return base == H_ADDRESS && off >= -NEAR && off + in->access <= NEAR;
}

bool a64_check_memory(struct moat_walk *w, const struct ins *in)
{
	if (w->gates && w->s.fix.rights != MOAT_OF_DOMAIN)
		return moat_reject(w, "memory of the domain is touched with the host's rights");
	if (in->rn == REG_31 || (in->kind == I_MEM_UXTW && in->rm == REG_31))
		return moat_reject(w, "a memory operand that is not the domain's");
	if (in->kind == I_MEM_UXTW && !a64_check_may_read_half(w, in->rm))
		return false;
	if (!w->basereg ? !a64_check_may_read(w, in->rn) : !is_confined(w, in))
		return moat_reject(w, "a memory operand that is not formed in the cage or the frame");
	return a64_check_read_all(w, in->reads) &&
	       a64_check_write_all(w, in->writes, in->is64 || in->access == 16 ? H_ANY : H_U32);
}
