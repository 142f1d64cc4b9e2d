/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gate of one call: its audit record, made ready to be acted on. */
#ifndef MOAT_GATE_H
#define MOAT_GATE_H

#include "helpers.h"
#include "../verifier-ext/record.h"

/*
 * What an argument is made of before the checks: a constant, plus the
 * program's register and the host's address of the top of the stack, each if
 * its mask lets it.  So what is supplied, and what is passed as it is, takes no
 * branch.
 */
struct moat_source {
	u64 add, reg, top;	/* masks are 0 or ~0 */
};

/* What must come out, where numbers are compared; elsewhere everything is right. */
struct moat_bounds {
	u64 min, span;
	u64 value, mask;
};

/* How much there is to do at a call. */
enum moat_gate_work {
	MOAT_WORK_FORM,		/* form the arguments; the result is the program's */
	MOAT_WORK_COMPARE_ONE,	/* the same, and compare a number */
	MOAT_WORK_COMPARE,	/* the same, and compare numbers */
	MOAT_WORK_ALL,
};

struct moat_check {
	struct moat_arg_audit what;
	u32 start, length;	/* region MAP: of its values */
	bool denied;		/* region MAP: its rights are not those that the helper needs */
	u8 arg;			/* from 0 */
	u8 map;			/* size KEY, VALUE: the argument that is the map */
	bool proved;		/* more than what the prototype says */
};

struct moat_call_gate {
	u8 work;		/* enum moat_gate_work */
	u8 number;		/* COMPARE_ONE: the argument that it is */
	moat_helper_fn *fn;
	struct moat_source source[MOAT_MAX_ARGS];
	struct moat_bounds bounds[MOAT_MAX_ARGS];
	u8 ret;			/* enum moat_ret_kind */
	u8 nr_check;
	u8 nr_sized;
	u8 sized[2];		/* arguments that say how many bytes there are of memory that is supplied */
	u32 bytes;		/* of memory that is supplied, but for @sized */
	u32 pc;
	const struct moat_helper *helper;
	struct moat_check check[MOAT_MAX_ARGS];
	char *_Atomic proved[MOAT_MAX_ARGS];	/* what was proved, as text; made when it is asked for */
};

/*
 * A helper works as long as the program tells it to: without a price, copying
 * a large map again and again would cost no more fuel than the calls.  What
 * takes no longer than a few instructions is paid by the loop that it is in.
 */
static inline u64 moat_gate_price(u64 bytes)
{
	return bytes < 64 ? 0 : bytes / 16;
}

/* Make the gate of a call of @h by @prog. */
void moat_gate_make(struct moat_call_gate *g, const struct moat_program *prog, const struct moat_helper *h,
		    const struct moat_call_audit *record);
void moat_gate_free(struct moat_call_gate *g);

/* The host's address of the top of the run's stack. */
static inline u64 moat_gate_top(const struct moat_run *run)
{
	return (uintptr_t)moat_host(run->frame.stack);
}

static inline u64 moat_gate_form(const struct moat_source *s, u64 reg, u64 top)
{
	return s->add + (reg & s->reg) + (top & s->top);
}

/*
 * Audit the arguments @in: what the helper gets, in @out, where the caller has
 * formed them.  Does not return if one misses.  *@released: an object that the helper is to have from now on.
 */
void moat_gate_pass(struct moat_run *run, const struct moat_call_gate *g, const u64 in[MOAT_MAX_ARGS],
		    u64 out[MOAT_MAX_ARGS], struct moat_issued **released);

/* Records of all helper calls of a linked program, by pc; freed by the caller.  0 or -errno. */
int moat_program_records(const struct moat_program *prog, struct moat_call_audit **out, u32 *nr);
const struct moat_call_audit *moat_record_at(const struct moat_call_audit *record, u32 nr, u32 pc);

#endif
