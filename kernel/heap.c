// SPDX-License-Identifier: GPL-2.0-only
/*
 * The heap: 4 GiB of kernel addresses, of which only what programs may touch is backed.
 *
 * A piece of it is the values of one map or the slots of one domain, in pages
 * that hold nothing else: a page is what a cage can be granted.  Which addresses
 * are taken says one bit map; whoever holds a piece knows its pages.
 */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "domain.h"
#include "memory.h"

#define HEAP_PAGES	(MOAT_RANGE_BYTES >> PAGE_SHIFT)
#define FIRST_PAGE	(MOAT_MARGIN_BYTES >> PAGE_SHIFT)	/* so that NULL with any small offset is nobody's */

unsigned long moat_heap_base __read_mostly;

static DEFINE_MUTEX(used_lock);
static unsigned long *used;	/* by page */
static atomic64_t nr_backed;

u64 moat_heap_pages(void)
{
	return atomic64_read(&nr_backed);
}

/* With used_lock held. */
static int make_heap(void)
{
	unsigned long *bits = kvcalloc(BITS_TO_LONGS(HEAP_PAGES), sizeof(long), GFP_KERNEL);
	struct vm_struct *area;
	unsigned long base;

	area = bits ? moat_reserve(&base) : NULL;
	if (!area) {
		pr_err("no %s for the heap\n", bits ? "addresses" : "memory");
		kvfree(bits);
		return -ENOMEM;
	}
	bitmap_set(bits, 0, FIRST_PAGE);
	used = bits;
	moat_heap_base = base;
	return 0;
}

int moat_heap_init(void)
{
	int err;

	mutex_lock(&used_lock);
	err = moat_heap_base ? 0 : make_heap();
	mutex_unlock(&used_lock);
	return err;
}

/*
 * Take addresses for @nr pages and for one behind them that is never mapped:
 * running over the end of an object meets no other one.  The last page of the
 * heap is therefore never mapped either.  Its first page; 0: no room.
 */
static u32 take(u32 nr)
{
	unsigned long at;

	mutex_lock(&used_lock);
	at = bitmap_find_next_zero_area(used, HEAP_PAGES, FIRST_PAGE, nr + 1, 0);
	if (at < HEAP_PAGES)
		bitmap_set(used, at, nr + 1);
	mutex_unlock(&used_lock);
	return at < HEAP_PAGES ? at : 0;
}

static void give_back(u32 at, u32 nr)
{
	mutex_lock(&used_lock);
	bitmap_clear(used, at, nr + 1);
	mutex_unlock(&used_lock);
}

/* Pages that are nobody's any more, and the array they are in. */
static void free_pages_of(struct bpf_moat_values *v)
{
	u32 i;

	for (i = 0; i < v->nr_page && v->page[i]; i++) {
		__free_page(v->page[i]);
		atomic64_dec(&nr_backed);
		cond_resched();
	}
	kvfree(v->page);
}

/* 0 or -ENOMEM; then nothing is left. */
static int alloc_pages_of(struct bpf_moat_values *v, int numa_node)
{
	/* As for other maps: one that is too large is an error, and kills nobody. */
	const gfp_t gfp = GFP_USER | __GFP_ACCOUNT | __GFP_ZERO | __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	u32 i;

	if (v->nr_page > totalram_pages())
		return -ENOMEM;
	v->page = kvcalloc(v->nr_page, sizeof(*v->page), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!v->page)
		return -ENOMEM;
	for (i = 0; i < v->nr_page; i++) {
		/* Who was killed for taking all memory is not to take more. */
		v->page[i] = fatal_signal_pending(current) ? NULL : alloc_pages_node(numa_node, gfp, 0);
		if (!v->page[i]) {
			free_pages_of(v);
			return -ENOMEM;
		}
		atomic64_inc(&nr_backed);
		cond_resched();
	}
	return 0;
}

/* Give @v addresses and pages.  0 or -ENOMEM; then it has neither. */
static int back(struct bpf_moat_values *v, u32 front_pages, int numa_node)
{
	u32 at;

	if (alloc_pages_of(v, numa_node))
		return -ENOMEM;
	at = take(v->nr_page);
	v->start = (at + front_pages) << PAGE_SHIFT;
	v->base = moat_host(at << PAGE_SHIFT);
	if (at && !moat_map_pages((unsigned long)v->base, v->page, v->nr_page, PAGE_KERNEL))
		return 0;
	if (at)
		give_back(at, v->nr_page);
	free_pages_of(v);
	return -ENOMEM;
}

struct bpf_moat_values *moat_values_alloc(u64 front, u64 bytes, int numa_node)
{
	struct bpf_moat_values *v;

	if (!moat_heap_base || !bytes || front >= MOAT_RANGE_BYTES || bytes >= MOAT_RANGE_BYTES)
		return NULL;
	front = PAGE_ALIGN(front);
	bytes = PAGE_ALIGN(bytes);
	if (front + bytes + MOAT_MARGIN_BYTES + PAGE_SIZE > MOAT_RANGE_BYTES)
		return NULL;
	v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
	if (!v)
		return NULL;
	v->bytes = bytes;
	v->nr_page = (front + bytes) >> PAGE_SHIFT;
	refcount_set(&v->refs, 1);
	if (!back(v, front >> PAGE_SHIFT, numa_node))
		return v;
	kfree(v);
	return NULL;
}

void moat_values_put(struct bpf_moat_values *v)
{
	unsigned long at;

	if (!v || !refcount_dec_and_test(&v->refs))
		return;
	might_sleep();
	at = (unsigned long)v->base;
	/* Before somebody else gets the pages, or these addresses. */
	moat_unmap_pages(at, v->nr_page);
	free_pages_of(v);
	give_back((at - moat_heap_base) >> PAGE_SHIFT, v->nr_page);
	kfree(v);
}
