/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for arm64: the host's stack and its frame. */
#include "check_insn.h"

#define OWN_REGS	REGS(19, 29)

static bool host_only(struct moat_walk *w)
{
	return !w->gates || w->s.fix.rights != MOAT_OF_DOMAIN ||
	       moat_reject(w, "the host's stack or frame is used in the domain");
}

/* Stack -------------------------------------------------------------------- */

static bool may_save(const struct moat_walk *w, u32 reg)
{
	u8 h = w->s.holds[reg];

	if (reg == REG_31)
		return true;
	if (reg == REG_LINK)
		return h == H_LINK || h == H_SIGNED;
	return OWN_REGS & REG(reg) && (w->s.fix.local || h == H_OWN);
}

static bool push(struct moat_walk *w, const struct ins *in)
{
	struct moat_fixed *f = &w->s.fix;

	if (in->rn != REG_31 || in->imm != -16 || f->room || f->nr_saved + 2 > MOAT_MAX_SAVED ||
	    !may_save(w, in->rd) || !may_save(w, in->rt2))
		return moat_reject(w, "registers are pushed that need not be saved here");
	f->saved[f->nr_saved++] = in->rd;
	f->saved[f->nr_saved++] = in->rt2;
	return true;
}

static void restored(struct moat_walk *w, u32 reg)
{
	if (reg == REG_FUEL && w->nr_call && w->s.holds[reg] == H_FUEL && !(w->s.slots & SLOT_FUEL))
		moat_reject(w, "the host is not told how much fuel is left");
	if (reg == REG_LINK)
		w->s.holds[reg] = w->s.fix.is_signed ? H_SIGNED : H_LINK;
	else if (reg != REG_31)
		w->s.holds[reg] = w->s.fix.local ? H_UNKNOWN : H_OWN;
}

static bool pop(struct moat_walk *w, const struct ins *in)
{
	struct moat_fixed *f = &w->s.fix;
	u32 n = f->nr_saved;

	if (in->rn != REG_31 || in->imm != 16 || f->room || n < 2 || f->saved[n - 1] != in->rt2 ||
	    f->saved[n - 2] != in->rd)
		return moat_reject(w, "registers are not restored in the order they were saved");
	f->saved[n - 1] = f->saved[n - 2] = 0;
	f->nr_saved -= 2;
	restored(w, in->rd);
	restored(w, in->rt2);
	return true;
}

/* Also room for the caller's rights, and the frame record. */
bool a64_check_stack(struct moat_walk *w, const struct ins *in)
{
	struct moat_fixed *f = &w->s.fix;
	u32 i;

	if (!host_only(w))
		return false;
	if (in->kind == I_PUSH)
		return push(w, in);
	if (in->kind == I_POP)
		return pop(w, in);
	if (in->rd == REG_FP && in->rn == REG_31 && in->is64 && !in->imm) {
		for (i = 0; i < f->nr_saved; i++)
			if (f->saved[i] == REG_FP) {
				w->s.holds[REG_FP] = H_UNKNOWN;
				return true;
			}
	}
	if (in->rd != REG_31 || in->rn != REG_31 || !in->is64 || in->imm != (f->room ? 16 : -16))
		return moat_reject(w, "the stack pointer is changed other than by making room");
	f->room = f->room ? 0 : 2;
	w->s.slots &= SLOT_FUEL;
	return true;
}

bool a64_check_slot(struct moat_walk *w, const struct ins *in)
{
	if (!host_only(w))
		return false;
	if (!w->s.fix.room || in->imm || in->access != 8 || in->rd == REG_31)
		return moat_reject(w, "an operand outside of the host's stack frame");
	if (in->load)
		return w->s.slots & SLOT_RIGHTS ? a64_check_hold(w, in->rd, H_RIGHTS, 0) :
		       moat_reject(w, "the host's stack frame does not hold that");
	if (w->s.holds[in->rd] != H_RIGHTS)
		return moat_reject(w, "something else is stored in the host's stack frame");
	w->s.slots |= SLOT_RIGHTS;
	return true;
}

/* One field of struct moat_frame to @reg. */
static bool load_field(struct moat_walk *w, u32 reg, s64 at)
{
	static const u8 field[] = {
		[offsetof(struct moat_frame, cage)] = H_CAGE, [offsetof(struct moat_frame, stack)] = H_STACK,
		[offsetof(struct moat_frame, fuel)] = H_FUEL, [offsetof(struct moat_frame, r1)] = H_ANY,
		[offsetof(struct moat_frame, r2)] = H_ANY, [offsetof(struct moat_frame, packet_bytes)] = H_ANY,
	};

	if (at < 0 || at >= (s64)sizeof(field) || !field[at] || reg == REG_31)
		return moat_reject(w, "an access to something else than a field of the frame");
	if (field[at] == H_STACK)
		w->s.fix.moved = 0;
	if (field[at] == H_FUEL)
		w->s.slots |= SLOT_FUEL;
	return a64_check_hold(w, reg, field[at], 0);
}

bool a64_check_frame(struct moat_walk *w, const struct ins *in)
{
	if (!host_only(w))
		return false;
	if (in->store && in->access == 8 && in->imm == offsetof(struct moat_frame, fuel) && in->rd != REG_31 &&
	    w->s.holds[in->rd] == H_FUEL) {
		w->s.slots |= SLOT_FUEL;
		return true;
	}
	if (in->load && in->access == 4 && !in->is64 &&
	    (in->imm == offsetof(struct moat_frame, cpu) || in->imm == offsetof(struct moat_frame, packet)))
		return a64_check_write_all(w, in->writes, H_U32);
	if (!in->load || in->access < 8)
		return moat_reject(w, "an access to something else than a field of the frame");
	return load_field(w, in->rd, in->imm) && (in->access == 8 || load_field(w, in->rt2, in->imm + 8));
}
