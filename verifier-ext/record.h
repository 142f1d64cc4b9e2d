/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a helper's prototype and what analysis says of a call to the call's
 * audit record.
 *
 * What is checked without facts is checked with them, and more: a number must
 * be in the range that was proved, memory in the region that was proved.  Only
 * where one value is proved the gate supplies it, and then from what it knows
 * itself: numbers of the program's text, maps, the context, the frame.
 */
#ifndef MOAT_RECORD_H
#define MOAT_RECORD_H

#include "analyze.h"

/* The kernel's limit on the size of memory that is passed to a helper. */
#define MOAT_MAX_ARG_BYTES	(1ull << 29)

/* The record of a call of @h at @pc; @facts NULL: nothing was proved. */
void moat_record(struct moat_call_audit *out, u32 pc, const struct moat_helper *h, const struct moat_call_facts *facts,
		 const struct moat_analysis_opts *opts);

/* Is the argument given by the gate, whatever the program's register holds? */
static inline bool moat_audit_supplies(const struct moat_arg_audit *a)
{
	return a->kind >= MOAT_AUDIT_CONST && a->kind <= MOAT_AUDIT_DATA;
}

/* Can no number miss? */
static inline bool moat_audit_takes_all(const struct moat_arg_audit *a)
{
	return a->kind == MOAT_AUDIT_NUMBER && a->span == ~0ull && !a->mask;
}

/* proto.c: what is wrong with a prototype; NULL: nothing. */
const char *moat_proto_broken(const struct moat_helper *h);
/* Does memory argument @i have its size in the next argument? */
bool moat_proto_sized(const struct moat_helper *h, u32 i);

#endif
