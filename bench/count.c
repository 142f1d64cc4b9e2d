/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Run each program of the benchmark's objects under count-plugin.c: count none|basereg OBJECT...
 *
 * One mode at a time: maps are then at the same offsets in both, and take as many instructions to name.
 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <moat/moat.h>

#define MARK	0x4d6f6174	/* count-plugin.c */
enum { MARK_CODE, MARK_ZERO, MARK_TELL };
#define RUNS	16	/* count-arm64.sh divides by it */

static __u8 packet[1400];

static struct moat_object *load(const char *path, enum moat_mode mode)
{
	MOAT_OPEN_OPTS(opts, .mode = mode);
	struct moat_object *obj = moat_object__open_file(path, &opts);
	__u32 key[2] = { 8, 10 }, port = 3;
	struct moat_map *routes;

	if (!obj || moat_object__load(obj))
		return NULL;
	routes = moat_object__find_map_by_name(obj, "routes");
	if (routes)
		moat_map__update_elem(routes, key, sizeof(key), &port, sizeof(port), BPF_ANY);
	return obj;
}

/* Label 0 is what nothing is said of; the others are enum moat_mark_kind + 1. */
static void count_code(const struct moat_code *code)
{
	__u32 i;

	syscall(MARK, MARK_CODE, code->address, (unsigned long)code->bytes, 0ul);
	for (i = 0; i < code->nr_marks; i++) {
		const struct moat_mark *m = &code->marks[i];

		syscall(MARK, MARK_CODE, code->address + m->start, (unsigned long)(m->end - m->start), m->kind + 1ul);
	}
}

static int count(struct moat_program *prog, enum moat_mode mode)
{
	__u32 size = strcmp(moat_program__name(prog), "payload_sum") ? 256 : sizeof(packet);
	MOAT_RUN_OPTS(opts, .data_in = packet, .data_size_in = size, .repeat = RUNS);
	struct moat_code code;
	char name[200];
	int err;

	err = moat_program__code(prog, &code);
	if (err)
		return err;
	count_code(&code);
	syscall(MARK, MARK_ZERO);
	err = moat_program__run_opts(prog, &opts);
	snprintf(name, sizeof(name), "%s %s %u", moat_program__name(prog), moat_mode_name(mode), code.bytes);
	syscall(MARK, MARK_TELL, name);
	return err;
}

static int count_all(const char *path, enum moat_mode mode)
{
	struct moat_object *obj = load(path, mode);
	struct moat_program *prog = NULL;
	int failed = 0;

	if (!obj)
		return 1;
	while ((prog = moat_object__next_program(obj, prog)))
		failed |= count(prog, mode) != 0;
	return failed;
}

int main(int argc, char **argv)
{
	static const __u8 head[] = {	/* as bench.c's */
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, 0x05, 0x6a, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0x12, 0x34, 0, 53, 0x05, 0x56, 0, 0,
	};
	enum moat_mode mode = argc > 1 && !strcmp(argv[1], "none") ? MOAT_MODE_NONE : MOAT_MODE_BASEREG;
	int i, failed = 0;

	memcpy(packet, head, sizeof(head));
	for (i = sizeof(head); i < (int)sizeof(packet); i++)
		packet[i] = i * 7;
	for (i = 2; i < argc; i++)
		failed |= count_all(argv[i], mode);
	return failed;
}
