/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Short windows of instructions that one machine instruction can do. */
#include "plan.h"

void moat_fuse(struct moat *jit)
{
}
