/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for arm64: rights change only in their patterns. */
#include "check_insn.h"

/* The constant in @reg becomes the rights, and is compared next. */
static bool write_rights(struct moat_walk *w, u32 reg, u8 expect)
{
	bool monitor = w->c->gate == MOAT_GATE_MONITOR;
	u64 value = w->value[reg];
	u8 *rights = &w->s.fix.rights;

	w->s.expect = expect;
	w->gate_reg = reg;
	if (w->s.holds[reg] == H_RIGHTS && *rights == MOAT_OF_HOST) {
		w->gate_reg = REG_31;
		*rights = MOAT_OF_CALLER;
		return true;
	}
	if (w->s.holds[reg] == H_CONST && value == w->c->host_rights)
		*rights = MOAT_OF_HOST;
	else if (w->s.holds[reg] == H_CONST && value == w->c->domain_rights && (monitor || w->s.slots & SLOT_RIGHTS))
		*rights = MOAT_OF_DOMAIN;
	else
		return moat_reject(w, "a gate with other rights than the host's or the domain's");
	return true;
}

/* Does the instruction compare the caller's rights with the host's? */
static bool compares_host(const struct moat_walk *w, const struct ins *in)
{
	if (in->writes || !in->is64 || w->s.fix.rights != MOAT_OF_HOST)
		return false;
	if (in->kind == I_ADD_IMM)
		return (u64)-in->imm == w->c->host_rights;
	return !in->shift && in->rm != REG_31 && w->s.holds[in->rm] == H_CONST &&
	       w->value[in->rm] == w->c->host_rights;
}

bool a64_check_rights(struct moat_walk *w, const struct ins *in)
{
	bool monitor = w->c->gate == MOAT_GATE_MONITOR;

	if (!w->gates)
		return moat_reject(w, "rights are changed in a mode without gates");
	if (in->kind == I_MONITOR)
		return (monitor && in->imm == w->c->monitor_call && write_rights(w, REG_CALL, X_COMPARE)) ||
		       moat_reject(w, "a call of the monitor outside of a gate");
	if (monitor)
		return moat_reject(w, "rights are changed where a monitor does it");
	if (in->kind == I_WRITE_RIGHTS)
		return in->rd != REG_31 ? write_rights(w, in->rd, X_BARRIER) :
		       moat_reject(w, "a gate with other rights than the host's or the domain's");
	if (in->kind == I_READ_RIGHTS)
		return w->s.fix.rights == MOAT_OF_CALLER ? a64_check_hold(w, in->rd, H_RIGHTS, 0) :
		       moat_reject(w, "rights are read outside of a prologue");
	w->s.expect = X_IF_CALLER;
	return compares_host(w, in) || moat_reject(w, "a comparison with something else than the caller's rights");
}
