/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What ring.bpf.c puts into its ring, and how it misuses what it holds. */
#ifndef MOAT_KERNEL_VM_RING_H
#define MOAT_KERNEL_VM_RING_H

#define RING_RECORD_BYTES	64
#define RING_TAG		0x600d600d600d600dull	/* the first word of a record; all others count from it */
#define RING_MANY		12	/* records that one run wants to hold */

enum ring_way {
	RING_GOOD,
	/* releases what it does not hold */
	RING_FORGED, RING_OTHER_MEMORY, RING_TWICE, RING_DISCARDED, RING_EARLIER_RUN, RING_TAIL_STALE,
	/* ends with what it holds */
	RING_FAULT, RING_CALLBACK, RING_EXIT, RING_TAIL,
	/* memory around a record, or of one that is released */
	RING_BELOW, RING_BEHIND, RING_STALE,
	/* more than there is room for */
	RING_TOO_MANY, RING_TOO_LONG,
	NR_RING_WAYS,
};

#endif
