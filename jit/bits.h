/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions about numbers: does a value fit a field. */
#ifndef MOAT_BITS_H
#define MOAT_BITS_H

#include "env.h"

/* Does @v fit a two's complement field of @bits bits?  1 <= @bits <= 63 */
static inline bool fits_signed(s64 v, u32 bits)
{
	s64 limit = (s64)1 << (bits - 1);

	return v >= -limit && v < limit;
}

/* Does @v fit an unsigned field of @bits bits?  1 <= @bits <= 63 */
static inline bool fits_unsigned(u64 v, u32 bits)
{
	return v < (u64)1 << bits;
}

static inline bool is_one_bit(u64 v)
{
	return v && !(v & (v - 1));
}

/* Of the highest bit that is set in @v, which is not 0. */
static inline u32 bit_number(u64 v)
{
	u32 n = 0;

	while (v >>= 1)
		n++;
	return n;
}

/* @v rounded up to a multiple of @to, a power of two. */
static inline u64 align_up(u64 v, u64 to)
{
	return (v + to - 1) & ~(to - 1);
}

#endif
