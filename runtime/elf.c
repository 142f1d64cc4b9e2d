/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Read and check an object file: sections, symbols, functions, relocations. */
#include <gelf.h>

#include "elf.h"

/* More than any program can use: a value that is larger is a mistake or an attack. */
#define MAX_SECTION_BYTES	(1u << 30)
#define MAX_SECTIONS		65000u

#ifndef EM_BPF
#define EM_BPF			247
#endif

__printf(2, 3) static int corrupt(const struct moat_elf *elf, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	moat_print(MOAT_WARN, "%s: corrupt object file: %s", elf->name, text);
	return -EINVAL;
}

static int check_header(const struct moat_elf *elf)
{
	const Elf64_Ehdr *h = elf->image;
	const char *why = NULL;

	if (elf->bytes < sizeof(*h) || memcmp(h->e_ident, ELFMAG, SELFMAG))
		why = "it is not an ELF file";
	else if (h->e_ident[EI_CLASS] != ELFCLASS64)
		why = "it is not a 64-bit ELF file";
	else if (h->e_ident[EI_DATA] != ELFDATA2LSB)
		why = "it is for big-endian machines (this one is little-endian)";
	else if (h->e_machine != EM_BPF)
		why = "it is not for BPF (clang -target bpf makes such files)";
	else if (h->e_type != ET_REL)
		why = "it is not a relocatable file (compile with -c)";
	if (!why)
		return 0;

	moat_print(MOAT_WARN, "%s: not a BPF object file: %s", elf->name, why);
	return -ENOEXEC;
}

/* Sections that lie outside the file, or have no bytes where libbpf expects some, are refused here. */
static int read_section(struct moat_elf *elf, u32 i, size_t names)
{
	struct elf_section *s = &elf->section[i];
	Elf_Scn *scn = elf_getscn(elf->elf, i);
	Elf_Data *data;
	GElf_Shdr h;

	if (!scn || !gelf_getshdr(scn, &h))
		return corrupt(elf, "section %u has no header", i);
	s->name = elf_strptr(elf->elf, names, h.sh_name);
	if (!s->name)
		return corrupt(elf, "section %u has no name", i);
	s->type = h.sh_type;
	s->flags = h.sh_flags;
	s->bytes = h.sh_size;
	if (s->type == SHT_NULL)
		return s->bytes ? corrupt(elf, "section %u is empty but has a size", i) : 0;
	if (s->bytes > MAX_SECTION_BYTES)
		return corrupt(elf, "section %u (%s) is larger than 1 GiB", i, s->name);
	if (s->flags & SHF_COMPRESSED)
		return corrupt(elf, "section %u (%s) is compressed", i, s->name);
	if (s->type == SHT_NOBITS)
		return strncmp(s->name, ".bss", 4) && s->bytes ?
		       corrupt(elf, "section %u (%s) has no bytes", i, s->name) : 0;
	if (h.sh_offset > elf->bytes || s->bytes > elf->bytes - h.sh_offset)
		return corrupt(elf, "section %u (%s) ends outside the file", i, s->name);
	if (!s->bytes)
		return 0;
	data = elf_getdata(scn, NULL);
	if (!data || !data->d_buf || data->d_size != s->bytes)
		return corrupt(elf, "section %u (%s) cannot be read", i, s->name);
	s->data = data->d_buf;
	return 0;
}

static int read_sections(struct moat_elf *elf)
{
	size_t nr, names;
	u32 i;
	int err;

	if (elf_getshdrnum(elf->elf, &nr) || elf_getshdrstrndx(elf->elf, &names) || !nr || names >= nr)
		return corrupt(elf, "no section table");
	if (nr > MAX_SECTIONS)
		return corrupt(elf, "more than %u sections", MAX_SECTIONS);
	elf->section = calloc(nr, sizeof(*elf->section));
	if (!elf->section)
		return -ENOMEM;
	elf->nr_section = nr;
	for (i = 1; i < nr; i++) {
		err = read_section(elf, i, names);
		if (err)
			return err;
	}
	elf->section[0].name = "";
	return 0;
}

