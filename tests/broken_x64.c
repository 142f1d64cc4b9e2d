/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The emitter for x86-64, broken in named ways. */
#include "../arch-x86/regs.h"
#include "broken.h"

static void plain_load(struct moat *jit, const struct moat_op *op)
{
	x64_ins(&jit->buf, X64_MOV_R_RM, X64_64, x64_reg(op->dst), x64_at(x64_reg(op->src), op->off));
}

static void late_offset(struct moat *jit, const struct moat_op *op)
{
	x64_mov(&jit->buf, X64_32, X64_TMP2, x64_reg(op->src));
	x64_ins(&jit->buf, X64_MOV_R_RM, X64_64, x64_reg(op->dst), x64_at_index(X64_CAGE, X64_TMP2, 0, 1 << 20));
}

static void no_truncation(struct moat *jit, const struct moat_op *op)
{
	x64_ins(&jit->buf, X64_LEA, X64_64, X64_TMP2, x64_at(x64_reg(op->src), op->off));
	x64_ins(&jit->buf, X64_MOV_R_RM, X64_64, x64_reg(op->dst), x64_at_index(X64_CAGE, X64_TMP2, 0, 0));
}

/* The last byte may be the first that others own. */
static void far_offset(struct moat *jit, const struct moat_op *op)
{
	x64_mov(&jit->buf, X64_32, X64_TMP2, x64_reg(op->src));
	x64_ins(&jit->buf, X64_MOV_R_RM, X64_64, x64_reg(op->dst), x64_at_index(X64_CAGE, X64_TMP2, 0, 32768 - 7));
}

static void far_below(struct moat *jit, const struct moat_op *op)
{
	x64_mov(&jit->buf, X64_32, X64_TMP2, x64_reg(op->src));
	x64_ins(&jit->buf, X64_MOV_R_RM, X64_64, x64_reg(op->dst), x64_at_index(X64_CAGE, X64_TMP2, 0, -32769));
}

static void scaled_index(struct moat *jit, const struct moat_op *op)
{
	x64_mov(&jit->buf, X64_32, X64_TMP2, x64_reg(op->src));
	x64_ins(&jit->buf, X64_MOV_R_RM, X64_64, x64_reg(op->dst), x64_at_index(X64_CAGE, X64_TMP2, 1, op->off));
}

static void not_formed(struct moat *jit, const struct moat_op *op)
{
	struct moat_op again = *op;

	again.kept = 1;
	again.keeps = false;
	x64_emit_load(jit, &again);
}

/* What others use as well is formed in 64 bits. */
static void kept_long(struct moat *jit, const struct moat_op *op)
{
	struct moat_op again = *op;

	if (again.keeps)
		x64_mov(&jit->buf, X64_64, X64_TMP2, x64_reg(op->src));
	again.keeps = false;
	x64_emit_load(jit, &again);
}

/* Code that takes TMP2 from those who keep an address in it, with 64 bits of the program's. */
static void take_temporary(struct moat *jit, const struct moat_op *op)
{
	x64_mov(&jit->buf, X64_64, X64_TMP2, x64_reg(op->dst));
	x64_emit_alu(jit, op);
}

static void low_store(struct moat *jit, const struct moat_op *op)
{
	struct moat_op low = *op;

	low.off -= 4096;
	x64_emit_store(jit, &low);
}

static void tell_r10(struct moat *jit, const struct moat_op *op)
{
	x64_mov(&jit->buf, X64_64, x64_reg(op->dst), x64_reg(op->src));
}

static void call(struct moat *jit, const struct moat_op *op, u64 function, bool clear)
{
	x64_leave(jit, X64_LIVE(X64_RDX) | X64_LIVE(X64_RCX), op->pc);
	x64_call_out(jit, op, function, op->imm);
	if (clear)
		x64_clear_args(jit);
	x64_enter(jit, X64_LIVE(X64_RAX), op->pc);
}

static void no_clear(struct moat *jit, const struct moat_op *op)
{
	call(jit, op, jit->opt->call, false);
}

static void no_audit(struct moat *jit, const struct moat_op *op)
{
	struct moat_callee callee;

	jit->opt->callee(jit->opt->arg, op->imm, &callee);
	call(jit, op, callee.address, true);
}

static void no_leave(struct moat *jit, const struct moat_op *op)
{
	x64_call_out(jit, op, jit->opt->call, op->imm);
	x64_clear_args(jit);
	x64_enter(jit, X64_LIVE(X64_RAX), op->pc);
}

static void no_enter(struct moat *jit, const struct moat_op *op)
{
	x64_leave(jit, X64_LIVE(X64_RDX) | X64_LIVE(X64_RCX), op->pc);
	x64_call_out(jit, op, jit->opt->call, op->imm);
	x64_clear_args(jit);
}

static void skip_site(struct moat *jit, const struct moat_op *op)
{
	moat_add_site(jit, op->pc, op->imm);
	x64_emit_helper(jit, op);
}

static void call_r0(struct moat *jit, const struct moat_op *op)
{
	x64_emit_helper(jit, op);
	x64_ins(&jit->buf, X64_CALL_RM, X64_32, 0, x64_r(X64_RAX));
}

static void push_arg(struct moat *jit, const struct moat_op *op)
{
	x64_push(&jit->buf, X64_RBX);
	x64_pop(&jit->buf, X64_RBX);
	x64_emit_alu(jit, op);
}

