/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks that a verifier without a fault lets pass: a result above 0, which callers of a hook take for success, or for
 * the address of what was not made; and a tail call to a program that looks where the first one's context has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "isolate.h"
#include "net.h"
#include "object.h"
#include "types.h"

/* What the kernel says to us: a result, or an error below 0. */
static int ask_getpgid(void)
{
	int group = getpgid(getpid());

	return group < 0 ? -errno : group == getpgid(0) ? 0 : group;
}

static int ask_getsockopt(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), value, ret;
	socklen_t len = sizeof(value);

	ret = getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &len);
	ret = ret < 0 ? -errno : ret;
	close(fd);
	return ret;
}

static int asked;	/* the program that is run */

/* The lower half is what the function returned, or who stood in its place; it counts its calls in the upper one. */
static int ask_test(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	CHECK(!bpf_prog_test_run_opts(asked, &opts), "it does not run: %s", strerror(errno));
	return opts.retval >> 16 ? 0 : (s16)opts.retval;
}

static const struct hook {
	const char *name;
	int (*ask)(void);
	bool by_group;
} hooks[] = {
	{ "on_getpgid", ask_getpgid },
	{ "instead_of_getpgid", ask_getpgid },
	{ "instead_of_test", ask_test },
	{ "on_get", ask_getsockopt, .by_group = true },
};

static void say(const struct hook *h, struct bpf_object *obj, const char *mode, int result, int answer)
{
	int is;

	isolate_set(obj, "result", (u64)(s64)result);
	is = h->ask();
	isolate_set(obj, "result", 0);
	CHECK(is == answer, "%s in mode %s says %d: the answer is %d, not %d", h->name, mode, result, is, answer);
}

/* A result of which a trampoline sees more than the caller of the hook must not keep the next program from its say. */
static void check_second(const char *mode)
{
	static const char *const names[] = { "on_getpgid", "second", NULL };
	struct bpf_object *obj = isolate_load("types_results", mode, names, NULL);
	struct bpf_link *first, *second;

	if (!obj)
		return;
	isolate_set(obj, "pid", (u64)getpid());
	/* who comes last is called first */
	second = bpf_program__attach(bpf_object__find_program_by_name(obj, "second"));
	first = bpf_program__attach(bpf_object__find_program_by_name(obj, "on_getpgid"));
	if (!first && errno == ENOTSUPP) {
		SKIP("second program", "this kernel has no trampolines for functions");
	} else if (CHECK(first && second, "not attached: %s", strerror(errno))) {
		isolate_set(obj, "result", 1ull << 32);
		CHECK(ask_getpgid() == 0, "mode %s: an answer, although all that is looked at is 0", mode);
		CHECK((isolate_get(obj, "seconds") > 0) == !!strcmp(mode, "none"), "mode %s: the second program was called %llu times",
		      mode, (unsigned long long)isolate_get(obj, "seconds"));
	}
	bpf_link__destroy(first);
	bpf_link__destroy(second);
	bpf_object__close(obj);
}

static void check_hook(const struct hook *h, const char *mode, int group)
{
	const char *const names[] = { h->name, NULL };
	struct bpf_object *obj = isolate_load("types_results", mode, names, NULL);
	bool isolated = strcmp(mode, "none");
	unsigned long long faults, refused;
	struct bpf_program *prog;
	struct bpf_link *link;

	if (!obj)
		return;
	prog = bpf_object__find_program_by_name(obj, h->name);
	isolate_set(obj, "pid", (u64)getpid());
	asked = bpf_program__fd(prog);
	link = h->by_group ? bpf_program__attach_cgroup(prog, group) : bpf_program__attach(prog);
	if (!link && errno == ENOTSUPP) {
		SKIP(h->name, "this kernel has no trampolines for functions");
	} else if (CHECK(link, "%s in mode %s is not attached: %s", h->name, mode, strerror(errno))) {
		say(h, obj, mode, 0, 0);
		say(h, obj, mode, -EACCES, -EACCES);
		say(h, obj, mode, 1, isolated ? -EPERM : 1);
		say(h, obj, mode, 0x7fff, isolated ? -EPERM : 0x7fff);
		say(h, obj, mode, 0, 0);
		isolate_domain(h->name, &faults, &refused);
		CHECK(!isolated || faults == 2, "%s: %llu faults", h->name, faults);
	}
	bpf_link__destroy(link);
	bpf_object__close(obj);
}

/* The kernel's own JIT dies of it. */
static void check_follower(const char *mode)
{
	static const char *const names[] = { "without_context", "looks", NULL };
	struct bpf_object *obj = isolate_load("types_results", mode, names, NULL);
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	u64 args[12] = { 5 };

	if (!obj)
		return;
	CHECK(!bpf_prog_test_run_opts(object_prog(obj, "without_context"), &opts) && opts.retval == 7,
	      "without a context: it returns %u", opts.retval);
	opts.ctx_in = args;
	opts.ctx_size_in = sizeof(args);
	CHECK(!bpf_prog_test_run_opts(object_prog(obj, "looks"), &opts) && opts.retval == 8 && isolate_get(obj, "seen") == 5,
	      "with one: it returns %u and has seen %llu", opts.retval, (unsigned long long)isolate_get(obj, "seen"));
	bpf_object__close(obj);
}

void types_results(const char *mode, int group)
{
	size_t i;

	for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		check_hook(&hooks[i], mode, group);
	check_second(mode);
	if (strcmp(mode, "none"))
		check_follower(mode);
}

/* What is asked and what is answered lie in one place, which the kernel is not to look at twice. */
void types_routes(const char *mode)
{
	static const char *const names[] = { "routes", NULL };
	struct bpf_object *obj = isolate_load("types_results", mode, names, NULL);
	int home = open("/proc/self/ns/net", O_RDONLY);
	struct bpf_fib_lookup *route;
	u8 frame[64] = { 0 };
	struct net net;
	u32 ret;

	if (!obj || !CHECK(net_open(&net), "no network"))
		return;
	sys_write("net/ipv4/conf/v0/forwarding", "1");
	route = isolate_variable(obj, "route");
	*route = (struct bpf_fib_lookup) {
		.family = AF_INET, .l4_protocol = IPPROTO_UDP, .ifindex = net.index,
		.ipv4_src = htonl(NET_FAR), .ipv4_dst = htonl(NET_FAR), .rt_metric = ~0u,
	};
	CHECK(!sys_run(object_prog(obj, "routes"), frame, sizeof(frame), 1, &ret) && ret == BPF_FIB_LKUP_RET_NO_NEIGH &&
	      route->ifindex == net.index && route->rt_metric == 0, "a route in mode %s: %u, device %u, metric %u", mode, ret,
	      route->ifindex, route->rt_metric);
	bpf_object__close(obj);
	CHECK(!setns(home, CLONE_NEWNET), "no way back: %s", strerror(errno));
	close(home);
}
