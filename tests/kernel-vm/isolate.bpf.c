// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What has an isolated form: what these programs return, and leave in packets and maps, must not depend on the mode. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETH	14
#define ROUNDS	20	/* of a callback */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} bytes SEC(".maps");

struct flow {
	__u32 src, dst;
	__u16 sport, dport;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct flow);
	__type(value, __u64);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

__u64 counted, sum;
__u32 scale = 3;
const volatile __u32 limit = 1000;
static __u8 table[16] = { 1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47 };

/* Sockets: the network header is where the data begins ----------------------------------------- */

SEC("socket")
int count_bytes(struct __sk_buff *skb)
{
	__u8 protocol = 0;
	__u64 *n;
	__u32 key;

	if (bpf_skb_load_bytes(skb, 9, &protocol, 1))
		return 0;
	key = protocol;
	n = bpf_map_lookup_elem(&bytes, &key);
	if (n)
		__sync_fetch_and_add(n, skb->len);
	return skb->len;
}

SEC("socket")
int count_flows(struct __sk_buff *skb)
{
	__u64 one = 1, *n;
	struct flow f;
	__u32 id;

	if (bpf_skb_load_bytes(skb, 12, &f, sizeof(f)))
		return 0;
	n = bpf_map_lookup_elem(&flows, &f);
	if (n)
		++*n;
	else
		bpf_map_update_elem(&flows, &f, &one, BPF_ANY);
	id = f.sport ^ f.dport;
	bpf_map_update_elem(&recent, &id, &f.src, BPF_ANY);
	if (skb->len > limit)
		bpf_map_delete_elem(&flows, &f);
	return n ? *n : 0;
}

unsigned long long load_byte(void *skb, unsigned long long off) __asm__("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) __asm__("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) __asm__("llvm.bpf.load.word");

/* LD_ABS, LD_IND; behind the end of the packet they end the program. */
SEC("socket")
int legacy(struct __sk_buff *skb)
{
	__u32 head = (load_byte(skb, 0) & 15) * 4;

	sum += load_half(skb, 2) + load_word(skb, 12);
	return load_half(skb, head) + load_word(skb, head + 16);
}

SEC("socket")
int fields(struct __sk_buff *skb)
{
	__u32 i, v = 0;

	for (i = 0; i < 5; i++)
		v = v * 31 + skb->cb[i];
	skb->cb[0] = v;
	skb->cb[4] = skb->cb[3] + 1;
	return v + skb->len + skb->protocol + skb->pkt_type + skb->vlan_present + skb->queue_mapping;
}

/* Packets ---------------------------------------------------------------------------------------- */

SEC("xdp")
int swap(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, mac[6];

	if (data + ETH + 20 > end)
		return XDP_PASS;
	__builtin_memcpy(mac, data, 6);
	__builtin_memcpy(data, data + 6, 6);
	__builtin_memcpy(data + 6, mac, 6);
	data[ETH + 8]--;
	*(__u16 *)(data + ETH + 10) += bpf_htons(0x100);
	return XDP_TX;
}

/* Room for a tag in front, and the last bytes cut off: the data moves. */
SEC("xdp")
int tag(struct xdp_md *ctx)
{
	__u8 *data, *end;
	int i;

	if (bpf_xdp_adjust_head(ctx, -4) || bpf_xdp_adjust_tail(ctx, -2))
		return XDP_DROP;
	data = (void *)(long)ctx->data, end = (void *)(long)ctx->data_end;
	if (data + ETH + 4 > end)
		return XDP_DROP;
	for (i = 0; i < 12; i++)
		data[i] = data[i + 4];
	*(__u16 *)(data + 12) = bpf_htons(0x8100);
	*(__u16 *)(data + 14) = bpf_htons(42);
	counted += end - data;
	return XDP_PASS;
}

SEC("tc")
int rewrite(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 old, new = bpf_htonl(0x0a090909);

	if (data + ETH + 20 > end || data[12] != 8 || data[13])
		return TC_ACT_UNSPEC;
	/* what the helpers write is seen */
	old = *(__u32 *)(data + ETH + 16);
	data[ETH + 8] = 33;
	skb->mark = old;
	skb->cb[2] = skb->len;
	skb->priority = skb->mark >> 16;
	bpf_l3_csum_replace(skb, ETH + 10, old, new, 4);
	bpf_skb_store_bytes(skb, ETH + 16, &new, 4, 0);
	data = (void *)(long)skb->data, end = (void *)(long)skb->data_end;
	if (data + ETH + 20 > end)
		return TC_ACT_SHOT;
	return *(__u32 *)(data + ETH + 16) == new ? data[ETH + 10] : TC_ACT_SHOT;
}

