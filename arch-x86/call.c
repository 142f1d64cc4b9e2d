/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls out of the image (helpers, packet loads, tail calls) and calls inside it. */
#include "regs.h"

#define ARGS_LIVE	(X64_LIVE(X64_RDX) | X64_LIVE(X64_RCX))

/* Where a callee's frame keeps what the host's stack cannot hold in gate modes. */
#define SLOT_RETURN	(-(s32)MOAT_FRAME_BYTES - 8)
#define SLOT_SAVED	(-(s32)MOAT_FRAME_BYTES - 16)

static struct x64_rm host_slot(s32 off)
{
	return x64_at(X64_RSP, off);
}

/* The host gets its frame in the sixth argument, with the fuel written back. */
static void pass_frame(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;

	if (!jit->uses_fuel) {
		x64_ins(b, X64_MOV_R_RM, X64_64, X64_R9, host_slot(X64_HOST_FRAME));
		return;
	}
	x64_ins(b, X64_MOV_R_RM, X64_64, X64_TMP2, host_slot(X64_HOST_FRAME));
	x64_ins(b, X64_MOV_RM_R, X64_64, X64_FUEL, x64_at(X64_TMP2, offsetof(struct moat_frame, fuel)));
	x64_mov(b, X64_64, X64_R9, X64_TMP2);
}

static void reload_fuel(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;

	if (!jit->uses_fuel)
		return;
	x64_ins(b, X64_MOV_R_RM, X64_64, X64_TMP2, host_slot(X64_HOST_FRAME));
	x64_ins(b, X64_MOV_R_RM, X64_64, X64_FUEL, x64_at(X64_TMP2, offsetof(struct moat_frame, fuel)));
}

/* Store @number, which may spell a gate as any immediate. */
static void put_number(struct moat *jit, enum x64_size size, struct x64_rm to, u32 number, bool split)
{
	if (split) {
		x64_load_parts(jit, X64_TMP, number);
		x64_ins(&jit->buf, X64_MOV_RM_R, size, X64_TMP, to);
		return;
	}
	x64_ins(&jit->buf, X64_MOV_RM_I, size, 0, to);
	moat_put(&jit->buf, number, 4);
}

/* Host state: call @function with the program's R1-R5, the frame and the site. */
void x64_call_out(struct moat *jit, const struct moat_op *op, u64 function, s32 helper)
{
	struct moat_buf *b = &jit->buf;
	u32 start = b->len;

	pass_frame(jit);
	put_number(jit, X64_64, host_slot(X64_HOST_SITE), moat_add_site(jit, op->pc, helper), op->split);
	x64_call(b, function, jit->opt->far_calls && !jit->opt->kernel);
	reload_fuel(jit);
	moat_mark(jit, MOAT_MARK_CALL, start);
}

/*
 * What the host left in its caller-saved registers is not for the program
 * (G5).  The enter gate that follows in gate modes clears RCX and RDX itself.
 */
void x64_clear_args(struct moat *jit)
{
	static const u8 args[] = { X64_RDI, X64_RSI, X64_R8, X64_RDX, X64_RCX };
	u32 start = jit->buf.len, n = jit->gates ? 3 : ARRAY_SIZE(args), i;

	if (jit->opt->mode == MOAT_MODE_NONE)
		return;
	for (i = 0; i < n; i++)
		x64_mov_imm(&jit->buf, args[i], 0);
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
	pass_frame(jit);
	x64_call(&jit->buf, callee.address, jit->opt->far_calls);
	reload_fuel(jit);
	if (callee.ret_mem)
		x64_mov(&jit->buf, X64_32, X64_RAX, X64_RAX);
}

void x64_emit_helper(struct moat *jit, const struct moat_op *op)
{
	if (moat_kernel_form(jit->opt)) {
		x64_kernel_call(jit, op);
		return;
	}
	if (jit->opt->mode == MOAT_MODE_NONE) {
		call_helper_directly(jit, op);
		return;
	}
	x64_leave(jit, ARGS_LIVE, op->pc);
	x64_call_out(jit, op, jit->opt->call, op->imm);
	x64_clear_args(jit);
	x64_enter(jit, X64_LIVE(X64_RAX), op->pc);
}

/* The number of the CPU, from the host's frame: not in gate modes. */
static void load_cpu(struct moat *jit, enum x64_reg to)
{
	x64_ins(&jit->buf, X64_MOV_R_RM, X64_64, to, host_slot(X64_HOST_FRAME));
	x64_ins(&jit->buf, X64_MOV_R_RM, X64_32, to, x64_at(to, offsetof(struct moat_frame, cpu)));
}

void x64_emit_cpu(struct moat *jit, const struct moat_op *op)
{
	load_cpu(jit, X64_RAX);
}

