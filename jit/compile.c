/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The driver: decode, validate, plan, measure, lay out, write.
 *
 * Measuring is emitting without a base, so a body's length never depends on
 * where it is placed: inside a body only fixed forms are used, and the one
 * branch that layout may shorten stands at its end.
 */
#include "plan.h"
#include "bits.h"
#include "carve.h"

#define MAX_SPLIT	24	/* rounds of moving a gate byte sequence apart */

/* Every table of a compilation, for @len slots: at most so many of each kind can come out of one slot. */
static size_t tables(struct moat *jit, u32 len, bool kernel, void *work)
{
	u32 funcs = kernel ? 1 : MOAT_MAX_FUNCS;
	struct moat_area a = { .at = work };

	jit->op = moat_carve(&a, len, sizeof(*jit->op));
	jit->live = moat_carve(&a, len, sizeof(*jit->live));
	jit->slot = moat_carve(&a, len + 1, sizeof(*jit->slot));
	jit->func = moat_carve(&a, funcs, sizeof(*jit->func));
	jit->func_entry = moat_carve(&a, funcs, sizeof(u32));
	jit->func_local = moat_carve(&a, funcs, sizeof(u32));
	if (kernel)
		return a.bytes;
	jit->site = moat_carve(&a, len, sizeof(*jit->site));
	jit->trap = moat_carve(&a, 3 * (size_t)len + 4 * MOAT_MAX_FUNCS, sizeof(*jit->trap));
	jit->gate_at = moat_carve(&a, 4 * (size_t)len + 4 * MOAT_MAX_FUNCS, sizeof(u32));
	jit->return_at = moat_carve(&a, len + MOAT_MAX_FUNCS, sizeof(u32));
	return a.bytes;
}

size_t moat_work_bytes(u32 len)
{
	struct moat jit;

	return tables(&jit, len, false, NULL);
}

size_t moat_kernel_work_bytes(u32 len)
{
	struct moat jit;

	return tables(&jit, len, true, NULL);
}

/* Every instruction starts a pass with these. */
static void start_pass(struct moat *jit, u8 *base, u64 pc, u32 bytes)
{
	jit->buf = (struct moat_buf){ .base = base, .pc = pc, .cap = bytes };
	jit->nr_site = 0;
	jit->nr_trap = 0;
	jit->nr_gate = 0;
	jit->nr_return = 0;
	jit->nr_mark = 0;
}

static void emit_entries(struct moat *jit, const struct moat_func *f)
{
	u32 i = f - jit->func;

	if (f->start == 0 && moat_has_stub(jit->opt))
		jit->arch->stub(jit);
	if (f->start == 0)
		jit->entry = jit->buf.len;
	jit->func_entry[i] = jit->buf.len;
	if (f->start == 0 || f->is_callback)
		jit->arch->prologue(jit, f);
	if (f->start == 0)
		return;
	jit->func_local[i] = jit->buf.len;
	jit->arch->local_entry(jit, f);
}

static void emit_body(struct moat *jit, const struct moat_op *op)
{
	u32 i;

	for (i = 0; i < op->split; i++)
		jit->arch->pad(jit);
	jit->arch->emit[op->kind](jit, op);
}

static bool has_branch(const struct moat_op *op)
{
	return op->kind == MOAT_BRANCH || (op->kind == MOAT_JUMP && op->target != op->pc + 1);
}

static void emit_tables(struct moat *jit)
{
	u32 i, n = jit->nr_trap, start;

	for (i = 0; i < jit->pad; i++)
		jit->arch->trap(jit);
	jit->returns_at = jit->text_bytes = jit->buf.len;
	jit->arch->returns(jit);
	start = jit->buf.len;
	jit->traps_at = start;
	for (i = 0; i < n; i++)
		jit->arch->trap(jit);
	moat_mark(jit, MOAT_MARK_TRAPS, start);
	if (moat_has_stub(jit->opt)) {
		jit->text_bytes = jit->buf.len;
		if (jit->arch->behind)
			jit->arch->behind(jit);
	}
}

