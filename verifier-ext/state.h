/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is known at one point of a program: registers, and words that lie in frames. */
#ifndef MOAT_STATE_H
#define MOAT_STATE_H

#include "range.h"
#include "../jit/run.h"

/* Where a value comes from.  What points somewhere is base + @r, or 0 if @nullable. */
enum moat_value_kind {
	MOAT_VAL_SCALAR,	/* a number: @r */
	MOAT_VAL_FRAME,		/* base: the top of the run's stack */
	MOAT_VAL_CTX,		/* base: the context view */
	MOAT_VAL_PACKET,	/* base: what the run's first byte of packet was at some time */
	MOAT_VAL_MAP_VALUE,	/* base: some value of map @ref */
	MOAT_VAL_MAP_DATA,	/* base: the first value of map @ref, of which the address is known */
	MOAT_VAL_RECORD,	/* base: a record that ring buffer @ref has given out */
	MOAT_VAL_GRANTED,	/* base: memory that a helper gave */
	MOAT_VAL_ISSUED,	/* the handle of an issued object of type @ref; not memory */
	MOAT_VAL_MAP,		/* the handle of a map that lies in map @ref; not memory */
	MOAT_NR_VALS,
};

struct moat_value {
	struct moat_range r;
	u32 id;			/* values with the same one, not 0, are equal */
	u16 ref;
	u8 kind;		/* enum moat_value_kind */
	bool nullable;
};

#define MOAT_MAX_SPILLS	16

/* Eight bytes that were stored at stack top + 8 * @at. */
struct moat_spill {
	struct moat_value v;
	s32 at;
};

struct moat_state {
	struct moat_value reg[BPF_REG_10];	/* R10 is known from where we are */
	u32 nr_spill;
	bool ctx_intact;	/* nothing was stored over the pointers in the context */
	struct moat_spill spill[MOAT_MAX_SPILLS];	/* in no order */
};

/* Copies no more than there is. */
void moat_state_copy(struct moat_state *__restrict to, const struct moat_state *__restrict from);

static inline bool moat_value_is_const(const struct moat_value *v)
{
	return v->kind == MOAT_VAL_SCALAR && moat_range_is_const(&v->r);
}

static inline bool moat_value_is_null(const struct moat_value *v)
{
	return moat_value_is_const(v) && !v->r.bits.value;
}

static inline bool moat_value_is_pointer(const struct moat_value *v)
{
	return v->kind != MOAT_VAL_SCALAR;
}

void moat_value_any(struct moat_value *v);
void moat_value_const(struct moat_value *v, u64 n);
/* A number of @bits bits, sign-extended if @sx. */
void moat_value_number(struct moat_value *v, u32 bits, bool sx);
void moat_value_pointer(struct moat_value *v, enum moat_value_kind kind, u16 ref, s64 off);
/* @to becomes what holds of both; true: that is less than was known. */
bool moat_value_join(struct moat_value *to, const struct moat_value *from, bool widen);

/* Nothing is known. */
void moat_state_any(struct moat_state *s);
bool moat_state_join(struct moat_state *to, const struct moat_state *from, bool widen);

/* The word at stack top + @off, NULL: nothing is known of it. */
const struct moat_value *moat_state_spilled(const struct moat_state *s, s64 off);
void moat_state_spill(struct moat_state *s, s64 off, const struct moat_value *v);
/* Bytes [@from, @to) of the stack, from its top, were written or mean nothing any more. */
void moat_state_forget(struct moat_state *s, s64 from, s64 to);

/* Every value of the name @id, if that is one, is @now. */
void moat_state_learn(struct moat_state *s, u32 id, const struct moat_value *now);

#endif
