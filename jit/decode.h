/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the decoders for user space and for the kernel share. */
#ifndef MOAT_DECODE_H
#define MOAT_DECODE_H

#include "op.h"

/* Fields that an instruction has; the others are reserved. */
#define F_DST	1
#define F_SRC	2
#define F_OFF	4
#define F_IMM	8

struct moat_opcode {
	u8 kind, fn, bytes, fields;
	bool is64, has_imm, sx;
};

/* By opcode; kind MOAT_BAD: there is no such instruction in user space. */
extern const struct moat_opcode moat_opcodes[256];

/* The rule that a register breaks, or NULL; @last is the highest that there is. */
const char *moat_check_registers(const struct bpf_insn *insn, u8 last);

/* What the row of an opcode and the fields of @insn say. */
void moat_fill_op(struct moat_op *op, const struct moat_opcode *row, const struct bpf_insn *insn, u32 pc);

/*
 * Finish @op by what its fields say.  @left: slots from @insn to the end.
 * NULL, or the rule that is broken.
 */
typedef const char *moat_refine_fn(struct moat_op *op, const struct bpf_insn *insn, u32 left);

/* By kind; NULL: nothing to do. */
extern moat_refine_fn *const moat_refine[MOAT_NR_KINDS];

/* Decode one instruction, @left slots before the end.  NULL, or the rule that is broken. */
typedef const char *moat_decode_fn(struct moat_op *op, const struct bpf_insn *insn, u32 pc, u32 left);

/* Those of user space. */
const char *moat_decode_user(struct moat_op *op, const struct bpf_insn *insn, u32 pc, u32 left);

/* Decode a program, each instruction by @one. */
int moat_decode_with(struct moat_op *op, const struct bpf_insn *insn, u32 len, moat_decode_fn *one,
		     const struct moat_log *log);

#endif
