/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The checker's decoder: the x86-64 instructions that an image may consist of.
 *
 * Intel SDM volume 2, appendix A.  A row that is not there is zero, which is
 * I_BAD: instructions that the emitter never uses are refused.
 */
#include "check_decode.h"

/* How an opcode's operands are encoded and used. */
enum {
	M	= 1 << 0,	/* ModRM */
	IB	= 1 << 1,	/* 8-bit immediate */
	IV	= 1 << 2,	/* 16 or 32-bit immediate, as the width */
	R_REG	= 1 << 3,	/* reads, writes the register operand */
	W_REG	= 1 << 4,
	R_RM	= 1 << 5,	/* reads, writes r/m */
	W_RM	= 1 << 6,
	BYTE	= 1 << 7,	/* 8-bit registers or memory: all operands */
	RM8	= 1 << 8,	/* 8 or 16-bit r/m, wider register */
	RM16	= 1 << 9,
	RM32	= 1 << 10,
	LOCKABLE = 1 << 11,	/* LOCK with memory */
	LOCKED	= 1 << 12,	/* only with it */
	WIDTH16	= 1 << 13,	/* the 66 prefix is used with it */
};

struct row {
	u8 kind;
	u16 how;
};

#define ALU	(M | R_REG | R_RM | W_RM | LOCKABLE)

static const struct row one_byte[256] = {
	[0x01] = { I_PLAIN, ALU }, [0x09] = { I_PLAIN, ALU }, [0x21] = { I_PLAIN, ALU },
	[0x29] = { I_PLAIN, ALU }, [0x31] = { I_XOR, ALU }, [0x39] = { I_COMPARE, M | R_REG | R_RM },
	[0x85] = { I_COMPARE, M | R_REG | R_RM }, [0x87] = { I_PLAIN, M | R_REG | W_REG | R_RM | W_RM },
	[0x89] = { I_MOV, M | R_REG | W_RM | WIDTH16 }, [0x88] = { I_MOV, M | R_REG | W_RM | BYTE },
	[0x8b] = { I_MOV, M | W_REG | R_RM }, [0x8d] = { I_LEA, M | W_REG },
	[0x63] = { I_PLAIN, M | W_REG | R_RM | RM32 },
	[0x69] = { I_PLAIN, M | IV | W_REG | R_RM }, [0x6b] = { I_PLAIN, M | IB | W_REG | R_RM },
	[0x81] = { I_ALU_IMM, M | IV | R_RM | W_RM }, [0x83] = { I_ALU_IMM, M | IB | R_RM | W_RM },
	[0xc1] = { I_SHIFT_IMM, M | IB | R_RM | W_RM | WIDTH16 }, [0xd1] = { I_SHIFT_IMM, M | R_RM | W_RM },
	[0xd3] = { I_PLAIN, M | R_RM | W_RM }, [0xf7] = { I_PLAIN, M | R_RM | W_RM },
	[0xf6] = { I_PLAIN, M | R_RM | BYTE }, [0xff] = { I_JUMP_REG, M },
	[0xc7] = { I_MOV_IMM, M | IV | W_RM | WIDTH16 }, [0xc6] = { I_MOV_IMM, M | IB | W_RM | BYTE },
	[0xc3] = { I_RETURN }, [0xcc] = { I_TRAP }, [0x90] = { I_NOP }, [0x99] = { I_PLAIN },
	[0xe8] = { I_CALL }, [0xe9] = { I_JUMP }, [0xeb] = { I_JUMP },
};

static const struct row two_byte[256] = {
	[0x0b] = { I_TRAP }, [0x01] = { I_WRPKRU }, [0xae] = { I_WRGSBASE, M },
	[0xb6] = { I_PLAIN, M | W_REG | R_RM | RM8 }, [0xb7] = { I_PLAIN, M | W_REG | R_RM | RM16 },
	[0xbe] = { I_PLAIN, M | W_REG | R_RM | RM8 }, [0xbf] = { I_PLAIN, M | W_REG | R_RM | RM16 },
	[0xaf] = { I_PLAIN, M | R_REG | W_REG | R_RM },
	[0xc1] = { I_PLAIN, M | R_REG | W_REG | R_RM | W_RM | LOCKABLE | LOCKED },
	[0xb1] = { I_PLAIN, M | R_REG | R_RM | W_RM | LOCKABLE | LOCKED },
};

