/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A64 instructions: registers, formats and their encoders.
 *
 * Arm ARM, chapter C4 and C6.  One enum and one function per format: the enum
 * holds the fixed bits, the function the operands, and the type keeps an
 * operation out of the wrong format.  An encoder that is given an operand which
 * does not fit returns A64_BAD, which a64_emit() refuses.
 */
#ifndef MOAT_A64_H
#define MOAT_A64_H

#include "../jit/buf.h"
#include "../jit/bits.h"

/* What an encoder returns for operands that do not fit: UDF #0, never valid. */
#define A64_BAD		0u

enum a64_reg {
	A64_X0, A64_X1, A64_X2, A64_X3, A64_X4, A64_X5, A64_X6, A64_X7,
	A64_X8, A64_X9, A64_X10, A64_X11, A64_X12, A64_X13, A64_X14, A64_X15,
	A64_X16, A64_X17, A64_X18, A64_X19, A64_X20, A64_X21, A64_X22, A64_X23,
	A64_X24, A64_X25, A64_X26, A64_X27, A64_X28, A64_X29, A64_X30,
	A64_ZR,
	A64_SP = A64_ZR,	/* where the format says so */
};

enum a64_size { A64_W = 0, A64_X = 1u << 31 };

/* Feature bits (struct moat_options.cpu). */
enum a64_cpu {
	A64_LSE	= 1,	/* atomics in one instruction */
	A64_BTI	= 2,	/* landing pads are asked for */
	A64_PAC	= 4,	/* return addresses are to be signed */
};

enum a64_cond {
	A64_EQ, A64_NE, A64_CS, A64_CC, A64_MI, A64_PL, A64_VS, A64_VC,
	A64_HI, A64_LS, A64_GE, A64_LT, A64_GT, A64_LE,
	A64_HS = A64_CS, A64_LO = A64_CC,
};

/* Data-processing, shifted register: Rd = Rn op (Rm << amount). */
enum a64_rrr {
	A64_AND = 0x0a000000, A64_BIC = 0x0a200000, A64_ORR = 0x2a000000, A64_ORN = 0x2a200000,
	A64_EOR = 0x4a000000, A64_ANDS = 0x6a000000,
	A64_ADD = 0x0b000000, A64_ADDS = 0x2b000000, A64_SUB = 0x4b000000, A64_SUBS = 0x6b000000,
	/* two sources, no shift amount */
	A64_UDIV = 0x1ac00800, A64_SDIV = 0x1ac00c00, A64_LSLV = 0x1ac02000, A64_LSRV = 0x1ac02400,
	A64_ASRV = 0x1ac02800,
};

static inline u32 a64_rrr(enum a64_rrr op, enum a64_size sf, enum a64_reg rd, enum a64_reg rn, enum a64_reg rm)
{
	return op ? (u32)sf | op | rm << 16 | rn << 5 | rd : A64_BAD;
}

/* The logical and add/sub operations with Rm shifted left by @amount. */
static inline u32 a64_rrr_lsl(enum a64_rrr op, enum a64_size sf, enum a64_reg rd, enum a64_reg rn,
			      enum a64_reg rm, u32 amount)
{
	if (amount >= (sf ? 64u : 32u) || op >> 24 == 0x1a)
		return A64_BAD;
	return a64_rrr(op, sf, rd, rn, rm) | amount << 10;
}

/* Add or subtract, immediate: Rd = Rn op uimm12, optionally << 12.  Register 31 is SP. */
enum a64_rri {
	A64_ADDI = 0x11000000, A64_ADDSI = 0x31000000, A64_SUBI = 0x51000000, A64_SUBSI = 0x71000000,
};

static inline u32 a64_rri(enum a64_rri op, enum a64_size sf, enum a64_reg rd, enum a64_reg rn, u64 imm)
{
	u32 shifted = 0;

	if (imm > 0xfff) {
		if (imm & 0xfff || imm > 0xfff000)
			return A64_BAD;
		imm >>= 12;
		shifted = 1 << 22;
	}
	return (u32)sf | op | shifted | (u32)imm << 10 | rn << 5 | rd;
}

/* Logical, bitmask immediate. */
enum a64_rrl {
	A64_ANDI = 0x12000000, A64_ORRI = 0x32000000, A64_EORI = 0x52000000, A64_ANDSI = 0x72000000,
};

/* A64_BAD if @imm is no bitmask immediate (all zeros and all ones never are). */
u32 a64_rrl(enum a64_rrl op, enum a64_size sf, enum a64_reg rd, enum a64_reg rn, u64 imm);