static void measure_slot(struct moat *jit, u32 i)
{
	struct moat_slot *slot = &jit->slot[i];
	const struct moat_op *op = &jit->op[i];
	u32 before = jit->buf.len;

	emit_body(jit, op);
	if (!fits_unsigned(jit->buf.len - before, 16))
		moat_fail(&jit->buf, -E2BIG);
	slot->body = jit->buf.len - before;
	slot->target = has_branch(op) ? op->target : MOAT_NO_BRANCH;
	slot->conditional = op->kind == MOAT_BRANCH;
}

/* Lengths of all bodies and tables, then places. */
static int measure(struct moat *jit)
{
	u32 f, i, before;

	start_pass(jit, NULL, 0, 0);
	for (f = 0; f < jit->nr_func; f++) {
		jit->cur = &jit->func[f];
		before = jit->buf.len;
		emit_entries(jit, jit->cur);
		jit->slot[jit->cur->start].pre = jit->buf.len - before;
		for (i = jit->cur->start; i < jit->cur->end; i++)
			measure_slot(jit, i);
	}
	jit->max_return = jit->nr_return;
	jit->buf.len = moat_layout(jit->slot, jit->len, &jit->arch->reach);
	emit_tables(jit);
	jit->bytes = jit->buf.len;
	return jit->buf.err;
}

static void place_entries(struct moat *jit)
{
	u32 f, saved = jit->buf.len;

	/* A function's local entry is the last part of what stands before its first slot. */
	for (f = 1; f < jit->nr_func; f++) {
		const struct moat_func *func = &jit->func[f];
		u32 before = jit->buf.len;

		jit->arch->local_entry(jit, func);
		jit->func_local[f] = jit->slot[func->start].start - (jit->buf.len - before);
	}
	jit->buf.len = saved;
}

int moat_plan(struct moat *jit, const struct bpf_insn *insn, u32 len,
	      const struct moat_options *opt, void *work)
{
	bool kernel = moat_kernel_form(opt);
	struct moat_known known = { .insn = insn, .helper = opt->known, .arg = opt->arg, .kernel = kernel };
	u32 max = kernel ? MOAT_MAX_KERNEL_INSNS : MOAT_MAX_INSNS;
	int err;

	memset(jit, 0, sizeof(*jit));
	if (!len || len > max) {
		moat_logf(&opt->log, "a program has 1 to %u instructions, not %u", max, len);
		return len ? -E2BIG : -EINVAL;
	}
	tables(jit, len, kernel, work);
	jit->opt = opt;
	jit->arch = opt->arch;
	jit->len = len;

	err = moat_decode_for(jit->op, insn, len, opt);
	if (!err)
		err = moat_validate(jit->op, len, &known, jit->func, &jit->nr_func, &opt->log);
	/* Whatever comes last in a program for the kernel, behind it nothing runs. */
	jit->pad = kernel && !err && jit->op[len - 1].kind != MOAT_EXIT && jit->op[len - 1].kind != MOAT_JUMP;
	if (!err)
		err = moat_plan_ops(jit);
	if (!err)
		err = measure(jit);
	if (!err)
		place_entries(jit);
	return err;
}

static int broken(struct moat *jit, u32 pc, const char *what)
{
	moat_logf(&jit->opt->log, "insn %u: internal error: %s", pc, what);
	return -EFAULT;
}

static int write_slot(struct moat *jit, u32 i)
{
	const struct moat_slot *slot = &jit->slot[i];
	const struct moat_op *op = &jit->op[i];

	if (jit->buf.len != slot->start && !jit->buf.err)
		return broken(jit, i, "a slot is not where it was laid out");
	emit_body(jit, op);
	if (has_branch(op))
		jit->arch->branch(jit, op, jit->slot[op->target].start, slot->form);
	return 0;
}

