/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an architecture provides.  All of it const; one object per backend. */
#ifndef MOAT_ARCH_H
#define MOAT_ARCH_H

#include "jit.h"

/* Bytes and range of the two forms of a branch at the end of a slot. */
struct moat_reach {
	s32 min, max;			/* displacement of the short form, from its end */
	u8 jump[2], branch[2];		/* bytes of a jump and of a conditional branch, short and long */
};

/* At most so many registers keep addresses in the cage. */
#define MOAT_MAX_KEPT	3

struct moat_walker;

typedef void moat_emit_fn(struct moat *jit, const struct moat_op *op);

struct moat_arch {
	const char *name;
	struct moat_reach reach;
	moat_emit_fn *emit[MOAT_NR_KINDS];	/* the body of a slot; branches: without the branch */
	/* The branch that ends a slot, to code offset @to. */
	void (*branch)(struct moat *jit, const struct moat_op *op, u32 to, u8 form);
	void (*prologue)(struct moat *jit, const struct moat_func *func);	/* callback or main entry */
	void (*local_entry)(struct moat *jit, const struct moat_func *func);	/* entry of a local call */
	void (*epilogue)(struct moat *jit, const struct moat_func *func);
	void (*returns)(struct moat *jit);	/* the return-site table of gate modes */
	void (*trap)(struct moat *jit);		/* one trap instruction */
	void (*pad)(struct moat *jit);
	/*
	 * Registers that keep the address of a base for several accesses.  near(): does the access, of
	 * guard CAGE, get shorter or stay as long with it?  spares(): does the code of the op leave them alone?
	 * NULL: all does, as they are there for nothing else.
	 */
	u8 nr_kept;
	bool (*near)(const struct moat_op *op);
	bool (*spares)(const struct moat_op *op);
	int (*choose)(struct moat *jit);	/* the base form, from what the plan found; -EOPNOTSUPP */
	/* For moat_has_stub(): what the kernel calls, in front of the image, and what it needs behind (may be NULL). */
	void (*stub)(struct moat *jit);
	void (*behind)(struct moat *jit);
	u32 pads, signs;		/* bits of opt->cpu: landing pads at entries, signed return addresses */
	u8 trap_bytes;
	const struct moat_walker *walker;	/* its half of the checker (check.h) */
	/* Offset of the first forbidden byte sequence at or after @from that is no gate's, or -1. */
	s64 (*forbidden)(const struct moat *jit, const u8 *code, u32 bytes, u32 from);
};

/*
 * What emitters note down (compile.c): a call out of the image, its index; a
 * trap instruction for a check at @pc, its code offset.
 */
u32 moat_add_site(struct moat *jit, u32 pc, s32 helper);
u32 moat_add_trap(struct moat *jit, u32 pc, u8 kind);

/* blind.c: the number that hides the constant of @op; the same whenever it is asked for, but after a split. */
u64 moat_blind_key(const struct moat *jit, const struct moat_op *op);

/* Entries of the return-site table: a power of two, so that a mask keeps any index inside. */
u32 moat_returns_room(const struct moat *jit);

/* Label code [start, now) for dumps. */
void moat_mark(struct moat *jit, u8 kind, u32 start);

extern const struct moat_arch x64_arch;
extern const struct moat_arch a64_arch;

#endif
