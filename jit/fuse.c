/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Short windows of instructions that one machine instruction can do.
 *
 * All within a basic block: nothing jumps into a window.  What a window leaves
 * in its temporaries must be dead behind it, by liveness over the whole
 * function.  Windows are found by following values symbolically for a few
 * instructions, so the order in which a compiler put them does not matter.
 */
#include "plan.h"

#define REG_BIT(r)		((u16)(1 << (r)))

static bool is_move(const struct moat_op *op)
{
	return op->kind == MOAT_MOV && !op->has_imm && !op->bytes;
}

/* May slot @i be the inside of a window? */
static bool inside(const struct moat *jit, u32 i)
{
	return i < jit->len && !(jit->live[i] & MOAT_TARGET);
}

static void drop(struct moat_op *op)
{
	op->kind = MOAT_NOP;
}

/* Copy and add ------------------------------------------------------------ */

static bool fuse_lea(struct moat *jit, u32 i)
{
	struct moat_op *mov = &jit->op[i], *add = &jit->op[i + 1];
	s64 imm = add->imm;

	if (!is_move(mov) || !inside(jit, i + 1) || add->kind != MOAT_ALU || add->dst != mov->dst ||
	    add->is64 != mov->is64)
		return false;
	if (add->fn == BPF_SUB && add->has_imm)
		imm = -imm;
	else if (add->fn != BPF_ADD)
		return false;
	if (imm < -0x7fffffff || imm > 0x7fffffff)
		return false;
	/* R10 is seen as an offset: the sum must not leave 32 bits, and it has no index form. */
	if (mov->src == BPF_REG_10 && (!add->has_imm || imm > 0 || imm < -MOAT_FRAME_BYTES))
		return false;
	if (!add->has_imm && (add->src == BPF_REG_10 || add->src == mov->dst))
		return false;

	mov->kind = MOAT_LEA;
	mov->has_imm = add->has_imm;
	mov->imm = imm;
	mov->off = add->has_imm ? 0 : add->src;
	drop(add);
	return true;
}

/* A branch over a jump: the opposite branch. */
static bool fuse_branch(struct moat *jit, u32 i)
{
	static const u8 opposite[16] = {
		[BPF_JEQ >> 4] = BPF_JNE, [BPF_JNE >> 4] = BPF_JEQ,
		[BPF_JGT >> 4] = BPF_JLE, [BPF_JLE >> 4] = BPF_JGT,
		[BPF_JGE >> 4] = BPF_JLT, [BPF_JLT >> 4] = BPF_JGE,
		[BPF_JSGT >> 4] = BPF_JSLE, [BPF_JSLE >> 4] = BPF_JSGT,
		[BPF_JSGE >> 4] = BPF_JSLT, [BPF_JSLT >> 4] = BPF_JSGE,
	};
	struct moat_op *branch = &jit->op[i], *jump = &jit->op[i + 1];

	if (branch->kind != MOAT_BRANCH || branch->target != i + 2 || !inside(jit, i + 1) ||
	    jump->kind != MOAT_JUMP || !opposite[branch->fn >> 4])
		return false;
	branch->fn = opposite[branch->fn >> 4];
	branch->target = jump->target;
	drop(jump);
	return true;
}

/* Rotations --------------------------------------------------------------- */

enum part { OTHER, COPY, LEFT, RIGHT };

struct rotate {
	u8 part[MOAT_REGS], count[MOAT_REGS];		/* what each register holds of the root */
	u16 written;
	u8 root;
};

