/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker's decoder: opcodes that the ModRM byte or their own low bits take further. */
#include "check_decode.h"

/* Group 3: test, not, neg, div, idiv (F7); test (F6). */
static void group3(struct x64_cursor *c, u8 opcode, struct ins *in)
{
	if (in->mem || in->digit == 1 || in->digit == 4 || in->digit == 5 || (opcode == 0xf6 && in->digit)) {
		in->kind = I_BAD;
	} else if (in->digit == 0) {
		in->imm = x64_check_signed(c, opcode == 0xf6 ? 1 : 4);
		in->writes = 0;
	} else if (in->digit >= 6) {
		in->reads |= REG(RAX) | REG(RDX);
		in->writes = REG(RAX) | REG(RDX);
	}
}

void x64_check_groups(struct x64_cursor *c, u8 opcode, struct ins *in)
{
	switch (opcode) {
	case 0x81:
	case 0x83:
		if (in->digit == 2 || in->digit == 3 || (in->mem && in->digit != 7))	/* adc, sbb */
			in->kind = I_BAD;
		if (in->digit == 7) {
			in->writes = 0;
			in->store = false;
		}
		break;
	case 0xc7:
	case 0xc6:
		if (in->digit)
			in->kind = I_BAD;
		break;
	case 0xd3:
		in->reads |= REG(RCX);
		fallthrough;
	case 0xc1:
	case 0xd1:
		if (in->mem || in->digit == 1 || in->digit == 2 || in->digit == 3 || in->digit == 6)
			in->kind = I_BAD;
		if (opcode == 0xd1)
			in->imm = 1;
		break;
	case 0xf6:
	case 0xf7:
		group3(c, opcode, in);
		break;
	case 0xff:
		in->kind = in->mem ? I_BAD : in->digit == 2 ? I_CALL_REG : in->digit == 4 ? I_JUMP_REG : I_BAD;
		break;
	case 0x99:
		in->reads = REG(RAX);
		in->writes = REG(RDX);
		break;
	}
}

void x64_check_branch(struct x64_cursor *c, struct ins *in, u32 bytes)
{
	in->to = x64_check_signed(c, bytes);
	in->to += c->at;
}

/* Opcodes with a register in their low bits, conditions, and accumulators. */
void x64_check_short(struct x64_cursor *c, u8 opcode, struct ins *in)
{
	u8 reg = (opcode & 7) | (c->rex & 1) << 3;

	in->reg = reg;
	if ((opcode & 0xf8) == 0x50) {
		in->kind = I_PUSH;
	} else if ((opcode & 0xf8) == 0x58) {
		in->kind = I_POP;
	} else if ((opcode & 0xf8) == 0xb8) {
		in->kind = I_MOV_IMM;
		in->imm = in->width == 8 ? x64_check_signed(c, 8) : (s64)(u32)x64_check_signed(c, 4);
		in->base = reg;
		in->writes = REG(reg);
	} else if ((opcode & 0xf0) == 0x70) {
		in->kind = I_BRANCH;
		in->digit = opcode & 15;
		x64_check_branch(c, in, 1);
	} else if ((opcode & 0xc7) == 0x05 && opcode != 0x15 && opcode != 0x1d) {
		in->kind = I_ALU_IMM;	/* group 1 of EAX or RAX */
		in->digit = opcode >> 3 & 7;
		in->imm = x64_check_signed(c, 4);
		in->base = RAX;
		in->reads = REG(RAX);
		in->writes = in->digit == 7 ? 0 : REG(RAX);
	}
}

/* 0F 01 EF and EE; 0F AE /1 and /3 with F3 and a register. */
void x64_check_system(struct x64_cursor *c, u8 opcode, struct ins *in)
{
	u8 last;

	if (opcode == 0x01) {
		last = x64_check_take(c);
		in->kind = last == 0xef ? I_WRPKRU : last == 0xee ? I_RDPKRU : I_BAD;
	} else if (opcode == 0xae) {
		in->kind = !c->repeat || in->mem || in->width != 8 ? I_BAD :
			   in->digit == 1 ? I_RDGSBASE : in->digit == 3 ? I_WRGSBASE : I_BAD;
		c->repeat -= c->repeat == 1;
	}
}
