/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The examples, attached as they would be in earnest and driven by packets over a veth pair whose every frame is known. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_link.h>
#include <sys/socket.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "net.h"
#include "object.h"
#include "sys.h"

#define ROUNDS	25	/* each kind of packet is sent so many times */

static struct net net;
static char mode[16];	/* of this kernel; in another network's namespace it is not told */

/* All programs of @name, which must have that mode. */
static struct bpf_object *load(const char *name)
{
	char why[256];
	struct bpf_object *obj = object_load(name, why);

	if (CHECK(obj, "%s does not load: %s", name, why))
		object_check_mode(obj, mode);
	return obj;
}

/* Kinds of packets, and what the examples must make of them. */
static const struct sample {
	struct net_packet p;
	const char *name;
	bool blocked;		/* by the firewall */
	bool dead;		/* too short for it */
	u8 counted;		/* as which protocol */
	bool syn;		/* an event */
} samples[] = {
	{ { 17, NET_FAR, NET_NEAR, 4000, 5000, .payload = 100 }, "udp", .counted = 17 },
	{ { 17, NET_FAR, NET_NEAR, 4001, 53, .payload = 30 }, "dns", .counted = 17 },
	{ { 6, NET_FAR, NET_NEAR, 4002, 80, .flags = 2 }, "syn", .counted = 6, .syn = true },
	{ { 6, NET_FAR, NET_NEAR, 80, 4002, .flags = 0x12 }, "syn-ack", .counted = 6 },
	{ { 6, NET_FAR, NET_NEAR, 4003, 22, .flags = 0x10, .payload = 700 }, "blocked tcp", .blocked = true },
	{ { 17, NET_FAR, NET_NEAR, 4004, 1900, .payload = 1400 }, "blocked udp", .blocked = true },
	{ { 1, NET_FAR, NET_NEAR, .payload = 56 }, "icmp", .counted = 1 },
	{ { 47, NET_FAR, NET_NEAR, .payload = 40 }, "gre", .counted = 47 },
	{ { 0, .type = 0x0806, .payload = 46 }, "arp", .counted = 255 },
	{ { 17, NET_FAR, NET_NEAR, 4005, 6000, .vlan = 42, .payload = 64 }, "tagged", .counted = 17 },
	{ { 17, NET_FAR, NET_NEAR, 4006, 6001, .fragment = 100, .payload = 64 }, "fragment", .counted = 17 },
	{ { 17, NET_FAR, NET_NEAR, 4007, 6002, .cut = 30 }, "cut", .dead = true },
};
#define NR_SAMPLES	(sizeof(samples) / sizeof(samples[0]))

static u32 sample_bytes(const struct sample *s)
{
	u8 frame[NET_FRAME];

	return net_build(frame, &s->p);
}

/* Send each sample ROUNDS times, mixed; how many frames reached the near end. */
static u32 send_all(void)
{
	u8 frame[NET_FRAME];
	u32 round, i, arrived = 0;
	size_t k;

	for (round = 0; round < ROUNDS; round++) {
		for (k = 0; k < NR_SAMPLES; k++) {
			i = (u32)((k * 5 + round) % NR_SAMPLES);
			if (!net_send(net.far, frame, net_build(frame, &samples[i].p)))
				CHECK(false, "%s is not sent: %s", samples[i].name, strerror(errno));
		}
		/* what is not read in time is dropped by the socket, not by the program */
		if (round % 5 == 4)
			arrived += net_drain(net.near);
	}
	return arrived;
}

static void check_u64(const char *what, unsigned long long is, unsigned long long should)
{
	CHECK(is == should, "%s: %llu, not %llu", what, is, should);
}

/* XDP ---------------------------------------------------------------------------------- */

static const struct { const char *name; u32 flags; } xdp_modes[] = {
	{ "native", XDP_FLAGS_DRV_MODE }, { "generic", XDP_FLAGS_SKB_MODE },
};

static bool attach_xdp(int prog, u32 flags, const char *what, const char *how)
{
	int err = bpf_xdp_attach((int)net.index, prog, flags, NULL);

	return CHECK(!err, "%s (%s XDP) cannot be attached: %s", what, how, strerror(-err));
}

