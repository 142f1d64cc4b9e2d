/* SPDX-License-Identifier: GPL-2.0-only */
/* Offsets in struct moat_run that the entry code (enter_*.S) knows; run.c's compiler checks them. */
#ifndef MOAT_ENTER_H
#define MOAT_ENTER_H

#define MOAT_RUN_HOST_SP	56

#ifndef __ASSEMBLY__
static_assert(offsetof(struct moat_run, frame) == 0);
static_assert(offsetof(struct moat_run, host_sp) == MOAT_RUN_HOST_SP);
#endif

#endif