/* Move wide: 16 bits at @shift (0, 16, 32, 48). */
enum a64_ri {
	A64_MOVN = 0x12800000, A64_MOVZ = 0x52800000, A64_MOVK = 0x72800000,
};

static inline u32 a64_ri(enum a64_ri op, enum a64_size sf, enum a64_reg rd, u32 imm, u32 shift)
{
	if (imm > 0xffff || shift % 16 || shift >= (sf ? 64u : 32u))
		return A64_BAD;
	return (u32)sf | op | shift / 16 << 21 | imm << 5 | rd;
}

/* Rd = @cond ? Rn : Rm */
static inline u32 a64_csel(enum a64_size sf, enum a64_reg rd, enum a64_reg rn, enum a64_reg rm, enum a64_cond cond)
{
	return (u32)sf | 0x1a800000 | rm << 16 | cond << 12 | rn << 5 | rd;
}

/* Multiply: Rd = Ra +- Rn * Rm. */
enum a64_rrrr { A64_MADD = 0x1b000000, A64_MSUB = 0x1b008000 };

static inline u32 a64_rrrr(enum a64_rrrr op, enum a64_size sf, enum a64_reg rd, enum a64_reg rn,
			   enum a64_reg rm, enum a64_reg ra)
{
	return (u32)sf | op | rm << 16 | ra << 10 | rn << 5 | rd;
}

/* One source.  REV32 and REV of 64 bits need A64_X. */
enum a64_rr {
	A64_REV16 = 0x5ac00400, A64_REV_W = 0x5ac00800, A64_REV_X = 0x5ac00c00,
};

static inline u32 a64_rr(enum a64_rr op, enum a64_size sf, enum a64_reg rd, enum a64_reg rn)
{
	if (op == A64_REV_X && !sf)
		return A64_BAD;
	return (u32)sf | op | rn << 5 | rd;
}

/* Bitfield moves: bits and sign extension, and shifts by a constant. */
enum a64_bits { A64_SBFM = 0x13000000, A64_UBFM = 0x53000000 };

static inline u32 a64_bits(enum a64_bits op, enum a64_size sf, enum a64_reg rd, enum a64_reg rn, u32 immr, u32 imms)
{
	u32 width = sf ? 64 : 32;

	if (immr >= width || imms >= width)
		return A64_BAD;
	return (u32)sf | op | (sf ? 1 << 22 : 0) | immr << 16 | imms << 10 | rn << 5 | rd;
}

static inline u32 a64_lsl(enum a64_size sf, enum a64_reg rd, enum a64_reg rn, u32 by)
{
	u32 width = sf ? 64 : 32;

	return by < width ? a64_bits(A64_UBFM, sf, rd, rn, (width - by) % width, width - 1 - by) : A64_BAD;
}

static inline u32 a64_lsr(enum a64_size sf, enum a64_reg rd, enum a64_reg rn, u32 by)
{
	return a64_bits(A64_UBFM, sf, rd, rn, by, sf ? 63 : 31);
}

static inline u32 a64_asr(enum a64_size sf, enum a64_reg rd, enum a64_reg rn, u32 by)
{
	return a64_bits(A64_SBFM, sf, rd, rn, by, sf ? 63 : 31);
}

/* Rotate right by a constant: EXTR with one source twice. */
static inline u32 a64_ror(enum a64_size sf, enum a64_reg rd, enum a64_reg rn, u32 by)
{
	if (by >= (sf ? 64u : 32u))
		return A64_BAD;
	return (u32)sf | 0x13800000 | (sf ? 1 << 22 : 0) | rn << 16 | by << 10 | rn << 5 | rd;
}

/* Loads and stores.  The opcode is the unsigned-offset form; log2 of the size in its top bits. */
enum a64_mem {
	A64_STRB = 0x39000000, A64_STRH = 0x79000000, A64_STR_W = 0xb9000000, A64_STR_X = 0xf9000000,
	A64_LDRB = 0x39400000, A64_LDRH = 0x79400000, A64_LDR_W = 0xb9400000, A64_LDR_X = 0xf9400000,
	A64_LDRSB = 0x39800000, A64_LDRSH = 0x79800000, A64_LDRSW = 0xb9800000,	/* to 64 bits */
};

/* [Rn, #off]: scaled and not negative, or unscaled within +-256; A64_BAD if neither. */
u32 a64_mem(enum a64_mem op, enum a64_reg rt, enum a64_reg rn, s64 off);

