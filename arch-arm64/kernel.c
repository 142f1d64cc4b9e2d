/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Images for the kernel: how it comes in and gets out (kernel.h).
 *
 * Two layouts of the frame.  Where a tail call may come in or go out, that of
 * the kernel's own JIT, as such programs leave each other's frames:
 *
 *	X29 X30, X19 X20, X21 X22, X25 X26, X27 X28, the program's stack; SP
 *
 * Everything else saves what it writes, below its stack:
 *
 *	the program's stack, saved registers, X29 X30; SP
 *
 * SP does not move in between, so the frame is reached through it and R10
 * takes no register; in the first layout X25 is R10, as tail calls hand it on.
 */
#include "regs.h"
#include "../jit/kernel.h"

#define REGS_BYTES	80	/* what the first layout saves */
#define MAX_ONCE	496	/* by how much a pair can move SP, a multiple of 16 */

/* The second layout; where the first applies, nothing. */
struct frame {
	u32 n;			/* registers, an even number */
	u8 regs[6];
	u32 stack;		/* bytes for the program, a multiple of 16 */
	bool once;		/* one pair makes room for all of it */
};

static bool is_main(const struct moat *jit)
{
	return !jit->opt->kernel->classic && !jit->opt->kernel->subprogram;
}

/* Is the layout that of the kernel's own JIT? */
static bool is_shared(const struct moat *jit)
{
	return is_main(jit) || jit->has_tail;
}

static u32 stack_bytes(const struct moat *jit)
{
	return moat_has_stub(jit->opt) ? 0 : align_up(jit->opt->kernel->stack_bytes, 16);
}

static struct frame frame_of(const struct moat *jit)
{
	struct frame f = { .stack = stack_bytes(jit) };
	u32 r;

	if (jit->calls) {
		f.regs[f.n++] = A64_X29;
		f.regs[f.n++] = A64_X30;
	}
	for (r = BPF_REG_6; r <= BPF_REG_9; r++)
		if (jit->regs & 1 << r)
			f.regs[f.n++] = a64_of_bpf[r];
	if (f.n & 1)
		f.regs[f.n++] = A64_ZR;
	f.once = f.n && f.stack + 8 * f.n <= MAX_ONCE;
	return f;
}

/* From SP up to R10. */
static s32 frame_top(const struct moat *jit)
{
	struct frame f = frame_of(jit);

	return is_shared(jit) || !f.once ? f.stack : f.stack + 8 * f.n;
}

struct a64_operand a64_kernel_frame(const struct moat *jit, s32 off)
{
	return (struct a64_operand){ .base = A64_SP, .off = frame_top(jit) + off };
}

enum a64_reg a64_kernel_r10(struct moat *jit, enum a64_reg tmp)
{
	if (is_shared(jit))
		return A64_FRAME;
	a64_add_const(&jit->buf, A64_X, tmp, A64_SP, frame_top(jit), tmp);
	return tmp;
}

static void move_sp(struct moat *jit, enum a64_rri op, u32 bytes)
{
	if (bytes)
		a64_emit(&jit->buf, a64_rri(op, A64_X, A64_SP, A64_SP, bytes));
}

/*
 * What trampolines replace: the instruction behind "mov x9, lr".  Nothing can
 * be attached to classic programs.
 */
static void entry_hook(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;

	if (jit->opt->kernel->classic) {
		/* PACIASP is a landing pad, too. */
		if (a64_have(jit, A64_BTI) && !(a64_have(jit, A64_PAC) && jit->calls))
			a64_emit_plain(b, A64_BTI_C);
		return;
	}
	if (a64_have(jit, A64_BTI))	/* comes by blr or bl, or by br in place of another program */
		a64_emit_plain(b, A64_BTI_JC);
	a64_mov(b, A64_X, A64_X9, A64_X30);
	a64_emit_plain(b, A64_NOP);
}