/* LD_ABS sees what the program has written, what helpers have, and where they moved the data. */
SEC("tc")
int legacy_writes(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end, byte = 0x5a;
	__u64 seen = load_byte(skb, 8);

	if (data + ETH + 20 > end)
		return TC_ACT_UNSPEC;
	data[8] = 0xc3;
	seen = seen * 31 + load_byte(skb, 8);
	bpf_skb_store_bytes(skb, 9, &byte, 1, 0);
	seen = seen * 31 + load_half(skb, 8);
	if (bpf_skb_vlan_push(skb, bpf_htons(0x8100), 7) || bpf_skb_vlan_push(skb, bpf_htons(0x8100), 9))
		return TC_ACT_SHOT;
	seen = seen * 31 + load_word(skb, 12);
	sum += seen;
	return seen + load_word(skb, 64);
}

SEC("tc")
int grow(struct __sk_buff *skb)
{
	__u8 *data, *end;

	if (bpf_skb_vlan_push(skb, bpf_htons(0x8100), 7) || bpf_skb_change_tail(skb, skb->len + 20, 0))
		return TC_ACT_SHOT;
	bpf_skb_pull_data(skb, skb->len);
	data = (void *)(long)skb->data, end = (void *)(long)skb->data_end;
	if (data + 64 > end)
		return 1;
	data[63] = 0xee;
	return data[12] + skb->vlan_tci;
}

/* Code ----------------------------------------------------------------------------------------------- */

static __noinline __u64 mix(__u64 a, __u64 b)
{
	return (a ^ b) * 0x9e3779b97f4a7c15ull + table[b & 15];
}

static __noinline __u64 deeper(__u64 a, struct __sk_buff *skb)
{
	__u64 local[8];
	int i;

	for (i = 0; i < 8; i++)
		local[i] = mix(a, i + skb->len);
	return local[a & 7] + local[(a >> 3) & 7];
}

SEC("tc")
int functions(struct __sk_buff *skb)
{
	__u64 v = deeper(skb->len, skb);

	table[v & 15]++;
	counted++;
	return (__u32)(v >> 32);
}

struct state {
	struct __sk_buff *skb;
	__u64 v;
};

static long step(__u32 i, struct state *s)
{
	s->v = mix(s->v, i) + s->skb->len;
	return i == ROUNDS;
}

SEC("tc")
int callbacks(struct __sk_buff *skb)
{
	struct state s = { skb, scale };
	long n = bpf_loop(1000, step, &s, 0);

	sum += s.v;
	return (__u32)s.v + (__u32)n;
}

/* Stores, loads, atomics of all widths; frames at their far end. */
SEC("tc")
int widths(struct __sk_buff *skb)
{
	volatile __u8 room[400];
	__u64 v = 0, old;
	int i;

	for (i = 0; i < 400; i++)
		room[i] = (__u8)(i * 7 + skb->len);
	for (i = 0; i < 400; i += 8)
		v = v * 5 + *(volatile __u64 *)(room + i) + *(volatile __u16 *)(room + i + 2) + *(volatile __u32 *)(room + i + 4);
	old = __sync_fetch_and_add(&sum, v);
	__sync_lock_test_and_set(&counted, old);
	__sync_val_compare_and_swap(&scale, 3, 4);
	return (__u32)(v ^ old);
}

/* Tail calls --------------------------------------------------------------------------------------------- */

SEC("tc")
int first(struct __sk_buff *skb)
{
	sum = sum * 3 + 1;
	skb->mark = 11;
	bpf_tail_call(skb, &next, 1);
	return 1;
}

SEC("tc")
int second(struct __sk_buff *skb)
{
	volatile __u64 local = skb->mark;

	sum = sum * 3 + 2 + local;
	skb->mark += 1;
	bpf_tail_call(skb, &next, 3);	/* nobody there */
	bpf_tail_call(skb, &next, 99);
	bpf_tail_call(skb, &next, 2);
	return 2;
}

SEC("tc")
int third(struct __sk_buff *skb)
{
	sum = sum * 3 + 3;
	return 100 + skb->mark;
}

/* From a function: the target returns to the function's caller. */
static __noinline int through(struct __sk_buff *skb, __u64 a)
{
	bpf_tail_call(skb, &next, 1);
	return (int)a;
}

SEC("tc")
int between(struct __sk_buff *skb)
{
	skb->mark = 3;
	sum += 10;
	return 1000 + through(skb, sum);
}

/* Until the kernel will not have it any more. */
SEC("tc")
int again(struct __sk_buff *skb)
{
	counted++;
	bpf_tail_call(skb, &next, 0);
	return (int)counted;
}

/* Flat contexts ---------------------------------------------------------------------------------------------- */

SEC("raw_tp/sys_enter")
int arguments(struct bpf_raw_tracepoint_args *ctx)
{
	return (int)(ctx->args[0] + ctx->args[1] * 3 + ctx->args[11]);
}

char _license[] SEC("license") = "GPL";
