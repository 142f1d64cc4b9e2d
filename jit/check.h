/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The image checker: proves of finished machine code that it confines itself.
 *
 * It knows nothing of the program and shares no code with the emitter: it
 * decodes the bytes by itself, follows every way through them, and refuses
 * what it does not know.  Mode none promises nothing about memory: there only
 * decoding and control flow are looked at.  What stands around an isolated image
 * for the kernel is compared with what the kernel needs, instruction by instruction.
 */
#ifndef MOAT_JIT_CHECK_H
#define MOAT_JIT_CHECK_H

#include "jit.h"

/* An image, and the few facts about it that do not stand in its bytes. */
struct moat_check {
	const struct moat_arch *arch;
	const u8 *code;
	u32 bytes;
	u64 pc;				/* address it runs at */
	u8 mode, form, gate;		/* enum moat_mode, moat_base_form (not AUTO), moat_gate */
	u8 entry_args;			/* of the main entry */
	u32 main;			/* offset of the main entry: behind the kernel's stub, or 0 */
	u32 behind;			/* bytes of @code behind @bytes: what the kernel needs there (arm64: the entry hook's) */
	const struct moat_kernel *kernel;	/* how it is entered and left, if it is for the kernel */
	bool pads, signs;		/* there: entries have landing pads; return addresses are signed */
	u16 monitor_call;
	u64 host_rights, domain_rights;	/* gate modes */
	u64 call, tail, packet;		/* the host's functions; 0: may not be called */
	const u32 *entry;		/* offsets of callback entries */
	u32 nr_entry;
	const struct moat_site *site;	/* calls out of the image, in the order of the code; NULL: not known */
	u32 nr_site;
	int (*callee)(void *arg, s32 id, struct moat_callee *out);	/* mode none: where helpers are */
	void *arg;

	/* The outcome. */
	u32 at;				/* offset of the instruction that was refused */
	const char *why;		/* NULL: accepted */
	u32 dead;			/* bytes that nothing leads to: decoded, not followed */
	u32 steps;			/* instructions followed, counting repeats */
};

/* Bytes of workspace for an image of @bytes. */
size_t moat_check_bytes(u32 bytes);

/* 0, or -EPERM with @at and @why.  @work: moat_check_bytes(), need not be zeroed. */
int moat_check(struct moat_check *c, void *work);

/* The facts of an image that has just been emitted.  @entry: room for MOAT_MAX_FUNCS. */
void moat_check_facts(struct moat_check *c, const struct moat *jit, const u8 *code, u32 bytes, u32 *entry);

#endif
