/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps of maps: programs find inner maps that come and go while they are loaded, and work with their values.
 *
 * In the mode that the kernel is in; what programs of one mode make of maps of another is maps_inner.c's.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "heap.h"
#include "order.h"

#define ROOM	40	/* elements of the outer map */

static const struct {
	const char *name;
	enum bpf_map_type outer, inner;
	u32 flags;
} kinds[] = {
	{ "array of arrays", BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_ARRAY, 0 },
	{ "array of hashes", BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH, 0 },
	{ "hash of arrays", BPF_MAP_TYPE_HASH_OF_MAPS, BPF_MAP_TYPE_ARRAY, 0 },
	{ "hash of hashes", BPF_MAP_TYPE_HASH_OF_MAPS, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC },
	{ "hash of LRU", BPF_MAP_TYPE_HASH_OF_MAPS, BPF_MAP_TYPE_LRU_HASH, 0 },
};

static int make_inner(u32 i)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = kinds[i].flags);

	return bpf_map_create(kinds[i].inner, "moat_inner", sizeof(u32), sizeof(u64), 600, &opts);
}

static int make_outer(u32 i)
{
	int template = make_inner(i), outer;
	LIBBPF_OPTS(bpf_map_create_opts, opts, .inner_map_fd = (u32)template);

	outer = bpf_map_create(kinds[i].outer, "moat_outer", sizeof(u32), sizeof(u32), ROOM, &opts);
	close(template);
	return outer;
}

/*
 * In the inner map at key[0..3] it looks for the value at key[4..7], adds 1, and gives the value to a helper that puts it
 * into @copy.  2: there is no such value, 3: no such map.  UPDATE puts order->value there.
 */
static int load(int outer, int copy)
{
	const struct bpf_insn insn[] = {
		ORDER, LD_FD(1, outer), POINT(2, key), CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 3), EXIT,
		MOV_X(1, 0), MOV_X(2, 6), ALU64_K(BPF_ADD, 2, AT(key) + 4), JMP_K(BPF_JNE, 7, UPDATE, 7),
		POINT(3, value), MOV_K(4, 0), CALL(BPF_FUNC_map_update_elem), DONE,
		CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 2), EXIT,
		LDX(BPF_DW, 1, 0, 0), ALU64_K(BPF_ADD, 1, 1), STX(BPF_DW, 0, 1, 0),
		ST(BPF_W, 10, -4, 0), MOV_X(3, 0), LD_FD(1, copy), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -4), MOV_K(4, 0),
		CALL(BPF_FUNC_map_update_elem), DONE,
	};

	return order_load(insn, sizeof(insn) / sizeof(*insn), "outer");
}

static u32 give(int prog, u32 op, u32 which, u32 at)
{
	memcpy((void *)order->key, &which, sizeof(which));
	memcpy((void *)order->key + 4, &at, sizeof(at));
	return order_give(prog, op);
}

/* The program adds 1 to value @at of @inner, which is at @which, and no other one. */
static void check_value(u32 i, int prog, int copy, int inner, u32 which, u32 at)
{
	u64 value = which * 1000 + at, now = 0;
	u32 zero = 0;

	CHECK(!bpf_map_update_elem(inner, &at, &value, BPF_ANY), "%s: %s", kinds[i].name, strerror(errno));
	CHECK(give(prog, LOOK, which, at) == 1, "%s: value %u of inner map %u is not found", kinds[i].name, at, which);
	CHECK(!bpf_map_lookup_elem(inner, &at, &now) && now == value + 1, "%s: value %u of inner map %u becomes %llu",
	      kinds[i].name, at, which, (unsigned long long)now);
	CHECK(!bpf_map_lookup_elem(copy, &zero, &now) && now == value + 1, "%s: a helper finds %llu", kinds[i].name,
	      (unsigned long long)now);
	now = value + 7;
	memcpy((void *)order->value, &now, sizeof(now));
	CHECK(give(prog, UPDATE, which, at) == 1 && !order->ret, "%s: an update fails", kinds[i].name);
	CHECK(!bpf_map_lookup_elem(inner, &at, &now) && now == value + 7, "%s: an update is lost", kinds[i].name);
}

