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

bool a64_check_stub(struct moat_walk *w)
{
	struct text t = { .c = w->c, .same = true };

	want_prologue(&t);
	want_const(&t, 1, w->c->kernel->domain);
	want_const(&t, REG_TMP, w->c->kernel->run);
	want(&t, BLR(REG_TMP));
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