static void check_firewall(struct bpf_object *obj, const char *how, u32 arrived)
{
	unsigned long long packets[256] = { 0 }, drops = 0, should = 0;
	u8 key[16];
	char what[64];
	size_t i;
	u32 k;

	for (i = 0; i < NR_SAMPLES; i++) {
		const struct sample *s = &samples[i];

		if (s->blocked) {
			memset(key, 0, sizeof(key));
			*(u32 *)key = htonl(s->p.src);
			*(u32 *)(key + 4) = htonl(s->p.dst);
			*(u16 *)(key + 8) = htons(s->p.sport);
			*(u16 *)(key + 10) = htons(s->p.dport);
			key[12] = s->p.protocol;
			drops = object_u64(obj, "blocked", key);
			snprintf(what, sizeof(what), "firewall (%s XDP): drops of %s", how, s->name);
			check_u64(what, drops, ROUNDS);
		} else if (!s->dead) {
			packets[s->counted] += ROUNDS;
			should += ROUNDS;
		}
	}
	for (k = 0; k < 256; k++) {
		snprintf(what, sizeof(what), "firewall (%s XDP): packets of protocol %u", how, k);
		check_u64(what, object_u64(obj, "protocols", &k), packets[k]);
	}
	snprintf(what, sizeof(what), "firewall (%s XDP): packets let through", how);
	check_u64(what, arrived, should);
}

static void block(struct bpf_object *obj)
{
	u64 zero = 0;
	u8 key[16];
	size_t i;

	for (i = 0; i < NR_SAMPLES; i++) {
		if (!samples[i].blocked)
			continue;
		memset(key, 0, sizeof(key));
		*(u32 *)key = htonl(samples[i].p.src);
		*(u32 *)(key + 4) = htonl(samples[i].p.dst);
		*(u16 *)(key + 8) = htons(samples[i].p.sport);
		*(u16 *)(key + 10) = htons(samples[i].p.dport);
		key[12] = samples[i].p.protocol;
		bpf_map_update_elem(object_map(obj, "blocked"), key, &zero, BPF_ANY);
	}
}

static void firewall(const char *how, u32 flags)
{
	struct bpf_object *obj = load("examples/firewall");

	if (!obj)
		return;
	block(obj);
	if (attach_xdp(object_prog(obj, "firewall"), flags, "firewall", how)) {
		check_firewall(obj, how, send_all());
		bpf_xdp_detach((int)net.index, flags, NULL);
	}
	bpf_object__close(obj);
}

struct event {
	u32 src, dst;
	u16 sport, dport;
	u32 number;
};

static int on_event(void *arg, void *data, size_t bytes)
{
	const struct event *e = data;
	u32 *seen = arg;

	CHECK(bytes == sizeof(*e) && ntohl(e->src) == NET_FAR && ntohl(e->dst) == NET_NEAR && ntohs(e->sport) == 4002 &&
	      ntohs(e->dport) == 80 && e->number == *seen, "event %u is number %u from port %u to port %u", *seen,
	      e->number, ntohs(e->sport), ntohs(e->dport));
	++*seen;
	return 0;
}

static void events(const char *how, u32 flags)
{
	struct bpf_object *obj = load("examples/events");
	struct ring_buffer *ring;
	u32 seen = 0;

	if (!obj)
		return;
	ring = ring_buffer__new(object_map(obj, "events"), on_event, &seen, NULL);
	if (CHECK(ring, "no ring buffer") && attach_xdp(object_prog(obj, "events_source"), flags, "events_source", how)) {
		u32 arrived = send_all();

		ring_buffer__consume(ring);
		CHECK(seen == ROUNDS, "events (%s XDP): %u, not %u", how, seen, ROUNDS);
		CHECK(arrived == ROUNDS * NR_SAMPLES, "events (%s XDP): %u packets let through", how, arrived);
		bpf_xdp_detach((int)net.index, flags, NULL);
	}
	ring_buffer__free(ring);
	bpf_object__close(obj);
}

