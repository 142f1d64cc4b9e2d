/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the bytes of RFC 9669 to struct moat_op, or a refusal.
 *
 * One row per opcode says the kind and which fields the instruction has; all
 * other fields must be zero.  What depends on the value of a field (an
 * instruction hidden in off, src or imm) is one refining function per kind.
 * An opcode without a row has kind MOAT_BAD and is refused.
 */
#include "decode.h"

#define ALU_ROW(class, src, wide, k, f, more)						\
	[(class) | (f) | (src)] = {							\
		.kind = MOAT_##k, .fn = (f), .is64 = (wide), .has_imm = (src) == BPF_K,	\
		.fields = F_DST | ((src) == BPF_K ? F_IMM : F_SRC) | (more),		\
	}

/* All four forms of a two-operand operation. */
#define ALU(k, f, more)							\
	ALU_ROW(BPF_ALU, BPF_X, false, k, f, more),			\
	ALU_ROW(BPF_ALU, BPF_K, false, k, f, more),			\
	ALU_ROW(BPF_ALU64, BPF_X, true, k, f, more),			\
	ALU_ROW(BPF_ALU64, BPF_K, true, k, f, more)

#define NEG(class, wide)						\
	[(class) | BPF_NEG | BPF_K] = { .kind = MOAT_ALU, .fn = BPF_NEG, .is64 = (wide), \
					.has_imm = true, .fields = F_DST }

#define SWAP(class, order, f)						\
	[(class) | BPF_END | (order)] = { .kind = MOAT_SWAP, .fn = (f), .fields = F_DST | F_IMM }

#define PACKET(mode, size, n, more)					\
	[BPF_LD | (mode) | (size)] = { .kind = MOAT_PACKET, .fn = (mode), .bytes = (n),	\
				       .has_imm = true, .fields = F_IMM | (more) }

#define LOAD(mode, size, n, extend)					\
	[BPF_LDX | (mode) | (size)] = { .kind = MOAT_LOAD, .bytes = (n), .sx = (extend), \
					.fields = F_DST | F_SRC | F_OFF }

#define STORE(size, n)							\
	[BPF_ST | BPF_MEM | (size)] = { .kind = MOAT_STORE, .bytes = (n), .has_imm = true, \
					.fields = F_DST | F_OFF | F_IMM },		\
	[BPF_STX | BPF_MEM | (size)] = { .kind = MOAT_STORE, .bytes = (n),		\
					 .fields = F_DST | F_SRC | F_OFF }

#define ATOMIC(size, n)							\
	[BPF_STX | BPF_ATOMIC | (size)] = { .kind = MOAT_ATOMIC, .bytes = (n),		\
					    .fields = F_DST | F_SRC | F_OFF | F_IMM }

#define BRANCH_ROW(class, src, wide, f, signs)						\
	[(class) | (f) | (src)] = {							\
		.kind = MOAT_BRANCH, .fn = (f), .is64 = (wide), .sx = (signs),		\
		.has_imm = (src) == BPF_K,						\
		.fields = F_DST | F_OFF | ((src) == BPF_K ? F_IMM : F_SRC),		\
	}

#define BRANCH(f, signs)						\
	BRANCH_ROW(BPF_JMP, BPF_X, true, f, signs),			\
	BRANCH_ROW(BPF_JMP, BPF_K, true, f, signs),			\
	BRANCH_ROW(BPF_JMP32, BPF_X, false, f, signs),			\
	BRANCH_ROW(BPF_JMP32, BPF_K, false, f, signs)

