/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Read .BTF.ext: source lines and CO-RE relocations, every bound checked. */
#include "elf.h"

struct ext_header {
	u16 magic;
	u8 version, flags;
	u32 bytes;
	struct { u32 off, len; } func, line, core;
};

/* A walk over the records of one kind that belong to one section. */
struct walk {
	const u8 *at, *end;
	u32 record;		/* bytes of one */
	u32 left;		/* records left in this group */
	bool wanted;		/* the group is the section's */
	const char *section;
};

struct line_record { u32 insn_off, file, text, line_col; };
struct core_record { u32 insn_off, type, access, kind; };

static struct walk walk_start(const struct moat_elf *elf, u32 section, bool core, u32 least)
{
	struct walk w = { .section = elf->section[section].name };
	struct ext_header h = { 0 };
	u32 off, len;

	if (elf->ext_bytes < offsetof(struct ext_header, core))
		return w;
	memcpy(&h, elf->ext, elf->ext_bytes < sizeof(h) ? elf->ext_bytes : sizeof(h));
	if (h.magic != BTF_MAGIC || h.version != BTF_VERSION || h.bytes > elf->ext_bytes ||
	    (core && h.bytes < sizeof(h)))
		return w;
	off = core ? h.core.off : h.line.off;
	len = core ? h.core.len : h.line.len;
	if (off > elf->ext_bytes - h.bytes || len > elf->ext_bytes - h.bytes - off || len < 4)
		return w;
	w.at = elf->ext + h.bytes + off;
	w.end = w.at + len;
	memcpy(&w.record, w.at, 4);
	w.at += 4;
	if (w.record < least)
		w.at = w.end;
	return w;
}

/* The next record of the section; NULL: no more. */
static const u8 *walk_next(const struct moat_elf *elf, struct walk *w)
{
	const u8 *at;

	for (;;) {
		u32 group[2];
		const char *name;

		if (w->left && w->record <= w->end - w->at) {
			at = w->at;
			w->at += w->record;
			w->left--;
			if (w->wanted)
				return at;
			continue;
		}
		if (w->left || w->end - w->at < (ptrdiff_t)sizeof(group))
			return NULL;
		memcpy(group, w->at, sizeof(group));
		w->at += sizeof(group);
		w->left = group[1];
		name = btf__str_by_offset(elf->btf, group[0]);
		w->wanted = name && !strcmp(name, w->section);
	}
}

static bool in_func(const struct elf_func *func, u32 insn_off)
{
	return insn_off / 8 >= func->start && insn_off / 8 - func->start < func->len;
}

static const char *string(const struct moat_elf *elf, u32 off)
{
	const char *s = btf__str_by_offset(elf->btf, off);

	return s && *s ? s : NULL;
}

int moat_ext_lines(const struct moat_elf *elf, const struct elf_func *func, u32 at,
		   struct moat_line **line, u32 *nr)
{
	struct walk w = walk_start(elf, func->section, false, sizeof(struct line_record));
	struct line_record r;
	const u8 *from;

	while ((from = walk_next(elf, &w))) {
		memcpy(&r, from, sizeof(r));
		if (!in_func(func, r.insn_off))
			continue;
		if (!(*nr & (*nr - 1))) {	/* full at each power of two */
			size_t room = *nr ? *nr * 2 : 1;
			struct moat_line *more = realloc(*line, room * sizeof(*more));

			if (!more)
				return -ENOMEM;
			*line = more;
		}
		(*line)[(*nr)++] = (struct moat_line) {
			.insn = r.insn_off / 8 - func->start + at,
			.line = r.line_col >> 10,
			.column = r.line_col & 0x3ff,
			.file = string(elf, r.file),
			.text = string(elf, r.text),
		};
	}
	return 0;
}

/* Follow an access string such as "0:1:2" to names: "sk_buff.cb[2]"; what cannot be followed stays a number. */
static void describe(const struct moat_elf *elf, u32 id, const char *access, char *text, size_t size)
{
	const struct btf_type *t = btf__type_by_id(elf->btf, id);
	const char *name = t ? string(elf, t->name_off) : NULL;
	size_t n = snprintf(text, size, "%s", name ?: "(anonymous)");
	char *end;
	unsigned long i;

	strtoul(access, &end, 10);
	while (*end == ':' && n < size) {
		i = strtoul(end + 1, &end, 10);
		while (t && (btf_is_mod(t) || btf_is_typedef(t)))
			t = btf__type_by_id(elf->btf, t->type);
		if (t && btf_is_composite(t) && i < btf_vlen(t)) {
			name = string(elf, btf_members(t)[i].name_off);
			n += name ? snprintf(text + n, size - n, ".%s", name) : 0;
			t = btf__type_by_id(elf->btf, btf_members(t)[i].type);
		} else {
			n += snprintf(text + n, size - n, "[%lu]", i);
			t = t && btf_is_array(t) ? btf__type_by_id(elf->btf, btf_array(t)->type) : NULL;
		}
	}
}

bool moat_ext_core(const struct moat_elf *elf, const struct elf_func *func, u32 *insn, char *text, size_t size)
{
	struct walk w = walk_start(elf, func->section, true, sizeof(struct core_record));
	struct core_record r;
	const u8 *from;

	while ((from = walk_next(elf, &w))) {
		memcpy(&r, from, sizeof(r));
		if (!in_func(func, r.insn_off))
			continue;
		*insn = r.insn_off / 8;
		describe(elf, r.type, string(elf, r.access) ?: "", text, size);
		return true;
	}
	return false;
}
