/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs of a control group, with a process in it whose traffic is known. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../check.h"
#include "cgroup.h"
#include "object.h"
#include "sys.h"

#define PACKETS		30
#define PAYLOAD		100
#define IP_UDP		28	/* bytes of both headers */

static volatile struct cgroup_shared *shared;

/* A new group below the hierarchy of version 2; its directory, or NULL. */
static const char *make_group(char *path, size_t size)
{
	static char dir[] = "/tmp/moat-cgroup-XXXXXX";
	const char *top = "/sys/fs/cgroup";

	snprintf(path, size, "%s/moat-test", top);
	if (!access("/sys/fs/cgroup/cgroup.procs", W_OK) && (!mkdir(path, 0755) || errno == EEXIST))
		return top;
	if (!mkdtemp(dir) || unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("cgroup2", dir, "cgroup2", 0, NULL))
		return NULL;
	snprintf(path, size, "%s/moat-test", dir);
	return !mkdir(path, 0755) || errno == EEXIST ? dir : NULL;
}

static bool move_to(int group, pid_t pid)
{
	char text[16];
	int fd = openat(group, "cgroup.procs", O_WRONLY), n = snprintf(text, sizeof(text), "%d", pid);
	bool ok = fd >= 0 && write(fd, text, (size_t)n) == n;

	close(fd);
	return ok;
}

static int udp_to(u32 address, u16 port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		int err = errno;

		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

/* What the program on connect() made of the address; 0: it refused. */
static u32 connected_to(u32 address)
{
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof(at);
	int fd = udp_to(address, 9);

	if (fd < 0)
		return 0;
	getpeername(fd, (struct sockaddr *)&at, &len);
	close(fd);
	return ntohl(at.sin_addr.s_addr);
}

/* Send through a socket of the group to one of the group. */
static void check_traffic(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(5555), .sin_addr.s_addr = htonl(0x7f000001) };
	int to = socket(AF_INET, SOCK_DGRAM, 0), open_port, closed_port, i, refused = 0;
	u8 text[PAYLOAD] = { 0 };

	if (!CHECK(to >= 0 && !bind(to, (struct sockaddr *)&at, sizeof(at)), "no socket: %s", strerror(errno)))
		return;
	open_port = udp_to(0x7f000001, 5555);
	closed_port = udp_to(0x7f000001, CLOSED_PORT);
	for (i = 0; i < PACKETS; i++) {
		CHECK(send(open_port, text, sizeof(text), 0) == PAYLOAD, "packet %d is not sent: %s", i, strerror(errno));
		CHECK(recv(to, text, sizeof(text), 0) == PAYLOAD, "packet %d does not arrive", i);
		refused += send(closed_port, text, sizeof(text), 0) < 0 && errno == EPERM;
	}
	CHECK(refused == PACKETS && shared->dropped == PACKETS, "%d packets were refused, %llu dropped", refused,
	      (unsigned long long)shared->dropped);
	CHECK(shared->sent == PACKETS * (PAYLOAD + IP_UDP) && shared->received == shared->sent,
	      "%llu bytes sent, %llu received", (unsigned long long)shared->sent, (unsigned long long)shared->received);
	close(to);
	close(open_port);
	close(closed_port);
}

static void check_sockets(void)
{
	u64 made = shared->made;
	int fd;

	CHECK(connected_to(0x7f000002) == 0x7f000002, "an address is changed to %x", connected_to(0x7f000002));
	CHECK(connected_to(0x7f000058) == 0x7f00004d, "an address is changed to %x", connected_to(0x7f000058));
	CHECK(connected_to(0x7f000063) == 0 && shared->refused == 1, "an address is not refused");
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	CHECK(fd < 0 && errno == EPERM, "a socket of a forbidden family: %s", strerror(errno));
	CHECK(shared->made > made, "sockets are not counted");
}

int main(void)
{
	static const char *const names[] = { "on_egress", "on_ingress", "on_connect", "on_socket" };
	struct bpf_object *obj = object_load("cgroup", NULL);
	struct bpf_link *link[4] = { NULL };
	int fd = -1, top = -1, any;
	const char *dir;
	char path[256], mode[16];
	size_t i, bytes;

	if (!CHECK(obj, "cgroup does not load"))
		return check_done();
	sys_read("net/core/bpf_moat", mode, sizeof(mode));
	object_check_mode(obj, mode);
	shared = object_section(obj, ".bss", &bytes);
	dir = make_group(path, sizeof(path));
	if (dir) {	/* a new network's /sys hides them */
		fd = open(path, O_RDONLY | O_DIRECTORY);
		top = open(dir, O_RDONLY | O_DIRECTORY);
	}
	if (!dir || sys_own_network()) {
		SKIP("cgroup", dir ? "no network namespace" : "no control groups of version 2");
		return check_done();
	}
	for (i = 0; i < 4; i++) {
		link[i] = bpf_program__attach_cgroup(bpf_object__find_program_by_name(obj, names[i]), fd);
		CHECK(link[i], "%s cannot be attached: %s", names[i], strerror(errno));
	}
	if (CHECK(move_to(fd, getpid()), "%s cannot be entered: %s", path, strerror(errno))) {
		check_traffic();
		check_sockets();
	}
	for (i = 0; i < 4; i++)
		bpf_link__destroy(link[i]);
	any = socket(AF_INET6, SOCK_DGRAM, 0);
	CHECK(any >= 0 || errno == EAFNOSUPPORT, "the programs are gone but still refuse");
	move_to(top, getpid());
	unlinkat(top, "moat-test", AT_REMOVEDIR);
	return check_done();
}
