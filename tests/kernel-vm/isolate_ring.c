/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Isolated programs that reserve records of ring buffers: ring.bpf.c, in two modes, and misused. */
#include <errno.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "../check.h"
#include "attack.h"
#include "isolate.h"
#include "object.h"
#include "ring.h"

/* What arrived --------------------------------------------------------------------------------- */

struct arrivals {
	u32 records, tagged;	/* @tagged: as ring.bpf.c fills them */
	u64 bytes, hash;
};

static int on_record(void *arg, void *data, size_t bytes)
{
	struct arrivals *a = arg;
	u64 word[RING_RECORD_BYTES / 8];
	size_t i;

	for (i = 0; i < bytes; i++)
		a->hash = (a->hash ^ ((u8 *)data)[i]) * 0x100000001b3ull;
	a->hash = (a->hash ^ bytes) * 0x100000001b3ull;
	a->bytes += bytes;
	a->records++;
	if (bytes != sizeof(word))
		return 0;
	memcpy(word, data, bytes);
	for (i = 0; i < RING_RECORD_BYTES / 8 && word[i] == RING_TAG + i; i++)
		;
	a->tagged += i == RING_RECORD_BYTES / 8;
	return 0;
}

static struct ring_buffer *open_rings(struct bpf_object *obj, struct arrivals *a)
{
	struct ring_buffer *rings = ring_buffer__new(object_map(obj, "ring"), on_record, a, NULL);

	if (!CHECK(rings && !ring_buffer__add(rings, object_map(obj, "narrow"), on_record, a), "no ring buffer"))
		return NULL;
	return rings;
}

static u32 run_once(int prog)
{
	u32 retval = ~0u;

	return sys_run(prog, attack_packet, PACKET_BYTES, 1, &retval) ? ~0u : retval;
}

/* As they should be ------------------------------------------------------------------------------- */

#define RUNS	40
#define UNREAD	5	/* runs that nobody reads in between: the narrow ring gets full */

struct course {
	u32 retval[RUNS];
	struct arrivals arrivals[RUNS];
};

static bool take_course(const char *mode, const char *const *names, struct course *c)
{
	struct bpf_object *obj = isolate_load("ring", mode, names, NULL);
	struct arrivals a = { 0 };
	struct ring_buffer *rings = obj ? open_rings(obj, &a) : NULL;
	u32 i;

	for (i = 0; rings && i < RUNS; i++) {
		c->retval[i] = run_once(object_prog(obj, names[0]));
		if (i % UNREAD == UNREAD - 1)
			ring_buffer__consume(rings);
		c->arrivals[i] = a;
	}
	ring_buffer__free(rings);
	bpf_object__close(obj);
	return rings;
}

static void compare(const char *mode, const char *name)
{
	const char *const names[] = { name, NULL };
	static struct course is, should;
	u32 i;

	memset(&is, 0, sizeof(is));
	memset(&should, 0, sizeof(should));
	if (!take_course("none", names, &should) || !take_course(mode, names, &is))
		return;
	CHECK(should.arrivals[RUNS - 1].records > RUNS / 2, "%s: only %u records", name, should.arrivals[RUNS - 1].records);
	for (i = 0; i < RUNS; i++)
		CHECK(is.retval[i] == should.retval[i] && !memcmp(&is.arrivals[i], &should.arrivals[i], sizeof(is.arrivals[i])),
		      "%s in mode %s, run %u: returns %#x, not %#x; %u records, %llu bytes, not %u, %llu", name, mode, i,
		      is.retval[i], should.retval[i], is.arrivals[i].records, (unsigned long long)is.arrivals[i].bytes,
		      should.arrivals[i].records, (unsigned long long)should.arrivals[i].bytes);
}

/* Misused -------------------------------------------------------------------------------------------- */

