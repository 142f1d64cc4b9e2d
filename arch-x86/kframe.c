/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How the kernel comes into an image and gets out.
 *
 * The first instructions are those of the kernel's own JIT, at the same
 * offsets: the trampolines put a call in the place of the nop, tail calls
 * enter behind the frame pointer.  From RBP down:
 *
 *	stack_bytes, rounded up to 8	what the program addresses through R10
 *	8				tail-call counter, where there can be tail calls
 *	8 each				saved registers
 */
#include "regs.h"
#include "../jit/kernel.h"

static bool is_ibt(const struct moat *jit)
{
	return x64_have(jit, X64_IBT);
}

static u32 stack_bytes(const struct moat *jit)
{
	return align_up(jit->opt->kernel->stack_bytes, 8);
}

/* All of what is pushed for the counter; the kernel's JIT counts in its upper half. */
struct x64_rm x64_kernel_counter(const struct moat *jit)
{
	return x64_at(X64_RBP, -(s32)stack_bytes(jit) - 8);
}

static u32 saved(const struct moat *jit, u8 out[4])
{
	u32 r, n = 0;

	for (r = BPF_REG_6; r <= BPF_REG_9; r++)
		if (jit->regs & 1 << r)
			out[n++] = x64_of_bpf[r];
	return n;
}

/* Five bytes for the trampolines to replace, two to clear the counter with; a subprogram is handed its caller's. */
static void hooks(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;

	x64_nop5(&jit->buf);
	if (k->classic)
		return;
	if (jit->tail_reachable && !k->subprogram && moat_kernel_form(jit->opt))
		x64_mov_imm(&jit->buf, X64_RAX, 0);
	else
		moat_put(&jit->buf, 0x9066, 2);
}

static void make_room(struct moat *jit)
{
	u32 bytes = stack_bytes(jit);

	if (bytes == 8)		/* the shortest way, whatever it stores */
		x64_push(&jit->buf, X64_RAX);
	else if (bytes == 128)
		x64_alu_imm(&jit->buf, 0, X64_64, x64_r(X64_RSP), -128);
	else if (bytes)
		x64_alu_imm(&jit->buf, 5, X64_64, x64_r(X64_RSP), bytes);
}

static void begin(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;

	if (is_ibt(jit))
		x64_endbr64(b);
	hooks(jit);
	x64_push(b, X64_RBP);
	x64_mov(b, X64_64, X64_RBP, X64_RSP);
	jit->tail_entry = b->len;
	if (is_ibt(jit))
		x64_endbr64(b);
}

void x64_kernel_prologue(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 start = b->len, n, i;
	u8 regs[4];

	n = saved(jit, regs);
	begin(jit);
	make_room(jit);
	if (jit->tail_reachable)
		x64_push(b, X64_RAX);
	for (i = 0; i < n; i++)
		x64_push(b, regs[i]);
	moat_mark(jit, MOAT_MARK_PROLOGUE, start);
}

static void pop_saved(struct moat *jit)
{
	u8 regs[4];
	u32 n = saved(jit, regs);

	while (n--)
		x64_pop(&jit->buf, regs[n]);
}

/* As at the tail entry, with the counter in RAX. */
void x64_kernel_unwind(struct moat *jit)
{
	pop_saved(jit);
	x64_pop(&jit->buf, X64_RAX);
	if (stack_bytes(jit))
		x64_mov(&jit->buf, X64_64, X64_RSP, X64_RBP);
}

/* So that classic programs, which anybody may load, cannot train the kernel's indirect branches. */
static void clear_history(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;

	if (k->history_clear) {
		x64_push(b, X64_RAX);
		x64_call(b, k->history_clear, false);
		x64_pop(b, X64_RAX);
	}
	if (k->history_fence)
		x64_ibhf(b);
}

