/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for x86-64: isolated images for the kernel, how they are entered and left. */
#include "check_insn.h"
#include "../jit/kernel.h"

#define ENDBR64	0xfa1e0ff3

struct text {
	u8 byte[64];
	u32 n;
};

static void put(struct text *t, u64 v, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		t->byte[t->n++] = v >> 8 * i;
}

/* A call or jump to the kernel's function @to. */
static void put_branch(struct moat_walk *w, struct text *t, u8 opcode, u64 to)
{
	s64 distance = to - (w->c->pc + t->n + 5);

	if (!fits_signed(distance, 32))
		moat_reject(w, "the stub cannot reach the kernel");
	put(t, opcode, 1);
	put(t, distance, 4);
}

static bool is_text(const struct moat_walk *w, const struct text *t)
{
	u32 i;

	for (i = 0; i < t->n && i < w->c->main && t->byte[i] == w->c->code[i]; i++)
		;
	return i == t->n && i == w->c->main;
}

/* What trampolines and tail calls count on, then run(ctx, domain). */
bool x64_check_stub(struct moat_walk *w)
{
	const struct moat_kernel *k = w->c->kernel;
	struct text t = { .n = 0 };

	if (w->c->pads)
		put(&t, ENDBR64, 4);
	put(&t, 0x0000441f0f, 5);	/* nop dword ptr [rax + rax] */
	put(&t, 0x9066, 2);		/* nop */
	put(&t, 0xe5894855, 4);		/* push rbp; mov rbp, rsp */
	if (w->c->pads)
		put(&t, ENDBR64, 4);
	put(&t, 0xbe48, 2);		/* movabs rsi, domain */
	put(&t, k->domain, 8);
	put_branch(w, &t, 0xe8, k->run);
	put(&t, 0xc9, 1);		/* leave */
	if (k->return_thunk)
		put_branch(w, &t, 0xe9, k->return_thunk);
	else
		put(&t, k->int3_after_ret ? 0xccc3 : 0xc3, k->int3_after_ret ? 2 : 1);
	if (w->c->behind || !is_text(w, &t))
		return moat_reject(w, "the stub is not what the kernel needs");
	return !w->c->why;
}

static bool is_pad(const struct moat_check *c, u32 at)
{
	static const u8 endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	return c->pads && at + sizeof(endbr64) <= c->bytes && !memcmp(c->code + at, endbr64, sizeof(endbr64));
}

void x64_check_pad(struct moat_walk *w)
{
	if (w->c->pads && !is_pad(w->c, w->at))
		moat_reject(w, "an entry without a landing pad");
}

void x64_check_next(struct moat_walk *w, struct ins *in)
{
	const struct moat_check *c = w->c;

	x64_check_decode(c->code, c->bytes, w->at, in);
	if (is_pad(c, w->at)) {
		in->kind = moat_is_entry(w, w->at) ? I_NOP : I_BAD;
		in->bytes = 4;
	} else if (c->kernel && c->kernel->return_thunk) {
		if (in->kind == I_RETURN)
			in->kind = I_BAD;
		else if (in->kind == I_JUMP && c->pc + in->to == c->kernel->return_thunk)
			in->kind = I_RETURN;
	}
}

bool x64_check_stops(struct moat_walk *w, const struct ins *in)
{
	const struct moat_check *c = w->c;
	u32 next = w->at + in->bytes;

	if (!c->kernel || c->kernel->return_thunk || !c->kernel->int3_after_ret)
		return true;
	if (next >= c->bytes || c->code[next] != 0xcc)
		return moat_reject(w, "a return without a trap behind it");
	w->map[next] |= WALK_SEEN;
	return true;
}
