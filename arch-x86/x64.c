/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The x86-64 encoder: REX, VEX, ModRM, SIB, displacement; nothing about BPF. */
#include "x64.h"
#include "../jit/bits.h"

#define MOD_DISP0	0x00
#define MOD_DISP8	0x40
#define MOD_DISP32	0x80
#define MOD_REG		0xc0
#define RM_SIB		4	/* r/m value that announces a SIB byte; also base RSP/R12 */
#define BASE_NO_DISP0	5	/* base RBP/R13: mod 0 means something else */
#define INDEX_NONE	4

static u8 op_map(enum x64_op op)
{
	return op >> 8 & 3;
}

static u8 op_prefix(enum x64_op op)
{
	return op >> 10 & 3;
}

/* The ModRM reg field: the digit of a group opcode, else the register. */
static u8 op_reg(enum x64_op op, enum x64_reg reg)
{
	u8 digit = op >> 12 & 15;

	return digit ? (u8)(digit - 1) : (u8)reg;
}

static u8 index_of(struct x64_rm rm)
{
	return rm.index == X64_NONE ? 0 : rm.index;
}

static u8 rex_byte(enum x64_op op, enum x64_size size, u8 reg, struct x64_rm rm)
{
	u8 base = rm.rip || rm.absolute ? 0 : rm.base;
	u8 rex = (size == X64_64) << 3 | (reg >> 3) << 2 | (index_of(rm) >> 3) << 1 | base >> 3;
	bool store = (op & 0xff) == 0x88 || (op & 0xff) == 0x86;

	/* Without REX, byte registers 4..7 are AH..BH rather than SPL..DIL. */
	if (rex || (op & X64_BYTE && ((store && reg >= 4) || (!rm.mem && rm.base >= 4))))
		rex |= 0x40;
	return rex;
}

static void put_rm(struct moat_buf *b, u8 reg, struct x64_rm rm)
{
	bool sib = rm.index != X64_NONE || (rm.base & 7) == RM_SIB;
	u8 mod = MOD_DISP32;

	if (!rm.mem) {
		moat_put(b, MOD_REG | (reg & 7) << 3 | (rm.base & 7), 1);
		return;
	}
	if (rm.rip) {
		moat_put(b, MOD_DISP0 | (reg & 7) << 3 | BASE_NO_DISP0, 1);
		moat_put(b, rm.disp, 4);
		return;
	}
	if (rm.absolute) {
		moat_put(b, MOD_DISP0 | (reg & 7) << 3 | RM_SIB, 1);
		moat_put(b, INDEX_NONE << 3 | BASE_NO_DISP0, 1);
		moat_put(b, rm.disp, 4);
		return;
	}
	if (rm.disp == 0 && (rm.base & 7) != BASE_NO_DISP0)
		mod = MOD_DISP0;
	else if (fits_signed(rm.disp, 8))
		mod = MOD_DISP8;

	moat_put(b, mod | (reg & 7) << 3 | (sib ? RM_SIB : rm.base & 7), 1);
	if (sib)
		moat_put(b, rm.shift << 6 | (rm.index == X64_NONE ? INDEX_NONE : rm.index & 7) << 3 |
			 (rm.base & 7), 1);
	if (mod == MOD_DISP8)
		moat_put(b, rm.disp, 1);
	else if (mod == MOD_DISP32)
		moat_put(b, rm.disp, 4);
}

static void put_opcode(struct moat_buf *b, enum x64_op op)
{
	static const u8 escape[4] = { 0, 0, 0x38, 0x3a };

	if (op_map(op))
		moat_put(b, 0x0f, 1);
	if (op_map(op) > 1)
		moat_put(b, escape[op_map(op)], 1);
	moat_put(b, op & 0xff, 1);
}

static const u8 prefix_byte[4] = { 0, 0x66, 0xf3, 0xf2 };

static bool encodable(struct moat_buf *b, struct x64_rm rm)
{
	if (rm.base <= X64_R15 && (rm.index == X64_NONE || (rm.mem && rm.index <= X64_R15 && rm.index != X64_RSP)) &&
	    rm.shift <= 3)
		return true;
	moat_fail(b, -ERANGE);
	return false;
}

