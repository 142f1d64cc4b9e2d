/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Isolated programs (isolate MODE): each must do on the same input what it does in mode "none"; those that have no isolated
 * form are refused; a fault ends a run and nothing else; nothing is left when they are gone.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "isolate.h"
#include "net.h"
#include "object.h"

#define MAX_PROGRAMS	4

/* Equal results --------------------------------------------------------------------------------- */

#define OUT_BYTES	2048

struct result {
	int err;
	u32 retval, bytes;
	u8 packet[OUT_BYTES];
	struct __sk_buff skb;
	u64 maps;
};

static u64 hash_bytes(u64 h, const u8 *at, size_t n)
{
	while (n--)
		h = (h ^ *at++) * 0x100000001b3ull;
	return h;
}

/* What all maps hold, in whatever order; file descriptors of programs are not looked at. */
static u64 hash_maps(struct bpf_object *obj)
{
	static u8 key[64], value[8192];
	struct bpf_map *map;
	u64 sum = 0, h;

	bpf_object__for_each_map(map, obj) {
		void *prev = NULL;
		int fd = bpf_map__fd(map);

		if (bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY || fd < 0)
			continue;
		for (; !bpf_map_get_next_key(fd, prev, key); prev = key) {
			memset(value, 0, sizeof(value));
			bpf_map_lookup_elem(fd, key, value);
			h = hash_bytes(0xcbf29ce484222325ull, (const u8 *)bpf_map__name(map), strlen(bpf_map__name(map)));
			h = hash_bytes(h, key, bpf_map__key_size(map));
			sum += hash_bytes(h, value, bpf_map__value_size(map));
		}
	}
	return sum;
}

static void run(int prog, enum bpf_prog_type type, const u8 *frame, u32 bytes, struct result *r)
{
	u64 args[12] = { 0x1111, bytes, 3, 4, 5, 6, 7, 8, 9, 10, 11, frame[bytes / 2] };
	struct __sk_buff skb = { .mark = 77, .priority = 5, .cb = { 1, 2, 3, 4, bytes } };
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (type == BPF_PROG_TYPE_RAW_TRACEPOINT) {
		opts.ctx_in = args;
		opts.ctx_size_in = sizeof(args);
	} else {
		opts.data_in = frame;
		opts.data_size_in = bytes;
		opts.data_out = r->packet;
		opts.data_size_out = sizeof(r->packet);
	}
	if (type == BPF_PROG_TYPE_SCHED_CLS || type == BPF_PROG_TYPE_SOCKET_FILTER) {
		opts.ctx_in = &skb;
		opts.ctx_out = &r->skb;
		opts.ctx_size_in = opts.ctx_size_out = sizeof(skb);
	}
	r->err = bpf_prog_test_run_opts(prog, &opts) ? errno : 0;
	r->retval = opts.retval;
	r->bytes = opts.data_size_out;
}

static const struct net_packet packets[] = {
	{ 17, NET_FAR, NET_NEAR, 4000, 5000, .payload = 100 }, { 6, NET_FAR, NET_NEAR, 4002, 80, .flags = 2 },
	{ 17, NET_FAR, NET_NEAR, 4000, 5000, .payload = 1400 }, { 1, NET_FAR, NET_NEAR, .payload = 56 },
	{ 6, NET_NEAR, NET_FAR, 4002, 80, .flags = 16, .payload = 1 }, { 0, .type = 0x0806, .payload = 46 },
	{ 17, NET_FAR, NET_NEAR, 4000, 5000, .cut = 38 }, { 17, NET_FAR, NET_NEAR, 4000, 5000, .payload = 100 },
};
#define NR_PACKETS	(sizeof(packets) / sizeof(packets[0]))

/* All packets in turn.  False: it did not load. */
static bool run_all(const char *mode, const char *const *names, struct result *r)
{
	struct bpf_object *obj = isolate_load("isolate", mode, names, NULL);
	struct bpf_program *prog = obj ? bpf_object__find_program_by_name(obj, names[0]) : NULL;
	u8 frame[NET_FRAME];
	size_t i;

	memset(r, 0, NR_PACKETS * sizeof(*r));
	for (i = 0; prog && i < NR_PACKETS; i++) {
		run(bpf_program__fd(prog), bpf_program__type(prog), frame, net_build(frame, &packets[i]), &r[i]);
		r[i].maps = hash_maps(obj);
	}
	bpf_object__close(obj);
	return prog;
}

static const char *difference(const struct result *a, const struct result *b)
{
	if (a->err != b->err)
		return "an error";
	if (a->retval != b->retval)
		return "the return value";
	if (a->bytes != b->bytes || memcmp(a->packet, b->packet, sizeof(a->packet)))
		return "the packet";
	if (memcmp(&a->skb, &b->skb, sizeof(a->skb)))
		return "the context";
	return a->maps != b->maps ? "a map" : NULL;
}

