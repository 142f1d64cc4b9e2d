/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finding images: from an address to the image that it lies in, from a handle to a function.
 *
 * The fault handler asks, so the first answer takes no lock: one pointer per
 * page of code memory, because an image has its pages for itself.
 */
#include <sys/mman.h>

#include "internal.h"

static _Atomic(struct moat_image *) *at_page;	/* of code memory */
static u64 start, end;				/* of code memory; set before @at_page */
static u32 shift;				/* log2 of the page size */

static int init(void)
{
	void *p;

	if (moat_code_init() || !moat_code_range(&start, &end))
		return -ENOMEM;
	shift = __builtin_ctzl(sysconf(_SC_PAGESIZE));
	p = mmap(NULL, ((end - start) >> shift) * sizeof(*at_page), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	__atomic_store_n(&at_page, p, __ATOMIC_RELEASE);
	return 0;
}

static void set_pages(const struct moat_image *img, struct moat_image *to)
{
	u64 i = (img->pc - start) >> shift;
	u64 last = (img->pc + img->bytes - 1 - start) >> shift;

	for (; i <= last; i++)
		atomic_store(&at_page[i], to);
}

/*
 * Faults in the image are a program's from now on.  Without memory for the
 * table (512 KiB, once) they stay the host's own and end the process.
 */
void moat_image_publish(struct moat_image *img)
{
	pthread_mutex_lock(&moat_lock);
	if (at_page || !init())
		set_pages(img, img);
	else
		moat_print(MOAT_WARN, "no memory for the table of images");
	pthread_mutex_unlock(&moat_lock);
}

/* No run is in the image any more. */
void moat_image_retract(struct moat_image *img)
{
	pthread_mutex_lock(&moat_lock);
	if (at_page)
		set_pages(img, NULL);
	pthread_mutex_unlock(&moat_lock);
}

struct moat_image *moat_image_at(u64 pc)
{
	_Atomic(struct moat_image *) *table = __atomic_load_n(&at_page, __ATOMIC_ACQUIRE);

	if (!table || pc < start || pc >= end)
		return NULL;
	return atomic_load(&table[(pc - start) >> shift]);
}

u64 moat_image_callback(const struct moat_image *img, u64 handle)
{
	u32 lo = 0, hi = img->nr_callback;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (img->callback[mid].pc == handle)
			return img->pc + img->callback[mid].at;
		if (img->callback[mid].pc < handle)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}
