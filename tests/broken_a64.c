/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The emitter for arm64, broken in named ways. */
#include "../arch-arm64/regs.h"
#include "broken.h"

static void plain_load(struct moat *jit, const struct moat_op *op)
{
	a64_emit(&jit->buf, a64_mem(A64_LDR_X, a64_reg(op->dst), a64_reg(op->src), op->off));
}

/* [CAGE, Xn] */
static void long_index(struct moat *jit, const struct moat_op *op)
{
	a64_emit(&jit->buf, a64_mem_uxtw(A64_LDR_X, a64_reg(op->dst), a64_cage(jit), a64_reg(op->src)) | 1 << 13);
}

static void not_formed(struct moat *jit, const struct moat_op *op)
{
	struct moat_op again = *op;

	again.kept = 1;
	again.keeps = false;
	a64_emit_load(jit, &again);
}

static void low_store(struct moat *jit, const struct moat_op *op)
{
	struct moat_op low = *op;

	low.off -= 600;
	a64_emit_store(jit, &low);
}

static void tell_r10(struct moat *jit, const struct moat_op *op)
{
	a64_mov(&jit->buf, A64_X, a64_reg(op->dst), a64_reg(op->src));
}

/* As a64_emit_helper(), of other parts. */
static void call(struct moat *jit, const struct moat_op *op, u64 function, u32 site)
{
	struct moat_buf *b = &jit->buf;

	if (jit->uses_fuel)
		a64_emit(b, a64_mem(A64_STR_X, a64_fuel(jit), A64_HOST, offsetof(struct moat_frame, fuel)));
	a64_mov(b, A64_X, A64_X5, A64_HOST);
	a64_mov_imm(b, A64_X6, site);
	a64_mov_imm(b, A64_TMP, function);
	a64_emit(b, a64_jump(A64_BLR, A64_TMP));
	a64_mov(b, A64_X, A64_X7, A64_X0);
}

static void no_clear(struct moat *jit, const struct moat_op *op)
{
	a64_leave(jit, op->pc);
	call(jit, op, jit->opt->call, moat_add_site(jit, op->pc, op->imm));
	a64_enter(jit, op->pc);
}

static void no_audit(struct moat *jit, const struct moat_op *op)
{
	struct moat_callee callee;

	jit->opt->callee(jit->opt->arg, op->imm, &callee);
	a64_leave(jit, op->pc);
	call(jit, op, callee.address, moat_add_site(jit, op->pc, op->imm));
	a64_clear_args(jit, 0x3e);
	a64_enter(jit, op->pc);
}

static void other_site(struct moat *jit, const struct moat_op *op)
{
	call(jit, op, jit->opt->call, moat_add_site(jit, op->pc, op->imm) + 1);
	a64_clear_args(jit, 0x3e);
}

static void no_leave(struct moat *jit, const struct moat_op *op)
{
	call(jit, op, jit->opt->call, moat_add_site(jit, op->pc, op->imm));
	a64_clear_args(jit, 0x3e);
	a64_enter(jit, op->pc);
}

static void no_enter(struct moat *jit, const struct moat_op *op)
{
	a64_leave(jit, op->pc);
	call(jit, op, jit->opt->call, moat_add_site(jit, op->pc, op->imm));
	a64_clear_args(jit, 0x3e);
}

static void refund(struct moat *jit, const struct moat_op *op)
{
	a64_emit(&jit->buf, a64_rri(A64_ADDI, A64_X, a64_fuel(jit), a64_fuel(jit), 1));
	a64_emit_branch(jit, op);
}

static void branch_away(struct moat *jit, const struct moat_op *op, u32 to, u8 form)
{
	a64_branch_to(jit, op, to + 4096, form);
}

static void bare_return(struct moat *jit, const struct moat_op *op)
{
	a64_emit(&jit->buf, a64_jump(A64_RET, A64_X30));
}

static void nothing(struct moat *jit, const struct moat_func *func)
{
}

#define EMIT(K, f)	static void break_##f(struct moat_arch *arch) { arch->emit[MOAT_##K] = f; }
EMIT(LOAD, plain_load)
EMIT(LOAD, long_index)
EMIT(LOAD, not_formed)
EMIT(STORE, low_store)
EMIT(MOV, tell_r10)
EMIT(HELPER, no_clear)
EMIT(HELPER, no_audit)
EMIT(HELPER, other_site)
EMIT(HELPER, no_leave)
EMIT(HELPER, no_enter)
EMIT(BRANCH, refund)
EMIT(EXIT, bare_return)

static void break_branch(struct moat_arch *arch) { arch->branch = branch_away; }
static void break_save(struct moat_arch *arch) { arch->local_entry = nothing; }
static void break_prologue(struct moat_arch *arch) { arch->prologue = nothing; }

#define BASEREG		"arm64 basereg"
#define POE		"arm64 poe"
#define BOTH		"arm64 poe+basereg"
#define STAGE2		"arm64 stage2"

const struct broken broken_a64[] = {
	{ "load outside of the cage", BASEREG, BROKEN_LOAD, break_plain_load },
	{ "index of 64 bits", BOTH, BROKEN_LOAD, break_long_index },
	{ "kept address that was not formed", BASEREG, BROKEN_LOAD, break_not_formed },
	{ "store below the frame", BASEREG, BROKEN_STORE, break_low_store },
	{ "R10 told as an address", BASEREG, BROKEN_R10, break_tell_r10 },
	{ "arguments not cleared", BASEREG, BROKEN_CALL, break_no_clear },
	{ "arguments not cleared (gates)", POE, BROKEN_CALL, break_no_clear },
	{ "helper without audit", BOTH, BROKEN_CALL, break_no_audit },
	{ "site of another call", BASEREG, BROKEN_CALL, break_other_site },
	{ "no gate before a call", POE, BROKEN_CALL, break_no_leave },
	{ "no gate behind a call", BOTH, BROKEN_CALL, break_no_enter },
	{ "no monitor before a call", STAGE2, BROKEN_CALL, break_no_leave },
	{ "fuel given back", BASEREG, BROKEN_LOOP, break_refund },
	{ "branch out of the image", BASEREG, BROKEN_LOOP, break_branch },
	{ "return without restoring", BASEREG, BROKEN_STORE, break_bare_return },
	{ "RET behind gates", POE, BROKEN_LOCAL, break_bare_return },
	{ "link register not saved", BASEREG, BROKEN_LOCAL, break_save },
	{ "no prologue", BASEREG, BROKEN_LOAD, break_prologue },
};
const u32 nr_broken_a64 = ARRAY_SIZE(broken_a64);