static void compare(const char *mode, const char *const *names)
{
	static struct result is[NR_PACKETS], should[NR_PACKETS];
	size_t i;

	if (!run_all("none", names, should) || !run_all(mode, names, is))
		return;
	for (i = 0; i < NR_PACKETS; i++) {
		const char *what = difference(&is[i], &should[i]);

		CHECK(!should[i].err, "%s does not run in mode none: %s", names[0], strerror(should[i].err));
		CHECK(!what, "%s in mode %s, packet %zu: %s differs: error %d, %d; returns %#x, %#x; %u, %u bytes", names[0],
		      mode, i, what, is[i].err, should[i].err, is[i].retval, should[i].retval, is[i].bytes, should[i].bytes);
	}
}

static const char *const programs[][MAX_PROGRAMS] = {
	{ "count_bytes" }, { "count_flows" }, { "legacy" }, { "legacy_writes" }, { "fields" }, { "swap" }, { "tag" }, { "rewrite" }, { "grow" },
	{ "functions" }, { "callbacks" }, { "widths" }, { "first", "second", "third" }, { "again" }, { "arguments" },
};

/* Many at once ------------------------------------------------------------------------------------ */

#define THREADS	4
#define REPEAT	5000

static void *run_often(void *arg)
{
	u8 frame[NET_FRAME];
	u32 retval;

	return sys_run(*(int *)arg, frame, net_build(frame, &packets[0]), REPEAT, &retval) ? NULL : arg;
}

static void at_once(const char *mode)
{
	static const char *const names[] = { "count_bytes", NULL };
	struct bpf_object *obj = isolate_load("isolate", mode, names, NULL);
	pthread_t thread[THREADS];
	void *ok;
	u32 i, udp = 17;
	int prog;

	if (!obj)
		return;
	prog = object_prog(obj, names[0]);
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, run_often, &prog);
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &ok);
		CHECK(ok, "a thread's run failed");
	}
	CHECK(object_u64(obj, "bytes", &udp) == THREADS * REPEAT * 128ull, "%u runs at once counted %llu bytes",
	      THREADS * REPEAT, object_u64(obj, "bytes", &udp));
	bpf_object__close(obj);
}

/* Nothing is left ---------------------------------------------------------------------------------- */

static bool read_memory(unsigned long long n[2])
{
	FILE *f = fopen("/sys/kernel/debug/moat/memory", "r");
	bool ok = f && fscanf(f, "heap_pages %llu cages %llu", &n[0], &n[1]) == 2;

	if (f)
		fclose(f);
	return ok;
}

static void load_and_unload(const char *mode)
{
	unsigned long long before[2], after[2] = { ~0ull }, most = 0;
	size_t i, round;

	if (!CHECK(read_memory(before), "no /sys/kernel/debug/moat/memory"))
		return;
	/* what ran until now is still being freed */
	for (i = 0; i < 50 && memcmp(before, after, sizeof(before)); i++) {
		memcpy(after, before, sizeof(before));
		usleep(500000);
		read_memory(before);
	}
	for (round = 0; round < 5; round++) {
		for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
			struct bpf_object *obj = isolate_load("isolate", mode, programs[i], NULL);

			read_memory(after);
			most = after[0] > most ? after[0] : most;
			bpf_object__close(obj);
		}
	}
	/* the kernel frees them when nobody can be running them any more */
	for (i = 0; i < 50; i++) {
		read_memory(after);
		if (!memcmp(before, after, sizeof(before)))
			break;
		usleep(100000);
	}
	CHECK(!strcmp(mode, "none") || most > before[0], "programs are loaded, and no memory is used");
	CHECK(!memcmp(before, after, sizeof(before)), "%llu pages and %llu cages before, %llu and %llu after", before[0],
	      before[1], after[0], after[1]);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "basereg";
	char was[16];
	size_t i;

	sys_read("net/core/bpf_moat", was, sizeof(was));
	if (!CHECK(!sys_write("net/core/bpf_moat", mode), "there is no mode %s", mode))
		return check_done();
	/* what an LRU map throws away depends on the CPU */
	sys_pin();
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		compare(mode, programs[i]);
	sys_unpin();
	at_once(mode);
	isolate_events(mode);
	isolate_ring(mode);
	isolate_refusals(mode);
	isolate_faults(mode);
	isolate_among_others(mode);
	isolate_packet_loads(mode);
	isolate_keys(mode);
	isolate_blind(mode);
	isolate_sleep(mode);
	load_and_unload(mode);
	sys_write("net/core/bpf_moat", was);
	return check_done();
}
