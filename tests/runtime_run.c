/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Runs: what programs of each type are shown, what comes back, how violations end, and many threads at once. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "../runtime/internal.h"
#include "check.h"
#include "insns.h"
#include "objects.h"

static const __u8 packet[60] = { 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 8, 0, 0x45, 99 };
static __u64 seen[16];

static struct moat_program *named(struct moat_object *obj, const char *name)
{
	struct moat_program *prog = moat_object__find_program_by_name(obj, name);

	CHECK(prog, "no program %s", name);
	return prog;
}

static void look(struct moat_object *obj)
{
	__u32 zero = 0;

	CHECK(!moat_map__lookup_elem(moat_object__find_map_by_name(obj, ".bss"), &zero, 4, seen, sizeof(seen), 0), "seen");
}

static void test_xdp(const struct mode *m, struct moat_object *obj)
{
	__u8 out[80] = { 0 };
	struct xdp_md in = { .data_end = 60, .ingress_ifindex = 7, .rx_queue_index = 3 }, back = { 0 };
	MOAT_RUN_OPTS(o, .data_in = packet, .data_size_in = 60, .data_out = out, .data_size_out = sizeof(out),
		      .ctx_in = &in, .ctx_size_in = sizeof(in), .ctx_out = &back, .ctx_size_out = sizeof(back));
	int err = moat_program__run_opts(named(obj, "xdp_look"), &o);

	look(obj);
	CHECK(!err && o.retval == XDP_PASS, "%s: %d, %llu", m->name, err, o.retval);
	CHECK(seen[0] == 60 && seen[1] == 7 && seen[2] == 3 && seen[3] == 1, "%s: %llu %llu %llu", m->name,
	      seen[0], seen[1], seen[2]);
	CHECK(o.data_size_out == 60 && !memcmp(out, packet, 60), "%s: the packet comes back", m->name);
	CHECK(o.ctx_size_out == sizeof(back) && back.data == 0 && back.data_end == 60 && back.ingress_ifindex == 7,
	      "%s: context %u %u", m->name, back.data, back.data_end);

	/* Without a context: from the loopback interface, as in the kernel. */
	o.ctx_in = NULL;
	o.ctx_size_in = 0;
	o.data_size_out = 20;
	err = moat_program__run_opts(named(obj, "xdp_rewrite"), &o);
	CHECK(err == -ENOSPC && o.data_size_out == 60 && out[0] == 3 && o.retval == XDP_TX, "%s: %d", m->name, err);

	/* Every run of a batch begins with the packet as it was given. */
	o.repeat = 1000;
	o.data_size_out = sizeof(out);
	o.ctx_size_out = sizeof(back);
	err = moat_program__run_opts(named(obj, "xdp_rewrite"), &o);
	CHECK(!err && out[0] == 3, "%s: after 1000 runs the first byte is %u", m->name, out[0]);

	o.data_size_out = sizeof(out);
	o.ctx_size_out = sizeof(back);
	err = moat_program__run_opts(named(obj, "xdp_push"), &o);
	CHECK(!err && o.retval == XDP_TX && o.data_size_out == 64 && out[0] == 0xab && out[3] == 0xab &&
	      !memcmp(out + 4, packet, 60) && back.data_end == 64, "%s: pushed: %d, %u", m->name, err, o.data_size_out);
	o.data_size_out = sizeof(out);
	o.ctx_size_out = sizeof(back);
	err = moat_program__run_opts(named(obj, "xdp_pop"), &o);
	CHECK(!err && o.data_size_out == 54 && !memcmp(out, packet + 6, 54), "%s: popped: %u", m->name, o.data_size_out);
}

