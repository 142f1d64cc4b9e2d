/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All at once on every CPU: programs come and go, tail calls are rewired while they are taken, trampolines while their
 * function runs, XDP programs while frames come in.  Nothing may crash, go wrong, or be left behind.
 *
 *	stress [SECONDS [PIECES]]
 *
 * PIECES (1) of so many seconds each, after each of which everything must be as before the first.  In a kernel that
 * isolates programs those of this test are isolated.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "leaks.h"
#include "net.h"
#include "object.h"
#include "stress.h"
#include "sys.h"
#include "twin.h"

static double end_at;
static char mode[16];		/* of this kernel; in another network's namespace it is not told */
static bool isolated, has_trampolines;
static _Atomic u64 loads, all_loads, updates, runs, hooks, switches;

bool stress_more(void)
{
	return sys_now() < end_at;
}

/* Random programs, several at a time, freed in another order than they came. */
static void *load_and_unload(void *arg)
{
	struct gen_program *p = malloc(sizeof(*p));
	struct gen_options o = { .buffer_bytes = TWIN_BUFFER, .kernel = true };
	u64 seed = 1000 * (u64)(uintptr_t)arg;
	int fd[8], i;

	for (i = 0; i < 8; i++)
		fd[i] = -1;
	while (stress_more()) {
		o.statements = 5 + (u32)(seed % 40);
		o.calls = seed % 3 == 0;
		gen_program(p, seed++, &o);
		twin_link(p->insn, p->len);
		i = (int)(seed * 7 % 8);
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = sys_load(BPF_PROG_TYPE_SCHED_CLS, p->insn, p->len);
		loads += fd[i] >= 0;
	}
	for (i = 0; i < 8; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	free(p);
	return NULL;
}

static struct bpf_object *tails;

u64 stress_rewire(struct bpf_object *obj)
{
	static const char *const name[] = { "one", "two", "three" };
	int map = object_map(obj, "targets");
	u32 i = 0, key;
	u64 n = 0;

	while (stress_more()) {
		key = i & 1;
		if (i % 4 == 3)
			bpf_map_delete_elem(map, &key);
		else
			sys_map_set(map, key, object_prog(obj, name[i % 3]));
		i += 1 + (i % 7 == 0);
		n++;
	}
	return n;
}

static void *rewire(void *arg)
{
	updates += stress_rewire(tails);
	return NULL;
}

static void *call(void *arg)
{
	int prog = object_prog(tails, "caller");
	u8 packet[64] = { 0 };
	bool right = true;
	u32 ret = 0;

	while (right && stress_more()) {
		right = !sys_run(prog, packet, sizeof(packet), 50, &ret) && (ret == 100 || (ret >= 1 && ret <= 3));
		runs += 50;
	}
	CHECK(right, "caller returned %u", ret);
	return NULL;
}

/* Trampolines: two programs on the same function, attached and detached in turn, while it is called. */
static void *hook(void *arg)
{
	static const char *const name[] = { "before_1", "before_6", "after_6", "after_2" };
	struct bpf_object *obj = arg;
	struct bpf_link *link[4] = { NULL };
	u32 i = 0;

	while (stress_more()) {
		bpf_link__destroy(link[i % 4]);
		link[i % 4] = bpf_program__attach(bpf_object__find_program_by_name(obj, name[i % 4]));
		hooks += link[i % 4] != NULL;
		i += 1 + (i % 5 == 0);
	}
	for (i = 0; i < 4; i++)
		bpf_link__destroy(link[i]);
	return NULL;
}

static void *call_hooked(void *arg)
{
	int prog = object_prog(arg, "before_1"), err = 0;
	u32 ret = 0;

	while (!err && !ret && stress_more()) {
		LIBBPF_OPTS(bpf_test_run_opts, opts);

		err = bpf_prog_test_run_opts(prog, &opts);
		ret = opts.retval;
		runs++;
	}
	CHECK(!err && !ret, "the traced functions: %s, %u", strerror(-err), ret);
	return NULL;
}

/* The dispatcher of XDP has a few programs in it at a time. */
static void *swap_xdp(void *arg)
{
	struct net *net = arg;
	struct bpf_object *a = object_load("bounce", NULL), *b = object_load("examples/firewall", NULL);
	u8 frame[NET_FRAME];
	struct net_packet p = { 17, NET_FAR, NET_NEAR, 1, 2, .payload = 20 };
	u32 bytes = net_build(frame, &p), i, k;

	if (!CHECK(a && b, "the XDP programs do not load"))
		return NULL;
	for (i = 0; i < 3 || stress_more(); i++) {
		bpf_xdp_attach((int)net->index, i & 1 ? object_prog(a, "bounce") : object_prog(b, "firewall"),
			       XDP_FLAGS_DRV_MODE, NULL);
		for (k = 0; k < 20; k++)
			net_send(net->far, frame, bytes);
		if (i % 3 == 2)
			bpf_xdp_detach((int)net->index, XDP_FLAGS_DRV_MODE, NULL);
		switches++;
	}
	bpf_xdp_detach((int)net->index, XDP_FLAGS_DRV_MODE, NULL);
	/* What waits in these sockets would look like a leak. */
	net_drain(net->near);
	net_drain(net->witness);
	net_drain(net->far);
	bpf_object__close(a);
	bpf_object__close(b);
	return NULL;
}

static struct bpf_object *load_hooks(void)
{
	struct bpf_object *obj = object_open("hooks");
	struct bpf_program *prog;

	if (!CHECK(obj, "hooks is nowhere"))
		return NULL;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, !!strstr("before_1 before_6 after_6 after_2", bpf_program__name(prog)));
	if (CHECK(!bpf_object__load(obj), "hooks does not load: %s", strerror(errno))) {
		object_check_mode(obj, mode);
		return obj;
	}
	bpf_object__close(obj);
	return NULL;
}

