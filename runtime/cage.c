/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Cages: 4 GiB aligned ranges of 4 GiB, in which only what a domain was granted is mapped.
 *
 * A cage is address space, not memory.  It is taken from the kernel in
 * chunks, as one mapping without rights, and never given back: what nobody
 * maps, nobody else may map there either.
 *
 * Emitted code may add the 16-bit offset of an access to an address in the
 * cage, so 32 KiB on each side must fault as well.  The edges of a cage (64 KiB,
 * MOAT_EDGE), where nothing is ever mapped, are the guards of its neighbours;
 * a chunk has such an edge of its own in front of its first cage and behind
 * its last.
 *
 * The kernel limits the number of mappings (vm.max_map_count, 65530): an idle
 * cage costs none, each grant in it two.
 */
#include <sys/mman.h>

#include "internal.h"
#include "lowmem.h"

#define CHUNK	64	/* cages, at most */

static u64 *spare;		/* stack of free cages */
static u32 nr_spare, max_spare;
static u32 chunk = 1;		/* cages to reserve next time */

/* Without MAP_FIXED nothing of anyone's is replaced; with it only what we have reserved. */
static void *reserve(u64 at, u64 bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (at ? MAP_FIXED : 0);

	return mmap((void *)at, bytes, PROT_NONE, flags, -1, 0);
}

static int push(u64 cage)
{
	if (nr_spare == max_spare) {
		u32 max = max_spare ? 2 * max_spare : CHUNK;
		u64 *p = realloc(spare, max * sizeof(*p));

		if (!p)
			return -ENOMEM;
		spare = p;
		max_spare = max;
	}
	spare[nr_spare++] = cage;
	return 0;
}

/*
 * Reserve more cages, fewer where address space is limited.  One cage and two
 * edges more than is used: the first begins at the first multiple of 4 GiB that
 * has an edge in front, so the last ends an edge before the end at least.  Few
 * at first: emulators keep a table entry for each page of what is reserved.
 */
static int grow(void)
{
	u32 n, i;

	for (n = chunk; n; n /= 2) {
		void *p = reserve(0, (n + 1) * MOAT_4G + 2 * MOAT_EDGE);
		u64 first = align_up((uintptr_t)p + MOAT_EDGE, MOAT_4G);

		if (p == MAP_FAILED)
			continue;
		chunk = n < CHUNK ? 2 * n : n;
		for (i = n; i > 0; i--)
			if (push(first + (i - 1) * MOAT_4G))
				return nr_spare ? 0 : -ENOMEM;
		return 0;
	}
	return -ENOMEM;
}

u64 moat_cage_alloc(void)
{
	u64 cage = 0;

	pthread_mutex_lock(&moat_lock);
	if (nr_spare || !grow())
		cage = spare[--nr_spare];
	pthread_mutex_unlock(&moat_lock);
	return cage;
}

void moat_cage_free(u64 cage)
{
	/* Not reused unless it is empty for certain. */
	if (reserve(cage, MOAT_4G) == MAP_FAILED) {
		moat_print(MOAT_WARN, "a cage cannot be unmapped: %s", strerror(errno));
		return;
	}
	pthread_mutex_lock(&moat_lock);
	if (push(cage))
		moat_print(MOAT_DEBUG, "a cage is lost: no memory");
	pthread_mutex_unlock(&moat_lock);
}

static int protection(u8 rights)
{
	return (rights & MOAT_READ ? PROT_READ : 0) | (rights & MOAT_WRITE ? PROT_READ | PROT_WRITE : 0);
}

int moat_cage_map(u64 cage, u32 off, size_t bytes, u8 rights, int key)
{
	void *at = (void *)(cage + off);
	int prot = protection(rights);
	int err;

	bytes = align_up(bytes, moat_heap.page);
	if (off % moat_heap.page || off + (u64)bytes > MOAT_4G)
		return -EINVAL;
	if (!rights && reserve(cage + off, bytes) != MAP_FAILED)
		return 0;
	if (!rights)	/* no mapping to spare for it, but this needs none */
		return mprotect(at, bytes, PROT_NONE) ? -errno : 0;
	if (mmap(at, bytes, prot, MAP_SHARED | MAP_FIXED, moat_heap.fd, off) == MAP_FAILED)
		goto fail;
	/* Each mmap() begins with key 0, which domains have closed: never too much is open. */
	if (key >= 0 && pkey_mprotect(at, bytes, prot, key))
		goto fail;
	return 0;
fail:
	err = -errno;
	if (err == -ENOMEM)
		moat_print(MOAT_WARN, "no more mappings: see vm.max_map_count");
	reserve(cage + off, bytes);
	return err;
}
