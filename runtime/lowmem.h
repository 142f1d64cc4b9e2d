/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Low memory: the largest free part of the first 4 GiB of the address space. */
#ifndef MOAT_LOWMEM_H
#define MOAT_LOWMEM_H

#include "../jit/env.h"

#define MOAT_4G		(1ull << 32)
#define MOAT_EDGE	0x10000u	/* bytes at both ends of the heap that are never given out: NULL stays NULL */

/*
 * Reserve it (nothing mapped, all access faults): [*lo, *hi), a range of whole
 * pages.  NULL, or the reason why there is none; then *lo == *hi == 0.
 */
const char *moat_low_reserve(u64 page, u64 *lo, u64 *hi);

#endif
