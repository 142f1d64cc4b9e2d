/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The analysis of single instructions: arithmetic, memory, conditional jumps. */
#include "walk.h"
#include <moat/isolation.h>

/* Distances from a base beyond this are not followed: sums of a few of them must not wrap. */
#define FAR	(1ll << 29)
/*
 * Bytes behind the base of a packet, a context or NULL in which no frame of
 * this run lies: views come behind the stack, nothing is at the first 64 KiB.
 */
#define CLEAR_OF_FRAMES	65536
/* Bytes behind any piece of heap that are never given out. */
#define GUARD		4096

const struct moat_value *moat_walk_reg(const struct moat_walk *w, u8 reg, struct moat_value *top)
{
	if (reg < BPF_REG_10)
		return &w->cur.reg[reg];
	moat_value_pointer(top, MOAT_VAL_FRAME, 0, moat_frame_top(w->func));
	return top;
}

/* What arithmetic sees: a number that is anything, if it is an address. */
static const struct moat_range *as_number(const struct moat_value *v)
{
	static const struct moat_range any = MOAT_ANY_WORD;

	return v->kind == MOAT_VAL_SCALAR ? &v->r : &any;
}

static bool is_memory(const struct moat_value *v)
{
	return v->kind != MOAT_VAL_SCALAR && v->kind != MOAT_VAL_ISSUED && v->kind != MOAT_VAL_MAP;
}

static bool is_near(const struct moat_range *r)
{
	return r->full.smin >= -FAR && r->full.smax <= FAR;
}

/* Address plus or minus a number; false: the result is not known to be an address any more. */
static bool move_pointer(struct moat_value *to, const struct moat_value *p, const struct moat_value *n, u8 fn)
{
	struct moat_value v = *p;

	if (!is_memory(p) || p->nullable || n->kind != MOAT_VAL_SCALAR)
		return false;
	moat_range_alu(&v.r, fn, true, false, &p->r, &n->r, MOAT_WORD);
	v.id = 0;
	*to = v;
	return is_near(&v.r);
}

static bool pointer_alu(struct moat_value *to, const struct moat_op *op, const struct moat_value *a,
			const struct moat_value *b)
{
	if (!op->is64)
		return false;
	if (op->fn == BPF_ADD && (move_pointer(to, a, b, BPF_ADD) || move_pointer(to, b, a, BPF_ADD)))
		return true;
	if (op->fn != BPF_SUB)
		return false;
	/* Of one base that there is only one of. */
	if (a->kind == b->kind && a->kind == MOAT_VAL_FRAME) {
		to->kind = MOAT_VAL_SCALAR;
		moat_range_alu(&to->r, BPF_SUB, true, false, &a->r, &b->r, MOAT_WORD);
		return true;
	}
	return move_pointer(to, a, b, BPF_SUB);
}

/* The second operand; @v has room for one that is in no register. */
static const struct moat_value *operand(const struct moat_walk *w, const struct moat_op *op, struct moat_value *v)
{
	if (!op->has_imm)
		return moat_walk_reg(w, op->src, v);
	moat_value_const(v, op->imm);
	return v;
}

static void step_alu(struct moat_walk *w, const struct moat_op *op)
{
	struct moat_value *a = &w->cur.reg[op->dst], second, v = { .kind = MOAT_VAL_SCALAR };
	const struct moat_value *b = operand(w, op, &second);

	if (!pointer_alu(&v, op, a, b)) {
		v = (struct moat_value) { .kind = MOAT_VAL_SCALAR };
		moat_range_alu(&v.r, op->fn, op->is64, op->sx, as_number(a), as_number(b), MOAT_WORD);
	}
	*a = v;
}

/*
 * A copy and what it was copied from share a name, so that what a branch says
 * of one is known of the other.  The name is the place where it was made.  No
 * old value has it when control comes there again: it has passed a meeting
 * point that was reached without, and a join keeps only names that both have.
 */
static void copy(struct moat_walk *w, const struct moat_op *op)
{
	struct moat_value *to = &w->cur.reg[op->dst];

	if (op->src == op->dst)
		return;
	if (op->src == BPF_REG_10) {
		moat_walk_reg(w, op->src, to);
		return;
	}
	if (!w->cur.reg[op->src].id)
		w->cur.reg[op->src].id = op->pc + 1;
	*to = w->cur.reg[op->src];
}

static void step_mov(struct moat_walk *w, const struct moat_op *op)
{
	struct moat_value second, v = { .kind = MOAT_VAL_SCALAR };
	const struct moat_range *r;

	if (op->is64 && !op->bytes) {
		if (op->has_imm)
			moat_value_const(&w->cur.reg[op->dst], op->imm);
		else
			copy(w, op);
		return;
	}
	r = as_number(operand(w, op, &second));
	if (op->bytes)
		moat_range_sign_extend(&v.r, r, 8 * op->bytes, op->is64, MOAT_WORD);
	else
		moat_range_cut(&v.r, r, 32, false, 8, MOAT_WORD);
	w->cur.reg[op->dst] = v;
}

