/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for x86-64: the host's stack, its frame, its functions and its rights. */
#include "check_insn.h"

#define OWN_REGS	(REG(RBX) | REG(RBP) | REG(R12) | REG(R13) | REG(R14) | REG(R15))
#define ARG_REGS	(REG(RDI) | REG(RSI) | REG(RDX) | REG(RCX) | REG(R8))
#define MAX_ROOM	8	/* words */
#define MAX_LEVEL	8	/* frames */

static bool host_only(struct moat_walk *w)
{
	return x64_is_host(w) || moat_reject(w, "the host's stack or frame is used in the domain");
}

/* Stack -------------------------------------------------------------------- */

static bool push(struct moat_walk *w, u32 reg)
{
	struct moat_fixed *f = &w->s.fix;

	if (f->room || f->nr_saved == MOAT_MAX_SAVED || !(OWN_REGS & REG(reg)) ||
	    (!f->local && w->s.holds[reg] != H_OWN))
		return moat_reject(w, "a register is pushed that need not be saved here");
	f->saved[f->nr_saved++] = reg;
	return true;
}

static bool pop(struct moat_walk *w, u32 reg)
{
	struct moat_fixed *f = &w->s.fix;

	if (f->room || !f->nr_saved || f->saved[f->nr_saved - 1] != reg)
		return moat_reject(w, "registers are not restored in the order they were saved");
	f->saved[--f->nr_saved] = 0;
	w->s.holds[reg] = f->local ? H_UNKNOWN : H_OWN;
	return true;
}

bool x64_check_stack(struct moat_walk *w, const struct ins *in)
{
	struct moat_fixed *f = &w->s.fix;
	bool down = in->digit == 5;

	if (!host_only(w))
		return false;
	if (in->kind == I_PUSH)
		return push(w, in->reg);
	if (in->kind == I_POP)
		return pop(w, in->reg);
	if (in->width != 8 || in->imm <= 0 || in->imm % 8 || in->imm / 8 > MAX_ROOM || (in->digit && !down) ||
	    (down ? f->room != 0 : f->room != in->imm / 8))
		return moat_reject(w, "the stack pointer is changed other than by making room");
	f->room = down ? in->imm / 8 : 0;
	w->s.slots &= SLOT_CALLER_FRAME | SLOT_FUEL;
	return true;
}

/* The number of a call site, or the host's PKRU, GS base, frame. */
static bool store_slot(struct moat_walk *w, const struct ins *in, u8 slot)
{
	u8 h = w->s.holds[in->reg];
	bool constant = in->kind == I_MOV_IMM || h == H_CONST;

	if (slot == SLOT_SITE && in->width == 8 && constant) {
		w->site = in->kind == I_MOV_IMM ? (u64)in->imm : w->value[in->reg];
		w->s.site = 1;
		return true;
	}
	if (in->kind != I_MOV || !((slot == SLOT_FRAME && in->width == 8 && h == H_FRAME) ||
				   (slot == SLOT_SEGMENT && in->width == 8 && h == H_SEGMENT) ||
				   (slot == SLOT_RIGHTS && in->width == 4 && h == H_RIGHTS)))
		return moat_reject(w, "something else is stored in the host's stack frame");
	w->s.slots |= slot;
	return true;
}

static bool load_slot(struct moat_walk *w, const struct ins *in, u8 slot)
{
	if (!(w->s.slots & slot))
		return moat_reject(w, "the host's stack frame does not hold that");
	if (in->kind == I_ALU_IMM) {
		w->s.expect = X_IF_CALLER;
		return (in->digit == 7 && in->width == 4 && slot == SLOT_RIGHTS &&
			(u32)in->imm == (u32)w->c->host_rights && w->s.fix.rights == MOAT_OF_HOST) ||
		       moat_reject(w, "a comparison with something else than the caller's rights");
	}
	if (in->kind != I_MOV || in->width != (slot == SLOT_RIGHTS ? 4 : 8))
		return moat_reject(w, "the host's stack frame is read in part");
	return x64_check_hold(w, in->reg, slot == SLOT_SEGMENT ? H_SEGMENT : slot == SLOT_RIGHTS ? H_RIGHTS : H_FRAME, 0);
}

