/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls with every kind of argument, their records and gates, and a second
 * opinion on gates: what one lets through is tried on the gate of the bare
 * prototype, which knows no facts.
 */
#ifndef MOAT_TEST_GATE_WORLD_H
#define MOAT_TEST_GATE_WORLD_H

#include "../runtime/verify_gates.h"
#include "helper_run.h"

#define GATE_STARTS	4

/* A program that is compiled as far as its gates. */
struct gated {
	const char *name;
	const struct bpf_insn *insn;
	u32 len;
	enum bpf_prog_type type;
	u32 nr_call;
	struct moat_image img;		/* prog, site, gate, record, callback */
	struct moat_program prog;
	u64 (*start)[GATE_STARTS][MOAT_MAX_ARGS];	/* by site: registers that pass the good gate */
	u32 *nr_start;
};

extern struct gated gated[];
extern const u32 nr_gated;
extern struct moat_map *gate_map[6];
extern u32 gate_record, gate_handle[2];	/* what the run holds: a record and two objects, by what a program has */
extern int gate_object[2];

void gates_begin(void);
void gates_end(void);
u32 below(u32 n);			/* a random number */

/* A maker of records and gates that is broken on purpose: what it does to one that is right. */
struct broken_maker {
	const char *name;
	void (*record)(struct moat_call_audit *r, const struct moat_helper *h);	/* before the gate is made of it */
	void (*gate)(struct moat_call_gate *g);
};

/* Make the sites, records and gates of a program.  @broken NULL: as they are made. */
void gated_make(struct gated *w, const struct broken_maker *broken);
void gated_free(struct gated *w);

/*
 * Does @g, called in ways that nearly pass the gate of call @site and in @tries
 * random ones, hand the helper something that the prototype forbids?  NULL:
 * nothing was found; else what.
 */
const char *gate_weakness(struct gated *w, u32 site, struct moat_call_gate *g, u32 tries);

#endif