u8 x64_check_take(struct x64_cursor *c)
{
	if (c->at < c->bytes)
		return c->code[c->at++];
	c->cut = true;
	return 0;
}

/* @n bytes, sign-extended. */
s64 x64_check_signed(struct x64_cursor *c, u32 n)
{
	u64 v = 0;
	u32 i;

	for (i = 0; i < n; i++)
		v |= (u64)x64_check_take(c) << 8 * i;
	return (s64)(v << (64 - 8 * n)) >> (64 - 8 * n);
}

static void take_prefixes(struct x64_cursor *c)
{
	while (c->at < c->bytes) {
		switch (c->code[c->at]) {
		case 0x66: c->size16++; break;
		case 0x65: c->segment++; break;
		case 0x67: c->address32++; break;
		case 0xf0: c->lock++; break;
		case 0xf3: c->repeat++; break;
		default:
			if ((c->code[c->at] & 0xf0) == 0x40)
				c->rex = x64_check_take(c);
			return;
		}
		c->at++;
	}
}

static void take_modrm(struct x64_cursor *c, struct ins *in)
{
	u8 modrm = x64_check_take(c), mod = modrm >> 6, sib;

	in->reg = (modrm >> 3 & 7) | (c->rex & 4) << 1;
	in->digit = modrm >> 3 & 7;
	in->base = (modrm & 7) | (c->rex & 1) << 3;
	in->index = NO_REG;
	if (mod == 3)
		return;
	in->mem = true;
	if ((modrm & 7) == 4) {
		sib = x64_check_take(c);
		in->base = (sib & 7) | (c->rex & 1) << 3;
		in->index = (sib >> 3 & 7) | (c->rex & 2) << 2;
		in->scale = 1 << (sib >> 6);
		if (in->index == RSP)
			in->index = NO_REG;
	}
	if (mod == 0 && (modrm & 7) == 5) {
		in->rip = true;
		in->base = NO_REG;
	} else if (mod == 0 && (in->base & 7) == 5) {
		in->base = NO_REG;	/* an absolute address: nobody accepts it */
	}
	if (mod == 1)
		in->disp = x64_check_signed(c, 1);
	else if (mod == 2 || in->base == NO_REG)
		in->disp = x64_check_signed(c, 4);
}

/* Without REX, 8-bit registers 4 to 7 are the second bytes of 0 to 3. */
static u8 byte_reg(const struct x64_cursor *c, u8 reg)
{
	return !c->rex && reg >= 4 ? reg - 4 : reg;
}

static void use_operands(const struct x64_cursor *c, const struct row *row, struct ins *in)
{
	u8 reg = row->how & BYTE ? byte_reg(c, in->reg) : in->reg;
	u8 rm = row->how & (BYTE | RM8) ? byte_reg(c, in->base) : in->base;

	in->reg = reg;
	in->access = row->how & RM8 ? 1 : row->how & RM16 ? 2 : row->how & RM32 ? 4 : in->width;
	if (!in->mem)
		in->base = rm;
	/* LEA has no register form; parts of registers are only rotated and tested. */
	if (!in->mem && (in->kind == I_LEA || (in->width < 4 && in->kind != I_SHIFT_IMM && row->how & (W_RM | R_REG))))
		in->kind = I_BAD;
	in->reads = row->how & R_REG ? REG(reg) : 0;
	in->writes = row->how & W_REG ? REG(reg) : 0;
	if (in->mem) {
		in->load = row->how & R_RM;
		in->store = row->how & W_RM;
		return;
	}
	in->reads |= row->how & R_RM ? REG(rm) : 0;
	in->writes |= row->how & W_RM ? REG(rm) : 0;
}