static int check_symbol(const struct moat_elf *elf, u32 i)
{
	const struct elf_symbol *sym = &elf->symbol[i];
	const struct elf_section *s;

	if (sym->section >= SHN_LORESERVE)
		return sym->section == SHN_ABS || sym->section == SHN_COMMON ? 0 :
		       corrupt(elf, "symbol %u (%s) is in no section", i, sym->name);
	if (sym->section >= elf->nr_section)
		return corrupt(elf, "symbol %u (%s) is in no section", i, sym->name);
	s = &elf->section[sym->section];
	if (sym->section && (sym->value > s->bytes || sym->bytes > s->bytes - sym->value))
		return corrupt(elf, "symbol %u (%s) ends outside its section", i, sym->name);
	if (sym->type != STT_FUNC || !elf_is_code(s))
		return 0;
	if (sym->value % 8 || sym->bytes % 8 || !sym->bytes)
		return corrupt(elf, "function %s is not a row of instructions", sym->name);
	return 0;
}

static int read_symbols(struct moat_elf *elf, u32 index)
{
	const struct elf_section *s = &elf->section[index];
	const Elf64_Shdr *h = elf64_getshdr(elf_getscn(elf->elf, index));
	u32 i;
	int err;

	if (elf->symtab)
		return corrupt(elf, "two symbol tables");
	elf->symtab = true;
	if (h->sh_entsize != sizeof(Elf64_Sym) || s->bytes % sizeof(Elf64_Sym) ||
	    h->sh_link >= elf->nr_section || elf->section[h->sh_link].type != SHT_STRTAB)
		return corrupt(elf, "the symbol table's header is wrong");
	elf->nr_symbol = s->bytes / sizeof(Elf64_Sym);
	elf->symbol = calloc(elf->nr_symbol + 1, sizeof(*elf->symbol));
	if (!elf->symbol)
		return -ENOMEM;
	for (i = 0; i < elf->nr_symbol; i++) {
		struct elf_symbol *sym = &elf->symbol[i];
		Elf64_Sym raw;

		memcpy(&raw, s->data + i * sizeof(raw), sizeof(raw));
		*sym = (struct elf_symbol) {
			elf_strptr(elf->elf, h->sh_link, raw.st_name), raw.st_value, raw.st_size,
			raw.st_shndx, ELF64_ST_TYPE(raw.st_info), ELF64_ST_BIND(raw.st_info),
		};
		if (!sym->name)
			return corrupt(elf, "symbol %u has no name", i);
		err = check_symbol(elf, i);
		if (err)
			return err;
	}
	return 0;
}