/* Follow @op; true if it completes the rotation, whose result is then in its dst. */
static bool rotate_step(struct rotate *r, const struct moat_op *op, bool is64, bool *stop)
{
	u32 bits = is64 ? 64 : 32;
	u8 d = op->dst, s = op->src;

	if (is_move(op) && r->part[s] == COPY && (op->is64 || !is64)) {
		r->part[d] = COPY;
		r->written |= REG_BIT(d);
		return false;
	}
	if (op->kind == MOAT_SHIFT && op->has_imm && op->is64 == is64 && op->fn != BPF_ARSH &&
	    r->part[d] == COPY && op->imm) {
		r->part[d] = op->fn == BPF_LSH ? LEFT : RIGHT;
		r->count[d] = op->imm;
		r->written |= REG_BIT(d);
		return false;
	}
	*stop = true;
	/* Joining in 32 bits what was shifted in 64 drops the upper half. */
	if (is64 && !op->is64)
		return false;
	return op->kind == MOAT_ALU && op->fn == BPF_OR && !op->has_imm && r->part[d] + r->part[s] == LEFT + RIGHT &&
	       r->part[d] >= LEFT && r->part[s] >= LEFT && (u32)r->count[d] + r->count[s] == bits;
}

static bool fuse_rotate_width(struct moat *jit, u32 i, bool is64)
{
	struct rotate r = { .root = jit->op[i].src };
	struct moat_op *last = &jit->op[i];
	bool stop = false;
	u32 j, k;

	r.part[r.root] = COPY;
	for (j = i; j < i + 6 && (j == i || inside(jit, j)); j++) {
		last = &jit->op[j];
		if (rotate_step(&r, last, is64, &stop))
			break;
		if (stop)
			return false;
	}
	if (!stop || moat_live_behind(jit, j) & r.written & ~REG_BIT(last->dst))
		return false;

	last->imm = r.part[last->dst] == LEFT ? r.count[last->dst] : r.count[last->src];
	last->kind = MOAT_ROTATE;
	last->src = r.root;
	last->is64 = is64;
	for (k = i; k < j; k++)
		drop(&jit->op[k]);
	return true;
}

static bool fuse_rotate(struct moat *jit, u32 i)
{
	if (!is_move(&jit->op[i]) || jit->op[i].src == BPF_REG_10)
		return false;
	return fuse_rotate_width(jit, i, true) || fuse_rotate_width(jit, i, false);
}

/* Rows of byte loads ------------------------------------------------------ */

/* A register that is put together from bytes of memory: byte @off[p] stands at position p. */
struct bytes {
	s16 off[8];	/* as in the instructions; stack is scarce in the kernel */
	u8 have;	/* bit p: position p is filled */
};

struct gather {
	struct bytes reg[MOAT_REGS];
	u16 temps;		/* registers that hold bytes */
	u16 others;		/* registers of the bystanders */
	u8 base, loads;
};

struct match {
	u32 last;
	s32 off;
	u8 dst, bytes, fn;
};

static bool gather_load(struct gather *g, const struct moat_op *op)
{
	if (op->kind != MOAT_LOAD || op->bytes != 1 || op->sx || op->src != g->base || op->dst == g->base ||
	    g->loads == 8 || g->others & REG_BIT(op->dst))
		return false;
	g->reg[op->dst] = (struct bytes){ .off = { op->off }, .have = 1 };
	g->temps |= REG_BIT(op->dst);
	g->loads++;
	return true;
}

static bool gather_shift(struct gather *g, const struct moat_op *op)
{
	struct bytes *b = &g->reg[op->dst], from = *b;
	u32 by = op->imm / 8, p;

	if (op->kind != MOAT_SHIFT || op->fn != BPF_LSH || !op->has_imm || op->imm % 8 || !from.have ||
	    (u32)from.have << by > (op->is64 ? 0xff : 0xf))
		return false;
	b->have = from.have << by;
	for (p = by; p < 8; p++)
		b->off[p] = from.off[p - by];
	return true;
}

static bool gather_or(struct gather *g, const struct moat_op *op)
{
	struct bytes *d = &g->reg[op->dst], *s = &g->reg[op->src];
	u32 p;

	if (op->kind != MOAT_ALU || op->fn != BPF_OR || op->has_imm || !d->have || !s->have ||
	    op->dst == op->src || d->have & s->have || (!op->is64 && (d->have | s->have) > 0xf))
		return false;
	for (p = 0; p < 8; p++)
		if (s->have & 1 << p)
			d->off[p] = s->off[p];
	d->have |= s->have;
	s->have = 0;
	return true;
}

