/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Prototypes of helpers: whether they say enough for every argument to be audited. */
#include "record.h"

static bool is_size(u8 kind)
{
	return kind == MOAT_ARG_SIZE || kind == MOAT_ARG_SIZE_OR_ZERO;
}

static bool is_memory(u8 kind)
{
	return kind == MOAT_ARG_MEM || kind == MOAT_ARG_MEM_OUT;
}

bool moat_proto_sized(const struct moat_helper *h, u32 i)
{
	return i + 1 < MOAT_MAX_ARGS && is_memory(h->arg[i].kind) && is_size(h->arg[i + 1].kind);
}

static bool has_map_before(const struct moat_helper *h, u32 i)
{
	while (i-- > 0)
		if (h->arg[i].kind == MOAT_ARG_MAP)
			return true;
	return false;
}

static const char *argument_broken(const struct moat_helper *h, u32 i)
{
	const struct moat_arg_proto *a = &h->arg[i];

	if (a->kind >= MOAT_NR_ARGS)
		return "has an argument of a kind that there is not";
	if (is_size(a->kind) && (!i || !is_memory(h->arg[i - 1].kind)))
		return "has a size that follows no memory";
	if (is_memory(a->kind) && !moat_proto_sized(h, i) && !a->bytes)
		return "has an argument that cannot be checked (memory without a size?)";
	if ((a->kind == MOAT_ARG_MAP_KEY || a->kind == MOAT_ARG_MAP_VALUE || a->kind == MOAT_ARG_MAP_VALUE_OUT) &&
	    !has_map_before(h, i))
		return "has a key or value of a map that it does not take";
	if (a->kind == MOAT_ARG_OBJECT && !a->object)
		return "takes an object of no type";
	if (a->kind && i && !h->arg[i - 1].kind)
		return "has an argument behind one that is none";
	return NULL;
}

const char *moat_proto_broken(const struct moat_helper *h)
{
	const char *why = NULL;
	u32 i;

	if (!h->fn || !h->name || h->id <= 0 || h->ret >= MOAT_RET_NR)
		return "has no function, name or number";
	if (h->ret == MOAT_RET_OBJECT && (!h->object || !h->release))
		return "returns an object of no type, or one that nobody can release";
	for (i = 0; i < ARRAY_SIZE(h->gives); i++)
		if (h->gives[i] >= MOAT_NR_GIVES)
			return "gives its callback what there is not";
	for (i = 0; !why && i < MOAT_MAX_ARGS; i++)
		why = argument_broken(h, i);
	return why;
}
