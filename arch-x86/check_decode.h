/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside the checker's decoder. */
#ifndef MOAT_X86_CHECK_DECODE_H
#define MOAT_X86_CHECK_DECODE_H

#include "check_insn.h"

/* What is being decoded, and the prefixes that were found: how often, or the REX byte. */
struct x64_cursor {
	const u8 *code;
	u32 bytes, at;
	u8 rex, size16, segment, address32, lock, repeat;
	bool cut;
};

u8 x64_check_take(struct x64_cursor *c);
s64 x64_check_signed(struct x64_cursor *c, u32 n);	/* @n bytes, sign-extended */

/* check_group.c */
void x64_check_groups(struct x64_cursor *c, u8 opcode, struct ins *in);
void x64_check_short(struct x64_cursor *c, u8 opcode, struct ins *in);
void x64_check_system(struct x64_cursor *c, u8 opcode, struct ins *in);
void x64_check_branch(struct x64_cursor *c, struct ins *in, u32 bytes);

#endif
