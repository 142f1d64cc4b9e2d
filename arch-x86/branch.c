/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Jumps and conditional jumps (RFC 9669 section 4.3), and their fuel. */
#include "regs.h"

static enum x64_cc condition(u8 fn)
{
	static const u8 cc[16] = {
		[BPF_JEQ >> 4] = X64_E, [BPF_JNE >> 4] = X64_NE, [BPF_JSET >> 4] = X64_NE,
		[BPF_JGT >> 4] = X64_A, [BPF_JGE >> 4] = X64_AE, [BPF_JLT >> 4] = X64_B, [BPF_JLE >> 4] = X64_BE,
		[BPF_JSGT >> 4] = X64_G, [BPF_JSGE >> 4] = X64_GE, [BPF_JSLT >> 4] = X64_L, [BPF_JSLE >> 4] = X64_LE,
	};

	return cc[fn >> 4];
}

/*
 * A jump back costs the slots it goes over, so fuel is about the number of
 * instructions that a loop runs.  FUEL is a register that bytecode cannot name.
 * A number that spells a gate is charged for a few instructions more.
 */
static void charge(struct moat *jit, const struct moat_op *op)
{
	u32 start = jit->buf.len;

	if (!jit->uses_fuel || op->target > op->pc)
		return;
	x64_alu_imm(&jit->buf, 5, X64_64, x64_r(X64_FUEL), op->pc - op->target + 1 + op->split);
	x64_trap_if(jit, X64_B, op->pc, MOAT_FAULT_FUEL);
	moat_mark(jit, MOAT_MARK_FUEL, start);
}

static void compare_imm(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	enum x64_reg dst = x64_value(jit, op->dst, X64_TMP);

	if (op->fn != BPF_JSET && op->imm == 0) {
		x64_ins(b, X64_TEST_RM_R, x64_width(op), dst, x64_r(dst));
	} else if (op->fn != BPF_JSET) {
		x64_alu_imm(b, 7, x64_width(op), x64_r(dst), op->imm);
	} else if (op->imm >= 0 && op->imm < 128) {
		x64_ins(b, X64_TEST_RM_I8, X64_32, 0, x64_r(dst));
		moat_put(b, op->imm, 1);
	} else {
		x64_ins(b, X64_TEST_RM_I, op->imm >= 0 ? X64_32 : x64_width(op), 0, x64_r(dst));
		moat_put(b, op->imm, 4);
	}
}

void x64_emit_branch(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	enum x64_reg dst, src;

	charge(jit, op);
	if (op->has_imm && !moat_is_apart(op)) {
		compare_imm(jit, op);
		return;
	}
	dst = x64_value(jit, op->dst, X64_TMP);
	src = X64_TMP2;
	if (op->has_imm)
		x64_load_imm(jit, op, src, op->imm);
	else
		src = x64_value(jit, op->src, X64_TMP2);
	x64_ins(b, op->fn == BPF_JSET ? X64_TEST_RM_R : X64_CMP_RM_R, x64_width(op), src, x64_r(dst));
}

void x64_emit_jump(struct moat *jit, const struct moat_op *op)
{
	charge(jit, op);
}

void x64_branch(struct moat *jit, const struct moat_op *op, u32 to, u8 form)
{
	struct moat_buf *b = &jit->buf;

	if (op->kind == MOAT_BRANCH && form == MOAT_SHORT)
		x64_jcc_short(b, condition(op->fn), to);
	else if (op->kind == MOAT_BRANCH)
		x64_jcc(b, condition(op->fn), to);
	else if (form == MOAT_SHORT)
		x64_jmp_short(b, to);
	else
		x64_jmp(b, to);
}
