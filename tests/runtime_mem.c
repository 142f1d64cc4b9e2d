/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Heap, cages, domains, handles and slots, without any program. */
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <urcu.h>

#include "../runtime/internal.h"
#include "../runtime/lowmem.h"
#include "../runtime/pages.h"
#include "check.h"
#include "touch.h"

#define RW	(MOAT_READ | MOAT_WRITE)

static u32 lcg(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Against one byte per page: no page twice, only within bounds, found while there is room. */
static void test_pages(void)
{
	enum { NR = 300, FROM = 10, TO = 290, LIVE = 64 };
	struct { u32 first, n; } live[LIVE] = { 0 };
	struct moat_pages p;
	u8 model[NR] = { 0 };
	u32 seed = 1, i, j, k;

	CHECK(!moat_pages_init(&p, NR), "no memory");
	for (i = 0; i < 20000; i++) {
		u32 slot = lcg(&seed) % LIVE, n = 1 + lcg(&seed) % 20, run = 0, room = 0;

		if (live[slot].n) {
			moat_pages_give(&p, live[slot].first, live[slot].n);
			memset(model + live[slot].first, 0, live[slot].n);
			live[slot].n = 0;
			continue;
		}
		for (j = FROM; j < TO; j++) {
			run = model[j] ? 0 : run + 1;
			room = run > room ? run : room;
		}
		j = moat_pages_take(&p, FROM, TO, n);
		if ((j != MOAT_NO_PAGES) != (room >= n) && !CHECK(false, "step %u: %u of %u pages", i, n, room))
			break;
		if (j == MOAT_NO_PAGES)
			continue;
		for (k = j; k < j + n; k++)
			if ((k < FROM || k >= TO || model[k]) && !CHECK(false, "step %u: page %u given twice", i, k))
				return;
		memset(model + j, 1, n);
		live[slot].first = j;
		live[slot].n = n;
	}
	CHECK(moat_pages_take(&p, FROM, TO, TO - FROM + 1) == MOAT_NO_PAGES, "more than there is");
	CHECK(moat_pages_take(&p, 0, NR + 1, 1) == MOAT_NO_PAGES, "beyond the end");
	free(p.bit);
}

static void test_heap(void)
{
	u32 page = moat_heap.page, a, b;
	u64 big;

	CHECK((u64)moat_heap.host % MOAT_4G == 0, "alias at %p", moat_heap.host);
	CHECK(moat_offset(moat_host(0x12345)) == 0x12345, "offset of a host pointer");
	CHECK(!moat_heap_alloc(1, &a) && !moat_heap_alloc(page + 1, &b), "allocation");
	CHECK(a % page == 0 && b % page == 0 && a >= MOAT_EDGE && b >= MOAT_EDGE, "0x%x 0x%x", a, b);
	CHECK(b >= a + 2 * page || a >= b + 3 * page, "0x%x and 0x%x have no page between", a, b);
	memset(moat_host(b), 0xaa, 2 * page);
	moat_heap_free(b, page + 1);
	CHECK(!*(u8 *)moat_host(b) && !*(u8 *)moat_host(b + 2 * page - 1), "freed pages are not zero");
	moat_heap_free(a, 1);
	CHECK(moat_heap_alloc(0, &a) == -EINVAL, "no bytes");
	CHECK(moat_heap_alloc(MOAT_4G, &a) == -ENOMEM, "all of it");

	/* As much as fits in one piece, then nothing of the kind: edges and guards stay. */
	big = moat_heap.hi - moat_heap.lo > MOAT_4G / 2 ? moat_heap.hi - moat_heap.lo : MOAT_4G / 2;
	while (big > page && moat_heap_alloc(big, &a))
		big -= 16 << 20;
	CHECK(a >= MOAT_EDGE && a + big < MOAT_4G - MOAT_EDGE + 1, "0x%x + 0x%llx", a, (unsigned long long)big);
	CHECK(moat_heap_alloc(big, &b) == -ENOMEM, "the same again");
	moat_heap_free(a, big);
}

static void test_home(void)
{
	u32 page = moat_heap.page, a;
	u8 *at;

	if (moat_heap_why()) {
		SKIP("home", moat_heap_why());
		CHECK(!moat_heap_alloc(1, &a), "allocation without a home");
		CHECK(moat_heap_home(a, 1, RW, -1) == -EOPNOTSUPP, "a home where there is none");
		moat_heap_free(a, 1);
		return;
	}
	CHECK(!moat_heap_alloc(2 * page, &a), "allocation");
	at = (u8 *)(uintptr_t)a;
	CHECK(a >= moat_heap.lo && a + 2 * page < moat_heap.hi, "0x%x is not in the home", a);
	CHECK(!can_read(at), "reachable before it has a home");
	CHECK(!moat_heap_home(a, 2 * page, MOAT_READ, -1), "home");
	CHECK(can_read(at) && !can_write(at), "read-only");
	CHECK(!moat_heap_home(a, 2 * page, RW, -1), "second user");
	CHECK(can_write(at) && can_write(at + 2 * page - 1), "writable for the second");
	CHECK(!can_read(at - 1) && !can_read(at + 2 * page), "its neighbours are reachable");
	*(u32 *)moat_host(a) = 7;
	CHECK(*(volatile u32 *)at == 7, "home and alias differ");
	CHECK(moat_heap_home(a, 2 * page, RW, 3) == -EBUSY, "another key");
	CHECK(!moat_heap_home(a, 2 * page, 0, -1) && can_read(at), "gone with its first user");
	CHECK(!moat_heap_home(a, 2 * page, 0, -1) && !can_read(at), "there after its last user");
	moat_heap_free(a, 2 * page);
}

/* An access may end up 32 KiB beside the cage: all of that is ours, and has no rights. */
static bool is_guarded(u64 cage)
{
	unsigned long long start, end;
	u64 at = cage - MOAT_EDGE / 2, to = cage + MOAT_4G + MOAT_EDGE / 2;
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512], rights[5];

	while (f && at < to && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx %4s", &start, &end, rights) != 3 || end <= at)
			continue;
		if (start > at || strcmp(rights, "---p"))
			break;
		at = end;
	}
	if (f)
		fclose(f);
	return at >= to;
}

