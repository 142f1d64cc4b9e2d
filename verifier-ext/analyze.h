/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the arguments of a program's calls can be, on all paths.
 *
 * An abstract interpreter over decoded, validated and not yet fused
 * instructions.  It follows branches, loops, local calls and callbacks until
 * nothing new comes up, or until it has spent what its length entitles it to:
 * then nothing is proved, which is always a right answer.
 *
 * What it says holds of every run of the program as it stands, whatever its
 * inputs.  It does not hold if the memory of its frames and its context is
 * changed from outside the run: by another run of the same domain that forges
 * its address, or, in modes with gates, by the run itself between its frames.
 * Such a program meets a fault, or gets an object that is its own anyway:
 * facts are for checks to be added to, never for one to be left out.
 */
#ifndef MOAT_ANALYZE_H
#define MOAT_ANALYZE_H

#include <moat/audit.h>
#include "../jit/op.h"
#include "state.h"

/* What a map handle names. */
struct moat_map_facts {
	u32 key_size, value_size;
	u64 bytes;		/* of all its values, which lie in one piece; 0: programs cannot reach them */
	u32 type;		/* enum bpf_map_type */
	u8 rights;		/* of programs on its values */
	bool outer;		/* its values are maps */
};

/* What the context is. */
struct moat_ctx_facts {
	bool packet;		/* R1 is the packet itself, or NULL, and R2 its length */
	s32 data;		/* offset of the 4-byte field that points to the packet, or -1 */
};

struct moat_analysis_opts {
	const struct moat_op *op;
	u32 len;
	const struct moat_func *func;
	u32 nr_func;
	struct moat_ctx_facts ctx;
	const struct moat_helper *(*helper)(void *arg, s32 id);	/* prototype; NULL: no such helper */
	bool (*map)(void *arg, u64 handle, struct moat_map_facts *out);	/* false: names no map */
	/* Is @address in the values of a map that the program may name?  Then its handle and the place from the first value. */
	bool (*value_at)(void *arg, u64 address, u16 *map, u32 *off);
	/* Told what holds in front of each instruction, at each visit; NULL: nobody asks. */
	void (*visit)(void *arg, u32 pc, const struct moat_state *s);
	void *arg;		/* of the functions above */
};

/* One call of a helper. */
struct moat_call_facts {
	u32 pc;
	bool reached;
	struct moat_value arg[MOAT_MAX_ARGS];	/* if reached */
};

struct moat_analysis {
	struct moat_call_facts *call;	/* by pc, in the workspace */
	u32 nr_call;
	u64 effort;			/* instructions walked and states joined */
	bool complete;			/* false: it would have taken too long; nothing is proved */
};

/* Bytes of workspace, of any content; 0: the program makes no calls worth looking at. */
size_t moat_analysis_bytes(const struct moat_analysis_opts *opts);
/* Fill @a, which lies in @work.  Whether it is complete. */
bool moat_analyze(struct moat_analysis *a, const struct moat_analysis_opts *opts, void *work);
/* The call at @pc; NULL: nothing is proved of it. */
const struct moat_call_facts *moat_call_facts(const struct moat_analysis *a, u32 pc);

#endif