void x64_ins(struct moat_buf *b, enum x64_op op, enum x64_size size, enum x64_reg reg, struct x64_rm rm)
{
	u8 field = op_reg(op, reg), rex = rex_byte(op, size, field, rm);

	if (!encodable(b, rm))
		return;
	if (rm.segment)
		moat_put(b, 0x6765, 2);
	if (rm.cpu)
		moat_put(b, 0x65, 1);
	if (size == X64_16)
		moat_put(b, 0x66, 1);
	if (op_prefix(op))
		moat_put(b, prefix_byte[op_prefix(op)], 1);
	if (rex)
		moat_put(b, rex, 1);
	put_opcode(b, op);
	put_rm(b, field, rm);
}

void x64_lock(struct moat_buf *b, enum x64_op op, enum x64_size size, enum x64_reg reg, struct x64_rm rm)
{
	moat_put(b, 0xf0, 1);
	x64_ins(b, op, size, reg, rm);
}

/* SDM 2.3.5: the three-byte form; RXB are stored inverted, pp follows the order none 66 F3 F2. */
void x64_vex(struct moat_buf *b, enum x64_op op, enum x64_size size, enum x64_reg reg,
	     enum x64_reg second, struct x64_rm rm)
{
	u8 rxb = (reg >> 3) << 2 | (index_of(rm) >> 3) << 1 | rm.base >> 3;
	u8 vvvv = second == X64_NONE ? 0 : second;

	if (!encodable(b, rm) || rm.segment || rm.cpu || rm.absolute) {
		moat_fail(b, -ERANGE);
		return;
	}
	moat_put(b, 0xc4, 1);
	moat_put(b, (~rxb & 7) << 5 | op_map(op), 1);
	moat_put(b, (size == X64_64) << 7 | (~vvvv & 15) << 3 | op_prefix(op), 1);
	moat_put(b, op & 0xff, 1);
	put_rm(b, reg, rm);
}

void x64_mov(struct moat_buf *b, enum x64_size size, enum x64_reg to, enum x64_reg from)
{
	x64_ins(b, X64_MOV_RM_R, size, from, x64_r(to));
}

void x64_mov_imm(struct moat_buf *b, enum x64_reg to, s64 imm)
{
	if (!imm) {
		x64_ins(b, X64_XOR_RM_R, X64_32, to, x64_r(to));
	} else if (fits_unsigned(imm, 32)) {
		if (to >= X64_R8)
			moat_put(b, 0x41, 1);
		moat_put(b, 0xb8 | (to & 7), 1);
		moat_put(b, imm, 4);
	} else if (fits_signed(imm, 32)) {
		x64_ins(b, X64_MOV_RM_I, X64_64, 0, x64_r(to));
		moat_put(b, imm, 4);
	} else {
		x64_mov_imm64(b, to, imm);
	}
}

void x64_mov_imm64(struct moat_buf *b, enum x64_reg to, u64 imm)
{
	moat_put(b, 0x48 | to >> 3, 1);
	moat_put(b, 0xb8 | (to & 7), 1);
	moat_put(b, imm, 8);
}

static void put_short(struct moat_buf *b, u8 opcode, enum x64_reg reg)
{
	if (reg >= X64_R8)
		moat_put(b, 0x41, 1);
	moat_put(b, opcode | (reg & 7), 1);
}

void x64_push(struct moat_buf *b, enum x64_reg reg)
{
	put_short(b, 0x50, reg);
}

void x64_pop(struct moat_buf *b, enum x64_reg reg)
{
	put_short(b, 0x58, reg);
}

void x64_bswap(struct moat_buf *b, enum x64_size size, enum x64_reg reg)
{
	u8 rex = (size == X64_64) << 3 | reg >> 3;

	if (rex)
		moat_put(b, 0x40 | rex, 1);
	moat_put(b, 0x0f, 1);
	moat_put(b, 0xc8 | (reg & 7), 1);
}

void x64_ret(struct moat_buf *b)
{
	moat_put(b, 0xc3, 1);
}

void x64_ud2(struct moat_buf *b)
{
	moat_put(b, 0x0b0f, 2);
}

void x64_wrpkru(struct moat_buf *b)
{
	moat_put(b, 0xef010f, 3);
}

