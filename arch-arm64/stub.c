/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stubs: what the kernel calls instead of an isolated image (kernel.h).
 *
 * Its frame is that of the kernel's own JIT and, where the stub has a run of its
 * own, X23 and X24 below it: then all is saved that anybody behind it may
 * change, and who ends the run from without goes on at host_sp.
 */
#include "regs.h"
#include "../jit/kernel.h"

#define RUN	A64_X23

static void load_const_call(struct moat *jit, u64 function)
{
	a64_mov_imm(&jit->buf, A64_TMP, function);
	a64_emit(&jit->buf, a64_jump(A64_BLR, A64_TMP));
}

/* Put SP where TMP points to, if that is zero: the branch for when it is not. */
static u32 take(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 again, taken;

	a64_emit(b, a64_rri(A64_ADDI, A64_X, A64_TMP2, A64_SP, 0));
	if (a64_have(jit, A64_LSE)) {
		a64_mov(b, A64_X, A64_TMP3, A64_ZR);
		a64_emit(b, a64_lse(A64_CASAL, A64_X, A64_TMP3, A64_TMP2, A64_TMP));
		return a64_cb_forward(b, A64_CBNZ, A64_X, A64_TMP3);
	}
	again = b->len;
	a64_emit(b, a64_excl(A64_LDXR, A64_X, A64_ZR, A64_TMP3, A64_TMP));
	taken = a64_cb_forward(b, A64_CBNZ, A64_X, A64_TMP3);
	a64_emit(b, a64_excl(A64_STXR, A64_X, A64_TMP4, A64_TMP2, A64_TMP));
	a64_emit(b, a64_cb(A64_CBNZ, A64_W, A64_TMP4, (s64)again - b->len));
	return taken;
}

/* This CPU's run to RUN and the context in it, unless that run is taken: the branch for then. */
static u32 take_run(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;
	u32 taken;

	if (k->cpu_offset > 0xffff)
		moat_fail(b, -ERANGE);
	a64_emit(b, a64_pair(A64_STP_PRE, RUN, A64_X24, A64_SP, -16));
	a64_mov_imm(b, RUN, k->slot);
	a64_emit(b, a64_mrs_named(k->cpu_offset, A64_TMP));
	a64_emit(b, a64_rrr(A64_ADD, A64_X, RUN, RUN, A64_TMP));
	a64_emit(b, a64_rri(A64_ADDI, A64_X, A64_TMP, RUN, offsetof(struct moat_stub_run, host_sp)));
	taken = take(jit);
	a64_emit(b, a64_mem(A64_STR_X, A64_X0, RUN, offsetof(struct moat_stub_run, ctx)));
	return taken;
}

static void enter_image(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;

	a64_emit(b, a64_mem(A64_LDR_W, A64_X0, RUN, offsetof(struct moat_stub_run, r1)));
	a64_mov(b, A64_X, A64_X2, RUN);		/* its frame comes first */
}

/* Falls through to where the run is taken by somebody else.  Returns the branch over that. */
static u32 run_here(struct moat *jit, u32 *entry)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;
	u32 taken = take_run(jit), stopped = 0, done;

	if (k->enter) {
		a64_mov(b, A64_X, A64_X0, RUN);
		load_const_call(jit, k->enter);
		stopped = a64_cb_forward(b, A64_CBZ, A64_X, A64_X1);
	}
	enter_image(jit);
	*entry = b->len;
	a64_emit(b, a64_branch(A64_BL, 0));
	if (k->leave) {
		a64_mov(b, A64_X, A64_X1, RUN);
		load_const_call(jit, k->leave);
	}
	if (k->enter)
		a64_label(b, stopped);
	a64_emit(b, a64_mem(A64_STR_X, A64_ZR, RUN, offsetof(struct moat_stub_run, host_sp)));
	a64_emit(b, a64_pair(A64_LDP_POST, RUN, A64_X24, A64_SP, 16));
	done = a64_b_forward(b);
	a64_label(b, taken);
	a64_emit(b, a64_pair(A64_LDP_POST, RUN, A64_X24, A64_SP, 16));
	return done;
}

/* The context stays in X0, its first argument; a tail call enters with this frame made. */
void a64_stub(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;
	u32 start = b->len, done = 0, entry = 0;

	a64_stub_begin(jit);
	if (k->slot)
		done = run_here(jit, &entry);
	a64_mov_imm(b, A64_X1, k->domain);
	load_const_call(jit, k->run);
	if (k->slot)
		a64_label(b, done);
	a64_stub_end(jit);
	if (k->slot)
		a64_label(b, entry);
	moat_mark(jit, MOAT_MARK_STUB, start);
}
