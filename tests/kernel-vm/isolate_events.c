/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Isolated programs that are attached to events of the kernel: trace.bpf.o, counted against what this process did. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

#include "../check.h"
#include "isolate.h"
#include "object.h"
#include "trace.h"

#define CALLS	40

static void do_getppid(void)
{
	syscall(SYS_getppid);
}

static void do_sleep(void)
{
	struct timespec t = { .tv_nsec = 1000 };

	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL);
}

static struct bpf_object *load(const char *mode, const char *name)
{
	struct bpf_object *obj = object_open("trace");
	struct bpf_program *prog;
	char why[256] = "it is nowhere";
	int err = -ENOENT;

	sys_write("net/core/bpf_moat", mode);
	if (obj) {
		bpf_object__for_each_program(prog, obj)
			bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
		err = bpf_object__load(obj);
	}
	sys_write("net/core/bpf_moat", "none");
	if (!err)
		return obj;
	object_why(why);
	CHECK(false, "%s is not loaded in mode %s: %s", name, mode, why);
	bpf_object__close(obj);
	return NULL;
}

static void count(const char *mode, const char *name, u32 what, void (*act)(void))
{
	struct bpf_object *obj = load(mode, name);
	volatile struct trace_shared *shared;
	struct bpf_link *link;
	size_t bytes;
	u32 i;

	if (!obj)
		return;
	shared = object_section(obj, ".bss", &bytes);
	shared->pid = (u32)getpid();
	shared->getppid = SYS_getppid;
	link = bpf_program__attach(bpf_object__find_program_by_name(obj, name));
	if (CHECK(link, "%s is not attached in mode %s: %s", name, mode, strerror(errno))) {
		for (i = 0; i < CALLS; i++)
			act();
		CHECK(shared->count[what] == CALLS, "%s in mode %s: %llu events, not %u", name, mode,
		      (unsigned long long)shared->count[what], CALLS);
		bpf_link__destroy(link);
	}
	bpf_object__close(obj);
}

void isolate_events(const char *mode)
{
	count(mode, "enter_getppid", TRACE_TRACEPOINT, do_getppid);
	count(mode, "raw_enter", TRACE_RAW, do_getppid);
	count(mode, "on_kprobe", TRACE_KPROBE, do_sleep);
	count(mode, "on_kretprobe", TRACE_KRETPROBE, do_sleep);
}
