/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Check BTF, and answer the loader's questions about types.
 *
 * libbpf 1.1 checks the lengths of BTF records but not where their type
 * numbers lead: a number out of range or a ring of typedefs would crash it or
 * never end.  So the graph is checked here before libbpf sees the file.
 */
#include "elf.h"

#define MAX_CHAIN	32	/* modifiers and typedefs on top of each other */
#define MAX_DEPTH	16	/* structures inside each other */

static const struct btf_type *type_at(const struct moat_elf *elf, u32 id)
{
	return id < btf__type_cnt(elf->btf) ? btf__type_by_id(elf->btf, id) : NULL;
}

static bool type_ok(const struct moat_elf *elf, u32 id)
{
	return id < btf__type_cnt(elf->btf);
}

static bool name_ok(const struct moat_elf *elf, u32 off)
{
	return btf__str_by_offset(elf->btf, off);
}

static bool is_link(const struct btf_type *t)
{
	return btf_is_mod(t) || btf_is_typedef(t);
}

/* The type behind modifiers and typedefs; NULL when the chain is too long. */
static const struct btf_type *resolve(const struct moat_elf *elf, u32 id)
{
	const struct btf_type *t = type_at(elf, id);
	u32 i;

	for (i = 0; t && is_link(t); i++) {
		if (i == MAX_CHAIN)
			return NULL;
		t = type_at(elf, t->type);
	}
	return t;
}

static bool members_ok(const struct moat_elf *elf, const struct btf_type *t)
{
	const struct btf_member *m = btf_members(t);
	u32 i;

	for (i = 0; i < btf_vlen(t); i++)
		if (!name_ok(elf, m[i].name_off) || !type_ok(elf, m[i].type))
			return false;
	return true;
}

static bool params_ok(const struct moat_elf *elf, const struct btf_type *t)
{
	const struct btf_param *p = btf_params(t);
	u32 i;

	for (i = 0; i < btf_vlen(t); i++)
		if (!name_ok(elf, p[i].name_off) || !type_ok(elf, p[i].type))
			return false;
	return type_ok(elf, t->type);
}

static bool variables_ok(const struct moat_elf *elf, const struct btf_type *t)
{
	const struct btf_var_secinfo *v = btf_var_secinfos(t);
	const struct btf_type *var;
	u32 i;

	for (i = 0; i < btf_vlen(t); i++) {
		var = type_at(elf, v[i].type);
		if (!var || !(btf_is_var(var) || btf_is_func(var)))
			return false;
	}
	return true;
}

static bool enumerators_ok(const struct moat_elf *elf, const struct btf_type *t)
{
	u32 i;

	for (i = 0; i < btf_vlen(t); i++)
		if (!name_ok(elf, btf_is_enum(t) ? btf_enum(t)[i].name_off : btf_enum64(t)[i].name_off))
			return false;
	return true;
}

static bool type_links_ok(const struct moat_elf *elf, u32 id)
{
	const struct btf_type *t = type_at(elf, id), *func;

	if (!name_ok(elf, t->name_off))
		return false;
	switch (btf_kind(t)) {
	case BTF_KIND_ARRAY:
		return type_ok(elf, btf_array(t)->type) && type_ok(elf, btf_array(t)->index_type);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return members_ok(elf, t);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return enumerators_ok(elf, t);
	case BTF_KIND_FUNC_PROTO:
		return params_ok(elf, t);
	case BTF_KIND_DATASEC:
		return variables_ok(elf, t);
	case BTF_KIND_FUNC:
		func = type_at(elf, t->type);
		return func && btf_is_func_proto(func);
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_FWD:
		return true;
	default:		/* pointers, modifiers, variables, tags */
		return type_ok(elf, t->type) && resolve(elf, id);
	}
}

/* Does a type contain itself, or nest too deeply, by value? */
static bool nests(const struct moat_elf *elf, u32 id, u32 depth, u32 *steps)
{
	const struct btf_type *t = resolve(elf, id);
	u32 i;

	if (!t || depth > MAX_DEPTH || !*steps)
		return true;
	--*steps;
	if (btf_is_array(t))
		return nests(elf, btf_array(t)->type, depth + 1, steps);
	for (i = 0; btf_is_composite(t) && i < btf_vlen(t); i++)
		if (nests(elf, btf_members(t)[i].type, depth + 1, steps))
			return true;
	return false;
}

static int check_types(struct moat_elf *elf)
{
	u32 id, nr = btf__type_cnt(elf->btf), steps;

	for (id = 1; id < nr; id++) {
		if (!type_links_ok(elf, id)) {
			moat_print(MOAT_WARN, "%s: corrupt BTF: type %u is wrong", elf->name, id);
			return -EINVAL;
		}
	}
	for (id = 1; id < nr; id++) {
		steps = 1u << 16;
		if (btf_is_var(type_at(elf, id)) && nests(elf, type_at(elf, id)->type, 0, &steps)) {
			moat_print(MOAT_WARN, "%s: corrupt BTF: variable %u nests too deeply", elf->name, id);
			return -EINVAL;
		}
	}
	return 0;
}