static void step_swap(struct moat_walk *w, const struct moat_op *op)
{
	struct moat_value v = { .kind = MOAT_VAL_SCALAR };
	const struct moat_range *r = as_number(&w->cur.reg[op->dst]);

	moat_range_cut(&v.r, r, 8 * op->bytes, op->fn != SWAP_LE, 8, MOAT_WORD);
	w->cur.reg[op->dst] = v;
}

static void step_imm64(struct moat_walk *w, const struct moat_op *op)
{
	struct moat_value v;
	u32 off = 0;
	u16 map = 0;

	moat_value_const(&v, op->imm);
	if (w->opts->value_at && w->opts->value_at(w->opts->arg, op->imm, &map, &off))
		moat_value_pointer(&v, MOAT_VAL_MAP_DATA, map, off);
	w->cur.reg[op->dst] = v;
}

/* Memory ------------------------------------------------------------------- */

/* What a function does to memory that is not its own to know. */
void moat_note_write(struct moat_walk *w, s64 from, s64 to, bool ctx, bool everything)
{
	struct moat_effects *e = moat_effects_of(w, w->func);
	s64 own = moat_frame_top(w->func);
	bool grew = (ctx && !e->ctx) || (everything && !e->everything);

	e->ctx |= ctx;
	e->everything |= everything;
	if (to > own && to > from) {	/* above its own frame: in those of its callers */
		from = from > own ? from : own;
		if (e->from == e->to) {
			e->from = from;
			e->to = to;
			grew = true;
		}
		grew |= from < e->from || to > e->to;
		e->from = from < e->from ? from : e->from;
		e->to = to > e->to ? to : e->to;
	}
	if (grew && w->func->start)
		moat_walk_again(w, w->func);
}

static void written_anywhere(struct moat_walk *w)
{
	w->cur.nr_spill = 0;
	w->cur.ctx_intact = false;
	moat_note_write(w, 0, 0, true, true);
}

/* Nothing but values of maps and records of ring buffers is written. */
static bool stays_in_values(const struct moat_walk *w, const struct moat_value *p, s64 from, s64 to)
{
	struct moat_map_facts m;
	u64 room;

	if (from < 0 || (p->nullable && to > CLEAR_OF_FRAMES))
		return false;
	if (p->kind == MOAT_VAL_RECORD)
		return to <= GUARD;
	if ((p->kind != MOAT_VAL_MAP_VALUE && p->kind != MOAT_VAL_MAP_DATA) || !w->opts->map(w->opts->arg, p->ref, &m))
		return false;
	room = p->kind == MOAT_VAL_MAP_VALUE ? m.value_size : m.bytes;
	return (u64)to <= room;
}

void moat_step_written(struct moat_walk *w, const struct moat_value *p, s64 off, u64 bytes)
{
	s64 from, to;

	if (!bytes || moat_value_is_null(p))
		return;
	if (!is_memory(p) || bytes > CLEAR_OF_FRAMES || p->kind == MOAT_VAL_GRANTED) {
		written_anywhere(w);
		return;
	}
	from = p->r.full.smin + off;
	to = p->r.full.smax + off + (s64)bytes;
	if (p->kind == MOAT_VAL_FRAME && from >= -(s64)MOAT_STACK_BYTES && to <= CLEAR_OF_FRAMES) {
		moat_state_forget(&w->cur, from, to);
		w->cur.ctx_intact &= to <= 0;
		moat_note_write(w, from, to, to > 0, false);
	} else if (p->kind == MOAT_VAL_PACKET && from >= 0 && to <= CLEAR_OF_FRAMES) {
		/* only the packet, and what follows it */
	} else if (p->kind == MOAT_VAL_CTX && from >= 0 && to <= CLEAR_OF_FRAMES) {
		w->cur.ctx_intact &= from > w->opts->ctx.data + 3 || to <= w->opts->ctx.data;
		moat_note_write(w, 0, 0, !w->cur.ctx_intact, false);
	} else if (!stays_in_values(w, p, from, to)) {
		written_anywhere(w);
	}
}

static bool is_data_pointer(const struct moat_walk *w, const struct moat_op *op, const struct moat_value *p)
{
	return p->kind == MOAT_VAL_CTX && op->bytes == 4 && !op->sx && w->cur.ctx_intact &&
	       moat_range_is_const(&p->r) && (s64)p->r.bits.value + op->off == w->opts->ctx.data;
}

