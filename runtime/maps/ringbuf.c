/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ring buffers, the producers' side.
 *
 * Positions and headers are host memory; the heap has the data of the records
 * only.  A record takes 8 bytes for its header and its length rounded up to 8,
 * as in the kernel, so a buffer holds just as much as there.  The data area is
 * twice the size of the ring: a record that starts before the end goes on
 * behind it in one piece, and what wraps is only the position.
 */
#include <sys/eventfd.h>
#include "maps.h"

#define HEADER_BYTES	8
#define MAX_RECORD	(UINT_MAX / 4)

static int ring_check(const struct moat_map *map)
{
	u32 size = map->max_entries;

	if (map->key_size || map->value_size)
		return moat_map_refuse(map, -EINVAL, "a ring buffer has no keys and values");
	if (!size || size & (size - 1) || size % moat_heap.page || size > 1u << 30)
		return moat_map_refuse(map, -EINVAL, "the size of a ring buffer is a power of two, at least a page");
	return 0;
}

static int ring_alloc(struct moat_map *map)
{
	struct moat_ring *r = aligned_alloc(64, align_up(sizeof(*r), 64));
	u32 size = map->max_entries;
	int err;

	if (!r)
		return -ENOMEM;
	memset(r, 0, sizeof(*r));
	map->data = r;
	r->mask = size - 1;
	pthread_mutex_init(&r->consumer, NULL);
	r->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->header = moat_zalloc((u64)size / HEADER_BYTES * sizeof(*r->header));
	if (r->event < 0 || !r->header)
		return -ENOMEM;
	err = moat_heap_alloc(2 * (size_t)size, &map->heap_off);
	if (err)
		return err;
	map->heap_bytes = 2 * (size_t)size;
	r->data = moat_host(map->heap_off);
	return 0;
}

static void ring_free(struct moat_map *map)
{
	struct moat_ring *r = map->data;

	if (r->event >= 0)
		close(r->event);
	moat_zfree(r->header, ((u64)map->max_entries) / HEADER_BYTES * sizeof(*r->header));
	pthread_mutex_destroy(&r->consumer);
	free(r);
}

void *moat_ring_reserve(struct moat_map *map, u64 bytes, u64 *pos)
{
	struct moat_ring *r = map->data;
	u64 room = r->mask + 1, prod, total;

	if (bytes > MAX_RECORD)
		return NULL;
	total = align_up(bytes + HEADER_BYTES, 8);
	if (total > room)
		return NULL;
	moat_spin_lock(&r->lock);
	prod = atomic_load_explicit(&r->prod, memory_order_relaxed);
	if (prod + total - atomic_load_explicit(&r->cons, memory_order_acquire) > r->mask) {
		moat_spin_unlock(&r->lock);
		return NULL;
	}
	atomic_store_explicit(&r->header[(prod & r->mask) / HEADER_BYTES], bytes | BPF_RINGBUF_BUSY_BIT,
			      memory_order_relaxed);
	/* The consumer sees the header before it sees the position behind it. */
	atomic_store_explicit(&r->prod, prod + total, memory_order_release);
	moat_spin_unlock(&r->lock);
	*pos = prod;
	return r->data + (prod & r->mask) + HEADER_BYTES;
}

void moat_ring_commit(struct moat_map *map, u64 pos, bool discard, u64 flags)
{
	struct moat_ring *r = map->data;
	_Atomic u32 *header = &r->header[(pos & r->mask) / HEADER_BYTES];
	u32 length = atomic_load_explicit(header, memory_order_relaxed) & ~BPF_RINGBUF_BUSY_BIT;
	u64 one = 1;

	/*
	 * Full order against the consumer, which stores its position and then looks
	 * at the header.  By a fence: QEMU does not order a store-release before a
	 * load-acquire, which is what sequential consistency is made of on arm64.
	 */
	atomic_store_explicit(header, length | (discard ? BPF_RINGBUF_DISCARD_BIT : 0), memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (flags & BPF_RB_NO_WAKEUP)
		return;
	if (!(flags & BPF_RB_FORCE_WAKEUP) && atomic_load(&r->cons) != pos)
		return;
	/* Fails only when it is readable anyway. */
	if (write(r->event, &one, sizeof(one)) < 0)
		return;
}

u64 moat_ring_query(struct moat_map *map, u64 flags)
{
	struct moat_ring *r = map->data;

	switch (flags) {
	case BPF_RB_AVAIL_DATA:
		return atomic_load(&r->prod) - atomic_load(&r->cons);
	case BPF_RB_RING_SIZE:
		return r->mask + 1;
	case BPF_RB_CONS_POS:
		return atomic_load(&r->cons);
	case BPF_RB_PROD_POS:
		return atomic_load(&r->prod);
	}
	return 0;
}

static void *ring_lookup(struct moat_map *map, const void *key, u32 cpu)
{
	return NULL;
}

static long ring_update(struct moat_map *map, const void *key, const void *value, u64 flags, u32 cpu)
{
	return -EOPNOTSUPP;
}

static long ring_delete(struct moat_map *map, const void *key)
{
	return -EOPNOTSUPP;
}

static int ring_next_key(struct moat_map *map, const void *key, void *next)
{
	return -EOPNOTSUPP;
}

const struct moat_map_ops moat_ringbuf_ops = {
	.check = ring_check,
	.alloc = ring_alloc,
	.free = ring_free,
	.lookup = ring_lookup,
	.update = ring_update,
	.delete = ring_delete,
	.next_key = ring_next_key,
};
