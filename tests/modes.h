/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every way in which this machine can run a program, through the public API. */
#ifndef MOAT_MODES_H
#define MOAT_MODES_H

#include <moat/moat.h>

#define MODES_MAX	12

struct mode {
	const char *name;	/* "basereg/segment" */
	enum moat_mode mode;
	__u8 form;
	bool blind;		/* constants are hidden */
	const char *cpu;	/* value of MOAT_CPU for the compilation, or NULL: all that the CPU has */
};

extern struct mode modes[MODES_MAX];
extern unsigned int nr_modes;

/*
 * Fill modes[] with those whose name begins with @only (NULL: all); what is
 * not enforced here is skipped by name, with the reason.
 */
void modes_init(const char *only);

extern char mode_said[512];	/* the first message of the library since the last mode_load() began */

/*
 * A loaded object with one program, for moat_object__close().  @helpers end
 * with id 0; NULL: none.  NULL on failure, errno is set, mode_said says why.
 */
struct moat_object *mode_load(const struct mode *m, const struct bpf_insn *insn, size_t nr,
			      enum bpf_prog_type type, const struct moat_helper *helpers);

#endif
