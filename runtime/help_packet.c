/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Helpers: packets.
 *
 * A packet is the stretch [data, data_end) of the run's view.  What moves its
 * ends lays the context anew, so that the program's next look at data and
 * data_end finds them; pointers it took before still lead into its own view.
 */
#include <linux/pkt_cls.h>
#include "helpers.h"

#define XDP_FRAME_BYTES	40	/* what the kernel keeps at the start of the headroom */
#define MAX_DIFF	512	/* bytes that bpf_csum_diff() takes */

/* The packet's bytes [@offset, @offset + @bytes), NULL: not all inside. */
static u8 *packet_at(const struct moat_run *run, u32 offset, u64 bytes)
{
	u32 length = run->data_end - run->data;

	if (offset > length || bytes > length - offset)
		return NULL;
	return moat_host(run->data + offset);
}

static u64 load(struct moat_run *run, u64 offset, u64 to, u64 bytes)
{
	const u8 *from = offset <= INT_MAX ? packet_at(run, offset, bytes) : NULL;

	if (!from) {
		memset(arg_ptr(to), 0, bytes);
		return -EFAULT;
	}
	memmove(arg_ptr(to), from, bytes);
	return 0;
}

MOAT_HELPER(skb_load_bytes)
{
	return load(run, (u32)r2, r3, (u32)r4);
}

MOAT_HELPER(skb_load_bytes_relative)
{
	if (r5 > BPF_HDR_START_NET)
		return -EFAULT;
	return load(run, (u64)(u32)r2 + (r5 == BPF_HDR_START_NET ? ETH_HLEN : 0), r3, (u32)r4);
}

/* There is no checksum of the whole packet here that BPF_F_RECOMPUTE_CSUM would have to follow. */
MOAT_HELPER(skb_store_bytes)
{
	u8 *to = (u32)r2 <= INT_MAX ? packet_at(run, r2, (u32)r4) : NULL;

	if (r5 & ~(u64)(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))
		return -EINVAL;
	if (!to || !run->packet_writable)
		return -EFAULT;
	memmove(to, arg_ptr(r3), (u32)r4);
	return 0;
}

/* All of a packet is always in its view. */
MOAT_HELPER(skb_pull_data)
{
	return packet_at(run, 0, (u32)r2) ? 0 : -ENOMEM;
}

/* Set the ends of the packet; the view must hold them. */
static void move(struct moat_run *run, u32 data, u32 data_end)
{
	if (data_end > run->data_end)
		memset(moat_host(run->data_end), 0, data_end - run->data_end);
	run->data = data;
	run->data_end = data_end;
	moat_view_update(run);
}

static u32 view_start(const struct moat_run *run)
{
	return run->slot->off + MOAT_VIEW_PACKET;
}

MOAT_HELPER(skb_change_tail)
{
	u32 length = r2, room = view_start(run) + MOAT_PACKET_BYTES - run->data;

	if (r3 || length < ETH_HLEN || length > room)
		return -EINVAL;
	move(run, run->data, run->data + length);
	return 0;
}

MOAT_HELPER(xdp_adjust_head)
{
	s64 data = (s64)run->data + (s32)r2;

	if (data < (s64)view_start(run) + XDP_FRAME_BYTES || data + ETH_HLEN > run->data_end)
		return -EINVAL;
	move(run, data, run->data_end);
	return 0;
}

MOAT_HELPER(xdp_adjust_tail)
{
	s64 data_end = (s64)run->data_end + (s32)r2;

	if (data_end > (s64)view_start(run) + MOAT_PACKET_BYTES || data_end < (s64)run->data + ETH_HLEN)
		return -EINVAL;
	move(run, run->data, data_end);
	return 0;
}

/* XDP and tc have one helper number, and different answers. */
MOAT_HELPER(redirect)
{
	if (run->prog->type == BPF_PROG_TYPE_XDP)
		return r2 ? XDP_ABORTED : XDP_REDIRECT;
	return r2 & ~(u64)BPF_F_INGRESS ? TC_ACT_SHOT : TC_ACT_REDIRECT;
}

/* Checksums ---------------------------------------------------------------- */

/* One's complement sums: 32 bits with the carry added again. */
static u32 csum_add(u32 a, u32 b)
{
	u32 sum = a + b;

	return sum + (sum < b);
}

static u16 csum_fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static u16 csum16_add(u16 a, u16 b)
{
	u16 sum = a + b;

	return sum + (sum < b);
}

/*
 * The new value of checksum @old when what it covers changed from @from to
 * @to; @size 0: by the difference @to.  Computed in the kernel's widths, so
 * that the two forms of zero come out as they do there.
 */
static int csum_replace(u16 old, u64 from, u64 to, u32 size, u16 *new)
{
	u32 sum = ~(u32)old;

	if (size == 2) {
		*new = ~csum16_add(csum16_add(~old, ~(u16)from), to);
		return 0;
	}
	if (size == 4)
		sum = csum_add(sum, ~(u32)from);
	else if (size || from)
		return -EINVAL;
	*new = csum_fold(csum_add(sum, to));
	return 0;
}

/* The checksum field at @offset; NULL: not one. */
static u8 *csum_field(struct moat_run *run, u64 offset)
{
	if ((u32)offset > 0xffff || offset & 1 || !run->packet_writable)
		return NULL;
	return packet_at(run, offset, 2);
}

MOAT_HELPER(l3_csum_replace)
{
	u8 *field = csum_field(run, r2);
	u16 sum;

	if (r5 & ~(u64)BPF_F_HDR_FIELD_MASK)
		return -EINVAL;
	if (!field)
		return -EFAULT;
	memcpy(&sum, field, sizeof(sum));
	if (csum_replace(sum, r3, r4, r5, &sum))
		return -EINVAL;
	memcpy(field, &sum, sizeof(sum));
	return 0;
}

/* BPF_F_PSEUDO_HDR concerns checksums that hardware completes: there are none here. */
MOAT_HELPER(l4_csum_replace)
{
	u64 known = BPF_F_HDR_FIELD_MASK | BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_PSEUDO_HDR;
	bool mangled_0 = r5 & BPF_F_MARK_MANGLED_0;
	u8 *field = csum_field(run, r2);
	u16 sum;

	if (r5 & ~known)
		return -EINVAL;
	if (!field)
		return -EFAULT;
	memcpy(&sum, field, sizeof(sum));
	/* UDP: a checksum of 0 says that there is none. */
	if (mangled_0 && !(r5 & BPF_F_MARK_ENFORCE) && !sum)
		return 0;
	if (csum_replace(sum, r3, r4, r5 & BPF_F_HDR_FIELD_MASK, &sum))
		return -EINVAL;
	if (mangled_0 && !sum)
		sum = 0xffff;
	memcpy(field, &sum, sizeof(sum));
	return 0;
}

/* Add 32-bit words of program memory, or their complements. */
static u64 add_words(u64 sum, const u8 *p, u64 bytes, u32 flip)
{
	u32 word;
	u64 i;

	for (i = 0; i < bytes; i += 4) {
		memcpy(&word, p + i, 4);
		sum += word ^ flip;
	}
	return sum;
}

MOAT_HELPER(csum_diff)
{
	u64 from = (u32)r2, to = (u32)r4, sum = (u32)r5;

	if (from % 4 || to % 4 || from + to > MAX_DIFF)
		return -EINVAL;
	sum = add_words(sum, arg_ptr(r1), from, ~0u);
	sum = add_words(sum, arg_ptr(r3), to, 0);
	while (sum >> 32)
		sum = (u32)sum + (sum >> 32);
	return sum;
}
