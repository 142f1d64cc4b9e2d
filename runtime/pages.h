/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A pool of pages: which are given out.  Not locked; holds no memory but its own bitmap. */
#ifndef MOAT_PAGES_H
#define MOAT_PAGES_H

#include "../jit/env.h"

struct moat_pages {
	u64 *bit;	/* set: given out, or never to be */
	u32 nr;		/* pages */
	u32 next;	/* where the next search begins: what was freed rests as long as possible */
};

#define MOAT_NO_PAGES	(~0u)

int moat_pages_init(struct moat_pages *p, u32 nr);	/* all free; -ENOMEM */
/* Give out @n adjacent pages within [@from, @to): the first one, or MOAT_NO_PAGES. */
u32 moat_pages_take(struct moat_pages *p, u32 from, u32 to, u32 n);
void moat_pages_mark(struct moat_pages *p, u32 first, u32 n);	/* given out, whatever they were */
void moat_pages_give(struct moat_pages *p, u32 first, u32 n);	/* free again */
bool moat_pages_taken(const struct moat_pages *p, u32 first, u32 n);	/* all of them given out */

#endif
