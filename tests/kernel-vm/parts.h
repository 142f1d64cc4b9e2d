/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Parts of a program's run that are counted apart: what parts.c tells parts-plugin.c of a range of code. */
#ifndef MOAT_KERNEL_VM_PARTS_H
#define MOAT_KERNEL_VM_PARTS_H

enum part {
	PART_STUB,	/* an isolated program's code in front of its image: what the kernel calls */
	PART_IMAGE,	/* a program's code (without isolation: all of it) */
	PART_RUN,	/* entry and exit in other code: moat_domain_run(), what stubs call */
	PART_VIEWS,
	PART_GATES,	/* audit of calls, and loads from packets */
	PART_HELPERS,	/* what else the kernel does for a program */
	NR_PARTS,
	/* Not parts: what ranges mean besides. */
	RANGE_SHARED = NR_PARTS,	/* belongs to whoever called it */
	RANGE_OUTSIDE,		/* runs programs, and is none of their parts */
};

#endif
