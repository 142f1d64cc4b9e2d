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
	/* window.c: memory behind other pointers of the context */
	MOAT_WINDOW_SOCKOPT,
	MOAT_WINDOW_SOCK_OPS,
	MOAT_WINDOW_SK_MSG,
	MOAT_WINDOW_REUSEPORT,
	MOAT_WINDOW_FLOW,
	MOAT_WINDOW_TRACEPOINT,
	MOAT_NR_PACKETS,
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
	u32 arguments;			/* bytes that a context of arguments has, whether they are looked at or not */

	/* The context's pointer to a socket, at @socket_field of it. */
	struct bpf_prog *socket;	/* the host's pointer */
	struct bpf_prog *socket_common, *socket_full;	/* fields to the copy, of any socket and of whole ones */
	u16 socket_field;

	u8 packet;			/* enum moat_packet_kind; NONE unless the program asks where the packet is, or loads from it */
	bool packet_tell;		/* the context's view says where the packet is */
	bool packet_write;		/* the program writes there */
	bool meta;			/* it asks for the metadata in front of the packet, too */
	bool keys;			/* it asks for flow keys, which are written back always */
	u32 packet_bytes;		/* of the packet: what it can reach */
};

/* packet.c: room for metadata in front of the packet's first byte in a slot; skb_metadata_len() is a u8. */
#define MOAT_VIEW_META		256
/* Loads whose constant is below that are taken to be from the view: so much is copied, and what LD_IND adds. */
#define MOAT_VIEW_LOADS_MAX	256
/* How far LD_IND mostly adds: a header of IPv6, or of IPv4 with some options. */
#define MOAT_VIEW_LOADS_ADD	40
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

/* window.c: the memory that a window of @v's kind shows, now. */
struct moat_bytes {
	u8 *at;
	u32 bytes;
};
struct moat_bytes moat_window_find(const struct moat_view *v, void *ctx);
/* Where the program finds it, in the view of its context. */
void moat_window_tell(const struct moat_view *v, void *view, u32 data, u32 end);
bool moat_window_writable(enum moat_packet_kind kind);
/* The flow dissector's result. */
void moat_flow_keys_fill(struct moat_run *run);
void moat_flow_keys_flush(struct moat_run *run);

/* arguments.c: how long the context of a program on a trampoline is. */
u32 moat_arguments_bytes(const struct bpf_prog *prog);
/* reads.c: loads from objects that only BTF describes.  0, or -EOPNOTSUPP (told to the log); fills d->nr_probe. */
int moat_reads_plan(struct moat_domain *d, struct bpf_verifier_env *env);

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
	bool data, meta, keys;	/* the program asks for the packet; for its metadata; for flow keys */
	bool has_socket;
	u16 socket;		/* where it asks for one */
	struct moat_field field[MOAT_MAX_FIELDS];
};

/* Is this a load or store that analysis knows the pointer's type of? */
static inline bool moat_accesses_memory(const struct bpf_insn *insn)
{
	u8 class = BPF_CLASS(insn->code);

	return (class == BPF_LDX || class == BPF_STX || class == BPF_ST) && BPF_MODE(insn->code) == BPF_MEM;
}

/* Find what the program uses of its context.  0, or -EOPNOTSUPP (told to the log). */
int moat_fields_find(struct moat_fields *f);
/* Note one. */
int moat_fields_add(struct moat_fields *f, u32 off, u32 bytes, bool written);
/* Code that copies those of some object, which @convert knows, to a view; none if there are none. */
int moat_fields_copy(const struct moat_fields *f, bpf_convert_ctx_access_t convert, struct bpf_prog **made);
/* Code that copies the context's pointer at @off to where its second argument points. */
int moat_fields_pointer(struct bpf_verifier_env *env, u16 off, struct bpf_prog **made);

/* sockets.c: the code for a context with a socket at @field; 0 or -errno, told to the log. */
int moat_socket_plan(struct moat_view *v, u16 field, struct bpf_verifier_env *env);
void moat_socket_fill(struct moat_run *run);

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
