/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker's decoder: the fields of each class of A64 encodings, and what they read and write. */
#include "check_decode.h"

u32 a64_field(u32 word, u32 low, u32 bits)
{
	return word >> low & ((1u << bits) - 1);
}

static s64 signed_field(u32 word, u32 low, u32 bits)
{
	return (s64)((u64)word >> low << (64 - bits)) >> (64 - bits);
}

static u32 bit_of(u32 reg)
{
	return reg == REG_31 ? 0 : REG(reg);
}

void a64_field_three(u32 word, u32 at, struct ins *in)
{
	in->reads = bit_of(in->rn) | bit_of(in->rm);
	in->writes = bit_of(in->rd);
	in->shift = 0;
}

/* Rm shifted left; other shifts are not used. */
void a64_field_shifted(u32 word, u32 at, struct ins *in)
{
	a64_field_three(word, at, in);
	in->shift = a64_field(word, 10, 6);
	in->flags = (word & 0x7f000000) == 0x6b000000;
	if (!in->is64 && in->shift >= 32)
		in->kind = I_BAD;
}

void a64_field_two(u32 word, u32 at, struct ins *in)
{
	in->reads = bit_of(in->rn);
	in->writes = bit_of(in->rd);
}

void a64_field_four(u32 word, u32 at, struct ins *in)
{
	a64_field_three(word, at, in);
	in->reads |= bit_of(a64_field(word, 10, 5));
}

void a64_field_add_imm(u32 word, u32 at, struct ins *in)
{
	in->flags = word >> 29 & 1;
	in->imm = (s64)a64_field(word, 10, 12) << (word & 1 << 22 ? 12 : 0);
	if (word & 1 << 30)
		in->imm = -in->imm;
	in->reads = bit_of(in->rn);
	in->writes = bit_of(in->rd);
}

/* A bitmask immediate (DecodeBitMasks): a run of ones, rotated, repeated. */
static bool bitmask(u32 word, u64 *mask)
{
	u32 n = a64_field(word, 22, 1), rotate = a64_field(word, 16, 6), ones = a64_field(word, 10, 6), size = 64, i;
	u64 element, value = 0;

	if (!n)
		for (size = 32; size > 1 && (~ones & 0x3f) < size; size /= 2)
			;
	if (size < 2 || (!(word >> 31) && size == 64))
		return false;
	rotate &= size - 1;
	ones = (ones & (size - 1)) + 1;
	if (ones == size)
		return false;
	element = (1ull << ones) - 1;
	if (rotate)
		element = element >> rotate | element << (size - rotate);
	if (size < 64)
		element &= (1ull << size) - 1;
	for (i = 0; i < 64; i += size)
		value |= element << i;
	*mask = word >> 31 ? value : (u32)value;
	return true;
}

/* Only ANDS and TST leave SP out; what sets SP is refused where 31 would be written. */
void a64_field_logic_imm(u32 word, u32 at, struct ins *in)
{
	u64 mask = 0;

	in->reads = bit_of(in->rn);
	in->writes = bit_of(in->rd);
	if (a64_field(word, 29, 2) == 1 && in->rn == REG_31)
		in->kind = I_CONST;
	else if (a64_field(word, 29, 2))
		in->kind = I_PLAIN;
	if (!bitmask(word, &mask) || (in->rd == REG_31 && a64_field(word, 29, 2) != 3))
		in->kind = I_BAD;
	in->imm = mask;
}

void a64_field_move_wide(u32 word, u32 at, struct ins *in)
{
	u64 imm = (u64)a64_field(word, 5, 16) << a64_field(word, 21, 2) * 16;

	in->shift = a64_field(word, 21, 2) * 16;
	in->writes = bit_of(in->rd);
	in->imm = imm;
	if (a64_field(word, 29, 2) == 0)
		in->imm = ~imm;
	if (a64_field(word, 29, 2) == 3)
		in->kind = I_KEEP;
	if (!in->is64)
		in->imm = (u32)in->imm;
	if (a64_field(word, 29, 2) == 1 || (!in->is64 && in->shift > 16) || in->rd == REG_31)
		in->kind = I_BAD;
}

