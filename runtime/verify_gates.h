/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The check of gates: that the audit in front of each helper call is the one
 * that the call's record demands, and no less than the helper's prototype does.
 *
 * It shares nothing with what makes records and gates.  What a gate means is
 * said by what acts on it (audit.c).
 */
#ifndef MOAT_VERIFY_GATES_H
#define MOAT_VERIFY_GATES_H

#include "gate.h"
#include "verify_text.h"

/* What was refused. */
struct moat_gate_verdict {
	u32 insn;		/* the call's */
	u32 arg;		/* from 1; 0: the call as a whole */
	const char *why;	/* NULL: nothing was */
	u32 accepted;		/* gates before that */
};

/* One call while it is looked at. */
struct moat_gate_proof {
	const struct moat_program *prog;
	const struct moat_image *img;
	const struct moat_text_walk *text;	/* in front of the call */
	const struct moat_helper *h;
	const struct moat_call_audit *r;
	const struct moat_call_gate *g;
	struct moat_gate_verdict *verdict;
};

/*
 * Prove the gates of an image, which need not be one that can run: of @img
 * only prog, site, gate, record and callback are looked at.  0; -EPERM with
 * *@v set; -ENOMEM.
 */
int moat_gates_check(const struct moat_image *img, struct moat_gate_verdict *v);
/* The same, told to the log; sets img->nr_checked. */
int moat_verify_gates(struct moat_image *img);

/* verify_demand.c: is what the record says of argument @i enough for the helper, and what the text says? */
bool moat_gate_enough(struct moat_gate_proof *p, u32 i);
bool moat_gate_as_told(struct moat_gate_proof *p, u32 i);

/* Refuse; always false.  @i: the argument, from 0, or -1. */
static inline bool moat_gate_refuse(struct moat_gate_proof *p, s32 i, const char *why)
{
	if (!p->verdict->why)
		*p->verdict = (struct moat_gate_verdict) { p->text->pc, i + 1, why, p->verdict->accepted };
	return false;
}

/* What argument @i is checked for, and after how many others: its place in g->check, or -1. */
static inline s32 moat_gate_check_of(const struct moat_call_gate *g, u32 i)
{
	u32 k;

	for (k = 0; k < g->nr_check && k < MOAT_MAX_ARGS; k++)
		if (g->check[k].arg == i)
			return k;
	return -1;
}

/* The memory argument whose size argument @i is, or the other way round: by the prototype alone. */
static inline bool moat_gate_is_memory(const struct moat_helper *h, u32 i)
{
	return h->arg[i].kind == MOAT_ARG_MEM || h->arg[i].kind == MOAT_ARG_MEM_OUT;
}

static inline bool moat_gate_is_size(const struct moat_helper *h, u32 i)
{
	return i < MOAT_MAX_ARGS && (h->arg[i].kind == MOAT_ARG_SIZE || h->arg[i].kind == MOAT_ARG_SIZE_OR_ZERO);
}

static inline const struct moat_map *moat_gate_map(const struct moat_gate_proof *p, u64 handle)
{
	return moat_domain_map_at(p->prog->domain, handle);
}

#endif