bool x64_check_slot(struct moat_walk *w, const struct ins *in)
{
	const struct moat_fixed *f = &w->s.fix;
	u8 slot;

	if (!host_only(w))
		return false;
	if (in->index != NO_REG || in->gs)
		return moat_reject(w, "an operand on the host's stack that is not constant");
	if (f->local && in->load && in->disp == 8 * (f->room + f->nr_saved + 1) + 8)
		return load_slot(w, in, SLOT_CALLER_FRAME);
	if (in->disp < 0 || in->disp % 8 || in->disp > 24 || in->disp / 8 >= f->room)
		return moat_reject(w, "an operand outside of the host's stack frame");
	slot = 1 << in->disp / 8;
	return in->store ? store_slot(w, in, slot) : load_slot(w, in, slot);
}

bool x64_check_frame(struct moat_walk *w, const struct ins *in)
{
	static const u8 field[] = {
		[offsetof(struct moat_frame, cage)] = H_CAGE, [offsetof(struct moat_frame, stack)] = H_STACK,
		[offsetof(struct moat_frame, fuel)] = H_FUEL, [offsetof(struct moat_frame, r1)] = H_ANY,
		[offsetof(struct moat_frame, r2)] = H_ANY,
	};
	bool fuel = in->disp == offsetof(struct moat_frame, fuel);

	if (!host_only(w))
		return false;
	if (fuel)
		w->s.slots |= SLOT_FUEL;
	if (in->index == NO_REG && in->store && in->width == 8 && fuel && w->s.holds[in->reg] == H_FUEL)
		return true;
	if (in->index == NO_REG && in->load && in->width == 4 &&
	    (in->disp == offsetof(struct moat_frame, cpu) || in->disp == offsetof(struct moat_frame, packet)))
		return x64_check_write_all(w, in->writes, H_U32);
	if (in->index != NO_REG || !in->load || in->width != 8 || in->disp < 0 || in->disp >= (s32)sizeof(field) ||
	    !field[in->disp])
		return moat_reject(w, "an access to something else than a field of the frame");
	if (field[in->disp] == H_STACK)
		w->s.fix.moved = 0;
	return x64_check_hold(w, in->reg, field[in->disp], 0);
}

/* A comparison with how much of the packet there is: the program may know that, as it may know its outcome. */
bool x64_check_length(struct moat_walk *w, const struct ins *in)
{
	if (!host_only(w))
		return false;
	if (in->index != NO_REG || in->store || in->width != 8 || in->disp != offsetof(struct moat_frame, packet_bytes))
		return moat_reject(w, "an access to something else than a field of the frame");
	return x64_check_read_all(w, in->reads);
}

/* Calls -------------------------------------------------------------------- */

static u8 trusted(const struct moat_walk *w)
{
	return (w->s.holds[R9] == H_FUEL) | (w->s.holds[R12] == H_CAGE) << 1 | w->s.fix.segment << 2;
}

/* A call inside the image: what the callee is found to keep when it returns is taken for granted here. */
static bool call_local(struct moat_walk *w, s64 to)
{
	struct moat_state s = w->s;
	u32 r;

	if (w->gates || s.level >= MAX_LEVEL)
		return moat_reject(w, w->gates ? "a call in a mode with gates" : "calls are nested too deeply");
	w->s.fix.local = 1;
	w->s.fix.trusted = trusted(w);
	w->s.fix.entry_moved = s.fix.moved;
	w->s.fix.room = w->s.fix.nr_saved = 0;
	memset(w->s.fix.saved, 0, sizeof(w->s.fix.saved));
	w->s.slots = s.slots & SLOT_FRAME ? SLOT_CALLER_FRAME : 0;
	w->s.level++;
	moat_flow(w, to);
	w->s = s;
	for (r = RAX; r <= R15; r++) {
		u8 *h = moat_holds(w, r);

		if (REG(r) & (ARG_REGS | REG(RAX)))
			*h = H_ANY;
		else if (r == R10 || r == R11 || (r == R9 && *h != H_FUEL) || (*h == H_OWN && w->written & REG(r)))
			*h = H_UNKNOWN;
		else if (moat_plain(*h))
			*h = H_ANY;
	}
	return true;
}

