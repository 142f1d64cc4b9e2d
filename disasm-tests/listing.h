/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The machine code of a small program, as lines of text that do not depend on
 * where things are.
 *
 * Branch targets are labels L0, L1... in address order, in lines of their own;
 * what lies outside the lines shown has a name: exit (the epilogue), trap (with
 * the kind of fault), returns (the table of return sites), call, tail, packet
 * and helper_N (the host's functions).
 */
#ifndef MOAT_LISTING_H
#define MOAT_LISTING_H

#include "../jit/jit.h"
#include "../jit/kernel.h"

#define LISTING_LINES	4000

/* What to compile for, and what to show. */
struct listing_spec {
	struct moat_options opt;
	bool whole;	/* prologue, epilogue and tables too, not only the bodies of the functions */
	bool bytes;	/* each line with its bytes behind "; " */
	bool collect;	/* no lines: ask the arm64 disassembler for the words, to be resolved for all listings at once */
	u64 pc;		/* address of the image */
	bool for_kernel;	/* with these options, where a line ends in "(note)" if the core told about it */
	struct moat_kernel kernel;
};

struct listing {
	char *line[LISTING_LINES];
	u32 nr;
	int err;		/* 0, or why there is no code: the errno of the core */
	char refused[512];	/* what the core said then */
};

/* Fixed dummy addresses of the host's functions and rights of a first domain; no feature of the CPU. */
void listing_defaults(struct listing_spec *spec);

/* The same for the other architecture: what @spec says of the first is forgotten. */
void listing_arm64(struct listing_spec *spec);

/* For opt.inlined. */
void listing_inlined(void *arg, s32 id, u64 r1, struct moat_inline *out);

/* Compile @insn[0..len) and disassemble it into @out; free with listing_free(). */
void listing_make(struct listing *out, const struct listing_spec *spec, const struct bpf_insn *insn, u32 len);
void listing_free(struct listing *out);

#endif
