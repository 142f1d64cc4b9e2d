/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Contents of maps.  With BTF values are shown with their member names, else
 * 4 and 8 byte values as numbers and others as hex.  Per-CPU values are summed
 * where they are numbers.  Zero elements of arrays are left out and counted.
 */
#include "cli.h"

#define TEXT_ELEMENTS	32	/* shown as text; JSON has all */
#define RING_RECORDS	16	/* shown in full */

struct dump {
	struct moat_map *map;
	const struct cli_types *types;
	u32 key_size, value_size, stride, copies;
	bool percpu, array;
	u64 shown, zero;
	json_object *elements;
};

static const char *type_name(enum bpf_map_type type)
{
	static const char *const names[] = {
		[BPF_MAP_TYPE_HASH] = "hash", [BPF_MAP_TYPE_ARRAY] = "array",
		[BPF_MAP_TYPE_PROG_ARRAY] = "prog_array", [BPF_MAP_TYPE_PERCPU_HASH] = "percpu_hash",
		[BPF_MAP_TYPE_PERCPU_ARRAY] = "percpu_array", [BPF_MAP_TYPE_LRU_HASH] = "lru_hash",
		[BPF_MAP_TYPE_LRU_PERCPU_HASH] = "lru_percpu_hash", [BPF_MAP_TYPE_LPM_TRIE] = "lpm_trie",
		[BPF_MAP_TYPE_ARRAY_OF_MAPS] = "array_of_maps", [BPF_MAP_TYPE_HASH_OF_MAPS] = "hash_of_maps",
		[BPF_MAP_TYPE_RINGBUF] = "ringbuf",
	};

	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "map";
}

static bool is_zero(const u8 *p, size_t bytes)
{
	while (bytes--)
		if (*p++)
			return false;
	return true;
}

static json_object *hex(const void *data, u32 bytes)
{
	char *text = malloc(3 * (size_t)bytes + 1);
	json_object *o = text ? json_object_new_string(cli_bytes(text, data, bytes)) : NULL;

	free(text);
	return o;
}

static json_object *value_of(const struct dump *d, const u8 *value)
{
	json_object *o = cli_types_value(d->types, moat_map__name(d->map), value, d->value_size);
	u64 v = 0;

	if (o || (d->value_size != 4 && d->value_size != 8))
		return o ? o : hex(value, d->value_size);
	memcpy(&v, value, d->value_size);
	return json_object_new_uint64(v);
}

static json_object *key_of(const struct dump *d, const u8 *key)
{
	json_object *o;

	if (d->array)
		return json_object_new_int64(key[0] | key[1] << 8 | key[2] << 16 | (s64)key[3] << 24);
	o = cli_types_key(d->types, moat_map__name(d->map), key, d->key_size);
	return o ? o : hex(key, d->key_size);
}

/* Add the numbers of @b to those of @a, which has the same shape.  False: there is something else than numbers. */
static bool sum(json_object *a, json_object *b)
{
	size_t i;

	if (json_object_is_type(a, json_type_int))
		return json_object_set_uint64(a, json_object_get_uint64(a) + json_object_get_uint64(b));
	if (json_object_is_type(a, json_type_array)) {
		for (i = 0; i < json_object_array_length(a); i++)
			if (!sum(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i)))
				return false;
		return true;
	}
	if (!json_object_is_type(a, json_type_object))
		return false;
	json_object_object_foreach(a, name, member)
		if (!sum(member, json_object_object_get(b, name)))
			return false;
	return true;
}

/* {"value": sum, "values": [{"cpu", "value"}...]}; CPUs whose value is zero are left out. */
static void add_percpu(const struct dump *d, json_object *row, const u8 *value)
{
	json_object *list = json_object_new_array(), *one, *total = value_of(d, value);
	bool numbers = true;
	u32 cpu;

	for (cpu = 0; cpu < d->copies; cpu++, value += d->stride) {
		if (is_zero(value, d->value_size))
			continue;
		one = json_object_new_object();
		json_object_object_add(one, "cpu", json_object_new_int(cpu));
		json_object_object_add(one, "value", value_of(d, value));
		json_object_array_add(list, one);
		if (cpu && numbers)
			numbers = sum(total, json_object_object_get(one, "value"));
	}
	if (numbers)
		json_object_object_add(row, "value", total);
	else
		json_object_put(total);
	json_object_object_add(row, "values", list);
}

static void add_element(struct dump *d, const u8 *key, const u8 *value)
{
	json_object *row;

	if (d->array && is_zero(value, (size_t)d->stride * d->copies)) {
		d->zero++;
		return;
	}
	row = json_object_new_object();
	json_object_object_add(row, "key", key_of(d, key));
	if (d->percpu)
		add_percpu(d, row, value);
	else
		json_object_object_add(row, "value", value_of(d, value));
	json_object_array_add(d->elements, row);
	d->shown++;
}

static void walk(struct dump *d)
{
	size_t bytes = (size_t)d->stride * d->copies;
	u8 *key = calloc(2, d->key_size + 8), *next = key + d->key_size + 8, *value = calloc(1, bytes + 8);
	bool first = true;

	while (key && value && !moat_map__get_next_key(d->map, first ? NULL : key, next, d->key_size)) {
		if (!moat_map__lookup_elem(d->map, next, d->key_size, value, bytes, 0))
			add_element(d, next, value);
		memcpy(key, next, d->key_size);
		first = false;
	}
	free(key);
	free(value);
}

