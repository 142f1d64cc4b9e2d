/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Isolated programs under stress: they come and go, run, fault, and tail call, while packets and events come in. */
#include <errno.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "heap.h"
#include "object.h"
#include "stress.h"

static _Atomic u64 objects, rewired, called, faulted, attached, packets, waits;

/* NAME.bpf.o, with all programs or with @only one; those of astray.bpf.o the verifier would not have. */
static struct bpf_object *load_once(const char *name, const char *only)
{
	struct bpf_object *obj = object_open(name);
	struct bpf_program *prog;
	int err = -ENOENT;

	if (obj) {
		bpf_object__for_each_program(prog, obj)
			bpf_program__set_autoload(prog, !only || !strcmp(bpf_program__name(prog), only));
		if (only)
			fool(true);
		err = bpf_object__load(obj);
		if (only)
			fool(false);
	}
	if (!err)
		return obj;
	bpf_object__close(obj);
	errno = -err;
	return NULL;
}

/*
 * What was closed is free when RCU's readers have gone and the kernel's workers had their turn.  Where the host is busy with
 * others, a machine may be out of cages until then.
 */
static struct bpf_object *load(const char *name, const char *only)
{
	struct bpf_object *obj;
	u32 i;

	for (i = 0; !(obj = load_once(name, only)) && errno == ENOMEM && i < 80; i++) {
		if (!waits++)
			fprintf(stderr, "stress: no cages or memory: heap %ld pages, %ld cages\n", heap_pages(), heap_cages());
		usleep(250000);
	}
	CHECK(obj, "%s %s does not load: %s", name, only ?: "", strerror(errno));
	return obj;
}

/* Objects with maps of all kinds, run a little, and freed.  Every other one leaves values in its maps. */
static void *reload(void *arg)
{
	u32 retval, i = 0;

	while (stress_more()) {
		struct bpf_object *obj = load("stress_isolated", NULL);

		if (!obj)
			break;
		if (i++ & 1)
			CHECK(!sys_run(object_prog(obj, "count"), attack_packet, PACKET_BYTES, 20, &retval),
			      "count does not run");
		bpf_object__close(obj);
		objects++;
	}
	return NULL;
}

static void *rewire(void *arg)
{
	rewired += stress_rewire(arg);
	return NULL;
}

static void *call(void *arg)
{
	bool right = true;
	u32 ret = 0, zero = 0;

	while (right && stress_more()) {
		right = !sys_run(object_prog(arg, "caller"), attack_packet, PACKET_BYTES + (called & 1), 50, &ret) &&
			(ret == 100 || (ret >= 1 && ret <= 3));
		called++;
	}
	CHECK(right, "caller returned %u", ret);
	CHECK(object_u64(arg, ".bss", &zero) == 0, "frames were wrong %llu times", object_u64(arg, ".bss", &zero));
	return NULL;
}

/* Programs that go astray in every run, from their own code, from a callback, by a helper; unloaded soon after. */
static void *fault(void *arg)
{
	static const char *const name[] = { "astray", "astray_below", "astray_in_callback", "astray_by_helper" };
	u64 wild = prey("secret.at"), *word;
	u32 i, k, retval = 1;
	size_t bytes;

	for (i = 0; stress_more(); i++) {
		struct bpf_object *obj = load("astray", name[i & 3]);

		if (!obj)
			break;
		word = object_section(obj, ".bss", &bytes);
		if (!CHECK(word, "no .bss of %s", name[i & 3]))
			break;
		for (k = 0; k < bytes / sizeof(*word); k++)
			word[k] = wild;
		munmap(word, bytes);
		if (!CHECK(!sys_run(object_prog(obj, name[i & 3]), attack_packet, PACKET_BYTES, 20, &retval) &&
			   retval == TC_ACT_SHOT, "%s returned %u", name[i & 3], retval))
			break;
		bpf_object__close(obj);
		faulted += 20;
	}
	return NULL;
}

/* Attached to a tracepoint, and detached, while it fires. */
static void *attach(void *arg)
{
	while (stress_more()) {
		struct bpf_object *obj = load("stress_isolated", NULL);
		struct bpf_link *link = NULL;
		u32 i;

		for (i = 0; obj && i < 5; i++) {
			link = bpf_program__attach(bpf_object__find_program_by_name(obj, "on_getppid"));
			if (!CHECK(link, "on_getppid is not attached: %s", strerror(errno)))
				return NULL;
			usleep(2000);
			bpf_link__destroy(link);
			attached++;
		}
		bpf_object__close(obj);
	}
	return NULL;
}

static void *fire(void *arg)
{
	u32 i;

	while (stress_more())
		for (i = 0; i < 100; i++)
			syscall(SYS_getppid);
	return NULL;
}

/* A socket's filter is replaced while datagrams come in. */
static void *filter(void *arg)
{
	int pair[2], prog = object_prog(arg, "count"), i;
	u8 datagram[200] = { 1, 2, 3 };

	if (!CHECK(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), "no sockets"))
		return NULL;
	while (stress_more()) {
		setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog));
		for (i = 0; i < 50; i++) {
			send(pair[0], datagram, (size_t)(20 + i * 3), 0);
			packets += recv(pair[1], datagram, sizeof(datagram), 0) == 20 + i * 3;
		}
		setsockopt(pair[1], SOL_SOCKET, SO_DETACH_FILTER, &prog, sizeof(prog));
	}
	close(pair[0]);
	close(pair[1]);
	return NULL;
}

static struct bpf_object *shared;

u32 stress_isolated(pthread_t *thread, u32 max)
{
	void *(*const job[])(void *) = { reload, rewire, call, fault, attach, fire, filter };
	u32 i;

	objects = rewired = called = faulted = attached = packets = waits = 0;
	shared = load("stress_isolated", NULL);
	if (!shared)
		return 0;
	for (i = 0; i < sizeof(job) / sizeof(job[0]) && i < max; i++)
		pthread_create(&thread[i], NULL, job[i], shared);
	return i;
}

void stress_isolated_end(void)
{
	bpf_object__close(shared);
	shared = NULL;
}

void stress_isolated_report(void)
{
	printf("stress: isolated: %llu objects, %llu tail calls rewired, %llu calls, %llu faults, %llu attached, %llu packets, "
	       "%llu waits for memory\n",
	       (unsigned long long)objects, (unsigned long long)rewired, (unsigned long long)called * 50,
	       (unsigned long long)faulted, (unsigned long long)attached, (unsigned long long)packets, (unsigned long long)waits);
	CHECK(objects && rewired > 20 && called && faulted && attached && packets > 20, "too little was done in isolation");
}
