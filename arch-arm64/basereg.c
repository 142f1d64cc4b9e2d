/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory operands: how a guard of the plan becomes an address. */
#include "regs.h"
#include "../jit/plan.h"

/*
 * CAGE + (u32)(addr + off), inside the 4 GiB cage whatever addr holds.  The
 * page after the cage is never mapped: it absorbs an access that starts in the
 * last bytes.  The truncation is a data dependence, so it also holds on a
 * mispredicted path.
 */
static struct a64_operand cage_operand(struct moat *jit, enum a64_reg addr, s32 off)
{
	if (off) {
		a64_add_const(&jit->buf, A64_W, A64_TMP, addr, off, A64_TMP);
		addr = A64_TMP;
	}
	return (struct a64_operand){ .base = a64_cage(jit), .index = addr, .cage = true };
}

/*
 * Whether [Xn, #off] takes no more than [CAGE, Wn, uxtw]: without an offset the
 * latter is one instruction already; atomics want the address in a register.
 */
bool a64_near(const struct moat_op *op)
{
	if (op->kind == MOAT_LOOKUP || op->kind == MOAT_PACKET)
		return false;
	if (op->kind == MOAT_ATOMIC)
		return op->off > -4096 && op->off < 4096;
	return op->off && a64_mem(a64_mem_op(op), A64_ZR, A64_TMP, op->off) != A64_BAD;
}

/*
 * [KEPT, #off], where KEPT is only ever written as CAGE + (u32)addr: whatever
 * addr holds and on whatever path, this is at most 32 KiB outside the cage, and
 * there nothing is mapped (struct moat_frame).  An access that wraps around
 * in 32 bits would land in the edges of the cage, where nothing is either; so
 * it faults both ways, at the same offset in 32 bits.
 */
static struct a64_operand kept_operand(struct moat *jit, const struct moat_op *op, enum a64_reg addr)
{
	enum a64_reg kept = A64_KEPT[op->kept - 1];

	if (op->keeps)
		a64_emit(&jit->buf, a64_add_uxtw(kept, a64_cage(jit), addr));
	return (struct a64_operand){ .base = kept, .off = op->off };
}

struct a64_operand a64_operand(struct moat *jit, const struct moat_op *op, u8 bpf_base)
{
	enum a64_reg base = a64_reg(bpf_base);
	u32 start = jit->buf.len;
	struct a64_operand at = { .base = base, .off = op->off };

	if (bpf_base == BPF_REG_10 && moat_kernel_form(jit->opt))
		return a64_kernel_frame(jit, op->off);
	if (op->guard == MOAT_GUARD_CAGE) {
		at = op->kept ? kept_operand(jit, op, base) : cage_operand(jit, base, op->off);
		moat_mark(jit, MOAT_MARK_CAGE, start);
	}
	return at;
}

struct a64_operand a64_frame_slot(struct moat *jit, s32 off)
{
	if (jit->basereg && jit->gates)
		return cage_operand(jit, A64_FRAME, off);
	return (struct a64_operand){ .base = A64_FRAME, .off = off };
}

void a64_access(struct moat *jit, enum a64_mem op, enum a64_reg rt, struct a64_operand at)
{
	s32 low;
	u32 word;

	if (at.cage) {
		a64_emit(&jit->buf, a64_mem_uxtw(op, rt, at.base, at.index));
		return;
	}
	word = a64_mem(op, rt, at.base, at.off);
	if (word == A64_BAD) {
		/* What one addition cannot add may fit into the access itself. */
		low = at.off > 0xfff || at.off < -0xfff ? at.off & 0xfff : 0;
		word = a64_mem(op, rt, A64_TMP, low);
		if (word == A64_BAD) {
			low = 0;
			word = a64_mem(op, rt, A64_TMP, low);
		}
		a64_add_const(&jit->buf, A64_X, A64_TMP, at.base, at.off - low, A64_TMP);
	}
	a64_emit(&jit->buf, word);
}

enum a64_reg a64_address(struct moat *jit, struct a64_operand at)
{
	if (at.cage)
		a64_emit(&jit->buf, a64_add_uxtw(A64_TMP, at.base, at.index));
	else if (at.off)
		a64_add_const(&jit->buf, A64_X, A64_TMP, at.base, at.off, A64_TMP);
	else
		return at.base;
	return A64_TMP;
}

enum a64_reg a64_value(struct moat *jit, u8 bpf, enum a64_reg tmp)
{
	if (bpf == BPF_REG_10 && moat_kernel_form(jit->opt))
		return a64_kernel_r10(jit, tmp);
	if (bpf != BPF_REG_10 || !jit->basereg)
		return a64_reg(bpf);

	a64_mov(&jit->buf, A64_W, tmp, A64_FRAME);
	return tmp;
}
