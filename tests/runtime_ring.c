/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ring buffers: room, order, wrapping, wakeups, and producers against a consumer. */
#include <poll.h>
#include "map_make.h"

#define PRODUCERS	3
#define RECORDS		60000

/* What a consumer saw. */
struct seen {
	u64 next[PRODUCERS];	/* number that is due from each producer */
	u32 records, bad;
	int stop;		/* after so many records return -7; 0: never */
	u32 last_size;
	u8 last[64];
};

static int sample(void *ctx, void *data, size_t size)
{
	struct seen *s = ctx;

	s->records++;
	s->last_size = size;
	memcpy(s->last, data, size < sizeof(s->last) ? size : sizeof(s->last));
	return s->stop && s->records == (u32)s->stop ? -7 : 0;
}

static bool readable(const struct moat_ring_buffer *rb)
{
	struct pollfd p = { .fd = moat_ring_buffer__epoll_fd(rb), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void put(struct moat_map *map, const char *text, bool discard, u64 flags)
{
	u64 pos;
	void *data = moat_ring_reserve(map, strlen(text), &pos);

	CHECK(data, "no room for %s", text);
	memcpy(data, text, strlen(text));
	moat_ring_commit(map, pos, discard, flags);
}

static void basics(void)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, NULL);
	struct seen s = { .bad = 0 };
	struct moat_ring_buffer *rb = moat_ring_buffer__new(map, sample, &s);
	u64 pos, other;

	CHECK(moat_ring_buffer__consume(rb) == 0 && !readable(rb), "empty");
	put(map, "first", false, 0);
	CHECK(readable(rb), "readable");
	CHECK(moat_ring_buffer__poll(rb, 0) == 1 && s.last_size == 5 && !memcmp(s.last, "first", 5), "first");
	CHECK(!readable(rb), "read");
	put(map, "dropped", true, 0);
	put(map, "second", false, 0);
	CHECK(moat_ring_buffer__consume(rb) == 1 && s.last_size == 6, "size %u", s.last_size);
	put(map, "quiet", false, BPF_RB_NO_WAKEUP);
	CHECK(!readable(rb), "BPF_RB_NO_WAKEUP");
	put(map, "quiet too", false, 0);
	CHECK(!readable(rb), "no wakeup while the consumer is behind");
	put(map, "loud", false, BPF_RB_FORCE_WAKEUP);
	CHECK(readable(rb), "BPF_RB_FORCE_WAKEUP");
	s.records = 0;
	s.stop = 2;
	CHECK(moat_ring_buffer__consume(rb) == -7 && s.records == 2, "stopped by the callback");
	CHECK(readable(rb), "what is left keeps it readable");
	CHECK(moat_ring_buffer__consume(rb) == 1 && !readable(rb), "the rest");

	/* A record that is not committed holds up those behind it. */
	CHECK(moat_ring_reserve(map, 8, &pos) && moat_ring_reserve(map, 8, &other), "two");
	moat_ring_commit(map, other, false, 0);
	CHECK(moat_ring_buffer__consume(rb) == 0, "busy");
	CHECK(moat_ring_query(map, BPF_RB_AVAIL_DATA) == 32, "available");
	moat_ring_commit(map, pos, true, 0);
	CHECK(moat_ring_buffer__consume(rb) == 1, "one was discarded");
	CHECK(moat_ring_query(map, BPF_RB_RING_SIZE) == 4096 && moat_ring_query(map, BPF_RB_AVAIL_DATA) == 0 &&
	      moat_ring_query(map, BPF_RB_CONS_POS) == moat_ring_query(map, BPF_RB_PROD_POS), "queries");
	CHECK(!moat_ring_buffer__new(map, NULL, NULL) && errno == EINVAL, "no callback");
	moat_ring_buffer__free(rb);
	map_drop(map);
}

