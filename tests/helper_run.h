/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A run that goes nowhere, from which tests call helpers as emitted code does. */
#ifndef MOAT_TEST_HELPER_RUN_H
#define MOAT_TEST_HELPER_RUN_H

#include "../runtime/gate.h"
#include "map_make.h"

#define OK	0

extern struct moat_domain *domain;
extern struct moat_program prog;
extern struct moat_image image;
extern struct moat_run *run;
extern u64 ret;		/* of the last call */

void helper_begin(void);
/* The number of the argument that was refused, or OK.  call: nothing was proved; call_as: what the record says. */
int call_as(const struct moat_helper *h, const struct moat_call_audit *record, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);
int call(s32 id, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);
u64 stack(u32 below_top);	/* program address */
void *at(u64 p);		/* where the host reaches it */

#endif