static void test_skb(const struct mode *m, struct moat_object *obj)
{
	struct __sk_buff in = { .mark = 5, .cb = { 1, 2, 3, 4, 5 }, .hash = 11, .data = 1234 }, back;
	MOAT_RUN_OPTS(o, .data_in = packet, .data_size_in = 60, .ctx_in = &in, .ctx_size_in = sizeof(in),
		      .ctx_out = &back, .ctx_size_out = sizeof(back));
	int err = moat_program__run_opts(named(obj, "tc_look"), &o);

	look(obj);
	CHECK(!err && o.retval == 2, "%s: %d, %llu", m->name, err, o.retval);
	CHECK(seen[0] == 60 && seen[1] == htons(0x0800) && seen[2] == 5 && seen[3] == 0 && seen[4] == 1 && seen[5] == 2 &&
	      seen[6] == 60 && seen[7] == 60, "%s: %llu %llx %llu", m->name, seen[0], seen[1], seen[2]);
	CHECK(back.mark == 6 && back.cb[1] == 3 && back.cb[0] == 1, "%s: what it may change came back", m->name);
	CHECK(back.hash == 11 && !back.data && !back.sk && back.len == 60, "%s: what it may not change did not", m->name);

	o.ctx_size_out = sizeof(back);
	err = moat_program__run_opts(named(obj, "socket_look"), &o);
	look(obj);
	CHECK(!err && o.retval == 0x10000 && seen[0] == 60 && seen[1] == 0 && back.cb[0] == 7, "%s: %d, %llx", m->name, err,
	      o.retval);
	o.repeat = 10;
	o.ctx_size_out = sizeof(back);
	err = moat_program__run_opts(named(obj, "tc_look"), &o);
	CHECK(!err && back.mark == 6, "%s: the context is laid anew: mark %u", m->name, back.mark);
}

static void test_flat(const struct mode *m, struct moat_object *obj)
{
	__u64 event[3] = { 0, 20, 22 }, out[3], arg = 21;
	MOAT_RUN_OPTS(o, .ctx_in = event, .ctx_size_in = sizeof(event), .ctx_out = out, .ctx_size_out = sizeof(out),
		      .repeat = 3);
	MOAT_RUN_OPTS(raw, .ctx_in = &arg, .ctx_size_in = sizeof(arg));
	int err = moat_program__run_opts(named(obj, "flat_sum"), &o);

	CHECK(!err && o.retval == 42 && out[2] == 1 && event[2] == 22, "%s: %d, %llu", m->name, err, o.retval);
	err = moat_program__run_opts(named(obj, "raw_args"), &raw);
	CHECK(!err && raw.retval == 42, "%s: %d, %llu", m->name, err, raw.retval);
	CHECK(object_run(obj, "plain", packet, 60) == 62, "%s: plain", m->name);
	CHECK((__s64)object_run(obj, "plain", NULL, 0) == -1, "%s: plain without data", m->name);
}

/* Inputs that a type cannot have. */
static void test_inputs(struct moat_object *obj)
{
	static __u8 big[100000];
	struct xdp_md md = { .data = 4 };
	struct { struct xdp_md md; __u32 more; } longer = { { 0 }, 0 };
	MOAT_RUN_OPTS(o, .data_in = packet, .data_size_in = 13);
	struct moat_program *xdp = named(obj, "xdp_look"), *flat = named(obj, "flat_sum"), *plain = named(obj, "plain");

	object_quiet();
	CHECK(moat_program__run_opts(xdp, &o) == -EINVAL && strstr(object_said, "14 bytes"), "%s", object_said);
	o.data_in = NULL;
	CHECK(moat_program__run_opts(xdp, &o) == -EINVAL, "no pointer");
	o.data_in = big;
	o.data_size_in = sizeof(big);
	CHECK(moat_program__run_opts(xdp, &o) == -EINVAL && strstr(object_said, "too large"), "%s", object_said);
	o.data_size_in = 98048;
	CHECK(moat_program__run_opts(xdp, &o) == 0, "the largest packet");
	o.data_size_in = 60;
	o.ctx_in = &md;
	o.ctx_size_in = sizeof(md);
	CHECK(moat_program__run_opts(xdp, &o) == -EINVAL, "data is not 0");
	o.ctx_in = &longer;
	o.ctx_size_in = sizeof(longer);
	CHECK(moat_program__run_opts(xdp, &o) == 0, "a newer context, zero where we do not know it");
	longer.more = 1;
	CHECK(moat_program__run_opts(xdp, &o) == -EINVAL, "a newer context, not zero there");
	CHECK(moat_program__run_opts(plain, &o) == -EINVAL, "a plain program has no context");
	CHECK(moat_program__run_opts(flat, &o) == -EINVAL, "a flat context has no data");
	o.data_size_in = 0;
	o.ctx_size_in = 8193;
	o.ctx_in = big;
	CHECK(moat_program__run_opts(flat, &o) == -EINVAL, "too large a context");
	o.sz = 8;
	CHECK(moat_program__run_opts(flat, &o) == -EINVAL, "no such size");
	CHECK(moat_program__run_opts(NULL, &o) == -EINVAL && moat_program__run_opts(flat, NULL) == -EINVAL, "NULL");
}