void x64_rdpkru(struct moat_buf *b)
{
	moat_put(b, 0xee010f, 3);
}

void x64_nop(struct moat_buf *b)
{
	moat_put(b, 0x90, 1);
}

void x64_nop5(struct moat_buf *b)
{
	moat_put(b, 0x0000441f0f, 5);
}

void x64_int3(struct moat_buf *b)
{
	moat_put(b, 0xcc, 1);
}

void x64_leave_frame(struct moat_buf *b)
{
	moat_put(b, 0xc9, 1);
}

void x64_lfence(struct moat_buf *b)
{
	moat_put(b, 0xe8ae0f, 3);
}

void x64_endbr64(struct moat_buf *b)
{
	moat_put(b, 0xfa1e0ff3, 4);
}

/* A nop where the CPU does not know it. */
void x64_ibhf(struct moat_buf *b)
{
	moat_put(b, 0xf81e0f48f3, 5);
}

void x64_alu_imm(struct moat_buf *b, u8 digit, enum x64_size size, struct x64_rm rm, s32 imm)
{
	if (fits_signed(imm, 8)) {
		x64_ins(b, X64_OP(0x83) | X64_DIGIT(digit), size, 0, rm);
		moat_put(b, imm, 1);
		return;
	}
	if (!rm.mem && rm.base == X64_RAX) {
		if (size == X64_64)
			moat_put(b, 0x48, 1);
		moat_put(b, digit << 3 | 5, 1);
	} else {
		x64_ins(b, X64_OP(0x81) | X64_DIGIT(digit), size, 0, rm);
	}
	moat_put(b, imm, 4);
}

void x64_jcc(struct moat_buf *b, enum x64_cc cc, u32 to)
{
	moat_put(b, 0x0f, 1);
	moat_put(b, 0x80 | cc, 1);
	moat_put(b, (s64)to - (b->len + 4), 4);
}

void x64_jmp(struct moat_buf *b, u32 to)
{
	moat_put(b, 0xe9, 1);
	moat_put(b, (s64)to - (b->len + 4), 4);
}

static void put_rel8(struct moat_buf *b, u32 to)
{
	s64 disp = (s64)to - (b->len + 1);

	if (b->base && !fits_signed(disp, 8))
		moat_fail(b, -ERANGE);
	moat_put(b, disp, 1);
}

void x64_jcc_short(struct moat_buf *b, enum x64_cc cc, u32 to)
{
	moat_put(b, 0x70 | cc, 1);
	put_rel8(b, to);
}

void x64_jmp_short(struct moat_buf *b, u32 to)
{
	moat_put(b, 0xeb, 1);
	put_rel8(b, to);
}

static void put_out(struct moat_buf *b, u8 opcode, u64 address)
{
	s64 disp = address - (b->pc + b->len + 5);

	if (b->base && !fits_signed(disp, 32))
		moat_fail(b, -ERANGE);
	moat_put(b, opcode, 1);
	moat_put(b, disp, 4);
}

void x64_jmp_out(struct moat_buf *b, u64 address)
{
	put_out(b, 0xe9, address);
}

void x64_call(struct moat_buf *b, u64 address, bool far)
{
	if (far) {
		moat_put(b, 0xb848, 2);
		moat_put(b, address, 8);
		x64_ins(b, X64_CALL_RM, X64_32, 0, x64_r(X64_RAX));
		return;
	}
	put_out(b, 0xe8, address);
}

void x64_lea_code(struct moat_buf *b, enum x64_reg reg, u32 to)
{
	struct x64_rm rm = { .index = X64_NONE, .mem = true, .rip = true };

	rm.disp = (s64)to - (b->len + 7);
	x64_ins(b, X64_LEA, X64_64, reg, rm);
}

u32 x64_jcc_forward(struct moat_buf *b, enum x64_cc cc)
{
	moat_put(b, 0x70 | cc, 2);
	return b->len;
}

u32 x64_jmp_forward(struct moat_buf *b)
{
	moat_put(b, 0xeb, 2);
	return b->len;
}

void x64_label(struct moat_buf *b, u32 forward)
{
	if (!fits_signed((s64)b->len - forward, 8))
		moat_fail(b, -ERANGE);
	moat_patch(b, forward - 1, b->len - forward, 1);
}
