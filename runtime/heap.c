/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The heap: 4 GiB of sparse memory from which everything that programs may touch is allocated.
 *
 * The pages belong to a memfd and are mapped where they are needed: all of
 * them once for the host (the alias), some at their own offset in low memory
 * (the home), some in cages.  Only the alias is permanent.
 */
#include <sys/mman.h>
#include <fcntl.h>

#include "internal.h"
#include "lowmem.h"
#include "pages.h"

pthread_mutex_t moat_lock = PTHREAD_MUTEX_INITIALIZER;
struct moat_heap moat_heap = { .fd = -1 };

/* What is reachable at home, by first page. */
struct home {
	u16 users;
	u8 rights;
	s8 key;
};

static struct moat_pages pages;
static struct home *homes;
static const char *no_home = "the heap was not set up";
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int init_err;

static u32 pages_of(u64 bytes)
{
	return align_up(bytes, moat_heap.page) / moat_heap.page;
}

/* A new memfd of 4 GiB, mapped at @at (NULL: anywhere 4 GiB aligned) as the alias. */
static int map_alias(u8 *at)
{
	int fd = memfd_create("moat-heap", MFD_CLOEXEC);
	int err;
	u8 *p;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, MOAT_4G))
		goto fail;
	if (!at) {
		p = mmap(NULL, 2 * MOAT_4G, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			goto fail;
		at = (u8 *)align_up((uintptr_t)p, MOAT_4G);
		if (at > p)
			munmap(p, at - p);
		if (p + MOAT_4G > at)	/* one page stays: it absorbs an overrun of the last offset */
			munmap(at + MOAT_4G + moat_heap.page, p + MOAT_4G - at - moat_heap.page);
	}
	if (mmap(at, MOAT_4G, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		goto fail;
	moat_heap.fd = fd;
	moat_heap.host = at;
	return 0;
fail:
	err = -errno;
	close(fd);
	return err;
}

static int init(void)
{
	u32 nr, edge;
	int err;

	moat_heap.page = sysconf(_SC_PAGESIZE);
	nr = MOAT_4G / moat_heap.page;
	edge = pages_of(MOAT_EDGE);
	err = moat_pages_init(&pages, nr);
	if (err)
		return err;
	moat_pages_mark(&pages, 0, edge);
	moat_pages_mark(&pages, nr - edge, edge);

	/* Sparse too: only entries of pages that have a home are ever touched. */
	homes = mmap(NULL, nr * sizeof(*homes), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (homes == MAP_FAILED)
		return -errno;
	err = map_alias(NULL);
	if (!err)
		no_home = moat_low_reserve(moat_heap.page, &moat_heap.lo, &moat_heap.hi);
	return err;
}

static void init_once(void)
{
	init_err = init();
	if (init_err)
		moat_print(MOAT_WARN, "the heap cannot be set up: %s", strerror(-init_err));
}

int moat_heap_init(void)
{
	pthread_once(&once, init_once);
	return init_err;
}

const char *moat_heap_why(void)
{
	return moat_heap_init() ? "the heap cannot be set up" : no_home;
}

int moat_heap_alloc(size_t bytes, u32 *off)
{
	u32 first = MOAT_NO_PAGES, n;
	int err = moat_heap_init();

	if (err)
		return err;
	if (!bytes || bytes >= MOAT_4G)
		return bytes ? -ENOMEM : -EINVAL;
	n = pages_of(bytes) + 1;

	pthread_mutex_lock(&moat_lock);
	if (moat_heap.hi)
		first = moat_pages_take(&pages, moat_heap.lo / moat_heap.page, moat_heap.hi / moat_heap.page, n);
	if (first == MOAT_NO_PAGES)
		first = moat_pages_take(&pages, 0, pages.nr, n);
	pthread_mutex_unlock(&moat_lock);
	if (first == MOAT_NO_PAGES)
		return -ENOMEM;

	*off = first * moat_heap.page;
	return 0;
}

void moat_heap_free(u32 off, size_t bytes)
{
	u32 first = off / moat_heap.page, n = pages_of(bytes);

	if (!bytes)
		return;
	/* Before the pages can be given out anew: whatever still maps them sees zeros, not the next owner's data. */
	if (fallocate(moat_heap.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, (off_t)n * moat_heap.page))
		memset(moat_host(off), 0, (size_t)n * moat_heap.page);

	pthread_mutex_lock(&moat_lock);
	if (moat_pages_taken(&pages, first, n + 1))
		moat_pages_give(&pages, first, n + 1);
	else
		moat_print(MOAT_WARN, "heap: free of 0x%x, which is not allocated", off);
	pthread_mutex_unlock(&moat_lock);
}

/* Map or unmap pages at address @to, whoever counts them. */
static int map_home(u32 off, size_t bytes, u8 rights, int key)
{
	return moat_cage_map(0, off, bytes, rights, key);
}

/* Under moat_lock. */
static int home_add(struct home *h, u32 off, size_t bytes, u8 rights, int key)
{
	int err;

	if (h->users && h->key != key)
		return -EBUSY;
	if (h->users == UINT16_MAX)
		return -ENOSPC;
	rights |= h->users ? h->rights : 0;
	if (!h->users || rights != h->rights) {
		err = map_home(off, bytes, rights, key);
		if (err)
			return err;
	}
	h->rights = rights;
	h->key = key;
	h->users++;
	return 0;
}

int moat_heap_home(u32 off, size_t bytes, u8 rights, int key)
{
	struct home *h;
	int err = moat_heap_init();

	if (err)
		return err;
	bytes = align_up(bytes, moat_heap.page);
	if (off < moat_heap.lo || off + (u64)bytes > moat_heap.hi)
		return -EOPNOTSUPP;
	h = &homes[off / moat_heap.page];

	pthread_mutex_lock(&moat_lock);
	if (rights)
		err = home_add(h, off, bytes, rights, key);
	else if (h->users && !--h->users)
		err = map_home(off, bytes, 0, -1);
	pthread_mutex_unlock(&moat_lock);
	return err;
}

/*
 * The heap's pages are shared memory: a child that went on to use them would
 * write into its parent's programs.  Other mappings of the old pages stay,
 * but nothing is given out that they show.
 */
int moat_heap_detach(void)
{
	int old = moat_heap.fd, err = map_alias(moat_heap.host);

	if (!err)
		close(old);
	return err;
}