/* [Xn, Wm, uxtw] */
static inline u32 a64_mem_uxtw(enum a64_mem op, enum a64_reg rt, enum a64_reg rn, enum a64_reg rm)
{
	return (op & ~0x01000000u) | 0x00204800 | rm << 16 | rn << 5 | rt;
}

/* Pairs of 64-bit registers at [SP-like Xn]: before-indexed store, after-indexed load, plain offset. */
enum a64_pair {
	A64_STP_PRE = 0xa9800000, A64_LDP_POST = 0xa8c00000, A64_STP = 0xa9000000, A64_LDP = 0xa9400000,
};

static inline u32 a64_pair(enum a64_pair op, enum a64_reg rt, enum a64_reg rt2, enum a64_reg rn, s32 off)
{
	if (off % 8 || !fits_signed(off / 8, 7))
		return A64_BAD;
	return op | ((u32)(off / 8) & 0x7f) << 15 | rt2 << 10 | rn << 5 | rt;
}

/* LSE atomics, 32 or 64 bits: Rt = old; Rs = operand (CAS: expected, gets old; Rt = new). */
enum a64_lse {
	A64_LDADD = 0xb8200000, A64_LDCLR = 0xb8201000, A64_LDEOR = 0xb8202000, A64_LDSET = 0xb8203000,
	A64_LDADDAL = 0xb8e00000, A64_LDCLRAL = 0xb8e01000, A64_LDEORAL = 0xb8e02000, A64_LDSETAL = 0xb8e03000,
	A64_SWPAL = 0xb8e08000, A64_CASAL = 0x88e0fc00,
};

static inline u32 a64_lse(enum a64_lse op, enum a64_size sf, enum a64_reg rs, enum a64_reg rt, enum a64_reg rn)
{
	return op | (sf ? 1u << 30 : 0) | rs << 16 | rn << 5 | rt;
}

/* Exclusives, 32 or 64 bits. */
enum a64_excl { A64_LDXR = 0x885f7c00, A64_STXR = 0x88007c00, A64_STLXR = 0x8800fc00 };

/* @rs: status of a store, A64_ZR for a load. */
static inline u32 a64_excl(enum a64_excl op, enum a64_size sf, enum a64_reg rs, enum a64_reg rt, enum a64_reg rn)
{
	return op | (sf ? 1u << 30 : 0) | rs << 16 | rn << 5 | rt;
}

/* Rd = Xn + (Wm zero-extended).  Register 31 is SP in Rd and Rn. */
static inline u32 a64_add_uxtw(enum a64_reg rd, enum a64_reg rn, enum a64_reg rm)
{
	return 0x8b204000 | rm << 16 | rn << 5 | rd;
}

/* Rd = Xn + ((Wm zero-extended) << amount), amount 0..4. */
static inline u32 a64_add_uxtw_lsl(enum a64_reg rd, enum a64_reg rn, enum a64_reg rm, u32 amount)
{
	return amount <= 4 ? a64_add_uxtw(rd, rn, rm) | amount << 10 : A64_BAD;
}

/* Branches; @off in bytes from the instruction itself. */
enum a64_branch { A64_B = 0x14000000, A64_BL = 0x94000000 };

static inline u32 a64_branch(enum a64_branch op, s64 off)
{
	if (off & 3 || !fits_signed(off, 28))
		return A64_BAD;
	return op | ((u32)(off >> 2) & 0x3ffffff);
}

static inline u32 a64_bcond(enum a64_cond cond, s64 off)
{
	if (off & 3 || !fits_signed(off, 21))
		return A64_BAD;
	return 0x54000000 | ((u32)(off >> 2) & 0x7ffff) << 5 | cond;
}

enum a64_cb { A64_CBZ = 0x34000000, A64_CBNZ = 0x35000000 };

static inline u32 a64_cb(enum a64_cb op, enum a64_size sf, enum a64_reg rt, s64 off)
{
	if (off & 3 || !fits_signed(off, 21))
		return A64_BAD;
	return (u32)sf | op | ((u32)(off >> 2) & 0x7ffff) << 5 | rt;
}

/* Test one bit and branch; reaches 32 KiB. */
enum a64_tb { A64_TBZ = 0x36000000, A64_TBNZ = 0x37000000 };

