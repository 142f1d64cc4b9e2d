// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs on the flow of a packet, on what goes through a route, and on what a filter of tc has found. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "types.h"

/* The flow of a packet; all to 127.0.0.2 are one.  Of those that the kernel gives it the test's own are looked at. */
SEC("flow_dissector")
int on_flow(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	__u32 at = keys->nhoff & 0xff;
	struct iphdr *ip = (void *)(long)skb->data + at, copy;
	struct udphdr *udp = (void *)(ip + 1);
	void *end = (void *)(long)skb->data_end;

	if (!at && ((void *)(udp + 1) > end || bpf_ntohs(udp->dest) != shared.ports[0]))
		return BPF_DROP;
	enter();
	saw(0, keys->nhoff);
	saw(1, keys->n_proto);
	saw(2, bpf_skb_load_bytes(skb, keys->nhoff, &copy, sizeof(copy)));
	saw(3, copy.daddr);
	if (keys->n_proto != bpf_htons(ETH_P_IP) || (void *)(udp + 1) > end)
		return BPF_DROP;
	keys->addr_proto = ETH_P_IP;
	keys->ipv4_src = ip->saddr;
	keys->ipv4_dst = ip->daddr;
	keys->ip_proto = ip->protocol;
	keys->thoff = keys->nhoff + ip->ihl * 4;
	keys->sport = ip->daddr == bpf_htonl(0x7f000002) ? 17 : udp->source;
	keys->dport = udp->dest;
	return BPF_OK;
}

/* What the three of a route see, from @i on: a datagram.  The first byte of its text. */
static __always_inline __u8 look(struct __sk_buff *skb, int i)
{
	struct iphdr *ip = (void *)(long)skb->data;
	struct udphdr *udp = (void *)(ip + 1);
	__u8 first = 0, *text = (void *)(udp + 1);

	enter();
	saw(i, skb->len);
	saw(i + 1, skb->protocol);
	saw(i + 2, skb->mark);
	saw(i + 3, bpf_skb_load_bytes(skb, sizeof(*ip) + sizeof(*udp), &first, 1));
	saw(i + 4, first);
	if ((void *)(text + 4) > (void *)(long)skb->data_end)
		return 0;
	saw(i + 5, ip->daddr);
	saw(i + 6, text[3]);
	return text[0];
}

SEC("lwt_out")
int on_output(struct __sk_buff *skb)
{
	return look(skb, 4) == 'o' ? BPF_DROP : BPF_OK;
}

/* Doubles a number, and changes a letter by a helper. */
SEC("lwt_xmit")
int on_xmit(struct __sk_buff *skb)
{
	__u8 first = look(skb, 11), letter = 'y', *data, *end;

	skb->mark = 55;
	saw(18, bpf_skb_store_bytes(skb, 29, &letter, 1, 0));
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (data + 32 > end)
		return BPF_DROP;
	data[31] *= 2;
	return first == 'x' ? BPF_DROP : BPF_OK;
}

SEC("lwt_in")
int on_input(struct __sk_buff *skb)
{
	return look(skb, 19) == 'i' ? BPF_DROP : BPF_OK;
}

/* Here the packet begins with the header of its link. */
SEC("action")
int on_action(struct __sk_buff *skb)
{
	__u8 *data, *end, first = 0;

	enter();
	saw(26, skb->len);
	saw(27, skb->protocol);
	saw(28, skb->ingress_ifindex);
	saw(29, bpf_skb_load_bytes(skb, 42, &first, 1));
	saw(30, first);
	data = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	saw(31, end - data);
	if (data + 46 > end)
		return TC_ACT_UNSPEC;
	saw(32, data[44]);
	data[45] *= 2;
	return first == 'a' ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] SEC("license") = "GPL";
