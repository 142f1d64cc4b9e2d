/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts about images, as text. */
#ifndef MOAT_FACTS_H
#define MOAT_FACTS_H

struct moat_domain;
struct seq_file;

/* One line, of words KEY=VALUE, if the program is one that user space can name.  The caller keeps @d from being freed. */
void moat_show_image(struct seq_file *s, const struct moat_domain *d);

#endif
