/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tries (longest prefix match): what programs and processes do to them, against a model.
 *
 *	maps_trie [heap]
 *
 * Whether their values lie in the heap, the mode decides; see maps.c.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "heap.h"
#include "order.h"

/* Does what the order says; a look leaves the value's first word in got, and adds 1 there.  2: there is none. */
static int load_keyed(int map, const char *name)
{
	const struct bpf_insn insn[] = {
		ORDER, JMP_K(BPF_JNE, 7, UPDATE, 11),
		LD_FD(1, map), POINT(2, key), POINT(3, value), MOV_K(4, 0), CALL(BPF_FUNC_map_update_elem), DONE,
		JMP_K(BPF_JNE, 7, DELETE, 8),
		LD_FD(1, map), POINT(2, key), CALL(BPF_FUNC_map_delete_elem), DONE,
		LD_FD(1, map), POINT(2, key), CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 2), EXIT,
		LDX(BPF_DW, 1, 0, 0), STX(BPF_DW, 6, 1, AT(got)), ALU64_K(BPF_ADD, 1, 1), STX(BPF_DW, 0, 1, 0),
		MOV_K(0, 1), EXIT,
	};

	return order_load(insn, sizeof(insn) / sizeof(*insn), name);
}

#define ENTRIES	40

struct trie {
	const char *name;
	u32 data, value;	/* bytes */
};

static const struct trie tries[] = {
	{ "trie/4/8", 4, 8 }, { "trie/1/100", 1, 100 }, { "trie/16/8", 16, 8 }, { "trie/13/100", 13, 100 },
};

struct trie_key {
	u32 bits;
	u8 data[16];
};

/* All there is in the trie. */
static struct element {
	struct trie_key key;
	u64 value;
} model[ENTRIES + 1];
static u32 nr_model;

static bool covers(const struct trie_key *a, const struct trie_key *b, u32 bits)
{
	u32 whole = bits / 8, rest = bits % 8;

	return !memcmp(a->data, b->data, whole) && (!rest || !((a->data[whole] ^ b->data[whole]) >> (8 - rest)));
}

static struct element *find(const struct trie_key *k)
{
	u32 i;

	for (i = 0; i < nr_model; i++)
		if (model[i].key.bits == k->bits && covers(&model[i].key, k, k->bits))
			return &model[i];
	return NULL;
}

static struct element *find_longest(const struct trie_key *k)
{
	struct element *best = NULL;
	u32 i;

	for (i = 0; i < nr_model; i++)
		if (model[i].key.bits <= k->bits && covers(&model[i].key, k, model[i].key.bits) &&
		    (!best || best->key.bits < model[i].key.bits))
			best = &model[i];
	return best;
}

/* Few different bytes, so that prefixes meet. */
static struct trie_key some_key(const struct trie *t)
{
	struct trie_key k = { .bits = order_dice(4) ? order_dice(t->data * 8 + 1) : t->data * 8 };
	u32 i;

	for (i = 0; i < t->data; i++)
		k.data[i] = (u8)(order_dice(3) ? 0xa5 : order_dice(256));
	return k;
}

/* What a process, or a program, gets for an update or a delete. */
static s64 change(int map, int prog, const struct trie_key *k, const u8 *value)
{
	if (prog < 0)
		return (value ? bpf_map_update_elem(map, k, value, BPF_ANY) : bpf_map_delete_elem(map, k)) ? -errno : 0;
	memcpy((void *)order->key, k, sizeof(*k));
	if (value)
		memcpy((void *)order->value, value, sizeof(order->value));
	CHECK(order_give(prog, value ? UPDATE : DELETE) == 1, "the program ends early");
	return (s32)order->ret;
}

static void check_change(const struct trie *t, int map, int prog)
{
	struct trie_key k = some_key(t);
	struct element *e = find(&k);
	u8 value[112] = { 0 };
	s64 got, want = 0;
	u64 n = order_dice(1u << 30);

	if (!order_dice(3)) {
		want = e ? 0 : -ENOENT;
		got = change(map, prog, &k, NULL);
		if (e)
			*e = model[--nr_model];
	} else {
		memset(value, (u8)n, t->value);
		memcpy(value, &n, 8);
		want = e || nr_model < ENTRIES ? 0 : -ENOSPC;
		got = change(map, prog, &k, value);
		if (!e && !want)
			e = &model[nr_model++];
		if (e)
			*e = (struct element) { k, n };
	}
	CHECK(got == want, "%s: a change by a %s: %lld, not %lld", t->name, prog < 0 ? "process" : "program", (long long)got,
	      (long long)want);
}