const struct moat_opcode moat_opcodes[256] = {
	ALU(ALU, BPF_ADD, 0),
	ALU(ALU, BPF_SUB, 0),
	ALU(ALU, BPF_MUL, 0),
	ALU(ALU, BPF_OR, 0),
	ALU(ALU, BPF_AND, 0),
	ALU(ALU, BPF_XOR, 0),
	ALU(SHIFT, BPF_LSH, 0),
	ALU(SHIFT, BPF_RSH, 0),
	ALU(SHIFT, BPF_ARSH, 0),
	ALU(DIV, BPF_DIV, F_OFF),
	ALU(DIV, BPF_MOD, F_OFF),
	ALU_ROW(BPF_ALU, BPF_X, false, MOV, BPF_MOV, F_OFF),
	ALU_ROW(BPF_ALU, BPF_K, false, MOV, BPF_MOV, 0),
	ALU_ROW(BPF_ALU64, BPF_X, true, MOV, BPF_MOV, F_OFF),
	ALU_ROW(BPF_ALU64, BPF_K, true, MOV, BPF_MOV, 0),
	NEG(BPF_ALU, false),
	NEG(BPF_ALU64, true),
	SWAP(BPF_ALU, BPF_TO_LE, SWAP_LE),
	SWAP(BPF_ALU, BPF_TO_BE, SWAP_BE),
	SWAP(BPF_ALU64, BPF_TO_LE, SWAP_ALWAYS),

	[BPF_LD | BPF_IMM | BPF_DW] = { .kind = MOAT_IMM64, .is64 = true, .has_imm = true,
					.fields = F_DST | F_SRC | F_IMM },
	PACKET(BPF_ABS, BPF_B, 1, 0),
	PACKET(BPF_ABS, BPF_H, 2, 0),
	PACKET(BPF_ABS, BPF_W, 4, 0),
	PACKET(BPF_IND, BPF_B, 1, F_SRC),
	PACKET(BPF_IND, BPF_H, 2, F_SRC),
	PACKET(BPF_IND, BPF_W, 4, F_SRC),
	LOAD(BPF_MEM, BPF_B, 1, false),
	LOAD(BPF_MEM, BPF_H, 2, false),
	LOAD(BPF_MEM, BPF_W, 4, false),
	LOAD(BPF_MEM, BPF_DW, 8, false),
	LOAD(BPF_MEMSX, BPF_B, 1, true),
	LOAD(BPF_MEMSX, BPF_H, 2, true),
	LOAD(BPF_MEMSX, BPF_W, 4, true),
	STORE(BPF_B, 1),
	STORE(BPF_H, 2),
	STORE(BPF_W, 4),
	STORE(BPF_DW, 8),
	ATOMIC(BPF_W, 4),
	ATOMIC(BPF_DW, 8),

	BRANCH(BPF_JEQ, false),
	BRANCH(BPF_JNE, false),
	BRANCH(BPF_JSET, false),
	BRANCH(BPF_JGT, false),
	BRANCH(BPF_JGE, false),
	BRANCH(BPF_JLT, false),
	BRANCH(BPF_JLE, false),
	BRANCH(BPF_JSGT, true),
	BRANCH(BPF_JSGE, true),
	BRANCH(BPF_JSLT, true),
	BRANCH(BPF_JSLE, true),
	[BPF_JMP | BPF_JA] = { .kind = MOAT_JUMP, .fields = F_OFF },
	[BPF_JMP32 | BPF_JA] = { .kind = MOAT_JUMP, .has_imm = true, .fields = F_IMM },
	[BPF_JMP | BPF_CALL] = { .kind = MOAT_HELPER, .has_imm = true, .fields = F_SRC | F_IMM },
	[BPF_JMP | BPF_EXIT] = { .kind = MOAT_EXIT },
};

/* The rule that a field breaks, or NULL. */
static const char *check_fields(const struct bpf_insn *insn, u8 fields)
{
	if (!(fields & F_DST) && insn->dst_reg)
		return "reserved field dst_reg is not zero";
	if (!(fields & F_SRC) && insn->src_reg)
		return "reserved field src_reg is not zero";
	if (!(fields & F_OFF) && insn->off)
		return "reserved field off is not zero";
	if (!(fields & F_IMM) && insn->imm)
		return "reserved field imm is not zero";
	return NULL;
}

const char *moat_check_registers(const struct bpf_insn *insn, u8 last)
{
	if (insn->dst_reg > last)
		return "there is no such dst register";
	if (insn->src_reg > last)
		return "there is no such src register";
	return NULL;
}

/* The slot @distance behind the next one, MOAT_NO_TARGET if there cannot be one. */
static u32 target_of(const struct moat_op *op, s32 distance)
{
	s64 target = (s64)op->pc + 1 + distance;

	return target < 0 || target > MOAT_NO_TARGET ? MOAT_NO_TARGET : target;
}

static const char *refine_shift(struct moat_op *op, const struct bpf_insn *insn, u32 left)
{
	if (op->has_imm)
		op->imm &= op->is64 ? 63 : 31;
	return NULL;
}

static const char *refine_div(struct moat_op *op, const struct bpf_insn *insn, u32 left)
{
	if (insn->off != 0 && insn->off != 1)
		return "off must be 0 (unsigned) or 1 (signed)";
	op->sx = insn->off == 1;
	op->off = 0;
	return NULL;
}

static const char *refine_mov(struct moat_op *op, const struct bpf_insn *insn, u32 left)
{
	op->off = 0;
	if (insn->off == 0)
		return NULL;
	if (insn->off != 8 && insn->off != 16 && !(insn->off == 32 && op->is64))
		return op->is64 ? "off must be 0, 8, 16 or 32" : "off must be 0, 8 or 16";
	op->sx = true;
	op->bytes = insn->off / 8;
	return NULL;
}

static const char *refine_swap(struct moat_op *op, const struct bpf_insn *insn, u32 left)
{
	if (insn->imm != 16 && insn->imm != 32 && insn->imm != 64)
		return "imm must be 16, 32 or 64";
	op->bytes = insn->imm / 8;
	op->imm = 0;
	return NULL;
}

static const char *refine_atomic(struct moat_op *op, const struct bpf_insn *insn, u32 left)
{
	switch (insn->imm) {
	case BPF_ADD:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
	case BPF_ADD | BPF_FETCH:
	case BPF_AND | BPF_FETCH:
	case BPF_OR | BPF_FETCH:
	case BPF_XOR | BPF_FETCH:
	case BPF_XCHG:
	case BPF_CMPXCHG:
		return NULL;
	default:
		return "imm names no atomic operation";
	}
}

