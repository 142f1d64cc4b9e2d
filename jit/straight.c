/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the code that follows says about registers: which addresses can be
 * kept, which values are never seen.
 *
 * One walk and nothing to solve, so whoever reads the emitted code can check
 * the outcome the same way.
 */
#include "plan.h"

#define NOT_KEPT	0xff
#define ALL_REGS	0xffff

/* The base registers whose address is kept at the moment. */
struct kept {
	const struct moat_arch *arch;
	u8 base[MOAT_MAX_KEPT];
	u32 used[MOAT_MAX_KEPT];		/* slot of the last access */
	struct moat_op *alone[MOAT_MAX_KEPT];	/* the access that keeps it, until a second one comes */
};

/* A register that others need as well is kept for two accesses at least: what forms the address for one is free to. */
static void drop(struct kept *k, u32 i)
{
	if (k->base[i] != NOT_KEPT && k->alone[i] && k->arch->spares) {
		k->alone[i]->kept = 0;
		k->alone[i]->keeps = false;
	}
	k->base[i] = NOT_KEPT;
}

static void forget(struct kept *k, u16 regs)
{
	u32 i;

	for (i = 0; i < k->arch->nr_kept; i++)
		if (k->base[i] != NOT_KEPT && regs & 1 << k->base[i])
			drop(k, i);
}

/* The register that keeps @base, or else the one that is free or unused for longest. */
static u32 choose(const struct kept *k, u8 base)
{
	u32 i, best = 0;

	for (i = 0; i < k->arch->nr_kept; i++)
		if (k->base[i] == base)
			return i;
	for (i = 1; i < k->arch->nr_kept && k->base[best] != NOT_KEPT; i++)
		if (k->base[i] == NOT_KEPT || k->used[i] < k->used[best])
			best = i;
	return best;
}

static void keep(struct kept *k, struct moat_op *op)
{
	u8 base = moat_op_base(op);
	u32 i = choose(k, base);

	op->keeps = k->base[i] != base;
	if (op->keeps)
		drop(k, i);
	op->kept = i + 1;
	k->alone[i] = op->keeps ? op : NULL;
	k->base[i] = base;
	k->used[i] = op->pc;
}

/* Does an address that is kept in front of @op no longer hold behind it, whatever its base? */
static bool ends_all(const struct kept *k, const struct moat_op *op)
{
	return moat_is_call(op) || op->kind == MOAT_JUMP || op->kind == MOAT_EXIT ||
	       (k->arch->spares && !k->arch->spares(op));
}

/*
 * Past a branch that is not taken the addresses are still good.  What comes
 * behind a call finds other values in the registers, and so may what a jump
 * leads to.
 */
void moat_plan_kept(struct moat *jit)
{
	struct kept k = { .arch = jit->arch };
	u32 i;

	if (!k.arch->nr_kept || jit->opt->plain)
		return;
	memset(k.base, NOT_KEPT, sizeof(k.base));
	for (i = 0; i < jit->len; i++) {
		struct moat_op *op = &jit->op[i];

		if (jit->live[i] & MOAT_TARGET)
			forget(&k, ALL_REGS);
		op->kept = 0;
		op->keeps = false;
		if (op->guard == MOAT_GUARD_CAGE && k.arch->near(op))
			keep(&k, op);
		forget(&k, ends_all(&k, op) ? ALL_REGS : moat_op_defs(op));
	}
	forget(&k, ALL_REGS);
}

#define MAX_LOOK	64
#define R0		(1 << BPF_REG_0)
#define ARGS		0x3e	/* R1-R5 */

/* Those of @regs that @op might read itself, or hand on to who reads them. */
static u16 reads(const struct moat *jit, const struct moat_op *op, u32 i, u16 regs)
{
	switch (op->kind) {
	case MOAT_HELPER:
		return regs & (jit->opt->args ? jit->opt->args(jit->opt->arg, op->imm) : ARGS);
	case MOAT_TAIL:
		return regs & ARGS;
	case MOAT_EXIT:		/* the caller of a local function is not looked at */
		return i < jit->func[0].end ? regs & R0 : regs;
	case MOAT_LOCAL:
	case MOAT_PACKET:
		return regs;
	default:
		return regs & moat_op_uses(op);
	}
}

/* The same for all code that can be reached from slot @i; when *@left slots were looked at, any may be read. */
static u16 read_from(const struct moat *jit, u32 i, u16 regs, u32 *left)
{
	u16 found = 0;

	while (regs && i < jit->len) {
		const struct moat_op *op = &jit->op[i++];

		if (!*left)
			return found | regs;
		--*left;
		found |= reads(jit, op, i - 1, regs);
		regs &= ~(found | moat_op_defs(op));
		if (op->kind == MOAT_EXIT)
			return found;
		if (op->kind == MOAT_BRANCH)
			found |= read_from(jit, op->target, regs, left);
		else if (op->kind == MOAT_JUMP)
			i = op->target;
	}
	return found;
}

/*
 * A register that is written before anything reads it holds nothing of the
 * host's that could be seen.
 */
u16 moat_read_first(const struct moat *jit, u32 from, u16 regs)
{
	u32 left = MAX_LOOK;

	return jit->opt->plain ? regs : read_from(jit, from, regs, &left);
}
