/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See net.h. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "net.h"
#include "sys.h"

#define ETH_BYTES	14
#define IP_BYTES	20

/* Namespaces and sockets ----------------------------------------------------------- */

/* A process in a namespace of its own, which it holds until @release is closed. */
static pid_t start_peer(int *release)
{
	int up[2], down[2];
	char c = 0;
	pid_t pid;

	if (pipe(up) || pipe(down))
		return -1;
	pid = fork();
	if (!pid) {
		close(down[1]);
		c = unshare(CLONE_NEWNET) ? 'n' : 'y';
		(void)!write(up[1], &c, 1);
		(void)!read(down[0], &c, 1);
		_exit(0);
	}
	(void)!read(up[0], &c, 1);
	close(up[0]);
	close(up[1]);
	close(down[0]);
	*release = down[1];
	return c == 'y' ? pid : -1;
}

static int packet_socket(const char *device)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), one = 1, room = 4 << 20;
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };

	at.sll_ifindex = (int)if_nametoindex(device);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return -errno;
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return fd;
}

static const char quiet[] = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1";

/* One end of the pair, in the namespace that we are in. */
static bool set_up(const char *name, const char *mac, const char *address)
{
	return sys_shell("%s; ip=/usr/sbin/ip; $ip link set lo up; $ip link set %s address %s && $ip addr add %s/24 dev %s &&"
			 " $ip link set %s arp off up", quiet, name, mac, address, name, name);
}

/* A pair with one end in the namespace of @pid, which n->peer then holds. */
static bool make_pair(struct net *n, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	n->own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	n->peer = open(path, O_RDONLY | O_CLOEXEC);
	return n->own >= 0 && n->peer >= 0 && sys_shell("%s; /usr/sbin/ip link add v0 type veth peer name v1", quiet) &&
	       sys_shell("/usr/sbin/ip link set v1 netns %d", pid);
}

bool net_open(struct net *n)
{
	int err = sys_own_network(), release = -1;
	pid_t pid;
	bool ok;

	if (err) {
		fprintf(stderr, "no network namespace: %s\n", strerror(-err));
		return false;
	}
	pid = start_peer(&release);
	ok = pid > 0 && make_pair(n, pid);
	close(release);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (!ok || setns(n->peer, CLONE_NEWNET)) {
		fprintf(stderr, "no veth pair\n");
		return false;
	}
	ok = set_up("v1", "02:00:00:00:00:02", "10.1.0.2");
	n->far = packet_socket("v1");
	if (setns(n->own, CLONE_NEWNET) || !ok || !set_up("v0", "02:00:00:00:00:01", "10.1.0.1"))
		return false;
	n->witness = packet_socket("v0");	/* before: the kernel's list is last in, first served */
	n->near = packet_socket("v0");
	n->index = if_nametoindex("v0");
	return n->near >= 0 && n->far >= 0 && n->witness >= 0;
}

int net_peer_socket(const struct net *n, int domain, int type, int protocol)
{
	int fd;

	if (setns(n->peer, CLONE_NEWNET))
		return -errno;
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	if (setns(n->own, CLONE_NEWNET))
		abort();
	return fd;
}

u32 net_receive(int socket, u8 frame[NET_FRAME])
{
	struct timeval wait = { .tv_usec = 300000 };
	ssize_t n;

	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	n = recv(socket, frame, NET_FRAME, 0);
	return n > 0 ? (u32)n : 0;
}

u32 net_drain(int socket)
{
	u8 frame[NET_FRAME];
	u32 n = 0;

	while (net_receive(socket, frame))
		n++;
	return n;
}