static const char *refine_wide(struct moat_op *op, const struct bpf_insn *insn, u32 left)
{
	op->src = 0;
	if (left < 2)
		return "the second half of a wide instruction is missing";
	if (insn[1].code || insn[1].dst_reg || insn[1].src_reg || insn[1].off)
		return "reserved fields in the second half of a wide instruction are not zero";
	if (insn->src_reg == BPF_PSEUDO_FUNC) {
		if (insn[1].imm)
			return "reserved field imm of the second half is not zero";
		op->kind = MOAT_FUNC;
		op->imm = 0;
		op->has_imm = false;
		op->target = target_of(op, insn->imm);
		return NULL;
	}
	if (insn->src_reg)
		return "address was not resolved by the loader";
	op->imm = (u64)(u32)insn[1].imm << 32 | (u32)insn->imm;
	return NULL;
}

static const char *refine_branch(struct moat_op *op, const struct bpf_insn *insn, u32 left)
{
	op->target = target_of(op, insn->off);
	op->off = 0;
	return NULL;
}

static const char *refine_jump(struct moat_op *op, const struct bpf_insn *insn, u32 left)
{
	/* One of the two is reserved, hence zero. */
	op->target = target_of(op, insn->off + insn->imm);
	op->off = 0;
	op->imm = 0;
	op->has_imm = false;
	return NULL;
}

static const char *refine_call(struct moat_op *op, const struct bpf_insn *insn, u32 left)
{
	op->src = 0;
	switch (insn->src_reg) {
	case 0:
		if (insn->imm == BPF_FUNC_tail_call)
			op->kind = MOAT_TAIL;
		return NULL;
	case BPF_PSEUDO_CALL:
		op->kind = MOAT_LOCAL;
		op->target = target_of(op, insn->imm);
		op->imm = 0;
		op->has_imm = false;
		return NULL;
	case BPF_PSEUDO_KFUNC_CALL:
		return "kernel functions (src_reg 2) cannot be called";
	default:
		return "src_reg must be 0 (helper) or 1 (local function)";
	}
}

moat_refine_fn *const moat_refine[MOAT_NR_KINDS] = {
	[MOAT_SHIFT]	= refine_shift,
	[MOAT_DIV]	= refine_div,
	[MOAT_MOV]	= refine_mov,
	[MOAT_SWAP]	= refine_swap,
	[MOAT_ATOMIC]	= refine_atomic,
	[MOAT_IMM64]	= refine_wide,
	[MOAT_BRANCH]	= refine_branch,
	[MOAT_JUMP]	= refine_jump,
	[MOAT_HELPER]	= refine_call,
};

void moat_fill_op(struct moat_op *op, const struct moat_opcode *row, const struct bpf_insn *insn, u32 pc)
{
	*op = (struct moat_op) {
		.pc = pc, .kind = row->kind, .fn = row->fn, .bytes = row->bytes,
		.dst = insn->dst_reg, .src = insn->src_reg, .off = insn->off, .imm = insn->imm,
		.is64 = row->is64, .has_imm = row->has_imm, .sx = row->sx,
	};
}

const char *moat_decode_user(struct moat_op *op, const struct bpf_insn *insn, u32 pc, u32 left)
{
	const struct moat_opcode *row = &moat_opcodes[insn->code];
	const char *broken;

	if (row->kind == MOAT_BAD)
		return "there is no such instruction";
	broken = check_fields(insn, row->fields);
	if (!broken)
		broken = moat_check_registers(insn, BPF_REG_10);
	if (broken)
		return broken;
	moat_fill_op(op, row, insn, pc);
	return moat_refine[row->kind] ? moat_refine[row->kind](op, insn, left) : NULL;
}

/* Programs ---------------------------------------------------------------- */

int moat_decode_with(struct moat_op *op, const struct bpf_insn *insn, u32 len, moat_decode_fn *one,
		  const struct moat_log *log)
{
	char text[MOAT_TEXT];
	u32 pc;

	for (pc = 0; pc < len; pc++) {
		const char *broken = one(&op[pc], &insn[pc], pc, len - pc);

		if (broken) {
			moat_logf(log, "insn %u: %s: %s", pc, moat_text(text, &insn[pc], len - pc),
				  broken);
			return -EINVAL;
		}
		if (op[pc].kind == MOAT_IMM64 || op[pc].kind == MOAT_FUNC) {
			pc++;
			op[pc] = (struct moat_op) { .pc = pc, .kind = MOAT_NOP, .src = 1 };
		}
	}
	return 0;
}

int moat_decode(struct moat_op *op, const struct bpf_insn *insn, u32 len,
		const struct moat_log *log)
{
	return moat_decode_with(op, insn, len, moat_decode_user, log);
}
