/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Put a program together: its main function, behind it every function that it
 * calls or takes the address of, directly or not, each once.
 *
 * Calls between the functions become relative to where they came to lie.
 * References to maps and to their values are noted; place.c fills them in when
 * the maps have addresses.
 */
#include "loader.h"

#ifndef R_BPF_64_64
#define R_BPF_64_64	1
#endif
#ifndef R_BPF_64_32
#define R_BPF_64_32	10
#endif
#define WIDE		(BPF_LD | BPF_IMM | BPF_DW)
#define PSEUDO_KFUNC	2	/* BPF_PSEUDO_KFUNC_CALL */

/* The instruction that is being looked at, for messages. */
struct place {
	struct moat_link *link;
	const struct moat_elf *elf;
	const struct elf_func *func;	/* a copy of the part: parts move when one is added */
	u32 at;				/* slot of the function */
	u32 i;				/* instruction of the function */
};

__printf(2, 3) static int refuse(const struct place *p, const char *fmt, ...)
{
	const struct moat_program *prog = p->link->prog;
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	moat_print(MOAT_WARN, "%s: %s: section %s, instruction %u: %s", prog->obj->name, prog->name,
		   p->elf->section[p->func->section].name, p->func->start + p->i, text);
	return -EINVAL;
}

static struct bpf_insn *insn_of(const struct place *p)
{
	return &p->link->insn[p->at + p->i];
}

/* Add a function behind what is there; *@at is where it begins.  Added before: where it is. */
static int add_part(struct moat_link *link, const struct moat_elf *elf, const struct elf_func *func, u32 *at)
{
	const u8 *from = elf->section[func->section].data + 8ull * func->start;
	struct bpf_insn *insn;
	struct elf_func *part;
	u32 *part_at, i;

	for (i = 0; i < link->nr_part; i++) {
		if (link->part[i].section == func->section && link->part[i].start == func->start) {
			*at = link->part_at[i];
			return 0;
		}
	}
	if (link->nr_part == MOAT_MAX_FUNCS || func->len > MOAT_MAX_INSNS - link->len)
		return -E2BIG;
	insn = realloc(link->insn, (link->len + func->len) * sizeof(*insn));
	link->insn = insn ?: link->insn;
	part = realloc(link->part, (link->nr_part + 1) * sizeof(*part));
	link->part = part ?: link->part;
	part_at = realloc(link->part_at, (link->nr_part + 1) * sizeof(*part_at));
	link->part_at = part_at ?: link->part_at;
	if (!insn || !part || !part_at)
		return -ENOMEM;

	memcpy(insn + link->len, from, 8ull * func->len);
	*at = part_at[link->nr_part] = link->len;
	part[link->nr_part++] = *func;
	link->len += func->len;
	return moat_ext_lines(elf, func, *at, &link->line, &link->nr_line);
}

static int add_ref(const struct place *p, struct moat_map *map, bool value, u32 add)
{
	struct moat_link *link = p->link;
	struct moat_ref *ref = realloc(link->ref, (link->nr_ref + 1) * sizeof(*ref));

	if (!ref)
		return -ENOMEM;
	link->ref = ref;
	ref[link->nr_ref++] = (struct moat_ref) { p->at + p->i, map, add, value };
	return 0;
}

/* Make the call or address at @p lead to instruction @target of a section. */
static int lead_to(const struct place *p, u32 section, s64 target, const char *symbol)
{
	const struct elf_func *func;
	u32 at = 0;
	int err;

	func = target >= 0 && target <= UINT32_MAX ? moat_elf_func_at(p->elf, section, target) : NULL;
	if (!func)
		return refuse(p, "%s%sno function begins at instruction %lld of section %s", symbol ?: "",
			      symbol ? ": " : "", (long long)target, p->elf->section[section].name);
	err = add_part(p->link, p->elf, func, &at);
	if (err == -E2BIG)
		return refuse(p, "the program has more than %u functions or %u instructions",
			      MOAT_MAX_FUNCS, MOAT_MAX_INSNS);
	if (!err)
		insn_of(p)->imm = (s32)(at - (p->at + p->i) - 1);
	return err;
}

