/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs on trampolines, of a security module, and on tracepoints that can be written: see types.c. */
#include <errno.h>
#include <unistd.h>
#include <sys/socket.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "object.h"
#include "types.h"

#define ENOTSUPP	524	/* the kernel's own */

static bool attach(struct type_test *t)
{
	u32 i;

	t->shared->ports[0] = (u32)getpid();
	for (i = 0; t->programs[i]; i++) {
		/* the last one is only run */
		if (!strcmp(t->programs[i], "nothing"))
			break;
		t->link[i] = bpf_program__attach(types_program(t, i));
		if (!t->link[i] && errno == ENOTSUPP) {
			SKIP(t->name, "this kernel has no trampolines for functions");
			t->missing = true;
			return false;
		}
		if (!CHECK(t->link[i], "%s in mode %s is not attached: %s", t->programs[i], t->mode, strerror(errno)))
			return false;
	}
	return true;
}

/* The kernel calls its test functions when such a program is run. */
static u64 run_functions(struct type_test *t)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(bpf_program__fd(types_program(t, 0)), &opts))
		return (u64)errno << 32;
	return opts.retval;
}

static void trace(struct type_test *t)
{
	types_see(t, run_functions(t));
	CHECK(t->shared->runs == 2, "%s: %llu programs ran", t->mode, (unsigned long long)t->shared->runs);
}

static bool runs_functions(struct type_test *t)
{
	return !(run_functions(t) >> 32);
}

static void modify(struct type_test *t)
{
	types_see(t, run_functions(t));
	t->shared->deny = 1;
	types_see(t, run_functions(t));
	CHECK((s16)t->seen[1] == -EPERM && t->seen[1] >> 16 == 0, "%s: the function was not replaced: %llx", t->mode,
	      (unsigned long long)t->seen[1]);
	t->shared->deny = 0;
}

/* The kernel's own function is called, and not the program instead. */
static bool calls_function(struct type_test *t)
{
	return run_functions(t) >> 16 == 1;
}

static bool makes_socket(struct type_test *t)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void make_sockets(struct type_test *t)
{
	types_see(t, makes_socket(t));
	t->shared->deny = 1;
	types_see(t, makes_socket(t));
	CHECK(!makes_socket(t) && errno == EACCES, "%s: a socket is made although it is denied", t->mode);
	t->shared->deny = 0;
}

static u64 run_nothing(struct type_test *t)
{
	u32 result;

	return (u64)-sys_run(bpf_program__fd(types_program(t, 1)), attack_packet, PACKET_BYTES, 1, &result);
}

static void finish_runs(struct type_test *t)
{
	types_see(t, run_nothing(t));
	t->shared->deny = ENOTTY;
	types_see(t, run_nothing(t));
	CHECK(t->seen[0] == 0 && t->seen[1] == ENOTTY, "%s: errors are %llu and %llu", t->mode, (unsigned long long)t->seen[0],
	      (unsigned long long)t->seen[1]);
	t->shared->deny = 0;
}

static bool finishes(struct type_test *t)
{
	return !run_nothing(t);
}

struct type_test types_trace[] = {
	{ "fentry, fexit", { "before", "after" }, attach, trace, runs_functions, .open = true },
	{ "fmod_ret", { "instead" }, attach, modify, calls_function },
	{ "LSM", { "on_socket" }, attach, make_sockets, makes_socket },
	{ "raw_tracepoint_writable", { "on_finish", "nothing" }, attach, finish_runs, finishes, .open = true },
	{ .name = NULL },
};
