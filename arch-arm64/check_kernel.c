/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for arm64: isolated images for the kernel, how they are entered and left. */
#include "check_insn.h"
#include "../jit/kernel.h"

#define BTI_C		0xd503245f
#define BTI_J		0xd503249f
#define BTI_JC		0xd50324df
#define PACIASP		0xd503233f
#define AUTIASP		0xd50323bf
#define NOP		0xd503201f
#define CLRBHB		0xd50322df
#define DSB_ISH		0xd5033b9f
#define ISB		0xd5033fdf
#define RET		0xd65f03c0
#define BLR(r)		(0xd63f0000 | (r) << 5)

/* stp and ldp of a pair, with SP moved by 16. */
#define PUSH(a, b)	(0xa9bf03e0 | (b) << 10 | (a))
#define POP(a, b)	(0xa8c103e0 | (b) << 10 | (a))

struct text {
	const struct moat_check *c;
	u32 at;
	bool same;
};

static void want(struct text *t, u32 word)
{
	if (t->at + 4 > t->c->main || a64_check_word(t->c, t->at) != word)
		t->same = false;
	t->at += 4;
}

/* However the constant is put together. */
static void want_const(struct text *t, u32 reg, u64 value)
{
	struct ins in;
	u64 v = 0;
	u32 n;

	for (n = 0; t->at + 4 <= t->c->main; n++, t->at += 4) {
		a64_check_decode(a64_check_word(t->c, t->at), t->at, &in);
		if (in.rd != reg || in.kind != (n ? I_KEEP : I_CONST))
			break;
		v = n ? (v & ~(0xffffull << in.shift)) | (u64)in.imm : (u64)in.imm;
		if (!in.is64)
			v = (u32)v;
	}
	t->same &= n && v == value;
}

/* What trampolines and tail calls count on. */
static void want_prologue(struct text *t)
{
	if (t->c->pads)
		want(t, BTI_JC);
	want(t, 0xaa1e03e9);	/* mov x9, x30 */
	want(t, NOP);
	if (t->c->signs)
		want(t, PACIASP);
	want(t, PUSH(29, 30));
	want(t, 0x910003fd);	/* mov x29, sp */
	want(t, PUSH(19, 20));
	want(t, PUSH(21, 22));
	want(t, PUSH(25, 26));
	want(t, PUSH(27, 28));
	want(t, 0x910003f9);	/* mov x25, sp */
	want(t, 0xd280001a);	/* mov x26, #0 */
	if (t->c->pads)
		want(t, BTI_J);
}

/* Of classic programs: what run() has returned survives it in the register of R0. */
static void want_history(struct text *t)
{
	const struct moat_kernel *k = t->c->kernel;

	if (!k->history_hint && !k->history_loops && !k->history_call)
		return;
	want(t, 0xaa0003e7);		/* mov x7, x0 */
	if (k->history_hint)
		want(t, CLRBHB);
	if (k->history_loops) {
		want_const(t, 0, k->history_loops);
		want(t, 0x14000001);	/* b: the next */
		want(t, 0xf1000400);	/* subs x0, x0, #1 */
		want(t, 0x54ffffc1);	/* b.ne: that branch */
		want(t, DSB_ISH);
		want(t, ISB);
	}
	if (k->history_call) {
		want_const(t, 0, k->history_function);
		want(t, k->history_call);
	}
	want(t, 0xaa0703e0);		/* mov x0, x7 */
}

static void want_epilogue(struct text *t)
{
	want(t, POP(27, 28));
	want(t, POP(25, 26));
	want(t, POP(21, 22));
	want(t, POP(19, 20));
	want(t, POP(29, 30));
	want_history(t);
	if (t->c->signs)
		want(t, AUTIASP);
	want(t, RET);
}

/* The entry hook's long way: its address is the last thing, 8-byte aligned. */
static bool has_hook(const struct moat_check *c)
{
	u32 at = c->bytes + c->behind - 16, pad = c->behind - 16;
	u64 to;

	if (c->behind < 16 || pad > 4 || at % 8 || (pad && a64_check_word(c, c->bytes) != NOP))
		return false;
	to = a64_check_word(c, at + 8) | (u64)a64_check_word(c, at + 12) << 32;
	/* ldr x10, the address; br x10 */
	return a64_check_word(c, at) == 0x5800004a && a64_check_word(c, at + 4) == 0xd61f0140 &&
	       to == c->kernel->dummy_tramp;
}