static void decode_0f(struct x64_cursor *c, struct ins *in)
{
	u8 opcode = x64_check_take(c);
	const struct row *row = &two_byte[opcode];

	in->kind = row->kind;
	if (opcode == 0x38) {	/* movbe reg, mem */
		if (x64_check_take(c) != 0xf0)
			return;
		take_modrm(c, in);
		in->kind = in->mem ? I_PLAIN : I_BAD;
		in->load = true;
		in->access = in->width;
		in->writes = REG(in->reg);
	} else if ((opcode & 0xf0) == 0x80) {
		in->kind = I_BRANCH;
		in->digit = opcode & 15;
		x64_check_branch(c, in, 4);
	} else if ((opcode & 0xf8) == 0xc8) {	/* bswap */
		in->kind = I_PLAIN;
		in->reg = in->base = (opcode & 7) | (c->rex & 1) << 3;
		in->reads = in->writes = REG(in->base);
	} else if (row->how & M) {
		take_modrm(c, in);
		use_operands(c, row, in);
	}
	if (opcode == 0xb1) {
		in->reads |= REG(RAX);
		in->writes |= REG(RAX);
	}
	if (row->how & (LOCKABLE | LOCKED) && (!in->mem || !c->lock))
		in->kind = I_BAD;
	else if (row->how & LOCKABLE)
		c->lock--;
	x64_check_system(c, opcode, in);
}

static void decode_one(struct x64_cursor *c, u8 opcode, struct ins *in)
{
	const struct row *row = &one_byte[opcode];

	in->kind = row->kind;
	if (row->how & WIDTH16 && c->size16) {
		in->width = 2;
		c->size16--;
	}
	if (row->how & BYTE)
		in->width = 1;
	if (row->how & M) {
		take_modrm(c, in);
		use_operands(c, row, in);
	}
	if (row->how & IB)
		in->imm = x64_check_signed(c, 1);
	else if (row->how & IV)
		in->imm = x64_check_signed(c, in->width == 2 ? 2 : 4);
	if (row->how & LOCKABLE && in->mem && c->lock)
		c->lock--;
	else if (row->how & LOCKABLE && in->mem)
		in->kind = I_BAD;	/* atomics are the only ones that change memory in place */
	if (opcode == 0xe8 || opcode == 0xe9)
		x64_check_branch(c, in, 4);
	else if (opcode == 0xeb)
		x64_check_branch(c, in, 1);
	x64_check_groups(c, opcode, in);
	if (!row->kind)
		x64_check_short(c, opcode, in);
}

/* C4: shlx, shrx, sarx (0F38 F7, the count in vvvv) and rorx (0F3A F0); registers only. */
static void decode_vex(struct x64_cursor *c, struct ins *in)
{
	u8 first = x64_check_take(c), second = x64_check_take(c), opcode = x64_check_take(c), prefix = second & 3;
	u8 vvvv = ~second >> 3 & 15;

	c->rex = ~first >> 5 & 7;
	take_modrm(c, in);
	in->width = second & 0x80 ? 8 : 4;
	in->reads = REG(in->base);
	in->writes = REG(in->reg);
	if (in->mem || second & 4)
		return;
	if ((first & 31) == 2 && opcode == 0xf7 && prefix) {
		in->kind = I_PLAIN;
		in->counts = REG(vvvv);
	} else if ((first & 31) == 3 && opcode == 0xf0 && prefix == 3 && !vvvv) {
		in->kind = I_PLAIN;
		in->imm = x64_check_signed(c, 1);
	}
}

void x64_check_decode(const u8 *code, u32 bytes, u32 at, struct ins *in)
{
	struct x64_cursor c = { .code = code, .bytes = bytes, .at = at };
	u8 opcode;

	memset(in, 0, sizeof(*in));
	in->index = NO_REG;
	take_prefixes(&c);
	opcode = x64_check_take(&c);
	in->width = c.rex & 8 ? 8 : 4;
	if (opcode == 0x0f)
		decode_0f(&c, in);
	else if (opcode == 0xc4 && !c.rex)
		decode_vex(&c, in);
	else
		decode_one(&c, opcode, in);
	/* Each prefix at most once, and only where it is used; GS and the short address go together. */
	if (c.cut || c.size16 || c.lock || c.repeat || c.segment > 1 || c.segment != c.address32 ||
	    (c.segment && !in->mem))
		in->kind = I_BAD;
	/* 41 90 is no NOP; what has no operands has no use for REX. */
	if (c.rex && (in->kind >= I_CALL && in->kind <= I_NOP))
		in->kind = I_BAD;
	in->gs = c.segment;
	in->bytes = c.at - at;
}
