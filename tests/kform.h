/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs for the kernel (jit/kernel.h), run in this process.
 *
 * What the kernel's glue does is done here on structures of our own: functions
 * are compiled one by one in two passes, tail calls go through arrays, loads
 * that fault are repaired by a signal handler.
 */
#ifndef MOAT_TESTS_KFORM_H
#define MOAT_TESTS_KFORM_H

#include "../jit/arch.h"
#include "../jit/kernel.h"

#define KFORM_FUNCS	24
#define KFORM_PROBES	8000
#define KFORM_ENTRIES	4
#define KFORM_HELPERS	8

/* Stand for struct bpf_prog and struct bpf_array. */
struct kform_prog {
	u64 unused[3];
	const void *entry;
};

struct kform_array {
	u32 unused[5], entries;
	u64 more[3];
	struct kform_prog *prog[KFORM_ENTRIES];
};

struct kform_helper {
	s32 id;
	void *fn;		/* u64 fn(u64 r1, ... u64 r5) */
};

/* A function of a program: where it is, and what emitting it told. */
struct kform_func {
	struct kform *k;
	struct moat jit;
	struct moat_options opt;
	struct moat_kernel kernel;
	void *work;
	struct bpf_insn *insn;	/* of calls and function addresses: imm is the function's index, or the helper */
	u32 len, start;		/* start: in the program as it came */
	u8 *code;
	u32 nr_address, nr_poke, bypass, target;
};

struct kform {
	/* Set by the caller. */
	u32 cpu;
	bool plain;
	struct moat_kernel kernel;		/* what all functions have in common */
	const struct kform_helper *helper;	/* up to id 0, at most KFORM_HELPERS */
	u64 rewrite;			/* seed: rewrite as the verifier may (kform_rewrite.c); 0: only as it must */

	struct kform_func func[KFORM_FUNCS];
	u32 nr_func;
	u8 *mem;
	u32 mem_bytes, used;
	struct { u8 *at, *end; u8 reg; } probe[KFORM_PROBES];
	u32 nr_probe;
	u64 thunk[KFORM_HELPERS];	/* of the helpers */
	bool final;
	char refused[512];
};

/* The common part for this machine: offsets of the structures above, probes below 64 KiB read as 0. */
void kform_defaults(struct kform *k);

/* Compile @insn[0..len), main function first.  0 or -errno, then @refused says why. */
int kform_load(struct kform *k, const struct bpf_insn *insn, u32 len);
void kform_free(struct kform *k);

/* Run on a stack of its own; aborts if a register that must be kept is lost (kform_enter.c). */
u64 kform_run(const struct kform *k, const void *ctx);

/* Code that calls @fn as C does, in reach of @k's images. */
u64 kform_thunk(struct kform *k, const void *fn);
/* Raw code in the same place. */
u64 kform_place(struct kform *k, const void *code, u32 bytes);

/* The program @k for a tail-call array. */
struct kform_prog kform_prog(const struct kform *k);
/* What the kernel does when the entry of a direct tail call gets the target @to (NULL: loses it). */
void kform_poke(const struct kform_func *f, const struct kform_prog *to);

/* Does a signal belong to a probe load of @k?  Then the load is passed over. */
void kform_watch(struct kform *k);
/* In a handler: is it a probe load of @k that has faulted?  Then it is passed over. */
bool kform_pass_over(const struct kform *k, void *context);
extern volatile u32 kform_faults;	/* so many were */

/*
 * @insn[0..len) of one function as the verifier might leave it, without a @seed as it must: with the upper half of R0
 * cleared behind a 32-bit CMPXCHG.  The new length, or 0: it does not fit @max.
 */
u32 kform_rewrite(struct bpf_insn *out, u32 max, const struct bpf_insn *insn, u32 len, u64 seed);

#endif