static inline u32 a64_tb(enum a64_tb op, enum a64_reg rt, u32 bit, s64 off)
{
	if (off & 3 || !fits_signed(off, 16) || bit > 63)
		return A64_BAD;
	return op | bit >> 5 << 31 | (bit & 31) << 19 | ((u32)(off >> 2) & 0x3fff) << 5 | rt;
}

enum a64_jump { A64_BR = 0xd61f0000, A64_BLR = 0xd63f0000, A64_RET = 0xd65f0000 };

static inline u32 a64_jump(enum a64_jump op, enum a64_reg rn)
{
	return op | rn << 5;
}

static inline u32 a64_adr(enum a64_reg rd, s64 off)
{
	if (!fits_signed(off, 21))
		return A64_BAD;
	return 0x10000000 | ((u32)off & 3) << 29 | ((u32)(off >> 2) & 0x7ffff) << 5 | rd;
}

/* Page address: off is from the instruction's own page, a multiple of 4096. */
static inline u32 a64_adrp(enum a64_reg rd, s64 off)
{
	if (off & 0xfff || !fits_signed(off, 33))
		return A64_BAD;
	return 0x90000000 | ((u32)(off >> 12) & 3) << 29 | ((u32)(off >> 14) & 0x7ffff) << 5 | rd;
}

/* The 64 bits at @off from the instruction itself. */
static inline u32 a64_ldr_literal(enum a64_reg rt, s64 off)
{
	if (off & 3 || !fits_signed(off, 21))
		return A64_BAD;
	return 0x58000000 | ((u32)(off >> 2) & 0x7ffff) << 5 | rt;
}

/* Without operands, and hints. */
enum a64_plain {
	A64_NOP = 0xd503201f, A64_BTI_C = 0xd503245f, A64_BTI_J = 0xd503249f, A64_BTI_JC = 0xd50324df,
	A64_PACIASP = 0xd503233f, A64_AUTIASP = 0xd50323bf, A64_CLRBHB = 0xd50322df,
	A64_ISB = 0xd5033fdf, A64_DMB_ISH = 0xd5033bbf, A64_DSB_ISH = 0xd5033b9f,
};

/* Exceptions, with a 16-bit number. */
enum a64_exception { A64_HVC = 0xd4000002, A64_BRK = 0xd4200000 };

static inline u32 a64_exception(enum a64_exception op, u32 imm)
{
	return imm <= 0xffff ? op | imm << 5 : A64_BAD;
}

/* System registers, by their MSR encoding. */
enum a64_sysreg { A64_POR_EL0 = 0xd51ba280, A64_POR_EL1 = 0xd518a280 };

static inline u32 a64_msr(enum a64_sysreg reg, enum a64_reg rt)
{
	return (u32)reg | rt;
}

static inline u32 a64_mrs(enum a64_sysreg reg, enum a64_reg rt)
{
	return (u32)reg | 1 << 21 | rt;
}

/* The same of a register that the host names, by what MRS has of it: 16 bits. */
static inline u32 a64_mrs_named(u32 reg, enum a64_reg rt)
{
	return reg <= 0xffff ? 0xd5200000 | reg << 5 | rt : A64_BAD;
}

/* Append one instruction; A64_BAD is -ERANGE. */
void a64_emit(struct moat_buf *b, u32 word);
void a64_emit_plain(struct moat_buf *b, enum a64_plain op);

/* Sequences ---------------------------------------------------------------- */

void a64_mov(struct moat_buf *b, enum a64_size sf, enum a64_reg rd, enum a64_reg rn);
/* All 64 bits of @rd, in as few instructions as movz, movn, movk and a bitmask allow. */
void a64_mov_imm(struct moat_buf *b, enum a64_reg rd, s64 imm);
/* rd = rn + imm; may use @tmp, which is neither, for what does not fit 24 bits. */
void a64_add_const(struct moat_buf *b, enum a64_size sf, enum a64_reg rd, enum a64_reg rn, s64 imm,
		   enum a64_reg tmp);
/* Compare with a constant: sets the flags of rn - imm. */
void a64_cmp_const(struct moat_buf *b, enum a64_size sf, enum a64_reg rn, s64 imm, enum a64_reg tmp);

/* A forward branch inside one op: patched when its label is known. */
u32 a64_bcond_forward(struct moat_buf *b, enum a64_cond cond);
u32 a64_cb_forward(struct moat_buf *b, enum a64_cb op, enum a64_size sf, enum a64_reg rt);
u32 a64_b_forward(struct moat_buf *b);
void a64_label(struct moat_buf *b, u32 forward);

#endif
