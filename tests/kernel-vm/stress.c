/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All at once on every CPU: programs come and go, tail calls are rewired while they are taken, trampolines while their
 * function runs, XDP programs while frames come in.  Nothing may crash, go wrong, or be left behind.
 *
 *	stress [SECONDS]
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "net.h"
#include "object.h"
#include "sys.h"
#include "twin.h"

static double end_at;
static _Atomic u64 loads, updates, runs, hooks, switches;

static bool more(void)
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
	while (more()) {
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

static void *rewire(void *arg)
{
	static const char *const name[] = { "one", "two", "three" };
	int map = object_map(tails, "targets");
	u32 i = 0, key;

	while (more()) {
		key = i & 1;
		if (i % 4 == 3)
			bpf_map_delete_elem(map, &key);
		else
			sys_map_set(map, key, object_prog(tails, name[i % 3]));
		i += 1 + (i % 7 == 0);
		updates++;
	}
	return NULL;
}

static void *call(void *arg)
{
	int prog = object_prog(tails, "caller");
	u8 packet[64] = { 0 };
	bool right = true;
	u32 ret = 0;

	while (right && more()) {
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

	while (more()) {
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

	while (!err && !ret && more()) {
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
	for (i = 0; i < 3 || more(); i++) {
		bpf_xdp_attach((int)net->index, i & 1 ? object_prog(a, "bounce") : object_prog(b, "firewall"),
			       XDP_FLAGS_DRV_MODE, NULL);
		for (k = 0; k < 20; k++)
			net_send(net->far, frame, bytes);
		if (i % 3 == 2)
			bpf_xdp_detach((int)net->index, XDP_FLAGS_DRV_MODE, NULL);
		switches++;
	}
	bpf_xdp_detach((int)net->index, XDP_FLAGS_DRV_MODE, NULL);
	bpf_object__close(a);
	bpf_object__close(b);
	return NULL;
}

static struct bpf_object *load_hooks(void)
{
	struct bpf_object *obj = object_open("hooks");
	struct bpf_program *prog;

	if (!obj)
		return NULL;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, !!strstr("before_1 before_6 after_6 after_2", bpf_program__name(prog)));
	if (!bpf_object__load(obj)) {
		struct bpf_link *link = bpf_program__attach(bpf_object__find_program_by_name(obj, "before_1"));

		bpf_link__destroy(link);
		if (link)
			return obj;
	}
	bpf_object__close(obj);
	return NULL;
}

static void run_all(struct net *net)
{
	struct bpf_object *obj = load_hooks();
	pthread_t thread[8];
	u32 n = 0, zero = 0;

	pthread_create(&thread[n++], NULL, load_and_unload, (void *)1);
	pthread_create(&thread[n++], NULL, load_and_unload, (void *)2);
	pthread_create(&thread[n++], NULL, rewire, NULL);
	pthread_create(&thread[n++], NULL, call, NULL);
	if (net)
		pthread_create(&thread[n++], NULL, swap_xdp, net);
	if (obj) {
		pthread_create(&thread[n++], NULL, hook, obj);
		pthread_create(&thread[n++], NULL, call_hooked, obj);
	} else {
		SKIP("trampolines", "this kernel has none");
	}
	while (n--)
		pthread_join(thread[n], NULL);
	CHECK(object_u64(tails, ".bss", &zero) == 0, "registers or frames were wrong %llu times",
	      object_u64(tails, ".bss", &zero));
	bpf_object__close(obj);
}

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

/* Freeing waits for readers: give it time. */
static void check_leaks(u32 programs, u32 maps, long pages)
{
	double patience = sys_now() + 20;
	long now = code_pages();
	u32 p = sys_count_programs(), m = sys_count_maps();

	while ((p > programs || m > maps || now > pages) && sys_now() < patience) {
		usleep(200000);
		p = sys_count_programs();
		m = sys_count_maps();
		now = code_pages();
	}
	CHECK(p <= programs, "%u programs are left, %u were there", p, programs);
	CHECK(m <= maps, "%u maps are left, %u were there", m, maps);
	CHECK(now <= pages, "%ld pages of programs are left, %ld were there", now, pages);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 60;
	u32 programs, maps;
	struct net net;
	long pages;
	bool ok;

	if (!CHECK(!twin_init(), "no maps"))
		return check_done();
	ok = net_open(&net);
	if (!ok)
		SKIP("XDP", "no veth pair");
	sys_unpin();
	/* once before, so that what stays for good is there: the dispatcher of XDP keeps its code */
	tails = object_load("stress", NULL);
	if (!CHECK(tails, "stress does not load"))
		return check_done();
	bpf_object__close(tails);
	if (ok)
		swap_xdp(&net);
	usleep(500000);
	programs = sys_count_programs();
	maps = sys_count_maps();
	pages = code_pages();
	if (pages < 0)
		SKIP("areas", "there is no /proc/vmallocinfo");
	tails = object_load("stress", NULL);
	end_at = sys_now() + seconds;
	run_all(ok ? &net : NULL);
	bpf_object__close(tails);
	check_leaks(programs, maps, pages);
	printf("stress: %llu programs loaded, %llu tail calls rewired, %llu runs, %llu trampolines, %llu XDP programs\n",
	       (unsigned long long)loads, (unsigned long long)updates, (unsigned long long)runs, (unsigned long long)hooks,
	       (unsigned long long)switches);
	CHECK(loads > 20 && updates > 20 && runs > 1000, "too little was done");
	return check_done();
}
