/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The checker's decoder: the A64 instructions that an image may consist of.
 *
 * Arm ARM, chapter C4.  Rows are grouped by bits 28 to 24, which every class of
 * encodings fixes; a word that no row matches is I_BAD.
 */
#include "check_decode.h"

struct row {
	u32 mask, word;
	u8 kind;
	a64_fields *fields;
};

static const struct row pairs_exclusives[] = {	/* 01000 */
	{ 0xffc00000, 0xa8c00000, I_POP, a64_field_pair },
	{ 0xbfe0fc00, 0x88e0fc00, I_ATOMIC, a64_field_compare_swap },
	{ 0xbffffc00, 0x885f7c00, I_ATOMIC, a64_field_load_exclusive },
	{ 0xbfe0fc00, 0x88007c00, I_ATOMIC, a64_field_store_exclusive },
	{ 0xbfe0fc00, 0x8800fc00, I_ATOMIC, a64_field_store_exclusive },
	{ 0 }
};

static const struct row pairs[] = {	/* 01001 */
	{ 0xffc00000, 0xa9800000, I_PUSH, a64_field_pair },
	{ 0xffc00000, 0xa9000000, I_MEM, a64_field_pair },
	{ 0xffc00000, 0xa9400000, I_MEM, a64_field_pair }, { 0 }
};

static const struct row logic[] = {	/* 01010 */
	{ 0x7fe00000, 0x2a000000, I_OR, a64_field_shifted },
	{ 0x7fe00000, 0x0a000000, I_PLAIN, a64_field_shifted },
	{ 0x7fe00000, 0x2a200000, I_PLAIN, a64_field_shifted },
	{ 0x7fe00000, 0x4a000000, I_PLAIN, a64_field_shifted },
	{ 0x7fe00000, 0x6a000000, I_PLAIN, a64_field_shifted }, { 0 }
};

static const struct row add[] = {	/* 01011 */
	{ 0x7fe00000, 0x0b000000, I_ADD, a64_field_shifted },
	{ 0x7fe00000, 0x6b000000, I_SUBS, a64_field_shifted },
	{ 0x7fe00000, 0x4b000000, I_PLAIN, a64_field_shifted },
	{ 0xffe0fc00, 0x8b204000, I_ADD_UXTW, a64_field_three }, { 0 }
};

static const struct row address_rows[] = { { 0x9f000000, 0x10000000, I_ADR, a64_field_address }, { 0 } };	/* 10000 */
static const struct row add_imm_rows[] = { { 0x1f800000, 0x11000000, I_ADD_IMM, a64_field_add_imm }, { 0 } };
static const struct row immediates[] = {	/* 10010 */
	{ 0x1f800000, 0x12800000, I_CONST, a64_field_move_wide },
	{ 0x1f800000, 0x12000000, I_AND_IMM, a64_field_logic_imm }, { 0 }
};
static const struct row bitfields[] = {	/* 10011 */
	{ 0x1f800000, 0x13000000, I_PLAIN, a64_field_bitfield },
	{ 0x7fa00000, 0x13800000, I_PLAIN, a64_field_extract }, { 0 }
};

static const struct row branches[] = {	/* 101xx */
	{ 0xff000010, 0x54000000, I_BRANCH, a64_field_branch19 },
	{ 0x7e000000, 0x34000000, I_TEST, a64_field_test },
	{ 0x7e000000, 0x36000000, I_TEST, a64_field_test_bit },
	{ 0xfc000000, 0x14000000, I_JUMP, a64_field_branch26 },
	{ 0xfc000000, 0x94000000, I_CALL, a64_field_branch26 },
	{ 0xffffffe0, 0xd51ba280, I_WRITE_RIGHTS, a64_field_test },
	{ 0xffffffe0, 0xd53ba280, I_READ_RIGHTS, a64_field_address },
	{ 0xfffffc1f, 0xd63f0000, I_CALL_REG, a64_field_two },
	{ 0xfffffc1f, 0xd61f0000, I_JUMP_REG, a64_field_two },
	{ 0xffffffff, 0xd65f03c0, I_RETURN, NULL }, { 0xffffffff, 0xd503201f, I_NOP, NULL },
	{ 0xffffff3f, 0xd503241f, I_NOP, NULL },	/* bti */
	{ 0xffffffff, 0xd503233f, I_SIGN, NULL }, { 0xffffffff, 0xd50323bf, I_AUTH, NULL },
	{ 0xffffffff, 0xd5033fdf, I_BARRIER, NULL },
	{ 0xffffffff, 0xd5033bbf, I_NOP, NULL },	/* isb; dmb ish */
	{ 0xffe0001f, 0xd4000002, I_MONITOR, a64_field_number },
	{ 0xffffffff, 0xd4200000, I_TRAP, NULL }, { 0 }
};

static const struct row registers[] = {	/* 11010 */
	{ 0x7fe0f800, 0x1ac00800, I_PLAIN, a64_field_three },	/* udiv, sdiv */
	{ 0x7fe0f800, 0x1ac02000, I_PLAIN, a64_field_three },
	{ 0x7fe0fc00, 0x1ac02800, I_PLAIN, a64_field_three },	/* lslv lsrv; asrv */
	{ 0x7fe00c00, 0x1a800000, I_PLAIN, a64_field_three },	/* csel */
	{ 0xfffffc00, 0x5ac00400, I_PLAIN, a64_field_two },
	{ 0xfffffc00, 0x5ac00800, I_PLAIN, a64_field_two },
	{ 0xfffffc00, 0xdac00c00, I_PLAIN, a64_field_two }, { 0 }
};

static const struct row multiplies[] = { { 0x7fe00000, 0x1b000000, I_PLAIN, a64_field_four }, { 0 } };	/* 11011 */

static const struct row memory[] = {	/* 11000 */
	{ 0x3fe0fc00 & ~0x00c00000, 0x38204800, I_MEM_UXTW, a64_field_mem_uxtw },
	{ 0x3f200c00, 0x38000000, I_MEM, a64_field_mem_unscaled },
	{ 0xbfe0cc00, 0xb8200000, I_ATOMIC, a64_field_lse },
	{ 0xbfe0cc00, 0xb8e00000, I_ATOMIC, a64_field_lse },	/* add clr eor set */
	{ 0xbfe0fc00, 0xb8e08000, I_ATOMIC, a64_field_lse }, { 0 }	/* swpal */
};
static const struct row memory_unsigned[] = { { 0x3f000000, 0x39000000, I_MEM, a64_field_mem_unsigned }, { 0 } };

static const struct row *const group[32] = {
	[0x08] = pairs_exclusives, [0x09] = pairs, [0x0a] = logic, [0x0b] = add, [0x10] = address_rows,
	[0x11] = add_imm_rows, [0x12] = immediates, [0x13] = bitfields, [0x14] = branches, [0x15] = branches,
	[0x16] = branches, [0x17] = branches, [0x18] = memory, [0x19] = memory_unsigned, [0x1a] = registers,
	[0x1b] = multiplies,
};

void a64_check_decode(u32 word, u32 at, struct ins *in)
{
	const struct row *row = group[word >> 24 & 31];

	memset(in, 0, sizeof(*in));
	while (row && row->mask && (word & row->mask) != row->word)
		row++;
	if (!row || !row->mask)
		return;
	in->kind = row->kind;
	in->rd = a64_field(word, 0, 5);
	in->rn = a64_field(word, 5, 5);
	in->rm = a64_field(word, 16, 5);
	in->is64 = word >> 31;
	if (row->fields)
		row->fields(word, at, in);
}