static const u8 shared_regs[] = { A64_X19, A64_X20, A64_X21, A64_X22, A64_X25, A64_X26, A64_X27, A64_X28 };

static void shared_prologue(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 i;

	if (a64_have(jit, A64_PAC))
		a64_emit_plain(b, A64_PACIASP);
	a64_emit(b, a64_pair(A64_STP_PRE, A64_X29, A64_X30, A64_SP, -16));
	a64_emit(b, a64_rri(A64_ADDI, A64_X, A64_X29, A64_SP, 0));
	for (i = 0; i < ARRAY_SIZE(shared_regs); i += 2)
		a64_emit(b, a64_pair(A64_STP_PRE, shared_regs[i], shared_regs[i + 1], A64_SP, -16));
	a64_emit(b, a64_rri(A64_ADDI, A64_X, A64_FRAME, A64_SP, 0));
	if (is_main(jit)) {
		a64_emit(b, a64_ri(A64_MOVZ, A64_X, A64_TAILS, 0, 0));
		jit->tail_entry = b->len;
		if (a64_have(jit, A64_BTI))
			a64_emit_plain(b, A64_BTI_J);
	}
	move_sp(jit, A64_SUBI, stack_bytes(jit));
}

static void own_prologue(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	struct frame f = frame_of(jit);
	s32 room = 8 * f.n + (f.once ? f.stack : 0);
	u32 i;

	if (a64_have(jit, A64_PAC) && jit->calls)
		a64_emit_plain(b, A64_PACIASP);
	if (f.n)
		a64_emit(b, a64_pair(A64_STP_PRE, f.regs[0], f.regs[1], A64_SP, -room));
	if (jit->calls)
		a64_emit(b, a64_rri(A64_ADDI, A64_X, A64_X29, A64_SP, 0));
	for (i = 2; i < f.n; i += 2)
		a64_emit(b, a64_pair(A64_STP, f.regs[i], f.regs[i + 1], A64_SP, 8 * i));
	if (!f.once)
		move_sp(jit, A64_SUBI, f.stack);
}

void a64_kernel_prologue(struct moat *jit)
{
	u32 start = jit->buf.len;

	entry_hook(jit);
	if (is_shared(jit))
		shared_prologue(jit);
	else
		own_prologue(jit);
	moat_mark(jit, MOAT_MARK_PROLOGUE, start);
}

static void own_epilogue(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	struct frame f = frame_of(jit);
	u32 i;

	if (!f.once)
		move_sp(jit, A64_ADDI, f.stack);
	for (i = 2; i < f.n; i += 2)
		a64_emit(b, a64_pair(A64_LDP, f.regs[i], f.regs[i + 1], A64_SP, 8 * i));
	if (f.n)
		a64_emit(b, a64_pair(A64_LDP_POST, f.regs[0], f.regs[1], A64_SP, 8 * f.n + (f.once ? f.stack : 0)));
}

static void shared_epilogue(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 i;

	move_sp(jit, A64_ADDI, stack_bytes(jit));
	for (i = ARRAY_SIZE(shared_regs); i; i -= 2)
		a64_emit(b, a64_pair(A64_LDP_POST, shared_regs[i - 2], shared_regs[i - 1], A64_SP, 16));
	a64_emit(b, a64_pair(A64_LDP_POST, A64_X29, A64_X30, A64_SP, 16));
}

static bool forgets(const struct moat_kernel *k)
{
	return k->history_hint || k->history_loops || k->history_call;
}

/* Spectre-BHB: what the program taught the branch predictor is forgotten.  X0-X3 are free here. */
static void clear_history(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;
	u32 again;

	if (k->history_hint)
		a64_emit_plain(b, A64_CLRBHB);
	if (k->history_loops) {
		a64_mov_imm(b, A64_X0, k->history_loops);
		again = b->len;
		a64_emit(b, a64_branch(A64_B, 4));
		a64_emit(b, a64_rri(A64_SUBSI, A64_X, A64_X0, A64_X0, 1));
		a64_emit(b, a64_bcond(A64_NE, (s64)again - b->len));
		a64_emit_plain(b, A64_DSB_ISH);
		a64_emit_plain(b, A64_ISB);
	}
	if (k->history_call) {	/* of the firmware, which keeps X4-X30 */
		a64_mov_imm(b, A64_X0, k->history_function);
		a64_emit(b, k->history_call);
	}
}

