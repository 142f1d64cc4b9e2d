/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The checker's abstract machine: what each register is known to hold, and
 * the walk over the image that the architectures' halves share.
 */
#ifndef MOAT_WALK_H
#define MOAT_WALK_H

#include "check.h"
#include "bits.h"
#include "run.h"

/*
 * What a register holds.  The order matters twice: what domain code may read
 * stands together, and of two that differ the join is ANY if both may be
 * read, else UNKNOWN.
 */
enum moat_holds {
	H_UNKNOWN,	/* nothing the domain may see: left by the host, or not the same on all ways */
	H_OWN,		/* what the host had in this very register at entry */
	H_ANY,		/* the domain's, any value */
	H_U32,		/* the same, below 2^32 */
	H_CONST,	/* the same, value[] says which; straight code only */
	H_MASKED,	/* the same, at most value[]; straight code only */
	/* Trusted, or not to be seen: */
	H_CAGE,		/* base of the cage */
	H_STACK,	/* R10: top of the frame */
	H_FORGED,	/* R10 behind a return that could be forged */
	H_IN_STACK,	/* STACK + state.off */
	H_FUEL,
	H_FRAME,	/* struct moat_frame * */
	H_ADDRESS,	/* cage + any 32 bits, + state.off if the register is the first temporary */
	H_HIGH,		/* x86: the upper half of an ADDRESS */
	H_SEGMENT,	/* x86: the host's GS base */
	H_RIGHTS,	/* the caller's rights */
	H_TARGET,	/* where a tail call goes, or 0 */
	H_TABLE,	/* the code address value[]; straight code only */
	H_RETURN_SITE,	/* entry of the table of returns at value[]: offset, and mask << 32; straight code only */
	H_LINK,		/* arm64: the return address this function was called with */
	H_SIGNED,	/* the same, signed */
};

enum moat_whose { MOAT_OF_CALLER, MOAT_OF_HOST, MOAT_OF_DOMAIN };

/* What the next instruction has to be. */
enum moat_expect {
	X_ANYTHING,
	X_BARRIER,	/* arm64: behind a write of rights */
	X_COMPARE,	/* of the rights just written with the constant */
	X_GATE_TRAP,	/* the trap unless they were equal */
	X_FUEL_TRAP,	/* the trap if the fuel is used up */
	X_IF_CALLER,	/* a branch if the caller's rights are the host's */
};

#define MOAT_MAX_SAVED	12

/* What must be the same on all ways that lead to a place. */
struct moat_fixed {
	u8 rights;		/* enum moat_whose */
	u8 segment;		/* x86: GS base is the cage's */
	u8 local;		/* in a function that was called by the CPU's call instruction */
	u8 trusted;		/* in such a function: trusted registers at its entry, as bits */
	u8 moved, entry_moved;	/* R10 is so many frames below the top; at entry of the function */
	u8 room;		/* words of the host's stack below what was saved */
	u8 nr_saved, saved[MOAT_MAX_SAVED];	/* registers saved on the host's stack */
	u8 is_signed;		/* the return address was */
};

struct moat_state {
	u8 holds[32];		/* enum moat_holds */
	struct moat_fixed fix;
	u8 slots;		/* words of the host's stack frame that are written, as bits (architecture's) */
	u8 level;		/* frames of such functions on the host's stack */
	u8 expect;		/* enum moat_expect */
	u8 site;		/* w->site was stored for the call that follows; straight code only */
	s16 off;		/* see H_IN_STACK, H_ADDRESS */
};

struct moat_node {
	struct moat_state s;
	u16 next;		/* same hash */
};

#define WALK_BUCKETS	1024
#define WALK_LEVELS	4

struct moat_walk {
	struct moat_check *c;
	const struct moat_walker *arch;
	bool gates, basereg, lax;	/* lax: mode none */
	/* Per instruction unit of the image: */
	u16 *map;			/* WALK_START, WALK_TARGET, WALK_SEEN, index of the state */
	u32 units;
	u64 *pending[WALK_LEVELS];	/* units to be walked from; a bit above stands for 64 below */
	u32 *call;			/* offsets of calls out, ascending */
	u32 nr_call, max_call;
	struct moat_node *node;
	u32 nr_node, max_node;
	u16 *bucket;			/* WALK_BUCKETS */
	u32 written;			/* registers that any instruction writes, but what restores them */
	u32 table, table_mask;		/* the table of returns */
	u16 hub;			/* state of all who return through it; 0: nobody does */
	/* The instruction at hand: */
	u32 at, next;
	u32 site;		/* x86: the number stored for the next call */
	u32 gate_reg;		/* arm64: what was written to the rights register */
	struct moat_state s;
	u64 value[32];
};

#define WALK_START	0x8000
#define WALK_TARGET	0x4000
#define WALK_SEEN	0x2000
#define WALK_STATE	0x1fff		/* index + 1; 0: nothing came here yet */

/* An architecture's half. */
struct moat_walker {
	u8 shift;			/* log2 of the bytes of a unit */
	u8 off_reg;			/* the register that state.off is of */
	u8 frame_reg;			/* R10 */
	bool (*scan)(struct moat_walk *w, u32 *next);	/* look at the instruction at w->at once */
	bool (*step)(struct moat_walk *w);	/* follow it; false: nothing runs on behind it */
	void (*enter)(struct moat_walk *w, bool callback);	/* state at an entry */
	bool (*stub)(struct moat_walk *w);	/* is all around the image what the kernel needs? */
};

/* Refuse, once; always false. */
bool moat_reject(struct moat_walk *w, const char *why);
/* The state at hand arrives at offset @to as well. */
void moat_flow(struct moat_walk *w, s64 to);
/* What stands at @to is the target of a branch (while scanning).  False: refused. */
bool moat_target(struct moat_walk *w, s64 to);
bool moat_is_start(const struct moat_walk *w, s64 at);
/* Does the host enter at @at? */
bool moat_is_entry(const struct moat_walk *w, u32 at);
/* Which call out of the image the one at w->at is, counted from the first. */
u32 moat_call_number(const struct moat_walk *w);
/* May the call at hand lead to @address?  @site: the constant it was given, or -1.  Sets *@tail. */
bool moat_call_allowed(struct moat_walk *w, u64 address, s64 site, bool *tail);
/* A return through the table at @at with at most @mask as its index. */
void moat_flow_table(struct moat_walk *w, u32 at, u32 mask);

/* check_state.c: the lowest unit to be walked from, or -1; and that it is. */
s64 moat_first_pending(const struct moat_walk *w);
void moat_clear_pending(struct moat_walk *w, u32 unit);

/* May domain code see it? */
static inline bool moat_plain(u8 holds)
{
	return holds >= H_ANY && holds <= H_MASKED;
}

static inline u8 *moat_holds(struct moat_walk *w, u32 reg)
{
	return &w->s.holds[reg];
}

extern const struct moat_walker x64_walker, a64_walker;

#endif
