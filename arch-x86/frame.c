/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prologues, epilogues and traps: how the host comes in and gets out. */
#include "regs.h"

static bool uses_segment(const struct moat *jit)
{
	return jit->uses_cage && jit->form == MOAT_BASE_SEGMENT;
}

static bool uses_r12(const struct moat *jit)
{
	return (jit->uses_loop && jit->opt->mode != MOAT_MODE_NONE) ||
	       (jit->uses_cage && jit->form == MOAT_BASE_REGISTER);
}

/*
 * Callee-saved registers that must come back as they were.  A local function
 * saves what it writes, but where registers are cleared on entry (so that it
 * cannot read the host's), those of all functions are.  What a run that is
 * ended in a call of the host finds there is all that its caller has.
 */
static u32 saved(const struct moat *jit, u8 out[6])
{
	bool all = jit->may_end && jit->cur->start == 0;
	u16 regs = all ? ~0 : jit->opt->mode == MOAT_MODE_NONE ? jit->func[0].regs : jit->regs;
	u32 r, n = 0;

	if (jit->uses_frame)
		out[n++] = X64_FRAME;
	for (r = BPF_REG_6; r <= BPF_REG_9; r++)
		if (regs & 1 << r)
			out[n++] = x64_of_bpf[r];
	if (all || uses_r12(jit))
		out[n++] = X64_R12;
	return n;
}

/* Bytes below what is pushed; keeps RSP a multiple of 16 at calls. */
static u32 host_bytes(const struct moat *jit, u32 pushes)
{
	u32 need = jit->gates ? 32 : uses_segment(jit) ? 24 : jit->calls ? 16 : 0;

	if (!need)
		return 0;
	return align_up(8 + 8 * pushes + need, 16) - 8 - 8 * pushes;
}

static void load_trusted(struct moat *jit, enum x64_reg frame)
{
	struct moat_buf *b = &jit->buf;

	if (uses_segment(jit)) {
		x64_ins(b, X64_RDGSBASE, X64_64, 0, x64_r(X64_RAX));
		x64_ins(b, X64_MOV_RM_R, X64_64, X64_RAX, x64_at(X64_RSP, X64_HOST_SEGMENT));
		x64_ins(b, X64_MOV_R_RM, X64_64, X64_RAX, x64_at(frame, offsetof(struct moat_frame, cage)));
		x64_ins(b, X64_WRGSBASE, X64_64, 0, x64_r(X64_RAX));
	} else if (jit->uses_cage) {
		x64_ins(b, X64_MOV_R_RM, X64_64, X64_CAGE, x64_at(frame, offsetof(struct moat_frame, cage)));
	}
	if (jit->uses_frame)
		x64_ins(b, X64_MOV_R_RM, X64_64, X64_FRAME, x64_at(frame, offsetof(struct moat_frame, stack)));
	if (jit->uses_fuel)
		x64_ins(b, X64_MOV_R_RM, X64_64, X64_FUEL, x64_at(frame, offsetof(struct moat_frame, fuel)));
}

/*
 * What the host left in registers is not for the program; one that it never
 * names needs no clearing.  The gate has cleared R3 and R4 unless they are
 * arguments.
 */
static void clear_registers(struct moat *jit, u32 args)
{
	u32 start = jit->buf.len, r;
	u16 clear = jit->regs & ~(((1 << args) - 1) << BPF_REG_1);

	if (jit->opt->mode == MOAT_MODE_NONE)
		return;
	if (jit->gates)
		clear &= ~(1 << BPF_REG_3 | 1 << BPF_REG_4);
	for (r = BPF_REG_0; r <= BPF_REG_9; r++)
		if (clear & 1 << r)
			x64_mov_imm(&jit->buf, x64_of_bpf[r], 0);
	moat_mark(jit, MOAT_MARK_CLEAR, start);
}