static void test_cages(void)
{
	enum { NR = 200 };
	u32 page = moat_heap.page, i, j, a;
	u64 cage[NR];

	for (i = 0; i < NR; i++) {
		cage[i] = moat_cage_alloc();
		if (!CHECK(cage[i] && cage[i] % MOAT_4G == 0, "cage %u at 0x%llx", i, (unsigned long long)cage[i]))
			return;
		for (j = 0; j < i; j++)
			if (cage[j] == cage[i])
				CHECK(false, "cages %u and %u are one", i, j);
		if (can_read((u8 *)cage[i]) || can_read((u8 *)cage[i] + MOAT_4G - 1) ||
		    can_read((u8 *)cage[i] + MOAT_4G))
			CHECK(false, "cage %u is not empty", i);
		if (!is_guarded(cage[i]))
			CHECK(false, "what lies beside cage %u may be mapped by others", i);
	}
	CHECK(!moat_heap_alloc(page, &a), "allocation");
	*(u8 *)moat_host(a) = 42;
	CHECK(!moat_cage_map(cage[0], a, page, MOAT_READ, -1), "map");
	CHECK(*(volatile u8 *)(cage[0] + a) == 42 && !can_write((u8 *)cage[0] + a), "not what was mapped");
	CHECK(!can_read((u8 *)cage[1] + a), "mapped in the neighbour too");
	CHECK(moat_cage_map(cage[0], a + 1, page, RW, -1) == -EINVAL, "not a page");
	moat_cage_free(cage[0]);
	CHECK(!can_read((u8 *)cage[0] + a), "mapped in a freed cage");
	CHECK(moat_cage_alloc() == cage[0], "a freed cage is not used again");
	for (i = 0; i < NR; i++)
		moat_cage_free(cage[i]);
	moat_heap_free(a, page);
}

