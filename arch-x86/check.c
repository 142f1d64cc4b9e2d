/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The checker for x86-64: what each instruction may do in the state it is reached in.
 *
 * Registers that bytecode cannot name are trusted: RSP, RBP (R10), R9 (fuel),
 * R12 (the cage base, in the register form), and R10 and R11 as temporaries.
 */
#include "check_insn.h"

static bool is_trap(struct moat_walk *w, s64 to)
{
	if (!moat_is_start(w, to) || w->c->code[to] != 0x0f || w->c->code[to + 1] != 0x0b)
		return moat_reject(w, "a check does not lead to a trap");
	w->map[to] |= WALK_SEEN;
	return true;
}

/* The instruction that must follow, does it? */
static bool expected(struct moat_walk *w, const struct ins *in)
{
	u8 expect = w->s.expect;
	bool branch = in->kind == I_BRANCH;

	w->s.expect = X_ANYTHING;
	switch (expect) {
	case X_COMPARE:
		w->s.expect = X_GATE_TRAP;
		if (in->kind == I_ALU_IMM && !in->mem && in->base == RAX && in->digit == 7 && in->width == 4 &&
		    w->s.holds[RAX] == H_CONST && (u32)in->imm == (u32)w->value[RAX])
			return true;
		break;
	case X_GATE_TRAP:
		if (branch && in->digit == 5)
			return is_trap(w, in->to);
		break;
	case X_FUEL_TRAP:
		if (branch && in->digit == 2)
			return is_trap(w, in->to);
		break;
	case X_IF_CALLER:
		if (!branch || in->digit != 4)
			break;
		w->s.fix.rights = MOAT_OF_CALLER;
		moat_flow(w, in->to);
		w->s.fix.rights = MOAT_OF_HOST;
		return true;
	}
	return moat_reject(w, "a pattern (gate, fuel) does not go on as it must");
}

static bool execute(struct moat_walk *w, const struct ins *in)
{
	switch (in->kind) {
	case I_PLAIN:	return x64_check_plain(w, in);
	case I_XOR:	return x64_check_xor(w, in);
	case I_ALU_IMM:	return in->mem && in->base == RSP ? x64_check_slot(w, in) : x64_check_alu_imm(w, in);
	case I_SHIFT_IMM: return x64_check_shift_imm(w, in);
	case I_COMPARE:	return x64_check_compare(w, in);
	case I_MOV:	return x64_check_mov(w, in);
	case I_MOV_IMM:	return x64_check_mov_imm(w, in);
	case I_LEA:	return x64_check_lea(w, in);
	case I_PUSH:
	case I_POP:	return x64_check_stack(w, in);
	case I_CALL:
	case I_CALL_REG: return x64_check_call(w, in);
	case I_WRPKRU:
	case I_RDPKRU:
	case I_RDGSBASE:
	case I_WRGSBASE: return x64_check_rights(w, in);
	case I_JUMP_REG:
	case I_RETURN:	return x64_check_leave(w, in);
	case I_JUMP:
		moat_flow(w, in->to);
		return false;
	case I_BRANCH:
		moat_flow(w, in->to);
		return true;
	case I_NOP:	return true;
	case I_TRAP:	return false;
	default:	return moat_reject(w, "an instruction that is not known");
	}
}

static bool step(struct moat_walk *w)
{
	struct ins in;

	x64_check_next(w, &in);
	w->next = w->at + in.bytes;
	if (w->s.expect)
		return expected(w, &in);
	return execute(w, &in);
}

/* Once per instruction, in the order of the code ---------------------------- */

/* WRPKRU, WRMSR and XRSTOR, wherever their bytes begin. */
static bool spells_gate(const u8 *code)
{
	return code[0] == 0x0f && (code[1] == 0x30 || (code[1] == 0x01 && code[2] == 0xef) ||
				   (code[1] == 0xae && (code[2] & 0x38) == 0x28 && code[2] < 0xc0));
}

/* A gate also where nothing leads to it: compared and trapped, or the caller's rights restored. */
static bool is_whole_gate(const struct moat_check *c, u32 at)
{
	static const u8 saved[] = { 0x8b, 0x44, 0x24, 0x18 };
	const u8 *code = c->code + at;

	if (at >= sizeof(saved) && !memcmp(code - sizeof(saved), saved, sizeof(saved)))
		return true;
	return at + 14 <= c->bytes && code[3] == 0x3d && code[8] == 0x0f && code[9] == 0x85;
}

static bool scan_gates(struct moat_walk *w, const struct ins *in)
{
	const struct moat_check *c = w->c;
	u32 i = w->at, end = i + in->bytes;

	if (in->kind == I_WRPKRU && !is_whole_gate(c, i++))
		return moat_reject(w, "WRPKRU outside of a gate");
	for (; i < end && i + 3 <= c->bytes; i++)
		if (spells_gate(c->code + i))
			return moat_reject(w, "bytes that spell a gate where there is none");
	return true;
}

static bool scan(struct moat_walk *w, u32 *next)
{
	struct ins in;
	bool out;

	x64_check_next(w, &in);
	*next = w->at + in.bytes;
	if (in.kind == I_BAD)
		return moat_reject(w, "an instruction that is not known");
	if ((w->gates && !scan_gates(w, &in)) || (in.kind == I_RETURN && !x64_check_stops(w, &in)))
		return false;
	w->written |= in.writes;
	out = in.kind == I_CALL_REG || (in.kind == I_CALL && (in.to < 0 || in.to >= w->c->bytes));
	if (!out)
		return (in.kind != I_CALL && in.kind != I_JUMP && in.kind != I_BRANCH) || moat_target(w, in.to);
	if (w->nr_call == w->max_call)
		return moat_reject(w, "too many calls");
	w->call[w->nr_call++] = w->at;
	return true;
}

/* As run.h says: entry(r1, r2, frame), callback(r1, r2, r3, frame, r4). */
static void enter(struct moat_walk *w, bool callback)
{
	static const u8 own[] = { RBX, RBP, R12, R13, R14, R15 };
	u8 *h = w->s.holds;
	u32 i;

	for (i = 0; i < sizeof(own); i++)
		h[own[i]] = H_OWN;
	h[RDI] = H_ANY;
	h[RSI] = callback || w->c->entry_args > 1 ? H_ANY : H_UNKNOWN;
	h[callback ? RCX : RDX] = H_FRAME;
	if (callback)
		h[RDX] = h[R8] = H_ANY;
	w->s.fix.rights = w->gates ? MOAT_OF_CALLER : MOAT_OF_HOST;
	x64_check_pad(w);
}

const struct moat_walker x64_walker = {
	.off_reg = R11, .frame_reg = RBP, .scan = scan, .step = step, .enter = enter,
	.stub = x64_check_stub,
};