/* Hashes have an order of their own, which differs from run to run. */
static int by_key(const void *a, const void *b)
{
	json_object *x = json_object_object_get(*(json_object *const *)a, "key");
	json_object *y = json_object_object_get(*(json_object *const *)b, "key");

	return strcmp(json_object_to_json_string(x), json_object_to_json_string(y));
}

static int ring_record(void *ctx, void *data, size_t size)
{
	struct dump *d = ctx;

	if (d->shown++ < RING_RECORDS)
		json_object_array_add(d->elements, hex(data, size));
	return 0;
}

/* Takes the records out: each is shown once. */
static void drain(struct dump *d)
{
	struct moat_ring_buffer *rb = moat_ring_buffer__new(d->map, ring_record, d);

	if (!rb)
		return;
	moat_ring_buffer__consume(rb);
	moat_ring_buffer__free(rb);
}

/* Fill d->elements; false for types without contents to show. */
static bool collect(struct dump *d, struct moat_map *map, const struct cli_types *types)
{
	enum bpf_map_type type = moat_map__type(map);

	memset(d, 0, sizeof(*d));
	d->map = map;
	d->types = types;
	d->key_size = moat_map__key_size(map);
	d->value_size = moat_map__value_size(map);
	d->percpu = type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
		    type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
	d->array = type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
	d->copies = d->percpu ? moat_num_possible_cpus() : 1;
	d->stride = d->percpu ? (d->value_size + 7) & ~7u : d->value_size;
	if (type == BPF_MAP_TYPE_PROG_ARRAY || type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
	    type == BPF_MAP_TYPE_HASH_OF_MAPS)
		return false;
	d->elements = json_object_new_array();
	if (type == BPF_MAP_TYPE_RINGBUF)
		drain(d);
	else
		walk(d);
	if (!d->array && type != BPF_MAP_TYPE_RINGBUF)
		json_object_array_sort(d->elements, by_key);
	return true;
}

json_object *cli_maps_json(struct moat_object *obj, const char *path)
{
	struct cli_types *types = cli_types_open(path);
	json_object *list = json_object_new_array(), *o;
	struct moat_map *map = NULL;
	struct dump d;

	while ((map = moat_object__next_map(obj, map))) {
		if (!collect(&d, map, types))
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "name", json_object_new_string(moat_map__name(map)));
		json_object_object_add(o, "type", json_object_new_string(type_name(moat_map__type(map))));
		json_object_object_add(o, "max_entries", json_object_new_int64(moat_map__max_entries(map)));
		if (d.array)
			json_object_object_add(o, "zero_elements", json_object_new_uint64(d.zero));
		if (moat_map__type(map) == BPF_MAP_TYPE_RINGBUF)
			json_object_object_add(o, "records", json_object_new_uint64(d.shown));
		json_object_object_add(o, "elements", d.elements);
		json_object_array_add(list, o);
	}
	cli_types_close(types);
	return list;
}

/* A JSON value for people: without quotes. */
static void print_plain(json_object *o)
{
	const char *p = json_object_is_type(o, json_type_string) ? json_object_get_string(o) :
		json_object_to_json_string_ext(o, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

	for (; *p; p++)
		if (*p != '"')
			putchar(*p);
}

static void print_element(const struct dump *d, json_object *row)
{
	json_object *value = row, *total;

	if (!json_object_is_type(row, json_type_object)) {
		printf("  record: ");
	} else {
		printf(d->array ? "  [" : "  ");
		print_plain(json_object_object_get(row, "key"));
		printf(d->array ? "]: " : ": ");
		total = json_object_object_get(row, "value");
		value = total ? total : json_object_object_get(row, "values");
	}
	print_plain(value);
	putchar('\n');
}

static void print_map(const struct dump *d)
{
	size_t n = json_object_array_length(d->elements), i;

	printf("\nmap %s (%s%s): ", moat_map__name(d->map), type_name(moat_map__type(d->map)),
	       d->percpu ? ", summed over CPUs" : "");
	if (moat_map__type(d->map) == BPF_MAP_TYPE_RINGBUF)
		printf("%llu records\n", (unsigned long long)d->shown);
	else if (d->array)
		printf("%llu of %llu elements are not zero\n", (unsigned long long)d->shown,
		       (unsigned long long)(d->shown + d->zero));
	else
		printf("%llu of at most %u elements\n", (unsigned long long)d->shown, moat_map__max_entries(d->map));
	for (i = 0; i < n && i < TEXT_ELEMENTS; i++)
		print_element(d, json_object_array_get_idx(d->elements, i));
	if (d->shown > i)
		printf("  ... %llu more%s\n", (unsigned long long)(d->shown - i),
		       n == d->shown ? " (all with --json)" : "");
}

void cli_maps_text(struct moat_object *obj, const char *path)
{
	struct cli_types *types = cli_types_open(path);
	struct moat_map *map = NULL;
	struct dump d;

	while ((map = moat_object__next_map(obj, map))) {
		if (!collect(&d, map, types))
			continue;
		print_map(&d);
		json_object_put(d.elements);
	}
	cli_types_close(types);
}
