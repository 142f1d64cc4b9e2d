/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Images for the kernel: what only they have in their bodies (kernel.h). */
#include "regs.h"
#include "../jit/kernel.h"

#define CANONICAL	47	/* addresses from 1 << 47 up are the kernel's, or fault */

/*
 * From the vsyscall page to the end of the address space there is nothing that
 * a program may follow a pointer to, and that page is user memory: a fault of
 * the kernel there is never forgiven.  Added to an address, this makes those
 * positive, as the lower half is.
 */
#define TO_VSYSCALL	(10 << 20)
#define LAST_BYTE	7		/* of the longest access, which may reach into that page */

/* The branch that is taken if @addr + @off is not an address of the kernel, for which @dst gets zero. */
static u32 skip_if_bad(struct moat *jit, enum x64_reg dst, enum x64_reg addr, s32 off)
{
	u64 limit = jit->opt->kernel->probe_limit;
	struct moat_buf *b = &jit->buf;
	bool half = limit >> CANONICAL;

	x64_ins(b, X64_LEA, X64_64, X64_TMP2, x64_at(addr, half ? off + TO_VSYSCALL + LAST_BYTE : off));
	x64_mov_imm(b, dst, 0);
	if (half) {
		x64_ins(b, X64_TEST_RM_R, X64_64, X64_TMP2, x64_r(X64_TMP2));
		return x64_jcc_forward(b, X64_NS);
	}
	if (!fits_unsigned(limit, 31))
		moat_fail(b, -EINVAL);
	x64_alu_imm(b, 7, X64_64, x64_r(X64_TMP2), limit);
	return x64_jcc_forward(b, X64_B);
}

/*
 * A pointer of the kernel's that may be stale or NULL.  A user address reads
 * as 0 without an access, as user memory may be mapped there; what is left of
 * bad addresses faults, and the kernel goes on behind the load.
 */
void x64_emit_probe(struct moat *jit, const struct moat_op *op)
{
	enum x64_reg dst = x64_reg(op->dst), addr = x64_reg(op->src);
	struct moat_buf *b = &jit->buf;
	u32 skip, at;

	if (dst == addr) {
		x64_mov(b, X64_64, X64_TMP, addr);
		addr = X64_TMP;
	}
	skip = skip_if_bad(jit, dst, addr, op->off);
	at = b->len;
	x64_load(b, op, x64_at(addr, op->off));
	if (b->base && !b->err)
		jit->opt->kernel->probe(jit->opt->arg, op->pc, at, b->len, dst);
	x64_label(b, skip);
}

static u64 address_of(struct moat *jit, u32 pc)
{
	u64 address = 0;
	int err = 0;

	if (jit->buf.base)
		err = jit->opt->kernel->address(jit->opt->arg, pc, &address);
	if (err)
		moat_fail(&jit->buf, err);
	return address;
}

/* A subprogram counts on from its caller's tail calls; the kernel's functions do not. */
void x64_kernel_call(struct moat *jit, const struct moat_op *op)
{
	u64 to = address_of(jit, op->pc);

	if (jit->tail_reachable && op->fn == BPF_PSEUDO_CALL)
		x64_ins(&jit->buf, X64_MOV_R_RM, X64_64, X64_RAX, x64_kernel_counter(jit));
	if (!to)	/* not known yet */
		to = jit->buf.pc;
	x64_call(&jit->buf, to, false);
}

void x64_kernel_address(struct moat *jit, const struct moat_op *op)
{
	x64_mov_imm64(&jit->buf, x64_reg(op->dst), address_of(jit, op->pc));
}

/* Tail calls -------------------------------------------------------------- */

/* One more tail call, unless there were too many: the branch that is taken then. */
static u32 count(struct moat *jit)
{
	struct x64_rm counter = x64_kernel_counter(jit);
	struct moat_buf *b = &jit->buf;
	u32 too_many;

	counter.disp += 4;
	x64_alu_imm(b, 7, X64_32, counter, jit->opt->kernel->max_tail_calls);
	too_many = x64_jcc_forward(b, X64_AE);
	x64_alu_imm(b, 0, X64_32, counter, 1);
	return too_many;
}

/* The target is an immediate of the code, which the kernel patches when the array's entry changes. */
static void tail_direct(struct moat *jit, u32 index)
{
	struct moat_buf *b = &jit->buf;
	u32 too_many = count(jit), bypass = b->len, target;

	x64_jmp(b, 0);
	x64_kernel_unwind(jit);
	target = b->len;
	x64_nop5(b);
	moat_patch(b, bypass + 1, b->len - (bypass + 5), 4);
	x64_label(b, too_many);
	if (b->base && !b->err)
		jit->opt->kernel->poke(jit->opt->arg, index, bypass, target);
}

static void jump_rcx(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;

	if (k->jump_thunk) {
		x64_jmp_out(b, k->jump_thunk);
		return;
	}
	if (k->jump_lfence)
		x64_lfence(b);
	x64_ins(b, X64_JMP_RM, X64_32, 0, x64_r(X64_RCX));
	if (k->int3_after_jump && !k->jump_lfence)
		x64_int3(b);
}

/* R1 the context, R2 the array, R3 the index; their registers are free behind the call, and RCX is R4. */
static void tail_indirect(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;
	u32 outside, too_many, empty;

	x64_mov(b, X64_32, X64_RDX, X64_RDX);
	x64_ins(b, X64_CMP_RM_R, X64_32, X64_RDX, x64_at(X64_RSI, k->array_entries));
	outside = x64_jcc_forward(b, X64_BE);
	too_many = count(jit);
	x64_ins(b, X64_MOV_R_RM, X64_64, X64_RCX, x64_at_index(X64_RSI, X64_RDX, 3, k->array_progs));
	x64_ins(b, X64_TEST_RM_R, X64_64, X64_RCX, x64_r(X64_RCX));
	empty = x64_jcc_forward(b, X64_E);
	x64_kernel_unwind(jit);
	x64_ins(b, X64_MOV_R_RM, X64_64, X64_RCX, x64_at(X64_RCX, k->prog_entry));
	x64_alu_imm(b, 0, X64_64, x64_r(X64_RCX), jit->tail_entry);
	jump_rcx(jit);
	x64_label(b, outside);
	x64_label(b, too_many);
	x64_label(b, empty);
}

void x64_kernel_tail(struct moat *jit, const struct moat_op *op)
{
	if (op->imm)
		tail_direct(jit, op->imm - 1);
	else
		tail_indirect(jit);
}

void x64_emit_barrier(struct moat *jit, const struct moat_op *op)
{
	x64_lfence(&jit->buf);
}
