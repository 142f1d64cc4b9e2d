// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows: memory of the host behind two pointers of a context that is not a packet of its own.
 *
 * A window is copied to where other programs have their packet (packet.c), and
 * copied back if the program may write there.  Where it lies and how long it is
 * is asked of the host's own context each time, never of the program.
 */
#include <linux/filter.h>
#include <linux/skbuff.h>
#include <linux/skmsg.h>
#include <net/flow_dissector.h>
#include "view.h"

static struct moat_bytes span(void *first, void *end)
{
	return (struct moat_bytes) { first, first && end > first ? end - first : 0 };
}

static struct moat_bytes sockopt(const struct moat_view *v, void *ctx)
{
	const struct bpf_sockopt_kern *opt = ctx;

	return span(opt->optval, opt->optval_end);
}

/* Only some of the events have a segment. */
static struct moat_bytes sock_ops(const struct moat_view *v, void *ctx)
{
	const struct bpf_sock_ops_kern *ops = ctx;

	return ops->skb ? span(ops->skb->data, ops->skb_data_end) : (struct moat_bytes) { };
}

static struct moat_bytes sk_msg(const struct moat_view *v, void *ctx)
{
	const struct sk_msg *msg = ctx;

	return span(msg->data, msg->data_end);
}

static struct moat_bytes reuseport(const struct moat_view *v, void *ctx)
{
	const struct sk_reuseport_kern *kern = ctx;

	return span(kern->skb->data, kern->data_end);
}

static struct moat_bytes flow(const struct moat_view *v, void *ctx)
{
	const struct bpf_flow_dissector *f = ctx;

	return span((void *)f->data, (void *)f->data_end);
}

/* The first argument; attaching compares how far programs get with what the tracepoint has. */
static struct moat_bytes tracepoint(const struct moat_view *v, void *ctx)
{
	return (struct moat_bytes) { *(u8 **)ctx, v->packet_bytes };
}

/* Where programs find the pointers, and whether they may write behind them. */
static const struct window {
	struct moat_bytes (*find)(const struct moat_view *v, void *ctx);
	u16 data, end;
	bool halves;	/* pointers are 32 bits wide, as those of packets */
	bool no_end;
	bool write;
} windows[MOAT_NR_PACKETS] = {
	[MOAT_WINDOW_SOCKOPT] = { sockopt, offsetof(struct bpf_sockopt, optval), offsetof(struct bpf_sockopt, optval_end),
				  .write = true },
	[MOAT_WINDOW_SOCK_OPS] = { sock_ops, offsetof(struct bpf_sock_ops, skb_data),
				   offsetof(struct bpf_sock_ops, skb_data_end) },
	[MOAT_WINDOW_SK_MSG] = { sk_msg, offsetof(struct sk_msg_md, data), offsetof(struct sk_msg_md, data_end),
				 .write = true },
	[MOAT_WINDOW_REUSEPORT] = { reuseport, offsetof(struct sk_reuseport_md, data),
				    offsetof(struct sk_reuseport_md, data_end) },
	[MOAT_WINDOW_FLOW] = { flow, offsetof(struct __sk_buff, data), offsetof(struct __sk_buff, data_end),
			       .halves = true },
	[MOAT_WINDOW_TRACEPOINT] = { tracepoint, .no_end = true, .write = true },
};

bool moat_window_writable(enum moat_packet_kind kind)
{
	return windows[kind].write;
}

struct moat_bytes moat_window_find(const struct moat_view *v, void *ctx)
{
	return windows[v->packet].find(v, ctx);
}

void moat_window_tell(const struct moat_view *v, void *view, u32 data, u32 end)
{
	const struct window *w = &windows[v->packet];

	if (w->halves) {
		*(u32 *)(view + w->data) = data;
		*(u32 *)(view + w->end) = end;
		return;
	}
	*(u64 *)(view + w->data) = data;
	if (!w->no_end)
		*(u64 *)(view + w->end) = end;
}

/* Flow keys ---------------------------------------------------------------- */

/* They lie behind the context's own fields, in the same view. */
#define KEYS_AT		1024

static_assert(sizeof(struct __sk_buff) <= KEYS_AT && KEYS_AT + sizeof(struct bpf_flow_keys) <= MOAT_SLOT_CTX_BYTES);

void moat_flow_keys_fill(struct moat_run *run)
{
	const struct bpf_flow_dissector *f = run->ctx;
	void *view = moat_run_ctx_view(run);
	struct __sk_buff *fields = view;

	memcpy(view + KEYS_AT, f->flow_keys, sizeof(*f->flow_keys));
	/* An offset, as all pointers of the program. */
	*(u64 *)&fields->flow_keys = run->slot + MOAT_SLOT_CTX + KEYS_AT;
}

void moat_flow_keys_flush(struct moat_run *run)
{
	const struct bpf_flow_dissector *f = run->ctx;

	memcpy(f->flow_keys, moat_run_ctx_view(run) + KEYS_AT, sizeof(*f->flow_keys));
}