void x64_return(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;

	if (k && k->return_thunk) {
		x64_jmp_out(&jit->buf, k->return_thunk);
		return;
	}
	x64_ret(&jit->buf);
	if (k && k->int3_after_ret)
		x64_int3(&jit->buf);
}

void x64_kernel_epilogue(struct moat *jit)
{
	u32 start = jit->buf.len;

	clear_history(jit);
	pop_saved(jit);
	x64_leave_frame(&jit->buf);
	x64_return(jit);
	moat_mark(jit, MOAT_MARK_EPILOGUE, start);
}

static void leave_stub(struct moat *jit)
{
	clear_history(jit);
	x64_leave_frame(&jit->buf);
	x64_return(jit);
}

/* This CPU's run to RDX and the context in it, unless that run is taken: the branch for then.  One instruction takes it. */
static u32 take_run(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;
	u32 taken;

	if (!fits_unsigned(k->cpu_offset, 31))
		moat_fail(b, -ERANGE);
	x64_mov_imm64(b, X64_RDX, k->slot);
	x64_mov_imm(b, X64_RAX, 0);
	x64_ins(b, X64_CMPXCHG_RM_R, X64_64, X64_RBP, x64_at_cpu(X64_RDX, offsetof(struct moat_stub_run, host_sp)));
	taken = x64_jcc_forward(b, X64_NE);
	x64_ins(b, X64_ADD_R_RM, X64_64, X64_RDX, x64_at_cpu_fixed(k->cpu_offset));
	x64_ins(b, X64_MOV_RM_R, X64_64, X64_RDI, x64_at(X64_RDX, offsetof(struct moat_stub_run, ctx)));
	return taken;
}

/* Behind the image: R0 stays in RAX. */
static void call_leave(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;

	if (!k->leave)
		return;
	x64_mov(b, X64_64, X64_RDI, X64_RAX);
	x64_mov_imm64(b, X64_RSI, k->slot);
	x64_ins(b, X64_ADD_R_RM, X64_64, X64_RSI, x64_at_cpu_fixed(k->cpu_offset));
	x64_call(b, k->leave, false);
}

static void give_run(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;

	x64_mov_imm64(b, X64_RDX, jit->opt->kernel->slot);
	x64_ins(b, X64_MOV_RM_I, X64_64, 0, x64_at_cpu(X64_RDX, offsetof(struct moat_stub_run, host_sp)));
	moat_put(b, 0, 4);
}

/* Falls through to where the run is taken by somebody else.  Returns where the distance to the image is to be put. */
static u32 run_here(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;
	u32 taken = take_run(jit), stopped = 0, entry;

	if (k->enter) {
		x64_mov(b, X64_64, X64_RDI, X64_RDX);
		x64_call(b, k->enter, false);
		x64_ins(b, X64_TEST_RM_R, X64_64, X64_RDX, x64_r(X64_RDX));
		stopped = x64_jcc_forward(b, X64_E);
	}
	x64_ins(b, X64_MOV_R_RM, X64_32, X64_RDI, x64_at(X64_RDX, offsetof(struct moat_stub_run, r1)));
	entry = b->len + 1;
	moat_put(b, 0xe8, 5);
	call_leave(jit);
	if (k->enter)
		x64_label(b, stopped);
	give_run(jit);
	leave_stub(jit);
	x64_label(b, taken);
	return entry;
}

/* The context stays in RDI, its first argument; who comes by a tail call has counted for nothing. */
void x64_stub(struct moat *jit)
{
	const struct moat_kernel *k = jit->opt->kernel;
	struct moat_buf *b = &jit->buf;
	u32 start = b->len, entry = 0;

	begin(jit);
	if (k->slot)
		entry = run_here(jit);
	x64_mov_imm64(b, X64_RSI, k->domain);
	x64_call(b, k->run, false);
	leave_stub(jit);
	if (k->slot)
		moat_patch(b, entry, b->len - (entry + 4), 4);
	moat_mark(jit, MOAT_MARK_STUB, start);
}
