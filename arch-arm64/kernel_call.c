/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Images for the kernel: calls, addresses and probe loads (kernel.h).
 *
 * Addresses that the kernel names stand behind the code, one for each function,
 * and are loaded from there: a call is two instructions, as long as it must be
 * whatever the second pass learns.  Constants of the program never stand there:
 * it must not choose words of an executable page.
 */
#include "regs.h"
#include "../jit/kernel.h"
#include "../jit/plan.h"

#define PLT_BYTES	8	/* up to the address that it jumps to, which the kernel rewrites */
#define MAX_RECENT	32

/* Does its code load an address?  Then op.target is the index of that. */
static bool has_address(const struct moat_op *op)
{
	return op->kind == MOAT_HELPER || (op->kind == MOAT_IMM64 && op->asked);
}

/* The same helper in two places has one address; others are only known by where they are used. */
static bool is_named(const struct moat_op *op)
{
	return op->kind == MOAT_HELPER && !op->fn;
}

void a64_kernel_addresses(struct moat *jit)
{
	struct { s64 helper; u32 index; } recent[MAX_RECENT];
	u32 i, j, n = 0, nr_recent = 0;

	for (i = 0; i < jit->len; i++) {
		struct moat_op *op = &jit->op[i];

		jit->has_tail |= op->kind == MOAT_TAIL;
		if (!has_address(op))
			continue;
		for (j = 0; j < nr_recent && (!is_named(op) || recent[j].helper != op->imm); j++)
			;
		op->target = j < nr_recent ? recent[j].index : n++;
		if (j == nr_recent && is_named(op) && nr_recent < MAX_RECENT) {
			recent[nr_recent].helper = op->imm;
			recent[nr_recent++].index = op->target;
		}
	}
}

static bool has_plt(const struct moat *jit)
{
	return !jit->opt->kernel->classic;
}

/* Where the data begins: with the address of the PLT, if there is one. */
static u32 data_at(const struct moat *jit)
{
	return align_up(jit->returns_at + (has_plt(jit) ? PLT_BYTES : 0), 8);
}

/* Load the address of @op into @to. */
static void load_address(struct moat *jit, const struct moat_op *op, enum a64_reg to)
{
	u32 at = data_at(jit) + (has_plt(jit) ? 8 : 0) + 8 * op->target;
	struct moat_buf *b = &jit->buf;
	u64 here = b->pc + b->len;

	if (!b->base)
		at = here = 0;
	if (a64_is_long(jit)) {	/* a literal may be out of reach */
		a64_emit(b, a64_adrp(to, (s64)(((b->pc + at) & ~0xfffull) - (here & ~0xfffull))));
		a64_emit(b, a64_mem(A64_LDR_X, to, to, (b->pc + at) & 0xff8));
	} else {
		a64_emit(b, a64_ldr_literal(to, b->base ? (s64)at - b->len : 0));
	}
}

void a64_kernel_call(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;
	u32 start = b->len;

	load_address(jit, op, A64_TMP2);
	a64_emit(b, a64_jump(A64_BLR, A64_TMP2));
	if (moat_live_behind(jit, op->pc) & 1 << BPF_REG_0)
		a64_mov(b, A64_X, a64_reg(BPF_REG_0), A64_X0);
	moat_mark(jit, MOAT_MARK_CALL, start);
}

void a64_kernel_imm64(struct moat *jit, const struct moat_op *op)
{
	load_address(jit, op, a64_reg(op->dst));
}

/* The long way to a trampoline: bpf_arch_text_poke() finds it at the end of the instructions. */
void a64_plt(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;

	if ((b->len + PLT_BYTES) % 8)
		a64_emit_plain(b, A64_NOP);
	a64_emit(b, a64_ldr_literal(A64_X10, PLT_BYTES));
	a64_emit(b, a64_jump(A64_BR, A64_X10));
	jit->text_bytes = b->len;
	moat_put(b, jit->opt->kernel->dummy_tramp, 8);
}

void a64_kernel_data(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 i, n = 0;
	u64 to = 0;
	int err;

	if (has_plt(jit))
		a64_plt(jit);
	for (i = 0; i < jit->len; i++) {
		const struct moat_op *op = &jit->op[i];

		if (!has_address(op) || op->target != n)
			continue;
		if (!n++ && b->len % 8)
			a64_emit_plain(b, A64_NOP);
		err = b->base ? jit->opt->kernel->address(jit->opt->arg, op->pc, &to) : 0;
		if (err)
			moat_fail(b, err);
		moat_put(b, to, 8);
	}
}

#define KERNEL_BIT	55	/* of an address: which of the two translation tables it goes through */

/* As address tags are no part of an address, this is all that says whose it is. */
static u32 skip_if_user(struct moat *jit, const struct moat_op *op)
{
	struct moat_buf *b = &jit->buf;

	if (op->off)
		a64_add_const(b, A64_X, A64_TMP, a64_reg(op->src), op->off, A64_TMP);
	else
		a64_mov(b, A64_X, A64_TMP, a64_reg(op->src));
	a64_mov_imm(b, a64_reg(op->dst), 0);
	a64_emit(b, a64_tb(A64_TBZ, A64_TMP, KERNEL_BIT, 0));
	return b->len - 4;
}

/*
 * A pointer of the kernel's that may be stale or NULL.  Bad addresses fault, and the kernel goes on behind the load.
 * Isolated programs may have been let through with any number for a pointer: an address of user memory, which
 * might be mapped there, reads as 0 without an access.  In mode none it is loaded from as by the kernel's own JIT.
 */
void a64_emit_probe(struct moat *jit, const struct moat_op *op)
{
	bool isolated = moat_has_stub(jit->opt);
	struct moat_buf *b = &jit->buf;
	u32 skip = 0;

	if (isolated) {
		skip = skip_if_user(jit, op);
		a64_access(jit, a64_mem_op(op), a64_reg(op->dst), (struct a64_operand){ .base = A64_TMP });
	} else {
		a64_emit_load(jit, op);
	}
	if (b->base && !b->err)
		jit->opt->kernel->probe(jit->opt->arg, op->pc, b->len - 4, b->len, a64_reg(op->dst));
	if (isolated)
		a64_label(b, skip);
}

/* Nothing to do: CPUs that need a barrier here have firmware for it. */
void a64_emit_barrier(struct moat *jit, const struct moat_op *op)
{
}
