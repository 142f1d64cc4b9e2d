/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The gate of one call: its audit record, made ready to be acted on. */
#ifndef MOAT_GATE_H
#define MOAT_GATE_H

#include "helpers.h"
#include "../verifier-ext/record.h"

/*
 * What an argument is made of before the checks: one of these, plus a
 * constant.  So what is supplied, and what is passed as it is, needs no branch.
 */
enum moat_gate_from { MOAT_FROM_NOTHING, MOAT_FROM_STACK, MOAT_FROM_CONTEXT, MOAT_FROM_R1, MOAT_NR_FROM = MOAT_FROM_R1 + 5 };

struct moat_check {
	struct moat_arg_audit what;
	u32 start, length;	/* region MAP: of its values */
	u8 arg;			/* from 0 */
	u8 map;			/* size KEY, VALUE: the argument that is the map */
	bool proved;		/* more than what the prototype says */
};

struct moat_call_gate {
	moat_helper_fn *fn;
	const struct moat_helper *helper;
	u32 pc;
	u32 steps;		/* fuel, without the bytes of @sized */
	u8 from[MOAT_MAX_ARGS];
	u8 ret;			/* enum moat_ret_kind */
	u8 nr_check;
	u8 nr_sized;
	u8 sized[2];		/* arguments that say how many bytes there are of memory that is supplied */
	u64 add[MOAT_MAX_ARGS];
	struct moat_check check[MOAT_MAX_ARGS];
	char *_Atomic proved[MOAT_MAX_ARGS];	/* what was proved, as text; made when it is asked for */
};

/* Make the gate of a call of @h by a program of @d. */
void moat_gate_make(struct moat_call_gate *g, const struct moat_domain *d, const struct moat_helper *h,
		    const struct moat_call_audit *record);
void moat_gate_free(struct moat_call_gate *g);

/*
 * Audit the arguments @in: what the helper gets, in @out.  Does not return if
 * one misses.  *@released: an object that the helper is to have from now on.
 */
void moat_gate_pass(struct moat_run *run, const struct moat_call_gate *g, const u64 in[MOAT_MAX_ARGS],
		    u64 out[MOAT_MAX_ARGS], struct moat_issued **released);

/* Records of all helper calls of a linked program, by pc; freed by the caller.  0 or -errno. */
int moat_program_records(const struct moat_program *prog, struct moat_call_audit **out, u32 *nr);
const struct moat_call_audit *moat_record_at(const struct moat_call_audit *record, u32 nr, u32 pc);

#endif
