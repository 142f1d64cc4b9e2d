/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps whose values a domain can be granted: they behave as maps do, wherever those lie, and leave nothing behind.
 *
 * Which of them lie in the heap, the mode decides; their number of pages shows it where the kernel has such a heap.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "../check.h"
#include "../insns.h"
#include "heap.h"
#include "sys.h"

#define ENTRIES	60

struct kind {
	const char *name;
	enum bpf_map_type type;
	u32 flags, key, value;
};

static const struct kind kinds[] = {
	{ "array/1", BPF_MAP_TYPE_ARRAY, 0, 4, 1 },
	{ "array/8", BPF_MAP_TYPE_ARRAY, 0, 4, 8 },
	{ "array/100", BPF_MAP_TYPE_ARRAY, 0, 4, 100 },
	{ "array/5000", BPF_MAP_TYPE_ARRAY, 0, 4, 5000 },
	{ "mmapable/8", BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, 4, 8 },
	{ "mmapable/4096", BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, 4, 4096 },
	{ "hash/4/8", BPF_MAP_TYPE_HASH, 0, 4, 8 },
	{ "hash/13/1", BPF_MAP_TYPE_HASH, 0, 13, 1 },
	{ "hash/16/100", BPF_MAP_TYPE_HASH, 0, 16, 100 },
	{ "hash/4/5000", BPF_MAP_TYPE_HASH, 0, 4, 5000 },
	{ "alloc/4/8", BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 4, 8 },
	{ "alloc/13/100", BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, 13, 100 },
	{ "lru/4/8", BPF_MAP_TYPE_LRU_HASH, 0, 4, 8 },
	{ "lru/16/100", BPF_MAP_TYPE_LRU_HASH, 0, 16, 100 },
	{ "percpu-lru/4/8", BPF_MAP_TYPE_LRU_HASH, BPF_F_NO_COMMON_LRU, 4, 8 },
};

static bool is_array(const struct kind *k)
{
	return k->type == BPF_MAP_TYPE_ARRAY;
}

static bool is_lru(const struct kind *k)
{
	return k->type == BPF_MAP_TYPE_LRU_HASH;
}

static int make(const struct kind *k)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = k->flags);

	return bpf_map_create(k->type, "moat_maps", k->key, k->value, ENTRIES, &opts);
}

/* Key number @i: different ones differ in the first four bytes. */
static const void *key_of(const struct kind *k, u32 i)
{
	static u8 key[16];

	memset(key, 0x5a, k->key);
	memcpy(key, &i, sizeof(i));
	return key;
}

/* The value that @i has in round @seed; every byte depends on both. */
static void fill(const struct kind *k, u8 *value, u32 i, u32 seed)
{
	u32 b;

	for (b = 0; b < k->value; b++)
		value[b] = (u8)(i * 7 + seed * 31 + b * 13 + b / 256);
}

static u8 want[8192], got[8192];

static bool has(const struct kind *k, int map, u32 i, u32 seed)
{
	fill(k, want, i, seed);
	memset(got, 0xee, sizeof(got));
	return !bpf_map_lookup_elem(map, key_of(k, i), got) && !memcmp(got, want, k->value);
}

static int set(const struct kind *k, int map, u32 i, u32 seed, u64 flags)
{
	fill(k, want, i, seed);
	return bpf_map_update_elem(map, key_of(k, i), want, flags) ? -errno : 0;
}

/* Number of keys that a walk finds. */
static u32 walk(int map)
{
	u8 key[16], next[16];
	u32 n = 0;
	int err = bpf_map_get_next_key(map, NULL, next);

	while (!err && n < 1000) {
		n++;
		memcpy(key, next, sizeof(key));
		err = bpf_map_get_next_key(map, key, next);
	}
	return n;
}

/* Elements are replaced again and again, so that all of the spare ones are used as well. */
static void check_updates(const struct kind *k, int map)
{
	u32 i, seed, bad = 0;

	for (seed = 0; seed < 5; seed++)
		for (i = 0; i < ENTRIES; i++)
			bad += set(k, map, i, seed, BPF_ANY) != 0;
	CHECK(!bad, "%s: %u updates fail", k->name, bad);
	if (k->flags & BPF_F_NO_COMMON_LRU)
		return;	/* what is left depends on the CPU */
	for (i = 0; i < ENTRIES; i++)
		bad += !has(k, map, i, 4) && !is_lru(k);
	CHECK(!bad, "%s: %u values are wrong", k->name, bad);
	CHECK(is_lru(k) || walk(map) == ENTRIES, "%s: a walk finds %u", k->name, walk(map));
}