static void want_call(struct text *t, u64 function)
{
	want_const(t, REG_TMP, function);
	want(t, BLR(REG_TMP));
}

/* A forward branch of 19 bits to here, whose word without the distance is @word, at @from. */
static void want_here(struct text *t, u32 from, u32 word)
{
	u32 at = t->at;

	t->at = from;
	want(t, word | (at - from) >> 2 << 5);
	t->at = at;
}

/* Zero at [x9] becomes SP, or there is a branch; returns where it stands. */
static u32 want_taking(struct text *t, bool lse)
{
	u32 taken;

	want(t, 0x910003ea);		/* mov x10, sp */
	if (lse) {
		want(t, 0xaa1f03eb);	/* mov x11, xzr */
		want(t, 0xc8ebfd2a);	/* casal x11, x10, [x9] */
	} else {
		want(t, 0xc85f7d2b);	/* ldxr x11, [x9] */
	}
	taken = t->at;
	t->at += 4;
	if (!lse) {
		want(t, 0xc80c7d2a);	/* stxr w12, x10, [x9] */
		want(t, 0x35ffffac);	/* cbnz w12: the ldxr */
	}
	return taken;
}

#define FIELD(name)	((u32)offsetof(struct moat_stub_run, name))

/* The stub's own run, in x23: take it, enter the image, give it back.  Returns where the branch behind run() stands. */
static u32 want_own_run(struct text *t)
{
	const struct moat_kernel *k = t->c->kernel;
	u32 taken, stopped = 0, done;

	want(t, PUSH(23, 24));
	want_const(t, 23, k->slot);
	want(t, 0xd5200009 | (k->cpu_offset & 0xffff) << 5);	/* mrs x9, the register */
	want(t, 0x8b0902f7);				/* add x23, x23, x9 */
	want(t, 0x910002e9 | FIELD(host_sp) << 10);	/* add x9, x23, #host_sp */
	taken = want_taking(t, t->at + 4 < t->c->main && a64_check_word(t->c, t->at + 4) == 0xaa1f03eb);
	want(t, 0xf90002e0 | FIELD(ctx) / 8 << 10);	/* str x0, [x23, #ctx] */
	if (k->enter) {
		want(t, 0xaa1703e0);			/* mov x0, x23 */
		want_call(t, k->enter);
		stopped = t->at;
		t->at += 4;
	}
	want(t, 0xb94002e0 | FIELD(r1) / 4 << 10);	/* ldr w0, [x23, #r1] */
	want(t, 0xaa1703e2);				/* mov x2, x23 */
	want(t, 0x94000000 | ((t->c->main - t->at) >> 2 & 0x3ffffff));	/* bl: the image */
	if (k->leave) {
		want(t, 0xaa1703e1);			/* mov x1, x23 */
		want_call(t, k->leave);
	}
	if (k->enter)
		want_here(t, stopped, 0xb4000001);	/* cbz x1 */
	want(t, 0xf90002ff | FIELD(host_sp) / 8 << 10);	/* str xzr, [x23, #host_sp] */
	want(t, POP(23, 24));
	done = t->at;
	t->at += 4;
	want_here(t, taken, 0xb500000b);		/* cbnz x11 */
	want(t, POP(23, 24));
	return done;
}

bool a64_check_stub(struct moat_walk *w)
{
	struct text t = { .c = w->c, .same = true };
	u32 done = 0, at;

	want_prologue(&t);
	if (w->c->kernel->slot)
		done = want_own_run(&t);
	want_const(&t, 1, w->c->kernel->domain);
	want_call(&t, w->c->kernel->run);
	if (done) {
		at = t.at;
		t.at = done;
		want(&t, 0x14000000 | (at - done) >> 2);	/* b: over that */
		t.at = at;
	}
	want_epilogue(&t);
	if (!t.same || t.at != w->c->main)
		return moat_reject(w, "the stub is not what the kernel needs");
	return has_hook(w->c) || moat_reject(w, "what stands behind the image is not what the kernel needs");
}

void a64_check_pad(struct moat_walk *w)
{
	u32 word = w->c->bytes - w->at < 4 ? 0 : a64_check_word(w->c, w->at);

	if (w->c->pads && word != BTI_C && word != PACIASP)
		moat_reject(w, "an entry without a landing pad");
}
