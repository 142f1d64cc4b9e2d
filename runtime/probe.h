/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Probes: does a mode stop what it must stop, on this CPU and this kernel? */
#ifndef MOAT_PROBE_H
#define MOAT_PROBE_H

#include <moat/isolation.h>

/* NULL: the mode held.  Else what happened instead, a static string. */
const char *moat_probe(enum moat_mode mode);

#endif