static bool find_trampolines(void)
{
	struct bpf_object *obj = load_hooks();
	struct bpf_link *link = obj ? bpf_program__attach(bpf_object__find_program_by_name(obj, "before_1")) : NULL;

	if (!link && errno == ENOTSUPP)
		SKIP("trampolines", "this kernel has none for functions");
	else
		CHECK(link, "no trampoline: %s", strerror(errno));
	bpf_link__destroy(link);
	bpf_object__close(obj);
	return link;
}

/* Tail calls out of functions, which have no isolated form. */
static u32 run_plain(pthread_t *thread)
{
	u32 n = 0;

	pthread_create(&thread[n++], NULL, rewire, NULL);
	pthread_create(&thread[n++], NULL, call, NULL);
	return n;
}

static void run_all(struct net *net)
{
	struct bpf_object *hooks = has_trampolines ? load_hooks() : NULL;
	pthread_t thread[16];
	u32 n = 0, zero = 0;

	pthread_create(&thread[n++], NULL, load_and_unload, (void *)1);
	pthread_create(&thread[n++], NULL, load_and_unload, (void *)2);
	if (net)
		pthread_create(&thread[n++], NULL, swap_xdp, net);
	if (hooks) {
		pthread_create(&thread[n++], NULL, hook, hooks);
		pthread_create(&thread[n++], NULL, call_hooked, hooks);
	}
	n += isolated ? stress_isolated(thread + n, 16 - n) : run_plain(thread + n);
	while (n--)
		pthread_join(thread[n], NULL);
	if (isolated)
		stress_isolated_end();
	else
		CHECK(object_u64(tails, ".bss", &zero) == 0, "registers or frames were wrong %llu times",
		      object_u64(tails, ".bss", &zero));
	bpf_object__close(hooks);
}

/* A fifth of a piece, and at most 10 s, that nobody compares: allocators keep some of what they once had for good. */
static void warm_up(struct net *net, double seconds)
{
	tails = isolated ? NULL : object_load("stress", NULL);
	end_at = sys_now() + (seconds < 50 ? seconds / 5 : 10);
	run_all(net);
	bpf_object__close(tails);
}

static void run_piece(struct net *net, double seconds)
{
	loads = updates = runs = hooks = switches = 0;
	tails = isolated ? NULL : object_load("stress", NULL);
	end_at = sys_now() + seconds;
	run_all(net);
	bpf_object__close(tails);
	all_loads += loads;
	printf("stress: %llu programs loaded, %llu tail calls rewired, %llu runs, %llu trampolines, %llu XDP programs\n",
	       (unsigned long long)loads, (unsigned long long)updates, (unsigned long long)runs, (unsigned long long)hooks,
	       (unsigned long long)switches);
	if (isolated)
		stress_isolated_report();
	CHECK(loads > 20 && (isolated || (updates > 20 && runs > 1000)) && (!has_trampolines || hooks),
	      "too little was done");
}

/* Everything once before anything is compared, so that what stays for good is there: the dispatcher of XDP keeps its code. */
static bool all_once(struct net *net, double seconds)
{
	tails = object_load(isolated ? "stress_isolated" : "stress", NULL);
	if (!CHECK(tails, "stress does not load"))
		return false;
	bpf_object__close(tails);
	has_trampolines = find_trampolines();
	if (net)
		swap_xdp(net);
	warm_up(net, seconds);
	sleep(2);
	return true;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 60;
	int pieces = argc > 2 ? atoi(argv[2]) : 1, i;
	struct net room, *net = &room;
	struct leaks before;

	isolated = !sys_read("net/core/bpf_moat", mode, sizeof(mode)) && !strcmp(mode, "basereg");
	if (!CHECK(!twin_init(), "no maps"))
		return check_done();
	if (!net_open(net)) {
		SKIP("XDP", "no veth pair");
		net = NULL;
	}
	/* the new namespace has a /sys of its own, with nothing mounted in it */
	mount("debug", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("trace", "/sys/kernel/tracing", "tracefs", 0, NULL);
	sys_unpin();
	if (!all_once(net, seconds))
		return check_done();
	before = leaks_look();
	CHECK(!isolated || (before.heap >= 0 && before.cages >= 0), "the kernel does not tell of the heap");
	if (before.code < 0)
		SKIP("areas", "there is no /proc/vmallocinfo");
	for (i = 0; i < pieces; i++) {
		unsigned int failed = check_failed;

		run_piece(net, seconds);
		leaks_check(&before, all_loads);
		printf("piece: %.0f s, %u failed\n", seconds, check_failed - failed);
		fflush(stdout);
	}
	return check_done();
}
