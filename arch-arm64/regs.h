/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where BPF's registers live on arm64, and what the files of this backend share.
 *
 * The map is Linux's.  Bytecode cannot name the others: they are trusted, and
 * so is X25 (R10), which only frames and returns change.
 */
#ifndef MOAT_A64_REGS_H
#define MOAT_A64_REGS_H

#include "a64.h"
#include "../jit/arch.h"
#include "../jit/run.h"

#define A64_TMP		A64_X9
#define A64_TMP2	A64_X10
#define A64_TMP3	A64_X11
#define A64_TMP4	A64_X12
#define A64_TMP5	A64_X13
#define A64_KEY		A64_TMP5
#define A64_KEPT	((u8[]){ A64_X14, A64_X15, A64_X17 })	/* what moat_op.kept - 1 means */
#define A64_FRAME	A64_X25
#define A64_HOST	A64_X26		/* struct moat_frame * */
#define A64_TAILS	A64_X26		/* kernel: tail calls so far */
#define A64_AX		A64_X5		/* kernel: MOAT_REG_AX, which no call needs */

static const u8 a64_of_bpf[] = {
	[BPF_REG_0] = A64_X7, [BPF_REG_1] = A64_X0, [BPF_REG_2] = A64_X1, [BPF_REG_3] = A64_X2,
	[BPF_REG_4] = A64_X3, [BPF_REG_5] = A64_X4, [BPF_REG_6] = A64_X19, [BPF_REG_7] = A64_X20,
	[BPF_REG_8] = A64_X21, [BPF_REG_9] = A64_X22, [BPF_REG_10] = A64_X25, [MOAT_REG_AX] = A64_AX,
};

static inline enum a64_reg a64_reg(u8 bpf)
{
	return a64_of_bpf[bpf];
}

/*
 * The cage base and the fuel.  Where the image never leaves for the host, they
 * lie in registers that nobody has to save.
 */
static inline enum a64_reg a64_cage(const struct moat *jit)
{
	return jit->calls ? A64_X28 : A64_X8;
}

static inline enum a64_reg a64_fuel(const struct moat *jit)
{
	return jit->calls ? A64_X27 : A64_X6;
}

static inline enum a64_size a64_width(const struct moat_op *op)
{
	return op->is64 ? A64_X : A64_W;
}

static inline bool a64_have(const struct moat *jit, enum a64_cpu feature)
{
	return jit->opt->cpu & feature;
}

/* Short forms of 1 MiB reach all of the image: no slot has more than 512 bytes. */
static inline bool a64_is_long(const struct moat *jit)
{
	return jit->len > 2000;
}

/*
 * Branches that test a bit, which reach 32 KiB, reach all of the image: for the
 * kernel no slot has more than 64 bytes, but for the one with the epilogue.
 */
static inline bool a64_is_small(const struct moat *jit)
{
	return jit->len <= (moat_kernel_form(jit->opt) ? 400 : 50);
}

/* alu.c: all 64 bits of @to, as @op says of its constants (moat_op.blinded); may use KEY. */
void a64_load_imm(struct moat *jit, const struct moat_op *op, enum a64_reg to, s64 imm);

/* kernel.c: what is in front of a stub's own work and behind it; the result is in X0 then. */
void a64_stub_begin(struct moat *jit);
void a64_stub_end(struct moat *jit);

/* branch.c: the branch that ends a slot, to code offset @to */
void a64_branch_to(struct moat *jit, const struct moat_op *op, u32 to, u8 form);
/* Take the price of @slots BPF instructions from the fuel, for the one at @pc. */
void a64_charge(struct moat *jit, u32 pc, u32 slots);

/* frame.c */
void a64_prologue(struct moat *jit, const struct moat_func *func);
void a64_epilogue(struct moat *jit, const struct moat_func *func);
/* Undo the prologue of the main function or a callback, in host state, all but the return. */
void a64_unwind(struct moat *jit);
/* If @cond, leave to the trap that tells @kind at @pc. */
void a64_trap_if(struct moat *jit, enum a64_cond cond, u32 pc, u8 kind);

/* A memory operand: [base, #off], or [CAGE, index, uxtw]. */
struct a64_operand {
	u8 base, index;
	bool cage;
	s32 off;
};

/* mem.c: the instruction of a load or store, fused or not */
enum a64_mem a64_mem_op(const struct moat_op *op);
/* @reg: @bytes of memory, loaded as they stand there, to the number whose first byte is the highest. */
void a64_to_host_order(struct moat *jit, enum a64_reg reg, u8 bytes);

/* basereg.c: moat_arch.near */
bool a64_near(const struct moat_op *op);
/* The operand of an access as its guard demands; may use TMP. */
struct a64_operand a64_operand(struct moat *jit, const struct moat_op *op, u8 bpf_base);
/* Memory of the domain at @off from R10, outside what programs may name directly; may use TMP. */
struct a64_operand a64_frame_slot(struct moat *jit, s32 off);
void a64_access(struct moat *jit, enum a64_mem op, enum a64_reg rt, struct a64_operand at);
/* The address in one register, for atomics: TMP or the base itself. */
enum a64_reg a64_address(struct moat *jit, struct a64_operand at);
/* The register that holds the program's view of @bpf: R10 is copied to @tmp as an offset. */
enum a64_reg a64_value(struct moat *jit, u8 bpf, enum a64_reg tmp);

/* gate.c; gates change TMP and TMP2 only, or X16. */
void a64_enter(struct moat *jit, u32 pc);
void a64_leave(struct moat *jit, u32 pc);
void a64_save_rights(struct moat *jit);
void a64_restore_rights(struct moat *jit);

/* call.c */
/* In host state: call @function with the program's R1-R5, the frame and the site; the result is in R0. */
void a64_call_out(struct moat *jit, const struct moat_op *op, u64 function, s32 helper);
/* Clear those of R1-R5, behind a call. */
void a64_clear_args(struct moat *jit, u16 regs);
void a64_local_call(struct moat *jit, u32 pc, u8 frames, const struct moat_func *callee);
void a64_local_entry(struct moat *jit, const struct moat_func *func);
void a64_local_exit(struct moat *jit, const struct moat_func *func);
void a64_returns(struct moat *jit);

/* kernel.c: images for the kernel; what they do instead of the functions named alike */
void a64_kernel_prologue(struct moat *jit);
void a64_kernel_epilogue(struct moat *jit);
void a64_kernel_tail(struct moat *jit);
/* What the kernel calls: it has the first instructions of a kernel's BPF function, and leads to kernel->run(). */
void a64_stub(struct moat *jit);
/* The frame at @off from R10. */
struct a64_operand a64_kernel_frame(const struct moat *jit, s32 off);
/* The register that holds R10: @tmp or another. */
enum a64_reg a64_kernel_r10(struct moat *jit, enum a64_reg tmp);

/* kernel_call.c */
void a64_kernel_call(struct moat *jit, const struct moat_op *op);
void a64_kernel_imm64(struct moat *jit, const struct moat_op *op);
/* Part of the plan: which operations share an address behind the code. */
void a64_kernel_addresses(struct moat *jit);
/* What stands behind the code. */
void a64_kernel_data(struct moat *jit);
/* The entry hook's long way out, at the end of an isolated image. */
void a64_plt(struct moat *jit);

#define A64_DECLARE(K, f)	void a64_emit_##f(struct moat *jit, const struct moat_op *op);
MOAT_KINDS(A64_DECLARE)
#undef A64_DECLARE

#endif
