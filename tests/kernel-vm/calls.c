/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls of every kind from compiled programs: calls.bpf.c and kfunc.bpf.c with results that are known. */
#include <errno.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "calls.h"
#include "object.h"
#include "sys.h"

#define LIMIT	33	/* tail calls in a row: MAX_TAIL_CALL_CNT */

static struct bpf_object *obj;
static volatile struct shared *shared;
static u8 packet[256];

static u32 run(const char *name)
{
	u32 retval = 0;
	int err = sys_run(object_prog(obj, name), packet, sizeof(packet), 1, &retval);

	CHECK(!err, "%s does not run: %s", name, strerror(-err));
	return retval;
}

static void set_target(u32 at, const char *name)
{
	int map = object_map(obj, "targets"), err;

	err = name ? sys_map_set(map, at, object_prog(obj, name)) : bpf_map_delete_elem(map, &at);
	CHECK(!err, "targets[%u] = %s: %s", at, name ? name : "nothing", strerror(errno));
}

/* @ret, and how often targets ran and calls were not taken. */
static void expect(const char *name, u32 ret, u64 runs, u64 fell)
{
	u32 got;

	shared->runs = shared->fell_through = 0;
	got = run(name);
	CHECK(got == ret && shared->runs == runs && shared->fell_through == fell,
	      "%s returned %u, not %u; %llu programs ran, not %llu; %llu calls were not taken, not %llu", name, got, ret,
	      (unsigned long long)shared->runs, (unsigned long long)runs, (unsigned long long)shared->fell_through,
	      (unsigned long long)fell);
}

static void tail_calls(void)
{
	packet[3] = 55;
	expect("tail_direct", 7, 0, 1);
	shared->input = 1;
	expect("tail_indirect", 8, 0, 1);
	expect("tail_in_sub", 100001, 0, 1);
	set_target(1, "target_1");
	expect("tail_direct", 1001, 1, 0);
	expect("tail_indirect", 1001, 1, 0);
	expect("tail_in_sub", 101001, 1, 0);
	set_target(1, "target_2");
	expect("tail_direct", 2055, 1, 0);
	expect("tail_indirect", 2055, 1, 0);
	expect("tail_in_sub", 102055, 1, 0);
	shared->input = 16;		/* behind the last entry */
	expect("tail_indirect", 8, 0, 1);
	shared->input = 0x100000001ull;	/* only the lower half counts */
	expect("tail_indirect", 2055, 1, 0);
	set_target(1, NULL);
	expect("tail_direct", 7, 0, 1);
	set_target(3, "tail_itself");
	expect("tail_itself", 9, LIMIT + 1, 1);
	set_target(4, "tail_itself_indirect");
	shared->input = 4;
	expect("tail_itself_indirect", 10, LIMIT + 1, 1);
	/* a chain over both: the count goes along */
	set_target(3, "tail_itself_indirect");
	expect("tail_itself", 10, LIMIT + 1, 1);
	set_target(5, "tail_tree");
	shared->runs = 0;
	CHECK(run("tail_tree") == 11 && shared->runs == LIMIT + 1, "tail_tree: %llu programs ran",
	      (unsigned long long)shared->runs);
}

static u64 deep3(u64 a, u64 b)
{
	return a + b * 2 + (a ^ b) * 3 + (a + b) * 4 + a * 15 + b * 30;
}

static u64 deep2(u64 a, u64 b, u64 c)
{
	u64 r = deep3(b, c);

	r ^= deep3(a + r, b);
	return r + a * 7 + b * 11 + c * 13 + a + b + c;
}

static u64 deep1(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	u64 r = deep2(a, b, c);

	r += deep2(d, e, a) * 3;
	return r ^ a ^ b << 1 ^ c << 2 ^ d << 3 ^ e << 4;
}

static void subprograms(void)
{
	u64 i, want;

	for (i = 1; i; i <<= 7) {
		shared->input = i;
		want = deep1(i, i + 1, i * 3, ~i, i << 7);
		CHECK(run("subprograms") == 12 && shared->sum == want, "subprograms of %llx: %llx, not %llx",
		      (unsigned long long)i, (unsigned long long)shared->sum, (unsigned long long)want);
	}
}

