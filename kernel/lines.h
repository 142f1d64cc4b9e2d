/* SPDX-License-Identifier: GPL-2.0-only */
/* Source lines of isolated programs; those of programs without BTF have none. */
#ifndef MOAT_LINES_H
#define MOAT_LINES_H

#include <linux/types.h>

struct bpf_prog_aux;
struct moat_domain;

#define MOAT_LINE_FILE	40				/* bytes of a file's name that are shown, each as \ooo at most */
#define MOAT_LINE_TEXT	(4 * MOAT_LINE_FILE + 16)

/* Before the kernel rewrites the program, whose instructions the domain has already.  0 or -ENOMEM. */
int moat_lines_copy(struct moat_domain *d, const struct bpf_prog_aux *aux);
void moat_lines_free(struct moat_domain *d);
/* When it is known where the image is: fill aux->jited_linfo. */
void moat_lines_place(const struct moat_domain *d, struct bpf_prog_aux *aux);
/* " (FILE:LINE)", or nothing, in @size (MOAT_LINE_TEXT) bytes.  Any context. */
void moat_line_text(const struct moat_domain *d, u32 pc, char *text, size_t size);

#endif
