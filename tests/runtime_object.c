/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The loader: what is linked and relocated how, what is refused with which words, and what damaged files do. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "insns.h"
#include "objects.h"

static void test_data(const struct mode *m)
{
	struct moat_object *obj = object_load(m, "data", NULL);
	struct { __u32 index, add; } in = { 1, 1000 };
	struct moat_map *bss, *data, *extra;
	__u32 zero = 0, value = 5;
	__u64 got, state[8] = { 0 };

	if (!obj)
		return;
	got = object_run(obj, "sum", &in, sizeof(in));
	CHECK(got == 3 * 20 + 77 + 1000 + 5, "%s: %llu", m->name, (unsigned long long)got);
	got = object_run(obj, "sum", &in, sizeof(in));
	got = object_run(obj, "state", NULL, 0);
	CHECK(got == (2100ull << 32 | 2 << 16 | 4 << 8 | 8), "%s: %llx", m->name, (unsigned long long)got);

	bss = moat_object__find_map_by_name(obj, ".bss");
	data = moat_object__find_map_by_name(obj, "data.data");
	extra = moat_object__find_map_by_name(obj, ".data.extra");
	CHECK(bss && !strcmp(moat_map__name(bss), "data.bss") && data && data != bss, "%s: .bss, .data", m->name);
	CHECK(!moat_object__find_map_by_name(obj, ".ss") && errno == ENOENT, "%s: a name cut short", m->name);
	CHECK(data && !moat_map__lookup_elem(data, &zero, 4, state, moat_map__value_size(data), 0) &&
	      (state[0] == 2100 || state[1] == 2100 || state[2] == 2100), "%s: .data is read by the host", m->name);
	CHECK(extra && !moat_map__update_elem(extra, &zero, 4, &value, 4, 0), "%s: .data.extra is written", m->name);
	got = object_run(obj, "sum", &in, sizeof(in));
	CHECK(got == 3 * 20 + 5 + 1000 + 5, "%s: %llu", m->name, (unsigned long long)got);
	moat_object__close(obj);
}

/* .rodata may be read only, in every mode that confines. */
static void test_constant(const struct mode *m)
{
	struct moat_object *obj = object_load(m, "data", "write_constant");
	MOAT_RUN_OPTS(opts);
	int err;

	if (!obj)
		return;
	err = moat_program__run_opts(moat_object__find_program_by_name(obj, "write_constant"), &opts);
	CHECK(err == -EFAULT && opts.fault.write, "%s: %d, %s", m->name, err, moat_fault_name(opts.fault.kind));
	moat_object__close(obj);
}

static __u64 leaf(__u64 a, __u64 b)
{
	return a * 10 + b;
}

static void test_calls(const struct mode *m)
{
	struct moat_object *obj = object_load(m, "calls", NULL);
	struct moat_program *nested, *shared;
	__u64 a, got, want;

	if (!obj)
		return;
	for (a = 0; a < 5; a++) {
		got = object_run(obj, "nested", &a, sizeof(a));
		want = leaf(a, 1) + leaf(a + 1, 2) + leaf(a, 3);
		CHECK(got == want, "%s: nested(%llu) = %llu", m->name, (unsigned long long)a, (unsigned long long)got);
		got = object_run(obj, "shared", &a, sizeof(a));
		CHECK(got == leaf(a, 7), "%s: shared(%llu)", m->name, (unsigned long long)a);
		got = object_run(obj, "looped", &a, sizeof(a));
		want = 10 * (a * (a - 1) / 2);
		CHECK(got == want, "%s: looped(%llu) = %lld", m->name, (unsigned long long)a, (long long)got);
	}
	/* Each program carries only the functions that it needs, each once. */
	nested = moat_object__find_program_by_name(obj, "nested");
	shared = moat_object__find_program_by_name(obj, "shared");
	CHECK(moat_program__insn_cnt(nested) > moat_program__insn_cnt(shared) && moat_program__insn_cnt(nested) < 60,
	      "%zu, %zu", moat_program__insn_cnt(nested), moat_program__insn_cnt(shared));
	moat_object__close(obj);
}