bool net_await(const struct net *n)
{
	struct timeval wait = { .tv_sec = 5 };
	u8 frame[NET_FRAME];

	setsockopt(n->witness, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return recv(n->witness, frame, sizeof(frame), 0) > 0;
}

bool net_send(int socket, const u8 *frame, u32 bytes)
{
	return send(socket, frame, bytes, 0) == (ssize_t)bytes;
}

/* Frames ------------------------------------------------------------------------------ */

static void put16(u8 *at, u32 v)
{
	at[0] = (u8)(v >> 8);
	at[1] = (u8)v;
}

static void put32(u8 *at, u32 v)
{
	put16(at, v >> 16);
	put16(at + 2, v & 0xffff);
}

static u32 get16(const u8 *at)
{
	return (u32)at[0] << 8 | at[1];
}

static u32 sum(const u8 *at, u32 bytes, u32 from)
{
	u32 i;

	for (i = 0; i + 1 < bytes; i += 2)
		from += get16(at + i);
	if (bytes & 1)
		from += (u32)at[bytes - 1] << 8;
	return from;
}

static u32 fold(u32 v)
{
	v = (v & 0xffff) + (v >> 16);
	return (v & 0xffff) + (v >> 16);
}

static u32 header_bytes(u8 protocol)
{
	return protocol == IPPROTO_TCP ? 20 : 8;
}

/* Transport header and payload at @at; the pseudo header is that of the IPv4 header at @ip. */
static u32 build_transport(u8 *at, const u8 *ip, const struct net_packet *p)
{
	u32 head = header_bytes(p->protocol), bytes = head + p->payload, i;
	u32 check = p->protocol == IPPROTO_TCP ? 16 : p->protocol == IPPROTO_UDP ? 6 : 2;

	memset(at, 0, head);
	for (i = 0; i < p->payload; i++)
		at[head + i] = (u8)(i * 13 + p->sport);
	if (p->protocol != IPPROTO_ICMP) {
		put16(at, p->sport);
		put16(at + 2, p->dport);
	} else {
		at[0] = 8;
	}
	if (p->protocol == IPPROTO_UDP)
		put16(at + 4, bytes);
	if (p->protocol == IPPROTO_TCP) {
		at[12] = 5 << 4;
		at[13] = p->flags;
	}
	i = sum(at, bytes, 0);
	if (p->protocol != IPPROTO_ICMP)
		i = sum(ip + 12, 8, i + p->protocol + bytes);
	put16(at + check, ~fold(i) & 0xffff);
	return bytes;
}

u32 net_build(u8 frame[NET_FRAME], const struct net_packet *p)
{
	static const u8 macs[] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	u8 *at = frame + 12, *ip;
	u32 bytes;

	memset(frame, 0, NET_FRAME);
	memcpy(frame, macs, sizeof(macs));
	if (p->vlan) {
		put16(at, ETH_P_8021Q);
		put16(at + 2, p->vlan);
		at += 4;
	}
	put16(at, p->type ? p->type : ETH_P_IP);
	ip = at + 2;
	bytes = (u32)(ip - frame) + p->payload;
	if (p->protocol) {
		bytes = IP_BYTES;
		ip[0] = 0x45;
		put16(ip + 6, p->fragment);
		ip[8] = 64;
		ip[9] = p->protocol;
		put32(ip + 12, p->src);
		put32(ip + 16, p->dst);
		bytes += build_transport(ip + IP_BYTES, ip, p);
		put16(ip + 2, bytes);
		put16(ip + 10, ~fold(sum(ip, IP_BYTES, 0)) & 0xffff);
		bytes += (u32)(ip - frame);
	}
	return p->cut && p->cut < bytes ? p->cut : bytes;
}

bool net_is_sound(const u8 *frame, u32 bytes)
{
	const u8 *ip = frame + ETH_BYTES;
	u32 total = get16(ip + 2);

	if (bytes < ETH_BYTES + total || ip[0] != 0x45 || fold(sum(ip, IP_BYTES, 0)) != 0xffff)
		return false;
	return fold(sum(ip + IP_BYTES, total - IP_BYTES, sum(ip + 12, 8, ip[9] + total - IP_BYTES))) == 0xffff;
}

u32 net_ip_dst(const u8 *frame)
{
	return get16(frame + ETH_BYTES + 16) << 16 | get16(frame + ETH_BYTES + 18);
}
