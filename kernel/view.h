/* SPDX-License-Identifier: GPL-2.0-only */
/* What a program sees of its context and packet: what views.c, fields.c and packet.c share. */
#ifndef MOAT_VIEW_H
#define MOAT_VIEW_H

#include "domain.h"

/* What the host has where programs see packet bytes. */
enum moat_packet_kind {
	MOAT_PACKET_NONE,
	MOAT_PACKET_SKB,
	MOAT_PACKET_XDP,
};

/*
 * How the views of one program are filled and written back.  What is not
 * needed is NULL or 0.  All of it is known when the program is loaded; the
 * verifier's facts in it (which fields, how many bytes, whether packets are
 * written) only make views smaller than they could be.
 */
struct moat_view {
	/* Contexts that the kernel converts: code with the kernel's own conversions, called with the context and its view. */
	struct bpf_prog *load;		/* fields to the view */
	struct bpf_prog *store;		/* fields that the program writes, where they differ, from the view */
	struct bpf_prog *prologue;	/* what the kernel puts in front of a program that writes packets */
	/* Others are copied: bytes [flat, flat_end). */
	u32 flat, flat_end;

	u8 packet;			/* enum moat_packet_kind; NONE unless the program asks where the packet is, or loads from it */
	bool packet_tell;		/* the context's view says where the packet is */
	bool packet_write;		/* the program writes there */
	bool meta;			/* it asks for the metadata in front of the packet, too */
	u32 packet_bytes;		/* of the packet: what it can reach */
};

/* packet.c: room for metadata in front of the packet's first byte in a slot; skb_metadata_len() is a u8. */
#define MOAT_VIEW_META		256
#define MOAT_VIEW_PACKET_MAX	65536	/* the verifier's MAX_PACKET_OFF */

/* How much of the packet the program can reach.  0, or -EOPNOTSUPP (told to the log). */
int moat_packet_plan(struct moat_view *v, enum moat_packet_kind kind, struct bpf_verifier_env *env);
/*
 * The same for LD_ABS and LD_IND, whose first bytes are loaded from the view; what is further on the host loads for
 * them.  After moat_packet_plan(), of programs that may have such loads.
 */
void moat_packet_plan_loads(struct moat_view *v, enum moat_packet_kind kind, const struct bpf_insn *insn, u32 len);
/* Copy the packet in; where it is, in run->data, data_end and in the view of the context. */
void moat_packet_fill(struct moat_run *run);
/* Copy back what was copied in, if the program writes packets. */
void moat_packet_flush(struct moat_run *run);

/* fields.c: one access to a context that the kernel converts. */
struct moat_field {
	u16 off;
	u8 bytes;
	bool written;
};

#define MOAT_MAX_FIELDS	80	/* more than any context has; only odd pieces of skb->cb could be as many */

struct moat_fields {
	struct bpf_verifier_env *env;
	u32 nr;
	bool data, meta;	/* the program asks for the packet; for its metadata */
	struct moat_field field[MOAT_MAX_FIELDS];
};

/* Find what the program uses of its context.  0, or -EOPNOTSUPP (told to the log). */
int moat_fields_find(struct moat_fields *f);
/* Make the code for that.  0 or -errno; what was made before an error is in @v, too. */
int moat_fields_make(const struct moat_fields *f, struct moat_view *v);

/* What v->prologue returns when the program may run; all else is the program's verdict. */
#define MOAT_PROLOGUE_DONE	0x4d6f6174

/* Run one of them.  Compiled code has its second argument in R2. */
static inline u32 moat_view_call(const struct bpf_prog *code, void *ctx, void *view)
{
	return code->bpf_func(ctx, view);
}

#endif