static int relocate_call(const struct place *p, const struct elf_symbol *sym)
{
	struct bpf_insn *insn = insn_of(p);

	if (sym->section == SHN_UNDEF)
		return refuse(p, "%s is a function of the kernel (or of another object); only helpers can be called",
			      sym->name);
	if (sym->section >= p->elf->nr_section || !elf_is_code(&p->elf->section[sym->section]) ||
	    insn->src_reg != BPF_PSEUDO_CALL || sym->value % 8)
		return refuse(p, "%s is not a function of this object", sym->name);
	return lead_to(p, sym->section, (s64)(sym->value / 8) + insn->imm + 1, sym->name);
}

static int relocate_map(const struct place *p, const struct elf_symbol *sym)
{
	struct moat_map *map = moat_map_named(p->link->prog->obj, sym->name);

	if (!map || sym->type == STT_SECTION)
		return refuse(p, "%s is not a map that was defined in .maps with BTF",
			      *sym->name ? sym->name : "a static symbol");
	if (insn_of(p)->imm)
		return refuse(p, "%s: the address of a part of a map definition has no meaning", sym->name);
	return add_ref(p, map, false, 0);
}

static int relocate_address(const struct place *p, const struct elf_symbol *sym)
{
	const struct elf_section *s = sym->section < p->elf->nr_section ? &p->elf->section[sym->section] : NULL;
	struct bpf_insn *insn = insn_of(p);
	u64 offset = sym->value + (u32)insn->imm;

	if (p->i + 1 >= p->func->len)
		return refuse(p, "half of an instruction");
	if (sym->section == SHN_UNDEF)
		return refuse(p, "%s is a variable of the kernel (or of another object); there is none here", sym->name);
	if (!s)
		return refuse(p, "%s has no address", sym->name);
	if (!strcmp(s->name, ".maps"))
		return relocate_map(p, sym);
	if (elf_is_code(s)) {
		insn[0].src_reg = BPF_PSEUDO_FUNC;
		insn[1].imm = 0;
		return offset % 8 ? refuse(p, "%s: not the address of a function", sym->name) :
				    lead_to(p, sym->section, offset / 8, sym->name);
	}
	if (!s->map)
		return refuse(p, "%s is in section %s, which holds neither maps nor data",
			      *sym->name ? sym->name : "a static symbol", s->name);
	if (offset > s->bytes)
		return refuse(p, "%s: address outside section %s", sym->name, s->name);
	return add_ref(p, s->map, true, offset);
}

static int relocate(const struct place *p, struct elf_rel rel)
{
	const struct elf_symbol *sym = &p->elf->symbol[rel.symbol];
	const struct bpf_insn *insn = insn_of(p);

	if (rel.type == R_BPF_64_64 && insn->code == WIDE)
		return relocate_address(p, sym);
	if (rel.type == R_BPF_64_32 && insn->code == (BPF_JMP | BPF_CALL))
		return relocate_call(p, sym);
	return refuse(p, "%s: relocation of type %u on instruction code %#x", sym->name, rel.type, insn->code);
}

/* An instruction that no relocation names: what refers to something must do so by itself. */
static int check_plain(const struct place *p)
{
	struct bpf_insn *insn = insn_of(p);
	s64 target = (s64)p->func->start + p->i + insn->imm + 1;

	if (insn->code == WIDE && insn->src_reg)
		return refuse(p, "map or data address without a relocation");
	if (insn->code != (BPF_JMP | BPF_CALL) || !insn->src_reg)
		return 0;
	if (insn->src_reg == PSEUDO_KFUNC)
		return refuse(p, "call of a kernel function");
	/* A call inside the function itself stays as it is: hand-written code has no symbols. */
	if (insn->src_reg != BPF_PSEUDO_CALL || (target >= p->func->start && target < p->func->start + p->func->len &&
						 !moat_elf_func_at(p->elf, p->func->section, target)))
		return 0;
	return lead_to(p, p->func->section, target, NULL);
}

