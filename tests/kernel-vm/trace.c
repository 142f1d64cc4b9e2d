/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tracing programs on the kernel's events, counted against what this process did; loads through pointers that are no
 * good; trampolines before, after and instead of functions.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "object.h"
#include "sys.h"
#include "trace.h"

#define CALLS	40

static volatile struct trace_shared *shared;
static char mode[16];	/* of this kernel */

/* The object with @name, no program loaded but @only (NULL: all), which must have the kernel's mode; sets @shared. */
static struct bpf_object *load_one(const char *object, const char *only, const char **why)
{
	struct bpf_object *obj = object_open(object);
	struct bpf_program *prog;
	static char text[256];
	size_t bytes;
	int err;

	*why = "it is nowhere";
	if (!obj)
		return NULL;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, !only || !strcmp(bpf_program__name(prog), only));
	err = bpf_object__load(obj);
	shared = err ? NULL : object_section(obj, ".bss", &bytes);
	if (shared) {
		shared->pid = (u32)getpid();
		shared->getppid = SYS_getppid;
		object_check_mode(obj, mode);
		return obj;
	}
	object_why(text);
	*why = text;
	bpf_object__close(obj);
	return NULL;
}

static struct bpf_link *attach(struct bpf_object *obj, const char *name)
{
	struct bpf_link *link = bpf_program__attach(bpf_object__find_program_by_name(obj, name));

	return link;
}

static void do_getppid(void)
{
	syscall(SYS_getppid);
}

static void do_sleep(void)
{
	struct timespec t = { .tv_nsec = 1000 };

	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL);
}

/* One program, one kind of event, CALLS times. */
static void count(const char *name, u32 what, void (*act)(void))
{
	const char *why;
	struct bpf_object *obj = load_one("trace", name, &why);
	struct bpf_link *link = obj ? attach(obj, name) : NULL;
	u32 i;

	if (!CHECK(obj, "%s: %s", name, why))
		return;
	if (!link) {
		if (errno == ENOTSUPP)
			SKIP(name, "this kernel has no trampolines for functions");
		else
			CHECK(false, "%s is not attached: %s", name, strerror(errno));
		bpf_object__close(obj);
		return;
	}
	for (i = 0; i < CALLS; i++)
		act();
	CHECK(shared->count[what] == CALLS, "%s: %llu events, not %u", name, (unsigned long long)shared->count[what],
	      CALLS);
	bpf_link__destroy(link);
	act();
	CHECK(shared->count[what] == CALLS, "%s runs although it is detached", name);
	bpf_object__close(obj);
}

static void switches(void)
{
	const char *why;
	struct bpf_object *obj = load_one("trace", "on_switch", &why);
	struct bpf_link *link = obj ? attach(obj, "on_switch") : NULL;
	u32 i;

	if (!CHECK(link, "on_switch: %s", obj ? strerror(errno) : why))
		return;
	for (i = 0; i < CALLS; i++)
		usleep(1000);
	/* away and back; more if others want the CPU */
	CHECK(shared->count[TRACE_SWITCH] >= CALLS, "on_switch: %llu switches",
	      (unsigned long long)shared->count[TRACE_SWITCH]);
	bpf_link__destroy(link);
	bpf_object__close(obj);
}

/* Probe loads ---------------------------------------------------------------------------- */

/* They ask for the current task's address, which isolated programs are not told: see "types" for what those follow. */
static bool is_refused(const char *name, struct bpf_object *obj, const char *why)
{
	if (strcmp(mode, "basereg"))
		return false;
	CHECK(!obj && strstr(why, "helper bpf_get_current_task_btf reveals"), "%s: %s", name,
	      obj ? "not refused" : why);
	bpf_object__close(obj);
	return true;
}

