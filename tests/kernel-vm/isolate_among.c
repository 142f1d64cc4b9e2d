/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Isolated programs among others, and in the middle of each other: tail calls, trampolines, interrupts, threads. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/perf_event.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "isolate.h"
#include "object.h"

static u32 run_once(int prog)
{
	u32 retval = ~0u;

	return sys_run(prog, attack_packet, PACKET_BYTES, 1, &retval) ? ~0u : retval;
}

/* Tail calls ------------------------------------------------------------------------------- */

/*
 * first, second and third, each in a mode of its own.  An isolated program cannot hand its run over to one that is not: that
 * would have its own rights; but it can be handed one.
 */
static void chain(const char *const modes[3], u32 should)
{
	static const char *const names[3][2] = { { "first" }, { "second" }, { "third" } };
	struct bpf_object *obj[3];
	u32 i;

	for (i = 0; i < 3; i++)
		obj[i] = isolate_load("isolate", modes[i], names[i], NULL);
	if (obj[0] && obj[1] && obj[2]) {
		CHECK(!sys_map_set(object_map(obj[0], "next"), 1, object_prog(obj[1], "second")) &&
		      !sys_map_set(object_map(obj[1], "next"), 2, object_prog(obj[2], "third")), "no array of programs");
		i = run_once(object_prog(obj[0], "first"));
		CHECK(i == should, "a chain in modes %s, %s, %s returns %u, not %u", modes[0], modes[1], modes[2], i, should);
	}
	for (i = 0; i < 3; i++)
		bpf_object__close(obj[i]);
}

static void chains(const char *mode)
{
	const char *modes[3];
	u32 i;

	for (i = 0; i < (strcmp(mode, "none") ? 8 : 1); i++) {
		bool isolated[3] = { i & 1, i & 2, i & 4 };

		modes[0] = isolated[0] ? mode : "none";
		modes[1] = isolated[1] ? mode : "none";
		modes[2] = isolated[2] ? mode : "none";
		chain(modes, isolated[0] && !isolated[1] ? 1 : isolated[1] && !isolated[2] ? 2 : 112);
	}
}

/* Trampolines -------------------------------------------------------------------------------- */

static struct bpf_object *load_around(int prog, const char *name, const char *on)
{
	struct bpf_object *obj = object_open("around");
	struct bpf_program *p;
	char why[256];

	if (!CHECK(obj, "around.bpf.o is nowhere"))
		return NULL;
	bpf_object__for_each_program(p, obj)
		bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
	if (on)
		bpf_program__set_attach_target(bpf_object__find_program_by_name(obj, name), prog, on);
	if (!bpf_object__load(obj))
		return obj;
	object_why(why);
	CHECK(false, "%s is not loaded: %s", name, why);
	bpf_object__close(obj);
	return NULL;
}

static void trampoline(const char *mode, const char *name, const char *counter)
{
	static const char *const names[] = { "count_bytes", NULL };
	struct bpf_object *obj = isolate_load("isolate", mode, names, NULL);
	int prog = obj ? object_prog(obj, names[0]) : -1;
	struct bpf_object *around = obj ? load_around(prog, name, names[0]) : NULL;
	struct bpf_link *link = around ? bpf_program__attach(bpf_object__find_program_by_name(around, name)) : NULL;
	u32 i, ret;

	if (CHECK(link, "%s is not attached to a program in mode %s: %s", name, mode, strerror(errno))) {
		for (i = 1; i <= 5; i++) {
			ret = run_once(prog);
			CHECK(ret == PACKET_BYTES - 14, "with %s around it, %s returns %u", name, names[0], ret);
			CHECK(isolate_get(around, counter) == i, "%s ran %llu times", name,
			      (unsigned long long)isolate_get(around, counter));
		}
		if (!strcmp(counter, "after"))
			CHECK(isolate_get(around, "sum") == 5 * (PACKET_BYTES - 14), "%s saw other results", name);
	}
	bpf_link__destroy(link);
	CHECK(!obj || run_once(prog) == PACKET_BYTES - 14, "%s returns something else without %s", names[0], name);
	bpf_object__close(around);
	bpf_object__close(obj);
}

/* Interrupts ---------------------------------------------------------------------------------- */