static void check_limits(const struct kind *k, int map)
{
	int err = set(k, map, ENTRIES + 1, 0, BPF_ANY);

	CHECK(is_lru(k) ? !err : err == -E2BIG, "%s: one more than it holds: %s", k->name, strerror(-err));
	if (is_lru(k))
		return;
	err = set(k, map, 3, 0, BPF_NOEXIST);
	CHECK(err == -EEXIST, "%s: again: %s", k->name, strerror(-err));
	CHECK(has(k, map, 3, 4), "%s: a refused update changed the value", k->name);
	err = bpf_map_delete_elem(map, key_of(k, 3)) ? -errno : 0;
	CHECK(err == (is_array(k) ? -EINVAL : 0), "%s: delete: %s", k->name, strerror(-err));
	if (is_array(k))
		return;
	CHECK(!has(k, map, 3, 4) && walk(map) == ENTRIES - 1, "%s: it is still there", k->name);
	CHECK(!set(k, map, ENTRIES + 1, 9, BPF_ANY) && has(k, map, ENTRIES + 1, 9), "%s: the place is not free", k->name);
	fill(k, want, 5, 4);
	err = bpf_map_lookup_and_delete_elem(map, key_of(k, 5), got) ? -errno : 0;
	CHECK(!err && !memcmp(got, want, k->value) && !has(k, map, 5, 4), "%s: take: %s", k->name, strerror(-err));
}

/* All at once: as many as a walk finds, and each with its own value. */
static void check_batch(const struct kind *k, int map)
{
	u8 *keys = calloc(ENTRIES, k->key), *values = calloc(ENTRIES, k->value);
	u32 n = ENTRIES, i, at, bad = 0, out, there = walk(map);

	if (k->flags & BPF_F_NO_COMMON_LRU) {
		free(keys);
		free(values);
		return;
	}
	if (bpf_map_lookup_batch(map, NULL, &out, keys, values, &n, NULL) && errno != ENOENT)
		n = 0;
	for (i = 0; i < n; i++) {
		memcpy(&at, keys + i * k->key, sizeof(at));
		if (!bpf_map_lookup_elem(map, keys + i * k->key, got))
			bad += memcmp(values + i * k->value, got, k->value) != 0;
		else
			bad++;
	}
	CHECK(n == there && !bad, "%s: %u of %u at once, %u wrong", k->name, n, there, bad);
	free(keys);
	free(values);
}

/* A program that adds 1 to the first byte of value 7, which it finds by its key; 2: there is none. */
static void check_program(const struct kind *k, int map)
{
	struct bpf_insn insn[] = {
		ST(BPF_DW, 10, -16, 0x5a5a5a5a), ST(BPF_DW, 10, -8, 0x5a5a5a5a), ST(BPF_W, 10, -16, 7),
		ST(BPF_W, 10, -12, 0x5a5a5a5a), ST(BPF_W, 10, -4, 0x5a5a5a5a), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, -16),
		INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map), INSN(0, 0, 0, 0, 0),
		CALL(BPF_FUNC_map_lookup_elem), JMP_K(BPF_JNE, 0, 0, 2), MOV_K(0, 2), EXIT,
		LDX(BPF_B, 1, 0, 0), ALU64_K(BPF_ADD, 1, 1), STX(BPF_B, 0, 1, 0), MOV_K(0, 1), EXIT,
	};
	int prog = sys_load_logged(BPF_PROG_TYPE_SOCKET_FILTER, insn, sizeof(insn) / sizeof(*insn)), err;
	u32 result = 0;
	u8 packet[64] = { 0 };

	if (!CHECK(prog >= 0, "%s: the program is refused: %s\n%s", k->name, strerror(-prog), sys_log))
		return;
	set(k, map, 7, 1, BPF_ANY);
	fill(k, want, 7, 1);
	err = sys_run(prog, packet, sizeof(packet), 3, &result);
	CHECK(!err && result == 1, "%s: the program ends with %u, %s", k->name, result, strerror(-err));
	CHECK(!bpf_map_lookup_elem(map, key_of(k, 7), got) && got[0] == (u8)(want[0] + 3) &&
	      !memcmp(got + 1, want + 1, k->value - 1), "%s: the program makes %u of %u", k->name, got[0], want[0]);
	if (!is_array(k)) {
		bpf_map_delete_elem(map, key_of(k, 7));
		CHECK(!sys_run(prog, packet, sizeof(packet), 1, &result) && result == 2, "%s: it finds what is not there",
		      k->name);
	}
	close(prog);
}