/* All bytes loaded so far stand in @dst, in order, with nothing else alive of them. */
static bool gather_done(const struct moat *jit, const struct gather *g, u32 i, u8 dst, struct match *m)
{
	const struct bytes *b = &g->reg[dst];
	u32 n = g->loads, p;
	bool up = true, down = true;

	if ((n != 2 && n != 4 && n != 8) || b->have != (1 << n) - 1 || moat_live_behind(jit, i) & g->temps & ~REG_BIT(dst))
		return false;
	for (p = 1; p < n; p++) {
		up &= b->off[p] == b->off[p - 1] + 1;
		down &= b->off[p] == b->off[p - 1] - 1;
	}
	if (up == down)
		return false;
	*m = (struct match){ .last = i, .dst = dst, .bytes = n, .fn = up ? SWAP_LE : SWAP_BE,
			     .off = up ? b->off[0] : b->off[n - 1] };
	return true;
}

/* An instruction between the parts that has nothing to do with them. */
static bool bystander(struct gather *g, const struct moat_op *op)
{
	if (op->kind != MOAT_ALU && op->kind != MOAT_SHIFT && op->kind != MOAT_MOV)
		return op->kind == MOAT_NOP;
	g->others |= moat_op_regs(op);
	return !((moat_op_regs(op) & g->temps) || (moat_op_defs(op) & REG_BIT(g->base)));
}

/* Parts and bystanders from @i on; true with the longest row in @m. */
static bool find_row(struct moat *jit, u32 i, struct match *m)
{
	struct gather g = { .base = jit->op[i].src };
	bool found = false;
	u32 j;

	for (j = i; j < i + MOAT_MAX_WINDOW && (j == i || inside(jit, j)); j++) {
		const struct moat_op *op = &jit->op[j];

		if (gather_or(&g, op))
			found |= gather_done(jit, &g, j, op->dst, m);
		else if (!gather_load(&g, op) && !gather_shift(&g, op) && !bystander(&g, op))
			break;
	}
	return found;
}

/*
 * The wide load stands where the first part stood and faults there: up to the
 * last part there is no other access, store or call, so the domain cannot tell.
 * Which part would have met the bad page is told by the fault handler.
 */
static bool fuse_gather(struct moat *jit, u32 i)
{
	struct moat_op *first = &jit->op[i];
	struct match m;
	struct gather g;
	u32 j;

	if (first->kind != MOAT_LOAD || first->bytes != 1 || first->sx || first->dst == first->src ||
	    !find_row(jit, i, &m))
		return false;
	g = (struct gather){ .base = first->src };
	for (j = i; j <= m.last; j++) {
		struct moat_op *op = &jit->op[j];

		if (gather_load(&g, op) || gather_shift(&g, op) || gather_or(&g, op))
			drop(op);
	}
	*first = (struct moat_op){ .pc = first->pc, .kind = MOAT_GATHER, .src = g.base, .dst = m.dst,
				   .off = m.off, .bytes = m.bytes, .fn = m.fn, .fused = m.last - i };
	return true;
}

/* A load whose bytes are swapped at once. */
static bool fuse_swapped_load(struct moat *jit, u32 i)
{
	struct moat_op *load = &jit->op[i], *swap = &jit->op[i + 1];

	if (load->sx || !inside(jit, i + 1) || swap->kind != MOAT_SWAP || swap->fn == SWAP_LE ||
	    swap->dst != load->dst || swap->bytes != load->bytes)
		return false;
	load->kind = MOAT_GATHER;
	load->fn = SWAP_BE;
	drop(swap);
	return true;
}

void moat_fuse(struct moat *jit)
{
	u32 i;

	moat_find_liveness(jit);
	for (i = 0; i + 1 < jit->len; i++) {
		struct moat_op *op = &jit->op[i];

		if (op->kind == MOAT_LOAD)
			(void)(fuse_gather(jit, i) || fuse_swapped_load(jit, i));
		else if (op->kind == MOAT_MOV)
			(void)(fuse_rotate(jit, i) || fuse_lea(jit, i));
		else if (op->kind == MOAT_BRANCH)
			fuse_branch(jit, i);
	}
}