static void open_ext(struct moat_elf *elf)
{
	u32 i = moat_elf_section(elf, ".BTF.ext");

	if (i && elf->section[i].data) {
		elf->ext = elf->section[i].data;
		elf->ext_bytes = elf->section[i].bytes;
	}
}

int moat_btf_open(struct moat_elf *elf)
{
	u32 i = moat_elf_section(elf, ".BTF");

	if (!i || !elf->section[i].data)
		return 0;
	moat_libbpf_begin(elf->name);
	elf->btf = btf__new(elf->section[i].data, elf->section[i].bytes);
	moat_libbpf_end();
	if (!elf->btf) {
		moat_print(MOAT_WARN, "%s: corrupt BTF", elf->name);
		return -EINVAL;
	}
	open_ext(elf);
	return check_types(elf);
}

static const char *special_name(const struct moat_elf *elf, const struct btf_type *t)
{
	static const char *const special[] = {
		"bpf_spin_lock", "bpf_timer", "bpf_wq", "bpf_dynptr", "bpf_list_head", "bpf_list_node",
		"bpf_rb_root", "bpf_rb_node", "bpf_refcount",
	};
	const char *name = btf__str_by_offset(elf->btf, t->name_off);
	u32 i;

	for (i = 0; btf_is_struct(t) && i < ARRAY_SIZE(special); i++)
		if (!strcmp(name, special[i]))
			return special[i];
	return NULL;
}

/* A pointer into the kernel: __kptr and __kptr_ref are type tags behind the pointer. */
static const char *pointer_name(const struct moat_elf *elf, const struct btf_type *t)
{
	const struct btf_type *to = type_at(elf, t->type);

	if (to && btf_is_type_tag(to) && !strncmp(btf__str_by_offset(elf->btf, to->name_off), "kptr", 4))
		return "kernel pointer";
	return NULL;
}

/* @steps bounds the work on structures made to be large. */
static const char *find_special(const struct moat_elf *elf, u32 id, u32 depth, u32 *steps)
{
	const struct btf_type *t = resolve(elf, id);
	const char *found = NULL;
	u32 i;

	if (!t || depth > MAX_DEPTH || !*steps)
		return NULL;
	--*steps;
	if (btf_is_ptr(t))
		return pointer_name(elf, t);
	if (btf_is_array(t))
		return find_special(elf, btf_array(t)->type, depth + 1, steps);
	if (!btf_is_composite(t))
		return NULL;
	found = special_name(elf, t);
	for (i = 0; !found && i < btf_vlen(t); i++)
		found = find_special(elf, btf_members(t)[i].type, depth + 1, steps);
	return found;
}

const char *moat_btf_special(const struct moat_elf *elf, u32 type)
{
	u32 steps = 1u << 16;

	return elf->btf && type ? find_special(elf, type, 0, &steps) : NULL;
}

/* The offset of member "values" in a map definition; -1: it has none. */
static s64 values_offset(const struct moat_elf *elf, u32 var)
{
	const struct btf_type *t = resolve(elf, type_at(elf, var)->type);
	u32 i;

	for (i = 0; t && btf_is_struct(t) && i < btf_vlen(t); i++)
		if (!strcmp(btf__str_by_offset(elf->btf, btf_members(t)[i].name_off), "values"))
			return btf_member_bit_offset(t, i) / 8;
	return -1;
}

/* The variable that covers byte @offset of a section: by symbol, BTF in an object file has no offsets yet. */
static const struct elf_symbol *variable_at(const struct moat_elf *elf, u32 section, u64 offset)
{
	u32 i;

	for (i = 0; i < elf->nr_symbol; i++) {
		const struct elf_symbol *sym = &elf->symbol[i];

		if (sym->section == section && sym->type == STT_OBJECT &&
		    offset >= sym->value && offset - sym->value < sym->bytes)
			return sym;
	}
	return NULL;
}

bool moat_btf_map_value(const struct moat_elf *elf, u32 section, u64 offset, const char **name, u32 *index)
{
	const struct elf_symbol *sym = variable_at(elf, section, offset);
	s32 var = sym && elf->btf ? btf__find_by_name_kind(elf->btf, sym->name, BTF_KIND_VAR) : -1;
	s64 at = var > 0 ? values_offset(elf, var) : -1;

	if (at < 0 || offset - sym->value < (u64)at || (offset - sym->value - at) % 8)
		return false;
	*name = sym->name;
	*index = (offset - sym->value - at) / 8;
	return true;
}
