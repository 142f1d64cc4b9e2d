/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Emitters that are broken on purpose, each in one named way. */
#ifndef MOAT_BROKEN_H
#define MOAT_BROKEN_H

#include "../jit/arch.h"

struct broken {
	const char *name;
	const char *variant;		/* of image_variant[] */
	const char *program;		/* whose code it shows in */
	void (*breaks)(struct moat_arch *arch);
};

extern const struct broken broken_x64[], broken_a64[];
extern const u32 nr_broken_x64, nr_broken_a64;

/* The same for the makers of gates (broken_gates.c). */
void check_broken_gates(void);

/* Programs. */
#define BROKEN_LOAD	"r0 = *(u64 *)(r1 + 8)\n" "exit\n"
#define BROKEN_ROW	"r0 = *(u64 *)(r1 + 8)\n" "r0 += 7\n" "r2 = *(u64 *)(r1 + 16)\n" "r0 += r2\n" "exit\n"
#define BROKEN_STORE	"*(u64 *)(r10 - 8) = 1\n" "r0 = 0\n" "exit\n"
#define BROKEN_CALL	"r6 = r1\n" "r2 = 3\n" "r3 = 4\n" "r4 = 5\n" "r5 = 6\n" "call 5\n" "r0 += r5\n" \
			"*(u64 *)(r6 + 0) = r0\n" "exit\n"
#define BROKEN_R10	"r0 = r10\n" "exit\n"
#define BROKEN_LOOP	"r0 = 0\n" "L0:\n" "r0 += 1\n" "if r0 < 9 goto L0\n" "goto L1\n" "L1:\n" "goto L2\n" "r0 = 1\n" \
			"L2:\n" "exit\n"
#define BROKEN_LOCAL	"r6 = r1\n" "call L1\n" "r0 += 1\n" "exit\n" "L1:\n" "r6 = 4\n" "call L2\n" "r0 = r6\n" "exit\n" \
			"L2:\n" "r0 = 2\n" "exit\n"
#define BROKEN_SPELLS	"r2 = 0xef010f\n" "r0 = r2\n" "exit\n"

#endif