static void scale(struct moat *jit, enum x64_reg reg, u32 by)
{
	if (by & (by - 1)) {
		x64_ins(&jit->buf, X64_IMUL_R_RM_I, X64_32, reg, x64_r(reg));
		moat_put(&jit->buf, by, 4);
	} else {
		x64_ins(&jit->buf, X64_SHL_I8, X64_32, 0, x64_r(reg));
		moat_put(&jit->buf, __builtin_ctz(by), 1);
	}
}

/*
 * The key is read as the program itself would read it, and the result is an
 * offset into values that the domain owns: whatever the key says, nothing else
 * is reached.
 */
void x64_emit_lookup(struct moat *jit, const struct moat_op *op)
{
	struct moat_op call = { .pc = op->pc, .kind = MOAT_HELPER, .imm = BPF_FUNC_map_lookup_elem };
	struct moat_buf *b = &jit->buf;
	struct moat_inline how;
	u32 none, done;

	if (op->split) {
		x64_emit_helper(jit, &call);
		return;
	}
	jit->opt->inlined(jit->opt->arg, call.imm, op->imm, &how);
	x64_ins(b, X64_MOV_R_RM, X64_32, X64_RAX, x64_operand(jit, op, op->src));
	x64_alu_imm(b, 7, X64_32, x64_r(X64_RAX), how.entries);
	none = x64_jcc_forward(b, X64_AE);
	scale(jit, X64_RAX, how.stride);
	if (how.cpu_bytes) {
		load_cpu(jit, X64_TMP2);
		scale(jit, X64_TMP2, how.cpu_bytes);
		x64_ins(b, X64_ADD_RM_R, X64_32, X64_TMP2, x64_r(X64_RAX));
	}
	x64_alu_imm(b, 0, X64_32, x64_r(X64_RAX), how.base);
	done = x64_jmp_forward(b);
	x64_label(b, none);
	x64_mov_imm(b, X64_RAX, 0);
	x64_label(b, done);
}

/* Leave for the image that the host found, with this one's prologue undone; go on if it found none. */
static void enter_next(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 none;

	x64_ins(b, X64_TEST_RM_R, X64_64, X64_RAX, x64_r(X64_RAX));
	none = b->len;
	x64_jcc(b, X64_E, 0);
	x64_ins(b, X64_MOV_R_RM, X64_64, X64_RDI, host_slot(X64_HOST_FRAME));
	x64_unwind(jit);
	x64_mov(b, X64_64, X64_RDX, X64_RDI);
	x64_ins(b, X64_MOV_R_RM, X64_64, X64_RSI, x64_at(X64_RDX, offsetof(struct moat_frame, r2)));
	x64_ins(b, X64_MOV_R_RM, X64_64, X64_RDI, x64_at(X64_RDX, offsetof(struct moat_frame, r1)));
	x64_ins(b, X64_JMP_RM, X64_32, 0, x64_r(X64_RAX));
	moat_patch(b, none + 2, b->len - (none + 6), 4);
}

/*
 * Leave the domain for good, or come back as if nothing had been, with R0 = 0.
 * The kernel ends the run itself if there is a target.
 */
void x64_emit_tail(struct moat *jit, const struct moat_op *op)
{
	if (moat_kernel_form(jit->opt)) {
		x64_kernel_tail(jit, op);
		return;
	}
	x64_leave(jit, ARGS_LIVE, op->pc);
	x64_call_out(jit, op, jit->opt->tail, op->imm);
	if (!jit->opt->kernel)
		enter_next(jit);
	x64_clear_args(jit);
	x64_enter(jit, 0, op->pc);
	x64_mov_imm(&jit->buf, X64_RAX, 0);
}

/* The saved registers that @func's code writes. */
static u32 saved_regs(const struct moat_func *func, u8 out[4])
{
	u32 r, n = 0;

	for (r = BPF_REG_6; r <= BPF_REG_9; r++)
		if (func->regs & 1 << r)
			out[n++] = x64_of_bpf[r];
	return n;
}

/* Gate modes: domain code may not touch the host's stack, so the frame holds an index and the jump is direct. */
static void gate_call(struct moat *jit, u32 pc, u32 target)
{
	struct moat_buf *b = &jit->buf;
	struct x64_rm slot = x64_frame_slot(jit, SLOT_RETURN);

	put_number(jit, X64_32, slot, jit->nr_return, jit->op[pc].split);
	x64_jmp(b, target);
	if (b->base)
		jit->return_at[jit->nr_return] = b->len;
	jit->nr_return++;
}

/*
 * What a call costs: the callee's slots, the most that it runs without being
 * charged again.  Rounded when it takes four bytes, so that they spell no gate.
 */
static u32 call_fuel(const struct moat_func *callee)
{
	u32 slots = callee->end - callee->start;

	return slots < 128 ? slots : align_up(slots, 16);
}

