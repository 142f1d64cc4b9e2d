/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Isolated images for the kernel (jit/kernel.h), run in this process.
 *
 * The part of the kernel that a stub calls is done here: run() has one cage
 * with one stack, and enters the image behind the stub.  A stub with a run of
 * its own has the same cage and stack.
 */
#ifndef MOAT_TESTS_ISOLATED_H
#define MOAT_TESTS_ISOLATED_H

#include "kform.h"

#define CTX_AT		0x22000		/* offset in the cage: the top of the stack, and the context's view */
#define LEFT		0x1ef7ull	/* what the host leaves in registers, and must not be seen */
#define ENDED		1000		/* result of run() when a tail call ended it; one less: a fault did */

/* The program at hand. */
struct isolated {
	struct kform form;	/* memory in reach of calls, and a function to be entered */
	struct moat jit;
	struct moat_options opt;
	struct moat_kernel kernel;
	void *work;
	u8 *code;
	char refused[256];
	/* Set by tests: */
	u64 context;		/* R1 of the stub */
	u64 packet_word;	/* eight bytes, as the host's loads find them */
	u32 view, view_bytes;	/* the first bytes of the packet: offset in the cage */
	u64 tail_result;	/* what opt.tail returns; 1: it ends the run */
	u64 fuel;
	bool taken;		/* somebody has the stub's own run */
	bool stops;		/* enter() does not let the image be entered */
	/* What happened: */
	u32 nr_call, nr_tail, nr_packet, nr_run, nr_enter, nr_leave;
	u64 arg[5], site;	/* of the last call out */
	bool is_odd;		/* the stack, at a call; or another frame was given */
	u64 fault_at;		/* address that was accessed, or code offset of a trap */
};

extern struct isolated iso;
extern u8 *isolated_cage;

/* False: there is no room for a cage. */
bool isolated_start(void);
/*
 * No program; how it is to be entered and left, in bits of @way: 1 int3, 2 fuel, 4 IBT (on arm64 LSE), 8 a return thunk, 16 the stub has
 * a run of its own, 32 and there is something to do around it.
 */
void isolated_set(u32 way);
#define ISOLATED_OWN	16
#define ISOLATED_AROUND	32
#define ISOLATED_WAYS	64
#define STOPPED		2000	/* what enter() returns instead */

int isolated_compile(const struct bpf_insn *insn, u32 len);
int isolated_assemble(const char *text);
/* Enter the image at @at through the kernel's calling convention. */
u64 isolated_enter(u8 *at);
/* Compile and run; ~0: refused. */
u64 isolated_run(const char *text);

#endif