static void test_domain(enum moat_mode mode)
{
	struct moat_domain *d = moat_domain_new(mode), *e = moat_domain_new(mode);
	u32 page = moat_heap.page, a, b, host;
	bool gates;
	u8 *base;

	if (!d) {
		CHECK(errno == EOPNOTSUPP, "errno %d", errno);
		SKIP(moat_mode_name(mode), "not available here");
		return;
	}
	base = (u8 *)d->cage;
	CHECK(e && (d->cage != 0) == d->basereg, "cage 0x%llx", (unsigned long long)d->cage);
	CHECK(!moat_heap_alloc(3 * page, &a) && !moat_heap_alloc(100, &b), "allocation");
	CHECK(!moat_domain_grant(d, a, 3 * page, MOAT_READ, "ro"), "grant");
	CHECK(!moat_domain_grant(d, b, 100, RW, "rw"), "grant");
	CHECK(moat_domain_grant(d, a + page, page, RW, "again") == -EEXIST, "overlapping grant");
	CHECK(moat_domain_grant(d, b + 1, 1, RW, "odd") == -EINVAL, "a grant that is no page");
	/* In gate modes only who has opened the key gets there; from here on we have. */
	if (d->gates) {
		CHECK(!can_read(base + a) && !can_write(base + b), "open without the key");
		moat_wrpkru(d->host_pkru & ~(3u << 2 * d->key));
	}
	CHECK(can_read(base + a) && !can_write(base + a) && can_write(base + b), "rights");
	CHECK(moat_domain_has(d, a, 3 * page, MOAT_READ) && !moat_domain_has(d, a, 1, MOAT_WRITE), "read-only");
	CHECK(moat_domain_has(d, b + 99, 1, RW) && !moat_domain_has(d, b + 99, 2, RW), "100 bytes are not 101");
	CHECK(!moat_domain_has(e, a, 1, MOAT_READ), "another domain has it too");
	if (d->basereg)
		CHECK(!can_read((u8 *)e->cage + a), "mapped in another domain");
	moat_domain_revoke(d, a);
	CHECK(!can_read(base + a) && !moat_domain_has(d, a, 1, MOAT_READ), "there after it was taken back");
	CHECK(can_write(base + b) && moat_domain_has(d, b, 100, RW), "gone with its neighbour");
	host = d->host_pkru;
	gates = d->gates;
	moat_domain_free(d);
	CHECK(!can_read(base + b), "mapped after its domain is gone");
	if (gates)
		moat_wrpkru(host);
	moat_domain_free(e);
	moat_heap_free(a, 3 * page);
	moat_heap_free(b, 100);
}

/* The region table against one byte of rights per byte of memory. */
static void test_regions(void)
{
	enum { NR = 40 };
	struct moat_domain *d = moat_domain_new(MOAT_MODE_BASEREG);
	u32 page = moat_heap.page, seed = 2, i, j, off, size[NR] = { 0 };
	u8 *model = calloc(NR + 1, page), rights, have;

	CHECK(d && model && !moat_heap_alloc(NR * page, &off), "set-up");
	for (i = 0; i < 3000; i++) {
		u32 k = lcg(&seed) % NR, n = lcg(&seed) % 300;
		u64 p = (lcg(&seed) % NR) * page + lcg(&seed) % 300;

		if (size[k]) {
			moat_domain_revoke(d, off + k * page);
			memset(model + k * page, 0, page);
			size[k] = 0;
		} else {
			size[k] = 1 + lcg(&seed) % page;
			rights = 1 + lcg(&seed) % 3;
			moat_domain_grant(d, off + k * page, size[k], rights, "");
			memset(model + k * page, rights, size[k]);
		}
		rights = 1 + lcg(&seed) % 3;
		for (have = 3, j = 0; j <= n; j++)
			have &= model[p + j];
		if (moat_domain_has(d, off + p, n + 1, rights) != ((have & rights) == rights))
			CHECK(false, "step %u: 0x%llx + %u rights %u", i, (unsigned long long)p, n + 1, rights);
	}
	CHECK(!moat_domain_has(d, ~0ull, 1, MOAT_READ) && !moat_domain_has(d, off, ~0ull, MOAT_READ), "wrapped");
	CHECK(!moat_domain_has(d, (1ull << 32) + off, 1, MOAT_READ), "high bits ignored");
	moat_domain_free(d);
	moat_heap_free(off, NR * page);
	free(model);
}