/* Inner maps from before the program is loaded and from after it, two at the same time, replaced and deleted. */
static void check_changes(u32 i, int outer, int copy, int *prog)
{
	u32 zero = 0, one = 1;
	int a = make_inner(i), b = make_inner(i), c = make_inner(i);

	CHECK(!bpf_map_update_elem(outer, &zero, &a, BPF_ANY), "%s: %s", kinds[i].name, strerror(errno));
	*prog = load(outer, copy);
	if (*prog < 0)
		return;
	CHECK(!bpf_map_update_elem(outer, &one, &b, BPF_ANY), "%s: %s", kinds[i].name, strerror(errno));
	check_value(i, *prog, copy, a, 0, 5);
	check_value(i, *prog, copy, b, 1, 599);
	check_value(i, *prog, copy, a, 0, 0);
	CHECK(!bpf_map_update_elem(outer, &zero, &c, BPF_ANY), "%s: %s", kinds[i].name, strerror(errno));
	check_value(i, *prog, copy, c, 0, 7);
	CHECK(!bpf_map_update_elem(outer, &zero, &b, BPF_ANY), "%s: %s", kinds[i].name, strerror(errno));
	CHECK(!bpf_map_delete_elem(outer, &one), "%s: %s", kinds[i].name, strerror(errno));
	CHECK(give(*prog, LOOK, 1, 5) == 3, "%s: a map is found that is not there", kinds[i].name);
	usleep(300000);	/* what is still in use stays */
	check_value(i, *prog, copy, b, 0, 9);
	close(a);
	close(b);
	close(c);
}

/* Other inner maps all the time, while the program looks into them. */
struct rotation {
	u32 kind;
	int outer;
	volatile bool end;
};

static void *rotate(void *arg)
{
	struct rotation *r = arg;
	u32 n, which;

	for (n = 0; !r->end && n < 400; n++) {
		int inner = make_inner(r->kind);

		which = n % 4;
		if (n % 3)
			bpf_map_update_elem(r->outer, &which, &inner, BPF_ANY);
		else
			bpf_map_delete_elem(r->outer, &which);
		close(inner);
	}
	return NULL;
}

static void delete_all(int outer)
{
	u32 i;

	for (i = 0; i < 4; i++)
		bpf_map_delete_elem(outer, &i);
}

static void check_rotation(u32 i, int outer, int prog)
{
	struct rotation r = { .kind = i, .outer = outer };
	u8 packet[64] = { 0 };
	u32 n, result, bad = 0;
	pthread_t thread;
	long empty;

	delete_all(outer);
	usleep(700000);	/* it takes a while until they are gone */
	empty = heap_pages();
	if (!CHECK(!pthread_create(&thread, NULL, rotate, &r), "no thread"))
		return;
	order->op = LOOK;
	for (n = 0; n < 200; n++) {
		order->key[0] = (u8)(n % 4);
		bad += sys_run(prog, packet, sizeof(packet), 20, &result) || !result;
	}
	r.end = true;
	pthread_join(thread, NULL);
	CHECK(!bad, "%s: %u runs end early while inner maps change", kinds[i].name, bad);
	delete_all(outer);
	CHECK(heap_pages_settled(empty) <= empty, "%s: %ld pages stay with the program", kinds[i].name, heap_pages() - empty);
}

static void check_kind(u32 i, int copy, long start)
{
	int outer = make_outer(i), prog = -1;

	if (!CHECK(outer >= 0, "%s: %s", kinds[i].name, strerror(errno)))
		return;
	check_changes(i, outer, copy, &prog);
	if (prog >= 0)
		check_rotation(i, outer, prog);
	close(outer);
	close(prog);
	CHECK(heap_pages_settled(start) <= start, "%s: %ld pages of the heap are left", kinds[i].name, heap_pages() - start);
}

int main(void)
{
	long start;
	int copy;
	u32 i;

	if (!order_open())
		return check_done();
	copy = sys_array(sizeof(u64), 1, NULL);
	start = heap_pages_at_rest();
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		check_kind(i, copy, start);
	if (start < 0)
		SKIP("heap", "this kernel tells nothing of one");
	return check_done();
}
