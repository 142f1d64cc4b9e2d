/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Seccomp filters in two modes, and what the tests of classic programs share. */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../check.h"
#include "../gen.h"
#include "classics.h"
#include "sys.h"

void classics_mode(const char *mode)
{
	CHECK(!sys_write("net/core/bpf_moat", mode), "there is no mode %s", mode);
}

struct classics_domains classics_domains(const char *name)
{
	FILE *f = fopen("/sys/kernel/debug/moat/domains", "r");
	struct classics_domains d = { 0 };
	unsigned long long faults, refused;
	char line[256], word[64];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %*s %*s %*s %*s %*s %llu %llu", word, &faults, &refused) != 3 || strcmp(word, name))
			continue;
		d.programs++;
		d.faults += faults;
		d.refused += refused;
	}
	CHECK(f, "the kernel tells nothing of its domains");
	if (f)
		fclose(f);
	return d;
}

bool classics_await(const char *name, u32 n)
{
	u32 tries = 100;

	while (classics_domains(name).programs != n && tries--)
		usleep(50000);
	return classics_domains(name).programs == n;
}

struct sock_filter classics_row(u64 r)
{
	static const u16 alu[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_OR, BPF_AND, BPF_XOR, BPF_DIV, BPF_LSH };
	static const u16 jmp[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	u32 k = r & 512 ? (u32)(r >> 32) : (u32)(r >> 32) % 30;
	u16 x = r & 256 ? BPF_X : BPF_K, op = alu[(r >> 10) % 8];
	bool one = r & 1024;

	switch (r % 7) {
	case 0:
		return STMT((one ? BPF_LD : BPF_LDX) | BPF_IMM, k);
	case 1:
		return STMT((one ? BPF_LD : BPF_LDX) | BPF_MEM, (u32)(r >> 32) % 16);
	case 2:
		return STMT(one ? BPF_ST : BPF_STX, (u32)(r >> 32) % 16);
	case 3:
		return STMT(BPF_MISC | (one ? BPF_TAX : BPF_TXA), 0);
	case 4:
		return JUMP(BPF_JMP | jmp[(r >> 10) % 4] | x, k, (r >> 12) % 4, (r >> 14) % 4);
	case 5:
		return STMT(BPF_ALU | BPF_NEG, 0);
	default:
		return STMT(BPF_ALU | op | x, op == BPF_LSH ? k % 32 : k | 1);
	}
}

u32 classics_fill_memory(struct sock_filter *f, u64 *rng)
{
	u32 n = 0, i;

	for (i = 0; i < 16; i++) {
		f[n++] = STMT(BPF_LD | BPF_IMM, (u32)gen_random(rng));
		f[n++] = STMT(BPF_ST, i);
	}
	return n;
}

/* Filters ------------------------------------------------------------------------------------------ */

#define NR_CALLS	12

/* What a child with the filter saw; shared with it. */
struct seen {
	int refused;	/* errno of prctl() */
	int err[NR_CALLS];
};

/* A filter of getpriority() only: its error says what A was, in its low bits. */
static u32 make_filter(struct sock_filter *f, u64 seed)
{
	static const u32 field[] = {
		offsetof(struct seccomp_data, nr), offsetof(struct seccomp_data, arch), offsetof(struct seccomp_data, args[0]),
		offsetof(struct seccomp_data, args[1]), offsetof(struct seccomp_data, args[1]) + 4,
		offsetof(struct seccomp_data, args[2]), offsetof(struct seccomp_data, args[5]) + 4,
	};
	u32 n = 0, end;
	u64 r;

	f[n++] = STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	f[n++] = JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 1, 0);
	f[n++] = STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	n += classics_fill_memory(f + n, &seed);
	for (end = n + 30; n < end; n++) {
		r = gen_random(&seed);
		f[n] = r >> 62 ? classics_row(r) : STMT(BPF_LD | BPF_W | BPF_ABS, field[(r >> 8) % ARRAY_SIZE(field)]);
		/* Seccomp knows no remainder, and the sum of all that was loaded is to matter. */
		if (f[n].code == (BPF_LD | BPF_W | BPF_ABS)) {
			f[n + 1] = STMT(BPF_MISC | BPF_TAX, 0);
			f[n + 2] = STMT(BPF_LD | BPF_MEM, 0);
			f[n + 3] = STMT(BPF_ALU | BPF_ADD | BPF_X, 0);
			f[n + 4] = STMT(BPF_ST, 0);
			n += 4;
		}
	}
	for (end = n + 4; n < end; n++)
		f[n] = STMT(BPF_LD | BPF_MEM, 0);
	f[n++] = STMT(BPF_LD | BPF_W | BPF_LEN, 0);
	f[n++] = STMT(BPF_MISC | BPF_TAX, 0);
	f[n++] = STMT(BPF_LD | BPF_MEM, 0);
	f[n++] = STMT(BPF_ALU | BPF_ADD | BPF_X, 0);
	f[n++] = STMT(BPF_ALU | BPF_AND | BPF_K, 1023);
	f[n++] = STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO);
	f[n++] = STMT(BPF_RET | BPF_A, 0);
	return n;
}

