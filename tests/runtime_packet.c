/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packet helpers and legacy packet loads, over a packet in the run's view. */
#include "helper_run.h"

#define LENGTH	64

static u8 *packet;

static void lay(enum bpf_prog_type type)
{
	u32 i;

	prog.type = type;
	run->packet_writable = type != BPF_PROG_TYPE_SOCKET_FILTER;
	run->ctx_bytes = type == BPF_PROG_TYPE_XDP ? sizeof(struct xdp_md) : sizeof(struct __sk_buff);
	run->data = run->slot->off + MOAT_VIEW_PACKET + MOAT_HEADROOM;
	run->data_end = run->data + LENGTH;
	packet = moat_host(run->data);
	memset(packet - MOAT_HEADROOM, 0xee, MOAT_PACKET_BYTES);
	for (i = 0; i < LENGTH; i++)
		packet[i] = i;
}

static u64 load(s64 offset, u32 bytes)
{
	return moat_packet(offset, bytes, 0, 0, 0, &run->frame, 0);
}

static void legacy_loads(void)
{
	lay(BPF_PROG_TYPE_SOCKET_FILTER);
	CHECK(load(1, 1) == 1 && load(1, 2) == 0x0102 && load(1, 4) == 0x01020304, "network order");
	CHECK(load(LENGTH - 4, 4) == 0x3c3d3e3f && load(LENGTH - 1, 1) == 0x3f, "the last bytes");
	CHECK(load(LENGTH - 3, 4) == ~0ull && load(LENGTH, 1) == ~0ull && load(INT_MAX, 4) == ~0ull, "outside");
	CHECK(load(1ull << 32 | 1, 2) == 0x0102, "offsets have 32 bits");
	CHECK(load(-1, 1) == ~0ull, "negative");
	CHECK(load(SKF_NET_OFF, 2) == 0x0e0f && load(SKF_LL_OFF + 3, 2) == 0x0304, "from the headers");
	CHECK(load(SKF_NET_OFF + LENGTH - 14, 1) == ~0ull && load(SKF_LL_OFF + LENGTH - 1, 1) == 0x3f, "their end");
	CHECK(load(SKF_AD_OFF, 4) == ~0ull && load(SKF_LL_OFF - 1, 4) == ~0ull && load(INT_MIN, 4) == ~0ull, "none");
}

static void loads_and_stores(void)
{
	lay(BPF_PROG_TYPE_SCHED_CLS);
	CHECK(call(BPF_FUNC_skb_load_bytes, 0, 10, stack(16), 4, 0) == OK && !ret, "load");
	CHECK(!memcmp(at(stack(16)), packet + 10, 4), "what was loaded");
	CHECK(call(BPF_FUNC_skb_load_bytes, 0, LENGTH - 3, stack(16), 4, 0) == OK && (s64)ret == -EFAULT, "outside");
	CHECK(!*(u32 *)at(stack(16)), "cleared");
	CHECK(call(BPF_FUNC_skb_load_bytes, 0, -4, stack(16), 4, 0) == OK && (s64)ret == -EFAULT, "negative");
	CHECK(call(BPF_FUNC_skb_load_bytes, 0, 0, run->data, LENGTH + 1, 0) == 3, "more than the packet as output");
	CHECK(call(BPF_FUNC_skb_load_bytes_relative, 0, 2, stack(16), 2, BPF_HDR_START_NET) == OK && !ret &&
	      !memcmp(at(stack(16)), packet + 16, 2), "from the network header");
	memcpy(at(stack(16)), "wxyz", 4);
	CHECK(call(BPF_FUNC_skb_store_bytes, 0, 20, stack(16), 4, BPF_F_RECOMPUTE_CSUM) == OK && !ret, "store");
	CHECK(!memcmp(packet + 20, "wxyz", 4) && packet[24] == 24 && packet[19] == 19, "what was stored");
	CHECK(call(BPF_FUNC_skb_store_bytes, 0, LENGTH - 2, stack(16), 4, 0) == OK && (s64)ret == -EFAULT, "outside");
	CHECK(call(BPF_FUNC_skb_store_bytes, 0, 0, stack(16), 4, 4) == OK && (s64)ret == -EINVAL, "flags");
	CHECK(call(BPF_FUNC_skb_pull_data, 0, LENGTH, 0, 0, 0) == OK && !ret, "pull");
	CHECK(call(BPF_FUNC_skb_pull_data, 0, LENGTH + 1, 0, 0, 0) == OK && (s64)ret == -ENOMEM, "too much");
	lay(BPF_PROG_TYPE_SOCKET_FILTER);
	CHECK(call(BPF_FUNC_probe_read_kernel, run->data, 4, stack(16), 0, 0) == 1, "a socket filter cannot write packets");
}