static void follow_good(void)
{
	const char *why;
	struct bpf_object *obj = load_one("trace", "follow", &why);
	struct bpf_link *link = obj ? attach(obj, "follow") : NULL;

	if (is_refused("follow", obj, why))
		return;
	if (!CHECK(link, "follow: %s", obj ? strerror(errno) : why))
		return;
	do_getppid();
	CHECK(shared->parent == (u32)getppid() && shared->leader == (u32)getpid(),
	      "follow: parent %u, not %u; leader %u, not %u", shared->parent, getppid(), shared->leader, getpid());
	CHECK(shared->count[TRACE_NULL], "follow: what NULL points to is not read as 0");
	bpf_link__destroy(link);
	bpf_object__close(obj);
}

/* A list head in user space at @address, as a thread may say without anybody looking. */
static bool set_wild(u64 address)
{
	return !syscall(SYS_set_robust_list, address, 24);
}

static void follow_wild(void)
{
	static const struct { const char *name; u64 address; } bad[] = {
		{ "NULL", 0 }, { "the first page", 4000 }, { "the end of user space", 0x7ffffffffff0ull },
		{ "no canonical address", 0x8000000000000000ull }, { "a hole in the kernel", 0xffff7ffffffff000ull },
		{ "another hole", 0xffffff0000001000ull }, { "the last bytes", 0xfffffffffffffff0ull },
		{ "all ones", ~0ull }, { "half canonical", 0x0000800000000000ull },
	};
	const char *why;
	struct bpf_object *obj = load_one("trace", "follow_wild", &why);
	struct bpf_link *link = obj ? attach(obj, "follow_wild") : NULL;
	size_t i;

	/* a kernel whose types say that the pointer is user space's takes no such program */
	if (!obj && strstr(why, "access user memory")) {
		SKIP("follow_wild", why);
		return;
	}
	if (is_refused("follow_wild", obj, why))
		return;
	if (!CHECK(link, "follow_wild: %s", obj ? strerror(errno) : why))
		return;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		shared->wild = shared->wild_long = shared->wild_twice = 99;
		shared->guard[0] = 1;
		shared->guard[1] = 2;
		shared->count[TRACE_WILD] = 0;
		if (!CHECK(set_wild(bad[i].address), "no robust list at %llx", (unsigned long long)bad[i].address))
			continue;
		do_getppid();
		set_wild(0);
		CHECK(shared->count[TRACE_WILD] == 1 && !shared->wild && !shared->wild_long && !shared->wild_twice &&
		      shared->guard[0] == shared->guard[1],
		      "%s: read %llx, %llx, %llx", bad[i].name, (unsigned long long)shared->wild,
		      (unsigned long long)shared->wild_long, (unsigned long long)shared->wild_twice);
	}
	bpf_link__destroy(link);
	bpf_object__close(obj);
}

/* Samples ---------------------------------------------------------------------------------- */

static void samples(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_CLOCK, .size = sizeof(attr),
		.sample_freq = 500, .freq = 1 };
	const char *why;
	struct bpf_object *obj = load_one("trace", "on_sample", &why);
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	double end = sys_now() + 5;

	if (!CHECK(obj, "on_sample: %s", why))
		return;
	if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, object_prog(obj, "on_sample"))) {
		SKIP("on_sample", strerror(errno));
		return;
	}
	while (shared->count[TRACE_SAMPLE] < 5 && sys_now() < end)
		;
	CHECK(shared->count[TRACE_SAMPLE] >= 5, "on_sample: %llu in 5 s", (unsigned long long)shared->count[TRACE_SAMPLE]);
	close(fd);
	bpf_object__close(obj);
}

/* Trampolines ------------------------------------------------------------------------------- */

/* The kernel calls the test functions when a program on one of them is run. */
static bool run_tests(struct bpf_object *obj, const char *name, u32 *retval)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err = bpf_prog_test_run_opts(object_prog(obj, name), &opts);

	*retval = opts.retval;
	return !err;
}

