/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See leaks.h. */
#include <stdlib.h>
#include <unistd.h>

#include "../check.h"
#include "heap.h"
#include "leaks.h"
#include "sys.h"

/* Pages that the kernel's list of areas says BPF has: programs, and packs of their code. */
static long code_pages(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "r");
	char line[512], *at;
	long pages = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, "pages=");
		if (at && strstr(line, " bpf_"))
			pages += atol(at + 6);
	}
	fclose(f);
	return pages;
}

/* KiB of @name in /proc/meminfo. */
static long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "r");
	size_t n = strlen(name);
	char line[128];
	long kib = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, n) && line[n] == ':')
			kib = atol(line + n + 1);
	if (f)
		fclose(f);
	return kib;
}

static long count_tasks(void)
{
	FILE *f = fopen("/proc/loadavg", "r");
	long n = 0;

	if (f && fscanf(f, "%*f %*f %*f %*d/%ld", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

struct leaks leaks_look(void)
{
	struct leaks now = {
		.programs = sys_count_programs(), .maps = sys_count_maps(), .code = code_pages(), .heap = heap_pages(),
		.cages = heap_cages(), .slab = meminfo("SUnreclaim"), .vmalloc = meminfo("VmallocUsed"),
		.free = meminfo("MemAvailable"), .tasks = count_tasks(),
	};

	slabs_look(&now.slabs);
	return now;
}

/*
 * What the allocators keep for themselves, in KiB: partly used slabs, pages on lists of each CPU, and tables of kernel
 * addresses, which are never freed.  Small objects that leak can be less: caches are looked at one by one, too.
 */
#define SLACK	4096

/* KASAN keeps what was freed for a while, up to 1/32 of all memory; a kernel with it is looked through by kmemleak. */
static bool is_debugged(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

static long slack(void)
{
	return is_debugged() ? 32 * SLACK : SLACK;
}

/*
 * Objects of one cache that workers have, and CPUs keep at hand; 2,037 were seen, whatever was loaded.  From 4,682
 * programs on one object that leaks in each is more.  Areas of vmalloc() are freed in bulk, and looked at as pages.
 */
#define MOST_OBJECTS	4096

static bool caches_are_back(const struct leaks *now, const struct leaks *was, u64 loaded, struct slab *most)
{
	*most = slabs_most_grown(&now->slabs, &was->slabs, "vmap_area");
	return is_debugged() || most->used <= MOST_OBJECTS + (long)(loaded / 8);
}

/*
 * Freeing programs and maps waits for others, so that the kernel makes more workers for it, at most 256 for each CPU, which
 * it lets go when they had nothing to do for five minutes.  Each has 9 KiB of slabs, and a stack.
 */
static long most_workers(void)
{
	return 256 * sysconf(_SC_NPROCESSORS_ONLN) + 32;
}

static long workers(const struct leaks *now, const struct leaks *was)
{
	long more = now->tasks - was->tasks;

	return more < 0 ? 0 : more > most_workers() ? most_workers() : more;
}

static bool slabs_are_back(const struct leaks *now, const struct leaks *was)
{
	/* domains are freed with kfree_rcu(), which keeps them for some seconds */
	return now->slab <= was->slab + 2 * slack() + 9 * workers(now, was);
}

static bool vmalloc_is_back(const struct leaks *now, const struct leaks *was)
{
	return now->vmalloc <= was->vmalloc + SLACK + 16 * workers(now, was);
}

/* The kernel keeps page tables of all cages that there were at a time, 20 KiB each, for the next ones. */
#define MOST_TABLES	(2048 * 20)

static bool free_is_back(const struct leaks *now, const struct leaks *was)
{
	return now->free >= was->free - 16 * slack() - MOST_TABLES - 32 * workers(now, was);
}

static bool is_back(const struct leaks *now, const struct leaks *was, u64 loaded)
{
	struct slab most;

	return now->programs <= was->programs && now->maps <= was->maps && now->code <= was->code &&
	       now->heap <= was->heap && now->cages <= was->cages && slabs_are_back(now, was) &&
	       vmalloc_is_back(now, was) && free_is_back(now, was) && caches_are_back(now, was, loaded, &most);
}

/* Freeing waits for readers: give it time. */
static struct leaks settle(const struct leaks *was, u64 loaded)
{
	double patience = sys_now() + 20;
	struct leaks now = leaks_look();

	while (!is_back(&now, was, loaded) && sys_now() < patience) {
		usleep(200000);
		now = leaks_look();
	}
	return now;
}

void leaks_check(const struct leaks *was, u64 loaded)
{
	struct leaks now = settle(was, loaded);
	struct slab most;

	CHECK(now.programs <= was->programs, "%u programs are left, %u were there", now.programs, was->programs);
	CHECK(now.maps <= was->maps, "%u maps are left, %u were there", now.maps, was->maps);
	CHECK(now.code <= was->code, "%ld pages of programs are left, %ld were there", now.code, was->code);
	CHECK(now.heap <= was->heap, "%ld pages of the heap are left, %ld were there", now.heap, was->heap);
	CHECK(now.cages <= was->cages, "%ld cages are left, %ld were there", now.cages, was->cages);
	CHECK(slabs_are_back(&now, was), "slabs have %ld KiB, they had %ld", now.slab, was->slab);
	CHECK(caches_are_back(&now, was, loaded, &most), "%s has %ld objects more after %llu programs", most.name,
	      most.used, (unsigned long long)loaded);
	CHECK(free_is_back(&now, was), "%ld KiB of memory are free, %ld were", now.free, was->free);
	CHECK(vmalloc_is_back(&now, was), "vmalloc has %ld KiB, it had %ld", now.vmalloc, was->vmalloc);
	printf("left: slabs %+ld KiB, vmalloc %+ld KiB, free %+ld KiB, heap %+ld pages, cages %+ld, code %+ld pages, tasks %+ld\n",
	       now.slab - was->slab, now.vmalloc - was->vmalloc, now.free - was->free, now.heap - was->heap,
	       now.cages - was->cages, now.code - was->code, now.tasks - was->tasks);
	slabs_print_growth(&was->slabs);
}