static void callbacks(void)
{
	u64 want = 0, outer, inner, n = 0;
	u32 k, got;

	for (k = 0; k < 8; k++) {
		u64 v = 10 + k * k;

		bpf_map_update_elem(object_map(obj, "numbers"), &k, &v, BPF_ANY);
		want += v * (k + 1);
	}
	for (k = 200; k < 230; k++) {
		u64 v = k * 3;

		bpf_map_update_elem(object_map(obj, "table"), &k, &v, BPF_ANY);
		want += v * (k + 1);
	}
	got = run("each_element");
	CHECK(got == 8 + 3000 && shared->sum == want, "each_element returned %u and summed up %llu, not %llu", got,
	      (unsigned long long)shared->sum, (unsigned long long)want);
	k = 205;
	CHECK(object_u64(obj, "table", &k) == 616, "each_element left %llu", object_u64(obj, "table", &k));
	shared->input = 25;
	for (outer = 0, want = 0; outer < 25; outer++)
		for (inner = 0; inner <= 20; inner++, n++)
			want += inner * (outer + 1);
	got = run("nested_loops");
	CHECK(got == 25 && shared->sum == want, "nested_loops returned %u and summed up %llu, not %llu", got,
	      (unsigned long long)shared->sum, (unsigned long long)want);
}

static void timers(void)
{
	double end = sys_now() + 10;

	shared->fired = 0;
	CHECK(run("start_timer") == 0, "start_timer fails");
	while (shared->fired < 10 && sys_now() < end)
		usleep(10000);
	usleep(30000);
	CHECK(shared->fired == 10, "a timer fired %llu times, not 10", (unsigned long long)shared->fired);
}

static void kfuncs(void)
{
	struct bpf_object *k = object_load("kfunc", sys_log);
	u32 ret = 0, zero = 0;
	u64 want = 0x80000001ull + 0x100000000ull + 3 + 0x4000000000000000ull;

	if (!k) {
		SKIP("kfuncs", sys_log);
		return;
	}
	CHECK(!sys_run(object_prog(k, "kfuncs"), packet, sizeof(packet), 1, &ret) && ret == 42 &&
	      object_u64(k, ".bss", &zero) == want, "kfuncs returned %d and left %llx, not %llx", (int)ret,
	      object_u64(k, ".bss", &zero), (unsigned long long)want);
	bpf_object__close(k);
}

/* Programs of both JITs call each other: frames and counters must fit. */
static void mixed(const char *first, const char *then)
{
	struct bpf_object *other;
	int was = object_map(obj, "targets");
	u32 at = 3, ret = 0;
	int fd;

	if (sys_write("net/core/bpf_moat", first)) {
		SKIP("tail calls between JITs", "there is no net.core.bpf_moat");
		return;
	}
	other = object_open("calls");
	if (!CHECK(other && !bpf_map__reuse_fd(bpf_object__find_map_by_name(other, "targets"), was) &&
		   !bpf_object__load(other), "calls does not load again"))
		return;
	sys_write("net/core/bpf_moat", then);
	/* tail_itself of one goes on with the other's, which goes on with itself */
	fd = object_prog(other, "tail_itself");
	CHECK(!sys_map_set(was, at, fd), "no target");
	shared->runs = 0;
	run("tail_itself");
	CHECK(shared->runs == 1, "%s: %llu programs of the first kind ran", first, (unsigned long long)shared->runs);
	CHECK(!sys_map_set(was, 1, object_prog(other, "target_2")), "no target");
	expect("tail_direct", 2055, 0, 0);
	expect("tail_in_sub", 102055, 0, 0);
	CHECK(!sys_map_set(was, at, object_prog(obj, "tail_itself")), "no target");
	shared->runs = 0;
	CHECK(!sys_run(fd, packet, sizeof(packet), 1, &ret) && ret == 9 && shared->runs == LIMIT,
	      "from %s: %u returned, %llu programs ran", first, ret, (unsigned long long)shared->runs);
	bpf_object__close(other);
}

static bool load_all(void)
{
	size_t bytes;

	obj = object_open("calls");
	if (!obj || bpf_object__load(obj))
		return false;
	shared = object_section(obj, ".bss", &bytes);
	return shared && bytes == sizeof(*shared);
}

int main(void)
{
	char mode[16] = "";
	FILE *f = fopen("/proc/sys/net/core/bpf_moat", "r");

	if (f && fscanf(f, "%15s", mode) != 1)
		mode[0] = 0;
	if (f)
		fclose(f);
	sys_pin();
	if (!CHECK(load_all(), "calls does not load, or its variables are others"))
		return check_done();
	tail_calls();
	subprograms();
	callbacks();
	timers();
	kfuncs();
	mixed("stock", mode);
	if (mode[0])
		mixed("none", mode);
	if (mode[0])
		sys_write("net/core/bpf_moat", mode);
	bpf_object__close(obj);
	return check_done();
}
