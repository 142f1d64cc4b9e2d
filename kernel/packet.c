// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packet as a program sees it: a copy in its slot, of the bytes that it can reach.
 *
 * data_end says how long the packet's first part really is, however few bytes
 * of it were copied: programs compare with it, and what the verifier says they
 * reach behind such a comparison was copied.  A program that reaches further
 * finds its own slots there, or nothing.  Pages of packets hold other things
 * as well, so they are never mapped in a cage.
 *
 * Images load from the copy what LD_ABS and LD_IND ask for, as far as it goes
 * (frame.packet, packet_bytes); moat_gate_packet() knows the rest.
 */
#include <linux/skbuff.h>
#include <net/xdp.h>
#include <asm/unaligned.h>
#include "view.h"

int moat_packet_plan(struct moat_view *v, enum moat_packet_kind kind, struct bpf_verifier_env *env)
{
	u32 last = env->prog->aux->max_pkt_offset;

	if (!kind)
		return moat_refuse(env, -EOPNOTSUPP, "packets have no view in programs of this type");
	if (last >= MOAT_VIEW_PACKET_MAX)
		return moat_refuse(env, -EOPNOTSUPP, "byte %u of the packet is out of its view's reach", last);
	v->packet = kind;
	v->packet_tell = true;
	v->packet_bytes = last + 1;
	/* An skb is written only behind the prologue that makes it this run's own, whatever the verifier says. */
	if (kind >= MOAT_WINDOW_SOCKOPT)
		v->packet_write = env->seen_direct_write && moat_window_writable(kind);
	else
		v->packet_write = env->seen_direct_write && (kind == MOAT_PACKET_XDP || env->ops->gen_prologue);
	return 0;
}

void moat_packet_plan_loads(struct moat_view *v, enum moat_packet_kind kind, const struct bpf_insn *insn, u32 len)
{
	u32 i, reach, most = 0;

	for (i = 0; i < len; i++) {
		if (BPF_CLASS(insn[i].code) != BPF_LD || (u32)insn[i].imm >= MOAT_VIEW_LOADS_MAX)
			continue;
		reach = insn[i].imm + bpf_size_to_bytes(BPF_SIZE(insn[i].code));
		if (BPF_MODE(insn[i].code) == BPF_IND)
			most = max(most, reach + MOAT_VIEW_LOADS_ADD);
		else if (BPF_MODE(insn[i].code) == BPF_ABS)
			most = max(most, reach);
	}
	if (!most)
		return;
	v->packet = kind;
	v->packet_bytes = max(v->packet_bytes, most);
}

u32 moat_view_packet_bytes(const struct moat_domain *d)
{
	return d->view->packet ? MOAT_VIEW_META + d->view->packet_bytes : 0;
}

/* The first part of the packet in the host's memory, now. */
struct host_packet {
	u8 *data;
	u32 bytes;
	u32 meta;	/* bytes of metadata in front of @data that the program may have */
	bool no_meta;	/* XDP: there is no room for any, which data_meta behind data says */
};

static struct host_packet host_packet(const struct moat_view *v, void *ctx)
{
	struct host_packet p = { 0 };

	if (v->packet >= MOAT_WINDOW_SOCKOPT) {
		struct moat_bytes w = moat_window_find(v, ctx);

		p.data = w.at;
		p.bytes = w.bytes;
	} else if (v->packet == MOAT_PACKET_SKB) {
		const struct sk_buff *skb = ctx;

		p.data = skb->data;
		p.bytes = skb_headlen(skb);
		p.meta = v->meta ? skb_metadata_len(skb) : 0;
	} else {
		const struct xdp_buff *xdp = ctx;

		p.data = xdp->data;
		p.bytes = xdp->data_end - xdp->data;
		p.no_meta = xdp_data_meta_unsupported(xdp);
		p.meta = v->meta && !p.no_meta ? xdp->data - xdp->data_meta : 0;
	}
	/* Drivers promise far less; a view has room for no more. */
	p.meta = min_t(u32, p.meta, MOAT_VIEW_META);
	return p;
}

static u32 first_byte(const struct moat_run *run)
{
	return run->slot + MOAT_SLOT_PACKET + MOAT_VIEW_META;
}

/* The fields of the context where the program finds them; they are offsets, as all of its pointers. */
static void tell(const struct moat_view *v, void *ctx, u32 data, u32 end, u32 meta)
{
	if (v->packet >= MOAT_WINDOW_SOCKOPT) {
		moat_window_tell(v, ctx, data, end);
	} else if (v->packet == MOAT_PACKET_SKB) {
		struct __sk_buff *skb = ctx;

		skb->data = data;
		skb->data_end = end;
		skb->data_meta = meta;
	} else {
		struct xdp_md *xdp = ctx;

		xdp->data = data;
		xdp->data_end = end;
		xdp->data_meta = meta;
	}
}

/* As memcpy(), which takes longer to begin than most of these take. */
static __always_inline void fill_bytes(u8 *to, const u8 *from, u32 bytes)
{
	u32 i;

	if (bytes < 8) {
		for (i = 0; i < bytes; i++)
			to[i] = from[i];
		return;
	}
	if (bytes > 128) {
		memcpy(to, from, bytes);
		return;
	}
	for (i = 0; i < bytes - 8; i += 8)
		put_unaligned(get_unaligned((const u64 *)(from + i)), (u64 *)(to + i));
	put_unaligned(get_unaligned((const u64 *)(from + bytes - 8)), (u64 *)(to + bytes - 8));
}

/* Bytes [@at, @end) of the cage are the packet's; the first @meta are in front of what packet loads count from. */
static __always_inline void set_view(struct moat_run *run, u32 at, u32 meta, u32 end, bool write)
{
	run->data = at;
	run->data_end = end;
	run->packet_writable = write;
	run->frame.packet = at + meta;
	run->frame.packet_bytes = end - (at + meta);
}

/* For LD_ABS and LD_IND alone, which most socket filters have: a part of what each run costs. */
static void fill_loads(struct moat_run *run)
{
	const struct sk_buff *skb = run->ctx;
	u32 first = first_byte(run), bytes = min(skb_headlen(skb), run->domain->view->packet_bytes);

	fill_bytes(moat_host(first), skb->data, bytes);
	set_view(run, first, 0, first + bytes, false);
}

static noinline void fill_told(struct moat_run *run)
{
	const struct moat_view *v = run->domain->view;
	struct host_packet p = host_packet(v, run->ctx);
	u32 first = first_byte(run), copied = min(p.bytes, v->packet_bytes);

	fill_bytes(moat_host(first - p.meta), p.data - p.meta, p.meta + copied);
	set_view(run, first - p.meta, p.meta, first + copied, v->packet_write);
	/* An end behind the last offset would be one in front of the first. */
	tell(v, moat_run_ctx_view(run), first, first + min(p.bytes, U32_MAX - first),
	     p.no_meta ? first + 1 : first - p.meta);
}

void moat_packet_fill(struct moat_run *run)
{
	if (run->domain->view->packet_tell)
		fill_told(run);
	else
		fill_loads(run);
}

void moat_packet_flush(struct moat_run *run)
{
	const struct moat_view *v = run->domain->view;
	u32 first = first_byte(run), copied = run->data_end - first, meta = first - run->data;
	struct host_packet p;

	if (!v->packet_write || !run->data)
		return;
	/* What moves data fills the view anew, so it is where it was.  A run that ended in between leaves it alone. */
	p = host_packet(v, run->ctx);
	if (p.meta != meta || p.bytes < copied)
		return;
	memcpy(p.data - meta, moat_host(run->data), meta + copied);
}
