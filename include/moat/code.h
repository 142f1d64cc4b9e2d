/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables that come with machine code: where its checks lead, and what its stretches are for. */
#ifndef MOAT_CODE_H
#define MOAT_CODE_H

#include <linux/types.h>

/* A place where a check in the code leads when it fails. */
struct moat_trap {
	__u32 at;		/* code offset of the trap instruction */
	__u32 pc;		/* BPF instruction that the check belongs to */
	__u8 kind;		/* enum moat_fault_kind */
};

/* Labelled stretches of code, for dumps: what is not the translation of an instruction. */
enum moat_mark_kind {
	MOAT_MARK_PROLOGUE, MOAT_MARK_EPILOGUE, MOAT_MARK_ENTER, MOAT_MARK_LEAVE,
	MOAT_MARK_CAGE, MOAT_MARK_CALL, MOAT_MARK_CLEAR, MOAT_MARK_FUEL, MOAT_MARK_RETURNS,
	MOAT_MARK_TRAPS, MOAT_MARK_STUB, MOAT_NR_MARKS,
};

struct moat_mark {
	__u32 start, end;	/* code offsets [start, end) */
	__u8 kind;		/* enum moat_mark_kind */
};

#endif