/* An isolated program on a clock interrupts runs of another. */
static void interrupted(const char *mode)
{
	static const char *const names[] = { "callbacks", NULL }, *const clock[] = { "on_clock", NULL };
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_CLOCK, .size = sizeof(attr),
		.sample_freq = 2000, .freq = 1 };
	struct bpf_object *obj = isolate_load("isolate", mode, names, NULL);
	struct bpf_object *other = isolate_load("around", mode, clock, NULL);
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	u32 first, wrong = 0;
	double end = sys_now() + 3;

	if (obj && other && CHECK(fd >= 0 && !ioctl(fd, PERF_EVENT_IOC_SET_BPF, object_prog(other, "on_clock")),
				  "on_clock is not attached: %s", strerror(errno))) {
		first = run_once(object_prog(obj, "callbacks"));
		while (sys_now() < end)
			wrong += run_once(object_prog(obj, "callbacks")) != first;
		CHECK(!wrong, "%u interrupted runs returned something else", wrong);
		CHECK(isolate_get(other, "ticks") > 20, "the clock ran its program %llu times",
		      (unsigned long long)isolate_get(other, "ticks"));
	}
	close(fd);
	bpf_object__close(other);
	bpf_object__close(obj);
}

/* Threads ---------------------------------------------------------------------------------------- */

static void *run_often(void *arg)
{
	u32 retval;

	return sys_run(*(int *)arg, attack_packet, PACKET_BYTES, 3000, &retval) || retval != TC_ACT_SHOT ? NULL : arg;
}

/* Faults at the same time on all CPUs; one thread's end is not another's. */
static void faults_at_once(const char *mode)
{
	static const char *const names[] = { "astray_below", NULL };
	struct bpf_object *obj = isolate_load("astray", mode, names, NULL);
	pthread_t thread[4];
	void *ok;
	int prog;
	u32 i;

	if (!obj)
		return;
	prog = object_prog(obj, names[0]);
	isolate_set(obj, "wild", prey("victim.at"));
	for (i = 0; i < ARRAY_SIZE(thread); i++)
		pthread_create(&thread[i], NULL, run_often, &prog);
	for (i = 0; i < ARRAY_SIZE(thread); i++) {
		pthread_join(thread[i], &ok);
		CHECK(ok, "a thread's runs did not all end with a fault");
	}
	isolate_set(obj, "wild", 0);
	CHECK(run_once(prog) == TC_ACT_OK, "%s does not run any more", names[0]);
	bpf_object__close(obj);
}

/* Packets ------------------------------------------------------------------------------------------ */

#define PACKETS	20

/* How many of them arrive at @fd, a socket that is bound to @at. */
static u32 send_packets(int fd, const struct sockaddr_in *at)
{
	char text[64] = "";
	u32 i, arrived = 0;

	for (i = 0; i < PACKETS; i++) {
		sendto(fd, text, sizeof(text), 0, (const struct sockaddr *)at, sizeof(*at));
		arrived += recv(fd, text, sizeof(text), 0) == sizeof(text);
	}
	return arrived;
}

/* The program faults on each packet that comes in: none gets past it, and everything goes on. */
static void faults_on_packets(const char *mode)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("lo"), .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts);
	static const char *const names[] = { "astray", NULL };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(7777), .sin_addr.s_addr = htonl(0x7f000001) };
	struct bpf_object *obj = isolate_load("astray", mode, names, NULL);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct timeval wait = { .tv_usec = 100000 };
	u32 arrived;

	if (!obj)
		return;
	opts.prog_fd = object_prog(obj, names[0]);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	isolate_set(obj, "wild", prey("secret.at"));
	bpf_tc_hook_create(&hook);
	if (CHECK(!bind(fd, (struct sockaddr *)&at, sizeof(at)) && !bpf_tc_attach(&hook, &opts), "no tc: %s", strerror(errno))) {
		arrived = send_packets(fd, &at);
		CHECK(!arrived && isolate_get(obj, "counted") == PACKETS, "%u packets arrived, %llu runs", arrived,
		      (unsigned long long)isolate_get(obj, "counted"));
		isolate_set(obj, "wild", 0);
		arrived = send_packets(fd, &at);
		CHECK(arrived == PACKETS, "%u packets arrived after faults", arrived);
	}
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	bpf_tc_hook_destroy(&hook);
	close(fd);
	bpf_object__close(obj);
}

void isolate_among_others(const char *mode)
{
	chains(mode);
	trampoline(mode, "on_entry", "before");
	trampoline(mode, "on_exit", "after");
	interrupted(mode);
	if (!strcmp(mode, "none") || !fool(true))
		return;
	faults_at_once(mode);
	faults_on_packets(mode);
	isolate_overlaps(mode);
	fool(false);
}
