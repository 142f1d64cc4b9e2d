/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for arm64: calls, and what must hold where a function or the image is left. */
#include "check_insn.h"

#define ARG_REGS	REGS(0, 4)
#define MAX_LEVEL	8	/* frames */

static u8 trusted(const struct moat_walk *w)
{
	const u8 *h = w->s.holds;

	return (h[REG_FUEL] == H_FUEL) | (h[REG_CAGE] == H_CAGE) << 1 | (h[REG_HOST] == H_FRAME) << 2 |
	       (h[REG_FUEL_LEAF] == H_FUEL) << 3 | (h[REG_CAGE_LEAF] == H_CAGE) << 4;
}

/* What a function of the image leaves: see call_local(). */
static u8 after_call(const struct moat_walk *w, u32 r, u8 h)
{
	if (REG(r) & (ARG_REGS | REG(REG_R0)))
		return H_ANY;
	if (h == H_FUEL || h == H_CAGE)
		return h;
	if (r <= 18 || r == REG_LINK || (h == H_OWN && w->written & REG(r)))
		return H_UNKNOWN;
	return moat_plain(h) ? H_ANY : h;
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
	w->s.fix.room = w->s.fix.nr_saved = w->s.fix.is_signed = 0;
	memset(w->s.fix.saved, 0, sizeof(w->s.fix.saved));
	w->s.holds[REG_LINK] = H_LINK;
	w->s.slots = 0;
	w->s.level++;
	moat_flow(w, to);
	w->s = s;
	for (r = 0; r < REG_31; r++)
		w->s.holds[r] = after_call(w, r, s.holds[r]);
	return true;
}

/*
 * What is passed must not tell the host's addresses to helpers that would hand
 * them on.  What the host itself left there is for arguments that nobody looks at.
 */
static bool args_ok(struct moat_walk *w)
{
	u32 r;

	for (r = 0; r <= 4; r++)
		if (w->s.holds[r] != H_UNKNOWN && w->s.holds[r] != H_FRAME && !a64_check_may_read(w, r))
			return false;
	return true;
}

static bool call_host(struct moat_walk *w, u32 reg)
{
	s64 site = w->s.holds[6] == H_CONST ? (s64)w->value[6] : -1;
	u64 address = w->value[reg];
	bool tail;
	u32 r;

	if (w->s.holds[reg] != H_CONST)
		return moat_reject(w, "a call of an address that is not constant");
	if (w->gates && w->s.fix.rights != MOAT_OF_HOST)
		return moat_reject(w, "a call of the host with the domain's rights");
	if (w->s.holds[5] != H_FRAME)
		return moat_reject(w, "a call of the host without its frame");
	if (w->s.holds[REG_FUEL] == H_FUEL && !(w->s.slots & SLOT_FUEL))
		return moat_reject(w, "the host is not told how much fuel is left");
	if (!args_ok(w) || !moat_call_allowed(w, address, site, &tail))
		return false;
	for (r = 0; r <= 17; r++)
		w->s.holds[r] = H_UNKNOWN;
	w->s.holds[REG_LINK] = H_UNKNOWN;
	w->s.holds[0] = tail ? H_TARGET : H_ANY;
	return true;
}

bool a64_check_call(struct moat_walk *w, const struct ins *in)
{
	return in->kind == I_CALL ? call_local(w, in->to) : call_host(w, in->rn);
}

static bool leave_function(struct moat_walk *w)
{
	const struct moat_fixed *f = &w->s.fix;

	if (f->moved != f->entry_moved || trusted(w) != f->trusted)
		return moat_reject(w, "a function returns with other trusted registers than it was called with");
	return w->lax || a64_check_read_all(w, ARG_REGS | REG(REG_R0));
}

/* Back to the host, or on to the next image: as if this one had not been. */
static bool leave_image(struct moat_walk *w)
{
	bool monitor = w->c->gate == MOAT_GATE_MONITOR;
	u32 r;

	if (w->gates && w->s.fix.rights != (monitor ? MOAT_OF_HOST : MOAT_OF_CALLER))
		return moat_reject(w, "the image is left without the caller's rights");
	for (r = 19; r <= REG_FP && !w->lax; r++)
		if (w->s.holds[r] != H_OWN)
			return moat_reject(w, "the image is left without a register of the caller's");
	return true;
}

static bool return_by_table(struct moat_walk *w, u64 site)
{
	if (!w->gates || w->s.fix.rights != MOAT_OF_DOMAIN)
		return moat_reject(w, "a return of the program with the host's rights");
	moat_flow_table(w, site, site >> 32);
	return false;
}

bool a64_check_leave(struct moat_walk *w, const struct ins *in)
{
	const struct moat_fixed *f = &w->s.fix;

	if (in->kind == I_JUMP_REG && in->rn != REG_31 && w->s.holds[in->rn] == H_RETURN_SITE)
		return return_by_table(w, w->value[in->rn]);
	if (in->kind == I_JUMP_REG && (in->rn != REG_CALL || w->s.holds[REG_CALL] != H_TARGET || f->local || w->c->kernel))
		return moat_reject(w, "an indirect jump that is neither a return nor a tail call");
	if (f->room || f->nr_saved || w->s.holds[REG_LINK] != H_LINK)
		return moat_reject(w, "the stack pointer or the return address is not what it was at entry");
	if (f->local)
		leave_function(w);
	else
		leave_image(w);
	return false;	/* nothing runs on behind it */
}

/* Return addresses are signed and checked with the SP of the entry. */
bool a64_check_sign(struct moat_walk *w, const struct ins *in)
{
	struct moat_fixed *f = &w->s.fix;
	bool sign = in->kind == I_SIGN;

	if (f->room || f->nr_saved || w->s.holds[REG_LINK] != (sign ? H_LINK : H_SIGNED))
		return moat_reject(w, "a return address is signed or checked where it is not the function's own");
	w->s.holds[REG_LINK] = sign ? H_SIGNED : H_LINK;
	f->is_signed = sign;
	return true;
}
