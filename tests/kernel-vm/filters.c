/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Classic BPF: socket filters by libpcap and at random, against an interpreter of our own (classic.c), on frames that
 * arrive; seccomp filters on system calls; and the limit of what programs may take.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../check.h"
#include "../gen.h"
#include "../insns.h"
#include "classic.h"
#include "net.h"
#include "sys.h"

/* Socket filters ------------------------------------------------------------------------------ */

static struct net net;

static const struct net_packet packets[] = {
	{ 17, NET_FAR, NET_NEAR, 4000, 5000, .payload = 100 }, { 17, NET_FAR, NET_NEAR, 4001, 53, .payload = 30 },
	{ 6, NET_FAR, NET_NEAR, 4002, 80, .flags = 2 }, { 6, NET_FAR, NET_NEAR, 4003, 22, .flags = 16, .payload = 700 },
	{ 17, NET_FAR, NET_NEAR, 4004, 1900, .payload = 1400 }, { 1, NET_FAR, NET_NEAR, .payload = 56 },
	{ 47, NET_FAR, NET_NEAR, .payload = 40 }, { 0, .type = 0x0806, .payload = 46 },
	{ 17, NET_FAR, NET_NEAR, 4006, 6001, .fragment = 100, .payload = 64 }, { 6, NET_FAR, NET_NEAR, 4007, 1, .cut = 30 },
};
#define NR_PACKETS	ARRAY_SIZE(packets)

static void forget_frames(int socket)
{
	u8 frame[NET_FRAME];

	while (recv(socket, frame, sizeof(frame), MSG_DONTWAIT) > 0)
		;
}

/* Send all frames; what comes through must be what our machine says, cut where it says. */
static void check_filter(const char *name, const struct sock_filter *rows, u32 n)
{
	struct sock_fprog prog = { .len = (u16)n, .filter = (struct sock_filter *)rows };
	u8 sent[NET_FRAME], got[NET_FRAME];
	u32 i, want, bytes;
	ssize_t is;

	if (!CHECK(!setsockopt(net.near, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), "%s: %s", name,
		   strerror(errno)))
		return;
	forget_frames(net.near);
	forget_frames(net.witness);
	for (i = 0; i < NR_PACKETS; i++) {
		bytes = net_build(sent, &packets[i]);
		want = classic_run(rows, sent, bytes);
		want = want < bytes ? want : bytes;
		net_send(net.far, sent, bytes);
		CHECK(net_await(&net), "%s: frame %u does not arrive", name, i);
		is = recv(net.near, got, sizeof(got), MSG_DONTWAIT);
		is = is < 0 ? 0 : is;
		CHECK((u32)is == want && !memcmp(got, sent, want), "%s: %zd bytes of frame %u come through, not %u", name,
		      is, i, want);
	}
}

static void known_filters(void)
{
#define FILTER(text, ...) {							\
		static const struct sock_filter rows[] = { __VA_ARGS__ };	\
		check_filter(text, rows, ARRAY_SIZE(rows));			\
	}
#include "filters.inc"
#undef FILTER
}

/* One random row; @r is random. */
static struct sock_filter random_row(u64 r)
{
	static const u16 alu[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_OR, BPF_AND, BPF_XOR, BPF_DIV, BPF_MOD };
	static const u16 jmp[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	static const u16 size[] = { BPF_B, BPF_H, BPF_W };
	u32 k = r & 512 ? (u32)(r >> 32) : (u32)(r >> 32) % 60;
	u16 x = r & 256 ? BPF_X : BPF_K;
	bool one = r & 1024;

	switch (r % 9) {
	case 0:
		return (struct sock_filter)BPF_STMT(BPF_LD | BPF_ABS | size[(r >> 10) % 3], (u32)(r >> 32) % 30);
	case 1:
		return (struct sock_filter)BPF_STMT((one ? BPF_LD : BPF_LDX) | BPF_MEM, (u32)(r >> 32) % 16);
	case 2:
		return (struct sock_filter)BPF_STMT(one ? BPF_ST : BPF_STX, (u32)(r >> 32) % 16);
	case 3:
		return (struct sock_filter)BPF_STMT(BPF_MISC | (one ? BPF_TAX : BPF_TXA), 0);
	case 4:		/* over at most three rows, the end is further */
		return (struct sock_filter)BPF_JUMP(BPF_JMP | jmp[(r >> 10) % 4] | x, k, (r >> 12) % 4, (r >> 14) % 4);
	case 5:
		return (struct sock_filter)BPF_STMT(BPF_ALU | (one ? BPF_LSH : BPF_RSH) | BPF_K, k % 32);
	case 6:
		return (struct sock_filter)BPF_STMT(BPF_LDX | BPF_MSH | BPF_B, 14);
	case 7:
		return (struct sock_filter)BPF_STMT(BPF_ALU | BPF_NEG, 0);
	default:
		return (struct sock_filter)BPF_STMT(BPF_ALU | alu[(r >> 10) % 8] | x, k | 1);
	}
}

/* A random program; memory is written first, the result is a number of bytes. */
static u32 make_random(struct sock_filter *f, u64 *rng)
{
	u32 n = 0, i, len = 42 + (u32)(gen_random(rng) % 60);

	for (i = 0; i < 16; i++) {
		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, (u32)gen_random(rng));
		f[n++] = (struct sock_filter)BPF_STMT(BPF_ST, i);
	}
	while (n < len)
		f[n++] = random_row(gen_random(rng));
	for (i = 0; i < 4; i++)		/* where jumps may land */
		f[n++] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TXA, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x7ff);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	return n;
}

