/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the arm64 backend provides to the driver. */
#include "regs.h"
#include "../jit/walk.h"

static void trap(struct moat *jit)
{
	a64_emit(&jit->buf, a64_exception(A64_BRK, 0));
}

static void pad(struct moat *jit)
{
	a64_emit_plain(&jit->buf, A64_NOP);
}

/* There is one form here: a general register holds the base. */
static int choose(struct moat *jit)
{
	jit->form = MOAT_BASE_REGISTER;
	if (moat_kernel_form(jit->opt))
		a64_kernel_addresses(jit);
	return jit->opt->form == MOAT_BASE_SEGMENT ? -EOPNOTSUPP : 0;
}

/* Instructions have one alignment and no room for others inside: what was not put there is not there. */
static s64 forbidden(const struct moat *jit, const u8 *code, u32 bytes, u32 from)
{
	return -1;
}

/* A kind without an a64_emit_*() does not link. */
#define A64_EMIT(K, f)	[MOAT_##K] = a64_emit_##f,

const struct moat_arch a64_arch = {
	.name = "arm64",
	.reach = { .min = -(1 << 20) - 4, .max = (1 << 20) - 8, .jump = { 4, 4 }, .branch = { 4, 8 } },
	.emit = { MOAT_KINDS(A64_EMIT) },
	.branch = a64_branch_to,
	.prologue = a64_prologue,
	.local_entry = a64_local_entry,
	.epilogue = a64_epilogue,
	.returns = a64_returns,
	.trap = trap,
	.trap_bytes = 4,
	.pad = pad,
	.nr_kept = 3,		/* A64_KEPT */
	.near = a64_near,
	.choose = choose,
	.stub = a64_stub,
	.behind = a64_plt,
	.pads = A64_BTI,
	.signs = A64_PAC,
	.forbidden = forbidden,
	.walker = &a64_walker,
};