static void step_load(struct moat_walk *w, const struct moat_op *op)
{
	struct moat_value *to = &w->cur.reg[op->dst], top;
	const struct moat_value *p = moat_walk_reg(w, op->src, &top), *spilled = NULL;

	if (p->kind == MOAT_VAL_FRAME && moat_range_is_const(&p->r) && op->bytes == 8)
		spilled = moat_state_spilled(&w->cur, (s64)p->r.bits.value + op->off);
	if (spilled)
		*to = *spilled;
	else if (is_data_pointer(w, op, p))
		moat_value_pointer(to, MOAT_VAL_PACKET, 0, 0);
	else
		moat_value_number(to, 8 * op->bytes, op->sx);
}

static void step_store(struct moat_walk *w, const struct moat_op *op)
{
	struct moat_value top, second;
	const struct moat_value *p = moat_walk_reg(w, op->dst, &top);

	moat_step_written(w, p, op->off, op->bytes);
	if (p->kind == MOAT_VAL_FRAME && moat_range_is_const(&p->r) && op->bytes == 8)
		moat_state_spill(&w->cur, (s64)p->r.bits.value + op->off, operand(w, op, &second));
}

static void step_atomic(struct moat_walk *w, const struct moat_op *op)
{
	struct moat_value top;

	moat_step_written(w, moat_walk_reg(w, op->dst, &top), op->off, op->bytes);
	if (op->imm == BPF_CMPXCHG)
		moat_value_number(&w->cur.reg[BPF_REG_0], 8 * op->bytes, false);
	else if (op->imm & BPF_FETCH)
		moat_value_number(&w->cur.reg[op->src], 8 * op->bytes, false);
}

/* A packet load changes what a call changes. */
static void step_packet(struct moat_walk *w, const struct moat_op *op)
{
	u32 r;

	moat_value_number(&w->cur.reg[BPF_REG_0], 8 * op->bytes, false);
	for (r = BPF_REG_1; r <= BPF_REG_5; r++)
		moat_value_any(&w->cur.reg[r]);
}

void moat_step(struct moat_walk *w, const struct moat_op *op)
{
	switch (op->kind) {
	case MOAT_ALU:
	case MOAT_SHIFT:
	case MOAT_DIV:
		step_alu(w, op);
		break;
	case MOAT_MOV:
		step_mov(w, op);
		break;
	case MOAT_SWAP:
		step_swap(w, op);
		break;
	case MOAT_IMM64:
		step_imm64(w, op);
		break;
	case MOAT_FUNC:
		moat_value_const(&w->cur.reg[op->dst], op->target);
		break;
	case MOAT_LOAD:
		step_load(w, op);
		break;
	case MOAT_STORE:
		step_store(w, op);
		break;
	case MOAT_ATOMIC:
		step_atomic(w, op);
		break;
	case MOAT_PACKET:
		step_packet(w, op);
		break;
	case MOAT_PROBE:	/* whatever the kernel has there */
		moat_value_number(&w->cur.reg[op->dst], 8 * op->bytes, false);
		break;
	case MOAT_NOP:
		break;
	default:	/* not of this program: know nothing */
		moat_state_any(&w->cur);
	}
}

/* Conditional jumps -------------------------------------------------------- */

/* Register @reg, and whatever else was called @id, is @now. */
static void learn(struct moat_state *s, u8 reg, u32 id, const struct moat_value *now)
{
	moat_state_learn(s, id, now);
	s->reg[reg] = *now;
}

/* A pointer or NULL, compared with NULL. */
static void learn_null(struct moat_state *s, u8 reg, bool null)
{
	struct moat_value now = s->reg[reg];
	u32 id = now.id;

	if (null)
		moat_value_const(&now, 0);
	else
		now.nullable = false;
	learn(s, reg, id, &now);
}

bool moat_step_branch(const struct moat_walk *w, struct moat_state *s, const struct moat_op *op, bool taken)
{
	struct moat_value a, b;
	bool equality = op->fn == BPF_JEQ || op->fn == BPF_JNE;

	if (op->dst == BPF_REG_10 || (!op->has_imm && op->src == BPF_REG_10))
		return true;
	a = s->reg[op->dst];
	if (op->has_imm)
		moat_value_const(&b, op->imm);
	else
		b = s->reg[op->src];
	if (a.nullable && equality && op->is64 && moat_value_is_null(&b)) {
		learn_null(s, op->dst, taken == (op->fn == BPF_JEQ));
		return true;
	}
	if (a.kind != MOAT_VAL_SCALAR || b.kind != MOAT_VAL_SCALAR)
		return true;
	if (!moat_range_branch(&a.r, &b.r, op->fn, op->is64, taken, MOAT_WORD))
		return false;
	learn(s, op->dst, a.id, &a);
	if (!op->has_imm)
		learn(s, op->src, b.id, &b);
	return true;
}
