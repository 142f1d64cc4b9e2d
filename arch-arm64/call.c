/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls out of the image (helpers, packet loads, tail calls) and calls inside it. */
#include "regs.h"
#include "../jit/plan.h"

/* Where a callee's frame keeps what the host's stack cannot hold in gate modes. */
#define SLOT_RETURN	(-(s32)MOAT_FRAME_BYTES - 8)
#define SLOT_SAVED	(-(s32)MOAT_FRAME_BYTES - 16)

static void host_field(struct moat *jit, enum a64_mem op, enum a64_reg rt, u32 at)
{
	a64_emit(&jit->buf, a64_mem(op, rt, A64_HOST, at));
}

static void store_fuel(struct moat *jit)
{
	if (jit->uses_fuel)
		host_field(jit, A64_STR_X, a64_fuel(jit), offsetof(struct moat_frame, fuel));
}

static void reload_fuel(struct moat *jit)
{
	if (jit->uses_fuel)
		host_field(jit, A64_LDR_X, a64_fuel(jit), offsetof(struct moat_frame, fuel));
}

/* A call of any address: its place in the code does not matter, so images can lie anywhere. */
static void call(struct moat *jit, u64 address)
{
	a64_mov_imm(&jit->buf, A64_TMP, address);
	a64_emit(&jit->buf, a64_jump(A64_BLR, A64_TMP));
}

void a64_call_out(struct moat *jit, const struct moat_op *op, u64 function, s32 helper)
{
	u32 start = jit->buf.len;

	store_fuel(jit);
	a64_mov(&jit->buf, A64_X, A64_X5, A64_HOST);
	a64_mov_imm(&jit->buf, A64_X6, moat_add_site(jit, op->pc, helper));
	call(jit, function);
	reload_fuel(jit);
	a64_mov(&jit->buf, A64_X, a64_reg(BPF_REG_0), A64_X0);
	moat_mark(jit, MOAT_MARK_CALL, start);
}

#define ARGS		0x3e	/* R1-R5 */

/* What the host left in its caller-saved registers is not for the program (G5). */
void a64_clear_args(struct moat *jit, u16 regs)
{
	u32 start = jit->buf.len, r;

	if (jit->opt->mode == MOAT_MODE_NONE)
		return;
	for (r = BPF_REG_1; r <= BPF_REG_5; r++)
		if (regs & 1 << r)
			a64_mov(&jit->buf, A64_X, a64_reg(r), A64_ZR);
	moat_mark(jit, MOAT_MARK_CLEAR, start);
}

static void call_helper_directly(struct moat *jit, const struct moat_op *op)
{
	struct moat_callee callee;

	if (jit->opt->callee(jit->opt->arg, op->imm, &callee)) {
		moat_fail(&jit->buf, -ENOENT);
		return;
	}
	moat_add_site(jit, op->pc, op->imm);
	store_fuel(jit);
	a64_mov(&jit->buf, A64_X, A64_X5, A64_HOST);
	call(jit, callee.address);
	reload_fuel(jit);
	a64_mov(&jit->buf, callee.ret_mem ? A64_W : A64_X, a64_reg(BPF_REG_0), A64_X0);
}

void a64_emit_helper(struct moat *jit, const struct moat_op *op)
{
	if (moat_kernel_form(jit->opt)) {
		a64_kernel_call(jit, op);
		return;
	}
	if (jit->opt->mode == MOAT_MODE_NONE) {
		call_helper_directly(jit, op);
		return;
	}
	a64_leave(jit, op->pc);
	a64_call_out(jit, op, jit->opt->call, op->imm);
	a64_clear_args(jit, moat_read_first(jit, op->pc + 1, ARGS));
	a64_enter(jit, op->pc);
}

static void load_cpu(struct moat *jit, enum a64_reg to)
{
	host_field(jit, A64_LDR_W, to, offsetof(struct moat_frame, cpu));
}

void a64_emit_cpu(struct moat *jit, const struct moat_op *op)
{
	load_cpu(jit, a64_reg(BPF_REG_0));
}

/* to = value * by + add */
static void scale(struct moat *jit, enum a64_reg to, enum a64_reg value, u32 by, enum a64_reg add)
{
	if (is_one_bit(by)) {
		a64_emit(&jit->buf, a64_rrr_lsl(A64_ADD, A64_W, to, add, value, bit_number(by)));
		return;
	}
	a64_mov_imm(&jit->buf, A64_TMP2, by);
	a64_emit(&jit->buf, a64_rrrr(A64_MADD, A64_W, to, value, A64_TMP2, add));
}

/*
 * The key is read as the program itself would read it, and the result is an
 * offset into values that the domain owns: whatever the key says, nothing else
 * is reached.  Without a branch: R0 is 0 where there is no such entry.
 */
