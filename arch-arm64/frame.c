/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prologues, epilogues and traps: how the host comes in and gets out. */
#include "regs.h"
#include "../jit/plan.h"

/* Callee-saved registers that the image writes, whichever function does, in pairs. */
static u32 saved(const struct moat *jit, u8 out[12])
{
	u32 r, n = 0;

	if (jit->calls || jit->has_local || jit->nr_func > 1) {
		out[n++] = A64_X29;
		out[n++] = A64_X30;
	}
	for (r = BPF_REG_6; r <= BPF_REG_9; r++)
		if (jit->regs & 1 << r)
			out[n++] = a64_of_bpf[r];
	if (jit->uses_frame)
		out[n++] = A64_FRAME;
	if (jit->calls) {
		out[n++] = A64_HOST;
		if (jit->uses_fuel)
			out[n++] = a64_fuel(jit);
		if (jit->uses_cage)
			out[n++] = a64_cage(jit);
	}
	if (n & 1)
		out[n++] = A64_ZR;
	return n;
}

/* In the order of struct moat_frame: neighbours are loaded as a pair. */
static void load_trusted(struct moat *jit, enum a64_reg frame)
{
	const struct { bool used; enum a64_reg reg; u32 at; } field[] = {
		{ jit->uses_frame, A64_FRAME, offsetof(struct moat_frame, stack) },
		{ jit->uses_cage, a64_cage(jit), offsetof(struct moat_frame, cage) },
		{ jit->uses_fuel, a64_fuel(jit), offsetof(struct moat_frame, fuel) },
		{ false },
	};
	struct moat_buf *b = &jit->buf;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(field); i++) {
		if (!field[i].used)
			continue;
		if (field[i + 1].used) {
			a64_emit(b, a64_pair(A64_LDP, field[i].reg, field[i + 1].reg, frame, field[i].at));
			i++;
		} else {
			a64_emit(b, a64_mem(A64_LDR_X, field[i].reg, frame, field[i].at));
		}
	}
	if (jit->calls)
		a64_mov(b, A64_X, A64_HOST, frame);
}

/* What the host left in registers is not for the program; one that it never names, or writes first, stays as it is. */
static void clear_registers(struct moat *jit, u32 args, u32 pc)
{
	u16 clear = jit->regs & ~(((1 << args) - 1) << BPF_REG_1);
	u32 start = jit->buf.len, r;

	if (jit->opt->mode == MOAT_MODE_NONE)
		return;
	if (!pc)	/* a callback's entry makes a call, which saves registers first */
		clear = moat_read_first(jit, 0, clear);
	for (r = BPF_REG_0; r <= BPF_REG_9; r++)
		if (clear & 1 << r)
			a64_mov(&jit->buf, A64_X, a64_of_bpf[r], A64_ZR);
	moat_mark(jit, MOAT_MARK_CLEAR, start);
}

/* Enter from the host with @args argument registers and the frame in @frame. */
static void enter_image(struct moat *jit, enum a64_reg frame, u32 args, u32 pc)
{
	struct moat_buf *b = &jit->buf;
	u32 start = b->len, n, i;
	u8 regs[12];

	n = saved(jit, regs);
	if (a64_have(jit, A64_PAC) && n && regs[1] == A64_X30)
		a64_emit_plain(b, A64_PACIASP);	/* a landing pad too */
	else if (a64_have(jit, A64_BTI))
		a64_emit_plain(b, A64_BTI_C);
	for (i = 0; i < n; i += 2) {
		a64_emit(b, a64_pair(A64_STP_PRE, regs[i], regs[i + 1], A64_SP, -16));
		if (regs[i] == A64_X29)
			a64_emit(b, a64_rri(A64_ADDI, A64_X, A64_X29, A64_SP, 0));
	}
	load_trusted(jit, frame);
	if (args > 2)	/* R4 came behind the frame */
		a64_mov(b, A64_X, A64_X3, A64_X4);
	a64_save_rights(jit);
	moat_mark(jit, MOAT_MARK_PROLOGUE, start);
	a64_enter(jit, pc);
	clear_registers(jit, args, pc);
}

void a64_unwind(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u8 regs[12];
	u32 n = saved(jit, regs);
	bool sign = a64_have(jit, A64_PAC) && n && regs[1] == A64_X30;

	a64_restore_rights(jit);
	for (; n; n -= 2)
		a64_emit(b, a64_pair(A64_LDP_POST, regs[n - 2], regs[n - 1], A64_SP, 16));
	if (sign)
		a64_emit_plain(b, A64_AUTIASP);
}

static void leave_image(struct moat *jit, u32 pc)
{
	struct moat_buf *b = &jit->buf;
	u32 start;

	a64_leave(jit, pc);
	start = b->len;
	if (jit->uses_fuel && jit->calls)
		a64_emit(b, a64_mem(A64_STR_X, a64_fuel(jit), A64_HOST, offsetof(struct moat_frame, fuel)));
	a64_mov(b, A64_X, A64_X0, a64_reg(BPF_REG_0));
	a64_unwind(jit);
	a64_emit(b, a64_jump(A64_RET, A64_X30));
	moat_mark(jit, MOAT_MARK_EPILOGUE, start);
}

/* A callback is a main function of its own that makes one local call, from the top of the stack. */
static void callback_entry(struct moat *jit, const struct moat_func *func)
{
	enter_image(jit, A64_X3, 4, func->start);
	a64_local_call(jit, func->start, func->depth, func);
	leave_image(jit, func->start);
}

void a64_prologue(struct moat *jit, const struct moat_func *func)
{
	if (moat_kernel_form(jit->opt))
		a64_kernel_prologue(jit);
	else if (func->start == 0)
		enter_image(jit, A64_X2, jit->opt->entry_args, 0);
	else
		callback_entry(jit, func);
}

void a64_epilogue(struct moat *jit, const struct moat_func *func)
{
	if (moat_kernel_form(jit->opt))
		a64_kernel_epilogue(jit);
	else if (func->start == 0)
		leave_image(jit, func->end - 1);
	else
		a64_local_exit(jit, func);
}

void a64_emit_exit(struct moat *jit, const struct moat_op *op)
{
	a64_epilogue(jit, jit->cur);
}

/* A conditional branch reaches 1 MiB: long programs go around an unconditional one. */
void a64_trap_if(struct moat *jit, enum a64_cond cond, u32 pc, u8 kind)
{
	struct moat_buf *b = &jit->buf;
	u32 at = moat_add_trap(jit, pc, kind);

	if (a64_is_long(jit)) {
		a64_emit(b, a64_bcond(cond ^ 1, 8));
		a64_emit(b, a64_branch(A64_B, b->base ? (s64)at - b->len : 0));
	} else {
		a64_emit(b, a64_bcond(cond, b->base ? (s64)at - b->len : 0));
	}
}
