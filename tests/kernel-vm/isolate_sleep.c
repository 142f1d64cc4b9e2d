/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs that may sleep (isolate_sleep.bpf.c): all of them at once wait for memory that comes later, more of them than
 * there are slots; none is lost, and one that goes astray behind its sleep is ended like any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "isolate.h"
#include "isolate_sleep.h"
#include "object.h"

#if defined(__x86_64__)
#define OWN(name)	name "_x86"
#else
#define OWN(name)	name "_arm64"
#endif

#define SLOTS_PER_CPU	4
void isolate_asleep(const void *word);

/* What the programs are attached to, by name.  Never inlined, and never left out. */
__attribute__((noinline)) void isolate_asleep(const void *word)
{
	__asm__ volatile("" : : "r"(word) : "memory");
}

static void *call_asleep(void *word)
{
	isolate_asleep(word);
	return NULL;
}

static void *open_asleep(void *word)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0, "open: %s", strerror(errno));
	close(fd);
	return NULL;
}

static struct bpf_link *attach(struct bpf_object *obj, const char *name)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .func_name = "isolate_asleep");
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	if (bpf_program__type(prog) == BPF_PROG_TYPE_LSM)
		return bpf_program__attach(prog);
	return bpf_program__attach_uprobe_opts(prog, getpid(), "/proc/self/exe", 0, &opts);
}

/* Pages that nobody has yet: who reads one waits until it is given. */
static u8 *late_pages(u32 nr, size_t page, int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .range.len = nr * page, .mode = UFFDIO_REGISTER_MODE_MISSING };
	u8 *at = mmap(NULL, nr * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	range.range.start = (u64)(uintptr_t)at;
	if (!CHECK(at != MAP_FAILED && *uffd >= 0 && !ioctl(*uffd, UFFDIO_API, &api) &&
		   !ioctl(*uffd, UFFDIO_REGISTER, &range), "no late pages: %s", strerror(errno)))
		return NULL;
	return at;
}

static bool give_page(int uffd, u8 *at, size_t page, u64 word)
{
	u64 *from = aligned_alloc(page, page);
	struct uffdio_copy copy = { .dst = (u64)(uintptr_t)at, .src = (u64)(uintptr_t)from, .len = page };
	bool ok;

	memset(from, 0, page);
	*from = word;
	ok = !ioctl(uffd, UFFDIO_COPY, &copy);
	free(from);
	return ok;
}

/* More tasks than there are slots, if as many can be in the program at a time; @act makes one run. */
static void many(volatile struct sleep_shared *shared, const char *name, void *(*act)(void *))
{
	u32 cpus = (u32)libbpf_num_possible_cpus(), nr = cpus < 15 ? SLOTS_PER_CPU * cpus + 4 : 63, i;	/* a bit for each */
	pthread_t *thread = calloc(nr, sizeof(*thread));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned long long faults, refused;
	int uffd;
	u8 *at = late_pages(nr, page, &uffd);

	if (!at)
		return;
	shared->pages = (u64)(uintptr_t)at;
	shared->page_bytes = (u32)page;
	shared->tgid = (u32)getpid();
	for (i = 0; i < nr; i++)
		pthread_create(&thread[i], NULL, act, at + i * page);
	usleep(500000);
	CHECK(!shared->runs, "%u of %u did not wait", shared->runs, nr);
	for (i = 0; i < nr; i++)
		CHECK(give_page(uffd, at + i * page, page, 1ull << i), "page %u: %s", i, strerror(errno));
	for (i = 0; i < nr; i++)
		pthread_join(thread[i], NULL);
	shared->tgid = 0;
	isolate_domain(name, &faults, &refused);
	CHECK(shared->runs == nr && !shared->failed && shared->sum == (1ull << nr) - 1 && !refused,
	      "%u of %u ran, %u failed, %llu without a slot, sum 0x%llx", shared->runs, nr, shared->failed, refused,
	      (unsigned long long)shared->sum);
	munmap(at, nr * page);
	close(uffd);
	free(thread);
}

static void many_calls(volatile struct sleep_shared *shared, const char *name)
{
	many(shared, name, call_asleep);
}

static void many_opens(volatile struct sleep_shared *shared, const char *name)
{
	many(shared, name, open_asleep);
}

static void astray(volatile struct sleep_shared *shared, const char *name)
{
	u64 wild = prey("secret.at");
	unsigned long long faults, refused;

	isolate_asleep(&wild);
	isolate_domain(name, &faults, &refused);
	CHECK(shared->runs == 1 && shared->sum == wild && !shared->behind && faults == 1,
	      "%u runs, %u came behind, %llu faults", shared->runs, shared->behind, faults);
}

static void with(const char *mode, const char *name, void (*act)(volatile struct sleep_shared *, const char *))
{
	const char *names[] = { name, NULL };
	struct bpf_object *obj = isolate_load("isolate_sleep", mode, names, NULL);
	struct bpf_link *link = obj ? attach(obj, name) : NULL;
	size_t bytes;
	void *shared = obj ? object_section(obj, ".bss", &bytes) : NULL;

	if (!link && errno == ENOTSUPP)
		SKIP(name, "this kernel has no trampolines");
	else if (CHECK(link && shared, "%s is not attached: %s", name, strerror(errno)))
		act(shared, name);
	if (shared)
		munmap(shared, bytes);
	bpf_link__destroy(link);
	bpf_object__close(obj);
}

static void refused(const char *mode, const char *name, const char *reason)
{
	const char *const names[] = { name, NULL };
	char why[256] = "";
	struct bpf_object *obj = isolate_load("isolate_sleep", mode, names, why);

	CHECK(!obj && strstr(why, reason), "%s: %s", name, obj ? "loaded" : why);
	bpf_object__close(obj);
}

/* A tail call from a program that may not sleep to one that may is none. */
static void tail_call(const char *mode)
{
	static const char *const names[] = { "go_on", OWN("take"), NULL };
	struct bpf_object *obj = isolate_load("isolate_sleep", mode, names, NULL);
	struct bpf_link *link = obj ? attach(obj, names[0]) : NULL;
	volatile struct sleep_shared *shared;
	u64 word = 5;
	size_t bytes;

	if (!CHECK(link, "%s is not attached: %s", names[0], strerror(errno)))
		return;
	sys_map_set(object_map(obj, "following"), 0, object_prog(obj, names[1]));
	shared = object_section(obj, ".bss", &bytes);
	isolate_asleep(&word);
	CHECK(shared && shared->behind == 1 && !shared->runs, "a program that may sleep runs where one may not");
	munmap((void *)(uintptr_t)shared, bytes);
	bpf_link__destroy(link);
	bpf_object__close(obj);
}

void isolate_sleep(const char *mode)
{

	with(mode, OWN("take"), many_calls);
	with(mode, "sleep_in_open", many_opens);
	if (CHECK(fool(true), "the verifier cannot be fooled"))
		with(mode, OWN("follow"), astray);
	fool(false);
	tail_call(mode);
	refused(mode, "look_inside", "which a program that may sleep cannot use");
	refused(mode, "walk", "where nobody may sleep");
}
