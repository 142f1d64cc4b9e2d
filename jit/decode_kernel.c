/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decoding of what the kernel's verifier leaves behind (kernel.h): the rows of
 * decode.c and a few more, with notes in fields that an instruction has not.
 */
#include "decode.h"
#include "jit.h"
#include "kernel.h"

#define PROBE(size, n)							\
	{ BPF_LDX | MOAT_PROBE_MEM | (size),				\
	  { .kind = MOAT_PROBE, .bytes = (n), .fields = F_DST | F_SRC | F_OFF } }

/* What only the kernel's verifier makes. */
static const struct {
	u8 code;
	struct moat_opcode row;
} kernel_opcodes[] = {
	PROBE(BPF_B, 1),
	PROBE(BPF_H, 2),
	PROBE(BPF_W, 4),
	PROBE(BPF_DW, 8),
	{ BPF_ST | MOAT_NOSPEC, { .kind = MOAT_BARRIER } },
	{ BPF_JMP | MOAT_TAIL_CALL, { .kind = MOAT_TAIL, .fields = F_IMM } },
};

static const struct moat_opcode *kernel_row(u8 code)
{
	u32 i;

	for (i = 0; moat_opcodes[code].kind == MOAT_BAD && i < ARRAY_SIZE(kernel_opcodes); i++)
		if (kernel_opcodes[i].code == code)
			return &kernel_opcodes[i].row;
	return &moat_opcodes[code];
}

/* @insn with zeros in the fields that it does not have: the verifier leaves notes there. */
static struct bpf_insn without_notes(const struct bpf_insn *insn, u8 fields)
{
	return (struct bpf_insn) {
		.code = insn->code,
		.dst_reg = fields & F_DST ? insn->dst_reg : 0,
		.src_reg = fields & F_SRC ? insn->src_reg : 0,
		.off = fields & F_OFF ? insn->off : 0,
		.imm = fields & F_IMM ? insn->imm : 0,
	};
}

/*
 * Every address is final but that of a function: the verifier has put it in, though what it is the address of is still
 * named in the functions of a program that has several.
 */
static const char *kernel_wide(struct moat_op *op, const struct bpf_insn *insn, u32 left)
{
	op->src = 0;
	if (left < 2)
		return "the second half of a wide instruction is missing";
	if (insn->src_reg > BPF_PSEUDO_MAP_IDX_VALUE)
		return "src_reg names no kind of address";
	op->asked = insn->src_reg == BPF_PSEUDO_FUNC;
	op->imm = op->asked ? 0 : (s64)((u64)(u32)insn[1].imm << 32 | (u32)insn->imm);
	return NULL;
}

static const char *kernel_call(struct moat_op *op, const struct bpf_insn *insn)
{
	if (insn->src_reg > BPF_PSEUDO_KFUNC_CALL)
		return "src_reg must be 0 (helper), 1 (subprogram) or 2 (kernel function)";
	op->fn = insn->src_reg;
	op->src = 0;
	op->imm = insn->src_reg ? 0 : insn->imm;	/* what tells helpers apart */
	return NULL;
}

static const char *decode_kernel(struct moat_op *op, const struct bpf_insn *insn, u32 pc, u32 left)
{
	const struct moat_opcode *row = kernel_row(insn->code);
	struct bpf_insn clean = without_notes(insn, row->fields);
	const char *broken = moat_check_registers(&clean, MOAT_REG_AX);

	if (row->kind == MOAT_BAD || row->kind == MOAT_PACKET)
		return "there is no such instruction";
	if (broken)
		return broken;
	moat_fill_op(op, row, &clean, pc);
	if (row->kind == MOAT_IMM64)
		return kernel_wide(op, insn, left);
	if (row->kind == MOAT_HELPER)
		return kernel_call(op, insn);
	return moat_refine[row->kind] ? moat_refine[row->kind](op, &clean, left) : NULL;
}

int moat_decode_kernel(struct moat_op *op, const struct bpf_insn *insn, u32 len,
		       const struct moat_log *log)
{
	return moat_decode_with(op, insn, len, decode_kernel, log);
}

/* As programs of user space, but for probe loads.  R10 is the host's address of the frame, and no pointer of the program's. */
static const char *decode_probing(struct moat_op *op, const struct bpf_insn *insn, u32 pc, u32 left)
{
	const char *broken;

	if (kernel_row(insn->code)->kind != MOAT_PROBE)
		return moat_decode_user(op, insn, pc, left);
	if (insn->src_reg == BPF_REG_10)
		return "the frame is no memory of the kernel";
	broken = moat_check_registers(insn, BPF_REG_10);
	return broken ? broken : decode_kernel(op, insn, pc, left);
}

int moat_decode_for(struct moat_op *op, const struct bpf_insn *insn, u32 len, const struct moat_options *opt)
{
	if (moat_kernel_form(opt))
		return moat_decode_kernel(op, insn, len, &opt->log);
	if (moat_has_stub(opt) && opt->kernel->probes)
		return moat_decode_with(op, insn, len, decode_probing, &opt->log);
	return moat_decode(op, insn, len, &opt->log);
}