static void test_handles(enum moat_mode mode)
{
	struct moat_domain *d = moat_domain_new(mode);
	static struct moat_map map[MOAT_MAX_MAPS + 1];
	u64 h, first;
	u32 i, bad = 0;

	if (!d) {
		SKIP(moat_mode_name(mode), "not available here");
		return;
	}
	memset(map, 0, sizeof(map));
	map[0].heap_bytes = 10;
	map[0].rights = RW;
	CHECK(!moat_heap_alloc(10, &map[0].heap_off), "allocation");
	for (i = 0; i < MOAT_MAX_MAPS; i++) {
		h = moat_domain_map(d, &map[i]);
		bad += !h || moat_domain_map_at(d, h) != &map[i] || moat_domain_handle(d, &map[i]) != h;
		bad += mode == MOAT_MODE_NONE ? h != (u64)&map[i] : h != (i + 1) * 8;
	}
	CHECK(!bad, "%u handles are wrong", bad);
	CHECK(!moat_domain_map(d, &map[MOAT_MAX_MAPS]), "one map more than there is room");
	first = moat_domain_handle(d, &map[0]);
	CHECK(moat_domain_map(d, &map[0]) == first && map[0].nr_domain == 1, "named twice");
	CHECK(moat_domain_has(d, map[0].heap_off, 10, RW), "its values were not granted");
	CHECK(!moat_domain_map_at(d, 0) && !moat_domain_map_at(d, 9) && !moat_domain_map_at(d, ~0ull) &&
	      !moat_domain_map_at(d, (MOAT_MAX_MAPS + 1) * 8), "a forged handle names a map");
	moat_domain_unmap(d, &map[0]);
	CHECK(!moat_domain_map_at(d, first) && !map[0].nr_domain, "named after it was taken out");
	CHECK(!moat_domain_has(d, map[0].heap_off, 10, MOAT_READ), "its values are still granted");
	CHECK(moat_domain_map(d, &map[MOAT_MAX_MAPS]), "no handle after one was given back");
	moat_domain_free(d);
	for (i = 0; i <= MOAT_MAX_MAPS; i++) {
		bad += map[i].nr_domain;
		free(map[i].domain);
	}
	CHECK(!bad, "%u maps name a freed domain", bad);
	moat_heap_free(map[0].heap_off, 10);
}

static void test_slots(void)
{
	struct moat_domain *d = moat_domain_new(MOAT_MODE_BASEREG);
	struct moat_slot_mem *s[MOAT_MAX_NESTING], *other;
	u32 i;

	for (i = 0; i < MOAT_MAX_NESTING; i++) {
		s[i] = moat_slot_get(d, 5);
		if (!CHECK(s[i] && (!i || s[i] != s[i - 1]), "level %u", i))
			return;
		CHECK(can_write((u8 *)d->cage + s[i]->off), "level %u is not mapped", i);
		CHECK(can_write((u8 *)d->cage + s[i]->off + MOAT_SLOT_BYTES - 1), "level %u: its end", i);
	}
	CHECK(!moat_slot_get(d, 5) && errno == EBUSY && d->busy == 1, "one level too many");
	other = moat_slot_get(d, 6);
	CHECK(other && other->off != s[0]->off, "two CPUs share a slot");
	moat_slot_put(s[MOAT_MAX_NESTING - 1]);
	CHECK(moat_slot_get(d, 5) == s[MOAT_MAX_NESTING - 1], "not the slot that was given back");
	CHECK(!moat_domain_has(d, s[0]->off, 1, MOAT_READ), "a slot is in the region table");
	moat_domain_free(d);
}

static void *revokes(void *arg)
{
	struct moat_domain *d = arg;

	moat_domain_revoke(d, d->regions->region[0].start);
	return NULL;
}

/* Revoking waits for a run, which needs its first slot on another CPU meanwhile: neither may wait for ever. */
static void test_revoke_waits(void)
{
	struct moat_domain *d = moat_domain_new(MOAT_MODE_BASEREG);
	struct moat_slot_mem *s;
	pthread_t t;
	u32 a, b;

	CHECK(!moat_thread_register() && moat_slot_get(d, 0), "set-up");
	CHECK(!moat_heap_alloc(10, &a) && !moat_heap_alloc(10, &b), "allocation");
	CHECK(!moat_domain_grant(d, a, 10, RW, ""), "grant");
	alarm(30);
	rcu_read_lock();
	pthread_create(&t, NULL, revokes, d);
	while (moat_domain_has(d, a, 1, RW))
		;
	usleep(20000);
	CHECK(can_read((u8 *)d->cage + a), "the program lost pages that a helper may still use");
	s = moat_slot_get(d, 1);
	CHECK(s, "no slot");
	CHECK(!moat_domain_grant(d, b, 10, RW, "") && moat_domain_has(d, b, 10, RW), "granting waits too");
	rcu_read_unlock();
	pthread_join(t, NULL);
	alarm(0);
	CHECK(!can_read((u8 *)d->cage + a) && can_read((u8 *)d->cage + b), "not what was revoked");
	moat_domain_free(d);
	moat_heap_free(a, 10);
	moat_heap_free(b, 10);
}

