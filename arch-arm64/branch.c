/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Jumps and conditional jumps (RFC 9669 section 4.3), and their fuel. */
#include "regs.h"

static enum a64_cond condition(u8 fn)
{
	static const u8 cond[16] = {
		[BPF_JEQ >> 4] = A64_EQ, [BPF_JNE >> 4] = A64_NE, [BPF_JSET >> 4] = A64_NE,
		[BPF_JGT >> 4] = A64_HI, [BPF_JGE >> 4] = A64_HS, [BPF_JLT >> 4] = A64_LO, [BPF_JLE >> 4] = A64_LS,
		[BPF_JSGT >> 4] = A64_GT, [BPF_JSGE >> 4] = A64_GE, [BPF_JSLT >> 4] = A64_LT, [BPF_JSLE >> 4] = A64_LE,
	};

	return cond[fn >> 4];
}

/* FUEL is a register that bytecode cannot name. */
void a64_charge(struct moat *jit, u32 pc, u32 slots)
{
	enum a64_reg fuel = a64_fuel(jit);
	u32 start = jit->buf.len;

	if (!jit->uses_fuel)
		return;
	if (slots <= 0xfff) {
		a64_emit(&jit->buf, a64_rri(A64_SUBSI, A64_X, fuel, fuel, slots));
	} else {
		a64_mov_imm(&jit->buf, A64_TMP, slots);
		a64_emit(&jit->buf, a64_rrr(A64_SUBS, A64_X, fuel, fuel, A64_TMP));
	}
	a64_trap_if(jit, A64_LO, pc, MOAT_FAULT_FUEL);
	moat_mark(jit, MOAT_MARK_FUEL, start);
}

/* A jump back costs the slots it goes over, so fuel is about the number of instructions that a loop runs. */
static void charge(struct moat *jit, const struct moat_op *op)
{
	if (op->target <= op->pc)
		a64_charge(jit, op->pc, op->pc - op->target + 1);
}

/* What the branch itself can look at in one register. */
struct test {
	enum { TEST_FLAGS, TEST_ZERO, TEST_BIT } how;
	bool set;		/* taken if the register is not zero, or the bit is set */
	u8 bit;
};

/* Comparisons with a constant that ask for zero, or for the sign. */
static const struct {
	u8 fn;
	s8 imm;
	bool sign, set;
} simple[] = {
	{ BPF_JEQ, 0, false, false }, { BPF_JNE, 0, false, true },
	{ BPF_JGT, 0, false, true }, { BPF_JLE, 0, false, false },
	{ BPF_JGE, 1, false, true }, { BPF_JLT, 1, false, false },
	{ BPF_JSLT, 0, true, true }, { BPF_JSGE, 0, true, false },
	{ BPF_JSLE, -1, true, true }, { BPF_JSGT, -1, true, false },
};

static struct test test_of(const struct moat *jit, const struct moat_op *op)
{
	u64 bits = op->is64 ? (u64)op->imm : (u32)op->imm;
	struct test t = { TEST_FLAGS };
	u32 i;

	if (!op->has_imm || op->blinded || op->dst == BPF_REG_10)
		return t;
	if (op->fn == BPF_JSET && is_one_bit(bits) && a64_is_small(jit))
		return (struct test){ TEST_BIT, true, bit_number(bits) };
	for (i = 0; i < ARRAY_SIZE(simple); i++) {
		if (simple[i].fn != op->fn || simple[i].imm != op->imm || (simple[i].sign && !a64_is_small(jit)))
			continue;
		t.how = simple[i].sign ? TEST_BIT : TEST_ZERO;
		t.set = simple[i].set;
		t.bit = op->is64 ? 63 : 31;
	}
	return t;
}

static void test_bits(struct moat *jit, const struct moat_op *op, enum a64_reg dst)
{
	enum a64_size sf = a64_width(op);
	u32 word = A64_BAD;

	if (op->has_imm) {
		s64 imm = op->is64 ? op->imm : (s64)(u32)op->imm;

		if (!op->blinded)
			word = a64_rrl(A64_ANDSI, sf, A64_ZR, dst, imm);
		if (word == A64_BAD) {
			a64_load_imm(jit, op, A64_TMP2, imm);
			word = a64_rrr(A64_ANDS, sf, A64_ZR, dst, A64_TMP2);
		}
	} else {
		word = a64_rrr(A64_ANDS, sf, A64_ZR, dst, a64_value(jit, op->src, A64_TMP2));
	}
	a64_emit(&jit->buf, word);
}

/* What it is compared with, in a register. */
static enum a64_reg compared(struct moat *jit, const struct moat_op *op)
{
	if (!op->has_imm)
		return a64_value(jit, op->src, A64_TMP2);
	a64_load_imm(jit, op, A64_TMP2, op->imm);
	return A64_TMP2;
}

void a64_emit_branch(struct moat *jit, const struct moat_op *op)
{
	enum a64_reg dst;

	charge(jit, op);
	if (test_of(jit, op).how != TEST_FLAGS)
		return;
	dst = a64_value(jit, op->dst, A64_TMP);
	if (op->fn == BPF_JSET)
		test_bits(jit, op, dst);
	else if (op->has_imm && !op->blinded)
		a64_cmp_const(&jit->buf, a64_width(op), dst, op->imm, A64_TMP2);
	else
		a64_emit(&jit->buf, a64_rrr(A64_SUBS, a64_width(op), A64_ZR, dst, compared(jit, op)));
}

void a64_emit_jump(struct moat *jit, const struct moat_op *op)
{
	charge(jit, op);
}

/* The conditional branch, taken if @sense, over @off bytes. */
static u32 conditional(const struct moat *jit, const struct moat_op *op, bool sense, s64 off)
{
	struct test t = test_of(jit, op);
	bool set = t.set == sense;

	if (t.how == TEST_ZERO)
		return a64_cb(set ? A64_CBNZ : A64_CBZ, a64_width(op), a64_reg(op->dst), off);
	if (t.how == TEST_BIT)
		return a64_tb(set ? A64_TBNZ : A64_TBZ, a64_reg(op->dst), t.bit, off);
	return a64_bcond(condition(op->fn) ^ !sense, off);	/* conditions come in pairs of opposites */
}

void a64_branch_to(struct moat *jit, const struct moat_op *op, u32 to, u8 form)
{
	struct moat_buf *b = &jit->buf;

	if (op->kind == MOAT_BRANCH && form == MOAT_SHORT) {
		a64_emit(b, conditional(jit, op, true, (s64)to - b->len));
		return;
	}
	if (op->kind == MOAT_BRANCH)
		a64_emit(b, conditional(jit, op, false, 8));
	a64_emit(b, a64_branch(A64_B, (s64)to - b->len));
}
