/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A pool of pages: which are given out.
 *
 * One bit per page, searched by whole words from where the last search ended:
 * 4 GiB of 4 KiB pages are 16384 words, so even a full scan takes
 * microseconds, and a fresh pool is given out front to back without any.
 */
#include <stdlib.h>

#include "pages.h"

#define BITS	64

int moat_pages_init(struct moat_pages *p, u32 nr)
{
	p->bit = calloc((nr + BITS - 1) / BITS, sizeof(*p->bit));
	p->nr = nr;
	p->next = 0;
	return p->bit ? 0 : -ENOMEM;
}

static bool is_set(const struct moat_pages *p, u32 i)
{
	return p->bit[i / BITS] >> i % BITS & 1;
}

/* The first page in [@i, @to) that is free (@set false) or not (@set true), or @to. */
static u32 find(const struct moat_pages *p, u32 i, u32 to, bool set)
{
	u64 flip = set ? 0 : ~0ull;

	while (i < to) {
		u64 word = (p->bit[i / BITS] ^ flip) >> i % BITS;

		if (word) {
			i += __builtin_ctzll(word);
			break;
		}
		i = (i / BITS + 1) * BITS;
	}
	return i < to ? i : to;
}

/* The first of @n free pages in [@from, @to), or MOAT_NO_PAGES. */
static u32 search(const struct moat_pages *p, u32 from, u32 to, u32 n)
{
	while (from < to && to - from >= n) {
		u32 start = find(p, from, to, false);
		u32 end;

		if (to - start < n)
			break;
		end = find(p, start, start + n, true);
		if (end - start == n)
			return start;
		from = end;
	}
	return MOAT_NO_PAGES;
}

u32 moat_pages_take(struct moat_pages *p, u32 from, u32 to, u32 n)
{
	u32 first = MOAT_NO_PAGES;

	if (!n || to > p->nr)
		return MOAT_NO_PAGES;
	if (p->next > from && p->next < to)
		first = search(p, p->next, to, n);
	if (first == MOAT_NO_PAGES)
		first = search(p, from, to, n);
	if (first == MOAT_NO_PAGES)
		return first;

	moat_pages_mark(p, first, n);
	p->next = first + n;
	return first;
}

void moat_pages_mark(struct moat_pages *p, u32 first, u32 n)
{
	u32 i;

	for (i = first; i < first + n; i++)
		p->bit[i / BITS] |= 1ull << i % BITS;
}

void moat_pages_give(struct moat_pages *p, u32 first, u32 n)
{
	u32 i;

	for (i = first; i < first + n; i++)
		p->bit[i / BITS] &= ~(1ull << i % BITS);
}

bool moat_pages_taken(const struct moat_pages *p, u32 first, u32 n)
{
	u32 i;

	for (i = first; i < first + n; i++)
		if (i >= p->nr || !is_set(p, i))
			return false;
	return true;
}
