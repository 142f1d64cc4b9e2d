/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs on the flow of a packet, on what goes through a route, and on what a filter of tc has found: see types.c. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "net.h"
#include "types.h"

#define PORT	5800	/* to which everything is sent */
#define FLOWS	32

enum { FIRST, SECOND, RECEIVER, SENDER };	/* struct type_test.fd */

static struct sockaddr_in at(u32 address, u16 port)
{
	struct in_addr to = { htonl(address) };

	return (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = to };
}

static int open_socket(u32 address, u16 port)
{
	struct sockaddr_in own = at(address, port);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(!bind(fd, (void *)&own, sizeof(own)), "port %u: %s", port, strerror(errno));
	return fd;
}

/* Flows ---------------------------------------------------------------------------------------------- */

/* What a run of the program makes of packets that are made up. */
static void dissect(struct type_test *t)
{
	static const struct net_packet packet[] = {
		{ 17, NET_FAR, NET_NEAR, 4000, 5000, .payload = 100 }, { 0, .type = 0x0806, .payload = 46 },
		{ 6, NET_NEAR, NET_FAR, 4002, 80, .flags = 16, .payload = 1000 },
	};
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(packet); i++) {
		u64 words[8] = { 0 };
		struct bpf_flow_keys keys;
		u8 frame[NET_FRAME];
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = net_build(frame, &packet[i]),
			    .data_out = &keys, .data_size_out = sizeof(keys));

		memset(&keys, 0, sizeof(keys));
		CHECK(!bpf_prog_test_run_opts(bpf_program__fd(types_program(t, 0)), &opts), "%s: %s", t->name,
		      strerror(errno));
		types_see(t, opts.retval);
		memcpy(words, &keys, sizeof(keys));
		for (j = 0; j < ARRAY_SIZE(words); j++)
			types_see(t, words[j]);
		CHECK(opts.retval || keys.ipv4_src == htonl(packet[i].src), "%s: keys are not written", t->mode);
	}
}

/* A socket that shares with others what comes in through lo: who gets a packet says the hash of its flow. */
static int join_fanout(void)
{
	struct sockaddr_ll lo = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex("lo") };
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP)), fanout = 0x4d6f | PACKET_FANOUT_HASH << 16;

	CHECK(!bind(fd, (void *)&lo, sizeof(lo)) && !setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &fanout, sizeof(fanout)),
	      "no fanout: %s", strerror(errno));
	return fd;
}

static bool attach_flows(struct type_test *t)
{
	t->shared->ports[0] = PORT;
	t->fd[FIRST] = join_fanout();
	t->fd[SECOND] = join_fanout();
	t->fd[RECEIVER] = open_socket(INADDR_ANY, PORT);
	return types_attach_to_net(t);
}

/* Send FLOWS packets to @address, each of its own flow; bit i: the second socket got that of flow i.  ~0: one is lost. */
static u64 spread(struct type_test *t, u32 address)
{
	struct sockaddr_in to = at(address, PORT);
	struct pollfd any[2] = { { t->fd[FIRST], POLLIN, 0 }, { t->fd[SECOND], POLLIN, 0 } };
	u64 second = 0;
	u32 i, n = 0;

	sys_pin();	/* one after the other */
	for (i = 0; i < FLOWS; i++) {
		int fd = open_socket(0x7f000001, (u16)(PORT + 1 + i));

		sendto(fd, "moat", 4, 0, (void *)&to, sizeof(to));
		close(fd);
	}
	sys_unpin();
	while (n < FLOWS && poll(any, 2, 1000) > 0) {
		u32 who = !(any[0].revents & POLLIN);
		u8 packet[64];

		/* version and length of the header; protocol; ports */
		if (recv(t->fd[who], packet, sizeof(packet), 0) < 24 || packet[0] != 0x45 || packet[9] != 17 ||
		    packet[22] << 8 != (PORT & 0xff00) || packet[23] != (PORT & 0xff))
			continue;
		second |= (u64)who << ((packet[20] << 8 | packet[21]) - PORT - 1);
		n++;
	}
	return CHECK(n == FLOWS, "%s: %u of %u packets arrive", t->mode, n, FLOWS) ? second : ~0ull;
}

static void use_flows(struct type_test *t)
{
	const u64 all = (1ull << FLOWS) - 1;
	u64 many, one;

	dissect(t);
	many = spread(t, 0x7f000001);
	one = spread(t, 0x7f000002);
	types_see(t, many);
	types_see(t, one);
	CHECK(many && many != all && (!one || one == all), "%s: flows are not what the program says: %llx, %llx",
	      t->mode, (unsigned long long)many, (unsigned long long)one);
}

static bool flows(struct type_test *t)
{
	return spread(t, 0x7f000001) <= (1ull << FLOWS) - 1;
}

/* Routes and filters -------------------------------------------------------------------------------- */

