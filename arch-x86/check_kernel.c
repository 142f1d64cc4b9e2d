/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker for x86-64: isolated images for the kernel, how they are entered and left. */
#include "check_insn.h"
#include "../jit/kernel.h"

#define ENDBR64	0xfa1e0ff3

struct text {
	u8 byte[192];
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

/* Of classic programs: what run() has returned survives it. */
static void put_history(struct moat_walk *w, struct text *t)
{
	const struct moat_kernel *k = w->c->kernel;

	if (k->history_clear) {
		put(t, 0x50, 1);		/* push rax */
		put_branch(w, t, 0xe8, k->history_clear);
		put(t, 0x58, 1);		/* pop rax */
	}
	if (k->history_fence)
		put(t, 0xf81e0f48f3, 5);	/* ibhf */
}

static void put_leave(struct moat_walk *w, struct text *t)
{
	const struct moat_kernel *k = w->c->kernel;

	put_history(w, t);
	put(t, 0xc9, 1);		/* leave */
	if (k->return_thunk)
		put_branch(w, t, 0xe9, k->return_thunk);
	else
		put(t, k->int3_after_ret ? 0xccc3 : 0xc3, k->int3_after_ret ? 2 : 1);
}

/* An operand [register + @disp], whose ModRM byte is @modrm without a displacement. */
static void put_field(struct text *t, u8 modrm, u32 disp)
{
	if (disp > 127)
		put(t, modrm | 0x80, 1);
	else
		put(t, modrm | 0x40, 1);
	put(t, disp, disp > 127 ? 4 : 1);
}

static void put_enter(struct moat_walk *w, struct text *t, u32 *stopped)
{
	put(t, 0xd78948, 3);		/* mov rdi, rdx */
	put_branch(w, t, 0xe8, w->c->kernel->enter);
	put(t, 0xd28548, 3);		/* test rdx, rdx */
	put(t, 0x0074, 2);		/* je */
	*stopped = t->n;
}

static void put_after(struct moat_walk *w, struct text *t)
{
	const struct moat_kernel *k = w->c->kernel;

	put(t, 0xc78948, 3);		/* mov rdi, rax */
	put(t, 0xbe48, 2);		/* movabs rsi, slot */
	put(t, k->slot, 8);
	put(t, 0x2534034865, 5);	/* add rsi, gs:[cpu_offset] */
	put(t, k->cpu_offset, 4);
	put_branch(w, t, 0xe8, k->leave);
}

/* The stub's own run: take it, enter the image at @main, give it back.  Behind it stands what is done if it is taken. */
static void put_run(struct moat_walk *w, struct text *t)
{
	const struct moat_kernel *k = w->c->kernel;
	u32 taken, stopped = 0;

	put(t, 0xba48, 2);		/* movabs rdx, slot */
	put(t, k->slot, 8);
	put(t, 0xc031, 2);		/* xor eax, eax */
	put(t, 0xb10f4865, 4);		/* cmpxchg gs:[rdx + host_sp], rbp */
	put_field(t, 0x2a, offsetof(struct moat_stub_run, host_sp));
	put(t, 0x0075, 2);		/* jne */
	taken = t->n;
	put(t, 0x2514034865, 5);	/* add rdx, gs:[cpu_offset] */
	put(t, k->cpu_offset, 4);
	put(t, 0x8948, 2);		/* mov [rdx + ctx], rdi */
	put_field(t, 0x3a, offsetof(struct moat_stub_run, ctx));
	if (k->enter)
		put_enter(w, t, &stopped);
	put(t, 0x8b, 1);		/* mov edi, [rdx + r1] */
	put_field(t, 0x3a, offsetof(struct moat_stub_run, r1));
	put_branch(w, t, 0xe8, w->c->pc + w->c->main);
	if (k->leave)
		put_after(w, t);
	if (k->enter)
		t->byte[stopped - 1] = t->n - stopped;
	put(t, 0xba48, 2);		/* movabs rdx, slot */
	put(t, k->slot, 8);
	put(t, 0xc74865, 3);		/* mov qword ptr gs:[rdx + host_sp], 0 */
	put_field(t, 0x02, offsetof(struct moat_stub_run, host_sp));
	put(t, 0, 4);
	put_leave(w, t);
	t->byte[taken - 1] = t->n - taken;
}

/* What trampolines and tail calls count on, the stub's own run, then run(ctx, domain). */
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
	if (k->slot)
		put_run(w, &t);
	put(&t, 0xbe48, 2);		/* movabs rsi, domain */
	put(&t, k->domain, 8);
	put_branch(w, &t, 0xe8, k->run);
	put_leave(w, &t);
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
