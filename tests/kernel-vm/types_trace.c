/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs on trampolines, of a security module, and on tracepoints that can be written: see types.c. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "object.h"
#include "types.h"

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

/* Objects of the kernel ------------------------------------------------------------------------- */

/* There is a new task, which ends at once. */
static bool forks(struct type_test *t)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(7);
	return child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7;
}

/* Both of @n times, something was read as @value. */
static void check_read(struct type_test *t, u32 what, u64 value, u32 n)
{
	u64 should = 0;

	while (n--)
		should = should * 31 + value;
	CHECK(t->shared->seen[what] == should, "%s in mode %s: %u: %llx is read, not %llx", t->name, t->mode, what,
	      (unsigned long long)t->shared->seen[what], (unsigned long long)should);
}

static void check_tasks(struct type_test *t, u32 n)
{
	check_read(t, 8, 2, n);
	check_read(t, 9, 1, n);
	check_read(t, 10, 't' | 's' << 8, n);
	check_read(t, 11, 1, n);
}

static void fork_once(struct type_test *t)
{
	types_see(t, forks(t));
	check_tasks(t, 1);
}

#if defined(__x86_64__)
/* Nothing is read where a list head is said to be that is not there, and not in user space. */
static void fork_wild(struct type_test *t)
{
	static u64 ours[3] = { 5, 5, 5 };
	const u64 bad[] = { 0, 4000, (u64)ours, 0x7ffffffffff0, 1ull << 63, 0xffff7ffffffff000, 0xffffff0000001000, -16ull };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(!syscall(SYS_set_robust_list, bad[i], 24), "no robust list at %llx", (unsigned long long)bad[i]);
		types_see(t, forks(t));
	}
	syscall(SYS_set_robust_list, 0, 24);
	check_tasks(t, i);
	check_read(t, 12, 1, i);
	check_read(t, 13, 1, i);
	check_read(t, 14, 1, i);
}
#endif

static void run_zeros(struct type_test *t)
{
	types_see(t, run_functions(t));
	check_read(t, 15, 1, 1);
	check_read(t, 16, 1, 1);
}

static bool opens(struct type_test *t)
{
	int fd = open("/dev/null", O_RDWR);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void open_files(struct type_test *t)
{
	struct statfs fs;
	struct stat file;

	CHECK(!statfs("/dev/null", &fs) && !stat("/dev/null", &file), "no /dev/null");
	types_see(t, opens(t));
	check_read(t, 18, (u64)fs.f_type, 1);
	check_read(t, 19, file.st_mode, 1);
	t->shared->deny = 1;
	CHECK(!opens(t) && errno == EACCES, "%s: a file is opened although it is denied", t->mode);
	t->shared->deny = 0;
}

struct type_test types_trace[] = {
	{ "fentry, fexit", { "before", "after" }, attach, trace, runs_functions, .open = true },
	{ "fmod_ret", { "instead" }, attach, modify, calls_function },
	{ "LSM", { "on_socket" }, attach, make_sockets, makes_socket },
	{ "raw_tracepoint_writable", { "on_finish", "nothing" }, attach, finish_runs, finishes, .open = true },
	{ "tp_btf that reads tasks", { "on_fork" }, attach, fork_once, forks, .open = true, .reads = true },
#if defined(__x86_64__)	/* elsewhere the kernel's types say that the list head is user space's, and the verifier looks at that */
	{ "fentry that reads tasks", { "on_wake" }, attach, fork_wild, forks, .open = true, .reads = true },
#endif
	{ "fentry that reads zeros", { "on_zeros" }, attach, run_zeros, runs_functions, .open = true, .reads = true },
	{ "LSM that reads files", { "on_open" }, attach, open_files, opens, .reads = true },
	{ .name = NULL },
};
