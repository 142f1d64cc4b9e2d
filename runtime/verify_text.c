/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What stands in a program's text about its registers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verify_text.h"

enum { BY_JUMP = 1, BY_CALL = 2 };

static bool is_wide(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static bool is_jump(u8 code)
{
	return BPF_CLASS(code) == BPF_JMP || BPF_CLASS(code) == BPF_JMP32;
}

static void enter(struct moat_text_walk *t, s64 pc, u8 how)
{
	if (pc >= 0 && pc < t->len)
		t->entered[pc] |= how;
}

static void mark_entered(struct moat_text_walk *t)
{
	u32 i;

	for (i = 0; i < t->len; i++) {
		const struct bpf_insn *insn = &t->insn[i];
		s64 next = (s64)i + 1;

		if (is_wide(insn)) {
			if (insn->src_reg == BPF_PSEUDO_FUNC)
				enter(t, next + insn->imm, BY_CALL);
			i++;
		} else if (insn->code == (BPF_JMP | BPF_CALL)) {
			if (insn->src_reg == BPF_PSEUDO_CALL)
				enter(t, next + insn->imm, BY_CALL);
		} else if (insn->code == (BPF_JMP32 | BPF_JA)) {
			enter(t, next + insn->imm, BY_JUMP);
		} else if (is_jump(insn->code)) {
			enter(t, next + insn->off, BY_JUMP);
		}
	}
}

/* Nothing is told but of R10. */
static void forget(struct moat_text_walk *t)
{
	memset(t->reg, 0, sizeof(t->reg));
	t->reg[BPF_REG_10].told = MOAT_TOLD_FRAME;
}

int moat_text_start(struct moat_text_walk *t, const struct bpf_insn *insn, u32 len)
{
	*t = (struct moat_text_walk) { .insn = insn, .len = len, .entered = calloc(len + 1, 1) };
	if (!t->entered)
		return -ENOMEM;
	mark_entered(t);
	t->in_main = !(t->entered[0] & BY_CALL);
	forget(t);
	return 0;
}

static void number(struct moat_text_value *v, u64 n)
{
	*v = (struct moat_text_value) { MOAT_TOLD_NUMBER, n };
}

/* Copies, and constants that are added; all else makes something that is not told. */
static void compute(struct moat_text_walk *t, const struct bpf_insn *insn)
{
	struct moat_text_value *dst = &t->reg[insn->dst_reg], src = t->reg[insn->src_reg];
	bool wide = BPF_CLASS(insn->code) == BPF_ALU64;

	switch (insn->code) {
	case BPF_ALU64 | BPF_MOV | BPF_K:
		number(dst, (s64)insn->imm);
		return;
	case BPF_ALU | BPF_MOV | BPF_K:
		number(dst, (u32)insn->imm);
		return;
	case BPF_ALU64 | BPF_MOV | BPF_X:
	case BPF_ALU | BPF_MOV | BPF_X:
		if (!insn->off && src.told && (wide || src.told == MOAT_TOLD_NUMBER)) {
			*dst = src;
			dst->n = wide ? src.n : (u32)src.n;
			return;
		}
		break;
	case BPF_ALU64 | BPF_ADD | BPF_K:
		dst->n += (s64)insn->imm;
		return;
	}
	dst->told = MOAT_TOLD_NOTHING;
}

static void load(struct moat_text_walk *t, const struct bpf_insn *insn)
{
	struct moat_text_value *dst = &t->reg[insn->dst_reg];

	if (!is_wide(insn)) {	/* of the packet: like a call */
		memset(t->reg, 0, (BPF_REG_5 + 1) * sizeof(t->reg[0]));
		return;
	}
	dst->told = MOAT_TOLD_NOTHING;
	if (insn->src_reg == BPF_PSEUDO_FUNC)
		number(dst, (s64)t->pc + 1 + insn->imm);
	else if (!insn->src_reg)
		number(dst, (u32)insn[0].imm | (u64)insn[1].imm << 32);
}

static void jump(struct moat_text_walk *t, const struct bpf_insn *insn)
{
	u8 op = BPF_OP(insn->code);

	if (op == BPF_CALL)
		memset(t->reg, 0, (BPF_REG_5 + 1) * sizeof(t->reg[0]));
	else if (op == BPF_JA || op == BPF_EXIT)
		forget(t);	/* what follows is not reached from here */
}

bool moat_text_next(struct moat_text_walk *t)
{
	const struct bpf_insn *insn = &t->insn[t->pc];

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		compute(t, insn);
		break;
	case BPF_LDX:
		t->reg[insn->dst_reg].told = MOAT_TOLD_NOTHING;
		break;
	case BPF_LD:
		load(t, insn);
		break;
	case BPF_STX:		/* an atomic one may change its operand, or R0 */
		if (BPF_MODE(insn->code) == BPF_ATOMIC)
			t->reg[insn->src_reg].told = t->reg[BPF_REG_0].told = MOAT_TOLD_NOTHING;
		break;
	case BPF_JMP:
	case BPF_JMP32:
		jump(t, insn);
		break;
	}
	if (t->reg[BPF_REG_10].told != MOAT_TOLD_FRAME)
		forget(t);
	t->pc += 1 + is_wide(insn);
	if (t->pc >= t->len)
		return false;
	if (t->entered[t->pc])
		forget(t);
	if (t->entered[t->pc] & BY_CALL)
		t->in_main = false;
	return true;
}
