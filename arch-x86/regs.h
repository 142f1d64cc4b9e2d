/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where BPF's registers live on x86-64, and what the files of this backend share.
 *
 * The map is Linux's.  Bytecode cannot name RSP, R9-R12: they are trusted, and
 * so is RBP (R10), which only frames and returns change.
 */
#ifndef MOAT_X64_REGS_H
#define MOAT_X64_REGS_H

#include "x64.h"
#include "../jit/arch.h"
#include "../jit/bits.h"
#include "../jit/run.h"

#define X64_FUEL	X64_R9
#define X64_TMP		X64_R10
#define X64_TMP2	X64_R11
#define X64_CAGE	X64_R12		/* form MOAT_BASE_REGISTER; else a third temporary */
#define X64_FRAME	X64_RBP

static const u8 x64_of_bpf[] = {
	[BPF_REG_0] = X64_RAX, [BPF_REG_1] = X64_RDI, [BPF_REG_2] = X64_RSI, [BPF_REG_3] = X64_RDX,
	[BPF_REG_4] = X64_RCX, [BPF_REG_5] = X64_R8, [BPF_REG_6] = X64_RBX, [BPF_REG_7] = X64_R13,
	[BPF_REG_8] = X64_R14, [BPF_REG_9] = X64_R15, [BPF_REG_10] = X64_RBP,
	[MOAT_REG_AX] = X64_R9,		/* in the kernel, where there is no fuel */
};

/* The host's stack frame of an image, from RSP. */
#define X64_HOST_SITE		0	/* seventh argument of a call out */
#define X64_HOST_FRAME		8	/* struct moat_frame * */
#define X64_HOST_SEGMENT	16	/* the host's GS base */
#define X64_HOST_PKRU		24	/* the caller's rights */

static inline enum x64_reg x64_reg(u8 bpf)
{
	return x64_of_bpf[bpf];
}

static inline enum x64_size x64_width(const struct moat_op *op)
{
	return op->is64 ? X64_64 : X64_32;
}

static inline bool x64_have(const struct moat *jit, enum x64_cpu feature)
{
	return jit->opt->cpu & feature;
}

/* branch.c: the branch that ends a slot, to code offset @to */
void x64_branch(struct moat *jit, const struct moat_op *op, u32 to, u8 form);

/* frame.c */
void x64_prologue(struct moat *jit, const struct moat_func *func);
void x64_local_entry(struct moat *jit, const struct moat_func *func);
void x64_epilogue(struct moat *jit, const struct moat_func *func);
void x64_returns(struct moat *jit);
/* Undo the prologue of the main function or a callback, in host state, all but the return. */
void x64_unwind(struct moat *jit);
/* The branch that leaves to the trap that tells @kind at @pc. */
void x64_trap_if(struct moat *jit, enum x64_cc cc, u32 pc, u8 kind);

/* alu.c: all 64 bits of @to, in the way that @op says of its constants (moat_is_apart()).  Flags are lost then. */
void x64_load_imm(struct moat *jit, const struct moat_op *op, enum x64_reg to, s64 imm);
/* So that the bytes of @imm do not stand together in the code. */
void x64_load_parts(struct moat *jit, enum x64_reg to, s64 imm);

/* basereg.c: the operand of a memory access as its guard demands; may use TMP2. */
struct x64_rm x64_operand(struct moat *jit, const struct moat_op *op, u8 bpf_base);
/* Memory of the domain at @off from R10, outside what programs may name directly. */
struct x64_rm x64_frame_slot(struct moat *jit, s32 off);
/* The cage at @off, below MOAT_BESIDE, from what TMP2 holds, of which the upper half is zero. */
struct x64_rm x64_packet_operand(struct moat *jit, s32 off);
/* The register that holds the program's view of @bpf: R10 is copied to @tmp as an offset. */
enum x64_reg x64_value(struct moat *jit, u8 bpf, enum x64_reg tmp);

/* basereg.c: moat_arch.near, spares: the register is TMP2 */
bool x64_near(const struct moat_op *op);
bool x64_spares(const struct moat_op *op);

/* mem.c: the instruction that loads what @op says from @rm */
void x64_load(struct moat_buf *b, const struct moat_op *op, struct x64_rm rm);
/* The same, of a number whose first byte is the highest. */
void x64_load_be(struct moat *jit, const struct moat_op *op, struct x64_rm rm);

/* gate.c; @live: bit per enum x64_reg that must survive, out of RAX, RCX, RDX: kept in TMP and TMP2 meanwhile. */
#define X64_LIVE(reg)	(1u << (reg))
void x64_enter(struct moat *jit, u32 live, u32 pc);
void x64_leave(struct moat *jit, u32 live, u32 pc);
/* Enter in a prologue: the caller's rights are saved. */
void x64_enter_first(struct moat *jit, u32 live, u32 pc);
void x64_restore_rights(struct moat *jit);

/* kframe.c: for the kernel through its thunk */
void x64_return(struct moat *jit);
/* What the kernel calls: it has the first instructions of a kernel's BPF function, and leads to kernel->run(). */
void x64_stub(struct moat *jit);

/* call.c */
void x64_call_out(struct moat *jit, const struct moat_op *op, u64 function, s32 helper);
void x64_clear_args(struct moat *jit);
void x64_local_call(struct moat *jit, u32 pc, u8 frames, const struct moat_func *callee);
void x64_local_exit(struct moat *jit, const struct moat_func *func);

/* kframe.c, kernel.c: the forms that images for the kernel have */
void x64_kernel_prologue(struct moat *jit);
void x64_kernel_epilogue(struct moat *jit);
/* Undo the prologue down to where tail calls enter, with the counter in RAX. */
void x64_kernel_unwind(struct moat *jit);
/* The 8 bytes of the tail-call counter, which is their upper half. */
struct x64_rm x64_kernel_counter(const struct moat *jit);
void x64_kernel_call(struct moat *jit, const struct moat_op *op);
void x64_kernel_tail(struct moat *jit, const struct moat_op *op);
void x64_kernel_address(struct moat *jit, const struct moat_op *op);

#define X64_DECLARE(K, f)	void x64_emit_##f(struct moat *jit, const struct moat_op *op);
MOAT_KINDS(X64_DECLARE)
#undef X64_DECLARE

#endif