static void test_packet(const struct mode *m, struct moat_object *obj)
{
	__u8 data[64];
	__u32 len = 60;

	memcpy(data, packet, 60);
	CHECK(moat_program__run_packet(named(obj, "xdp_look"), data, &len) == XDP_PASS && len == 60, "%s", m->name);
	/* Constant memory is never written unless the program changed the packet. */
	CHECK(moat_program__run_packet(named(obj, "tc_look"), (void *)packet, &len) == 2, "%s: constant", m->name);
	CHECK(moat_program__run_packet(named(obj, "xdp_rewrite"), data, &len) == XDP_TX && data[0] == 3, "%s", m->name);
	CHECK(moat_program__run_packet(named(obj, "xdp_pop"), data, &len) == XDP_TX && len == 54 &&
	      !memcmp(data, packet + 6, 54), "%s: popped %u", m->name, len);
	CHECK(moat_program__run_packet(named(obj, "xdp_push"), data, &len) == -ENOSPC && len == 54,
	      "%s: what does not fit any more", m->name);
	len = 5;
	CHECK(moat_program__run_packet(named(obj, "xdp_look"), data, &len) == -EINVAL, "%s: short", m->name);
	CHECK(moat_program__run_packet(named(obj, "flat_sum"), data, &len) == -EINVAL, "%s: no packet program", m->name);
	CHECK(moat_program__run_packet(named(obj, "plain"), data, &len) == data[0] + 5, "%s: plain", m->name);
}

static void test_types(const struct mode *m)
{
	struct moat_object *obj = object_load(m, "types", NULL);

	if (!obj)
		return;
	test_xdp(m, obj);
	test_skb(m, obj);
	test_flat(m, obj);
	test_packet(m, obj);
	test_inputs(obj);
	moat_object__close(obj);
}

static bool confined(const struct mode *m)
{
	return m->mode != MOAT_MODE_NONE;
}

static void test_faults(const struct mode *m)
{
	struct moat_object *obj = object_load(m, "faults", NULL);
	MOAT_RUN_OPTS(o, .data_size_in = 8, .fuel = 1000);
	__u64 address = 0x5000;
	struct moat_program_stats stats = { .sz = sizeof(stats) };
	struct moat_program *wild;
	char text[300];
	int err;

	if (!obj)
		return;
	o.data_in = &address;
	wild = named(obj, "wild");
	err = moat_program__run_opts(wild, &o);
	CHECK(err == -EFAULT && o.fault.write && o.fault.address == 0x5000, "%s: %d, %s at %llx", m->name, err,
	      moat_fault_name(o.fault.kind), o.fault.address);
	CHECK(o.fault.file && strstr(o.fault.file, "faults.bpf.c") && o.fault.text && strstr(o.fault.text, "LINE poke"),
	      "%s: %s", m->name, moat_fault__text(&o.fault, text, sizeof(text)));
	CHECK(o.retval == 0, "%s: no result", m->name);
	o.repeat = 5;
	err = moat_program__run_opts(wild, &o);
	CHECK(err == -EFAULT && !moat_program__stats(wild, &stats) && stats.faults == 2 && stats.runs == 2 &&
	      stats.code_bytes && stats.insns, "%s: %llu faults in %llu runs", m->name, stats.faults, stats.runs);
	err = moat_program__run_opts(named(obj, "endless"), &o);
	CHECK(err == -ETIME && o.fault.kind == MOAT_FAULT_FUEL && o.fault.text && strstr(o.fault.text, "LINE endless"),
	      "%s: %d, %s", m->name, err, moat_fault__text(&o.fault, text, sizeof(text)));
	if (confined(m)) {
		err = moat_program__run_opts(named(obj, "bad_argument"), &o);
		CHECK(err == -EFAULT && o.fault.kind == MOAT_FAULT_AUDIT && o.fault.helper == 1 && o.fault.arg == 2 &&
		      o.fault.text && strstr(o.fault.text, "LINE bad_argument"),
		      "%s: %d, %s", m->name, err, moat_fault__text(&o.fault, text, sizeof(text)));
	}
	/* Nothing stays behind: many faults later there are still slots, and good runs go well. */
	o.repeat = 0;
	for (err = -EFAULT; err == -EFAULT && stats.faults < 1000; moat_program__stats(wild, &stats))
		err = moat_program__run_opts(wild, &o);
	CHECK(err == -EFAULT && stats.busy == 0, "%s: %d", m->name, err);
	moat_object__close(obj);
}

