/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Ring buffers, the host's side.
 *
 * A sample is copied before the callback sees it: the program that wrote it
 * can still write its data area, and what a host checked must not change
 * under it.  Lengths come from headers, which programs cannot reach.
 */
#include <poll.h>
#include "maps/maps.h"

struct moat_ring_buffer {
	struct moat_map *map;
	moat_ring_sample_fn fn;
	void *ctx;
	u8 *sample;		/* copy of the record being consumed */
	size_t room;
};

struct moat_ring_buffer *moat_ring_buffer__new(struct moat_map *map, moat_ring_sample_fn fn, void *ctx)
{
	struct moat_ring_buffer *rb;

	if (!map->created || map->type != BPF_MAP_TYPE_RINGBUF || !fn) {
		errno = EINVAL;
		return NULL;
	}
	rb = calloc(1, sizeof(*rb));
	if (!rb)
		return NULL;
	rb->map = map;
	rb->fn = fn;
	rb->ctx = ctx;
	return rb;
}

void moat_ring_buffer__free(struct moat_ring_buffer *rb)
{
	if (!rb)
		return;
	free(rb->sample);
	free(rb);
}

static bool make_room(struct moat_ring_buffer *rb, size_t bytes)
{
	u8 *sample;

	if (bytes <= rb->room)
		return true;
	sample = realloc(rb->sample, bytes);
	if (!sample)
		return false;
	rb->sample = sample;
	rb->room = bytes;
	return true;
}

/* One record at @pos.  1: consumed, 0: none is ready, negative: what the callback returned. */
static int consume_one(struct moat_ring_buffer *rb, struct moat_ring *r, u64 *pos)
{
	u32 header, length;
	int err = 0;

	if (*pos == atomic_load_explicit(&r->prod, memory_order_acquire))
		return 0;
	header = atomic_load(&r->header[(*pos & r->mask) / 8]);
	if (header & BPF_RINGBUF_BUSY_BIT)
		return 0;
	length = header & ~BPF_RINGBUF_DISCARD_BIT;
	if (!(header & BPF_RINGBUF_DISCARD_BIT)) {
		if (!make_room(rb, length))
			return -ENOMEM;
		memcpy(rb->sample, r->data + (*pos & r->mask) + 8, length);
		err = rb->fn(rb->ctx, rb->sample, length);
	}
	*pos += align_up(length + 8, 8);
	/* Full order: a producer that does not see this position finds its record seen by us. */
	atomic_store_explicit(&r->cons, *pos, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (err < 0)
		return err;
	return header & BPF_RINGBUF_DISCARD_BIT ? 2 : 1;
}

int moat_ring_buffer__consume(struct moat_ring_buffer *rb)
{
	struct moat_ring *r = rb->map->data;
	u64 pos, count = 0;
	int got;

	if (pthread_mutex_trylock(&r->consumer))
		return -EBUSY;
	/* Taken back before looking: what is committed from here on makes it readable again. */
	if (read(r->event, &count, sizeof(count)) < 0)
		count = 0;
	pos = atomic_load_explicit(&r->cons, memory_order_relaxed);
	for (count = 0; (got = consume_one(rb, r, &pos)) > 0; )
		count += got == 1 && count < INT_MAX;
	if (got < 0 && pos != atomic_load(&r->prod)) {
		u64 one = 1;

		/* Records are left: stay readable. */
		if (write(r->event, &one, sizeof(one)) < 0)
			moat_print(MOAT_WARN, "map '%s': its event is lost", rb->map->name);
	}
	pthread_mutex_unlock(&r->consumer);
	return got < 0 ? got : (int)count;
}

int moat_ring_buffer__poll(struct moat_ring_buffer *rb, int timeout_ms)
{
	struct moat_ring *r = rb->map->data;
	struct pollfd p = { .fd = r->event, .events = POLLIN };
	int n = poll(&p, 1, timeout_ms);

	if (n < 0)
		return -errno;
	return n ? moat_ring_buffer__consume(rb) : 0;
}

int moat_ring_buffer__epoll_fd(const struct moat_ring_buffer *rb)
{
	const struct moat_ring *r = rb->map->data;

	return r->event;
}
