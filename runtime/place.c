/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Give linked programs their domains, the addresses of their maps, and maps
 * their initial programs and inner maps.
 *
 * Programs have a domain each, and a page can be mapped in many cages.  In
 * mode pku a page has one key, so there programs that share a map, directly
 * or through a map of maps, share the domain.
 */
#include "loader.h"

/* An element of a map that the object file itself fills: `.values = { [2] = &inner }`. */
struct element {
	struct moat_map *map, *inner;
	struct moat_program *prog;
	u32 index;
};

static struct moat_program *program_named(const struct moat_object *obj, const char *name)
{
	struct moat_program *prog;

	for (prog = obj->programs; prog; prog = prog->next)
		if (!strcmp(prog->name, name))
			return prog;
	return NULL;
}

/* The @i-th relocation of section .maps.  False: it is no element of a map. */
static bool read_element(const struct moat_object *obj, u32 maps, u32 i, struct element *e)
{
	const struct moat_elf *elf = loader_of(obj)->elf;
	struct elf_rel rel = moat_elf_rel(elf, maps, i);
	const struct elf_symbol *sym = &elf->symbol[rel.symbol];
	const char *name;

	*e = (struct element) { 0 };
	if (!moat_btf_map_value(elf, maps, rel.offset, &name, &e->index))
		return false;
	e->map = moat_map_named(obj, name);
	if (sym->section == maps)
		e->inner = moat_map_named(obj, sym->name);
	else if (sym->type == STT_FUNC)
		e->prog = program_named(obj, sym->name);
	return e->map && (e->inner || e->prog);
}

static u32 nr_elements(const struct moat_object *obj, u32 *maps)
{
	const struct moat_elf *elf = loader_of(obj)->elf;

	*maps = elf ? moat_elf_section(elf, ".maps") : 0;
	return *maps ? moat_elf_nr_rel(elf, *maps) : 0;
}

/* Fill maps of programs and of maps as the object file says.  Programs that were not loaded are left out. */
int moat_map_slots(struct moat_object *obj)
{
	u32 i, maps, nr = nr_elements(obj, &maps);
	struct element e;
	int err = 0;

	for (i = 0; !err && i < nr; i++) {
		if (!read_element(obj, maps, i, &e)) {
			moat_print(MOAT_WARN, "%s: relocation %u of section .maps is no program or map", obj->name, i);
			return -EINVAL;
		}
		if (e.inner)
			err = moat_map__set_inner(e.map, &e.index, sizeof(e.index), e.inner);
		else if (e.prog->image)
			err = moat_map__set_program(e.map, e.index, e.prog);
		if (err)
			moat_print(MOAT_WARN, "%s: map %s: element %u cannot be set to %s: %s", obj->name, e.map->name,
				   e.index, e.inner ? e.inner->name : e.prog->name, strerror(-err));
	}
	return err;
}

/* Sets of programs and maps that must lie in one domain: a forest, by index. */
struct groups {
	u32 *up;		/* programs of the link array first, then maps in the object's order */
	u32 nr_prog;
	const struct moat_object *obj;
};

static u32 root(struct groups *g, u32 i)
{
	while (g->up[i] != i)
		i = g->up[i] = g->up[g->up[i]];
	return i;
}

static u32 map_index(const struct groups *g, const struct moat_map *map)
{
	const struct moat_map *m = g->obj->maps;
	u32 i = g->nr_prog;

	for (; m != map; m = m->next)
		i++;
	return i;
}

static void join(struct groups *g, u32 a, u32 b)
{
	a = root(g, a);
	b = root(g, b);
	g->up[a < b ? b : a] = a < b ? a : b;
}

static int make_groups(struct groups *g, const struct moat_object *obj, const struct moat_link *link, u32 nr)
{
	const struct moat_map *map;
	struct element e;
	u32 i, k, maps, nodes = nr, elements;

	*g = (struct groups) { .nr_prog = nr, .obj = obj };
	for (map = obj->maps; map; map = map->next)
		nodes++;
	g->up = malloc((nodes + 1) * sizeof(*g->up));
	if (!g->up)
		return -ENOMEM;
	for (i = 0; i < nodes; i++)
		g->up[i] = i;
	if (obj->mode != MOAT_MODE_PKU)
		return 0;
	for (i = 0; i < nr; i++)
		for (k = 0; k < link[i].nr_ref; k++)
			join(g, i, map_index(g, link[i].ref[k].map));
	elements = nr_elements(obj, &maps);
	for (i = 0; i < elements; i++)
		if (read_element(obj, maps, i, &e) && e.inner)
			join(g, map_index(g, e.map), map_index(g, e.inner));
	return 0;
}

static int new_domain(struct moat_object *obj, struct moat_domain **out)
{
	struct moat_loader *l = loader_of(obj);
	struct moat_domain **more = realloc(l->domain, (l->nr_domain + 1) * sizeof(*more));
	struct moat_domain *d;

	if (!more)
		return -ENOMEM;
	l->domain = more;
	d = obj->emit_only ? moat_domain_sketch(obj->mode) : moat_domain_new(obj->mode);
	if (!d) {
		moat_print(MOAT_WARN, "%s: no domain in mode %s: %s", obj->name, moat_mode_name(obj->mode),
			   errno == ENOSPC ? "all protection keys are in use (mode pku needs one per program; "
					     "pku+basereg does not)" : strerror(errno));
		return -errno;
	}
	*out = l->domain[l->nr_domain++] = d;
	return 0;
}

static void put_wide(struct bpf_insn *insn, u64 v)
{
	insn[0].src_reg = 0;
	insn[0].imm = (u32)v;
	insn[1].imm = v >> 32;
}

/* Write handles and addresses of maps into the program's wide instructions. */
static int fill_in(struct moat_link *link)
{
	struct moat_domain *d = link->prog->domain;
	u32 i;

	for (i = 0; i < link->nr_ref; i++) {
		struct moat_ref *ref = &link->ref[i];
		u64 handle = moat_domain_map(d, ref->map);

		if (!handle) {
			moat_print(MOAT_WARN, "%s: %s: map %s cannot be given to the program%s", link->prog->obj->name,
				   link->prog->name, ref->map->name,
				   d->mode == MOAT_MODE_PKU ? " (does a program with another key use it?)" : "");
			return -ENOSPC;
		}
		put_wide(&link->insn[ref->insn], ref->value ? ref->map->heap_off + ref->add : handle);
	}
	return 0;
}

int moat_place(struct moat_object *obj, struct moat_link *link, u32 nr)
{
	struct groups g;
	int err = make_groups(&g, obj, link, nr);
	u32 i, r;

	for (i = 0; !err && i < nr; i++) {
		r = root(&g, i);
		if (r < i)
			link[i].prog->domain = link[r].prog->domain;
		else
			err = new_domain(obj, &link[i].prog->domain);
		if (!err)
			err = fill_in(&link[i]);
	}
	free(g.up);
	return err;
}