void a64_emit_lookup(struct moat *jit, const struct moat_op *op)
{
	enum a64_reg r0 = a64_reg(BPF_REG_0);
	struct moat_buf *b = &jit->buf;
	struct moat_inline how;

	jit->opt->inlined(jit->opt->arg, BPF_FUNC_map_lookup_elem, op->imm, &how);
	a64_access(jit, A64_LDR_W, r0, a64_operand(jit, op, op->src));
	a64_cmp_const(b, A64_W, r0, how.entries, A64_TMP);
	a64_mov_imm(b, A64_TMP, how.base);
	scale(jit, r0, r0, how.stride, A64_TMP);
	if (how.cpu_bytes) {
		load_cpu(jit, A64_TMP);
		scale(jit, r0, A64_TMP, how.cpu_bytes, r0);
	}
	a64_emit(b, a64_csel(A64_W, r0, r0, A64_ZR, A64_LO));
}

/* Leave for the image that the host found, with this one's prologue undone; go on if it found none. */
static void enter_next(struct moat *jit)
{
	enum a64_reg r0 = a64_reg(BPF_REG_0);
	struct moat_buf *b = &jit->buf;
	u32 none = a64_cb_forward(b, A64_CBZ, A64_X, r0);

	a64_mov(b, A64_X, A64_X2, A64_HOST);
	a64_unwind(jit);
	a64_emit(b, a64_pair(A64_LDP, A64_X0, A64_X1, A64_X2, offsetof(struct moat_frame, r1)));
	/* BTI lets a branch through X16 land where a call may. */
	a64_mov(b, A64_X, A64_X16, r0);
	a64_emit(b, a64_jump(A64_BR, A64_X16));
	a64_label(b, none);
}

/*
 * Leave the domain for good, or come back as if nothing had been, with R0 = 0.
 * The kernel ends the run itself if there is a target.
 */
void a64_emit_tail(struct moat *jit, const struct moat_op *op)
{
	if (moat_kernel_form(jit->opt)) {
		a64_kernel_tail(jit);
		return;
	}
	a64_leave(jit, op->pc);
	a64_call_out(jit, op, jit->opt->tail, op->imm);
	if (!jit->opt->kernel)
		enter_next(jit);
	a64_clear_args(jit, moat_read_first(jit, op->pc + 1, ARGS));
	a64_enter(jit, op->pc);
	a64_mov(&jit->buf, A64_X, a64_reg(BPF_REG_0), A64_ZR);
}

/* The saved registers that @func's code writes. */
static u32 saved_regs(const struct moat_func *func, u8 out[4])
{
	u32 r, n = 0;

	for (r = BPF_REG_6; r <= BPF_REG_9; r++)
		if (func->regs & 1 << r)
			out[n++] = a64_of_bpf[r];
	return n;
}

/* Gate modes: domain code may not touch the host's stack, so the frame holds an index and the jump is direct. */
static void gate_call(struct moat *jit, u32 target)
{
	struct moat_buf *b = &jit->buf;

	a64_mov_imm(b, A64_TMP2, jit->nr_return);
	a64_access(jit, A64_STR_X, A64_TMP2, a64_frame_slot(jit, SLOT_RETURN));
	a64_emit(b, a64_branch(A64_B, b->base ? (s64)target - b->len : 0));
	if (b->base)
		jit->return_at[jit->nr_return] = b->len;
	jit->nr_return++;
}

/*
 * Call @callee, whose frame is @frames further down.  It costs the callee's
 * slots, the most that it runs without being charged again.
 */
void a64_local_call(struct moat *jit, u32 pc, u8 frames, const struct moat_func *callee)
{
	u32 target = jit->func_local[callee - jit->func];
	s32 bytes = frames * MOAT_FRAME_STRIDE;
	struct moat_buf *b = &jit->buf;

	a64_charge(jit, pc, callee->end - callee->start);
	if (jit->uses_frame)
		a64_add_const(b, A64_X, A64_FRAME, A64_FRAME, -bytes, A64_TMP);
	if (jit->gates)
		gate_call(jit, target);
	else
		a64_emit(b, a64_branch(A64_BL, b->base ? (s64)target - b->len : 0));
	if (jit->uses_frame)
		a64_add_const(b, A64_X, A64_FRAME, A64_FRAME, bytes, A64_TMP);
}

void a64_emit_local(struct moat *jit, const struct moat_op *op)
{
	const struct moat_func *callee = moat_func_at(jit->func, jit->nr_func, op->target);

	a64_local_call(jit, op->pc, callee->depth - jit->cur->depth, callee);
}

void a64_emit_func(struct moat *jit, const struct moat_op *op)
{
	a64_mov_imm(&jit->buf, a64_reg(op->dst), op->target);
}

/* The link register and what the function writes, as pairs on the host's stack; a leaf keeps X30. */
static u32 local_list(const struct moat_func *func, u8 out[6])
{
	u32 n = saved_regs(func, out);

	if (func->calls)
		out[n++] = A64_X30;
	if (n & 1)
		out[n++] = A64_ZR;
	return n;
}

