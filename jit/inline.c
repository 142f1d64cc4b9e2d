/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Helper calls that the image does itself: no gate, no call, nothing to audit. */
#include "plan.h"

/*
 * The constant that R1 holds at the call in slot @i, or 0.  Known to the
 * emitter from the instructions alone: nothing jumps in between, and every
 * call (behind which a forged return could land) overwrites R1.
 */
static u64 constant_r1(const struct moat *jit, u32 i)
{
	while (!(jit->live[i] & MOAT_TARGET) && i-- > 0) {
		const struct moat_op *op = &jit->op[i];

		if (!(moat_op_defs(op) & 1 << BPF_REG_1))
			continue;
		return op->kind == MOAT_IMM64 ? op->imm : 0;
	}
	return 0;
}

static void inline_call(struct moat *jit, u32 i)
{
	struct moat_inline how = { .kind = MOAT_INLINE_NO };
	struct moat_op *op = &jit->op[i];
	u64 r1 = constant_r1(jit, i);

	jit->opt->inlined(jit->opt->arg, op->imm, r1, &how);
	/* How large and how many an array's values are its author has chosen. */
	if (jit->opt->blind && how.kind == MOAT_INLINE_ARRAY)
		return;
	if (jit->gates && (how.kind == MOAT_INLINE_CPU || how.cpu_bytes))
		return;		/* the frame lies in host memory */
	if (how.kind == MOAT_INLINE_CPU) {
		op->kind = MOAT_CPU;
		op->dst = BPF_REG_0;
	} else if (how.kind == MOAT_INLINE_ARRAY) {
		*op = (struct moat_op){ .pc = op->pc, .kind = MOAT_LOOKUP, .imm = r1, .dst = BPF_REG_0,
					.src = BPF_REG_2, .bytes = 4 };
	}
}

void moat_inline(struct moat *jit)
{
	u32 i;

	for (i = 0; jit->opt->inlined && i < jit->len; i++)
		if (jit->op[i].kind == MOAT_HELPER)
			inline_call(jit, i);
}