void a64_kernel_epilogue(struct moat *jit)
{
	bool shared = is_shared(jit), sign = a64_have(jit, A64_PAC) && (shared || jit->calls);
	struct moat_buf *b = &jit->buf;
	u32 start = b->len;

	if (shared)
		shared_epilogue(jit);
	else
		own_epilogue(jit);
	clear_history(jit);
	a64_mov(b, A64_X, A64_X0, a64_reg(BPF_REG_0));
	if (sign)
		a64_emit_plain(b, A64_AUTIASP);
	a64_emit(b, a64_jump(A64_RET, A64_X30));
	moat_mark(jit, MOAT_MARK_EPILOGUE, start);
}

void a64_stub_begin(struct moat *jit)
{
	entry_hook(jit);
	shared_prologue(jit);
}

void a64_stub_end(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;

	shared_epilogue(jit);
	if (forgets(jit->opt->kernel)) {
		a64_mov(b, A64_X, a64_reg(BPF_REG_0), A64_X0);
		clear_history(jit);
		a64_mov(b, A64_X, A64_X0, a64_reg(BPF_REG_0));
	}
	if (a64_have(jit, A64_PAC))
		a64_emit_plain(b, A64_AUTIASP);
	a64_emit(b, a64_jump(A64_RET, A64_X30));
}

/* Where tail calls enter any program; the same whichever JIT made it. */
static u32 tail_entry(const struct moat *jit)
{
	u32 pads = !!a64_have(jit, A64_BTI) + !!a64_have(jit, A64_PAC);

	return 4 * (2 + pads + 3 + ARRAY_SIZE(shared_regs) / 2 + 1);
}

/*
 * bpf_tail_call(ctx, array, index): go on behind it when there is no such
 * program or there were too many.  The target's frame is this one's.
 */
void a64_kernel_tail(struct moat *jit)
{
	enum a64_reg array = a64_reg(BPF_REG_2), index = a64_reg(BPF_REG_3);
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;
	u32 start = b->len, out[3], i;

	a64_access(jit, A64_LDR_W, A64_TMP, (struct a64_operand){ .base = array, .off = k->array_entries });
	a64_emit(b, a64_rrr(A64_SUBS, A64_W, A64_ZR, index, A64_TMP));
	out[0] = a64_bcond_forward(b, A64_HS);
	a64_cmp_const(b, A64_W, A64_TAILS, k->max_tail_calls, A64_TMP);
	out[1] = a64_bcond_forward(b, A64_HS);
	a64_emit(b, a64_rri(A64_ADDI, A64_X, A64_TAILS, A64_TAILS, 1));
	a64_emit(b, a64_add_uxtw_lsl(A64_TMP, array, index, 3));
	a64_access(jit, A64_LDR_X, A64_TMP, (struct a64_operand){ .base = A64_TMP, .off = k->array_progs });
	out[2] = a64_cb_forward(b, A64_CBZ, A64_X, A64_TMP);
	a64_access(jit, A64_LDR_X, A64_TMP, (struct a64_operand){ .base = A64_TMP, .off = k->prog_entry });
	a64_emit(b, a64_rri(A64_ADDI, A64_X, A64_TMP, A64_TMP, tail_entry(jit)));
	move_sp(jit, A64_ADDI, stack_bytes(jit));
	a64_emit(b, a64_jump(A64_BR, A64_TMP));
	for (i = 0; i < ARRAY_SIZE(out); i++)
		a64_label(b, out[i]);
	moat_mark(jit, MOAT_MARK_CALL, start);
}