/* Relocations of sections that are not loaded (debug information) are nobody's business. */
static int check_relocations(struct moat_elf *elf, u32 index)
{
	const Elf64_Shdr *h = elf64_getshdr(elf_getscn(elf->elf, index));
	struct elf_section *s = &elf->section[index], *target;
	u32 i;

	if (h->sh_info >= elf->nr_section || h->sh_entsize != sizeof(Elf64_Rel) || s->bytes % sizeof(Elf64_Rel))
		return corrupt(elf, "the header of relocation section %s is wrong", s->name);
	target = &elf->section[h->sh_info];
	if (!(target->flags & SHF_ALLOC) || !s->bytes)
		return 0;
	if (target->rel)
		return corrupt(elf, "section %s has two relocation sections", target->name);
	target->rel = index;
	for (i = 0; i < s->bytes / sizeof(Elf64_Rel); i++) {
		struct elf_rel rel = moat_elf_rel(elf, h->sh_info, i);

		if (rel.symbol >= elf->nr_symbol || target->bytes < 4 || rel.offset > target->bytes - 4)
			return corrupt(elf, "relocation %u of section %s points nowhere", i, target->name);
	}
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct elf_func *x = a, *y = b;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static int read_functions(struct moat_elf *elf)
{
	u32 i;

	elf->func = calloc(elf->nr_symbol + 1, sizeof(*elf->func));
	if (!elf->func)
		return -ENOMEM;
	for (i = 0; i < elf->nr_symbol; i++) {
		const struct elf_symbol *sym = &elf->symbol[i];

		if (sym->type != STT_FUNC || !sym->section || sym->section >= elf->nr_section ||
		    !elf_is_code(&elf->section[sym->section]))
			continue;
		elf->func[elf->nr_func++] = (struct elf_func) {
			sym->name, sym->section, sym->value / 8, sym->bytes / 8,
		};
	}
	qsort(elf->func, elf->nr_func, sizeof(*elf->func), by_place);
	return 0;
}

static int read_tables(struct moat_elf *elf)
{
	int err = read_sections(elf);
	u32 i;

	for (i = 1; !err && i < elf->nr_section; i++) {
		if (elf->section[i].type == SHT_SYMTAB)
			err = read_symbols(elf, i);
		else if (elf->section[i].type == SHT_RELA)
			err = corrupt(elf, "relocations with addends");
	}
	for (i = 1; !err && i < elf->nr_section; i++)
		if (elf->section[i].type == SHT_REL)
			err = check_relocations(elf, i);
	if (!err)
		err = read_functions(elf);
	return err ?: moat_btf_open(elf);
}

struct moat_elf *moat_elf_open(void *image, size_t bytes, const char *name)
{
	struct moat_elf *elf = calloc(1, sizeof(*elf));
	int err;

	if (!elf) {
		free(image);
		errno = ENOMEM;
		return NULL;
	}
	*elf = (struct moat_elf) { .name = name, .image = image, .bytes = bytes };
	err = check_header(elf);
	if (!err) {
		elf_version(EV_CURRENT);
		elf->elf = elf_memory(image, bytes);
		err = elf->elf ? read_tables(elf) : corrupt(elf, "libelf cannot read it");
	}
	if (!err)
		return elf;

	moat_elf_close(elf);
	errno = -err;
	return NULL;
}

void moat_elf_close(struct moat_elf *elf)
{
	if (!elf)
		return;
	btf__free(elf->btf);
	free(elf->func);
	free(elf->symbol);
	free(elf->section);
	elf_end(elf->elf);
	free(elf->image);
	free(elf);
}

u32 moat_elf_section(const struct moat_elf *elf, const char *name)
{
	u32 i;

	for (i = 1; i < elf->nr_section; i++)
		if (!strcmp(elf->section[i].name, name) && elf->section[i].type != SHT_NULL)
			return i;
	return 0;
}

u32 moat_elf_nr_rel(const struct moat_elf *elf, u32 index)
{
	u32 rel = elf->section[index].rel;

	return rel ? elf->section[rel].bytes / sizeof(Elf64_Rel) : 0;
}

struct elf_rel moat_elf_rel(const struct moat_elf *elf, u32 index, u32 i)
{
	Elf64_Rel raw;

	memcpy(&raw, elf->section[elf->section[index].rel].data + i * sizeof(raw), sizeof(raw));
	return (struct elf_rel) { raw.r_offset, ELF64_R_SYM(raw.r_info), ELF64_R_TYPE(raw.r_info) };
}

const struct elf_func *moat_elf_func_at(const struct moat_elf *elf, u32 section, u32 start)
{
	struct elf_func key = { .section = section, .start = start };

	return bsearch(&key, elf->func, elf->nr_func, sizeof(key), by_place);
}

const struct elf_func *moat_elf_func_named(const struct moat_elf *elf, const char *section, const char *name)
{
	u32 i;

	for (i = 0; i < elf->nr_func; i++)
		if (!strcmp(elf->func[i].name, name) &&
		    !strcmp(elf->section[elf->func[i].section].name, section))
			return &elf->func[i];
	return NULL;
}