/* What a run does, by how it misuses: faults of the program and its target, records that arrive, and what it counts. */
static const struct {
	const char *name;
	u32 faults, target_faults, arrive, held;
} ways[NR_RING_WAYS] = {
	[RING_GOOD]		= { "does nothing wrong", .arrive = 1 },
	[RING_FORGED]		= { "submits the middle of a record", 1 },
	[RING_OTHER_MEMORY]	= { "submits what is no record", 1 },
	[RING_TWICE]		= { "submits twice", 1, .arrive = 1 },
	[RING_DISCARDED]	= { "submits what it has discarded", 1 },
	[RING_EARLIER_RUN]	= { "submits what an earlier run held", 1 },
	[RING_TAIL_STALE]	= { "submits what it held before a tail call", .target_faults = 1, .arrive = 1 },
	[RING_FAULT]		= { "faults while it holds a record", 1 },
	[RING_CALLBACK]		= { "faults in a callback while it holds a record", 1 },
	[RING_EXIT]		= { "returns while it holds a record" },
	[RING_TAIL]		= { "makes a tail call while it holds a record", .arrive = 1 },
	[RING_BELOW]		= { "writes below its record", .arrive = 1 },
	[RING_BEHIND]		= { "lets a helper write behind its record", 1 },
	[RING_STALE]		= { "lets a helper write what it has discarded", 1 },
	[RING_TOO_MANY]		= { "wants too many at once", .held = 8 },
	[RING_TOO_LONG]		= { "wants more than its slot has" },
};

static void misuse(struct bpf_object *obj, struct ring_buffer *rings, struct arrivals *a, u32 way)
{
	unsigned long long before, faults, target_before, target_faults, refused;
	int prog = object_prog(obj, "misuse");
	struct arrivals was = *a;

	isolate_domain("misuse", &before, &refused);
	isolate_domain("target", &target_before, &refused);
	isolate_set(obj, "how", way);
	isolate_set(obj, "wild", way == RING_TOO_LONG ? 20000 : prey("secret.at"));
	isolate_set(obj, "held", 0);
	isolate_set(obj, "after", 0);
	CHECK((run_once(prog) == TC_ACT_SHOT) == (ways[way].faults || ways[way].target_faults), "who %s: returns something else",
	      ways[way].name);
	ring_buffer__consume(rings);
	isolate_domain("misuse", &faults, &refused);
	isolate_domain("target", &target_faults, &refused);
	CHECK(faults - before == ways[way].faults && target_faults - target_before == ways[way].target_faults,
	      "who %s: %llu faults, %llu of the target", ways[way].name, faults - before, target_faults - target_before);
	CHECK(!isolate_get(obj, "after"), "who %s goes on", ways[way].name);
	CHECK(isolate_get(obj, "held") == ways[way].held, "who %s holds %llu", ways[way].name,
	      (unsigned long long)isolate_get(obj, "held"));
	CHECK(a->records - was.records == ways[way].arrive && a->tagged - was.tagged == ways[way].arrive,
	      "who %s: %u records, %u as they were filled", ways[way].name, a->records - was.records, a->tagged - was.tagged);
	/* The ring goes on. */
	was = *a;
	isolate_set(obj, "how", RING_GOOD);
	CHECK(run_once(prog) == 4, "after one who %s: does not run any more", ways[way].name);
	ring_buffer__consume(rings);
	CHECK(a->records - was.records == 1 && a->tagged - was.tagged == 1, "after one who %s: the ring gives %u records",
	      ways[way].name, a->records - was.records);
}

static void misuses(const char *mode)
{
	static const char *const names[] = { "misuse", "target", NULL };
	struct bpf_object *obj = isolate_load("ring", mode, names, NULL);
	struct arrivals a = { 0 };
	struct ring_buffer *rings = obj ? open_rings(obj, &a) : NULL;
	u32 way, round;

	/* More often than the ring has room for, if anything were left in it. */
	for (round = 0; rings && round < 20; round++)
		for (way = 0; way < NR_RING_WAYS; way++)
			misuse(obj, rings, &a, way);
	ring_buffer__free(rings);
	bpf_object__close(obj);
}

void isolate_ring(const char *mode)
{
	compare(mode, "records");
	compare(mode, "large");
	if (!strcmp(mode, "none"))
		return;
	if (!fool(true)) {
		SKIP("misused records", "this kernel's verifier cannot be fooled: no CONFIG_BPF_MOAT_WRONG_VERIFIER");
		return;
	}
	misuses(mode);
	fool(false);
}
