// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel addresses for the heap and the cages.
 *
 * They come from the range of vmalloc(), so that nothing else of the kernel
 * needs to know of them.  What is reserved has no page tables before something
 * is mapped in it: a range of 4 GiB costs what a vm_struct costs.
 */
#include <linux/align.h>
#include <asm/cacheflush.h>
#include "memory.h"

/*
 * Twice what is needed, because reservations cannot ask for an alignment:
 * wherever they start, one multiple of 4 GiB has its range and both margins inside.
 */
struct vm_struct *moat_reserve(unsigned long *base)
{
	/* VM_MAP without pages: freeing it frees no page. */
	struct vm_struct *area = get_vm_area(2 * MOAT_RANGE_BYTES + 2 * MOAT_MARGIN_BYTES, VM_MAP);

	if (area)
		*base = moat_range_of(area);
	return area;
}

struct mapping {
	struct page **page;	/* the next one */
	pgprot_t prot;
};

static int map_one(pte_t *pte, unsigned long at, void *data)
{
	struct mapping *m = data;

	set_pte_at(&init_mm, at, pte, mk_pte(*m->page++, m->prot));
	return 0;
}

int moat_map_pages(unsigned long at, struct page **page, u32 nr, pgprot_t prot)
{
	unsigned long bytes = (unsigned long)nr << PAGE_SHIFT;
	struct mapping m = { .page = page, .prot = pgprot_nx(prot) };
	int err = nr ? apply_to_page_range(&init_mm, at, bytes, map_one, &m) : 0;

	if (err)
		moat_unmap_pages(at, nr);
	else
		flush_cache_vmap(at, at + bytes);
	return err;
}

static int unmap_one(pte_t *pte, unsigned long at, void *unused)
{
	pte_clear(&init_mm, at, pte);
	return 0;
}

void moat_unmap_unflushed(unsigned long at, u32 nr)
{
	if (nr)
		apply_to_existing_page_range(&init_mm, at, (unsigned long)nr << PAGE_SHIFT, unmap_one, NULL);
}

void moat_unmap_pages(unsigned long at, u32 nr)
{
	if (nr)
		vunmap_range(at, at + ((unsigned long)nr << PAGE_SHIFT));
}
