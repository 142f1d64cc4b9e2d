/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs on connections, on what is sent and received, and on the choice of a socket: see types.c. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "object.h"
#include "types.h"

enum { CLIENT, SERVER, CLIENT_2, SERVER_2 };	/* struct type_test.fd */

static struct sockaddr_in at(u16 port)
{
	return (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000001) };
}

static void be_impatient(int fd)
{
	struct timeval wait = { .tv_sec = 2 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
}

/* A socket that is bound to @port; of TCP it listens.  SO_REUSEPORT for others to be there, too. */
static int open_port(int type, u16 port)
{
	struct sockaddr_in own = at(port);
	int fd = socket(AF_INET, type, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes));
	be_impatient(fd);
	if (!bind(fd, (void *)&own, sizeof(own)) && (type == SOCK_DGRAM || !listen(fd, 5)))
		return fd;
	CHECK(false, "port %u: %s", port, strerror(errno));
	close(fd);
	return -1;
}

/* A connection to a listener, accepted: both ends.  False: errno says why. */
static bool join(int listener, u16 port, int fd[2])
{
	struct sockaddr_in to = at(port);

	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	fd[1] = -1;
	if (connect(fd[0], (void *)&to, sizeof(to)))
		return false;
	fd[1] = accept(listener, NULL, NULL);
	be_impatient(fd[0]);
	be_impatient(fd[1]);
	return fd[1] >= 0;
}

static bool connects(u16 port)
{
	int listener = open_port(SOCK_STREAM, port), fd[2];
	bool ok = join(listener, port, fd);
	char none;

	/* One after the other, so that states follow each other in one way, however busy the machine is. */
	close(fd[0]);
	recv(fd[1], &none, sizeof(none), 0);
	close(fd[1]);
	close(listener);
	return ok;
}

/* Connections ---------------------------------------------------------------------------------- */

/* Nothing has happened for a while, or for seconds something has all the time. */
static void be_quiet(const struct type_test *t)
{
	u64 runs = ~0ull;
	u32 i;

	for (i = 0; i < 30 && runs != t->shared->runs; i++) {
		runs = t->shared->runs;
		usleep(100000);
	}
}

static void use_connection(struct type_test *t)
{
	t->shared->ports[0] = 5600;
	types_see(t, connects(5600));
	be_quiet(t);	/* they say goodbye */
	CHECK(t->shared->seen[9] == 4, "%s: an option that was set is %llu", t->mode, (unsigned long long)t->shared->seen[9]);
	CHECK(t->shared->seen[14], "%s: a segment was not seen", t->mode);
}

static bool makes_connection(struct type_test *t)
{
	t->shared->ports[0] = 5601;
	return connects(5601);
}

/* Which socket ------------------------------------------------------------------------------------ */

bool types_attach_to_net(struct type_test *t)
{
	int net = open("/proc/self/ns/net", O_RDONLY);

	t->link[0] = bpf_program__attach_netns(types_program(t, 0), net);
	close(net);
	return CHECK(t->link[0], "%s is not attached: %s", t->programs[0], strerror(errno));
}

static void look_up(struct type_test *t)
{
	types_see(t, connects(7000));
	types_see(t, connects(7001));
	CHECK(!connects(7001) && connects(7002), "%s: a program on lookups is not heard", t->mode);
}

static bool is_found(struct type_test *t)
{
	return connects(7003);
}

/* Two connections, with sockets in the map "sockets": the one's @end, and the other's client */
static bool attach_to_map(struct type_test *t, u32 end, enum bpf_attach_type type)
{
	int listener = open_port(SOCK_STREAM, 5650), map = object_map(t->obj, "sockets"), i;
	bool ok = join(listener, 5650, t->fd) && join(listener, 5650, t->fd + 2);
	u64 fd[2] = { (u64)t->fd[end], (u64)t->fd[CLIENT_2] };

	close(listener);
	if (!CHECK(ok && !bpf_prog_attach(bpf_program__fd(types_program(t, 0)), map, type, 0), "%s: %s", t->name,
		   strerror(errno)))
		return false;
	for (i = 0; i < 2; i++)
		ok &= CHECK(!bpf_map_update_elem(map, &i, &fd[i], BPF_ANY), "%s: %s", t->name, strerror(errno));
	return ok;
}

/* What comes out of @to when @text goes into @from: eight bytes of it, and how many they were; or the error. */
static void pass(struct type_test *t, int from, int to, const char *text)
{
	char got[16] = "";
	u64 word;
	ssize_t n = send(from, text, strlen(text), MSG_NOSIGNAL);

	types_see(t, n < 0 ? (u64)errno : (u64)n);
	n = recv(to, got, sizeof(got), 0);
	memcpy(&word, got, sizeof(word));
	types_see(t, n < 0 ? (u64)errno : (u64)n);
	types_see(t, word);
}