static void check_look(const struct trie *t, int map, int prog)
{
	struct trie_key k = some_key(t);
	struct element *e = find_longest(&k);
	u8 value[112] = { 0 };
	u64 n;

	if (prog < 0) {
		CHECK(!bpf_map_lookup_elem(map, &k, value) == !!e, "%s: a process finds something else", t->name);
		memcpy(&n, value, 8);
		CHECK(!e || (n == e->value && (t->value == 8 || value[t->value - 1] == (u8)value[8])),
		      "%s: a process finds another value", t->name);
		return;
	}
	memcpy((void *)order->key, &k, sizeof(k));
	CHECK(order_give(prog, LOOK) == (e ? 1 : 2), "%s: a program finds something else", t->name);
	CHECK(!e || order->got == e->value++, "%s: a program finds another value", t->name);
}

static u32 walk(int map)
{
	struct trie_key key, next;
	u32 n = 0;
	int err = bpf_map_get_next_key(map, NULL, &next);

	while (!err && n < 1000) {
		CHECK(find(&next), "a walk finds a key that is not there");
		n++;
		key = next;
		err = bpf_map_get_next_key(map, &key, &next);
	}
	return n;
}

/* One task changes the trie as fast as it can, while programs look into it. */
struct load {
	const struct trie *t;
	int map, prog;
	u32 bad;
	volatile bool end;
};

static void *change_always(void *arg)
{
	struct load *l = arg;
	struct trie_key k = { 0 };
	u8 value[112] = { 0 };
	u32 i;

	for (i = 0; !l->end; i++) {
		k.bits = i % (l->t->data * 8 + 1);
		k.data[0] = (u8)(i / 3);
		if (i % 5 < 3)
			bpf_map_update_elem(l->map, &k, value, BPF_ANY);
		else
			bpf_map_delete_elem(l->map, &k);
	}
	return NULL;
}

static void check_load(const struct trie *t, int map, int prog)
{
	struct load l = { .t = t, .map = map, .prog = prog };
	struct trie_key k;
	u8 packet[64] = { 0 };
	pthread_t thread;
	u32 i, result;

	if (!CHECK(!pthread_create(&thread, NULL, change_always, &l), "no thread"))
		return;
	order->op = LOOK;
	for (i = 0; i < 60; i++) {
		k = some_key(t);
		memcpy((void *)order->key, &k, sizeof(k));
		l.bad += sys_run(prog, packet, sizeof(packet), 50, &result) || (result != 1 && result != 2);
	}
	l.end = true;
	pthread_join(thread, NULL);
	CHECK(!l.bad, "%s: %u runs end early while the trie changes", t->name, l.bad);
}

static void check_trie(const struct trie *t, bool in_heap, long start)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	long before = heap_pages_settled(start);
	int map = bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "moat_trie", t->data + 4, t->value, ENTRIES, &opts), prog;
	u32 i;

	if (!CHECK(map >= 0, "%s cannot be made: %s", t->name, strerror(errno)))
		return;
	CHECK(start < 0 || (heap_pages() > before) == in_heap, "%s takes %ld pages of the heap", t->name, heap_pages() - before);
	nr_model = 0;
	prog = load_keyed(map, t->name);
	for (i = 0; prog >= 0 && i < 1000; i++) {
		check_change(t, map, order_dice(2) ? prog : -1);
		check_look(t, map, order_dice(2) ? prog : -1);
	}
	CHECK(walk(map) == nr_model, "%s: a walk finds %u of %u", t->name, walk(map), nr_model);
	if (prog >= 0)
		check_load(t, map, prog);
	close(prog);
	close(map);
}

int main(int argc, char **argv)
{
	bool in_heap = argc > 1 && !strcmp(argv[1], "heap");
	long start;
	size_t i;

	if (!order_open())
		return check_done();
	start = heap_pages_at_rest();
	for (i = 0; i < sizeof(tries) / sizeof(*tries); i++)
		check_trie(&tries[i], in_heap, start);
	if (start < 0)
		SKIP("heap", "this kernel tells nothing of one");
	else
		CHECK(heap_pages_settled(start) <= start, "%ld pages of the heap are left", heap_pages() - start);
	return check_done();
}