/* Enter from the host with @args argument registers and the frame in @frame. */
static void enter_image(struct moat *jit, enum x64_reg frame, u32 args, u32 pc)
{
	struct moat_buf *b = &jit->buf;
	u32 start = b->len, n, i, bytes;
	u8 regs[6];

	n = saved(jit, regs);
	bytes = host_bytes(jit, n);
	if (jit->opt->kernel && x64_have(jit, X64_IBT))
		x64_endbr64(b);
	for (i = 0; i < n; i++)
		x64_push(b, regs[i]);
	if (jit->cur->start == 0) {
		memcpy(jit->saved, regs, n);
		jit->nr_saved = n;
	}
	if (bytes)
		x64_alu_imm(b, 5, X64_64, x64_r(X64_RSP), bytes);
	if (jit->calls)
		x64_ins(b, X64_MOV_RM_R, X64_64, frame, x64_at(X64_RSP, X64_HOST_FRAME));
	load_trusted(jit, frame);
	if (args > 2)	/* R4 came behind the frame */
		x64_mov(b, X64_64, X64_RCX, X64_R8);
	moat_mark(jit, MOAT_MARK_PROLOGUE, start);
	x64_enter_first(jit, args > 2 ? X64_LIVE(X64_RDX) | X64_LIVE(X64_RCX) : 0, pc);
	clear_registers(jit, args);
}

void x64_unwind(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 n, bytes;
	u8 regs[6];

	n = saved(jit, regs);
	bytes = host_bytes(jit, n);
	x64_restore_rights(jit);
	if (uses_segment(jit)) {
		x64_ins(b, X64_MOV_R_RM, X64_64, X64_TMP2, x64_at(X64_RSP, X64_HOST_SEGMENT));
		x64_ins(b, X64_WRGSBASE, X64_64, 0, x64_r(X64_TMP2));
	}
	if (bytes)
		x64_alu_imm(b, 0, X64_64, x64_r(X64_RSP), bytes);
	while (n--)
		x64_pop(b, regs[n]);
}

/* In host state.  The main function too: behind gates a callback can come to its end by a forged return. */
static void store_fuel(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;

	if (!jit->uses_fuel || !jit->calls)
		return;
	x64_ins(b, X64_MOV_R_RM, X64_64, X64_TMP2, x64_at(X64_RSP, X64_HOST_FRAME));
	x64_ins(b, X64_MOV_RM_R, X64_64, X64_FUEL, x64_at(X64_TMP2, offsetof(struct moat_frame, fuel)));
}

static void leave_image(struct moat *jit, u32 pc)
{
	u32 start;

	x64_leave(jit, X64_LIVE(X64_RAX), pc);
	start = jit->buf.len;
	store_fuel(jit);
	x64_unwind(jit);
	x64_return(jit);
	moat_mark(jit, MOAT_MARK_EPILOGUE, start);
}

/* A callback is a main function of its own that makes one local call, from the top of the stack. */
static void callback_entry(struct moat *jit, const struct moat_func *func)
{
	enter_image(jit, X64_RCX, 4, func->start);
	x64_local_call(jit, func->start, func->depth, func);
	leave_image(jit, func->start);
}

void x64_prologue(struct moat *jit, const struct moat_func *func)
{
	if (moat_kernel_form(jit->opt))
		x64_kernel_prologue(jit);
	else if (func->start == 0)
		enter_image(jit, X64_RDX, jit->opt->entry_args, 0);
	else
		callback_entry(jit, func);
}

void x64_epilogue(struct moat *jit, const struct moat_func *func)
{
	if (moat_kernel_form(jit->opt))
		x64_kernel_epilogue(jit);
	else if (func->start == 0)
		leave_image(jit, func->end - 1);
	else
		x64_local_exit(jit, func);
}

void x64_emit_exit(struct moat *jit, const struct moat_op *op)
{
	x64_epilogue(jit, jit->cur);
}

void x64_trap_if(struct moat *jit, enum x64_cc cc, u32 pc, u8 kind)
{
	x64_jcc(&jit->buf, cc, moat_add_trap(jit, pc, kind));
}