/* Memory shared with a process: the same bytes, page by page, and never more than the values. */
static void check_mmap(const struct kind *k, int map)
{
	long page = sysconf(_SC_PAGESIZE);
	size_t step = (k->value + 7) & ~7u, bytes = (ENTRIES * step + (size_t)page - 1) & ~((size_t)page - 1);
	u8 *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0), *more;

	if (!(k->flags & BPF_F_MMAPABLE)) {
		CHECK(mem == MAP_FAILED, "%s can be mapped", k->name);
		return;
	}
	if (!CHECK(mem != MAP_FAILED, "%s cannot be mapped: %s", k->name, strerror(errno)))
		return;
	set(k, map, 9, 2, BPF_ANY);
	CHECK(!memcmp(mem + 9 * step, want, k->value), "%s: an update is not seen", k->name);
	fill(k, mem + 20 * step, 20, 3);
	CHECK(has(k, map, 20, 3), "%s: a store is not seen", k->name);
	more = mmap(NULL, bytes + (size_t)page, PROT_READ, MAP_SHARED, map, 0);
	CHECK(more == MAP_FAILED, "%s: more than the values can be mapped", k->name);
	more = mmap(NULL, (size_t)page, PROT_READ, MAP_SHARED, map, (off_t)bytes);
	CHECK(more == MAP_FAILED, "%s: what is behind the values can be mapped", k->name);
	more = mmap(NULL, (size_t)page, PROT_READ, MAP_SHARED, map, (off_t)bytes - page);
	CHECK(more != MAP_FAILED && !memcmp(more, mem + bytes - page, (size_t)page), "%s: the last page is another", k->name);
	if (more != MAP_FAILED)
		munmap(more, (size_t)page);
	munmap(mem, bytes);
}

/* Values with a lock in them: updates under the lock, wherever they lie. */
static void check_lock(enum bpf_map_type type, const char *name)
{
	struct { u32 lock, pad; u64 number; } value = { 0, 0, 42 }, back = { 0, 0, 0 };
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	struct btf *btf = btf__new_empty();
	int number = btf__add_int(btf, "u32", 4, 0), wide = btf__add_int(btf, "u64", 8, 0), lock, both, map, err;
	u32 key = 1;

	lock = btf__add_struct(btf, "bpf_spin_lock", 4);
	btf__add_field(btf, "val", number, 0, 0);
	both = btf__add_struct(btf, "value", sizeof(value));
	btf__add_field(btf, "lock", lock, 0, 0);
	btf__add_field(btf, "pad", number, 32, 0);
	btf__add_field(btf, "number", wide, 64, 0);
	err = btf__load_into_kernel(btf);
	opts.btf_fd = (u32)btf__fd(btf);
	opts.btf_key_type_id = (u32)number;
	opts.btf_value_type_id = (u32)both;
	map = bpf_map_create(type, "moat_lock", sizeof(key), sizeof(value), 4, &opts);
	if (CHECK(!err && map >= 0, "%s with a lock: %s", name, strerror(errno))) {
		CHECK(!bpf_map_update_elem(map, &key, &value, type == BPF_MAP_TYPE_HASH ? BPF_ANY : BPF_F_LOCK) &&
		      !bpf_map_update_elem(map, &key, &value, BPF_F_LOCK) &&
		      !bpf_map_lookup_elem_flags(map, &key, &back, BPF_F_LOCK) && back.number == 42,
		      "%s with a lock: %s, %llu", name, strerror(errno), (unsigned long long)back.number);
		close(map);
	}
	btf__free(btf);
}

/* All of the kinds lie in the heap, or none. */
static void check_kind(const struct kind *k, bool in_heap, long start)
{
	long before = heap_pages_settled(start), now;
	int map = make(k);

	if (!CHECK(map >= 0, "%s cannot be made: %s", k->name, strerror(errno)))
		return;
	now = heap_pages();
	CHECK(now < 0 || (now > before) == in_heap, "%s takes %ld pages of the heap", k->name, now - before);
	check_updates(k, map);
	check_limits(k, map);
	check_batch(k, map);
	check_program(k, map);
	check_mmap(k, map);
	close(map);
}

int main(int argc, char **argv)
{
	bool in_heap = argc > 1 && !strcmp(argv[1], "heap");
	long start = heap_pages_at_rest();
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		check_kind(&kinds[i], in_heap, start);
	check_lock(BPF_MAP_TYPE_ARRAY, "array");
	check_lock(BPF_MAP_TYPE_HASH, "hash");
	if (start < 0)
		SKIP("heap", "this kernel tells nothing of one");
	else
		CHECK(heap_pages_settled(start) == start, "%ld pages of the heap are left", heap_pages() - start);
	return check_done();
}
