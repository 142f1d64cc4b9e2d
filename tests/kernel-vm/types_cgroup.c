/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs of control groups on sockets, addresses, options, sysctls and devices: see types.c. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../check.h"
#include "types.h"

#define SOL_OURS	0xdeadbeef

static struct sockaddr_in at(u32 address, u16 port)
{
	return (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address) };
}

static u64 error_or(bool ok, u64 value)
{
	return ok ? value : 1000000u + (u32)errno;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) ? -errno : value;
}

/* Sockets ------------------------------------------------------------------------------------ */

static void make_sockets(struct type_test *t)
{
	struct sockaddr_in free_port = at(0x7f000001, 4243), closed_port = at(0x7f000001, 4242);
	int one = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET6, SOCK_STREAM, 0);

	types_see(t, error_or(one >= 0, 1));
	CHECK(option(one, SOL_SOCKET, SO_MARK) == 77, "%s: a socket's mark is %d", t->mode, option(one, SOL_SOCKET, SO_MARK));
	types_see(t, (u64)option(one, SOL_SOCKET, SO_PRIORITY));
	types_see(t, error_or(other >= 0, 1));
	CHECK(other < 0 && errno == EPERM, "%s: a socket of a forbidden family is made", t->mode);
	types_see(t, error_or(!bind(one, (void *)&closed_port, sizeof(closed_port)), 1));
	types_see(t, error_or(!bind(one, (void *)&free_port, sizeof(free_port)), 1));
	close(one);
	close(other);
}

static bool makes_socket(struct type_test *t)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	close(fd);
	return fd >= 0;
}

/* Addresses ------------------------------------------------------------------------------------ */

static void see_name(struct type_test *t, int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in is = { 0 };
	socklen_t len = sizeof(is);

	get(fd, (void *)&is, &len);
	types_see(t, (u64)ntohl(is.sin_addr.s_addr) << 16 | ntohs(is.sin_port));
}

static u32 own_address(int fd)
{
	struct sockaddr_in is = { 0 };
	socklen_t len = sizeof(is);

	return getsockname(fd, (void *)&is, &len) ? 0 : ntohl(is.sin_addr.s_addr);
}

static void bind_and_connect(struct type_test *t)
{
	struct sockaddr_in own = at(0x7f000001, 5001), moved = at(0x7f000058, 9), closed = at(0x7f000063, 9);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0), third = socket(AF_INET, SOCK_DGRAM, 0);

	types_see(t, error_or(!bind(fd, (void *)&own, sizeof(own)), 1));
	see_name(t, fd, getsockname);
	CHECK((t->seen[t->nr_seen - 1] & 0xffff) == 5002, "%s: bind() was not rewritten", t->mode);
	types_see(t, error_or(!connect(other, (void *)&moved, sizeof(moved)), 1));
	see_name(t, other, getpeername);
	CHECK(t->seen[t->nr_seen - 1] == (0x7f00004dull << 16 | 4444), "%s: connect() was not rewritten: %llx", t->mode,
	      (unsigned long long)t->seen[t->nr_seen - 1]);
	CHECK(own_address(other) == 0x7f000005, "%s: bpf_bind() did nothing", t->mode);
	types_see(t, (u64)option(other, SOL_SOCKET, SO_PRIORITY));
	types_see(t, error_or(!connect(third, (void *)&closed, sizeof(closed)), 1));
	close(fd);
	close(other);
	close(third);
}

static bool connects(struct type_test *t)
{
	struct sockaddr_in to = at(0x7f000002, 9);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool ok = !connect(fd, (void *)&to, sizeof(to));

	close(fd);
	return ok;
}

static void connect_6(struct type_test *t)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT }, is;
	socklen_t len = sizeof(is);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	if (fd < 0) {
		SKIP("connect6", strerror(errno));
		return;
	}
	types_see(t, error_or(!connect(fd, (void *)&to, sizeof(to)), 1));
	memset(&is, 0, sizeof(is));
	getpeername(fd, (void *)&is, &len);
	types_see(t, ntohl(is.sin6_addr.s6_addr32[3]));
	types_see(t, is.sin6_addr.s6_addr32[2]);
	CHECK(ntohl(is.sin6_addr.s6_addr32[3]) == 0x7f000009, "%s: connect() was not rewritten: %x", t->mode,
	      ntohl(is.sin6_addr.s6_addr32[3]));
	close(fd);
}

static bool connects_6(struct type_test *t)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool ok = !connect(fd, (void *)&to, sizeof(to));

	close(fd);
	return ok;
}

static void send_message(struct type_test *t)
{
	struct sockaddr_in own = at(0x7f000001, 5003), to = at(0x7f000009, 5003), from = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(from);
	struct timeval wait = { .tv_sec = 2 };
	char text[8] = "moat";

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	types_see(t, error_or(!bind(fd, (void *)&own, sizeof(own)), 1));
	types_see(t, error_or(sendto(out, text, 4, 0, (void *)&to, sizeof(to)) == 4, 1));
	types_see(t, error_or(recvfrom(fd, text, sizeof(text), 0, (void *)&from, &len) == 4, 1));
	types_see(t, ntohl(from.sin_addr.s_addr));
	CHECK(ntohl(from.sin_addr.s_addr) == 0x7f000007, "%s: sendmsg() was not rewritten: %x", t->mode,
	      ntohl(from.sin_addr.s_addr));
	close(fd);
	close(out);
}

