/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two network namespaces joined by a veth pair, on which nothing moves but what is sent here; and packets for it. */
#ifndef MOAT_KERNEL_VM_NET_H
#define MOAT_KERNEL_VM_NET_H

#include "../../jit/env.h"

#define NET_FRAME	1514

struct net {
	int own, peer;		/* namespaces */
	int near, far;		/* packet sockets on both ends: v0 is ours, v1 the peer's */
	int witness;		/* another one on v0: the kernel gives it each frame after it gave it to near */
	u32 index;		/* of v0 */
};

#define IP4(a, b, c, d)	((u32)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define NET_NEAR	IP4(10, 1, 0, 1)
#define NET_FAR		IP4(10, 1, 0, 2)

/* Enter a new namespace with v0 in it; false: printed why. */
bool net_open(struct net *n);
/* A socket of the peer. */
int net_peer_socket(const struct net *n, int domain, int type, int protocol);
/* Frames that have arrived at @socket (near or far) go to @frame, one by one; 0: none came within 0.3 s. */
u32 net_receive(int socket, u8 frame[NET_FRAME]);
/* Number of frames that arrive until none comes any more. */
u32 net_drain(int socket);
/* Wait until the witness has seen one more frame; false: not within five seconds. */
bool net_await(const struct net *n);
bool net_send(int socket, const u8 *frame, u32 bytes);

/* What a frame is made of; addresses and ports in host order. */
struct net_packet {
	u8 protocol;		/* 6, 17, 1; 0: no IP at all, but @type */
	u32 src, dst;
	u16 sport, dport;
	u16 type;		/* of Ethernet; 0: IPv4 */
	u16 vlan;		/* 0: no tag */
	u8 flags;		/* of TCP */
	u16 fragment;		/* offset in units of eight bytes */
	u32 payload;		/* bytes behind the last header */
	u32 cut;		/* send only so many bytes of it, if not 0 */
};

/* Build it, checksums included; its bytes. */
u32 net_build(u8 frame[NET_FRAME], const struct net_packet *p);
/* Are the checksums of an IPv4 UDP or TCP frame without options right? */
bool net_is_sound(const u8 *frame, u32 bytes);
u32 net_ip_dst(const u8 *frame);

#endif