static void test_maps(const struct mode *m)
{
	struct moat_object *obj = object_load(m, "maps", NULL);
	__u32 key = 7, pair[2] = { 2, 1 }, index;
	__u64 value = 40;
	struct moat_map *table, *second;

	if (!obj)
		return;
	table = moat_object__find_map_by_name(obj, "table");
	second = moat_object__find_map_by_name(obj, "second");
	CHECK((__s64)object_run(obj, "lookup", &key, 4) == -2, "%s: an empty table", m->name);
	CHECK(!moat_map__update_elem(table, &key, 4, &value, 8, BPF_ANY), "%s: update", m->name);
	CHECK(object_run(obj, "lookup", &key, 4) == 40 && object_run(obj, "lookup", &key, 4) == 41, "%s", m->name);

	CHECK(object_run(obj, "lookup_inner", pair, 8) == 1 && object_run(obj, "lookup_inner", pair, 8) == 2,
	      "%s: the inner map at 2", m->name);
	CHECK(!moat_map__lookup_elem(second, &pair[1], 4, &value, 8, 0) && value == 2, "%s: seen by the host", m->name);
	pair[0] = 1;
	CHECK((__s64)object_run(obj, "lookup_inner", pair, 8) == -2, "%s: no inner map at 1", m->name);

	for (index = 0; index < 9; index++) {
		__u64 got = object_run(obj, "dispatch", &index, 4);
		__u64 want = index == 1 ? 101 : index == 5 ? 101 : index == 6 ? 33 : 1000 + index;

		CHECK(got == want, "%s: tail call %u gave %llu", m->name, index, (unsigned long long)got);
	}
	moat_object__close(obj);
}

static void test_text(const struct mode *m)
{
	struct moat_object *obj = object_load(m, "text", NULL);
	struct moat_program *prog;
	__u8 in = 4;

	if (!obj)
		return;
	prog = moat_object__next_program(obj, NULL);
	CHECK(prog && !moat_object__next_program(obj, prog), "%s: one program", m->name);
	CHECK(!strcmp(moat_program__name(prog), "entry") && moat_program__type(prog) == BPF_PROG_TYPE_UNSPEC,
	      "%s: %s", m->name, moat_program__name(prog));
	CHECK(object_run(obj, "entry", &in, 1) == 9 && object_run(obj, "entry", NULL, 0) == 41, "%s", m->name);
	moat_object__close(obj);
}

/* A program alone, on purpose with all its neighbours left out. */
static void refused(const char *object, const char *prog, const char *const words[], int want)
{
	struct moat_object *obj;
	struct moat_program *p = NULL;
	int err, i;

	object_quiet();
	obj = object_open(NULL, object);
	if (!CHECK(obj, "%s: %s", object, object_said))
		return;
	while ((p = moat_object__next_program(obj, p)))
		moat_program__set_autoload(p, !strcmp(moat_program__name(p), prog));
	err = moat_object__load(obj);
	CHECK(err == want, "%s/%s: %d", object, prog, err);
	for (i = 0; words[i]; i++)
		CHECK(strstr(object_said, words[i]), "%s/%s: '%s' is not in: %s", object, prog, words[i], object_said);
	moat_object__close(obj);
}

#define WORDS(...)	(const char *const[]){ __VA_ARGS__, NULL }

static void test_refused(void)
{
	struct moat_object *obj;

	refused("refused", "core", WORDS("core: section moat, instruction", "CO-RE", "task_struct.parent"), -EINVAL);
	refused("refused", "variable", WORDS("section moat, instruction", "kernel_variable"), -EINVAL);
	refused("refused", "function", WORDS("section moat, instruction", "kernel_function"), -EINVAL);
	refused("refused", "config", WORDS("section moat, instruction", "LINUX_KERNEL_VERSION"), -EINVAL);
	refused("refused", "helper", WORDS("12345"), -EINVAL);
	obj = object_load(NULL, "refused", "fine");
	CHECK(obj && object_run(obj, "fine", NULL, 0) == 5, "a program beside refused ones");
	CHECK(obj && !moat_program__insns(moat_object__find_program_by_name(obj, "core")), "not loaded");
	moat_object__close(obj);

	object_quiet();
	obj = object_open(NULL, "special");
	CHECK(!obj && errno == EOPNOTSUPP && strstr(object_said, "bpf_spin_lock") && strstr(object_said, "locked"),
	      "%s", object_said);
	moat_object__close(obj);
}

