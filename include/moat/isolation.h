/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Isolation modes: which mechanism separates a program from its host and from other programs. */
#ifndef MOAT_ISOLATION_H
#define MOAT_ISOLATION_H

/*
 * Layer I separates programs from the host, layer II programs from each other.
 *
 *	mode		layer I		layer II	enforced by
 *	none		-		-		nothing: a plain JIT, the baseline
 *	basereg		base register	base register	emitted code
 *	pku		WRPKRU gates	one key each	emitted code, CPU and kernel
 *	pku+basereg	WRPKRU gates	base register	both
 */
enum moat_mode {
	MOAT_MODE_AUTO,		/* the strongest mode that this machine enforces; what a zeroed option struct asks for */
	MOAT_MODE_NONE,
	MOAT_MODE_BASEREG,
	MOAT_MODE_PKU,
	MOAT_MODE_PKU_BASEREG,
	MOAT_NR_MODES,
};

/* Rights of a domain on a piece of memory. */
enum moat_rights {
	MOAT_READ = 1,
	MOAT_WRITE = 2,
};

/* Why a run was ended. */
enum moat_fault_kind {
	MOAT_FAULT_NONE,
	MOAT_FAULT_CAGE,	/* access to memory that is not mapped in the cage, or not with that right */
	MOAT_FAULT_KEY,		/* access that the protection key forbids */
	MOAT_FAULT_FUEL,	/* the run used up its fuel */
	MOAT_FAULT_AUDIT,	/* a helper argument was not what the helper may be given */
	MOAT_FAULT_TRAP,	/* a check in the emitted code failed (gate value, return index) */
	MOAT_FAULT_MEMORY,	/* mode none: the program touched memory that is not there */
	MOAT_NR_FAULTS,
};

#endif