static void refund(struct moat *jit, const struct moat_op *op)
{
	x64_alu_imm(&jit->buf, 0, X64_64, x64_r(X64_FUEL), 1);
	x64_emit_branch(jit, op);
}

static void branch_inside(struct moat *jit, const struct moat_op *op, u32 to, u8 form)
{
	x64_branch(jit, op, to + 1, form);
}

static void bare_return(struct moat *jit, const struct moat_op *op)
{
	x64_ret(&jit->buf);
}

static void no_save(struct moat *jit, const struct moat_func *func)
{
}

/* As x64_local_exit(), but any index goes. */
static void any_index(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;

	if (jit->cur->start == 0) {
		x64_emit_exit(jit, op);
		return;
	}
	x64_ins(b, X64_MOV_R_RM, X64_32, X64_TMP2, x64_frame_slot(jit, -520));
	x64_lea_code(b, X64_TMP, jit->returns_at);
	x64_ins(b, X64_LEA, X64_64, X64_TMP, x64_at_index(X64_TMP, X64_TMP2, 3, 0));
	x64_ins(b, X64_JMP_RM, X64_32, 0, x64_r(X64_TMP));
}

static s64 never(const struct moat *jit, const u8 *code, u32 bytes, u32 from)
{
	return -1;
}

#define EMIT(K, f)	static void break_##f(struct moat_arch *arch) { arch->emit[MOAT_##K] = f; }
EMIT(LOAD, plain_load)
EMIT(LOAD, late_offset)
EMIT(LOAD, no_truncation)
EMIT(LOAD, far_offset)
EMIT(LOAD, far_below)
EMIT(LOAD, scaled_index)
EMIT(LOAD, not_formed)
EMIT(LOAD, kept_long)
EMIT(ALU, take_temporary)
EMIT(STORE, low_store)
EMIT(MOV, tell_r10)
EMIT(HELPER, no_clear)
EMIT(HELPER, no_audit)
EMIT(HELPER, no_leave)
EMIT(HELPER, no_enter)
EMIT(HELPER, skip_site)
EMIT(HELPER, call_r0)
EMIT(ALU, push_arg)
EMIT(BRANCH, refund)
EMIT(EXIT, bare_return)
EMIT(EXIT, any_index)

static void break_branch(struct moat_arch *arch) { arch->branch = branch_inside; }
static void break_save(struct moat_arch *arch) { arch->local_entry = no_save; }
static void break_prologue(struct moat_arch *arch) { arch->prologue = no_save; }
static void break_search(struct moat_arch *arch) { arch->forbidden = never; }

#define REGISTER	"x86 basereg register"
#define SEGMENT		"x86 basereg segment"
#define PKU		"x86 pku"
#define BOTH		"x86 pku+basereg register"

const struct broken broken_x64[] = {
	{ "load outside of the cage", REGISTER, BROKEN_LOAD, break_plain_load },
	{ "load outside of the segment", SEGMENT, BROKEN_LOAD, break_plain_load },
	{ "offset behind the truncation", REGISTER, BROKEN_LOAD, break_late_offset },
	{ "offset a byte too high", REGISTER, BROKEN_LOAD, break_far_offset },
	{ "offset a byte too low", BOTH, BROKEN_LOAD, break_far_below },
	{ "index times two", REGISTER, BROKEN_LOAD, break_scaled_index },
	{ "no truncation", BOTH, BROKEN_LOAD, break_no_truncation },
	{ "kept address that was not formed", REGISTER, BROKEN_LOAD, break_not_formed },
	{ "kept address of 64 bits", REGISTER, BROKEN_ROW, break_kept_long },
	{ "kept address overwritten", BOTH, BROKEN_ROW, break_take_temporary },
	{ "store below the frame", REGISTER, BROKEN_STORE, break_low_store },
	{ "R10 told as an address", REGISTER, BROKEN_R10, break_tell_r10 },
	{ "arguments not cleared", REGISTER, BROKEN_CALL, break_no_clear },
	{ "arguments not cleared (gates)", PKU, BROKEN_CALL, break_no_clear },
	{ "helper without audit", BOTH, BROKEN_CALL, break_no_audit },
	{ "no gate before a call", PKU, BROKEN_CALL, break_no_leave },
	{ "no gate behind a call", BOTH, BROKEN_CALL, break_no_enter },
	{ "site of another call", REGISTER, BROKEN_CALL, break_skip_site },
	{ "call of a value", REGISTER, BROKEN_CALL, break_call_r0 },
	{ "push in the domain", PKU, BROKEN_CALL, break_push_arg },
	{ "fuel given back", REGISTER, BROKEN_LOOP, break_refund },
	{ "branch into an instruction", REGISTER, BROKEN_LOOP, break_branch },
	{ "return without restoring", REGISTER, BROKEN_STORE, break_bare_return },
	{ "RET behind gates", PKU, BROKEN_LOCAL, break_bare_return },
	{ "return index not masked", BOTH, BROKEN_LOCAL, break_any_index },
	{ "registers not saved by a function", REGISTER, BROKEN_LOCAL, break_save },
	{ "no prologue", REGISTER, BROKEN_LOAD, break_prologue },
	{ "gate bytes in an immediate", PKU, BROKEN_SPELLS, break_search },
};
const u32 nr_broken_x64 = ARRAY_SIZE(broken_x64);
