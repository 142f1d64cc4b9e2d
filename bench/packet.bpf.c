// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packet programs, as they stand in data planes. */
#include "common.h"

struct tuple {
	__u32 saddr, daddr;
	__u16 sport, dport;
	__u32 proto;
};

struct headers {
	struct ethhdr *eth;
	struct iphdr *ip;
	struct udphdr *l4;	/* TCP and UDP begin alike */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct tuple);
	__type(value, __u64);
	__uint(max_entries, 1024);
} blocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct tuple);
	__type(value, __u64);
	__uint(max_entries, 1024);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 256);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 64);
} backends SEC(".maps");

struct route_key {
	__u32 bits, addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct route_key);
	__type(value, __u32);
	__uint(max_entries, 256);
} routes SEC(".maps");

static __always_inline int parse(struct xdp_md *ctx, struct headers *h)
{
	h->eth = packet_at(ctx, 0, sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct udphdr));
	if (!h->eth || h->eth->h_proto != bpf_htons(ETH_P_IP))
		return -1;
	h->ip = (void *)(h->eth + 1);
	h->l4 = (void *)(h->ip + 1);
	return h->ip->ihl == 5 ? 0 : -1;
}

static __always_inline void tuple_of(const struct headers *h, struct tuple *t)
{
	t->saddr = h->ip->saddr;
	t->daddr = h->ip->daddr;
	t->sport = h->l4->source;
	t->dport = h->l4->dest;
	t->proto = h->ip->protocol;
}

SEC("xdp")
int drop_port(struct xdp_md *ctx)
{
	struct headers h;

	if (parse(ctx, &h))
		return XDP_PASS;
	return h.ip->protocol == IPPROTO_UDP && h.l4->dest == bpf_htons(9) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	struct tuple t;
	struct headers h;
	__u64 *hits;

	if (parse(ctx, &h))
		return XDP_PASS;
	tuple_of(&h, &t);
	hits = bpf_map_lookup_elem(&blocked, &t);
	if (hits)
		__sync_fetch_and_add(hits, 1);
	return hits ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int count_proto(struct xdp_md *ctx)
{
	struct headers h;
	__u64 *bytes;
	__u32 key;

	if (parse(ctx, &h))
		return XDP_PASS;
	key = h.ip->protocol;
	bytes = bpf_map_lookup_elem(&counters, &key);
	if (bytes)
		*bytes += ctx->data_end - ctx->data;
	return XDP_PASS;
}

SEC("xdp")
int count_flow(struct xdp_md *ctx)
{
	__u64 one = 1, *packets;
	struct tuple t;
	struct headers h;

	if (parse(ctx, &h))
		return XDP_PASS;
	tuple_of(&h, &t);
	packets = bpf_map_lookup_elem(&flows, &t);
	if (packets)
		*packets += 1;
	else
		bpf_map_update_elem(&flows, &t, &one, BPF_ANY);
	return XDP_PASS;
}

SEC("xdp")
int balance(struct xdp_md *ctx)
{
	struct headers h;
	__u32 hash, key;
	__u64 *mac, sum;
	__u32 old, addr;

	if (parse(ctx, &h))
		return XDP_PASS;
	hash = h.ip->saddr * 0x9e3779b1;
	hash ^= rol32(h.ip->daddr, 13) + (h.l4->source << 16 | h.l4->dest);
	hash *= 0x85ebca6b;
	hash ^= hash >> 15;
	key = hash & 63;
	mac = bpf_map_lookup_elem(&backends, &key);
	if (!mac)
		return XDP_ABORTED;
	old = h.ip->daddr;
	addr = (__u32)*mac | 0x0a;
	sum = (__u16)~h.ip->check + (__u64)(__u32)~old + addr;
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	h.ip->check = ~((sum & 0xffff) + (sum >> 16));
	h.ip->daddr = addr;
	__builtin_memcpy(h.eth->h_dest, mac, 6);
	return XDP_TX;
}

SEC("xdp")
int route(struct xdp_md *ctx)
{
	struct route_key key = { .bits = 32 };
	struct headers h;
	__u32 *port;

	if (parse(ctx, &h))
		return XDP_PASS;
	key.addr = h.ip->daddr;
	port = bpf_map_lookup_elem(&routes, &key);
	return port ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int header_checksum(struct xdp_md *ctx)
{
	struct headers h;
	__u32 sum = 0, i;
	__u16 *p;

	if (parse(ctx, &h))
		return XDP_PASS;
	p = (void *)h.ip;
	LOOP for (i = 0; i < 10; i++)
		sum += p[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int payload_sum(struct xdp_md *ctx)
{
	__u64 sum = 0;
	__u32 i;

	LOOP for (i = 0; i < 180; i++) {
		__u64 *p = packet_at(ctx, i * 8, 8);

		if (!p)
			break;
		sum += (*p & 0xffffffff) + (*p >> 32);
	}
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

/* A packed record format: every field is assembled from bytes. */
struct record {
	__u8 type;
	__be16 length;
	__be32 serial;
	__be64 stamp;
} __attribute__((packed));

SEC("xdp")
int parse_records(struct xdp_md *ctx)
{
	__u64 sum = 0;
	__u32 i;

	LOOP for (i = 0; i < 16; i++) {
		struct record *r = packet_at(ctx, 42 + i * sizeof(*r), sizeof(*r));

		if (!r)
			break;
		sum += bpf_ntohs(r->length) + bpf_ntohl(r->serial) + bpf_be64_to_cpu(r->stamp) + r->type;
	}
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int rewrite_macs(struct xdp_md *ctx)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	__u8 mac[6];

	if (!eth)
		return XDP_PASS;
	__builtin_memcpy(mac, eth->h_dest, 6);
	__builtin_memcpy(eth->h_dest, eth->h_source, 6);
	__builtin_memcpy(eth->h_source, mac, 6);
	return XDP_TX;
}

/* What a call costs: the same helper many times. */
SEC("xdp")
int helper_calls(struct xdp_md *ctx)
{
	__u32 i, sum = 0;

	LOOP for (i = 0; i < 100; i++)
		sum += bpf_get_prandom_u32();
	return sum & 1;
}

SEC("xdp")
int lookup_calls(struct xdp_md *ctx)
{
	__u32 i, key;
	__u64 sum = 0, *v;

	LOOP for (i = 0; i < 64; i++) {
		key = i;
		v = bpf_map_lookup_elem(&backends, &key);
		if (v)
			sum += *v;
	}
	return sum & 1;
}

char _license[] SEC("license") = "GPL";