static int write_all(struct moat *jit)
{
	u32 f, i, traps_at = jit->traps_at, returns_at = jit->returns_at;
	int err;

	for (f = 0; f < jit->nr_func; f++) {
		u32 local = jit->func_local[f];

		jit->cur = &jit->func[f];
		emit_entries(jit, jit->cur);
		if (f && jit->func_local[f] != local && !jit->buf.err)
			return broken(jit, jit->cur->start, "a function's entry moved");
		for (i = jit->cur->start; i < jit->cur->end; i++) {
			err = write_slot(jit, i);
			if (err)
				return err;
		}
	}
	emit_tables(jit);
	if (jit->buf.err)
		return jit->buf.err;
	if (jit->traps_at != traps_at || jit->returns_at != returns_at || jit->buf.len != jit->bytes)
		return broken(jit, jit->len, "the image is not as long as it was measured");
	return 0;
}

/* Does a distance to a later slot stand in the code of slot @i? */
static bool reaches_on(const struct moat *jit, u32 i)
{
	return has_branch(&jit->op[i]) || jit->op[i].kind == MOAT_LOCAL || jit->op[i].kind == MOAT_PACKET;
}

/*
 * Plan the slot whose code holds the sequence at @at anew.  Its neighbour too
 * if the sequence ends there, or if a distance was it: that one only changes by
 * what stands behind the slot.
 */
static bool split_at(struct moat *jit, u32 at)
{
	u32 i = 0, hi = jit->len;

	if (at < jit->slot[0].start || at >= jit->slot[jit->len].start)
		return jit->pad <= MAX_SPLIT;
	while (i + 1 < hi) {
		u32 mid = i + (hi - i) / 2;

		if (jit->slot[mid].start <= at)
			i = mid;
		else
			hi = mid;
	}
	if (++jit->op[i].split > MAX_SPLIT)
		return false;
	if (i + 1 < jit->len && (reaches_on(jit, i) || at + 3 > jit->slot[i + 1].start))
		jit->op[i + 1].split++;
	return true;
}

/*
 * A gate byte sequence came out where no gate is: in an immediate, a
 * displacement, or across instructions.  Emit those instructions another way
 * and lay out anew; forms only grow and nops are only added, so this ends.
 */
static int split_forbidden(struct moat *jit, const u8 *code)
{
	s64 at = jit->arch->forbidden(jit, code, jit->bytes, 0);
	int err;

	if (at < 0)
		return 0;
	for (; at >= 0; at = jit->arch->forbidden(jit, code, jit->bytes, at + 1))
		if (!split_at(jit, at))
			return broken(jit, 0, "cannot take a gate byte sequence apart");
	jit->pad++;	/* moves the tables: distances to traps change */
	moat_plan_kept(jit);
	err = measure(jit);
	if (err)
		return err;
	place_entries(jit);
	return -EAGAIN;
}

int moat_emit(struct moat *jit, u8 *rw, u64 pc, u32 bytes)
{
	int err;

	start_pass(jit, rw, pc, bytes);
	err = write_all(jit);
	if (err)
		return err;
	if (jit->gates)
		err = split_forbidden(jit, rw);
	if (!err && jit->opt->check && !moat_kernel_form(jit->opt))
		err = jit->opt->check(jit, rw, bytes);
	return err;
}

u32 moat_add_site(struct moat *jit, u32 pc, s32 helper)
{
	if (jit->buf.base)
		jit->site[jit->nr_site] = (struct moat_site){ .pc = pc, .helper = helper };
	return jit->nr_site++;
}

u32 moat_add_trap(struct moat *jit, u32 pc, u8 kind)
{
	u32 at = jit->traps_at + jit->arch->trap_bytes * jit->nr_trap;

	if (jit->buf.base)
		jit->trap[jit->nr_trap] = (struct moat_trap){ .at = at, .pc = pc, .kind = kind };
	jit->nr_trap++;
	return at;
}

u32 moat_returns_room(const struct moat *jit)
{
	u32 room = 1;

	while (room < jit->max_return)
		room *= 2;
	return room;
}

void moat_mark(struct moat *jit, u8 kind, u32 start)
{
	if (!jit->buf.base || !jit->mark || jit->nr_mark >= jit->max_mark || start == jit->buf.len)
		return;
	jit->mark[jit->nr_mark++] = (struct moat_mark){ .start = start, .end = jit->buf.len, .kind = kind };
}
