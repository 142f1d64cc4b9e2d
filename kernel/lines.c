// SPDX-License-Identifier: GPL-2.0-only
/* Source lines: where the image has the code of each, and which one an instruction came from. */
#include <linux/btf.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "domain.h"
#include "lines.h"

struct moat_line {
	u32 at;			/* its first instruction */
	u32 file;		/* its name in the BTF */
	u32 number;
};

/* The kernel counts lines by instructions that it will have rewritten, and the program lets go of its BTF before it is freed. */
int moat_lines_copy(struct moat_domain *d, const struct bpf_prog_aux *aux)
{
	u32 i;

	if (!aux->nr_linfo)
		return 0;
	d->line = kvmalloc_array(aux->nr_linfo, sizeof(*d->line), GFP_KERNEL_ACCOUNT);
	if (!d->line)
		return -ENOMEM;
	d->nr_line = aux->nr_linfo;
	for (i = 0; i < d->nr_line; i++)
		d->line[i] = (struct moat_line){
			.at = min(aux->linfo[i].insn_off, d->len),
			.file = aux->linfo[i].file_name_off,
			.number = BPF_LINE_INFO_LINE_NUM(aux->linfo[i].line_col),
		};
	d->btf = aux->btf;
	btf_get(d->btf);
	return 0;
}

void moat_lines_free(struct moat_domain *d)
{
	kvfree(d->line);
	if (d->btf)
		btf_put(d->btf);
}

/* The first line is that of the stub, too: the kernel's tools look for a line where the program begins. */
void moat_lines_place(const struct moat_domain *d, struct bpf_prog_aux *aux)
{
	u32 i, n = min(aux->nr_linfo, d->nr_line);

	for (i = 0; i < n; i++)
		aux->jited_linfo[i] = d->image + (i ? d->jit.slot[d->line[i].at].start : 0);
}

static const struct moat_line *line_of(const struct moat_domain *d, u32 pc)
{
	u32 i = d->nr_line;

	while (i && d->line[i - 1].at > pc)
		i--;
	return i ? &d->line[i - 1] : NULL;
}

/* Names of files are what the program's author wrote. */
void moat_line_text(const struct moat_domain *d, u32 pc, char *text, size_t size)
{
	const struct moat_line *line = line_of(d, pc);
	const char *file = line ? btf_name_by_offset(d->btf, line->file) : NULL;

	text[0] = 0;
	if (file)
		snprintf(text, size, " (%*pE:%u)", (int)strnlen(kbasename(file), MOAT_LINE_FILE), kbasename(file),
			 line->number);
}