/* Raw instructions that would need an object; options that mean nothing. */
static void test_raw(void)
{
	struct bpf_insn map[] = { { .code = 0x18, .src_reg = BPF_PSEUDO_MAP_FD, .imm = 3 }, { 0 }, EXIT };
	struct bpf_insn good[] = { MOV_K(0, 9), EXIT };
	MOAT_OPEN_OPTS(opts, .name = "raw");
	struct moat_helper shadow = { .id = 1, .name = "mine", .fn = (void *)test_raw };
	struct moat_object *obj;

	object_quiet();
	obj = moat_object__open_insns(map, 3, &opts);
	CHECK(obj && moat_object__load(obj) == -EINVAL && strstr(object_said, "raw: instruction 0"), "%s", object_said);
	moat_object__close(obj);
	CHECK(!moat_object__open_insns(good, 0, NULL) && errno == EINVAL, "no instructions");
	CHECK(!moat_object__open_insns(NULL, 1, NULL) && errno == EINVAL, "no pointer");

	opts.helpers = &shadow;
	opts.nr_helpers = 1;
	CHECK(!moat_object__open_insns(good, 2, &opts) && errno == EINVAL, "a built-in helper's number");
	shadow.id = 1000001;
	shadow.arg[0].kind = MOAT_ARG_MEM;
	CHECK(!moat_object__open_insns(good, 2, &opts) && errno == EINVAL, "memory without a size");
	opts.helpers = NULL;
	opts.mode = 17;
	CHECK(!moat_object__open_insns(good, 2, &opts) && errno == EINVAL, "no such mode");
	opts.mode = MOAT_MODE_AUTO;
	opts.sz = 2;
	CHECK(!moat_object__open_insns(good, 2, &opts) && errno == EINVAL, "no such size");
	opts.sz = offsetof(struct moat_open_opts, mode);	/* an older caller */
	obj = moat_object__open_insns(good, 2, &opts);
	CHECK(obj && !moat_object__load(obj) && moat_object__load(obj) == -EBUSY, "loaded twice");
	CHECK(obj && !strcmp(moat_object__name(obj), "raw") && object_run(obj, "raw", NULL, 0) == 9, "runs");
	CHECK(obj && moat_program__set_autoload(moat_object__next_program(obj, NULL), false) == -EBUSY, "after load");
	moat_object__close(obj);
	moat_object__close(NULL);
}

static int open_bytes(void *bytes, size_t n)
{
	struct moat_object *obj;
	int err;

	object_quiet();
	obj = moat_object__open_mem(bytes, n, NULL);
	err = obj ? 0 : -errno;
	moat_object__close(obj);
	return err;
}

static void test_not_objects(void)
{
	size_t n;
	__u8 *file = object_read("data", &n);
	Elf64_Ehdr *h = (void *)file;

	CHECK(open_bytes("#!/bin/sh", 9) == -ENOEXEC && strstr(object_said, "not an ELF file"), "%s", object_said);
	CHECK(open_bytes(file, 10) == -ENOEXEC, "ten bytes");
	CHECK(open_bytes(file, 0) == -ENOEXEC, "nothing");
	CHECK(open_bytes(file, n / 2) == -EINVAL && strstr(object_said, "corrupt"), "half: %s", object_said);
	CHECK(open_bytes(file, n) == 0, "the whole: %s", object_said);
	h->e_machine = EM_X86_64;
	CHECK(open_bytes(file, n) == -ENOEXEC && strstr(object_said, "not for BPF"), "%s", object_said);
	h->e_machine = EM_BPF;
	h->e_ident[EI_DATA] = ELFDATA2MSB;
	CHECK(open_bytes(file, n) == -ENOEXEC && strstr(object_said, "big-endian"), "%s", object_said);
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_ident[EI_CLASS] = ELFCLASS32;
	CHECK(open_bytes(file, n) == -ENOEXEC && strstr(object_said, "64-bit"), "%s", object_said);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_type = ET_EXEC;
	CHECK(open_bytes(file, n) == -ENOEXEC && strstr(object_said, "relocatable"), "%s", object_said);
	free(file);
	object_quiet();
	CHECK(!moat_object__open_file("/nonexistent", NULL) && errno == ENOENT, "no file");
	CHECK(!moat_object__open_file("/", NULL) && errno == EISDIR, "a folder");
}

