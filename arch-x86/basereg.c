/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory operands: how a guard of the plan becomes an address. */
#include "regs.h"
#include "../jit/plan.h"

/*
 * CAGE + (u32)(base + disp), inside the 4 GiB cage whatever base holds.  The
 * page after the cage is never mapped: it absorbs an access that starts in the
 * last bytes.  The truncation is a data dependence, so it also holds on a
 * mispredicted path.
 */
static struct x64_rm cage_operand(struct moat *jit, enum x64_reg base, s32 disp)
{
	if (jit->form == MOAT_BASE_SEGMENT)
		return x64_at_segment(base, disp);

	if (disp)
		x64_ins(&jit->buf, X64_LEA, X64_32, X64_TMP2, x64_at(base, disp));
	else
		x64_mov(&jit->buf, X64_32, X64_TMP2, base);
	return x64_at_index(X64_CAGE, X64_TMP2, 0, 0);
}

/*
 * [CAGE + TMP2 + off] is as long as what adds the offset before.  The loops of
 * fetching atomics need the whole address in TMP2, and so does what puts
 * together a displacement that would spell a gate.
 */
bool x64_near(const struct moat_op *op)
{
	if (op->kind == MOAT_LOOKUP || op->kind == MOAT_PACKET || (op->kind == MOAT_ATOMIC && op->imm & BPF_FETCH))
		return false;
	return !op->split && op->off + op->bytes <= MOAT_BESIDE;
}

/*
 * Whose code does not write TMP2: the one place that knows it.  A kind that
 * comes to use it must be taken out here, or programs compute nonsense; they
 * stay confined even so, as the checker proves what TMP2 holds.
 */
bool x64_spares(const struct moat_op *op)
{
	if (op->split)
		return false;
	switch (op->kind) {
	case MOAT_ALU:
	case MOAT_MOV:
	case MOAT_SWAP:
	case MOAT_IMM64:
	case MOAT_LEA:
	case MOAT_ROTATE:
	case MOAT_NOP:
		return true;
	case MOAT_SHIFT:
		return op->has_imm;
	case MOAT_BRANCH:	/* a constant of parts is there; of R10 the offset is compared */
		return !op->blinded && !(moat_op_regs(op) & 1 << BPF_REG_10);
	case MOAT_LOAD:
	case MOAT_STORE:
	case MOAT_GATHER:
		return op->kept || op->guard == MOAT_GUARD_FRAME;
	case MOAT_ATOMIC:
		return op->kept;
	default:
		return false;
	}
}

/*
 * [CAGE + TMP2 + off], where TMP2 is only ever written as (u32)base: whatever
 * base holds and on whatever path, this is at most 32 KiB outside the cage, and
 * there nothing is mapped.  An access that wraps around in 32 bits would land
 * in the edges of the cage, where nothing is either; so it faults both ways.
 */
static struct x64_rm kept_operand(struct moat *jit, const struct moat_op *op, enum x64_reg base)
{
	if (op->keeps)
		x64_mov(&jit->buf, X64_32, X64_TMP2, base);
	return x64_at_index(X64_CAGE, X64_TMP2, 0, op->off);
}

/* A displacement that spells a gate is added in two steps.  Only four-byte ones can; those in the frame do not. */
static bool is_split(const struct moat_op *op)
{
	return op->split && op->guard != MOAT_GUARD_FRAME && !fits_signed(op->off, 8);
}

struct x64_rm x64_operand(struct moat *jit, const struct moat_op *op, u8 bpf_base)
{
	enum x64_reg base = x64_reg(bpf_base);
	u32 start = jit->buf.len;
	struct x64_rm rm;
	s32 off = op->off;

	if (is_split(op)) {
		x64_ins(&jit->buf, X64_LEA, X64_64, X64_TMP2, x64_at(base, off - op->split));
		base = X64_TMP2;
		off = op->split;
	}
	if (op->guard != MOAT_GUARD_CAGE)
		return x64_at(base, off);

	if (op->kept && jit->form == MOAT_BASE_REGISTER)
		rm = kept_operand(jit, op, base);
	else
		rm = cage_operand(jit, base, off);
	moat_mark(jit, MOAT_MARK_CAGE, start);
	return rm;
}

struct x64_rm x64_packet_operand(struct moat *jit, s32 off)
{
	if (jit->form == MOAT_BASE_SEGMENT)
		return x64_at_segment(X64_TMP2, off);
	return x64_at_index(X64_CAGE, X64_TMP2, 0, off);
}

struct x64_rm x64_frame_slot(struct moat *jit, s32 off)
{
	if (jit->basereg && jit->gates)
		return cage_operand(jit, X64_FRAME, off);
	return x64_at(X64_FRAME, off);
}

enum x64_reg x64_value(struct moat *jit, u8 bpf, enum x64_reg tmp)
{
	if (bpf != BPF_REG_10 || !jit->basereg)
		return x64_reg(bpf);

	x64_mov(&jit->buf, X64_32, tmp, X64_FRAME);
	return tmp;
}
