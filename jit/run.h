/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What emitted code and its user-space host agree on.
 *
 * An image is entered at its start as
 *	u64 entry(u64 r1, u64 r2, struct moat_frame *f)
 * and at each callback entry as
 *	u64 callback(u64 r1, u64 r2, u64 r3, struct moat_frame *f, u64 r4)
 * with the C calling convention, in host state.  Calls out of the image go to
 * one host function, again with the C convention and in host state:
 *	u64 call(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site)
 * where site indexes the image's table of call sites.  In mode none a helper
 * is called directly, without the last argument.
 *
 * struct moat_frame lies in host memory, out of the domain's reach.
 */
#ifndef MOAT_RUN_H
#define MOAT_RUN_H

#include "env.h"

struct moat_frame {
	/* In this order: what most programs need can be loaded as a pair. */
	u64 stack;	/* R10 of the main function as an address: cage + offset */
	u64 cage;	/*
			 * base of the cage, 4 GiB aligned; 0 in modes without a base register. Accesses
			 * up to MOAT_BESIDE bytes beside it must fault, wherever they can come from a program.
			 */
	u64 fuel;	/* what is left; loaded at entry, stored at every call out and at exit */
	u64 r1, r2;	/* what the next image gets, set by the host when a tail call succeeds */
	u32 cpu;	/* what bpf_get_smp_processor_id() returns in this run */
	/*
	 * Images made with opt.packet_view: the cage offset of the packet's first byte, and how many bytes
	 * from there on are the packet's. The host keeps them so whenever the image runs; the rest it loads itself.
	 */
	u32 packet;
	u64 packet_bytes;
};

#define MOAT_BESIDE		32768

/*
 * The run of an image for the kernel that its stub enters (kernel.h), in memory
 * of the host: what stands in it before, and what the stub writes.
 */
struct moat_stub_run {
	struct moat_frame frame;
	u64 host_sp;	/* while the run is in progress: the stub's stack pointer, which is its frame pointer too; 0: it is free */
	u64 ctx;	/* the stub's own argument */
	u32 r1;		/* what the image is given instead */
};

/* Bytes below the top of the stack that a program may use: frames and what gate modes keep beside them. */
#define MOAT_FRAME_SAVE		64
#define MOAT_FRAME_STRIDE	(512 + MOAT_FRAME_SAVE)
#define MOAT_STACK_BYTES	8192	/* at least 8 * MOAT_FRAME_STRIDE */

#endif