static __u64 next_random(__u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

/* Bytes changed at random must give an error or an object that loads or not; never more. */
static void test_damaged(const char *name, unsigned int rounds)
{
	static const __u32 nasty[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 8, 0xfffffff8 };
	unsigned int round, opened = 0, loaded = 0;
	size_t n, i;
	__u8 *file = object_read(name, &n), *copy = malloc(n + 8);
	__u64 seed = 0x9e3779b97f4a7c15ull ^ n;

	for (round = 0; round < rounds; round++) {
		struct moat_object *obj;
		unsigned int changes = 1 + next_random(&seed) % 4;

		memcpy(copy, file, n);
		while (changes--) {
			i = next_random(&seed) % n;
			if (next_random(&seed) % 2)
				copy[i] = next_random(&seed);
			else
				memcpy(copy + (i & ~3ull), &nasty[next_random(&seed) % 7], 4);
		}
		object_quiet();
		obj = moat_object__open_mem(copy, next_random(&seed) % 16 ? n : next_random(&seed) % n, NULL);
		opened += !!obj;
		loaded += obj && !moat_object__load(obj);
		moat_object__close(obj);
	}
	CHECK(opened && opened < rounds && loaded <= opened, "%s: %u of %u opened, %u loaded", name, opened, rounds, loaded);
	free(copy);
	free(file);
}

/* Maps that differ from what a program was linked for must not be guessed: the file's types decide. */
static void test_attributes(void)
{
	struct moat_object *obj = object_open(NULL, "maps");
	struct moat_map *map = NULL;
	unsigned int nr = 0;

	if (!CHECK(obj, "%s", object_said))
		return;
	while ((map = moat_object__next_map(obj, map)))
		nr++;
	CHECK(nr == 6, "%u maps", nr);
	map = moat_object__find_map_by_name(obj, "table");
	CHECK(map && moat_map__type(map) == BPF_MAP_TYPE_HASH && moat_map__key_size(map) == 4 &&
	      moat_map__value_size(map) == 8 && moat_map__max_entries(map) == 16, "table");
	map = moat_object__find_map_by_name(obj, "outer");
	CHECK(map && moat_map__type(map) == BPF_MAP_TYPE_ARRAY_OF_MAPS && moat_map__max_entries(map) == 4, "outer");
	CHECK(moat_object__mode(obj) == MOAT_MODE_AUTO, "the mode is chosen at load");
	CHECK(!moat_object__load(obj) && moat_object__mode(obj) == moat_mode_best(), "%s", object_said);
	moat_object__close(obj);
}

int main(int argc, char **argv)
{
	unsigned int i, rounds = argc > 1 ? atoi(argv[1]) : 300;
	static const char *const all[] = { "data", "calls", "maps", "types", "refused", "faults", "text" };

	objects_init(argv[0]);
	modes_init(NULL);
	object_quiet();
	for (i = 0; i < nr_modes; i++) {
		test_data(&modes[i]);
		test_calls(&modes[i]);
		test_maps(&modes[i]);
		test_text(&modes[i]);
		if (modes[i].mode != MOAT_MODE_NONE)
			test_constant(&modes[i]);
	}
	test_attributes();
	test_refused();
	test_raw();
	test_not_objects();
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		test_damaged(all[i], rounds);
	return check_done();
}
