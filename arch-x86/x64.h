/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * x86-64 instructions: registers, opcodes, operands and their encoder.
 *
 * Intel SDM volume 2.  An enum x64_op holds everything about an opcode but its
 * operands: the byte, its map, prefixes, and the ModRM digit of group opcodes.
 * Names are X64_<mnemonic>_<to>_<from>.  Nothing else in the project knows
 * REX, VEX, ModRM or SIB.
 */
#ifndef MOAT_X64_H
#define MOAT_X64_H

#include "../jit/buf.h"

enum x64_reg {
	X64_RAX, X64_RCX, X64_RDX, X64_RBX, X64_RSP, X64_RBP, X64_RSI, X64_RDI,
	X64_R8, X64_R9, X64_R10, X64_R11, X64_R12, X64_R13, X64_R14, X64_R15,
	X64_NONE,	/* no index register */
};

enum x64_size { X64_32, X64_64, X64_16, X64_8 };

/* Feature bits (struct moat_options.cpu). */
enum x64_cpu {
	X64_BMI2	= 1,	/* shlx, shrx, sarx, rorx */
	X64_MOVBE	= 2,
	X64_FSGSBASE	= 4,	/* wrgsbase, and the kernel allows it */
	X64_IBT		= 8,	/* images for the kernel have landing pads (endbr64) */
};

/* Layout of enum x64_op: bits 0-7 opcode, 8-9 map, 10-11 mandatory prefix, 12-15 digit + 1, 16 byte operand. */
#define X64_OP(byte)	(byte)
#define X64_0F(byte)	((byte) | 1 << 8)
#define X64_0F38(byte)	((byte) | 2 << 8)
#define X64_0F3A(byte)	((byte) | 3 << 8)
#define X64_66		(1 << 10)
#define X64_F3		(2 << 10)
#define X64_F2		(3 << 10)
#define X64_DIGIT(d)	(((d) + 1) << 12)
#define X64_BYTE	(1 << 16)

enum x64_op {
	X64_ADD_RM_R = X64_OP(0x01), X64_OR_RM_R = X64_OP(0x09), X64_AND_RM_R = X64_OP(0x21),
	X64_SUB_RM_R = X64_OP(0x29), X64_XOR_RM_R = X64_OP(0x31), X64_CMP_RM_R = X64_OP(0x39),
	X64_TEST_RM_R = X64_OP(0x85), X64_XCHG_RM_R = X64_OP(0x87), X64_MOV_RM_R = X64_OP(0x89),
	X64_ADD_R_RM = X64_OP(0x03), X64_OR_R_RM = X64_OP(0x0b), X64_AND_R_RM = X64_OP(0x23),
	X64_SUB_R_RM = X64_OP(0x2b), X64_XOR_R_RM = X64_OP(0x33), X64_CMP_R_RM = X64_OP(0x3b),
	X64_MOV_R_RM = X64_OP(0x8b), X64_LEA = X64_OP(0x8d), X64_MOVSXD_R_RM = X64_OP(0x63),
	X64_MOV_RM_R8 = X64_OP(0x88) | X64_BYTE, X64_XCHG_RM_R8 = X64_OP(0x86) | X64_BYTE,

	/* imm8, sign-extended (83 /d) and imm32 (81 /d) */
	X64_ADD_RM_I8 = X64_OP(0x83) | X64_DIGIT(0), X64_ADD_RM_I = X64_OP(0x81) | X64_DIGIT(0),
	X64_OR_RM_I8 = X64_OP(0x83) | X64_DIGIT(1), X64_OR_RM_I = X64_OP(0x81) | X64_DIGIT(1),
	X64_AND_RM_I8 = X64_OP(0x83) | X64_DIGIT(4), X64_AND_RM_I = X64_OP(0x81) | X64_DIGIT(4),
	X64_SUB_RM_I8 = X64_OP(0x83) | X64_DIGIT(5), X64_SUB_RM_I = X64_OP(0x81) | X64_DIGIT(5),
	X64_XOR_RM_I8 = X64_OP(0x83) | X64_DIGIT(6), X64_XOR_RM_I = X64_OP(0x81) | X64_DIGIT(6),
	X64_CMP_RM_I8 = X64_OP(0x83) | X64_DIGIT(7), X64_CMP_RM_I = X64_OP(0x81) | X64_DIGIT(7),
	X64_MOV_RM_I = X64_OP(0xc7) | X64_DIGIT(0), X64_MOV_RM_I8 = X64_OP(0xc6) | X64_DIGIT(0) | X64_BYTE,
	X64_TEST_RM_I = X64_OP(0xf7) | X64_DIGIT(0), X64_TEST_RM_I8 = X64_OP(0xf6) | X64_DIGIT(0) | X64_BYTE,
	X64_IMUL_R_RM_I8 = X64_OP(0x6b), X64_IMUL_R_RM_I = X64_OP(0x69), X64_IMUL_R_RM = X64_0F(0xaf),

