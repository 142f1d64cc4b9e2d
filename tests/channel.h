/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A side channel by way of the CPU's caches (x86). */
#ifndef MOAT_CHANNEL_H
#define MOAT_CHANNEL_H

#include "../jit/env.h"

/* Learn the times of this machine, at @p; false: those of cached and flushed lines are not apart. */
bool channel_calibrate(const u8 *p);
/* Was it?  It is afterwards. */
bool channel_cached(const void *p);
void channel_flush(const void *p);
/* The numbers 0 to 255 in an order that no prefetcher foresees. */
void channel_shuffle(u8 *order);

#endif
