/* SPDX-License-Identifier: GPL-2.0-only */
/* Offsets in struct moat_run that the entry code (enter_*.S) and stubs know; run.c's compiler checks them. */
#ifndef MOAT_ENTER_H
#define MOAT_ENTER_H

#define MOAT_RUN_HOST_SP	56
#define MOAT_RUN_SAVED		76
#define MOAT_RUN_CALLED		81

#ifndef __ASSEMBLY__
static_assert(offsetof(struct moat_run, frame) == offsetof(struct moat_stub_run, frame));
static_assert(offsetof(struct moat_run, host_sp) == offsetof(struct moat_stub_run, host_sp));
static_assert(offsetof(struct moat_run, ctx) == offsetof(struct moat_stub_run, ctx));
static_assert(offsetof(struct moat_run, r1) == offsetof(struct moat_stub_run, r1));
static_assert(offsetof(struct moat_run, frame) == 0);
static_assert(offsetof(struct moat_run, host_sp) == MOAT_RUN_HOST_SP);
static_assert(offsetof(struct moat_run, saved) == MOAT_RUN_SAVED);
static_assert(offsetof(struct moat_run, called) == MOAT_RUN_CALLED);
#endif

#endif
