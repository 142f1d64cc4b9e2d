/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Keys and values of maps with the member names that the object's BTF has. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "cli.h"

#define MAX_DEPTH	8

struct cli_types {
	struct bpf_object *obj;
	const struct btf *btf;
};

static int silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

struct cli_types *cli_types_open(const char *path)
{
	struct cli_types *t = calloc(1, sizeof(*t));
	libbpf_print_fn_t print;

	if (!t)
		return NULL;
	print = libbpf_set_print(silent);
	t->obj = bpf_object__open(path);
	libbpf_set_print(print);
	t->btf = t->obj ? bpf_object__btf(t->obj) : NULL;
	if (!t->btf) {
		cli_types_close(t);
		return NULL;
	}
	return t;
}

void cli_types_close(struct cli_types *t)
{
	if (t && t->obj)
		bpf_object__close(t->obj);
	free(t);
}

static json_object *show(const struct btf *btf, u32 id, const u8 *p, size_t bytes, int depth);

static json_object *show_int(const struct btf_type *type, const u8 *p)
{
	bool sign = btf_int_encoding(type) & BTF_INT_SIGNED;
	u64 v = 0;

	if (type->size > 8 || btf_int_offset(type) || btf_int_bits(type) != type->size * 8)
		return NULL;
	memcpy(&v, p, type->size);
	if (sign && type->size < 8)
		return json_object_new_int64((s64)(v << (64 - 8 * type->size)) >> (64 - 8 * type->size));
	return sign ? json_object_new_int64(v) : json_object_new_uint64(v);
}

/* Is a type one of __be16, __be32, __be64?  Its size, or 0. */
static u32 network_bytes(const struct btf *btf, u32 id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);
	const char *name;
	int i;

	for (i = 0; type && i < MAX_DEPTH && (btf_is_typedef(type) || btf_is_mod(type)); i++) {
		name = btf__name_by_offset(btf, type->name_off);
		if (btf_is_typedef(type) && name && !strncmp(name, "__be", 4))
			return !strcmp(name + 4, "16") ? 2 : !strcmp(name + 4, "32") ? 4 : !strcmp(name + 4, "64") ? 8 : 0;
		type = btf__type_by_id(btf, type->type);
	}
	return 0;
}

/* Network order: ports as numbers; longer ones are addresses mostly, and readable as hex. */
static json_object *show_network(const u8 *p, u32 bytes)
{
	char text[24];
	u64 v = 0;
	u32 i;

	for (i = 0; i < bytes; i++)
		v = v << 8 | p[i];
	if (bytes == 2)
		return json_object_new_int(v);
	snprintf(text, sizeof(text), "0x%0*llx", (int)bytes * 2, (unsigned long long)v);
	return json_object_new_string(text);
}

/* Arrays of bytes are hex, for addresses and padding. */
static json_object *show_array(const struct btf *btf, const struct btf_type *type, const u8 *p,
			       size_t bytes, int depth)
{
	const struct btf_array *a = btf_array(type);
	s64 one = btf__resolve_size(btf, a->type);
	json_object *list, *v;
	char *text;
	u32 i;

	if (one <= 0 || a->nelems > 4096 || (u64)one * a->nelems > bytes)
		return NULL;
	if (one == 1) {
		text = malloc(3 * (size_t)a->nelems + 1);
		list = text ? json_object_new_string(cli_bytes(text, p, a->nelems)) : NULL;
		free(text);
		return list;
	}
	list = json_object_new_array();
	for (i = 0; i < a->nelems; i++) {
		v = show(btf, a->type, p + i * one, one, depth + 1);
		if (!v) {
			json_object_put(list);
			return NULL;
		}
		json_object_array_add(list, v);
	}
	return list;
}

static json_object *show_struct(const struct btf *btf, const struct btf_type *type, const u8 *p,
				size_t bytes, int depth)
{
	const struct btf_member *m = btf_members(type);
	json_object *o = json_object_new_object(), *v;
	const char *name;
	u32 i, at;

	for (i = 0; i < btf_vlen(type); i++, m++) {
		at = btf_member_bit_offset(type, i);
		name = btf__name_by_offset(btf, m->name_off);
		if (at % 8 || btf_member_bitfield_size(type, i) || at / 8 > bytes)
			goto fail;
		v = show(btf, m->type, p + at / 8, bytes - at / 8, depth + 1);
		if (!v)
			goto fail;
		json_object_object_add(o, name && *name ? name : "(anonymous)", v);
	}
	return o;
fail:
	json_object_put(o);
	return NULL;
}

/* The variables of .data, .bss or .rodata. */
static json_object *show_section(const struct btf *btf, const struct btf_type *type, const u8 *p,
				 size_t bytes, int depth)
{
	const struct btf_var_secinfo *var = btf_var_secinfos(type);
	json_object *o = json_object_new_object(), *v;
	const struct btf_type *t;
	u32 i;

	for (i = 0; i < btf_vlen(type); i++, var++) {
		t = btf__type_by_id(btf, var->type);
		v = t && var->offset < bytes ?
			show(btf, t->type, p + var->offset, bytes - var->offset, depth + 1) : NULL;
		if (!v) {
			json_object_put(o);
			return NULL;
		}
		json_object_object_add(o, btf__name_by_offset(btf, t->name_off), v);
	}
	return o;
}

/* NULL: a type that this does not show (bit fields, pointers, floats); the caller falls back to hex. */
static json_object *show(const struct btf *btf, u32 id, const u8 *p, size_t bytes, int depth)
{
	const struct btf_type *type;
	s64 size;
	int resolved = btf__resolve_type(btf, id);
	u32 network;

	if (resolved < 0 || depth > MAX_DEPTH)
		return NULL;
	type = btf__type_by_id(btf, resolved);
	network = network_bytes(btf, id);
	if (network && network <= bytes)
		return show_network(p, network);
	if (type && btf_is_datasec(type))
		return show_section(btf, type, p, bytes, depth);
	size = btf__resolve_size(btf, resolved);
	if (!type || size <= 0 || (u64)size > bytes)
		return NULL;
	switch (btf_kind(type)) {
	case BTF_KIND_INT:
		return show_int(type, p);
	case BTF_KIND_ENUM:
		return size == 4 ? json_object_new_int64(p[0] | p[1] << 8 | p[2] << 16 | (s64)p[3] << 24) : NULL;
	case BTF_KIND_ARRAY:
		return show_array(btf, type, p, bytes, depth);
	case BTF_KIND_STRUCT:
		return show_struct(btf, type, p, bytes, depth);
	default:
		return NULL;
	}
}

static const struct bpf_map *find(const struct cli_types *t, const char *map)
{
	return t ? bpf_object__find_map_by_name(t->obj, map) : NULL;
}

json_object *cli_types_value(const struct cli_types *t, const char *map, const void *value, size_t bytes)
{
	const struct bpf_map *m = find(t, map);
	u32 id = m ? bpf_map__btf_value_type_id(m) : 0;

	return id ? show(t->btf, id, value, bytes, 0) : NULL;
}

json_object *cli_types_key(const struct cli_types *t, const char *map, const void *key, size_t bytes)
{
	const struct bpf_map *m = find(t, map);
	u32 id = m ? bpf_map__btf_key_type_id(m) : 0;

	return id ? show(t->btf, id, key, bytes, 0) : NULL;
}
