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

	rm = cage_operand(jit, base, off);
	moat_mark(jit, MOAT_MARK_CAGE, start);
	return rm;
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
