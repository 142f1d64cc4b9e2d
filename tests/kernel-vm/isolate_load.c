/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Load isolated programs, and look into them: see isolate.h. */
#include <stdlib.h>
#include <bpf/btf.h>

#include "../check.h"
#include "isolate.h"
#include "object.h"

static bool is_named(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

static void fill_next(struct bpf_object *obj, const char *const *names)
{
	u32 i;

	if (object_map(obj, "next") < 0)
		return;
	if (!names[1])
		sys_map_set(object_map(obj, "next"), 0, object_prog(obj, names[0]));
	for (i = 1; names[i]; i++)
		sys_map_set(object_map(obj, "next"), i, object_prog(obj, names[i]));
}

struct bpf_object *isolate_load(const char *object, const char *mode, const char *const *names, char why[256])
{
	struct bpf_object *obj = object_open(object);
	struct bpf_program *prog;
	char text[256] = "it is nowhere";

	if (sys_write("net/core/bpf_moat", mode))
		abort();
	if (obj)
		bpf_object__for_each_program(prog, obj)
			bpf_program__set_autoload(prog, is_named(bpf_program__name(prog), names));
	if (!obj || bpf_object__load(obj)) {
		object_why(text);
		bpf_object__close(obj);
		obj = NULL;
	} else {
		fill_next(obj, names);
	}
	sys_write("net/core/bpf_moat", "none");
	if (!obj && why)
		strcpy(why, text);
	else if (!obj)
		CHECK(false, "%s is not loaded in mode %s: %s", names[0], mode, text);
	return obj;
}

/* Where @variable is in .bss, which is mapped. */
void *isolate_variable(struct bpf_object *obj, const char *variable)
{
	struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *bss = btf__type_by_id(btf, (u32)btf__find_by_name_kind(btf, ".bss", BTF_KIND_DATASEC));
	const struct btf_var_secinfo *v = btf_var_secinfos(bss);
	size_t bytes;
	u8 *mem = object_section(obj, ".bss", &bytes);
	u32 i;

	for (i = 0; i < btf_vlen(bss); i++)
		if (!strcmp(btf__name_by_offset(btf, btf__type_by_id(btf, v[i].type)->name_off), variable))
			return mem + v[i].offset;
	abort();
}

u64 isolate_get(struct bpf_object *obj, const char *variable)
{
	return *(volatile u64 *)isolate_variable(obj, variable);
}

void isolate_set(struct bpf_object *obj, const char *variable, u64 value)
{
	*(volatile u64 *)isolate_variable(obj, variable) = value;
}