/* Code, lines and marks say where things are. */
static void test_code(const struct mode *m)
{
	struct moat_object *obj = object_load(m, "calls", NULL);
	struct moat_program *prog;
	struct moat_code code;
	struct moat_line line;
	unsigned int i;
	bool ordered = true;

	if (!obj)
		return;
	prog = named(obj, "nested");
	CHECK(!moat_program__code(prog, &code) && code.nr_slots == moat_program__insn_cnt(prog) && code.nr_marks,
	      "%s: code", m->name);
	for (i = 0; i < code.nr_slots; i++)
		ordered &= code.slot[i] <= code.slot[i + 1] && code.slot[i + 1] <= code.bytes;
	for (i = 0; i < code.nr_marks; i++)
		ordered &= code.marks[i].start <= code.marks[i].end && code.marks[i].end <= code.bytes &&
			   strcmp(moat_mark_name(code.marks[i].kind), "unknown");
	CHECK(ordered, "%s: tables", m->name);
	CHECK(!moat_program__line(prog, 0, &line) && strstr(line.file, "calls.bpf.c") && line.line && line.text,
	      "%s: line", m->name);
	CHECK(moat_program__line(prog, code.nr_slots, &line) == -ENOENT, "%s: behind the end", m->name);
	CHECK(!strcmp(moat_mark_name(9999), "unknown"), "a mark that is none");
	moat_object__close(obj);
}

/* Helpers of the host, and runs inside runs -------------------------------- */

static struct moat_program *inner_prog;
static int inner_err;

static __u64 host_add(__u64 a, __u64 b, __u64 c, __u64 d, __u64 e, struct moat_run *run)
{
	return a + b + *(__u64 *)moat_run__user(run);
}

static __u64 host_nest(__u64 a, __u64 b, __u64 c, __u64 d, __u64 e, struct moat_run *run)
{
	MOAT_RUN_OPTS(o, .user = moat_run__user(run));

	inner_err = moat_program__run_opts(a ? moat_run__program(run) : inner_prog, &o);
	return inner_err ? (__u64)inner_err : o.retval;
}

static const struct moat_helper mine[] = {
	{ .id = 1000001, .name = "add", .fn = (void *)host_add,
	  .arg = { { .kind = MOAT_ARG_SCALAR }, { .kind = MOAT_ARG_SCALAR } } },
	{ .id = 1000002, .name = "nest", .fn = (void *)host_nest, .arg = { { .kind = MOAT_ARG_SCALAR } } },
	{ .id = 0 },
};

