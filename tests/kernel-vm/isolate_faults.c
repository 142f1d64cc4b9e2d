/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Faults of isolated programs: every kind that the machine knows, taken wherever programs run. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"
#include "attack.h"
#include "faults.h"
#include "isolate.h"
#include "object.h"

#define TIMES	20

static const char *const way_name[NR_FAULT_WAYS] = {
	[FAULT_NOT_MAPPED] = "reads what is not mapped",
	[FAULT_READ_ONLY] = "writes what is read-only",
	[FAULT_MISALIGNED] = "adds at an odd address",
};

/* x86 adds wherever it is asked to. */
static bool is_fault(u32 way)
{
#ifdef __x86_64__
	return way != FAULT_MISALIGNED;
#else
	return way;
#endif
}

static void send_packet(int prog)
{
	u32 retval;

	CHECK(!sys_run(prog, attack_packet, PACKET_BYTES, 1, &retval), "it does not run");
}

/* Switches to another task and back, by a timer. */
static void sleep_a_little(int prog)
{
	const struct timespec t = { .tv_nsec = 200000 };

	nanosleep(&t, NULL);
}

static void fault_in(struct bpf_object *obj, const char *name, u32 way, void (*act)(int prog))
{
	unsigned long long before, after, refused;
	u64 began;
	u32 i;

	isolate_set(obj, "began", 0);
	isolate_set(obj, "ended", 0);
	isolate_domain(name, &before, &refused);
	isolate_set(obj, "how", way);
	for (i = 0; i < TIMES; i++)
		act(object_prog(obj, name));
	isolate_set(obj, "how", FAULT_NONE);
	/* who has read that it is to fault does so, however long that CPU is kept waiting */
	for (i = 0; i < 100; i++) {
		usleep(10000);
		began = isolate_get(obj, "began");
		isolate_domain(name, &after, &refused);
		if (began == (is_fault(way) ? after - before : isolate_get(obj, "ended")))
			break;
	}
	CHECK(began >= TIMES, "%s, which %s, ran %llu times", name, way_name[way], (unsigned long long)began);
	CHECK(after - before == (is_fault(way) ? began : 0) && !refused,
	      "%s, which %s %llu times: %llu faults, %llu without a slot", name, way_name[way],
	      (unsigned long long)began, after - before, refused);
	CHECK(isolate_get(obj, "ended") == (is_fault(way) ? 0 : began), "%s, which %s, goes on behind that", name,
	      way_name[way]);
}

void isolate_fault_ways(const char *mode)
{
	static const struct {
		const char *name;
		void (*act)(int prog);
	} where[] = { { "on_packet", send_packet }, { "on_switch", sleep_a_little }, { "on_timer", sleep_a_little } };
	u32 i, way;

	for (i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		const char *const names[] = { where[i].name, NULL };
		struct bpf_object *obj = isolate_load("faults", mode, names, NULL);
		struct bpf_link *link = NULL;

		if (!obj)
			continue;
		isolate_set(obj, "wild", prey("secret.at"));
		if (where[i].act != send_packet)
			link = bpf_program__attach(bpf_object__find_program_by_name(obj, where[i].name));
		if (CHECK(link || where[i].act == send_packet, "%s is not attached: %s", where[i].name, strerror(errno)))
			for (way = 1; way < NR_FAULT_WAYS; way++)
				fault_in(obj, where[i].name, way, where[i].act);
		bpf_link__destroy(link);
		bpf_object__close(obj);
	}
}