static bool sends(struct type_test *t)
{
	struct sockaddr_in to = at(0x7f000001, 5003);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool ok = sendto(fd, "moat", 4, 0, (void *)&to, sizeof(to)) == 4;

	close(fd);
	return ok;
}

static void ask_peer(struct type_test *t)
{
	struct sockaddr_in to = at(0x7f000001, 5004);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	types_see(t, error_or(!connect(fd, (void *)&to, sizeof(to)), 1));
	see_name(t, fd, getpeername);
	CHECK(t->seen[t->nr_seen - 1] == (0x01020304ull << 16 | 5004), "%s: getpeername() was not rewritten: %llx", t->mode,
	      (unsigned long long)t->seen[t->nr_seen - 1]);
	close(fd);
}

/* Options ------------------------------------------------------------------------------------------ */

static void set_options(struct type_test *t)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), tos = 0x20, wrong = 99;
	char value[64] = { 1, 2, 3, 4, 5 }, large[6000] = { 7 };
	socklen_t len = sizeof(value);

	types_see(t, error_or(!setsockopt(fd, IPPROTO_IP, 1, &tos, sizeof(tos)), 1));
	CHECK(option(fd, IPPROTO_IP, 1) == 0x10, "%s: an option is %x", t->mode, option(fd, IPPROTO_IP, 1));
	CHECK(option(fd, SOL_SOCKET, SO_PRIORITY) == 6, "%s: the socket's priority is %d", t->mode,
	      option(fd, SOL_SOCKET, SO_PRIORITY));
	types_see(t, error_or(!setsockopt(fd, (int)SOL_OURS, 5, value, 5), 1));
	types_see(t, error_or(!setsockopt(fd, (int)SOL_OURS, 6, &wrong, sizeof(wrong)), 1));
	types_see(t, error_or(!setsockopt(fd, (int)SOL_OURS, 7, large, sizeof(large)), 1));
	types_see(t, error_or(!getsockopt(fd, (int)SOL_OURS, 5, value, &len), len));
	types_see(t, (u64)(u8)value[0] << 8 | (u8)value[7]);
	CHECK(len == 8 && value[0] == 55 && value[7] == 66, "%s: an option that is the program's: %d, %d", t->mode, value[0],
	      value[7]);
	close(fd);
}

static bool sets_option(struct type_test *t)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), yes = 1;
	bool ok = !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));

	close(fd);
	return ok;
}

/* Sysctls --------------------------------------------------------------------------------------------- */

static void use_sysctls(struct type_test *t)
{
	static const char name[] = "net/core/somaxconn";
	char was[32], text[32] = "";

	types_see(t, error_or(!sys_read(name, was, sizeof(was)), 1));
	types_see(t, (u64)-sys_write(name, "500"));
	types_see(t, (u64)sys_read_number(name));
	types_see(t, (u64)-sys_write(name, "600"));
	types_see(t, (u64)-sys_write(name, "700"));
	types_see(t, (u64)sys_read_number(name));
	CHECK(sys_read_number(name) == 1234, "%s: the sysctl is %ld", t->mode, sys_read_number(name));
	t->shared->deny = 2;
	types_see(t, error_or(!sys_read(name, text, sizeof(text)), (u64)text[0]));
	t->shared->deny = 0;
	sys_write(name, was);
}

static bool reads_sysctl(struct type_test *t)
{
	return sys_read_number("net/core/somaxconn") > 0;
}

/* Devices --------------------------------------------------------------------------------------------- */

static void make_devices(struct type_test *t)
{
	int fd = open("/dev/null", O_RDWR);

	types_see(t, error_or(fd >= 0, 1));
	types_see(t, error_or(!mknod("/tmp/moat-null", S_IFCHR | 0600, makedev(1, 3)), 1));
	types_see(t, error_or(!mknod("/tmp/moat-random", S_IFCHR | 0600, makedev(1, 9)), 1));
	CHECK(access("/tmp/moat-random", F_OK), "%s: a forbidden device is made", t->mode);
	unlink("/tmp/moat-null");
	unlink("/tmp/moat-random");
	close(fd);
}

static bool opens_device(struct type_test *t)
{
	int fd = open("/dev/null", O_RDWR);

	close(fd);
	return fd >= 0;
}

struct type_test types_cgroup[] = {
	{ "cgroup sock", { "on_create", "on_post_bind" }, NULL, make_sockets, makes_socket },
	{ "cgroup sock_addr", { "on_bind", "on_connect" }, NULL, bind_and_connect, connects },
	{ "cgroup sock_addr, version 6", { "on_connect6" }, NULL, connect_6, connects_6 },
	{ "cgroup sendmsg", { "on_sendmsg" }, NULL, send_message, sends },
	{ "cgroup getpeername", { "on_getpeername" }, NULL, ask_peer, NULL },
	{ "cgroup sockopt", { "on_set", "on_get" }, NULL, set_options, sets_option },
	{ "cgroup sysctl", { "on_sysctl" }, NULL, use_sysctls, reads_sysctl },
	{ "cgroup device", { "on_device" }, NULL, make_devices, opens_device },
	{ .name = NULL },
};
