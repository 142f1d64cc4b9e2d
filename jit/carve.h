/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tables carved one after the other out of one piece of memory. */
#ifndef MOAT_JIT_CARVE_H
#define MOAT_JIT_CARVE_H

#include "bits.h"

/* @at NULL: nothing is carved, only @bytes are counted. */
struct moat_area {
	u8 *at;
	size_t bytes;
};

/* @n elements of @each bytes, aligned for any of them. */
static inline void *moat_carve(struct moat_area *a, size_t n, size_t each)
{
	size_t at = a->bytes;

	a->bytes = align_up(at + n * each, 16);
	return a->at ? a->at + at : NULL;
}

#endif
