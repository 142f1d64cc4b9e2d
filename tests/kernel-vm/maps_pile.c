/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Queues, stacks and Bloom filters: what programs and processes do to them, against a model of each. */
#include <errno.h>
#include <string.h>
#include <bpf/bpf.h>
#include <unistd.h>

#include "../check.h"
#include "order.h"

static int load_pushed(int map, bool pops, const char *name)
{
	const struct bpf_insn insn[] = {
		ORDER, JMP_K(BPF_JNE, 7, PUSH, 9),
		LD_FD(1, map), POINT(2, value), LDX(BPF_W, 3, 6, AT(flags)), CALL(BPF_FUNC_map_push_elem), DONE,
		JMP_K(BPF_JNE, 7, PEEK, 8),
		LD_FD(1, map), POINT(2, value), CALL(BPF_FUNC_map_peek_elem), DONE,
		LD_FD(1, map), POINT(2, value), CALL(pops ? BPF_FUNC_map_pop_elem : BPF_FUNC_map_peek_elem), DONE,
	};

	return order_load(insn, sizeof(insn) / sizeof(*insn), name);
}

#define ROOM	5

static u64 pile[ROOM];
static u32 nr_pile;

static s64 model_push(u64 n, u32 flags)
{
	if (nr_pile == ROOM) {
		if (flags != BPF_EXIST)
			return -E2BIG;
		memmove(pile, pile + 1, --nr_pile * sizeof(*pile));
	}
	pile[nr_pile++] = n;
	return 0;
}

static s64 model_take(bool queue, bool keep, u64 *n)
{
	*n = 0;
	if (!nr_pile)
		return -ENOENT;
	*n = pile[queue ? 0 : nr_pile - 1];
	if (!keep && queue)
		memmove(pile, pile + 1, (nr_pile - 1) * sizeof(*pile));
	nr_pile -= !keep;
	return 0;
}

static s64 take(int map, int prog, u32 op, u8 *value)
{
	if (prog < 0)
		return (op == POP ? bpf_map_lookup_and_delete_elem(map, NULL, value) : bpf_map_lookup_elem(map, NULL, value)) ?
			-errno : 0;
	CHECK(order_give(prog, op) == 1, "the program ends early");
	memcpy(value, (void *)order->value, sizeof(order->value));
	return (s32)order->ret;
}

static s64 push(int map, int prog, const u8 *value, u32 flags)
{
	if (prog < 0)
		return bpf_map_update_elem(map, NULL, value, flags) ? -errno : 0;
	memcpy((void *)order->value, value, sizeof(order->value));
	order->flags = flags;
	CHECK(order_give(prog, PUSH) == 1, "the program ends early");
	return (s32)order->ret;
}

static void check_pile(enum bpf_map_type type, const char *name, u32 bytes)
{
	int map = bpf_map_create(type, "moat_pile", 0, bytes, ROOM, NULL), prog = load_pushed(map, true, name);
	u32 i, op, flags;
	u8 value[112];
	s64 got, want;
	u64 n, is;

	for (nr_pile = 0, i = 0; prog >= 0 && i < 600; i++) {
		int by = order_dice(2) ? prog : -1;

		op = PUSH + order_dice(3);
		memset(value, 0, sizeof(value));
		if (op == PUSH) {
			n = order_dice(1u << 30);
			flags = order_dice(2) ? BPF_EXIST : BPF_ANY;
			memcpy(value, &n, 8);
			want = model_push(n, flags);
			got = push(map, by, value, flags);
		} else {
			want = model_take(type == BPF_MAP_TYPE_QUEUE, op == PEEK, &n);
			got = take(map, by, op, value);
			memcpy(&is, value, 8);
			/* who finds nothing gets zeros, but a process nothing at all */
			CHECK(is == n || (by < 0 && got), "%s: %llu comes out, not %llu", name, (unsigned long long)is,
			      (unsigned long long)n);
		}
		CHECK(got == want, "%s: operation %u by a %s: %lld, not %lld", name, op, by < 0 ? "process" : "program",
		      (long long)got, (long long)want);
	}
	close(prog);
	close(map);
}

/* Bloom filters: what was put in is always found, by whoever looks; not all else is. */
static void check_bloom(u32 bytes)
{
	int map = bpf_map_create(BPF_MAP_TYPE_BLOOM_FILTER, "moat_bloom", 0, bytes, 100, NULL);
	int prog = load_pushed(map, false, "bloom");
	u32 i, found = 0, lost = 0;
	u8 value[112] = { 0 };

	for (i = 0; prog >= 0 && i < 60; i++) {
		memcpy(value, &i, sizeof(i));
		CHECK(!push(map, i % 2 ? prog : -1, value, 0), "%u bytes: not put in: %s", bytes, strerror(errno));
	}
	for (i = 0; prog >= 0 && i < 400; i++) {
		bool there;

		memcpy(value, &i, sizeof(i));
		memcpy((void *)order->value, value, sizeof(value));
		CHECK(order_give(prog, PEEK) == 1, "the program ends early");
		there = !order->ret;
		CHECK(there == !bpf_map_lookup_elem(map, NULL, value), "%u bytes: program and process disagree on %u", bytes, i);
		lost += i < 60 && !there;
		found += i >= 60 && there;
	}
	CHECK(!lost && found < 100, "%u bytes: %u of 60 are not found, %u of 340 are", bytes, lost, found);
	close(prog);
	close(map);
}

int main(void)
{
	if (!order_open())
		return check_done();
	check_pile(BPF_MAP_TYPE_QUEUE, "queue/8", 8);
	check_pile(BPF_MAP_TYPE_QUEUE, "queue/100", 100);
	check_pile(BPF_MAP_TYPE_STACK, "stack/8", 8);
	check_pile(BPF_MAP_TYPE_STACK, "stack/100", 100);
	check_bloom(4);
	check_bloom(13);
	return check_done();
}
