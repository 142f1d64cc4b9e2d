/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The checker for arm64: what each instruction may do in the state it is reached in.
 *
 * Registers that bytecode cannot name are trusted: SP, X25 (R10), X26 (the
 * host's frame), X27 (fuel), X28 (the cage base), X29, X30; X9 to X17 are
 * temporaries.
 */
#include "check_insn.h"

#define TRAP		0xd4200000

/*
 * Is this the host's access to a field of its frame?  Where nothing confines
 * the program, it may use the address that it finds in R3: then only what
 * moves a register that it cannot name is the host's, or loads R10, which it cannot write.
 */
static bool is_frame_access(const struct moat_walk *w, const struct ins *in)
{
	u32 trusted = REGS(REG_FRAME, REG_CAGE) | REG(REG_FUEL_LEAF) | REG(REG_CAGE_LEAF);

	if (in->store)
		trusted &= ~REG(REG_FRAME);
	return w->s.holds[in->rn] == H_FRAME && (!w->lax || trusted & REG(in->rd));
}

static bool mem(struct moat_walk *w, const struct ins *in)
{
	if (in->rn == REG_31)
		return a64_check_slot(w, in);
	if (is_frame_access(w, in))
		return a64_check_frame(w, in);
	return a64_check_memory(w, in);
}

static bool is_trap(struct moat_walk *w, s64 to)
{
	if (!moat_is_start(w, to) || a64_check_word(w->c, to) != TRAP)
		return moat_reject(w, "a check does not lead to a trap");
	w->map[to / 4] |= WALK_SEEN;
	return true;
}

/* To the trap if @cond; or, if it is far away, around a jump to it if not. */
static bool trap_if(struct moat_walk *w, const struct ins *in, u32 cond)
{
	struct ins jump;

	if (in->kind == I_BRANCH && in->shift == cond)
		return is_trap(w, in->to);
	if (in->kind != I_BRANCH || in->shift != (cond ^ 1) || in->to != (s64)w->at + 8 || w->next >= w->c->bytes)
		return moat_reject(w, "a pattern (gate, fuel) does not go on as it must");
	a64_check_decode(a64_check_word(w->c, w->next), w->next, &jump);
	if (jump.kind != I_JUMP || !is_trap(w, jump.to))
		return moat_reject(w, "a check does not lead to a trap");
	w->map[w->next / 4] |= WALK_SEEN;
	moat_flow(w, in->to);
	return false;
}

/* What was written is compared with the constant, which may have to be put together first. */
static bool compared(struct moat_walk *w, const struct ins *in)
{
	u32 reg = w->gate_reg;
	u64 value = w->value[reg];

	w->s.expect = X_COMPARE;
	if (in->kind == I_CONST && in->rd == REG_TMP2)
		return a64_check_const(w, in->rd, in->imm);
	if (in->kind == I_KEEP && in->rd == REG_TMP2)
		return a64_check_keep(w, in);
	w->s.expect = X_GATE_TRAP;
	if (in->kind == I_ADD_IMM && in->flags && in->is64 && in->rn == reg && in->rd == REG_31 &&
	    (u64)-in->imm == value)
		return true;
	if (in->kind == I_SUBS && in->is64 && in->rn == reg && in->rd == REG_31 && !in->shift && in->rm == REG_TMP2 &&
	    w->s.holds[REG_TMP2] == H_CONST && w->value[REG_TMP2] == value)
		return true;
	return moat_reject(w, "a pattern (gate, fuel) does not go on as it must");
}

/* The instruction that must follow, does it? */
static bool expected(struct moat_walk *w, const struct ins *in)
{
	u8 expect = w->s.expect;

	w->s.expect = X_ANYTHING;
	switch (expect) {
	case X_COMPARE:
		return compared(w, in);
	case X_GATE_TRAP:
		return trap_if(w, in, 1);	/* ne */
	case X_FUEL_TRAP:
		return trap_if(w, in, 3);	/* lo */
	case X_BARRIER:
		if (w->gate_reg != REG_31)
			w->s.expect = X_COMPARE;
		return in->kind == I_BARRIER || moat_reject(w, "no barrier behind a change of rights");
	case X_IF_CALLER:
		if (in->kind != I_BRANCH || in->shift != 0)	/* eq */
			break;
		w->s.fix.rights = MOAT_OF_CALLER;
		moat_flow(w, in->to);
		w->s.fix.rights = MOAT_OF_HOST;
		return true;
	}
	return moat_reject(w, "a pattern (gate, fuel) does not go on as it must");
}

static bool test(struct moat_walk *w, const struct ins *in)
{
	if (a64_check_probe(w, in))
		return true;
	if (!(in->is64 && in->reads && w->s.holds[in->rd] == H_TARGET) && !a64_check_plain(w, in))
		return false;
	moat_flow(w, in->to);
	return true;
}

/* The table of returns is the only thing in the code that is looked for. */
static bool adr(struct moat_walk *w, const struct ins *in)
{
	if (!w->gates || !(in->writes & REGS(9, 11)))
		return moat_reject(w, "an address in the code that is no table of returns");
	return a64_check_hold(w, in->rd, H_TABLE, (u32)in->to);
}

static bool execute(struct moat_walk *w, const struct ins *in)
{
	switch (in->kind) {
	case I_PLAIN:	return a64_check_plain(w, in);
	case I_CONST:	return a64_check_const(w, in->rd, in->imm);
	case I_KEEP:	return a64_check_keep(w, in);
	case I_ADD_IMM:	return a64_check_add_imm(w, in);
	case I_ADD:	return a64_check_add(w, in);
	case I_SUBS:	return a64_check_subs(w, in);
	case I_OR:	return a64_check_move(w, in);
	case I_AND_IMM:	return a64_check_and_imm(w, in);
	case I_ADD_UXTW: return a64_check_address(w, in);
	case I_MEM:	return mem(w, in);
	case I_MEM_UXTW:
	case I_ATOMIC:	return a64_check_memory(w, in);
	case I_PUSH:
	case I_POP:	return a64_check_stack(w, in);
	case I_JUMP:
		moat_flow(w, in->to);
		return false;
	case I_BRANCH:
		moat_flow(w, in->to);
		return true;
	case I_TEST:	return test(w, in);
	case I_ADR:	return adr(w, in);
	case I_CALL:
	case I_CALL_REG: return a64_check_call(w, in);
	case I_JUMP_REG:
	case I_RETURN:	return a64_check_leave(w, in);
	case I_SIGN:
	case I_AUTH:	return a64_check_sign(w, in);
	case I_WRITE_RIGHTS:
	case I_READ_RIGHTS:
	case I_MONITOR:	return a64_check_rights(w, in);
	case I_BARRIER:
	case I_NOP:	return true;
	case I_TRAP:	return false;
	default:	return moat_reject(w, "an instruction that is not known");
	}
}

static bool step(struct moat_walk *w)
{
	struct ins in;

	a64_check_decode(a64_check_word(w->c, w->at), w->at, &in);
	w->next = w->at + 4;
	return w->s.expect ? expected(w, &in) : execute(w, &in);
}

/* Once per instruction, in the order of the code. */
static bool scan(struct moat_walk *w, u32 *next)
{
	struct ins in;

	a64_check_decode(a64_check_word(w->c, w->at), w->at, &in);
	*next = w->at + 4;
	if (in.kind != I_POP)
		w->written |= in.writes;
	switch (in.kind) {
	case I_BAD:
		return moat_reject(w, "an instruction that is not known");
	case I_JUMP:
	case I_CALL:
	case I_BRANCH:
	case I_TEST:
		return moat_target(w, in.to);
	case I_CALL_REG:
		if (w->nr_call == w->max_call)
			return moat_reject(w, "too many calls");
		w->call[w->nr_call++] = w->at;
	}
	return true;
}

/* As run.h says: entry(r1, r2, frame), callback(r1, r2, r3, frame, r4). */
static void enter(struct moat_walk *w, bool callback)
{
	u8 *h = w->s.holds;
	u32 r;

	for (r = 19; r <= REG_FP; r++)
		h[r] = H_OWN;
	h[REG_LINK] = H_LINK;
	h[0] = H_ANY;
	h[1] = callback || w->c->entry_args > 1 ? H_ANY : H_UNKNOWN;
	h[callback ? 3 : 2] = H_FRAME;
	if (callback)
		h[2] = h[4] = H_ANY;
	w->s.fix.rights = w->gates && w->c->gate == MOAT_GATE_RIGHTS ? MOAT_OF_CALLER : MOAT_OF_HOST;
	a64_check_pad(w);
}

const struct moat_walker a64_walker = {
	.shift = 2, .off_reg = REG_TMP, .frame_reg = REG_FRAME, .scan = scan, .step = step, .enter = enter,
	.stub = a64_check_stub,
};
