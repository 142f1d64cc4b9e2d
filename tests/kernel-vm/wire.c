/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See wire.h. */
#include <errno.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "../check.h"
#include "classics.h"
#include "sys.h"
#include "wire.h"

struct wire wires[2] = { { "unix", -1, -1, -1 }, { "lo", -1, -1, -1 } };
u32 wire_accepted;

static const u32 sizes[WIRE_MESSAGES] = { 1, 3, 20, 64, 200, 1400 };

static u8 message[2048];

static int bound(struct sockaddr_in *at)
{
	const struct timeval patience = { 5, 0 };
	socklen_t bytes = sizeof(*at);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (bind(fd, (struct sockaddr *)at, bytes) || getsockname(fd, (struct sockaddr *)at, &bytes) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return -1;
	return fd;
}

static struct sockaddr_in near_at, witness_at;

bool wires_open(void)
{
	int pair[2];
	u32 i;

	if (!sys_shell("/usr/sbin/ip link set lo up") || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return false;
	wires[0].near = pair[0];
	wires[0].far = pair[1];
	wires[1].near = bound(&near_at);
	wires[1].witness = bound(&witness_at);
	wires[1].far = socket(AF_INET, SOCK_DGRAM, 0);
	for (i = 0; i < sizeof(message); i++)
		message[i] = i * 37 + (i >> 8);
	/* Two netlink attributes, the second with one in it. */
	memcpy(message, (u8[]){ 8, 0, 3, 0, 1, 2, 3, 4, 16, 0, 5, 0, 12, 0, 7, 0, 9, 9, 9, 9, 9, 9, 9, 9 }, 24);
	return wires[1].near >= 0 && wires[1].witness >= 0 && wires[1].far >= 0;
}

/* Bytes of a message of @bytes that come through. */
static int pass(const struct wire *w, u32 bytes)
{
	u8 got[sizeof(message)];
	ssize_t n;

	if (w->witness < 0) {
		send(w->far, message, bytes, 0);
	} else {
		sendto(w->far, message, bytes, 0, (struct sockaddr *)&near_at, sizeof(near_at));
		sendto(w->far, message, 1, 0, (struct sockaddr *)&witness_at, sizeof(witness_at));
		CHECK(recv(w->witness, got, sizeof(got), 0) == 1, "nothing comes by lo");
	}
	n = recv(w->near, got, sizeof(got), MSG_DONTWAIT);
	wire_accepted += n > 0;
	return n < 0 ? -1 : (int)n;
}

int wire_run(const struct wire *w, const struct sock_filter *rows, u32 n, const char *mode, int got[WIRE_MESSAGES])
{
	struct sock_fprog prog = { .len = (u16)n, .filter = (struct sock_filter *)rows };
	u32 i;

	classics_mode(mode);
	for (i = 0; i < WIRE_MESSAGES; i++)
		got[i] = -1;
	if (setsockopt(w->near, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)))
		return errno;
	for (i = 0; i < WIRE_MESSAGES; i++)
		got[i] = pass(w, sizes[i]);
	return 0;
}

void wire_compare(const struct wire *w, const char *name, const struct sock_filter *rows, u32 n, const char *mode)
{
	int plain[WIRE_MESSAGES], isolated[WIRE_MESSAGES], err;
	u32 i;

	err = wire_run(w, rows, n, "none", plain);
	if (!CHECK(wire_run(w, rows, n, mode, isolated) == err, "%s by %s: not refused as ever", name, w->name))
		return;
	for (i = 0; i < WIRE_MESSAGES; i++)
		CHECK(plain[i] == isolated[i], "%s by %s: %d of %u bytes come through, not %d", name, w->name, isolated[i],
		      sizes[i], plain[i]);
}