static bool passes_text(struct type_test *t)
{
	char got[16];

	return send(t->fd[CLIENT], "abc1", 4, MSG_NOSIGNAL) == 4 && recv(t->fd[SERVER], got, sizeof(got), 0) >= 4;
}

/* What is sent ---------------------------------------------------------------------------------- */

static bool attach_messages(struct type_test *t)
{
	return attach_to_map(t, CLIENT, BPF_SK_MSG_VERDICT);
}

static void send_messages(struct type_test *t)
{
	pass(t, t->fd[CLIENT], t->fd[SERVER], "abc\x21");
	CHECK(t->seen[2] >> 24 == 0x42, "%s: a message was not changed: %llx", t->mode, (unsigned long long)t->seen[2]);
	pass(t, t->fd[CLIENT], t->fd[SERVER], "pbc!rest");
	pass(t, t->fd[CLIENT], t->fd[SERVER], "xbc!");
	pass(t, t->fd[CLIENT], t->fd[SERVER], "yes, but longer");
}

/* What is received -------------------------------------------------------------------------------- */

static bool attach_stream(struct type_test *t)
{
	return attach_to_map(t, SERVER, BPF_SK_SKB_STREAM_VERDICT);
}

static void receive_stream(struct type_test *t)
{
	pass(t, t->fd[CLIENT], t->fd[SERVER], "abc1");
	CHECK((u8)(t->seen[2] >> 16) == '!', "%s: what was received was not changed: %llx", t->mode,
	      (unsigned long long)t->seen[2]);
	pass(t, t->fd[CLIENT], t->fd[SERVER], "xbc1");
	pass(t, t->fd[CLIENT], t->fd[SERVER_2], "rbc1");
	CHECK(t->seen[7] == 4, "%s: nothing was redirected: %llu", t->mode, (unsigned long long)t->seen[7]);
}

/* Which of several ------------------------------------------------------------------------------- */

static bool attach_to_port(struct type_test *t)
{
	int prog = bpf_program__fd(types_program(t, 0)), map = object_map(t->obj, "listeners");
	bool ok = true;
	u32 i;

	for (i = 0; i < 2; i++) {
		u64 fd;

		fd = (u64)(t->fd[i] = open_port(SOCK_DGRAM, 5700));
		ok &= CHECK(!bpf_map_update_elem(map, &i, &fd, BPF_ANY), "%s: %s", t->name, strerror(errno));
	}
	t->fd[2] = socket(AF_INET, SOCK_DGRAM, 0);
	return ok && CHECK(!setsockopt(t->fd[0], SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &prog, sizeof(prog)), "%s: %s", t->name,
			   strerror(errno));
}

/* Bit i: socket i got it. */
static u64 select_by(struct type_test *t, const char *text)
{
	struct sockaddr_in to = at(5700);
	char got[16];
	u64 who = 0;
	u32 i;

	struct pollfd any[2] = { { t->fd[0], POLLIN, 0 }, { t->fd[1], POLLIN, 0 } };

	sendto(t->fd[2], text, strlen(text), 0, (void *)&to, sizeof(to));
	poll(any, 2, 300);
	for (i = 0; i < 2; i++)
		who |= (u64)(recv(t->fd[i], got, sizeof(got), MSG_DONTWAIT) > 0) << i;
	return who;
}

static void select_sockets(struct type_test *t)
{
	types_see(t, select_by(t, "0 goes here"));
	types_see(t, select_by(t, "1 goes there"));
	types_see(t, select_by(t, "9 goes nowhere"));
	CHECK(t->seen[0] == 1 && t->seen[1] == 2 && t->seen[2] == 0, "%s: %llu, %llu, %llu", t->mode,
	      (unsigned long long)t->seen[0], (unsigned long long)t->seen[1], (unsigned long long)t->seen[2]);
}

static bool is_selected(struct type_test *t)
{
	return select_by(t, "0") == 1;
}

struct type_test types_sock[] = {
	{ "sock_ops", { "on_connection" }, NULL, use_connection, makes_connection, .open = true },
	{ "sk_lookup", { "on_lookup" }, types_attach_to_net, look_up, is_found },
	{ "sk_msg", { "on_message" }, attach_messages, send_messages, passes_text, .for_good = true },
	{ "sk_skb", { "on_stream" }, attach_stream, receive_stream, passes_text },
	{ "sk_reuseport", { "on_select" }, attach_to_port, select_sockets, is_selected },
	{ .name = NULL },
};
