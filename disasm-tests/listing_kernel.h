/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's side of a listing: fixed addresses, and what the core told about places of the code. */
#ifndef MOAT_LISTING_KERNEL_H
#define MOAT_LISTING_KERNEL_H

#include <stdlib.h>

#include "../jit/kernel.h"

#define LISTING_HELPERS		0x21000000ull
#define LISTING_SUBPROGRAM	0x22000000ull
#define LISTING_RETURN_THUNK	0x22001000ull
#define LISTING_JUMP_THUNK	0x22002000ull
#define LISTING_HISTORY		0x22003000ull
#define LISTING_TRAMPOLINE	0x22004000ull
#define LISTING_RUN		0x22005000ull
#define LISTING_ENTER		0x22006000ull
#define LISTING_LEAVE		0x22007000ull
#define LISTING_NOTES		64

/* What the callbacks of struct moat_kernel get as their argument. */
struct listing_kernel {
	const struct bpf_insn *insn;
	struct { u32 at; char text[60]; } note[LISTING_NOTES];
	u32 nr_note;
};

void listing_kernel_defaults(struct moat_kernel *k);

/* One of the keys of golden.c; false: there is no such key, or not with this value. */
bool listing_kernel_key(struct moat_kernel *k, const char *key, const char *value);

/* NULL: none. */
const char *listing_kernel_name(u64 target);
const char *listing_kernel_note(const struct listing_kernel *k, u32 at);

#endif
