/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the map types share: locks, pools of indices, values in the heap.
 *
 * Values are the only part of a map that programs can reach.  Everything that
 * leads to a value - keys, links, free lists, counts - is host memory, and an
 * index found there is always below the number of values that were allocated.
 */
#ifndef MOAT_MAPS_H
#define MOAT_MAPS_H

#include <sched.h>
#include "../internal.h"

#define MOAT_NO_INDEX		(~0u)
#define MOAT_MAX_KEY		512	/* bytes: the most that fits a stack frame, as in the kernel */
#define MOAT_MAX_ENTRIES	(1u << 28)
#define MOAT_IN_FLIGHT		MOAT_MAX_CPUS	/* values that are being replaced at one time */

/* Locks: held for a few instructions, never while a program runs --------- */

struct moat_spin {
	_Atomic u32 held;
};

static inline void moat_relax(u32 round)
{
	if (round % 64 == 63)
		sched_yield();
#if defined(__x86_64__)
	else
		__builtin_ia32_pause();
#endif
}

static inline void moat_spin_lock(struct moat_spin *l)
{
	u32 round = 0;

	while (atomic_load_explicit(&l->held, memory_order_relaxed) ||
	       atomic_exchange_explicit(&l->held, 1, memory_order_acquire))
		moat_relax(round++);
}

static inline void moat_spin_unlock(struct moat_spin *l)
{
	atomic_store_explicit(&l->held, 0, memory_order_release);
}

/* Host memory: zeroed, given out by the kernel page by page as it is touched. */
void *moat_zalloc(u64 bytes);
void moat_zfree(void *p, u64 bytes);

/* Pools of indices (pool.c) ----------------------------------------------- */

#define MOAT_POOL_STRIPES	8

struct moat_pool {
	u32 nr;
	_Atomic u32 fresh;	/* indices from here on were never taken */
	u32 *next;		/* free lists, by index */
	struct moat_pool_stripe {
		struct moat_spin lock;
		u32 head;	/* index + 1; 0: empty */
	} __attribute__((aligned(64))) stripe[MOAT_POOL_STRIPES];
};

int moat_pool_init(struct moat_pool *pool, u32 nr);
void moat_pool_exit(struct moat_pool *pool);
u32 moat_pool_take(struct moat_pool *pool);	/* MOAT_NO_INDEX: all are taken */
u32 moat_pool_wait(struct moat_pool *pool);	/* as take(), but waits for one in flight to come back */
void moat_pool_put(struct moat_pool *pool, u32 index);

/* Values ------------------------------------------------------------------ */

struct moat_values {
	u8 *base;		/* host alias */
	u32 stride;		/* value size rounded up to 8 */
	u32 size;
	u64 cpu_bytes;		/* distance of one CPU's values from the next CPU's; 0: one for all */
};

int moat_values_alloc(struct moat_map *map, struct moat_values *v, u64 nr, bool percpu);
/* Copy in: one CPU's value, or with MOAT_ALL_CPUS as many as there are CPUs, each a stride apart. */
void moat_values_write(const struct moat_values *v, u32 index, const void *from, u32 cpu);
void moat_values_read(const struct moat_values *v, u32 index, void *to);	/* of all CPUs */

static inline void *moat_value(const struct moat_values *v, u32 index, u32 cpu)
{
	return v->base + cpu * v->cpu_bytes + (u64)index * v->stride;
}

/* Is a flag of update() acceptable?  @exists: there is an element with that key.  0 or negative errno. */
static inline int moat_map_flags(u64 flags, bool exists)
{
	if (flags == BPF_NOEXIST && exists)
		return -EEXIST;
	return flags == BPF_EXIST && !exists ? -ENOENT : 0;
}

/* The types --------------------------------------------------------------- */

extern const struct moat_map_ops moat_array_ops, moat_hash_ops, moat_lpm_ops;
extern const struct moat_map_ops moat_prog_array_ops, moat_map_array_ops, moat_ringbuf_ops;

int moat_array_next_key(struct moat_map *map, const void *key, void *next);	/* of everything with an index as key */

bool moat_is_percpu(enum bpf_map_type type);
bool moat_is_outer(enum bpf_map_type type);
int moat_map_refuse(const struct moat_map *map, int err, const char *why);	/* prints; returns @err */
/* What a program holds for a map: its handle, or in mode none its address. */
u64 moat_map_seen(const struct moat_run *run, struct moat_map *map);
void moat_map_forget_names(struct moat_map *map);

/*
 * Room in the run's stack piece for a key that a callback looks at: the
 * offset, or 0 when there is none.  Given back in reverse order.
 */
u32 moat_scratch_get(struct moat_run *run, u32 bytes);
void moat_scratch_put(struct moat_run *run, u32 bytes);

/* Ring buffers (ringbuf.c) ------------------------------------------------ */

struct moat_ring {
	struct moat_spin lock;		/* of reserving */
	u64 mask;			/* size - 1 */
	u8 *data;			/* host alias; twice the size, so that no record wraps */
	_Atomic u32 *header;		/* one for each 8 bytes of position: length, busy, discarded */
	int event;			/* eventfd */
	pthread_mutex_t consumer;
	_Atomic u64 prod __attribute__((aligned(64)));
	_Atomic u64 cons __attribute__((aligned(64)));
};

/* Data of a new record, host pointer; NULL: no room.  Its position goes to *@pos. */
void *moat_ring_reserve(struct moat_map *map, u64 bytes, u64 *pos);
void moat_ring_commit(struct moat_map *map, u64 pos, bool discard, u64 flags);
u64 moat_ring_query(struct moat_map *map, u64 flags);

#endif
