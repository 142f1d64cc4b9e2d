/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The driver of the analysis: tables of meeting points, and walks from them.
 *
 * A walk goes on from a meeting point as long as control does, and leaves
 * states at the other ones.  The lowest point that has news is taken first,
 * which is the order of the source for most code: where there is no loop,
 * every instruction is walked once.
 */
#include "walk.h"

#define MAX_STATES	65536	/* beyond that nothing is proved; a state has 2.4 KiB, of which few are in use at a time */

static u64 effort_limit(u32 len)
{
	return 16ull * len + 20000;
}

/* Tables ------------------------------------------------------------------- */

/* What mark() says of a slot, until number() puts its meeting point there. */
enum { MEETS = 1, HEAD = 2, KEEPS = 4 };

static bool is_call(const struct moat_op *op)
{
	return op->kind == MOAT_HELPER || op->kind == MOAT_TAIL;
}

static bool is_jump(const struct moat_op *op)
{
	return op->kind == MOAT_JUMP || op->kind == MOAT_BRANCH;
}

/* Does the slot of @op need a meeting point of its own, beside the targets of jumps? */
static bool comes_back(const struct moat_analysis_opts *o, const struct moat_op *op)
{
	return op->kind == MOAT_LOCAL || (op->kind == MOAT_HELPER && moat_calls_back(o, op));
}

/*
 * Where the tables lie in the workspace, which begins with the walk itself:
 * that is too large for a stack.  Those up to @zeroed are zero at the start.
 */
struct places {
	size_t index, call_at, effects, pending, zeroed, meet, free, call, pool, bytes;
	u32 nr_meet, nr_call, nr_state;
};

static size_t place(struct places *p, size_t n, size_t each)
{
	size_t at = p->bytes;

	p->bytes = (at + n * each + 15) & ~(size_t)15;
	return at;
}

/* Every target counts as often as it is one: there are at most so many. */
static void find_places(struct places *p, const struct moat_analysis_opts *o)
{
	u32 i;

	memset(p, 0, sizeof(*p));
	p->nr_meet = o->nr_func;
	for (i = 0; i < o->len; i++) {
		const struct moat_op *op = &o->op[i];

		p->nr_meet += is_jump(op) || comes_back(o, op);
		p->nr_call += is_call(op);
	}
	p->nr_state = p->nr_meet < MAX_STATES ? p->nr_meet : MAX_STATES;
	place(p, 1, sizeof(struct moat_walk));
	p->index = place(p, o->len, sizeof(u32));
	p->call_at = place(p, o->len, sizeof(u32));
	p->effects = place(p, o->nr_func, sizeof(struct moat_effects));
	p->pending = place(p, p->nr_meet / 64 + 1, sizeof(u64));
	p->zeroed = p->bytes;
	p->meet = place(p, p->nr_meet, sizeof(struct moat_meet));
	p->free = place(p, p->nr_state, sizeof(u32));
	p->call = place(p, p->nr_call, sizeof(struct moat_call_facts));
	p->pool = place(p, p->nr_state, sizeof(struct moat_state));
}

size_t moat_analysis_bytes(const struct moat_analysis_opts *opts)
{
	struct places p;

	find_places(&p, opts);
	return p.nr_call ? p.bytes : 0;
}

static void mark(struct moat_walk *w)
{
	const struct moat_analysis_opts *o = w->opts;
	u32 i;

	for (i = 0; i < o->nr_func; i++)
		w->index[o->func[i].start] |= MEETS | KEEPS;
	for (i = 0; i < o->len; i++) {
		const struct moat_op *op = &o->op[i];

		if (is_jump(op))
			w->index[op->target] |= op->target <= i ? MEETS | KEEPS | HEAD : MEETS;
		else if (comes_back(o, op))
			w->index[i] |= MEETS | KEEPS;
	}
}

/* The meeting point at @pc is a call, or one of a helper that calls back. */
static void add_caller(struct moat_walk *w, u32 pc)
{
	const struct moat_analysis_opts *o = w->opts;
	const struct moat_op *op = &o->op[pc];
	u32 *first = &w->callbacks;

	if (op->kind == MOAT_LOCAL)
		first = &moat_effects_of(w, moat_func_at(o->func, o->nr_func, op->target))->callers;
	w->meet[w->nr_meet].next_caller = *first;
	*first = w->nr_meet + 1;
}