	X64_NOT = X64_OP(0xf7) | X64_DIGIT(2), X64_NEG = X64_OP(0xf7) | X64_DIGIT(3),
	X64_DIV = X64_OP(0xf7) | X64_DIGIT(6), X64_IDIV = X64_OP(0xf7) | X64_DIGIT(7),
	X64_ROL_I8 = X64_OP(0xc1) | X64_DIGIT(0), X64_ROL_CL = X64_OP(0xd3) | X64_DIGIT(0),
	X64_SHL_I8 = X64_OP(0xc1) | X64_DIGIT(4), X64_SHL_1 = X64_OP(0xd1) | X64_DIGIT(4),
	X64_SHL_CL = X64_OP(0xd3) | X64_DIGIT(4),
	X64_SHR_I8 = X64_OP(0xc1) | X64_DIGIT(5), X64_SHR_1 = X64_OP(0xd1) | X64_DIGIT(5),
	X64_SHR_CL = X64_OP(0xd3) | X64_DIGIT(5),
	X64_SAR_I8 = X64_OP(0xc1) | X64_DIGIT(7), X64_SAR_1 = X64_OP(0xd1) | X64_DIGIT(7),
	X64_SAR_CL = X64_OP(0xd3) | X64_DIGIT(7),

	X64_MOVZX_R_RM8 = X64_0F(0xb6) | X64_BYTE, X64_MOVZX_R_RM16 = X64_0F(0xb7),
	X64_MOVSX_R_RM8 = X64_0F(0xbe) | X64_BYTE, X64_MOVSX_R_RM16 = X64_0F(0xbf),
	X64_XADD_RM_R = X64_0F(0xc1), X64_CMPXCHG_RM_R = X64_0F(0xb1),
	X64_MOVBE_R_M = X64_0F38(0xf0), X64_MOVBE_M_R = X64_0F38(0xf1),
	X64_RDGSBASE = X64_0F(0xae) | X64_F3 | X64_DIGIT(1), X64_WRGSBASE = X64_0F(0xae) | X64_F3 | X64_DIGIT(3),
	X64_JMP_RM = X64_OP(0xff) | X64_DIGIT(4), X64_CALL_RM = X64_OP(0xff) | X64_DIGIT(2),
	X64_PUSH_RM = X64_OP(0xff) | X64_DIGIT(6),

	/* VEX-encoded: x64_vex() */
	X64_SHLX = X64_0F38(0xf7) | X64_66, X64_SHRX = X64_0F38(0xf7) | X64_F2,
	X64_SARX = X64_0F38(0xf7) | X64_F3, X64_RORX = X64_0F3A(0xf0) | X64_F2,
};

/* Condition codes of Jcc. */
enum x64_cc {
	X64_B = 2, X64_AE = 3, X64_E = 4, X64_NE = 5, X64_BE = 6, X64_A = 7,
	X64_S = 8, X64_NS = 9, X64_L = 12, X64_GE = 13, X64_LE = 14, X64_G = 15,
};

/* The r/m operand: a register, or memory at base + (index << shift) + disp. */
struct x64_rm {
	u8 base;	/* enum x64_reg */
	u8 index;	/* enum x64_reg, X64_NONE; never RSP */
	u8 shift;	/* 0..3 */
	bool mem;
	bool rip;	/* memory at RIP + disp; base is not used */
	bool segment;	/* gs: with a 32-bit effective address */
	bool cpu;	/* gs: as the kernel has its per-CPU variables */
	bool absolute;	/* memory at disp; base is not used */
	s32 disp;
};

static inline struct x64_rm x64_r(enum x64_reg reg)
{
	return (struct x64_rm){ .base = reg, .index = X64_NONE };
}

static inline struct x64_rm x64_at(enum x64_reg base, s32 disp)
{
	return (struct x64_rm){ .base = base, .index = X64_NONE, .mem = true, .disp = disp };
}