/* XDP_TX: what comes back to the peer has its addresses swapped. */
static void bounce(void)
{
	struct bpf_object *obj = load("bounce");
	u8 sent[NET_FRAME], frame[NET_FRAME];
	u32 i, n, bytes, back = 0;

	if (!obj)
		return;
	if (attach_xdp(object_prog(obj, "bounce"), XDP_FLAGS_SKB_MODE, "bounce", "generic")) {
		net_drain(net.far);
		bytes = net_build(sent, &samples[0].p);
		for (i = 0; i < ROUNDS; i++)
			net_send(net.far, sent, bytes);
		while ((n = net_receive(net.far, frame)))
			back += n == bytes && !memcmp(frame, sent + 6, 6) && !memcmp(frame + 6, sent, 6) &&
				!memcmp(frame + 12, sent + 12, bytes - 12);
		CHECK(back == ROUNDS, "bounce: %u of %u frames came back as they should", back, ROUNDS);
		bpf_xdp_detach((int)net.index, XDP_FLAGS_SKB_MODE, NULL);
	}
	bpf_object__close(obj);
}

/* Socket filters ------------------------------------------------------------------------- */

/* Frames that a filter lets through, cut as it says. */
static u32 filtered(const char *name, int prog)
{
	u32 arrived;

	if (!CHECK(!setsockopt(net.near, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)), "%s is not attached: %s", name,
		   strerror(errno)))
		return 0;
	net_drain(net.near);
	arrived = send_all();
	setsockopt(net.near, SOL_SOCKET, SO_DETACH_BPF, &prog, sizeof(prog));
	return arrived;
}

/* A tag is taken off before a socket sees the frame. */
static void flow_count(void)
{
	struct bpf_object *obj = load("examples/flow_count");
	u32 arrived, flows = 0, key[4], *prev = NULL;
	unsigned long long n;

	if (!obj)
		return;
	arrived = filtered("flow_count", object_prog(obj, "flow_count"));
	check_u64("flow_count: packets let through", arrived, ROUNDS * (NR_SAMPLES - 2));
	while (!bpf_map_get_next_key(object_map(obj, "flows"), prev, key)) {
		n = object_u64(obj, "flows", key);
		CHECK(n == ROUNDS, "flow_count: a flow to port %u has %llu packets", ntohs(key[2] >> 16), n);
		prev = key;
		flows++;
	}
	CHECK(flows == NR_SAMPLES - 2, "flow_count: %u flows", flows);
	bpf_object__close(obj);
}

static void proto_bytes(void)
{
	struct bpf_object *obj = load("examples/proto_bytes");
	unsigned long long should[256] = { 0 };
	u32 arrived, k, ip = 0;
	char what[64];
	size_t i;

	if (!obj)
		return;
	for (i = 0; i < NR_SAMPLES; i++) {
		if (!samples[i].p.protocol)
			continue;
		ip += ROUNDS;
		should[samples[i].p.protocol] += ROUNDS * (sample_bytes(&samples[i]) - (samples[i].p.vlan ? 4 : 0));
	}
	arrived = filtered("proto_bytes", object_prog(obj, "proto_bytes"));
	/* the one that was cut ends behind the protocol */
	check_u64("proto_bytes: packets let through", arrived, ip);
	for (k = 0; k < 256; k++) {
		snprintf(what, sizeof(what), "proto_bytes: protocol %u", k);
		check_u64(what, object_u64(obj, "bytes", &k), should[k]);
	}
	bpf_object__close(obj);
}

/* Five programs that tail-call each other. */
static void dissect(void)
{
	/* in the order of examples/dissect.bpf.c; per round */
	static const u8 should[] = { 12, 0, 1, 10, 0, 1, 3, 2, 4, 1, 1, 1, 1 };
	struct bpf_object *obj = load("examples/dissect");
	char what[64];
	u32 k;

	if (!obj)
		return;
	filtered("dissect", object_prog(obj, "dissect"));
	for (k = 0; k < sizeof(should); k++) {
		snprintf(what, sizeof(what), "dissect: counter %u", k);
		check_u64(what, object_u64(obj, "found", &k), should[k] * ROUNDS);
	}
	bpf_object__close(obj);
}