/*
 * Store or load what the function saves in its frame, the last of @regs lowest;
 * TMP is then that address.  Nothing is mapped behind the cage for a pair that
 * begins in its last bytes.
 */
static void frame_pairs(struct moat *jit, enum a64_mem one, enum a64_pair two, const u8 *regs, u32 n)
{
	struct a64_operand at = a64_frame_slot(jit, SLOT_SAVED - 8 * ((s32)n - 1));
	enum a64_reg base = a64_address(jit, at);
	u32 i;

	if (n & 1)
		a64_emit(&jit->buf, a64_mem(one, regs[n - 1], base, 0));
	for (i = n & 1; i < n; i += 2)
		a64_emit(&jit->buf, a64_pair(two, regs[n - 1 - i], regs[n - 2 - i], base, 8 * i));
}

void a64_local_entry(struct moat *jit, const struct moat_func *func)
{
	struct moat_buf *b = &jit->buf;
	u8 regs[6];
	u32 n, i;

	if (jit->gates) {
		n = saved_regs(func, regs);
		if (n == 1)
			a64_access(jit, A64_STR_X, regs[0], a64_frame_slot(jit, SLOT_SAVED));
		else if (n)
			frame_pairs(jit, A64_STR_X, A64_STP, regs, n);
		return;
	}
	n = local_list(func, regs);
	if (a64_have(jit, A64_PAC) && func->calls)
		a64_emit_plain(b, A64_PACIASP);
	for (i = 0; i < n; i += 2)
		a64_emit(b, a64_pair(A64_STP_PRE, regs[i], regs[i + 1], A64_SP, -16));
}

/* The table of return sites to TMP; that of a long program may be further away than ADR reaches. */
static void returns_address(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 distance = jit->returns_at - (b->len + 8);

	if (!a64_is_long(jit)) {
		a64_emit(b, a64_adr(A64_TMP, b->base ? (s64)jit->returns_at - b->len : 0));
		return;
	}
	a64_emit(b, a64_ri(A64_MOVZ, A64_W, A64_TMP, distance & 0xffff, 0));
	a64_emit(b, a64_ri(A64_MOVK, A64_W, A64_TMP, distance >> 16, 16));
	a64_emit(b, a64_adr(A64_TMP3, 0));
	a64_emit(b, a64_rrr(A64_ADD, A64_X, A64_TMP, A64_TMP, A64_TMP3));
}

void a64_local_exit(struct moat *jit, const struct moat_func *func)
{
	struct moat_buf *b = &jit->buf;
	u32 n;
	u8 regs[6];

	if (!jit->gates) {
		for (n = local_list(func, regs); n; n -= 2)
			a64_emit(b, a64_pair(A64_LDP_POST, regs[n - 2], regs[n - 1], A64_SP, 16));
		if (a64_have(jit, A64_PAC) && func->calls)
			a64_emit_plain(b, A64_AUTIASP);
		a64_emit(b, a64_jump(A64_RET, A64_X30));
		return;
	}
	n = saved_regs(func, regs);
	if (n)
		frame_pairs(jit, A64_LDR_X, A64_LDP, regs, n);
	/* A forged index reaches another return site of this image, with the domain's rights: nobody else is harmed. */
	if (n)
		a64_emit(b, a64_mem(A64_LDR_W, A64_TMP2, A64_TMP, 8 * n));
	else
		a64_access(jit, A64_LDR_W, A64_TMP2, a64_frame_slot(jit, SLOT_RETURN));
	if (moat_returns_room(jit) > 1)
		a64_emit(b, a64_rrl(A64_ANDI, A64_W, A64_TMP2, A64_TMP2, moat_returns_room(jit) - 1));
	else
		a64_mov(b, A64_W, A64_TMP2, A64_ZR);
	returns_address(jit);
	a64_emit(b, a64_rrr_lsl(A64_ADD, A64_X, A64_TMP, A64_TMP, A64_TMP2, 3));
	a64_emit(b, a64_jump(A64_BR, A64_TMP));
}

/* Eight bytes each: a landing pad and a jump to the site, or traps where there is none. */
void a64_returns(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 i, start = b->len, room = moat_returns_room(jit);

	if (moat_kernel_form(jit->opt))
		a64_kernel_data(jit);
	if (!jit->gates || !jit->max_return)
		return;
	for (i = 0; i < room; i++) {
		bool used = i < jit->max_return;

		a64_emit(b, used ? (u32)A64_BTI_J : a64_exception(A64_BRK, 0));
		a64_emit(b, !used ? a64_exception(A64_BRK, 0) :
			 a64_branch(A64_B, b->base ? (s64)jit->return_at[i] - b->len : 0));
	}
	moat_mark(jit, MOAT_MARK_RETURNS, start);
}