static void tails(void)
{
	struct __sk_buff *skb = moat_host(run->slot->off + MOAT_VIEW_CTX);

	lay(BPF_PROG_TYPE_SCHED_CLS);
	CHECK(call(BPF_FUNC_skb_change_tail, 0, 100, 0, 0, 0) == OK && !ret, "grow");
	CHECK(run->data_end == run->data + 100 && packet[63] == 63 && !packet[64] && !packet[99], "zeros");
	CHECK(skb->len == 100 && skb->data_end == run->data + 100, "the context follows");
	CHECK(call(BPF_FUNC_skb_change_tail, 0, 20, 0, 0, 0) == OK && !ret && skb->len == 20, "trim");
	CHECK(call(BPF_FUNC_skb_change_tail, 0, 13, 0, 0, 0) == OK && (s64)ret == -EINVAL, "too short");
	CHECK(call(BPF_FUNC_skb_change_tail, 0, MOAT_PACKET_BYTES, 0, 0, 0) == OK && (s64)ret == -EINVAL, "too long");
	CHECK(call(BPF_FUNC_skb_change_tail, 0, -1, 0, 0, 0) == OK && (s64)ret == -EINVAL, "absurd");
}

static void xdp(void)
{
	struct xdp_md *md = moat_host(run->slot->off + MOAT_VIEW_CTX);
	u32 data;

	lay(BPF_PROG_TYPE_XDP);
	data = run->data;
	CHECK(call(BPF_FUNC_xdp_adjust_head, 0, -20, 0, 0, 0) == OK && !ret, "grow");
	CHECK(run->data == data - 20 && md->data == run->data && md->data_end == run->data_end, "moved");
	CHECK(call(BPF_FUNC_xdp_adjust_head, 0, -196, 0, 0, 0) == OK && !ret, "all of the headroom");
	CHECK(call(BPF_FUNC_xdp_adjust_head, 0, -1, 0, 0, 0) == OK && (s64)ret == -EINVAL, "no more");
	CHECK(call(BPF_FUNC_xdp_adjust_head, 0, INT_MIN, 0, 0, 0) == OK && (s64)ret == -EINVAL, "absurd");
	CHECK(call(BPF_FUNC_xdp_adjust_head, 0, INT_MAX, 0, 0, 0) == OK && (s64)ret == -EINVAL, "absurd");
	CHECK(call(BPF_FUNC_xdp_adjust_head, 0, 216 + LENGTH - 14, 0, 0, 0) == OK && !ret, "down to a header");
	CHECK(call(BPF_FUNC_xdp_adjust_head, 0, 1, 0, 0, 0) == OK && (s64)ret == -EINVAL, "no less");
	lay(BPF_PROG_TYPE_XDP);
	CHECK(call(BPF_FUNC_xdp_adjust_tail, 0, 10, 0, 0, 0) == OK && !ret && !packet[64] && !packet[73] &&
	      packet[74] == 0xee, "grow");
	CHECK(md->data_end == data + 74, "the context follows");
	CHECK(call(BPF_FUNC_xdp_adjust_tail, 0, -61, 0, 0, 0) == OK && (s64)ret == -EINVAL, "too short");
	CHECK(call(BPF_FUNC_xdp_adjust_tail, 0, MOAT_PACKET_BYTES, 0, 0, 0) == OK && (s64)ret == -EINVAL, "too long");
	CHECK(call(BPF_FUNC_redirect, 3, 0, 0, 0, 0) == OK && ret == XDP_REDIRECT, "redirect");
	prog.type = BPF_PROG_TYPE_SCHED_CLS;
	CHECK(call(BPF_FUNC_redirect, 3, 0, 0, 0, 0) == OK && ret == 7, "TC_ACT_REDIRECT");
}

