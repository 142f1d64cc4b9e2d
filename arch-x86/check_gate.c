/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for x86-64: rights and segment bases change only in their patterns. */
#include "check_insn.h"

static bool is_zero(const struct moat_walk *w, u32 reg)
{
	return w->s.holds[reg] == H_CONST && !w->value[reg];
}

/* ECX and EDX are 0, EAX is a constant that is compared next, or what the caller had. */
static bool check_pkru(struct moat_walk *w)
{
	u8 *rights = &w->s.fix.rights;
	u64 value = w->value[RAX];

	if (!w->gates || !is_zero(w, RCX) || !is_zero(w, RDX))
		return moat_reject(w, "WRPKRU outside of a gate");
	if (w->s.holds[RAX] == H_RIGHTS && *rights == MOAT_OF_HOST) {
		*rights = MOAT_OF_CALLER;
		return true;
	}
	w->s.expect = X_COMPARE;
	if (w->s.holds[RAX] == H_CONST && value == w->c->host_rights)
		*rights = MOAT_OF_HOST;
	else if (w->s.holds[RAX] == H_CONST && value == w->c->domain_rights && w->s.slots & SLOT_RIGHTS)
		*rights = MOAT_OF_DOMAIN;
	else
		return moat_reject(w, "a gate with other rights than the host's or the domain's");
	return true;
}

bool x64_check_rights(struct moat_walk *w, const struct ins *in)
{
	u8 h = w->s.holds[in->base];

	if (in->kind == I_WRPKRU)
		return check_pkru(w);
	if (in->kind == I_RDPKRU) {
		if (!w->gates || !is_zero(w, RCX) || w->s.fix.rights != MOAT_OF_CALLER)
			return moat_reject(w, "RDPKRU outside of a prologue");
		w->s.holds[RAX] = H_RIGHTS;
		w->s.holds[RDX] = H_CONST;
		w->value[RDX] = 0;
		return true;
	}
	if (!w->basereg || w->c->form != MOAT_BASE_SEGMENT || !x64_is_host(w))
		return moat_reject(w, "a segment base that is not used");
	if (in->kind == I_RDGSBASE && !w->s.fix.segment)
		return x64_check_hold(w, in->base, H_SEGMENT, 0);
	if (in->kind == I_RDGSBASE || !(h == H_SEGMENT || (h == H_CAGE && w->s.slots & SLOT_SEGMENT)))
		return moat_reject(w, "the segment base is set to something else than the cage or the caller's");
	w->s.fix.segment = h == H_CAGE;
	return true;
}
