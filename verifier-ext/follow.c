/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The analysis of calls: helpers by their prototypes, functions by what they do.
 *
 * A function is walked once for all its callers: from the join of what they
 * pass, to the join of what it returns.  What it may write of its callers'
 * frames is noted while it is walked, so that they keep the rest.
 */
#include "walk.h"

#define ANY_SIZE	(~0ull)

static const struct moat_helper *proto_of(const struct moat_analysis_opts *o, const struct moat_op *op)
{
	return o->helper(o->arg, op->imm);
}

bool moat_calls_back(const struct moat_analysis_opts *opts, const struct moat_op *op)
{
	const struct moat_helper *h = proto_of(opts, op);
	u32 i;

	for (i = 0; h && i < MOAT_MAX_ARGS; i++)
		if (h->arg[i].kind == MOAT_ARG_CALLBACK)
			return true;
	return false;
}

static void clobber_args(struct moat_state *s)
{
	u32 r;

	for (r = BPF_REG_1; r <= BPF_REG_5; r++)
		moat_value_any(&s->reg[r]);
}

/* What calling @f does to the state of the caller. */
static void suffer(struct moat_walk *w, const struct moat_effects *e)
{
	if (e->everything)
		w->cur.nr_spill = 0;
	moat_state_forget(&w->cur, e->from, e->to);
	w->cur.ctx_intact &= !e->ctx;
	moat_note_write(w, e->from, e->to, e->ctx, e->everything);
}

/* Functions ---------------------------------------------------------------- */

bool moat_follow_local(struct moat_walk *w, const struct moat_op *op)
{
	const struct moat_func *f = moat_func_at(w->opts->func, w->opts->nr_func, op->target);
	struct moat_effects *e = moat_effects_of(w, f);
	u32 r;

	/* Below our frame the callee's begins: what lies there is nobody's. */
	moat_state_forget(&w->cur, -(s64)MOAT_STACK_BYTES, moat_frame_top(w->func) - MOAT_FRAME_BYTES);
	moat_state_copy(&w->side, &w->cur);
	moat_value_any(&w->side.reg[BPF_REG_0]);
	for (r = BPF_REG_6; r <= BPF_REG_9; r++)
		moat_value_any(&w->side.reg[r]);
	moat_walk_merge(w, f->start, &w->side);
	if (!e->exits)
		return false;	/* we are called again when it does */
	suffer(w, e);
	clobber_args(&w->cur);
	w->cur.reg[BPF_REG_0] = e->r0;
	return true;
}

void moat_follow_exit(struct moat_walk *w)
{
	struct moat_effects *e = moat_effects_of(w, w->func);
	struct moat_value r0 = w->cur.reg[BPF_REG_0];
	bool changed = !e->exits;

	if (!w->func->start)
		return;
	r0.id = 0;		/* names are for one function: the next call makes the same ones */
	if (!e->exits)
		e->r0 = r0;
	else
		changed = moat_value_join(&e->r0, &r0, e->visits > 3);
	if (!changed)
		return;
	e->exits = true;
	if (e->visits++ > 16)
		moat_value_any(&e->r0);
	moat_walk_again(w, w->func);
}

/* Callbacks ---------------------------------------------------------------- */

static const struct moat_func *callback_at(const struct moat_walk *w, u64 handle)
{
	const struct moat_analysis_opts *o = w->opts;
	const struct moat_func *f;

	if (handle >= o->len)
		return NULL;
	f = moat_func_at(o->func, o->nr_func, handle);
	return f->start == handle && f->is_callback ? f : NULL;
}

/* The map that is the first argument of that kind; false: not a constant one. */
static bool map_argument(const struct moat_walk *w, const struct moat_helper *h, u16 *handle, struct moat_map_facts *m)
{
	const struct moat_value *v;
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS && h->arg[i].kind != MOAT_ARG_MAP; i++)
		;
	if (i == MOAT_MAX_ARGS)
		return false;
	v = &w->cur.reg[BPF_REG_1 + i];
	if (!moat_value_is_const(v) || v->r.bits.value > 0xffff || !w->opts->map(w->opts->arg, v->r.bits.value, m))
		return false;
	*handle = v->r.bits.value;
	return true;
}

static void given(const struct moat_walk *w, const struct moat_helper *h, u8 give, struct moat_value *v)
{
	struct moat_map_facts m;
	u16 map;

	moat_value_any(v);
	if (give >= MOAT_GIVE_R1 && give <= MOAT_GIVE_R5)
		*v = w->cur.reg[BPF_REG_1 + give - MOAT_GIVE_R1];
	else if (give == MOAT_GIVE_NUMBER)
		moat_value_number(v, 32, false);
	else if (give == MOAT_GIVE_VALUE && map_argument(w, h, &map, &m))
		moat_value_pointer(v, MOAT_VAL_MAP_VALUE, map, 0);
	v->id = 0;
}

