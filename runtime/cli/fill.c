/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Setting map elements from the command line: NAME:KEY=VALUE. */
#include "cli.h"

/*
 * KEY is hex bytes in memory order, VALUE too.  Arrays and program arrays are
 * indexed by a number instead; the value of a program array is a program's
 * name.  Per-CPU maps get the value on every CPU.
 */
struct fill {
	const char *spec;
	struct moat_map *map;
	const char *key, *value;
	size_t key_len;
};

static bool is_percpu(enum bpf_map_type type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_indexed(enum bpf_map_type type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_PROG_ARRAY || type == BPF_MAP_TYPE_ARRAY_OF_MAPS;
}

static int bad(const struct fill *f, const char *what)
{
	return cli_usage("run", "--map %s: %s", f->spec, what);
}

static int parse_index(const struct fill *f, u8 *key)
{
	char text[24];
	u64 index;
	u32 i;

	snprintf(text, sizeof(text), "%.*s", (int)f->key_len, f->key);
	if (f->key_len >= sizeof(text) || !cli_number(text, UINT32_MAX, &index))
		return bad(f, "the key of an array is an index, a number");
	for (i = 0; i < 4; i++)
		key[i] = index >> (8 * i);
	return CLI_OK;
}

/* Exactly @bytes of hex into @out, which has room for any string of this length. */
static int parse_bytes(const struct fill *f, const char *what, const char *hex, size_t len, u8 *out, u32 bytes)
{
	long n = cli_unhex(hex, len, out);

	if (n < 0)
		return cli_usage("run", "--map %s: the %s is not an even number of hex digits", f->spec, what);
	if (n != (long)bytes)
		return cli_usage("run", "--map %s: the %s has %ld bytes, map '%s' wants %u",
				 f->spec, what, n, moat_map__name(f->map), bytes);
	return CLI_OK;
}

static int set_program(struct moat_object *obj, const struct fill *f, const u8 *key)
{
	struct moat_program *prog = moat_object__find_program_by_name(obj, f->value);
	u32 index = key[0] | key[1] << 8 | key[2] << 16 | (u32)key[3] << 24;
	int err;

	if (!prog)
		return bad(f, "there is no program of that name");
	err = moat_map__set_program(f->map, index, prog);
	return err ? cli_error("--map %s: %s", f->spec, strerror(-err)) : CLI_OK;
}

static int set_value(const struct fill *f, const u8 *key, u8 *value)
{
	u32 one = moat_map__value_size(f->map), key_size = moat_map__key_size(f->map);
	bool percpu = is_percpu(moat_map__type(f->map));
	u32 stride = (one + 7) & ~7u, copies = percpu ? moat_num_possible_cpus() : 1, i;
	size_t bytes = percpu ? (size_t)stride * copies : one;
	u8 *all = calloc(1, bytes + 1);
	int err;

	if (!all)
		return cli_error("out of memory");
	for (i = 0; i < copies; i++)
		memcpy(all + (size_t)i * stride, value, one);
	err = moat_map__update_elem(f->map, key, key_size, all, bytes, BPF_ANY);
	free(all);
	return err ? cli_error("--map %s: %s", f->spec, strerror(-err)) : CLI_OK;
}

static int set_element(struct moat_object *obj, const struct fill *f, u8 *key, u8 *value)
{
	enum bpf_map_type type = moat_map__type(f->map);
	int status;

	if (is_indexed(type))
		status = parse_index(f, key);
	else
		status = parse_bytes(f, "key", f->key, f->key_len, key, moat_map__key_size(f->map));
	if (status)
		return status;
	if (type == BPF_MAP_TYPE_PROG_ARRAY)
		return set_program(obj, f, key);
	status = parse_bytes(f, "value", f->value, strlen(f->value), value, moat_map__value_size(f->map));
	return status ? status : set_value(f, key, value);
}

int cli_fill(struct moat_object *obj, const char *spec)
{
	struct fill f = { .spec = spec };
	const char *colon = strchr(spec, ':'), *equals = colon ? strchr(colon, '=') : NULL;
	char name[128];
	u8 *room;
	int status;

	if (!equals || colon == spec || colon - spec >= (long)sizeof(name))
		return bad(&f, "want NAME:KEY=VALUE");
	snprintf(name, sizeof(name), "%.*s", (int)(colon - spec), spec);
	f.map = moat_object__find_map_by_name(obj, name);
	if (!f.map)
		return bad(&f, "there is no map of that name");
	f.key = colon + 1;
	f.key_len = equals - f.key;
	f.value = equals + 1;
	/* Hex needs half of its length; an index needs 4 bytes. */
	room = calloc(2, strlen(spec) + 4);
	if (!room)
		return cli_error("out of memory");
	status = set_element(obj, &f, room, room + strlen(spec) + 4);
	free(room);
	return status;
}