/* What is passed must not tell the host's addresses to helpers that would hand them on. */
static bool args_ok(struct moat_walk *w)
{
	u32 r;

	for (r = RAX; r <= R8; r++)
		if (ARG_REGS & REG(r) && w->s.holds[r] != H_UNKNOWN && !x64_check_may_read(w, r))
			return false;
	return true;
}

static bool call_host(struct moat_walk *w, u64 address)
{
	bool tail;
	u32 r;

	if (w->gates && w->s.fix.rights != MOAT_OF_HOST)
		return moat_reject(w, "a call of the host with the domain's rights");
	if (w->s.holds[R9] != H_FRAME || !((w->s.fix.room + w->s.fix.nr_saved) & 1))
		return moat_reject(w, "a call of the host without its frame, or with an odd stack");
	if (!args_ok(w) || !moat_call_allowed(w, address, w->s.site ? (s64)w->site : -1, &tail))
		return false;
	for (r = RAX; r <= R11; r++)
		if (r != RBX && r != RSP && r != RBP)
			w->s.holds[r] = H_UNKNOWN;
	w->s.holds[RAX] = tail ? H_TARGET : H_ANY;
	w->s.site = 0;
	return true;
}

bool x64_check_call(struct moat_walk *w, const struct ins *in)
{
	if (in->kind == I_CALL && in->to >= 0 && in->to < w->c->bytes)
		return call_local(w, in->to);
	if (in->kind == I_CALL)
		return call_host(w, w->c->pc + in->to);
	if (in->base != RAX || w->s.holds[RAX] != H_CONST || w->c->kernel)
		return moat_reject(w, "a call of an address that is not constant");
	return call_host(w, w->value[RAX]);
}

static bool leave_function(struct moat_walk *w)
{
	const struct moat_fixed *f = &w->s.fix;

	if (f->moved != f->entry_moved || trusted(w) != f->trusted)
		return moat_reject(w, "a function returns with other trusted registers than it was called with");
	return w->lax || x64_check_read_all(w, ARG_REGS | REG(RAX));
}

/* Back to the host, or on to the next image: as if this one had not been. */
static bool leave_image(struct moat_walk *w)
{
	u32 r;

	if (w->gates && w->s.fix.rights != MOAT_OF_CALLER)
		return moat_reject(w, "the image is left without the caller's rights");
	if (w->nr_call && w->s.holds[R9] == H_FUEL && !(w->s.slots & SLOT_FUEL))
		return moat_reject(w, "the host is not told how much fuel is left");
	if (w->s.fix.segment)
		return moat_reject(w, "the image is left without the caller's segment base");
	for (r = RBX; r <= R15 && !w->lax; r++)
		if (OWN_REGS & REG(r) && w->s.holds[r] != H_OWN)
			return moat_reject(w, "the image is left without a register of the caller's");
	return true;
}

bool x64_check_leave(struct moat_walk *w, const struct ins *in)
{
	const struct moat_fixed *f = &w->s.fix;
	u64 site;

	if (in->kind == I_JUMP_REG && w->s.holds[in->base] == H_RETURN_SITE && w->gates) {
		site = w->value[in->base];
		if (f->rights == MOAT_OF_DOMAIN)
			moat_flow_table(w, site, site >> 32);
		return f->rights != MOAT_OF_DOMAIN && moat_reject(w, "a return of the program with the host's rights");
	}
	if (f->room || f->nr_saved)
		return moat_reject(w, "the stack pointer is not what it was at entry");
	if (in->kind == I_JUMP_REG && (w->s.holds[in->base] != H_TARGET || f->local || w->c->kernel))
		return moat_reject(w, "an indirect jump that is neither a return nor a tail call");
	if (f->local ? leave_function(w) : leave_image(w))
		return false;	/* nothing runs on behind it */
	return false;
}
