/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which divisions cannot be by zero, because a branch in front of them has tested the divisor.
 *
 * The kernel's verifier puts such a branch in front of every division by a
 * register.  Only the instructions themselves are believed: every way to the
 * division must come right from the test.
 */
#include "plan.h"

/* Slots in front of a division in which the branch that leads to it is looked for. */
#define MAX_BACK	4

static bool tests_divisor(const struct moat_op *branch, u8 fn, const struct moat_op *div)
{
	return branch->kind == MOAT_BRANCH && branch->fn == fn && branch->has_imm && branch->imm == 0 &&
	       branch->dst == div->src && (div->is64 || !branch->is64);
}

/* Can slot @i be reached from the one in front of it, with a divisor that may be 0? */
static bool falls_in(const struct moat *jit, u32 i)
{
	const struct moat_op *before = &jit->op[i - 1];

	if (before->kind == MOAT_JUMP || before->kind == MOAT_EXIT)
		return false;
	return !tests_divisor(before, BPF_JEQ, &jit->op[i]);
}

/* Can slot @i be reached by a jump, with a divisor that may be 0? */
static bool jumps_in(const struct moat *jit, u32 i)
{
	u32 k;

	if (!(jit->live[i] & MOAT_TARGET))
		return false;
	for (k = 1; k <= MAX_BACK && k <= i && !(jit->live[i] & MOAT_TARGETS); k++) {
		const struct moat_op *branch = &jit->op[i - k];

		if (branch->kind == MOAT_BRANCH && branch->target == i)
			return !tests_divisor(branch, BPF_JNE, &jit->op[i]);
	}
	return true;
}

void moat_find_divisors(struct moat *jit)
{
	u32 i;

	for (i = 1; i < jit->len; i++) {
		struct moat_op *op = &jit->op[i];

		if (op->kind == MOAT_DIV && !op->has_imm)
			op->nonzero = !falls_in(jit, i) && !jumps_in(jit, i);
	}
}