static int install(const struct sock_filter *f, u32 n)
{
	struct sock_fprog prog = { .len = (u16)n, .filter = (struct sock_filter *)f };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) ? errno : 0;
}

static void child(const struct sock_filter *f, u32 n, struct seen *seen)
{
	u32 i;

	seen->refused = install(f, n);
	for (i = 0; i < NR_CALLS && !seen->refused; i++) {
		errno = 0;
		syscall(SYS_getpriority, i & 1 ? -1L : (long)i, 0x123456789abcdefL * i, i * i, 0, 0, (long)i << 33);
		seen->err[i] = errno;
	}
	_exit(0);
}

static void run(const struct sock_filter *f, u32 n, const char *mode, struct seen *seen)
{
	int status = -1;
	pid_t pid;

	classics_mode(mode);
	memset(seen, 0, sizeof(*seen));
	pid = fork();
	if (!pid)
		child(f, n, seen);
	CHECK(waitpid(pid, &status, 0) == pid && !status, "a filtered child ends with status 0x%x", status);
}

/* Refused ones are refused in both modes. */
static void refusals(const char *mode, struct seen *plain, struct seen *isolated)
{
	static const struct sock_filter bad[][2] = {
		{ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(struct seccomp_data)), BPF_STMT(BPF_RET | BPF_A, 0) },
		{ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), BPF_STMT(BPF_RET | BPF_A, 0) },
		{ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4), BPF_STMT(BPF_RET | BPF_A, 0) },
		{ BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), BPF_STMT(BPF_RET | BPF_A, 0) },
		{ BPF_STMT(BPF_LD | BPF_MEM, 0), BPF_STMT(BPF_RET | BPF_A, 0) },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		run(bad[i], 2, "none", plain);
		run(bad[i], 2, mode, isolated);
		CHECK(plain->refused && isolated->refused == plain->refused, "filter %u: error %d, not %d", i,
		      isolated->refused, plain->refused);
	}
}

static void *hammer(void *wrong)
{
	u32 i;

	for (i = 0; i < 20000; i++)
		if (syscall(SYS_getpriority, 0, 1) != -1 || errno != 5)
			(*(_Atomic u32 *)wrong)++;
	return NULL;
}

/* Threads that are interrupted in a filter, more than there are slots: a run that got none would kill the thread. */
static void crowd(const char *mode)
{
	static const struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 5), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct classics_domains all;
	_Atomic u32 wrong = 0;
	pthread_t thread[16];
	int status = -1;
	pid_t pid;
	u32 i;

	classics_mode(mode);
	pid = fork();
	if (!pid) {
		sys_unpin();
		if (install(f, ARRAY_SIZE(f)))
			_exit(2);
		for (i = 0; i < ARRAY_SIZE(thread); i++)
			pthread_create(&thread[i], NULL, hammer, &wrong);
		/* Here, as the domain goes with its last task. */
		all = classics_domains("classic_seccomp");
		for (i = 0; i < ARRAY_SIZE(thread); i++)
			pthread_join(thread[i], NULL);
		_exit(wrong ? 3 : all.programs != 1 || all.faults || all.refused ? 4 : 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status, "threads with a filter: status 0x%x", status);
	CHECK(classics_await("classic_seccomp", 0), "a filter that is gone stays a domain");
}

void classics_seccomp(const char *mode)
{
	struct seen *seen = mmap(NULL, 2 * sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sock_filter f[256];
	u32 i, n, call, nonzero = 0;

	if (!CHECK(seen != MAP_FAILED, "no memory"))
		return;
	for (i = 0; i < 40; i++) {
		n = make_filter(f, i + 1);
		run(f, n, "none", &seen[0]);
		run(f, n, mode, &seen[1]);
		CHECK(!seen[0].refused && !seen[1].refused, "filter %u is refused: %d, %d", i, seen[0].refused, seen[1].refused);
		for (call = 0; call < NR_CALLS; call++) {
			nonzero += seen[0].err[call] != 0;
			CHECK(seen[0].err[call] == seen[1].err[call], "filter %u, call %u: error %d, not %d", i, call,
			      seen[1].err[call], seen[0].err[call]);
		}
	}
	CHECK(nonzero > 100, "only %u calls got an error: filters compared too little", nonzero);
	refusals(mode, &seen[0], &seen[1]);
	crowd(mode);
	munmap(seen, 2 * sizeof(*seen));
}