static void test_helpers(const struct mode *m)
{
	struct bpf_insn add[] = { MOV_K(1, 40), MOV_K(2, 1), CALL(1000001), EXIT };
	struct bpf_insn nest[] = { MOV_K(1, 0), CALL(1000002), EXIT };
	struct bpf_insn deep[] = { MOV_K(1, 1), CALL(1000002), EXIT };
	struct bpf_insn wild[] = { MOV_K(1, 16), LDX(BPF_DW, 0, 1, 0), EXIT };
	__u64 one = 1;
	MOAT_RUN_OPTS(o, .user = &one);
	struct moat_object *a = mode_load(m, add, 4, 0, mine), *b = mode_load(m, nest, 3, 0, mine);
	struct moat_object *c = mode_load(m, deep, 3, 0, mine), *d = mode_load(m, wild, 3, 0, mine);
	int err;

	if (!CHECK(a && b && c && d, "%s: %s", m->name, mode_said))
		return;
	err = moat_program__run_opts(moat_object__next_program(a, NULL), &o);
	CHECK(!err && o.retval == 42, "%s: %d, %llu", m->name, err, o.retval);
	inner_prog = moat_object__next_program(a, NULL);
	err = moat_program__run_opts(moat_object__next_program(b, NULL), &o);
	CHECK(!err && o.retval == 42, "%s: a run in a run: %d, %llu", m->name, err, o.retval);
	/* A fault inside ends the inner run alone. */
	inner_prog = moat_object__next_program(d, NULL);
	err = moat_program__run_opts(moat_object__next_program(b, NULL), &o);
	CHECK(!err && inner_err == -EFAULT && (__s64)o.retval == -EFAULT, "%s: %d, %d", m->name, err, inner_err);
	/* Without end: the pool of stacks has one. */
	err = moat_program__run_opts(moat_object__next_program(c, NULL), &o);
	CHECK(!err && (__s64)o.retval == -EBUSY, "%s: %d, %lld", m->name, err, o.retval);
	err = moat_program__run_opts(moat_object__next_program(c, NULL), &o);
	CHECK(!err && (__s64)o.retval == -EBUSY, "%s: again: %d, %lld", m->name, err, o.retval);
	moat_object__close(a);
	moat_object__close(b);
	moat_object__close(c);
	moat_object__close(d);
}

/* Threads ------------------------------------------------------------------- */

#define THREADS		8

struct crowd {
	struct moat_object *good, *bad;
	_Atomic bool stop;
	_Atomic unsigned int wrong, runs, faults;
};

static void *run_good(void *arg)
{
	struct crowd *c = arg;
	struct moat_program *prog = moat_object__find_program_by_name(c->good, "xdp_rewrite");
	__u8 data[60];
	__u32 len;

	while (!c->stop) {
		memcpy(data, packet, 60);
		len = 60;
		c->wrong += moat_program__run_packet(prog, data, &len) != XDP_TX || data[0] != 3 || len != 60;
		c->runs++;
	}
	return NULL;
}

static void *run_bad(void *arg)
{
	struct crowd *c = arg;
	struct moat_program *prog = moat_object__find_program_by_name(c->bad, "wild");
	__u64 address = 64;
	MOAT_RUN_OPTS(o, .data_in = &address, .data_size_in = 8);

	while (!c->stop) {
		c->wrong += moat_program__run_opts(prog, &o) != -EFAULT;
		c->faults++;
	}
	return NULL;
}

static void test_threads(const struct mode *m)
{
	struct crowd c = { .good = object_load(m, "types", "xdp_rewrite"), .bad = object_load(m, "faults", "wild") };
	pthread_t thread[THREADS];
	int i;

	if (!c.good || !c.bad)
		return;
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, i % 2 ? run_good : run_bad, &c);
	usleep(200000);
	c.stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK(!c.wrong && c.runs && c.faults, "%s: %u wrong of %u and %u", m->name, c.wrong, c.runs, c.faults);
	moat_object__close(c.good);
	moat_object__close(c.bad);
}

/* More threads than CPU numbers: those that come too late are told so, and there is room again afterwards. */
static pthread_barrier_t barrier;
static struct moat_object *shared;

static void *run_and_stay(void *arg)
{
	MOAT_RUN_OPTS(o);
	long err = moat_program__run_opts(moat_object__next_program(shared, NULL), &o);

	pthread_barrier_wait(&barrier);
	return (void *)err;
}

static void test_too_many(const struct mode *m)
{
	struct bpf_insn insns[] = { MOV_K(0, 1), EXIT };
	pthread_t thread[80];
	unsigned int i, round, good, busy;

	shared = mode_load(m, insns, 2, 0, NULL);
	if (!CHECK(shared, "%s", mode_said))
		return;
	for (round = 0; round < 2; round++) {
		pthread_barrier_init(&barrier, NULL, 80);
		for (i = 0; i < 80; i++)
			pthread_create(&thread[i], NULL, run_and_stay, NULL);
		for (i = good = busy = 0; i < 80; i++) {
			void *err;

			pthread_join(thread[i], &err);
			good += !err;
			busy += (long)err == -EBUSY;
		}
		/* This thread has one of the 64. */
		CHECK(good == 63 && busy == 17, "%s: round %u: %u good, %u busy", m->name, round, good, busy);
	}
	moat_object__close(shared);
}