/* The helper calls @f, perhaps many times: of the frames it knows nothing, and what it writes is written. */
static void call_back(struct moat_walk *w, const struct moat_helper *h, const struct moat_func *f)
{
	u32 i;

	moat_state_any(&w->side);
	for (i = 0; i < ARRAY_SIZE(h->gives); i++)
		given(w, h, h->gives[i], &w->side.reg[BPF_REG_1 + i]);
	moat_walk_merge(w, f->start, &w->side);
	suffer(w, moat_effects_of(w, f));
}

/* Nobody knows which function it calls. */
static void call_back_any(struct moat_walk *w)
{
	const struct moat_analysis_opts *o = w->opts;
	u32 i;

	moat_state_any(&w->side);
	for (i = 0; i < o->nr_func; i++) {
		if (!o->func[i].is_callback)
			continue;
		moat_walk_merge(w, o->func[i].start, &w->side);
		suffer(w, moat_effects_of(w, &o->func[i]));
	}
}

static void call_backs(struct moat_walk *w, const struct moat_helper *h)
{
	const struct moat_func *f;
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++) {
		const struct moat_value *v = &w->cur.reg[BPF_REG_1 + i];

		if (h->arg[i].kind != MOAT_ARG_CALLBACK)
			continue;
		f = moat_value_is_const(v) ? callback_at(w, v->r.bits.value) : NULL;
		if (f)
			call_back(w, h, f);
		else if (!moat_value_is_const(v))	/* a constant that is none does not pass the audit */
			call_back_any(w);
	}
}

/* Helpers ------------------------------------------------------------------ */

static u64 bytes_written(const struct moat_walk *w, const struct moat_helper *h, u32 i)
{
	u8 next = i + 1 < MOAT_MAX_ARGS ? h->arg[i + 1].kind : MOAT_ARG_NONE;
	const struct moat_value *size;
	struct moat_map_facts m;
	u16 map;

	if (h->arg[i].kind == MOAT_ARG_MAP_VALUE_OUT)
		return map_argument(w, h, &map, &m) ? m.value_size : ANY_SIZE;
	if (h->arg[i].kind != MOAT_ARG_MEM_OUT)
		return 0;
	if (next != MOAT_ARG_SIZE && next != MOAT_ARG_SIZE_OR_ZERO)
		return h->arg[i].bytes;
	size = &w->cur.reg[BPF_REG_1 + i + 1];
	return size->kind == MOAT_VAL_SCALAR ? size->r.full.umax : ANY_SIZE;
}

static void returned(const struct moat_walk *w, const struct moat_helper *h, struct moat_value *r0)
{
	struct moat_map_facts m;
	bool known;
	u16 map = 0;

	moat_value_any(r0);
	if (h->ret == MOAT_RET_OBJECT)
		moat_value_pointer(r0, MOAT_VAL_ISSUED, h->object, 0);
	if (h->ret != MOAT_RET_MEM && h->ret != MOAT_RET_MAP_VALUE) {
		r0->nullable = h->ret == MOAT_RET_OBJECT;
		return;
	}
	known = map_argument(w, h, &map, &m);
	if (h->ret == MOAT_RET_MEM && known && h->map_types == 1ull << BPF_MAP_TYPE_RINGBUF)
		moat_value_pointer(r0, MOAT_VAL_RECORD, map, 0);
	else if (h->ret == MOAT_RET_MAP_VALUE && known)
		moat_value_pointer(r0, m.outer ? MOAT_VAL_MAP : MOAT_VAL_MAP_VALUE, map, 0);
	else if (h->ret == MOAT_RET_MEM)
		moat_value_pointer(r0, MOAT_VAL_GRANTED, 0, 0);
	r0->nullable = r0->kind != MOAT_VAL_SCALAR;
}

static void note_arguments(struct moat_walk *w, u32 pc)
{
	struct moat_call_facts *c = &w->out->call[w->call_at[pc] - 1];
	u32 i;

	for (i = 0; i < MOAT_MAX_ARGS; i++) {
		if (c->reached)
			moat_value_join(&c->arg[i], &w->cur.reg[BPF_REG_1 + i], false);
		else
			c->arg[i] = w->cur.reg[BPF_REG_1 + i];
	}
	c->reached = true;
}

bool moat_follow_helper(struct moat_walk *w, const struct moat_op *op)
{
	const struct moat_helper *h = proto_of(w->opts, op);
	struct moat_value r0;
	u32 i;

	note_arguments(w, op->pc);
	moat_value_any(&r0);
	if (h) {
		returned(w, h, &r0);
		for (i = 0; i < MOAT_MAX_ARGS; i++)
			moat_step_written(w, &w->cur.reg[BPF_REG_1 + i], 0, bytes_written(w, h, i));
		call_backs(w, h);
	}
	if (r0.nullable)
		r0.id = op->pc + 1;
	w->cur.reg[BPF_REG_0] = r0;
	clobber_args(&w->cur);
	return true;
}
