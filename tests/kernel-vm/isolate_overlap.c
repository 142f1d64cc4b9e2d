/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runs of one isolated program that begin, on the same CPU, before others have ended. */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include <linux/pkt_cls.h>

#include "../check.h"
#include "attack.h"
#include "isolate.h"
#include "object.h"

#define LOOPS	200000		/* as in astray.bpf.c: more than the scheduler lets a task run at a time */
#define REPEAT	4
#define MOST	6		/* more than a CPU has slots, and fewer than two have for it */

struct runner {
	pthread_t thread;
	int prog;
	u32 odd;		/* these go astray at their end */
	u32 wrong;
};

static void *run(void *arg)
{
	const u32 sum = (u32)((u64)LOOPS * (LOOPS - 1) / 2);
	struct runner *r = arg;
	cpu_set_t first;
	u32 retval, i;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	for (i = 0; i < REPEAT; i++) {
		retval = ~0u;
		r->wrong += sys_run(r->prog, attack_packet, PACKET_BYTES - r->odd, 1, &retval) ||
			    retval != (r->odd ? TC_ACT_SHOT : sum);
	}
	return NULL;
}

void isolate_overlaps(const char *mode)
{
	static const char *const names[] = { "overlap", NULL };
	struct bpf_object *obj = isolate_load("astray", mode, names, NULL);
	u32 n = sysconf(_SC_NPROCESSORS_CONF) > 1 ? MOST : 4, i;
	unsigned long long faults, refused;
	struct runner runner[MOST];

	if (!obj)
		return;
	isolate_set(obj, "wild", prey("victim.at"));
	for (i = 0; i < n; i++) {
		runner[i] = (struct runner){ .prog = object_prog(obj, names[0]), .odd = i % 3 == 1 };
		pthread_create(&runner[i].thread, NULL, run, &runner[i]);
	}
	for (i = 0; i < n; i++) {
		pthread_join(runner[i].thread, NULL);
		CHECK(!runner[i].wrong, "%u of thread %u's runs returned something else", runner[i].wrong, i);
	}
	CHECK(isolate_get(obj, "most") > 2, "at most %llu runs overlapped", (unsigned long long)isolate_get(obj, "most"));
	isolate_domain(names[0], &faults, &refused);
	CHECK(faults == n / 3 * REPEAT + (n % 3 > 1 ? REPEAT : 0) && !refused, "%llu faults, %llu without a slot", faults, refused);
	bpf_object__close(obj);
}