static u64 want_6(void)
{
	/* bpf_fentry_test6(16, (void *)17, 18, 19, (void *)20, 21) in net/bpf/test_run.c */
	return 16 + 17 * 2 + 18 * 3 + 19 * 4 + 20 * 5 + 21 * 6;
}

static void check_hooks(struct bpf_object *obj)
{
	u32 ret;

	if (!CHECK(run_tests(obj, "before_1", &ret), "the test functions do not run: %s", strerror(errno)))
		return;
	CHECK(shared->count[TRACE_FENTRY] == 2 && shared->args == 1 * 31 + want_6(),
	      "fentry: %llu runs, arguments %llu, not %llu", (unsigned long long)shared->count[TRACE_FENTRY], (unsigned long long)shared->args,
	      (unsigned long long)(31 + want_6()));
	CHECK(shared->count[TRACE_FEXIT] == 2 && shared->result == 16 + 17 + 18 + 19 + 20 + 21,
	      "fexit: %llu runs, result %llu", (unsigned long long)shared->count[TRACE_FEXIT], (unsigned long long)shared->result);
	CHECK(shared->count[TRACE_NULL] == 2 && !shared->wild, "NULL: %llu runs, read %llx",
	      (unsigned long long)shared->count[TRACE_NULL], (unsigned long long)shared->wild);
	shared->deny = 0;
	CHECK(run_tests(obj, "instead", &ret) && shared->count[TRACE_MODIFY] == 1, "fmod_ret: %llu runs",
	      (unsigned long long)shared->count[TRACE_MODIFY]);
	CHECK((ret & 0xffff) == 4 && ret >> 16 == 1, "fmod_ret that lets pass: %x", ret);
	shared->deny = 1;
	CHECK(run_tests(obj, "instead", &ret) && (s16)ret == -EPERM && ret >> 16 == 0, "fmod_ret that denies: %x", ret);
}

static void lsm(struct bpf_object *obj)
{
	struct bpf_link *link = attach(obj, "on_socket");
	int fd;

	if (!link) {
		SKIP("lsm", strerror(errno));
		return;
	}
	shared->deny = 0;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(fd >= 0 && shared->count[TRACE_LSM] == 1, "LSM: %llu sockets", (unsigned long long)shared->count[TRACE_LSM]);
	close(fd);
	shared->deny = 1;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(fd < 0 && errno == EACCES, "LSM: a socket is made although it is denied");
	bpf_link__destroy(link);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(fd >= 0, "LSM: no socket although it is gone");
	close(fd);
}

static void trampolines(void)
{
	static const char *const hooks[] = { "before_1", "before_6", "after_6", "after_2", "null_7", "null_8", "instead" };
	struct bpf_link *link[sizeof(hooks) / sizeof(hooks[0])];
	const char *why;
	struct bpf_object *obj = load_one("hooks", NULL, &why);
	size_t i, n = 0;

	if (!CHECK(obj, "fentry, fexit, fmod_ret, LSM: %s", why))
		return;
	for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		link[i] = attach(obj, hooks[i]);
		n += link[i] != NULL;
	}
	if (n == i)
		check_hooks(obj);
	else if (!n)
		SKIP("fentry, fexit, fmod_ret", strerror(errno));
	else
		CHECK(false, "only %zu of %zu trampolines can be attached: %s", n, i, strerror(errno));
	for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		bpf_link__destroy(link[i]);
	lsm(obj);
	bpf_object__close(obj);
}

int main(void)
{
	sys_read("net/core/bpf_moat", mode, sizeof(mode));
	sys_pin();
	count("enter_getppid", TRACE_TRACEPOINT, do_getppid);
	count("raw_enter", TRACE_RAW, do_getppid);
	count("typed_enter", TRACE_TYPED, do_getppid);
	count("on_kprobe", TRACE_KPROBE, do_sleep);
	count("on_kretprobe", TRACE_KRETPROBE, do_sleep);
	switches();
	follow_good();
	follow_wild();
	samples();
	trampolines();
	return check_done();
}