/* An object that is closed while its program runs elsewhere: the run is waited for. */
static _Atomic int stage;

static __u64 host_wait(__u64 a, __u64 b, __u64 c, __u64 d, __u64 e, struct moat_run *run)
{
	stage = 1;
	usleep(50000);
	stage = 2;
	return 77;
}

static void *run_slowly(void *arg)
{
	MOAT_RUN_OPTS(o);

	return (void *)(long)(moat_program__run_opts(arg, &o) ?: (long)o.retval);
}

static void test_close(const struct mode *m)
{
	static const struct moat_helper slow[] = { { .id = 1000003, .name = "wait", .fn = (void *)host_wait }, { .id = 0 } };
	struct bpf_insn insns[] = { CALL(1000003), EXIT };
	struct moat_object *obj = mode_load(m, insns, 2, 0, slow);
	pthread_t thread;
	void *ret;

	if (!CHECK(obj, "%s", mode_said))
		return;
	stage = 0;
	pthread_create(&thread, NULL, run_slowly, moat_object__next_program(obj, NULL));
	while (!stage)
		usleep(100);
	moat_object__close(obj);
	CHECK(stage == 2, "%s: closing did not wait", m->name);
	pthread_join(thread, &ret);
	CHECK((long)ret == 77, "%s: %ld", m->name, (long)ret);
}

/* Long straight functions and helpers that do much work cannot be had for the price of a call. */
static void test_prices(const struct mode *m)
{
	enum { LONG = 2000, FUEL = 20 * LONG };
	/* r6 counts the calls in the buffer; the function at the end is LONG slots */
	static struct bpf_insn call[8 + LONG] = {
		MOV_X(6, 1), MOV_K(1, 1), ATOM(BPF_DW, BPF_ADD, 6, 1, 0), CALL_LOCAL(1), JA(-3),
	}, comm[] = {
		MOV_X(6, 1), MOV_K(7, 1), ATOM(BPF_DW, BPF_ADD, 6, 7, 0), MOV_X(1, 6), ALU64_K(BPF_ADD, 1, 8),
		MOV_K(2, 16 * LONG), CALL(BPF_FUNC_get_current_comm), JA(-6),
	};
	static __u64 in[2 * LONG + 8], out[2 * LONG + 8];
	struct moat_object *obj[2];
	unsigned int i;

	for (i = 5; i < 5 + LONG; i++)
		call[i] = (struct bpf_insn)MOV_K(0, 0);
	call[i] = (struct bpf_insn)EXIT;
	obj[0] = mode_load(m, call, i + 1, 0, NULL);
	obj[1] = mode_load(m, comm, sizeof(comm) / sizeof(*comm), 0, NULL);
	for (i = 0; i < 2; i++) {
		MOAT_RUN_OPTS(o, .data_in = in, .data_size_in = sizeof(in), .data_out = out,
			      .data_size_out = sizeof(out), .fuel = FUEL);
		const __u64 *view;
		int err;

		if (!CHECK(obj[i], "%s: %s", m->name, mode_said))
			continue;
		err = moat_program__run_opts(moat_object__next_program(obj[i], NULL), &o);
		/* A run that faults gives no data back: look at its view. */
		view = moat_host(moat_object__next_program(obj[i], NULL)->domain->slot[moat_self->cpu]->off +
				 MOAT_VIEW_PACKET + MOAT_HEADROOM);
		CHECK(err == -ETIME && view[0] > 1 && view[0] <= FUEL / LONG + 1, "%s: %s: %d after %llu calls", m->name,
		      i ? "helper" : "function", err, (unsigned long long)view[0]);
		moat_object__close(obj[i]);
	}
}

int main(int argc, char **argv)
{
	unsigned int i;

	objects_init(argv[0]);
	modes_init(NULL);
	object_quiet();
	for (i = 0; i < nr_modes; i++) {
		test_types(&modes[i]);
		test_faults(&modes[i]);
		test_code(&modes[i]);
		test_helpers(&modes[i]);
		test_threads(&modes[i]);
		test_too_many(&modes[i]);
		test_close(&modes[i]);
		if (confined(&modes[i]))
			test_prices(&modes[i]);
	}
	return check_done();
}
