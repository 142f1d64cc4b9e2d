/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside the checker's decoder. */
#ifndef MOAT_ARM64_CHECK_DECODE_H
#define MOAT_ARM64_CHECK_DECODE_H

#include "check_insn.h"

/* Fill @in from @word, which is at @at; kind becomes I_BAD for what the class does not allow. */
typedef void a64_fields(u32 word, u32 at, struct ins *in);

/* check_fields.c */
u32 a64_field(u32 word, u32 low, u32 bits);
a64_fields a64_field_three, a64_field_shifted, a64_field_two, a64_field_four;
a64_fields a64_field_add_imm, a64_field_logic_imm, a64_field_move_wide, a64_field_bitfield;
a64_fields a64_field_extract, a64_field_mem_unsigned, a64_field_mem_unscaled, a64_field_mem_uxtw;
a64_fields a64_field_pair, a64_field_lse, a64_field_compare_swap, a64_field_load_exclusive;
a64_fields a64_field_store_exclusive, a64_field_branch26, a64_field_branch19, a64_field_test, a64_field_test_bit;
a64_fields a64_field_address, a64_field_number;

#endif