/* The kernel's limits: what fits a ring, and that every place in it can take the largest record. */
static void room(void)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, NULL);
	struct seen s = { .bad = 0 };
	struct moat_ring_buffer *rb = moat_ring_buffer__new(map, sample, &s);
	u64 pos, other;
	u8 *data;
	u32 i;

	CHECK(!moat_ring_reserve(map, 4096, &pos), "larger than the ring");
	CHECK(!moat_ring_reserve(map, 4088, &pos), "the ring is never quite full");
	CHECK(!moat_ring_reserve(map, ~0ull, &pos) && !moat_ring_reserve(map, 1ull << 32, &pos), "absurd");
	for (i = 0; i < 300; i++) {
		data = moat_ring_reserve(map, 4080, &pos);
		if (!CHECK(data, "round %u", i))
			break;
		CHECK(data >= (u8 *)moat_host(map->heap_off) &&
		      data + 4080 <= (u8 *)moat_host(map->heap_off) + map->heap_bytes, "outside the data area");
		memset(data, i, 4080);
		CHECK(!moat_ring_reserve(map, 8, &other), "full");
		moat_ring_commit(map, pos, false, 0);
		CHECK(moat_ring_buffer__consume(rb) == 1 && s.last_size == 4080 && s.last[0] == (u8)i, "round %u", i);
		put(map, "", false, 0);
		CHECK(moat_ring_buffer__consume(rb) == 1 && s.last_size == 0, "empty record");
	}
	moat_ring_buffer__free(rb);
	map_drop(map);
}

struct record {
	u32 producer, length;
	u64 number;
	u8 fill[];
};

struct producer {
	struct moat_map *map;
	u32 id;
	u64 full;
};

static _Atomic bool give_up;	/* the consumer has stopped */

static void *produce(void *arg)
{
	struct producer *p = arg;
	u64 n, pos;

	for (n = 0; n < RECORDS && !give_up; ) {
		u32 length = sizeof(struct record) + n * 13 % 300;
		struct record *r = moat_ring_reserve(p->map, length, &pos);

		if (!r) {
			p->full++;
			sched_yield();
			continue;
		}
		r->producer = p->id;
		r->length = length;
		r->number = n;
		memset(r->fill, (u8)(n + p->id), length - sizeof(*r));
		/* Now and then one is given up: the consumer must not see it. */
		moat_ring_commit(p->map, pos, n % 10 == 9, 0);
		n++;
	}
	return NULL;
}

static int check_record(void *ctx, void *data, size_t size)
{
	struct record *r = data;
	struct seen *s = ctx;
	size_t i;

	s->records++;
	if (size < sizeof(*r) || r->length != size || r->producer >= PRODUCERS || r->number != s->next[r->producer]) {
		s->bad++;
		return 0;
	}
	s->next[r->producer] = r->number + 1 + (r->number % 10 == 8);
	for (i = 0; i < size - sizeof(*r); i++)
		s->bad += r->fill[i] != (u8)(r->number + r->producer);
	return 0;
}

static void threads(void)
{
	struct moat_map *map = map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, 8192, 0, NULL);
	struct seen s = { .bad = 0 };
	struct moat_ring_buffer *rb = moat_ring_buffer__new(map, check_record, &s);
	struct producer p[PRODUCERS];
	pthread_t thread[PRODUCERS];
	u32 i, idle = 0;

	for (i = 0; i < PRODUCERS; i++) {
		p[i] = (struct producer){ .map = map, .id = i };
		pthread_create(&thread[i], NULL, produce, &p[i]);
	}
	/* A lost wakeup shows as a wait that ends without a record; a busy machine may cause one, but not many. */
	while (s.records < PRODUCERS * RECORDS / 10 * 9 && idle < 5) {
		struct pollfd p = { .fd = moat_ring_buffer__epoll_fd(rb), .events = POLLIN };

		idle += poll(&p, 1, 1000) == 0;
		if (moat_ring_buffer__consume(rb) < 0)
			break;
	}
	give_up = true;
	for (i = 0; i < PRODUCERS; i++)
		pthread_join(thread[i], NULL);
	CHECK(s.records == PRODUCERS * RECORDS / 10 * 9 && !s.bad, "%u records, %u bad", s.records, s.bad);
	CHECK(idle < 5, "wakeups were lost");
	CHECK(p[0].full + p[1].full + p[2].full > 0, "the ring was never full: the test is too weak");
	moat_ring_buffer__free(rb);
	map_drop(map);
}

int main(void)
{
	moat_set_print(NULL);
	basics();
	room();
	threads();
	return check_done();
}