void a64_field_bitfield(u32 word, u32 at, struct ins *in)
{
	a64_field_two(word, at, in);
	if (a64_field(word, 22, 1) != word >> 31 || a64_field(word, 29, 2) == 1 || a64_field(word, 29, 2) == 3 ||
	    (!in->is64 && (word & 0x208000)))
		in->kind = I_BAD;
}

void a64_field_extract(u32 word, u32 at, struct ins *in)
{
	a64_field_three(word, at, in);
	if (a64_field(word, 22, 1) != word >> 31 || (!in->is64 && word & 0x8000))
		in->kind = I_BAD;
}

static void access(u32 word, struct ins *in)
{
	u32 opc = a64_field(word, 22, 2);

	in->access = 1 << (word >> 30);
	in->load = opc != 0;
	in->store = !in->load;
	in->is64 = opc == 2 || in->access == 8;
	if (opc == 3 || (opc == 2 && in->access == 8))
		in->kind = I_BAD;
	in->reads = in->store ? bit_of(in->rd) : 0;
	in->writes = in->load ? bit_of(in->rd) : 0;
}

void a64_field_mem_unsigned(u32 word, u32 at, struct ins *in)
{
	access(word, in);
	in->imm = (s64)a64_field(word, 10, 12) * in->access;
}

void a64_field_mem_unscaled(u32 word, u32 at, struct ins *in)
{
	access(word, in);
	in->imm = signed_field(word, 12, 9);
}

void a64_field_mem_uxtw(u32 word, u32 at, struct ins *in)
{
	access(word, in);
}

void a64_field_pair(u32 word, u32 at, struct ins *in)
{
	in->rt2 = a64_field(word, 10, 5);
	in->access = 16;
	in->is64 = true;
	in->load = word & 1 << 22;
	in->store = !in->load;
	in->imm = 8 * signed_field(word, 15, 7);
	in->reads = in->store ? bit_of(in->rd) | bit_of(in->rt2) : 0;
	in->writes = in->load ? bit_of(in->rd) | bit_of(in->rt2) : 0;
	if (in->load && in->rd == in->rt2)
		in->kind = I_BAD;	/* not predictable */
}

static void atomic(u32 word, struct ins *in)
{
	in->access = word & 1 << 30 ? 8 : 4;
	in->is64 = in->access == 8;
	in->load = in->store = true;
}

/* Rs in rm: the operand; Rt: the old value. */
void a64_field_lse(u32 word, u32 at, struct ins *in)
{
	atomic(word, in);
	in->reads = bit_of(in->rm);
	in->writes = bit_of(in->rd);
}

void a64_field_compare_swap(u32 word, u32 at, struct ins *in)
{
	atomic(word, in);
	in->reads = bit_of(in->rm) | bit_of(in->rd);
	in->writes = bit_of(in->rm);
}

void a64_field_load_exclusive(u32 word, u32 at, struct ins *in)
{
	atomic(word, in);
	in->writes = bit_of(in->rd);
}

void a64_field_store_exclusive(u32 word, u32 at, struct ins *in)
{
	atomic(word, in);
	in->reads = bit_of(in->rd);
	in->writes = bit_of(in->rm);
}

void a64_field_branch26(u32 word, u32 at, struct ins *in)
{
	in->to = at + 4 * signed_field(word, 0, 26);
}

void a64_field_branch19(u32 word, u32 at, struct ins *in)
{
	in->to = at + 4 * signed_field(word, 5, 19);
	in->shift = a64_field(word, 0, 4);
}

void a64_field_test(u32 word, u32 at, struct ins *in)
{
	a64_field_branch19(word, at, in);
	in->reads = bit_of(in->rd);
}

void a64_field_test_bit(u32 word, u32 at, struct ins *in)
{
	in->to = at + 4 * signed_field(word, 5, 14);
	in->reads = bit_of(in->rd);
}

void a64_field_address(u32 word, u32 at, struct ins *in)
{
	in->to = at + 4 * signed_field(word, 5, 19) + a64_field(word, 29, 2);
	in->writes = bit_of(in->rd);
}

void a64_field_number(u32 word, u32 at, struct ins *in)
{
	in->imm = a64_field(word, 5, 16);
}
