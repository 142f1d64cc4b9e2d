/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Check what a run is given, by the type of the program. */
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "views.h"

static const struct __sk_buff no_skb;

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

static void read_ethernet(struct moat_layout *l)
{
	u16 protocol;

	memcpy(&protocol, (const u8 *)l->data + 2 * ETH_ALEN, sizeof(protocol));
	l->protocol = protocol;		/* network order, as in the kernel */
	l->packet_type = packet_type(l->data);
}

static void start(struct moat_layout *l, enum bpf_prog_type type, const void *data, u32 bytes)
{
	l->view = moat_view_of(type);
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
		l->xdp = (struct xdp_md) { .ingress_ifindex = MOAT_LOOPBACK };
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
	struct xdp_md md = { .data_end = l->bytes, .ingress_ifindex = MOAT_LOOPBACK };
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
