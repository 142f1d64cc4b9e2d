/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pools of indices: which nodes and values of a map are free.
 *
 * Indices that were never taken are handed out in order, so a large map
 * touches no memory that it does not use.  Those that came back lie on a few
 * lists; a thread works on its own and looks at the others when it is empty.
 */
#include <sys/mman.h>
#include "maps.h"

void *moat_zalloc(u64 bytes)
{
	void *p;

	p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void moat_zfree(void *p, u64 bytes)
{
	if (p)
		munmap(p, bytes ? bytes : 1);
}

int moat_pool_init(struct moat_pool *pool, u32 nr)
{
	pool->nr = nr;
	pool->next = moat_zalloc((u64)nr * sizeof(*pool->next));
	return pool->next ? 0 : -ENOMEM;
}

void moat_pool_exit(struct moat_pool *pool)
{
	moat_zfree(pool->next, (u64)pool->nr * sizeof(*pool->next));
	pool->next = NULL;
}

/* The list of this thread: threads are dealt to the lists in turn. */
static u32 own_stripe(void)
{
	static _Atomic u32 threads;
	static __thread u32 own;	/* + 1 */

	if (!own)
		own = 1 + atomic_fetch_add(&threads, 1) % MOAT_POOL_STRIPES;
	return own - 1;
}

static u32 pop(struct moat_pool *pool, struct moat_pool_stripe *s)
{
	u32 index = MOAT_NO_INDEX;

	moat_spin_lock(&s->lock);
	if (s->head) {
		index = s->head - 1;
		s->head = pool->next[index];
	}
	moat_spin_unlock(&s->lock);
	return index;
}

static u32 take_fresh(struct moat_pool *pool)
{
	u32 index = atomic_load_explicit(&pool->fresh, memory_order_relaxed);

	while (index < pool->nr)
		if (atomic_compare_exchange_weak(&pool->fresh, &index, index + 1))
			return index;
	return MOAT_NO_INDEX;
}

u32 moat_pool_take(struct moat_pool *pool)
{
	u32 own = own_stripe(), i, index;

	index = pop(pool, &pool->stripe[own]);
	if (index == MOAT_NO_INDEX)
		index = take_fresh(pool);
	for (i = 1; index == MOAT_NO_INDEX && i < MOAT_POOL_STRIPES; i++)
		index = pop(pool, &pool->stripe[(own + i) % MOAT_POOL_STRIPES]);
	return index;
}

u32 moat_pool_wait(struct moat_pool *pool)
{
	u32 round = 0, index;

	while ((index = moat_pool_take(pool)) == MOAT_NO_INDEX)
		moat_relax(round++);
	return index;
}

void moat_pool_put(struct moat_pool *pool, u32 index)
{
	struct moat_pool_stripe *s = &pool->stripe[own_stripe()];

	moat_spin_lock(&s->lock);
	pool->next[index] = s->head;
	s->head = index + 1;
	moat_spin_unlock(&s->lock);
}