/* tc ------------------------------------------------------------------------------------- */

#define NEW_DST	IP4(10, 9, 9, 9)

/* On the way out: the peer gets packets for another host, with checksums that are right. */
static void rewrite_egress(int prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)net.index, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog);
	struct net_packet p[] = {
		{ 17, NET_NEAR, NET_FAR, 1000, 53, .payload = 41 }, { 17, NET_NEAR, NET_FAR, 1000, 54, .payload = 41 },
		{ 6, NET_NEAR, NET_FAR, 1000, 53, .flags = 2 },
	};
	u32 i, k, n, new = 0, old = 0, broken = 0;
	u8 frame[NET_FRAME];

	if (!CHECK(!bpf_tc_attach(&hook, &opts), "rewrite cannot be attached to egress: %s", strerror(errno)))
		return;
	net_drain(net.far);
	for (i = 0; i < ROUNDS; i++)
		for (k = 0; k < 3; k++)
			net_send(net.near, frame, net_build(frame, &p[k]));
	while ((n = net_receive(net.far, frame))) {
		new += net_ip_dst(frame) == NEW_DST;
		old += net_ip_dst(frame) == NET_FAR;
		broken += !net_is_sound(frame, n);
	}
	CHECK(new == ROUNDS && old == 2 * ROUNDS && !broken,
	      "rewrite (egress): %u rewritten, %u as they were, %u with a wrong checksum", new, old, broken);
	opts.flags = opts.prog_fd = opts.prog_id = 0;
	bpf_tc_detach(&hook, &opts);
}

/* On the way in: a socket of the new address gets them, the kernel having checked them. */
static void rewrite_ingress(int prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)net.index, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(NEW_DST) };
	struct net_packet p = { 17, NET_FAR, NET_NEAR, 1000, 53, .payload = 33 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	u8 frame[NET_FRAME];
	u32 i, n = 0;

	if (!CHECK(sys_shell("/usr/sbin/ip addr add 10.9.9.9/32 dev lo") && !bind(fd, (struct sockaddr *)&at, sizeof(at)),
		   "no address 10.9.9.9") ||
	    !CHECK(!bpf_tc_attach(&hook, &opts), "rewrite cannot be attached to ingress: %s", strerror(errno)))
		return;
	for (i = 0; i < ROUNDS; i++)
		net_send(net.far, frame, net_build(frame, &p));
	while (net_receive(fd, frame) == p.payload)
		n++;
	CHECK(n == ROUNDS, "rewrite (ingress): %u of %u packets reach the new address", n, ROUNDS);
	opts.flags = opts.prog_fd = opts.prog_id = 0;
	bpf_tc_detach(&hook, &opts);
	close(fd);
}

static void rewrite(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)net.index, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct bpf_object *obj = load("examples/rewrite");
	unsigned long long n;
	u32 zero = 0;

	if (!obj)
		return;
	bpf_tc_hook_create(&hook);
	rewrite_egress(object_prog(obj, "rewrite"));
	rewrite_ingress(object_prog(obj, "rewrite"));
	bpf_tc_hook_destroy(&hook);
	n = object_u64(obj, ".bss", &zero);
	CHECK(n == 2 * ROUNDS, "rewrite: it counts %llu", n);
	bpf_object__close(obj);
}

int main(void)
{
	size_t i;

	sys_read("net/core/bpf_moat", mode, sizeof(mode));
	if (!CHECK(net_open(&net), "no veth pair"))
		return check_done();
	net_drain(net.near);
	for (i = 0; i < sizeof(xdp_modes) / sizeof(xdp_modes[0]); i++) {
		firewall(xdp_modes[i].name, xdp_modes[i].flags);
		events(xdp_modes[i].name, xdp_modes[i].flags);
	}
	bounce();
	flow_count();
	proto_bytes();
	dissect();
	rewrite();
	return check_done();
}
