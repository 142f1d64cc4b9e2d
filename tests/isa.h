/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Conformance beyond the table: what needs more than one small program. */
#ifndef MOAT_ISA_H
#define MOAT_ISA_H

#include <moat/moat.h>

/* Scalar helpers of the conformance programs, up to id 0. */
extern const struct moat_helper isa_helpers[];

/* Packets, frames, far jumps, registers at entry and after calls, in every mode. */
void isa_more(void);

#endif