/* Many threads allocate, fill, check and free: nobody sees another's bytes. */
static void *hammer(void *arg)
{
	u32 id = (uintptr_t)arg, seed = id, bad = 0, i, j, off;

	for (i = 0; i < 2000; i++) {
		u32 bytes = 1 + lcg(&seed) % 30000;
		u8 *p;

		if (moat_heap_alloc(bytes, &off)) {
			bad++;
			continue;
		}
		p = moat_host(off);
		for (j = 0; j < bytes; j += 512)
			bad += p[j] != 0;
		memset(p, id, bytes);
		for (j = 0; j < bytes; j += 512)
			bad += p[j] != id;
		moat_heap_free(off, bytes);
	}
	return (void *)(uintptr_t)bad;
}

static void test_threads(void)
{
	pthread_t t[4];
	void *bad;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		pthread_create(&t[i], NULL, hammer, (void *)(uintptr_t)(i + 1));
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		pthread_join(t[i], &bad);
		CHECK(!bad, "thread %u saw %lu wrong bytes", i, (unsigned long)bad);
	}
}

static struct moat_domain *one_of_many(u32 *value)
{
	struct moat_domain *d = moat_domain_new(MOAT_MODE_BASEREG);

	if (!d || moat_heap_alloc(64, value) || moat_domain_grant(d, *value, 64, RW, "value"))
		return NULL;
	return moat_slot_get(d, 0) ? d : NULL;
}

/* As the design promises: 10,000 live ones, each with a slot and a map, in the kernel's default of mappings. */
static void test_many(void)
{
	enum { NR = 10000 };
	struct moat_domain **d = calloc(NR, sizeof(*d));
	u32 *value = calloc(NR, sizeof(*value)), i, n, before = mappings();
	struct timespec t[3];

	clock_gettime(CLOCK_MONOTONIC, &t[0]);
	for (n = 0; n < NR; n++) {
		d[n] = one_of_many(&value[n]);
		if (!d[n])
			break;
		*(u32 *)(d[n]->cage + value[n]) = n;
	}
	clock_gettime(CLOCK_MONOTONIC, &t[1]);
	CHECK(n == NR, "only %u domains, %u mappings", n, mappings());
	printf("%u domains: %u mappings each, %.1f us to make\n", n, (mappings() - before) / (n ? n : 1),
	       ((t[1].tv_sec - t[0].tv_sec) * 1e9 + t[1].tv_nsec - t[0].tv_nsec) / 1e3 / (n ? n : 1));
	for (i = 0; i < n; i++)
		if (*(u32 *)moat_host(value[i]) != i)
			CHECK(false, "domain %u lost its value", i);
	for (i = 0; i < n; i++) {
		moat_domain_free(d[i]);
		moat_heap_free(value[i], 64);
	}
	clock_gettime(CLOCK_MONOTONIC, &t[2]);
	printf("%u domains: %.1f us to free\n", n,
	       ((t[2].tv_sec - t[1].tv_sec) * 1e9 + t[2].tv_nsec - t[1].tv_nsec) / 1e3 / (n ? n : 1));
	CHECK(mappings() < before + 100, "%u mappings are left, there were %u", mappings(), before);
	free(d);
	free(value);
}

int main(void)
{
	enum moat_mode m;

	if (moat_heap_init())
		return 1;
	test_pages();
	test_heap();
	test_home();
	test_cages();
	for (m = MOAT_MODE_NONE; m < MOAT_NR_MODES; m++) {
		test_domain(m);
		test_handles(m);
	}
	test_regions();
	test_slots();
	test_revoke_waits();
	test_threads();
	test_many();
	return check_done();
}
