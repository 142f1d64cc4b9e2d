/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libFuzzer target: the loader of ELF objects.
 *
 * Whatever the file is, opening, loading and closing it must not crash, leak
 * or hang.  What loads is also run, in a base-register mode and on little
 * fuel: a program out of a mangled file is as hostile as any.
 */
#include "../runtime/internal.h"

#define MAX_BYTES	(256 * 1024)
#define MAX_ENTRIES	64
#define FUEL		20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	moat_set_print(NULL);
	moat_probing = true;	/* no probe, which would fork: whether the mode is enforced is not the question */
	return 0;
}

/* Everything that a host may ask about an object that was opened. */
static void look(struct moat_object *obj)
{
	struct moat_program *prog;
	struct moat_map *map;
	struct moat_line line;
	u32 i;

	for (map = moat_object__next_map(obj, NULL); map; map = moat_object__next_map(obj, map)) {
		moat_object__find_map_by_name(obj, moat_map__name(map));
		/* sizes are the file's; a large one costs memory, not safety */
		if (moat_map__max_entries(map) > MAX_ENTRIES)
			moat_map__set_max_entries(map, MAX_ENTRIES);
	}
	for (prog = moat_object__next_program(obj, NULL); prog; prog = moat_object__next_program(obj, prog)) {
		moat_object__find_program_by_name(obj, moat_program__name(prog));
		moat_program__section_name(prog);
		for (i = 0; i < 4; i++)
			moat_program__line(prog, i, &line);
	}
}

static void run(struct moat_program *prog)
{
	u8 packet[128] = { [12] = 8, [14] = 0x45, [23] = 6 }, out[512];
	MOAT_RUN_OPTS(opts, .data_in = packet, .data_size_in = sizeof(packet), .data_out = out,
		      .data_size_out = sizeof(out), .fuel = FUEL);
	char text[256];
	int err;

	err = moat_program__run_opts(prog, &opts);
	if (err == -EINVAL) {	/* a flat context */
		opts = (struct moat_run_opts){ .sz = sizeof(opts), .ctx_in = packet, .ctx_size_in = 64, .fuel = FUEL };
		err = moat_program__run_opts(prog, &opts);
	}
	if (err == -EFAULT || err == -ETIME)
		moat_fault__text(&opts.fault, text, sizeof(text));
}

/* Through the same door as the host: values of maps that exist. */
static void use_maps(struct moat_object *obj)
{
	u8 key[64] = { 0 }, *value;
	struct moat_map *map;
	size_t bytes;

	for (map = moat_object__next_map(obj, NULL); map; map = moat_object__next_map(obj, map)) {
		bytes = (moat_map__value_size(map) + 8ul) * (size_t)moat_num_possible_cpus();
		if (moat_map__key_size(map) > sizeof(key) || bytes > 1 << 20)
			continue;
		value = calloc(1, bytes);
		moat_map__lookup_elem(map, key, moat_map__key_size(map), value, moat_map__value_size(map), 0);
		moat_map__update_elem(map, key, moat_map__key_size(map), value, moat_map__value_size(map), BPF_ANY);
		moat_map__get_next_key(map, NULL, key, moat_map__key_size(map));
		free(value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MOAT_OPEN_OPTS(opts, .name = "fuzz");
	struct moat_program *prog;
	struct moat_object *obj;

	if (size > MAX_BYTES)
		return 0;
	opts.mode = MOAT_MODE_BASEREG;
	obj = moat_object__open_mem(data, size, &opts);
	if (!obj)
		return 0;
	look(obj);
	if (!moat_object__load(obj)) {
		use_maps(obj);
		for (prog = moat_object__next_program(obj, NULL); prog; prog = moat_object__next_program(obj, prog))
			run(prog);
	}
	moat_object__close(obj);
	return 0;
}
