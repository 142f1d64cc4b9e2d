/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A BPF object file as the loader sees it: checked once, then safe to read.
 *
 * The file comes from anyone.  moat_elf_open() looks at every table that libbpf
 * and the loader will follow, and refuses the file when an entry points
 * outside it, so that what comes after may rely on the tables.
 */
#ifndef MOAT_ELF_H
#define MOAT_ELF_H

#include <elf.h>
#include <libelf.h>
#include <bpf/btf.h>

#include "internal.h"

struct elf_section {
	const char *name;
	const u8 *data;		/* NULL: occupies no bytes in the file */
	u64 bytes;
	u64 flags;
	u32 type;
	u32 rel;		/* section with its relocations; 0: none */
	struct moat_map *map;	/* made of it (.data, .rodata, .bss); set by open.c */
};

struct elf_symbol {
	const char *name;
	u64 value, bytes;
	u32 section;		/* SHN_UNDEF, or an index; special ones as in ELF */
	u8 type, bind;
};

struct elf_rel {
	u64 offset;
	u32 symbol, type;
};

/* A function: instructions [start, start + len) of a section. */
struct elf_func {
	const char *name;
	u32 section, start, len;
};

struct moat_elf {
	const char *name;	/* for messages; the object's */
	void *image;
	size_t bytes;
	Elf *elf;
	struct elf_section *section;
	u32 nr_section;
	struct elf_symbol *symbol;
	u32 nr_symbol;
	struct elf_func *func;	/* by section and start */
	u32 nr_func;
	bool symtab;
	struct btf *btf;	/* NULL: none */
	const u8 *ext;		/* .BTF.ext, its header checked; NULL: none */
	u32 ext_bytes;
};

/* Takes over @image (malloc'ed) even when it fails.  NULL, errno: -ENOEXEC not a BPF object, -EINVAL corrupt. */
struct moat_elf *moat_elf_open(void *image, size_t bytes, const char *name);
void moat_elf_close(struct moat_elf *elf);
u32 moat_elf_section(const struct moat_elf *elf, const char *name);	/* 0: none */
static inline bool elf_is_code(const struct elf_section *s)
{
	return s->type == SHT_PROGBITS && s->flags & SHF_EXECINSTR && s->data;
}

/* Relocations of section @index: how many, and the @i-th. */
u32 moat_elf_nr_rel(const struct moat_elf *elf, u32 index);
struct elf_rel moat_elf_rel(const struct moat_elf *elf, u32 index, u32 i);
/* The function that starts at an instruction of a section, or that has a name in a section of that name; NULL. */
const struct elf_func *moat_elf_func_at(const struct moat_elf *elf, u32 section, u32 start);
const struct elf_func *moat_elf_func_named(const struct moat_elf *elf, const char *section, const char *name);

/* btf.c */
int moat_btf_open(struct moat_elf *elf);	/* 0 (also without BTF), or -EINVAL with a message */
/* Name of the first special field (spin lock, timer, kernel pointer, ...) in a type; NULL: none. */
const char *moat_btf_special(const struct moat_elf *elf, u32 type);
/*
 * What byte @offset of section ".maps" is the initial value of: element
 * *@index of the map *@name.  False: of none.
 */
bool moat_btf_map_value(const struct moat_elf *elf, u32 section, u64 offset, const char **name, u32 *index);

/* open.c: messages of libbpf between the two are about the object @name. */
void moat_libbpf_begin(const char *name);
void moat_libbpf_end(void);

/* ext.c: what .BTF.ext says about the instructions of a function. */
/* Append its lines, as slots that begin at @at, to *@line.  0 or -ENOMEM. */
int moat_ext_lines(const struct moat_elf *elf, const struct elf_func *func, u32 at,
		   struct moat_line **line, u32 *nr);
/* Describe its first CO-RE relocation, at instruction *@insn of the section; false: there is none. */
bool moat_ext_core(const struct moat_elf *elf, const struct elf_func *func, u32 *insn, char *text, size_t size);

#endif