/* Relocations of one function by instruction: index + 1, or 0. */
static u32 *relocations_of(const struct place *p)
{
	u32 *by_insn = calloc(p->func->len, sizeof(*by_insn));
	u32 i, nr = moat_elf_nr_rel(p->elf, p->func->section);

	for (i = 0; by_insn && i < nr; i++) {
		struct elf_rel rel = moat_elf_rel(p->elf, p->func->section, i);

		if (rel.offset / 8 >= p->func->start && rel.offset / 8 - p->func->start < p->func->len)
			by_insn[rel.offset / 8 - p->func->start] = i + 1;
	}
	return by_insn;
}

static int link_part(struct moat_link *link, const struct moat_elf *elf, u32 n)
{
	struct elf_func func = link->part[n];	/* a copy: parts move when one is added */
	struct place p = { link, elf, &func, link->part_at[n], 0 };
	char text[128];
	u32 *rel, core;
	int err = 0;

	if (moat_ext_core(elf, &func, &core, text, sizeof(text))) {
		p.i = core - func.start;
		return refuse(&p, "needs CO-RE relocation against %s of the running kernel, which Moat does not do; "
			      "compile without preserve_access_index", text);
	}
	rel = relocations_of(&p);
	if (!rel)
		return -ENOMEM;
	for (; !err && p.i < func.len; p.i++) {
		err = rel[p.i] ? relocate(&p, moat_elf_rel(elf, func.section, rel[p.i] - 1)) : check_plain(&p);
		if (!err && insn_of(&p)->code == WIDE)
			p.i++;		/* the second half is no instruction */
	}
	free(rel);
	return err;
}

static int by_insn(const void *a, const void *b)
{
	const struct moat_line *x = a, *y = b;

	return x->insn < y->insn ? -1 : x->insn > y->insn;
}

/* The main function of a program: the symbol of that name, or (no symbols) the whole section. */
static bool main_func(const struct moat_elf *elf, const struct moat_program *prog, struct elf_func *func)
{
	const struct elf_func *found = moat_elf_func_named(elf, prog->section, prog->name);
	u32 i = moat_elf_section(elf, prog->section);

	if (found)
		*func = *found;
	else if (i && elf_is_code(&elf->section[i]))
		*func = (struct elf_func) { prog->name, i, 0, elf->section[i].bytes / 8 };
	else
		return false;
	return func->len;
}

/* Raw instructions: nothing to link, but nothing may ask for it either. */
static int link_raw(struct moat_link *link)
{
	const struct moat_program *prog = link->prog;
	u32 i;

	for (i = 0; i < prog->len; i++) {
		const struct bpf_insn *insn = &prog->insn[i];

		if (insn->code == WIDE && insn->src_reg && insn->src_reg != BPF_PSEUDO_FUNC) {
			moat_print(MOAT_WARN, "%s: instruction %u: map or data address in raw instructions",
				   prog->obj->name, i);
			return -EINVAL;
		}
		i += insn->code == WIDE;
	}
	link->insn = malloc(prog->len * sizeof(*link->insn));
	if (!link->insn)
		return -ENOMEM;
	memcpy(link->insn, prog->insn, prog->len * sizeof(*link->insn));
	link->len = prog->len;
	return 0;
}

int moat_link(struct moat_link *link, struct moat_program *prog)
{
	const struct moat_elf *elf = loader_of(prog->obj)->elf;
	struct elf_func func;
	u32 i, at;
	int err;

	*link = (struct moat_link) { .prog = prog };
	if (!elf)
		return link_raw(link);
	if (!main_func(elf, prog, &func)) {
		moat_print(MOAT_WARN, "%s: %s: section %s has no instructions", prog->obj->name, prog->name,
			   prog->section);
		return -EINVAL;
	}
	err = add_part(link, elf, &func, &at);
	for (i = 0; !err && i < link->nr_part; i++)
		err = link_part(link, elf, i);
	if (!err && link->nr_line)
		qsort(link->line, link->nr_line, sizeof(*link->line), by_insn);
	if (err == -E2BIG || err == -ENOMEM)
		moat_print(MOAT_WARN, "%s: %s: %s", prog->obj->name, prog->name, strerror(-err));
	return err;
}

void moat_link_free(struct moat_link *link)
{
	free(link->insn);
	free(link->ref);
	free(link->line);
	free(link->part);
	free(link->part_at);
	*link = (struct moat_link) { 0 };
}
