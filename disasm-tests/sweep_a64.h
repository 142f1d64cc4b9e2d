/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every format of A64 with each register and operands at their bounds, against llvm-mc in one run. */
#ifndef MOAT_SWEEP_A64_H
#define MOAT_SWEEP_A64_H

void sweep_a64(void);

#endif
