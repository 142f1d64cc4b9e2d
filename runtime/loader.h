/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From an object file to linked programs: what the loader's files share. */
#ifndef MOAT_LOADER_H
#define MOAT_LOADER_H

#include "elf.h"

/* Behind moat_object.elf. */
struct moat_loader {
	struct moat_elf *elf;		/* NULL: the object is of raw instructions */
	struct moat_domain **domain;	/* one per program, or per group of programs that share maps */
	u32 nr_domain;
};

static inline struct moat_loader *loader_of(const struct moat_object *obj)
{
	return obj->elf;
}

/* A wide instruction that is to hold a map, or the address of byte @add of its value. */
struct moat_ref {
	u32 insn;
	struct moat_map *map;
	u32 add;
	bool value;
};

/* A program put together of its functions, its maps not yet known by address. */
struct moat_link {
	struct moat_program *prog;
	struct bpf_insn *insn;
	u32 len;
	struct moat_ref *ref;
	u32 nr_ref;
	struct moat_line *line;
	u32 nr_line;
	struct elf_func *part;		/* functions in it, main first */
	u32 *part_at;			/* slot at which each begins */
	u32 nr_part;
};

/* open.c: maps and programs of an object file, by libbpf.  0 or -errno with a message. */
int moat_open_elf(struct moat_object *obj, struct moat_elf *elf);
struct moat_program *moat_program_add(struct moat_object *obj, const char *name, const char *section,
				      enum bpf_prog_type type);
struct moat_map *moat_map_named(const struct moat_object *obj, const char *name);

/* link.c: 0 or -errno with a message; the link is to be freed in any case. */
int moat_link(struct moat_link *link, struct moat_program *prog);
void moat_link_free(struct moat_link *link);

/* place.c: domains and addresses for linked programs; initial programs and inner maps. */
int moat_place(struct moat_object *obj, struct moat_link *link, u32 nr);
int moat_map_slots(struct moat_object *obj);

/* load.c: undo loading.  No run is under way. */
void moat_unload(struct moat_object *obj);

#endif
