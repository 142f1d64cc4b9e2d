/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packet loads (LD_ABS, LD_IND) of isolated programs, on packets that lie in one piece and on such that do not: each
 * must give what the packet has there, or end the program, as it does without isolation.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../check.h"
#include "../insns.h"
#include "isolate.h"

#define ETHERTYPE	0x88b5		/* for experiments: nobody else's */
#define ETH_BYTES	14
#define FIRST		40		/* bytes of the long packet's first piece */
#define LONG		5000		/* the kernel leaves what fits into a page in one piece */
#define SHORT		60
#define ENDED		~0ull		/* what the program leaves if the load ends it */

#define FAR		252		/* a second load, behind the one that is looked at: so much is copied for a program */

static const struct packet_load {
	s32 off;
	u8 bytes;
	bool indexed;
	s64 index;
} loads[] = {
	/* the first piece, its end, and across it */
	{ 0, 1 }, { 0, 2 }, { 12, 2 }, { 36, 4 }, { 38, 2 }, { 39, 1 }, { 37, 4 }, { 39, 2 }, { 40, 1 }, { 40, 4 },
	/* the end of the short packet */
	{ 56, 4 }, { 58, 2 }, { 59, 1 }, { 57, 4 }, { 59, 2 }, { 60, 1 }, { 60, 4 },
	/* the end of what is copied, and far behind it */
	{ 251, 4 }, { 255, 1 }, { 252, 4 }, { 253, 4 }, { 256, 1 }, { 300, 4 }, { 4996, 4 }, { 4997, 4 }, { 4999, 1 },
	{ 5000, 1 }, { 32764, 4 }, { 32765, 4 }, { INT_MAX, 4 },
	/* from headers on, and nowhere */
	{ SKF_NET_OFF, 1 }, { SKF_NET_OFF + 2, 4 }, { SKF_NET_OFF + 30, 2 }, { SKF_LL_OFF + 12, 2 }, { -1, 1 }, { -4, 4 },
	{ SKF_LL_OFF - 1, 1 }, { INT_MIN, 4 },
	/* by a register, the sum in 32 bits */
	{ 0, 4, true, 36 }, { 0, 1, true, 40 }, { 16, 4, true, 21 }, { 20, 1, true, 39 }, { 20, 1, true, 40 },
	{ 4, 4, true, 4992 }, { 4, 4, true, 4993 }, { 1, 1, true, -1 }, { 0, 2, true, -1 }, { 2, 4, true, -4 },
	{ -1, 2, true, 0 }, { -20, 4, true, 56 }, { 0, 1, true, 0x100000007ll }, { 0, 4, true, SKF_NET_OFF },
};

/* What must come of it. */
static u64 expected(const struct packet_load *l, const u8 *frame, u32 bytes)
{
	s64 at = (s32)((u32)l->off + (u32)l->index);
	u64 v = 0;
	u32 i;

	if (at < 0 && at >= SKF_NET_OFF)
		at += ETH_BYTES - SKF_NET_OFF;
	else if (at < 0 && at >= SKF_LL_OFF)
		at -= SKF_LL_OFF;
	if (at < 0 || at + l->bytes > bytes)
		return ENDED;
	for (i = 0; i < l->bytes; i++)
		v = v << 8 | frame[at + i];
	return v;
}

/* Leaves what it loads in @map. */
static int load_program(const struct packet_load *l, int map)
{
	u8 size = l->bytes == 1 ? BPF_B : l->bytes == 2 ? BPF_H : BPF_W;
	const struct bpf_insn insn[] = {
		MOV_X(6, 1), LDDW(7, l->index),
		INSN(BPF_LD | size | (l->indexed ? BPF_IND : BPF_ABS), 0, l->indexed ? 7 : 0, 0, l->off),
		INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_VALUE, 0, map), INSN(0, 0, 0, 0, 0),
		STX(BPF_DW, 1, 0, 0),
		INSN(BPF_LD | BPF_W | BPF_ABS, 0, 0, 0, FAR),
		EXIT,
	};

	return sys_load_logged(BPF_PROG_TYPE_SOCKET_FILTER, insn, ARRAY_SIZE(insn));
}

/* Packet sockets of lo --------------------------------------------------------------------------------- */

static int open_socket(int protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons((u16)protocol),
				  .sll_ifindex = (int)if_nametoindex("lo") };
	struct timeval wait = { .tv_sec = 5 };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one));
	if (!protocol || !bind(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	close(fd);
	return -1;
}

static bool send_frame(int fd, const u8 *frame, u32 bytes)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("lo"), .sll_halen = 6 };
	struct virtio_net_hdr head = { .hdr_len = FIRST };
	struct iovec part[] = { { &head, sizeof(head) }, { (void *)(size_t)frame, bytes } };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = part, .msg_iovlen = 2 };

	return sendmsg(fd, &m, 0) == (ssize_t)(sizeof(head) + bytes);
}

/* The witness has its frame when the program has run: the kernel's list is last in, first served. */
struct wire {
	int from, witness;
	u8 frame[LONG];
};

static void try(struct wire *w, const char *mode, const struct packet_load *l, u32 bytes, volatile u64 *value)
{
	static u8 got[LONG + 64];
	u64 want = expected(l, w->frame, bytes);

	*value = ENDED;
	if (!CHECK(send_frame(w->from, w->frame, bytes), "%u bytes are not sent: %s", bytes, strerror(errno)) ||
	    !CHECK(recv(w->witness, got, sizeof(got), 0) > 0, "%u bytes do not arrive", bytes))
		return;
	CHECK(*value == want, "mode %s: %u bytes at %d, %sindex %lld, of %u bytes: %#llx, not %#llx", mode, l->bytes, l->off,
	      l->indexed ? "" : "no ", (long long)l->index, bytes, (unsigned long long)*value, (unsigned long long)want);
}

static void all_loads(struct wire *w, const char *mode)
{
	void *value;
	int map, prog, at, i;

	if (!CHECK(!sys_write("net/core/bpf_moat", mode), "there is no mode %s", mode))
		return;
	map = sys_array(8, 1, &value);
	for (i = 0; i < (int)ARRAY_SIZE(loads); i++) {
		prog = load_program(&loads[i], map);
		at = open_socket(ETHERTYPE);
		if (CHECK(prog >= 0 && !setsockopt(at, SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)),
			  "mode %s: load %d is refused: %s", mode, i, sys_log)) {
			try(w, mode, &loads[i], SHORT, value);
			try(w, mode, &loads[i], LONG, value);
		}
		close(at);
		close(prog);
	}
	close(map);
	sys_write("net/core/bpf_moat", "none");
}

void isolate_packet_loads(const char *mode)
{
	static struct wire w;
	u32 i;

	/* nobody else sends what these sockets take, so it need not be a lo of our own */
	if (!CHECK(sys_shell("/usr/sbin/ip link set lo up"), "lo does not get up"))
		return;
	for (i = 0; i < sizeof(w.frame); i++)
		w.frame[i] = (u8)(i * 7 + i / 256 + 3);
	memset(w.frame, 0, 12);		/* lo's own address */
	w.frame[12] = ETHERTYPE >> 8;
	w.frame[13] = ETHERTYPE & 0xff;
	w.witness = open_socket(ETHERTYPE);
	w.from = open_socket(0);
	if (CHECK(w.witness >= 0 && w.from >= 0, "no packet sockets: %s", strerror(errno))) {
		all_loads(&w, "none");
		all_loads(&w, mode);
	}
	close(w.witness);
	close(w.from);
}
