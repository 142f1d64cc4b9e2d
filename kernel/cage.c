// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cages: what one domain may touch, at the offsets that it has in the heap.
 *
 * A cage is 4 GiB of kernel addresses.  Images form every address as its base
 * plus 32 bits, so that they reach nothing else; an access that starts in the
 * last bytes of the cage runs into the margin behind it.
 */
#include <linux/atomic.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <asm/tlbflush.h>
#include "domain.h"
#include "memory.h"

/* Half of vmalloc()'s addresses: programs, which users without privileges may load, must leave the kernel the rest. */
#define MAX_CAGES	(s64)((VMALLOC_END - VMALLOC_START) / 2 / (2 * MOAT_RANGE_BYTES + 2 * MOAT_MARGIN_BYTES))

#define MAX_WAIT	(4 * HZ)

static atomic64_t nr_cage;

/*
 * Addresses of former cages, to be used again first: the kernel never frees the page tables of vmalloc()'s addresses, and
 * would hand out new ones as long as it has any.  Ours go with the cage, but for those of higher levels, 20 KiB.
 */
static struct vm_struct *idle;
static DEFINE_SPINLOCK(idle_lock);

static struct vm_struct *take_idle(void)
{
	struct vm_struct *area;

	spin_lock(&idle_lock);
	area = idle;
	if (area)
		idle = area->next;
	spin_unlock(&idle_lock);
	return area;
}

static void give_idle(struct vm_struct *area)
{
	spin_lock(&idle_lock);
	area->next = idle;
	idle = area;
	spin_unlock(&idle_lock);
}

/*
 * One of those that there may be.  Programs are freed a while after they were closed, so who loads and closes many
 * waits for that here, or would be refused for those that are gone already.
 */
static bool count_cage(void)
{
	u32 i;

	for (i = 0; atomic64_inc_return(&nr_cage) > MAX_CAGES; i++) {
		if (i == MAX_WAIT || fatal_signal_pending(current))
			return false;
		atomic64_dec(&nr_cage);
		schedule_timeout_killable(1);
	}
	return true;
}

int moat_cage_init(struct moat_cage *c)
{
	c->nr_grant = 0;
	xa_init(&c->lent);
	c->area = NULL;
	if (count_cage())
		c->area = take_idle() ?: moat_reserve(&c->base);
	if (c->area) {
		c->base = moat_range_of(c->area);
		return 0;
	}
	atomic64_dec(&nr_cage);
	return -ENOMEM;
}

/* The pages behind those that are for the owner alone. */
static struct page **granted_pages(const struct bpf_moat_values *v)
{
	return v->page + v->nr_page - (v->bytes >> PAGE_SHIFT);
}

/*
 * Only values are mapped: what the owner has in front of them, the map's header
 * with its pointers to the kernel's functions, is in no cage.
 */
int moat_cage_grant(struct moat_cage *c, struct bpf_moat_values *v, bool write)
{
	pgprot_t prot = write ? PAGE_KERNEL : PAGE_KERNEL_RO;
	u32 i;
	int err;

	for (i = 0; i < c->nr_grant; i++)
		if (c->grant[i] == v)
			return -EEXIST;
	if (c->nr_grant == MOAT_MAX_GRANTS)
		return -ENOSPC;
	err = moat_map_pages(c->base + v->start, granted_pages(v), v->bytes >> PAGE_SHIFT, prot);
	if (err)
		return err;
	refcount_inc(&v->refs);
	c->grant[c->nr_grant++] = v;
	return 0;
}

struct loan {
	struct bpf_moat_values *v;
	u32 nr;
};

static bool is_granted(const struct moat_cage *c, const struct bpf_moat_values *v)
{
	u32 i;

	for (i = 0; i < c->nr_grant; i++)
		if (c->grant[i] == v)
			return true;
	return false;
}

static void end_loan(struct moat_cage *c, struct loan *l)
{
	xa_erase(&c->lent, l->v->start >> PAGE_SHIFT);
	moat_unmap_pages(c->base + l->v->start, l->v->bytes >> PAGE_SHIFT);
	moat_values_put(l->v);
	kfree(l);
}

int moat_cage_lend(struct moat_cage *c, struct bpf_moat_values *v, bool write)
{
	struct loan *l = xa_load(&c->lent, v->start >> PAGE_SHIFT);
	int err;

	if (l)
		l->nr++;
	if (l || is_granted(c, v))
		return 0;
	l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	if (!l)
		return -ENOMEM;
	l->v = v;
	l->nr = 1;
	err = xa_err(xa_store(&c->lent, v->start >> PAGE_SHIFT, l, GFP_KERNEL_ACCOUNT));
	if (err) {
		kfree(l);
		return err;
	}
	refcount_inc(&v->refs);
	err = moat_map_pages(c->base + v->start, granted_pages(v), v->bytes >> PAGE_SHIFT, write ? PAGE_KERNEL : PAGE_KERNEL_RO);
	if (err)
		end_loan(c, l);
	return err;
}

void moat_cage_take_back(struct moat_cage *c, struct bpf_moat_values *v)
{
	struct loan *l = xa_load(&c->lent, v->start >> PAGE_SHIFT);

	if (l && !--l->nr)
		end_loan(c, l);
}

static pmd_t *pmd_at(unsigned long at)
{
	pgd_t *pgd = pgd_offset_k(at);
	p4d_t *p4d = pgd_none(*pgd) ? NULL : p4d_offset(pgd, at);
	pud_t *pud = !p4d || p4d_none(*p4d) ? NULL : pud_offset(p4d, at);

	return !pud || pud_none(*pud) ? NULL : pmd_offset(pud, at);
}

/* Values lie all over the heap, and so do their pages here: what is left of each cage would add up to 8 MiB. */
static void free_tables(unsigned long base)
{
	unsigned long at;
	pmd_t *pmd;

	for (at = base; at < base + MOAT_RANGE_BYTES; at += PMD_SIZE) {
		pmd = pmd_at(at);
		if (pmd && !pmd_none(*pmd))
			pmd_free_pte_page(pmd, at);
	}
}

void moat_cage_destroy(struct moat_cage *c)
{
	struct loan *l;
	unsigned long at;
	u32 i;

	if (!c->area)
		return;
	xa_for_each(&c->lent, at, l)
		end_loan(c, l);
	xa_destroy(&c->lent);
	/* Flushed once: it interrupts all CPUs, and may take longer than all else here. */
	for (i = 0; i < c->nr_grant; i++)
		moat_unmap_unflushed(c->base + c->grant[i]->start, c->grant[i]->bytes >> PAGE_SHIFT);
	flush_tlb_kernel_range(c->base, c->base + MOAT_RANGE_BYTES);
	free_tables(c->base);
	while (c->nr_grant)
		moat_values_put(c->grant[--c->nr_grant]);
	give_idle(c->area);
	c->area = NULL;
	c->base = 0;
	atomic64_dec(&nr_cage);
}

void moat_memory_stats(u64 *heap_pages, u64 *cages)
{
	*heap_pages = moat_heap_pages();
	*cages = atomic64_read(&nr_cage);
}
