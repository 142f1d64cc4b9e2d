/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Views: what a program is shown instead of the host's packet and context. */
#ifndef MOAT_VIEWS_H
#define MOAT_VIEWS_H

#include "internal.h"

#define MOAT_DATA_MAX	(MOAT_PACKET_BYTES - MOAT_HEADROOM)

enum moat_view {
	MOAT_VIEW_PLAIN,	/* R1, R2: a buffer and its length */
	MOAT_VIEW_FLAT,		/* a context that is copied as it is */
	MOAT_VIEW_XDP,
	MOAT_VIEW_SKB,
};

/* The input of a batch of runs, checked; what each run's views are laid from. */
struct moat_layout {
	u8 view;			/* enum moat_view */
	bool pointers;			/* the context shows data and data_end */
	bool writable;			/* changes of the packet go back to the caller */
	u32 bytes, ctx_bytes;
	const void *data;
	const void *flat;		/* flat context */
	struct xdp_md xdp;
	const struct __sk_buff *skb;	/* all but what the packet decides: @given, or all zero */
	u32 protocol, packet_type;	/* of the packet */
	struct __sk_buff given;		/* not set unless @skb points to it */
};

#define MOAT_LOOPBACK	1	/* interface that packets came in by unless the context says otherwise */

u8 moat_view_of(enum bpf_prog_type type);

/* 0, or -EINVAL with a message: input that this type of program cannot have. */
int moat_view_check(struct moat_layout *l, const struct moat_program *prog, const struct moat_run_opts *opts);
/* The same for one packet without context, without a message. */
int moat_view_packet(struct moat_layout *l, const struct moat_program *prog, const void *data, u32 bytes);
/* Lay context, packet (only if @packet) and arguments in run->slot. */
void moat_view_lay(struct moat_run *run, const struct moat_layout *l, bool packet);
/* Move the views of @run from one slot to another. */
void moat_view_move(struct moat_run *run, struct moat_slot_mem *to);
/* Results to the caller.  0 or -ENOSPC. */
int moat_view_results(const struct moat_run *run, const struct moat_layout *l, struct moat_run_opts *opts);

#endif