/* Call @callee, whose frame is @frames further down. */
void x64_local_call(struct moat *jit, u32 pc, u8 frames, const struct moat_func *callee)
{
	u32 target = jit->func_local[callee - jit->func];
	s32 bytes = frames * MOAT_FRAME_STRIDE;
	struct moat_buf *b = &jit->buf;

	if (jit->uses_fuel) {
		x64_alu_imm(b, 5, X64_64, x64_r(X64_FUEL), call_fuel(callee));
		x64_trap_if(jit, X64_B, pc, MOAT_FAULT_FUEL);
	}
	if (jit->uses_frame)
		x64_alu_imm(b, 5, X64_64, x64_r(X64_FRAME), bytes);
	if (jit->gates) {
		gate_call(jit, pc, target);
	} else {
		moat_put(b, 0xe8, 1);
		moat_put(b, (s64)target - (b->len + 4), 4);
	}
	if (jit->uses_frame)
		x64_alu_imm(b, 0, X64_64, x64_r(X64_FRAME), bytes);
}

void x64_emit_local(struct moat *jit, const struct moat_op *op)
{
	const struct moat_func *callee = moat_func_at(jit->func, jit->nr_func, op->target);

	x64_local_call(jit, op->pc, callee->depth - jit->cur->depth, callee);
}

void x64_emit_func(struct moat *jit, const struct moat_op *op)
{
	x64_load_imm(jit, op, x64_reg(op->dst), op->target);
}

static u32 local_bytes(u32 pushes)
{
	return pushes & 1 ? 16 : 24;	/* SITE and FRAME, and RSP a multiple of 16 */
}

void x64_local_entry(struct moat *jit, const struct moat_func *func)
{
	struct moat_buf *b = &jit->buf;
	u32 n, i, bytes;
	u8 regs[4];

	n = saved_regs(func, regs);
	if (jit->gates) {
		for (i = 0; i < n; i++)
			x64_ins(b, X64_MOV_RM_R, X64_64, regs[i], x64_frame_slot(jit, SLOT_SAVED - 8 * (s32)i));
		return;
	}
	for (i = 0; i < n; i++)
		x64_push(b, regs[i]);
	if (!func->calls)
		return;
	/* The caller's FRAME slot is behind the return address and what was just pushed. */
	bytes = local_bytes(n);
	x64_alu_imm(b, 5, X64_64, x64_r(X64_RSP), bytes);
	x64_ins(b, X64_MOV_R_RM, X64_64, X64_TMP2, host_slot(bytes + 8 * n + 8 + X64_HOST_FRAME));
	x64_ins(b, X64_MOV_RM_R, X64_64, X64_TMP2, host_slot(X64_HOST_FRAME));
}

void x64_local_exit(struct moat *jit, const struct moat_func *func)
{
	struct moat_buf *b = &jit->buf;
	u32 n, i;
	u8 regs[4];

	n = saved_regs(func, regs);
	if (!jit->gates) {
		if (func->calls)
			x64_alu_imm(b, 0, X64_64, x64_r(X64_RSP), local_bytes(n));
		while (n--)
			x64_pop(b, regs[n]);
		x64_return(jit);
		return;
	}
	for (i = 0; i < n; i++)
		x64_ins(b, X64_MOV_R_RM, X64_64, regs[i], x64_frame_slot(jit, SLOT_SAVED - 8 * (s32)i));
	/* A forged index reaches another return site of this image, with the domain's rights: nobody else is harmed. */
	x64_ins(b, X64_MOV_R_RM, X64_32, X64_TMP2, x64_frame_slot(jit, SLOT_RETURN));
	x64_ins(b, X64_AND_RM_I, X64_32, 0, x64_r(X64_TMP2));
	moat_put(b, moat_returns_room(jit) - 1, 4);
	x64_lea_code(b, X64_TMP, jit->returns_at);
	x64_ins(b, X64_LEA, X64_64, X64_TMP, x64_at_index(X64_TMP, X64_TMP2, 3, 0));
	x64_ins(b, X64_JMP_RM, X64_32, 0, x64_r(X64_TMP));
}

/* Eight bytes each: a jump to the site, or a trap where there is none. */
void x64_returns(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 i, start = b->len, room = moat_returns_room(jit);

	if (!jit->gates || !jit->max_return)
		return;
	for (i = 0; i < room; i++) {
		u32 at = b->len;

		if (i < jit->max_return)
			x64_jmp(b, b->base ? jit->return_at[i] : 0);
		else
			x64_ud2(b);
		while (b->len < at + 8 && !b->err)
			moat_put(b, 0xcc, 1);
	}
	moat_mark(jit, MOAT_MARK_RETURNS, start);
}
