// SPDX-License-Identifier: GPL-2.0-only
/* Out of isolated programs other than to helpers: tail calls, and loads from packets. */
#include <linux/nospec.h>
#include <linux/skbuff.h>
#include <asm/unaligned.h>
#include "gate.h"

/*
 * May a run of one program go on as one of the other?  What is not isolated has
 * no business in a domain's run.  Which fields a context has depends on where
 * programs are attached, too (an XDP program's egress_ifindex, for one), and views are filled with host rights.
 * One that may sleep would do so where the first was called, under a lock for all it knows.
 */
static bool compatible(const struct moat_domain *from, const struct bpf_prog *prog)
{
	const struct moat_domain *to = READ_ONCE(prog->aux->moat);

	return to && to->image && to->type == from->type && to->attach == from->attach && to->sleepable == from->sleepable &&
	       to->judged == from->judged && to->most == from->most && moat_view_follows(from, to);
}

/*
 * bpf_tail_call(): ends this program's part of the run if there is a program
 * to go on with; else returns, and this one goes on.  As with the kernel's own
 * JIT, a try counts even if the element is empty.
 */
u64 moat_gate_tail(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site)
{
	struct moat_run *run = container_of(f, struct moat_run, frame);
	struct moat_call c __uninitialized;
	struct bpf_array *array;
	struct bpf_prog *prog;
	u32 index;

	moat_call_start(&c, run, &run->domain->gate[site], r1, r2, r3, r4, r5);
	moat_gate_pass(&c);
	array = container_of((struct bpf_map *)c.out[1], struct bpf_array, map);
	index = c.out[2];
	if (index >= array->map.max_entries || run->tail_calls >= MAX_TAIL_CALL_CNT)
		return 0;
	prog = READ_ONCE(array->ptrs[array_index_nospec(index, array->map.max_entries)]);
	if (!prog || !compatible(run->domain, prog)) {
		run->tail_calls++;
		return 0;
	}
	run->next = prog;
	moat_run_end(run);
}

/* Where LD_ABS and LD_IND count from if @at is negative, as in net/core/filter.c; INT_MIN: nowhere. */
static int packet_offset(const struct sk_buff *skb, int at)
{
	if (at >= 0)
		return at;
	if (at >= SKF_NET_OFF)
		return at - SKF_NET_OFF + skb_network_offset(skb);
	if (at >= SKF_LL_OFF && skb_mac_header_was_set(skb))
		return at - SKF_LL_OFF + skb_mac_offset(skb);
	return INT_MIN;
}

/* The context is a packet: no other program has such loads (moat_gates_plan). */
u64 moat_gate_packet(u64 off, u64 bytes, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site)
{
	struct moat_run *run = container_of(f, struct moat_run, frame);
	const struct sk_buff *skb = run->ctx;
	u8 room[4], *data = room;
	int at = off;

	if (run->packet_writable)
		moat_view_before_call(run);
	if (bytes > sizeof(room))
		return ~0ull;
	/* Mostly in the first part of the packet; the offset is the program's, and so may a mispredicted path's be. */
	if (likely(at >= 0 && (u64)at + bytes <= skb_headlen(skb))) {
		data = skb->data + array_index_nospec(at, skb_headlen(skb));
	} else {
		at = packet_offset(skb, off);
		if (at == INT_MIN || skb_copy_bits(skb, at, room, bytes))
			return ~0ull;
	}
	return bytes == 1 ? data[0] : bytes == 2 ? get_unaligned_be16(data) : get_unaligned_be32(data);
}
