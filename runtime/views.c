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
#include "views.h"

u8 moat_view_of(enum bpf_prog_type type)
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
	skb->ifindex = l->skb->ifindex ?: MOAT_LOOPBACK;
	skb->wire_len = l->skb->wire_len ?: l->bytes;
}

/* For what the image loads itself: a packet lies in its view with all of its bytes. */
static void tell_image(struct moat_run *run)
{
	run->frame.packet = run->data;
	run->frame.packet_bytes = run->data_end - run->data;
}

/* Pointers and lengths in the context view, from where the packet lies now. */
void moat_view_update(struct moat_run *run)
{
	void *view = moat_host(run->slot->off + MOAT_VIEW_CTX);
	struct __sk_buff *skb = view;
	struct xdp_md *xdp = view;

	tell_image(run);
	switch (moat_view_of(run->prog->type)) {
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

static void lay_xdp(const struct moat_run *run, const struct moat_layout *l, struct xdp_md *xdp)
{
	xdp->data = xdp->data_meta = run->data;
	xdp->data_end = run->data_end;
	xdp->ingress_ifindex = l->xdp.ingress_ifindex;
	xdp->rx_queue_index = l->xdp.rx_queue_index;
	xdp->egress_ifindex = l->xdp.egress_ifindex;
}

static void lay_skb(const struct moat_run *run, const struct moat_layout *l, struct __sk_buff *skb)
{
	*skb = *l->skb;
	set_skb(skb, l);
	if (l->pointers) {
		skb->data = skb->data_meta = run->data;
		skb->data_end = run->data_end;
	}
}

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
	case MOAT_VIEW_XDP:
		lay_xdp(run, l, moat_host(ctx));
		break;
	case MOAT_VIEW_SKB:
		lay_skb(run, l, moat_host(ctx));
		break;
	}
	tell_image(run);
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