#define PINNED	"/sys/fs/bpf/moat-types"
#define ROUTED	IP4(10, 77, 0, 1)
#define ROUTE	"/usr/sbin/ip route %s table local local 10.77.0.1 dev lo"

/* Programs by their names in the file system of BPF: they stay until what was attached is gone. */
static bool pin(struct type_test *t)
{
	char path[64];
	u32 i;

	for (i = 0; t->programs[i]; i++) {
		snprintf(path, sizeof(path), PINNED "-%s", t->programs[i]);
		if (!CHECK(!bpf_program__pin(types_program(t, i), path), "%s is not pinned: %s", path, strerror(errno)))
			return false;
	}
	return true;
}

static void unpin(struct type_test *t)
{
	char path[64];
	u32 i;

	for (i = 0; t->programs[i]; i++) {
		snprintf(path, sizeof(path), PINNED "-%s", t->programs[i]);
		unlink(path);
	}
}

static void open_ends(struct type_test *t)
{
	t->fd[RECEIVER] = open_socket(INADDR_ANY, PORT);
	t->fd[SENDER] = socket(AF_INET, SOCK_DGRAM, 0);
}

static bool attach_route(struct type_test *t)
{
	bool ok = pin(t) && CHECK(sys_shell(ROUTE " encap bpf out pinned " PINNED "-on_output xmit pinned " PINNED
					    "-on_xmit in pinned " PINNED "-on_input", "add"), "%s: no route", t->mode);

	unpin(t);
	open_ends(t);
	return ok;
}

static void detach_route(struct type_test *t)
{
	sys_shell(ROUTE, "del");
}

static bool attach_action(struct type_test *t)
{
	bool ok = pin(t) && CHECK(sys_shell("tc=/usr/sbin/tc; $tc qdisc add dev lo clsact && $tc filter add dev lo"
					    " ingress protocol ip flower dst_ip 127.0.0.3 action bpf object-pinned "
					    PINNED "-on_action"), "%s: no filter", t->mode);

	unpin(t);
	open_ends(t);
	return ok;
}

static void detach_action(struct type_test *t)
{
	sys_shell("/usr/sbin/tc qdisc del dev lo clsact");
}

/* What comes of @text: four bytes, or what they were sent with; 0: it does not arrive. */
static u32 pass(struct type_test *t, u32 address, const char *text)
{
	struct sockaddr_in to = at(address, PORT);
	struct pollfd any = { t->fd[RECEIVER], POLLIN, 0 };
	u32 got = 0;

	if (sendto(t->fd[SENDER], text, 4, 0, (void *)&to, sizeof(to)) < 0)
		return (u32)errno;
	return poll(&any, 1, 300) > 0 && recv(t->fd[RECEIVER], &got, sizeof(got), 0) == 4 ? got : 0;
}

static u32 word(const char *text)
{
	u32 word;

	memcpy(&word, text, sizeof(word));
	return word;
}

static void use_route(struct type_test *t)
{
	types_see(t, pass(t, ROUTED, "abc\x21"));
	types_see(t, pass(t, ROUTED, "obc\x21"));
	types_see(t, pass(t, ROUTED, "xbc\x21"));
	types_see(t, pass(t, ROUTED, "ibc\x21"));
	CHECK(t->seen[0] == word("ayc\x42") && t->seen[1] == EPERM && t->seen[2] == EPERM && !t->seen[3],
	      "%s: of four packets come %llx, %llx, %llx, %llx", t->mode, (unsigned long long)t->seen[0],
	      (unsigned long long)t->seen[1], (unsigned long long)t->seen[2], (unsigned long long)t->seen[3]);
	CHECK(t->shared->runs == 4 + 3 + 2, "%s: %llu programs ran", t->mode, (unsigned long long)t->shared->runs);
}

static bool routes(struct type_test *t)
{
	return pass(t, ROUTED, "abc\x21") == word("ayc\x42");
}

static void use_action(struct type_test *t)
{
	types_see(t, pass(t, 0x7f000003, "bbc\x21"));
	types_see(t, pass(t, 0x7f000003, "abc\x21"));
	types_see(t, pass(t, 0x7f000001, "abc\x21"));
	CHECK(t->seen[0] == word("bbc\x42") && !t->seen[1] && t->seen[2] == word("abc\x21"),
	      "%s: of three packets come %llx, %llx, %llx", t->mode, (unsigned long long)t->seen[0],
	      (unsigned long long)t->seen[1], (unsigned long long)t->seen[2]);
}

static bool acts(struct type_test *t)
{
	return pass(t, 0x7f000003, "bbc\x21") == word("bbc\x42");
}

struct type_test types_packet[] = {
	{ "flow_dissector", { "on_flow" }, attach_flows, use_flows, flows, .open = true },
	{ "lwt", { "on_output", "on_xmit", "on_input" }, attach_route, use_route, routes, .detach = detach_route },
	{ "tc action", { "on_action" }, attach_action, use_action, acts, .detach = detach_action },
	{ .name = NULL },
};