static void random_filters(u32 count)
{
	struct sock_filter f[128];
	char name[32];
	u32 i, n;

	for (i = 0; i < count; i++) {
		u64 rng = i;

		n = make_random(f, &rng);
		snprintf(name, sizeof(name), "random filter %u", i);
		check_filter(name, f, n);
	}
}

/* Seccomp -------------------------------------------------------------------------------------- */

#define ARG(i)	(offsetof(struct seccomp_data, args[i]))

/* getpriority(which, who): an error that depends on @who, so that every branch shows. */
static const struct sock_filter on_syscalls[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 10),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(1)),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 1000, 0, 8),
	BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 1000),
	BPF_STMT(BPF_MISC | BPF_TAX, 0),
	BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
	BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 127),
	BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
	BPF_STMT(BPF_RET | BPF_A, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

/* In a child: how many answers are wrong, at most 100; 101: no filter. */
static int filtered_child(void)
{
	struct sock_fprog prog = { .len = ARRAY_SIZE(on_syscalls), .filter = (struct sock_filter *)on_syscalls };
	int wrong = 0;
	u32 i;
	long r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		return 101;
	for (i = 0; i < 60; i++) {	/* 63 would be no error */
		errno = 0;
		r = syscall(SYS_getpriority, 0, 1001 + i);
		wrong += r != -1 || errno != (int)((i + 1 + sizeof(struct seccomp_data)) & 127);
		wrong += syscall(SYS_getpriority, 0, 0) < 0;
		wrong += syscall(SYS_getppid) < 1;
	}
	return wrong > 100 ? 100 : wrong;
}

static void seccomp(void)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid)
		_exit(filtered_child());
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status),
	      "seccomp: %d of 180 system calls got a wrong answer", WEXITSTATUS(status));
}

/* The limit ------------------------------------------------------------------------------------ */

/* Root may go over the limit; who may not gets no code: an error, or the interpreter. */
static void limit(void)
{
	static const struct bpf_insn insn[] = { MOV_K(0, 0), EXIT };
	long unprivileged = sys_read_number("kernel/unprivileged_bpf_disabled");
	long was = sys_read_number("net/core/bpf_jit_limit");
	char text[32];
	int fd, before, after;

	if (unprivileged == 1 || was < 0) {
		SKIP("bpf_jit_limit", was < 0 ? "there is none" : "programs without privileges are off for good");
		return;
	}
	sys_write("kernel/unprivileged_bpf_disabled", "0");
	before = sys_load_unprivileged(BPF_PROG_TYPE_SOCKET_FILTER, insn, 2);
	CHECK(before >= 0 && sys_code_bytes(before), "no code for a program without privileges: %d", before);
	snprintf(text, sizeof(text), "%ld", was);
	/* the least that can be set is a page: fill it */
	CHECK(!sys_write("net/core/bpf_jit_limit", "4096"), "bpf_jit_limit cannot be set");
	for (after = 0; after < 80; after++)
		sys_load(BPF_PROG_TYPE_SOCKET_FILTER, insn, 2);
	fd = sys_load_unprivileged(BPF_PROG_TYPE_SOCKET_FILTER, insn, 2);
	CHECK(fd < 0 || !sys_code_bytes(fd), "code over the limit");
	fd = sys_load(BPF_PROG_TYPE_SOCKET_FILTER, insn, 2);
	CHECK(fd >= 0 && sys_code_bytes(fd), "root gets no code: %d", fd);
	sys_write("net/core/bpf_jit_limit", text);
	fd = sys_load_unprivileged(BPF_PROG_TYPE_SOCKET_FILTER, insn, 2);
	CHECK(fd >= 0 && sys_code_bytes(fd), "no code although the limit is as it was: %d", fd);
	if (unprivileged == 2)
		sys_write("kernel/unprivileged_bpf_disabled", "2");
}

int main(void)
{
	limit();	/* its sysctl is not in our namespace */
	seccomp();
	if (CHECK(net_open(&net), "no veth pair")) {
		known_filters();
		random_filters(60);
	}
	return check_done();
}
