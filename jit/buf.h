/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A code buffer writes machine code, or only measures it.
 *
 * With @base NULL nothing is stored but @len still advances, so the pass that
 * measures and the pass that writes run the same emitters.  The first error
 * sticks and makes every later put a no-op: emitters never test for errors,
 * and the caller looks at @err once, at the end.
 */
#ifndef MOAT_BUF_H
#define MOAT_BUF_H

#include "env.h"

struct moat_buf {
	u8	*base;	/* where bytes are stored; NULL: measure only */
	u64	pc;	/* address @base will run at (not @base itself: W^X) */
	u32	len;
	u32	cap;
	int	err;	/* 0, or the first negative errno */
};

static inline void moat_fail(struct moat_buf *b, int err)
{
	if (!b->err)
		b->err = err;
}

/*
 * Append the @n low bytes of @v, least significant first; 1 <= @n <= 8.  Where
 * there is room for eight, all are stored: what is behind @len is written
 * later.  (Machines for which there is a backend are little-endian.)
 */
static inline void moat_put(struct moat_buf *b, u64 v, u32 n)
{
	u32 i;

	if (b->err)
		return;
	if (b->base && b->cap - b->len >= sizeof(v)) {
		memcpy(b->base + b->len, &v, sizeof(v));
	} else if (b->base && n > b->cap - b->len) {
		moat_fail(b, -ENOSPC);
		return;
	} else {
		for (i = 0; b->base && i < n; i++)
			b->base[b->len + i] = v >> (8 * i);
	}
	b->len += n;
}

/* Overwrite @n bytes at @at, written before, with the low bytes of @v. */
static inline void moat_patch(struct moat_buf *b, u32 at, u64 v, u32 n)
{
	u32 i;

	for (i = 0; b->base && !b->err && i < n; i++)
		b->base[at + i] = v >> (8 * i);
}

#endif
