/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects: their names, and the way to their programs and maps. */
#include "internal.h"

const char *moat_object__name(const struct moat_object *obj)
{
	return obj->name;
}

enum moat_mode moat_object__mode(const struct moat_object *obj)
{
	return obj->mode;
}

struct moat_program *moat_object__find_program_by_name(const struct moat_object *obj, const char *name)
{
	struct moat_program *prog;

	for (prog = obj ? obj->programs : NULL; prog && name; prog = prog->next)
		if (!strcmp(prog->name, name))
			return prog;
	errno = ENOENT;
	return NULL;
}

/* ".bss" finds "fw.bss", as with libbpf. */
static bool is_named(const struct moat_map *map, const char *name)
{
	size_t n = strlen(map->name), m = strlen(name);

	if (!strcmp(map->name, name))
		return true;
	return map->internal && *name == '.' && n > m && !strcmp(map->name + n - m, name) &&
	       !memchr(map->name, '.', n - m);
}

struct moat_map *moat_object__find_map_by_name(const struct moat_object *obj, const char *name)
{
	struct moat_map *map;

	for (map = obj ? obj->maps : NULL; map && name; map = map->next)
		if (is_named(map, name))
			return map;
	errno = ENOENT;
	return NULL;
}

struct moat_program *moat_object__next_program(const struct moat_object *obj, struct moat_program *prev)
{
	return prev ? prev->next : obj->programs;
}

struct moat_map *moat_object__next_map(const struct moat_object *obj, struct moat_map *prev)
{
	return prev ? prev->next : obj->maps;
}