/* RFC 1071 over whole 16-bit words, as a receiver checks it. */
static u16 sum(const u8 *p, u32 bytes)
{
	u32 s = 0, i;

	for (i = 0; i < bytes; i += 2)
		s += p[i] << 8 | p[i + 1];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static void checksums(void)
{
	u32 from, to, i, bad = 0;
	u16 check;

	lay(BPF_PROG_TYPE_SCHED_CLS);
	/* Bytes 20 to 39 are what the checksum at 30 covers. */
	memset(packet + 30, 0, 2);
	check = ~sum(packet + 20, 20);
	packet[30] = check >> 8;
	packet[31] = check;
	for (i = 0; i < 2000; i++) {
		memcpy(&from, packet + 24, 4);
		to = from * 2654435761u + i;
		memcpy(packet + 24, &to, 4);
		bad += call(i & 1 ? BPF_FUNC_l3_csum_replace : BPF_FUNC_l4_csum_replace, 0, 30, from, to, 4) || ret;
		bad += sum(packet + 20, 20) != 0xffff;
		from = packet[22] | packet[23] << 8;
		packet[22]++;
		packet[23] += 3;
		to = packet[22] | packet[23] << 8;
		bad += call(BPF_FUNC_l3_csum_replace, 0, 30, from, to, 2) || ret;
		bad += sum(packet + 20, 20) != 0xffff;
		/* The difference of 8 bytes, computed by the other helper. */
		memcpy(at(stack(32)), packet + 32, 8);
		memset(packet + 32, i, 8);
		memcpy(at(stack(16)), packet + 32, 8);
		bad += call(BPF_FUNC_csum_diff, stack(32), 8, stack(16), 8, 0);
		bad += call(BPF_FUNC_l4_csum_replace, 0, 30, 0, ret, 0) || ret;
		bad += sum(packet + 20, 20) != 0xffff;
	}
	CHECK(!bad, "%u of 2000 rounds", bad);
	CHECK(call(BPF_FUNC_l3_csum_replace, 0, 31, 0, 0, 2) == OK && (s64)ret == -EFAULT, "odd offset");
	CHECK(call(BPF_FUNC_l3_csum_replace, 0, LENGTH, 0, 0, 2) == OK && (s64)ret == -EFAULT, "outside");
	CHECK(call(BPF_FUNC_l3_csum_replace, 0, 30, 0, 0, 3) == OK && (s64)ret == -EINVAL, "size");
	CHECK(call(BPF_FUNC_l3_csum_replace, 0, 30, 1, 0, 0) == OK && (s64)ret == -EINVAL, "from with a difference");
	memset(packet + 30, 0, 2);
	CHECK(call(BPF_FUNC_l4_csum_replace, 0, 30, 1, 2, 2 | BPF_F_MARK_MANGLED_0) == OK && !ret &&
	      !packet[30] && !packet[31], "UDP without checksum");
	CHECK(call(BPF_FUNC_csum_diff, stack(32), 3, 0, 0, 0) == OK && (s64)ret == -EINVAL, "not whole words");
}

/* Which programs are offered which helpers. */
static void groups(void)
{
	static const struct {
		s32 id;
		enum bpf_prog_type type;
		bool there;
	} row[] = {
		{ BPF_FUNC_skb_store_bytes, BPF_PROG_TYPE_SCHED_CLS, true },
		{ BPF_FUNC_skb_store_bytes, BPF_PROG_TYPE_SOCKET_FILTER, false },
		{ BPF_FUNC_skb_load_bytes, BPF_PROG_TYPE_SOCKET_FILTER, true },
		{ BPF_FUNC_skb_load_bytes, BPF_PROG_TYPE_XDP, false },
		{ BPF_FUNC_xdp_adjust_head, BPF_PROG_TYPE_XDP, true },
		{ BPF_FUNC_xdp_adjust_head, BPF_PROG_TYPE_SCHED_CLS, false },
		{ BPF_FUNC_map_lookup_elem, BPF_PROG_TYPE_UNSPEC, true },
		{ BPF_FUNC_skb_load_bytes, BPF_PROG_TYPE_UNSPEC, false },
		{ BPF_FUNC_override_return, BPF_PROG_TYPE_KPROBE, false },
		{ 0, BPF_PROG_TYPE_XDP, false }, { -1, BPF_PROG_TYPE_XDP, false }, { 100000, BPF_PROG_TYPE_XDP, false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(row); i++)
		CHECK(!!moat_helper_find(&map_owner, row[i].id, row[i].type) == row[i].there, "row %zu", i);
}

int main(void)
{
	moat_set_print(NULL);
	helper_begin();
	legacy_loads();
	loads_and_stores();
	tails();
	xdp();
	checksums();
	groups();
	return check_done();
}
