/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Code memory: one range for all images, mapped read and execute, never writable.
 *
 * It is a memfd, and code is written through the file descriptor: no page of
 * this process is ever writable and executable, not even at two addresses.
 * The range lies within reach of a rel32 from libmoat's own functions where
 * the kernel finds room there.  It is opened up step by step, each step
 * filled with traps first, so no executable byte is anything but a trap or
 * part of an image.
 */
#include <sys/mman.h>

#include "internal.h"
#include "pages.h"

#define ARENA		(256u << 20)
#define STEP		(256u << 10)	/* bytes opened up at a time */
#define REACH		((1ull << 31) - ARENA - (16 << 20))	/* 16 MiB: libmoat itself */
#define STRIDE		(32ull << 20)	/* between the places that are tried */

static struct moat_pages pages;
static u64 base;
static u32 opened;		/* bytes from the start that are executable */
static int fd = -1;
static u32 page;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int init_err;

/* What fills bytes that are no code: an instruction that traps, whatever byte execution starts at. */
static void fill_traps(u8 *to, u32 bytes)
{
#if defined(__x86_64__)
	memset(to, 0xcc, bytes);	/* int3 */
#else
	memset(to, 0, bytes);		/* arm64: udf #0 */
#endif
}

/* Map [@pc, @pc + @bytes), whole pages of the arena, to execute. */
static int map(u64 pc, u32 bytes)
{
	void *p = mmap((void *)pc, bytes, moat_code_rights(), MAP_SHARED | MAP_FIXED, fd, pc - base);

	return p == MAP_FAILED ? -errno : 0;
}

/*
 * Make @bytes at @pc, just written elsewhere, what the CPU executes. On x86 it
 * does by itself.  On arm64 the caches are told by address; QEMU's emulation of
 * processes (before 8.1) takes no notice of that, but of a new mapping, which
 * replaces the old one in one step.
 */
static void flush(u64 pc, u32 bytes)
{
#if defined(__aarch64__)
	map(pc, align_up(bytes, page));
#endif
	__builtin___clear_cache((char *)pc, (char *)pc + bytes);
}

static int write_all(u64 pc, const u8 *from, u32 bytes)
{
	while (bytes) {
		ssize_t n = pwrite(fd, from, bytes, pc - base);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		from += n;
		pc += n;
		bytes -= n;
	}
	return 0;
}

static int write_traps(u64 pc, u32 bytes)
{
	u8 trap[4096];
	int err = 0;

	fill_traps(trap, sizeof(trap));
	while (bytes && !err) {
		u32 n = bytes < sizeof(trap) ? bytes : sizeof(trap);

		err = write_all(pc, trap, n);
		pc += n;
		bytes -= n;
	}
	return err;
}

static void *reserve(u64 at, int fixed)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed;
	void *p = mmap((void *)at, ARENA, PROT_NONE, flags, -1, 0);

	if (p != MAP_FAILED && fixed && (u64)p != at) {
		munmap(p, ARENA);
		p = MAP_FAILED;
	}
	return p;
}

/* Address space for the arena: near @text on either side, else anywhere. */
static u64 place(u64 text)
{
	u64 d;
	void *p;

	text &= ~(STRIDE - 1);
	for (d = ARENA + STRIDE; d <= REACH; d += STRIDE) {
		p = text > d ? reserve(text - d, MAP_FIXED_NOREPLACE) : MAP_FAILED;
		if (p == MAP_FAILED)
			p = reserve(text + d, MAP_FIXED_NOREPLACE);
		if (p != MAP_FAILED)
			return (u64)p;
	}
	p = reserve(0, 0);
	return p == MAP_FAILED ? 0 : (u64)p;
}

static int new_file(void)
{
	int err;

	fd = memfd_create("moat-code", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, ARENA))
		return 0;
	err = -errno;
	close(fd);
	return err;
}

static int init(void)
{
	int err;

	page = sysconf(_SC_PAGESIZE);
	err = moat_pages_init(&pages, ARENA / page);
	if (!err)
		err = new_file();
	if (!err) {
		base = place((u64)moat_code_init);
		err = base ? 0 : -ENOMEM;
	}
	return err;
}

static void init_once(void)
{
	init_err = init();
	if (init_err)
		moat_print(MOAT_WARN, "code memory cannot be set up: %s", strerror(-init_err));
}

int moat_code_init(void)
{
	pthread_once(&once, init_once);
	return init_err;
}

/* Make the arena executable up to @end at least.  Under moat_lock. */
static int open_up(u32 end)
{
	u32 bytes;
	int err;

	if (end <= opened)
		return 0;
	end = align_up(end, STEP);
	bytes = end - opened;
	err = write_traps(base + opened, bytes);
	if (err)
		return err;
	err = map(base + opened, bytes);
	if (err)
		return err;
	opened = end;
	return 0;
}

int moat_code_alloc(u32 bytes, u64 *pc)
{
	u32 first, n;
	int err = moat_code_init();

	if (err)
		return err;
	if (!bytes || bytes > ARENA)
		return bytes ? -ENOMEM : -EINVAL;
	n = align_up(bytes, page) / page;

	pthread_mutex_lock(&moat_lock);
	first = moat_pages_take(&pages, 0, pages.nr, n);
	err = first == MOAT_NO_PAGES ? -ENOMEM : open_up((first + n) * page);
	if (err && first != MOAT_NO_PAGES)
		moat_pages_give(&pages, first, n);
	pthread_mutex_unlock(&moat_lock);
	if (!err)
		*pc = base + (u64)first * page;
	return err;
}

int moat_code_write(u64 pc, const u8 *from, u32 bytes)
{
	int err;

	if (pc < base || pc - base > ARENA || bytes > ARENA - (pc - base))
		return -EINVAL;
	err = write_all(pc, from, bytes);
	if (!err)
		flush(pc, bytes);
	return err;
}

void moat_code_free(u64 pc, u32 bytes)
{
	u32 first = (pc - base) / page, n = align_up(bytes, page) / page;

	if (!bytes)
		return;
	if (write_traps(pc, n * page)) {
		moat_print(MOAT_WARN, "freed code cannot be overwritten: it stays allocated");
		return;
	}
	flush(pc, n * page);
	pthread_mutex_lock(&moat_lock);
	moat_pages_give(&pages, first, n);
	pthread_mutex_unlock(&moat_lock);
}

bool moat_code_range(u64 *start, u64 *end)
{
	*start = base;
	*end = base + ARENA;
	return base != 0;
}

/* The file is shared with the parent: what the child writes must not become the parent's code. */
int moat_code_detach(void)
{
	int err, old = fd;

	if (!base)
		return 0;
	err = new_file();
	if (err)
		return err;
	close(old);
	if (mmap((void *)base, ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		 -1, 0) == MAP_FAILED)
		return -errno;
	opened = 0;
	moat_pages_give(&pages, 0, pages.nr);
	pages.next = 0;
	return 0;
}
