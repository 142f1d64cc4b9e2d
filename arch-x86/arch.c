/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the x86-64 backend provides to the driver. */
#include "regs.h"
#include "../jit/walk.h"

static void trap(struct moat *jit)
{
	x64_ud2(&jit->buf);
}

static void pad(struct moat *jit)
{
	x64_nop(&jit->buf);
}

/*
 * The register form unless the host asks for the other: it costs an
 * instruction per address that accesses share, often hidden, while the segment
 * form costs three segment-base instructions per run (measured on Zen 5: 40 to
 * 50 ns together, more than many packet programs take).
 */
static int choose(struct moat *jit)
{
	jit->form = jit->opt->form ? jit->opt->form : MOAT_BASE_REGISTER;
	if (jit->opt->gate != MOAT_GATE_RIGHTS || (jit->opt->kernel && jit->form != MOAT_BASE_REGISTER))
		return -EOPNOTSUPP;
	return jit->form == MOAT_BASE_SEGMENT && !x64_have(jit, X64_FSGSBASE) ? -EOPNOTSUPP : 0;
}

/* Gates were noted from the start of the image to its end. */
static bool is_gate(const struct moat *jit, u32 at)
{
	u32 lo = 0, hi = jit->nr_gate;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (jit->gate_at[mid] == at)
			return true;
		if (jit->gate_at[mid] < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* WRPKRU, WRMSR, and XRSTOR (0F AE /5 with a memory operand), which loads PKRU too. */
static bool changes_rights(const u8 *code)
{
	if (code[0] != 0x0f)
		return false;
	return (code[1] == 0x01 && code[2] == 0xef) || code[1] == 0x30 ||
	       (code[1] == 0xae && (code[2] >> 3 & 7) == 5 && code[2] >> 6 != 3);
}

static s64 forbidden(const struct moat *jit, const u8 *code, u32 bytes, u32 from)
{
	u32 at;

	for (at = from; at + 3 <= bytes; at++)
		if (changes_rights(code + at) && !is_gate(jit, at))
			return at;
	return -1;
}

/* A kind without an x64_emit_*() does not link. */
#define X64_EMIT(K, f)	[MOAT_##K] = x64_emit_##f,

const struct moat_arch x64_arch = {
	.name = "x86",
	.reach = { .min = -128, .max = 127, .jump = { 2, 5 }, .branch = { 2, 6 } },
	.emit = { MOAT_KINDS(X64_EMIT) },
	.branch = x64_branch,
	.prologue = x64_prologue,
	.local_entry = x64_local_entry,
	.epilogue = x64_epilogue,
	.returns = x64_returns,
	.trap = trap,
	.pad = pad,
	.nr_kept = 1,
	.near = x64_near,
	.spares = x64_spares,
	.choose = choose,
	.stub = x64_stub,
	.pads = X64_IBT,
	.trap_bytes = 2,
	.forbidden = forbidden,
	.walker = &x64_walker,
};