static inline struct x64_rm x64_at_index(enum x64_reg base, enum x64_reg index, u8 shift, s32 disp)
{
	return (struct x64_rm){ .base = base, .index = index, .shift = shift, .mem = true, .disp = disp };
}

/* gs:[(u32)(base + disp)]: the address-size prefix wraps the sum at 4 GiB. */
static inline struct x64_rm x64_at_segment(enum x64_reg base, s32 disp)
{
	return (struct x64_rm){ .base = base, .index = X64_NONE, .mem = true, .segment = true, .disp = disp };
}

/* gs:[base + disp]; of the CPU that it runs on */
static inline struct x64_rm x64_at_cpu(enum x64_reg base, s32 disp)
{
	return (struct x64_rm){ .base = base, .index = X64_NONE, .mem = true, .cpu = true, .disp = disp };
}

/* gs:[disp] */
static inline struct x64_rm x64_at_cpu_fixed(s32 disp)
{
	return (struct x64_rm){ .index = X64_NONE, .mem = true, .cpu = true, .absolute = true, .disp = disp };
}

/* One instruction; @reg is ignored for opcodes with a digit.  Immediates follow by moat_put(). */
void x64_ins(struct moat_buf *b, enum x64_op op, enum x64_size size, enum x64_reg reg, struct x64_rm rm);
/* The same with a LOCK prefix. */
void x64_lock(struct moat_buf *b, enum x64_op op, enum x64_size size, enum x64_reg reg, struct x64_rm rm);
/* VEX form: @reg, @second (vvvv; X64_NONE if there is none), @rm. */
void x64_vex(struct moat_buf *b, enum x64_op op, enum x64_size size, enum x64_reg reg,
	     enum x64_reg second, struct x64_rm rm);

void x64_mov(struct moat_buf *b, enum x64_size size, enum x64_reg to, enum x64_reg from);
/* Shortest form that sets all 64 bits of @to to @imm.  Changes flags. */
void x64_mov_imm(struct moat_buf *b, enum x64_reg to, s64 imm);
/* The same in 10 bytes, whatever @imm is. */
void x64_mov_imm64(struct moat_buf *b, enum x64_reg to, u64 imm);
void x64_push(struct moat_buf *b, enum x64_reg reg);
void x64_pop(struct moat_buf *b, enum x64_reg reg);
void x64_bswap(struct moat_buf *b, enum x64_size size, enum x64_reg reg);
void x64_ret(struct moat_buf *b);
void x64_ud2(struct moat_buf *b);
void x64_wrpkru(struct moat_buf *b);
void x64_rdpkru(struct moat_buf *b);
void x64_nop(struct moat_buf *b);
void x64_nop5(struct moat_buf *b);	/* one instruction of 5 bytes */
void x64_int3(struct moat_buf *b);
void x64_leave_frame(struct moat_buf *b);	/* mov rsp, rbp; pop rbp */
void x64_lfence(struct moat_buf *b);
void x64_endbr64(struct moat_buf *b);
void x64_ibhf(struct moat_buf *b);

/*
 * Group 1 arithmetic with an immediate in its shortest form; @digit as in the
 * opcode (0 add, 1 or, 4 and, 5 sub, 6 xor, 7 cmp).
 */
void x64_alu_imm(struct moat_buf *b, u8 digit, enum x64_size size, struct x64_rm rm, s32 imm);

/* Branches to code offset @to (relative to the buffer's start). */
void x64_jcc(struct moat_buf *b, enum x64_cc cc, u32 to);	/* long form, 6 bytes */
void x64_jmp(struct moat_buf *b, u32 to);			/* long form, 5 bytes */
void x64_jcc_short(struct moat_buf *b, enum x64_cc cc, u32 to);	/* 2 bytes, checked */
void x64_jmp_short(struct moat_buf *b, u32 to);			/* 2 bytes, checked */
/* Call of an absolute address out of the image: 5 bytes if in reach, else through RAX.  Fixed by @far. */
void x64_call(struct moat_buf *b, u64 address, bool far);
/* Jump to an absolute address out of the image, 5 bytes. */
void x64_jmp_out(struct moat_buf *b, u64 address);
/* lea reg, [rip + to - end] */
void x64_lea_code(struct moat_buf *b, enum x64_reg reg, u32 to);

/* A forward branch inside one op: patched when its label is known. */
u32 x64_jcc_forward(struct moat_buf *b, enum x64_cc cc);
u32 x64_jmp_forward(struct moat_buf *b);
void x64_label(struct moat_buf *b, u32 forward);

#endif
