/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lay contexts and packets into a run's slot, and take the results out again.
 *
 * The program may write over all of its view; what it can change for the host
 * are the fields that the kernel lets it change.  Where the packet lies is
 * kept in struct moat_run, never read back from the view.
 *
 * A packet starts where data_in starts, for all types of programs: at the
 * Ethernet header, as on a packet socket, on XDP and on tc.
 */
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "views.h"

#define LOOPBACK	1	/* interface that packets came in by unless the context says otherwise */

static const struct __sk_buff no_skb;

static u8 view_of(enum bpf_prog_type type)
{
	switch ((int)type) {
	case BPF_PROG_TYPE_UNSPEC:
		return MOAT_VIEW_PLAIN;
	case BPF_PROG_TYPE_XDP:
		return MOAT_VIEW_XDP;
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
		return MOAT_VIEW_SKB;
	default:
		return MOAT_VIEW_FLAT;
	}
}

static bool may_write(enum bpf_prog_type type)
{
	return type == BPF_PROG_TYPE_UNSPEC || type == BPF_PROG_TYPE_XDP || type == BPF_PROG_TYPE_SCHED_CLS ||
	       type == BPF_PROG_TYPE_SCHED_ACT || type == BPF_PROG_TYPE_LWT_XMIT;
}

/* As eth_type_trans() in the kernel, for an interface that has every address. */
static u32 packet_type(const u8 *eth)
{
	static const u8 broadcast[ETH_ALEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (!(eth[0] & 1))
		return PACKET_HOST;
	return memcmp(eth, broadcast, ETH_ALEN) ? PACKET_MULTICAST : PACKET_BROADCAST;
}

/* The caller's context, less what only the packet and the kernel could say. */
static void clean_skb(struct __sk_buff *skb)
{
	skb->data = skb->data_end = skb->data_meta = 0;
	skb->flow_keys = NULL;
	skb->sk = NULL;
}

/*
 * What every run sees: fields of the packet, and defaults for those that were
 * not given.  Written straight into the view: a copy of fields just written
 * would have to wait for them.
 */
static void set_skb(struct __sk_buff *skb, const struct moat_layout *l)
{
	skb->len = l->bytes;
	skb->protocol = l->protocol;
	skb->pkt_type = l->skb->pkt_type ?: l->packet_type;
	skb->ifindex = l->skb->ifindex ?: LOOPBACK;
	skb->wire_len = l->skb->wire_len ?: l->bytes;
}

static void read_ethernet(struct moat_layout *l)
{
	u16 protocol;

	memcpy(&protocol, (const u8 *)l->data + 2 * ETH_ALEN, sizeof(protocol));
	l->protocol = protocol;		/* network order, as in the kernel */
	l->packet_type = packet_type(l->data);
}

static void start(struct moat_layout *l, enum bpf_prog_type type, const void *data, u32 bytes)
{
	l->view = view_of(type);
	l->pointers = l->view == MOAT_VIEW_XDP ||
		      (l->view == MOAT_VIEW_SKB && type != BPF_PROG_TYPE_SOCKET_FILTER);
	l->writable = may_write(type);
	l->data = data;
	l->bytes = bytes;
	l->flat = NULL;
	l->ctx_bytes = 0;
}

int moat_view_packet(struct moat_layout *l, const struct moat_program *prog, const void *data, u32 bytes)
{
	start(l, prog->type, data, bytes);
	if (!data || bytes > MOAT_DATA_MAX)
		return -EINVAL;
	switch (l->view) {
	case MOAT_VIEW_XDP:
		l->ctx_bytes = sizeof(l->xdp);
		l->xdp = (struct xdp_md) { .ingress_ifindex = LOOPBACK };
		return bytes < ETH_HLEN ? -EINVAL : 0;
	case MOAT_VIEW_SKB:
		if (bytes < ETH_HLEN)
			return -EINVAL;
		l->ctx_bytes = sizeof(*l->skb);
		l->skb = &no_skb;
		read_ethernet(l);
		return 0;
	case MOAT_VIEW_PLAIN:
		return 0;
	}
	return -EINVAL;
}

static int refuse(const struct moat_program *prog, const char *why)
{
	moat_print(MOAT_WARN, "%s: %s: cannot run: %s", prog->obj->name, prog->name, why);
	return -EINVAL;
}

/* Take over the caller's struct, older or newer than ours: what we do not know must be zero. */
static const char *take_ctx(void *to, u32 size, const struct moat_run_opts *opts)
{
	const u8 *from = opts->ctx_in;
	u32 i;

	if (!from && opts->ctx_size_in)
		return "ctx_size_in without ctx_in";
	if (!from)
		return NULL;
	for (i = size; i < opts->ctx_size_in; i++)
		if (from[i])
			return "ctx_in is longer than the context, and not zero there";
	memcpy(to, from, opts->ctx_size_in < size ? opts->ctx_size_in : size);
	return NULL;
}

static const char *take_xdp(struct moat_layout *l, const struct moat_run_opts *opts)
{
	struct xdp_md md = { .data_end = l->bytes, .ingress_ifindex = LOOPBACK };
	const char *why = take_ctx(&md, sizeof(md), opts);

	if (why)
		return why;
	if (md.data || md.data_meta || (md.data_end && md.data_end != l->bytes))
		return "ctx_in: data and data_meta must be 0 and data_end the length of data_in";
	l->xdp = md;
	return NULL;
}

static const char *take_packet(struct moat_layout *l, const struct moat_program *prog,
			       const struct moat_run_opts *opts)
{
	const char *why;

	if (l->bytes < ETH_HLEN)
		return "this type of program needs a packet of at least 14 bytes in data_in";
	why = moat_view_packet(l, prog, opts->data_in, opts->data_size_in) ? "data_in cannot be used" : NULL;
	if (why)
		return why;
	if (l->view == MOAT_VIEW_XDP)
		return take_xdp(l, opts);
	memset(&l->given, 0, sizeof(l->given));
	why = take_ctx(&l->given, sizeof(l->given), opts);
	clean_skb(&l->given);
	l->skb = &l->given;
	return why;
}

static const char *take_flat(struct moat_layout *l, const struct moat_run_opts *opts)
{
	if (l->bytes)
		return "this type of program takes a context in ctx_in, no data_in";
	if (opts->ctx_size_in > MOAT_CTX_BYTES)
		return "ctx_in is larger than 8192 bytes";
	if (!opts->ctx_in && opts->ctx_size_in)
		return "ctx_size_in without ctx_in";
	l->flat = opts->ctx_in;
	l->ctx_bytes = opts->ctx_size_in;
	return NULL;
}

int moat_view_check(struct moat_layout *l, const struct moat_program *prog, const struct moat_run_opts *opts)
{
	const char *why = NULL;

	start(l, prog->type, opts->data_in, opts->data_size_in);
	if (!l->data && l->bytes)
		why = "data_size_in without data_in";
	else if (l->bytes > MOAT_DATA_MAX)
		why = "data_in is too large (98048 bytes is the most)";
	else if (l->view == MOAT_VIEW_FLAT)
		why = take_flat(l, opts);
	else if (l->view == MOAT_VIEW_PLAIN)
		why = opts->ctx_in || opts->ctx_size_in ? "a plain program takes data_in, no ctx_in" : NULL;
	else
		why = take_packet(l, prog, opts);
	return why ? refuse(prog, why) : 0;
}
static_assert(MOAT_DATA_MAX == 98048, "the message above names it");

/* Pointers and lengths in the context view, from where the packet lies now. */
void moat_view_update(struct moat_run *run)
{
	void *view = moat_host(run->slot->off + MOAT_VIEW_CTX);
	struct __sk_buff *skb = view;
	struct xdp_md *xdp = view;

	switch (view_of(run->prog->type)) {
	case MOAT_VIEW_XDP:
		xdp->data = xdp->data_meta = run->data;
		xdp->data_end = run->data_end;
		break;
	case MOAT_VIEW_SKB:
		skb->len = run->data_end - run->data;
		if (run->prog->type == BPF_PROG_TYPE_SOCKET_FILTER)
			break;
		skb->data = skb->data_meta = run->data;
		skb->data_end = run->data_end;
		break;
	}
}
static_assert(sizeof(struct __sk_buff) <= MOAT_CTX_BYTES, "contexts fit their view");

void moat_view_lay(struct moat_run *run, const struct moat_layout *l, bool packet)
{
	u32 ctx = run->slot->off + MOAT_VIEW_CTX;

	run->data = run->slot->off + MOAT_VIEW_PACKET + MOAT_HEADROOM;
	run->data_end = run->data + l->bytes;
	run->ctx_bytes = l->ctx_bytes;
	run->frame.r1 = ctx;
	run->frame.r2 = 0;
	if (packet && l->bytes)
		memcpy(moat_host(run->data), l->data, l->bytes);

	switch ((enum moat_view)l->view) {
	case MOAT_VIEW_PLAIN:
		run->frame.r1 = l->bytes ? run->data : 0;
		run->frame.r2 = l->bytes;
		break;
	case MOAT_VIEW_FLAT:
		run->data = run->data_end = 0;
		if (l->flat)
			memcpy(moat_host(ctx), l->flat, l->ctx_bytes);
		break;
	case MOAT_VIEW_XDP: {
		struct xdp_md *xdp = moat_host(ctx);

		xdp->data = xdp->data_meta = run->data;
		xdp->data_end = run->data_end;
		xdp->ingress_ifindex = l->xdp.ingress_ifindex;
		xdp->rx_queue_index = l->xdp.rx_queue_index;
		xdp->egress_ifindex = l->xdp.egress_ifindex;
		break;
	}
	case MOAT_VIEW_SKB: {
		struct __sk_buff *skb = moat_host(ctx);

		*skb = *l->skb;
		set_skb(skb, l);
		if (l->pointers) {
			skb->data = skb->data_meta = run->data;
			skb->data_end = run->data_end;
		}
		break;
	}
	}
}

void moat_view_move(struct moat_run *run, struct moat_slot_mem *to)
{
	u32 from = run->slot->off, shift = to->off - from;

	memcpy(moat_host(to->off + MOAT_VIEW_CTX), moat_host(from + MOAT_VIEW_CTX), run->ctx_bytes);
	if (run->data_end > run->data)
		memcpy(moat_host(run->data + shift), moat_host(run->data), run->data_end - run->data);
	if (run->data) {
		run->data += shift;
		run->data_end += shift;
	}
	if (run->frame.r1)
		run->frame.r1 = (u32)(run->frame.r1 + shift);
	run->slot = to;
	moat_view_update(run);
}

/* Fields that the kernel lets a program change; the others come back as they were given. */
static void take_back_skb(struct __sk_buff *skb, const struct __sk_buff *view, enum bpf_prog_type type)
{
	memcpy(skb->cb, view->cb, sizeof(skb->cb));
	if (type == BPF_PROG_TYPE_SOCKET_FILTER)
		return;
	skb->mark = view->mark;
	skb->priority = view->priority;
	skb->queue_mapping = view->queue_mapping;
	skb->tc_index = view->tc_index;
	skb->tc_classid = view->tc_classid;
	skb->tstamp = view->tstamp;
}

/* As the kernel does it: all that fits is copied, the true size is told, too little room is an error. */
static int give(void *to, u32 *room, const void *from, u32 bytes)
{
	u32 n = bytes < *room ? bytes : *room;
	int err = to && *room < bytes ? -ENOSPC : 0;

	if (to && n)
		memcpy(to, from, n);
	*room = bytes;
	return err;
}

int moat_view_results(const struct moat_run *run, const struct moat_layout *l, struct moat_run_opts *opts)
{
	const void *view = moat_host(run->slot->off + MOAT_VIEW_CTX), *ctx = view;
	u32 bytes = run->data_end - run->data;
	struct xdp_md xdp;
	struct __sk_buff skb;
	int err, err_ctx;

	err = give(opts->data_out, &opts->data_size_out, moat_host(run->data), bytes);
	if (l->view == MOAT_VIEW_XDP) {
		xdp = l->xdp;
		xdp.data_end = bytes;
		ctx = &xdp;
	} else if (l->view == MOAT_VIEW_SKB) {
		skb = *l->skb;
		set_skb(&skb, l);
		skb.len = bytes;
		take_back_skb(&skb, view, run->prog->type);
		ctx = &skb;
	}
	err_ctx = give(opts->ctx_out, &opts->ctx_size_out, ctx, l->ctx_bytes);
	return err ?: err_ctx;
}