static void number(struct moat_walk *w)
{
	const struct moat_analysis_opts *o = w->opts;
	struct moat_analysis *out = w->out;
	u32 i;

	for (i = 0; i < o->len; i++) {
		u32 is = w->index[i];

		if (is) {
			w->meet[w->nr_meet] = (struct moat_meet) { .pc = i, .head = is & HEAD, .keeps = is & KEEPS };
			if (is & KEEPS && comes_back(o, &o->op[i]))
				add_caller(w, i);
			w->index[i] = ++w->nr_meet;
		}
		if (is_call(&o->op[i])) {
			out->call[out->nr_call].pc = i;
			out->call[out->nr_call].reached = false;
			w->call_at[i] = ++out->nr_call;
		}
	}
}

/* Walking ------------------------------------------------------------------ */

/* The two sides of a branch: one is left at its target, the other goes on.  False: it does not. */
static bool walk_branch(struct moat_walk *w, const struct moat_op *op, struct moat_state *side)
{
	moat_state_copy(side, &w->cur);
	if (moat_step_branch(w, side, op, true))
		moat_walk_merge(w, op->target, side);
	return moat_step_branch(w, &w->cur, op, false);
}

/* One instruction; false: control does not go on behind it. */
static bool walk_op(struct moat_walk *w, const struct moat_op *op, struct moat_state *side)
{
	switch (op->kind) {
	case MOAT_BRANCH:
		return walk_branch(w, op, side);
	case MOAT_JUMP:
		moat_walk_merge(w, op->target, &w->cur);
		return false;
	case MOAT_EXIT:
		moat_follow_exit(w);
		return false;
	case MOAT_LOCAL:
		return moat_follow_local(w, op);
	case MOAT_HELPER:
	case MOAT_TAIL:
		return moat_follow_helper(w, op);
	default:
		moat_step(w, op);
		return true;
	}
}

static void walk(struct moat_walk *w, struct moat_meet *m)
{
	const struct moat_analysis_opts *o = w->opts;
	u32 pc = m->pc;

	moat_state_copy(&w->cur, &w->pool[m->state]);
	if (!m->keeps) {
		m->seen = false;
		w->free[w->nr_free++] = m->state;
	}
	w->func = moat_func_at(o->func, o->nr_func, pc);
	m->visits += m->visits < 0xffff;
	while (w->out->effort++ < w->limit) {
		if (o->visit)
			o->visit(o->arg, pc, &w->cur);
		if (!walk_op(w, &o->op[pc], &w->side))
			return;
		pc++;
		if (w->index[pc]) {
			moat_walk_merge(w, pc, &w->cur);
			return;
		}
	}
}

static void start(struct moat_walk *w)
{
	moat_state_any(&w->cur);
	w->cur.ctx_intact = true;
	if (w->opts->ctx.packet) {
		moat_value_pointer(&w->cur.reg[BPF_REG_1], MOAT_VAL_PACKET, 0, 0);
		w->cur.reg[BPF_REG_1].nullable = true;
		moat_value_number(&w->cur.reg[BPF_REG_2], 32, false);
	} else {
		moat_value_pointer(&w->cur.reg[BPF_REG_1], MOAT_VAL_CTX, 0, 0);
	}
	moat_walk_merge(w, 0, &w->cur);
}

bool moat_analyze(struct moat_analysis *a, const struct moat_analysis_opts *opts, void *work)
{
	struct moat_walk *w = work;
	struct moat_meet *m;
	struct places p;

	memset(a, 0, sizeof(*a));
	find_places(&p, opts);
	if (!p.nr_call)
		return false;
	memset(work, 0, p.zeroed);
	w->opts = opts;
	w->out = a;
	w->meet = work + p.meet;
	w->pool = work + p.pool;
	w->free = work + p.free;
	w->index = work + p.index;
	w->call_at = work + p.call_at;
	w->effects = work + p.effects;
	w->pending = work + p.pending;
	w->nr_state = p.nr_state;
	a->call = work + p.call;
	w->limit = effort_limit(opts->len);
	mark(w);
	number(w);
	start(w);
	while (a->effort < w->limit && (m = moat_walk_next(w)))
		walk(w, m);
	a->complete = a->effort < w->limit;
	return a->complete;
}

const struct moat_call_facts *moat_call_facts(const struct moat_analysis *a, u32 pc)
{
	u32 lo = 0, hi = a->complete ? a->nr_call : 0;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (a->call[mid].pc == pc)
			return a->call[mid].reached ? &a->call[mid] : NULL;
		if (a->call[mid].pc < pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
