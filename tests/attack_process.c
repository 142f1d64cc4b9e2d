/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The variants that attacks are tried in, and the process that each try runs in. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "attack.h"

#define SECONDS	30

const struct attack_variant attack_variants[] = {
	{ MOAT_MODE_NONE, 0, "none" },
	{ MOAT_MODE_BASEREG, 1, "basereg/register" },
#if defined(__x86_64__)
	{ MOAT_MODE_BASEREG, 2, "basereg/segment" },
	{ MOAT_MODE_PKU, 0, "pku" },
	{ MOAT_MODE_PKU_BASEREG, 1, "pku+basereg/register" },
	{ MOAT_MODE_PKU_BASEREG, 2, "pku+basereg/segment" },
#elif defined(__aarch64__)
	{ MOAT_MODE_PKU, 0, "poe" },
	{ MOAT_MODE_PKU_BASEREG, 1, "poe+basereg" },
#endif
};
static_assert(ARRAY_SIZE(attack_variants) == ATTACK_VARIANTS, "one column each");

static void unexpected(int sig)
{
	_exit(99);
}

void attack_signals(void)
{
	signal(SIGSEGV, unexpected);
	signal(SIGBUS, unexpected);
	signal(SIGILL, unexpected);
	signal(SIGTRAP, unexpected);
}

static _Noreturn void child(const struct attack *a, const struct attack_variant *v, int to)
{
	static const struct rlimit no_core;
	struct attack_result r = { 0 };
	u32 i;

	setrlimit(RLIMIT_CORE, &no_core);
	alarm(SECONDS);
	moat_set_print(NULL);
	for (i = 0; i < 512; i++) {
		attack_secret[i] = SECRET;
		attack_canary[i] = SECRET;
	}
	if (moat_heap_detach() || moat_code_detach())
		attack_odd(&r, "no memory of its own");
	else
		a->run(v, &r);
	for (i = 0; i < 512; i++)
		if (attack_secret[i] != SECRET || attack_canary[i] != SECRET)
			attack_odd(&r, "host memory is not what it was");
	_exit(write(to, &r, sizeof(r)) != sizeof(r));
}

enum attack_ending attack_conduct(const struct attack *a, const struct attack_variant *v, struct attack_result *r,
				  int *status)
{
	ssize_t n;
	int fd[2];
	pid_t pid;

	if (pipe(fd)) {
		attack_odd(r, "no pipe");
		return ATTACK_REPORTED;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		child(a, v, fd[1]);
	}
	close(fd[1]);
	n = read(fd[0], r, sizeof(*r));
	close(fd[0]);
	if (pid < 0 || waitpid(pid, status, 0) != pid) {
		attack_odd(r, "no process");
		return ATTACK_REPORTED;
	}
	if (WIFSIGNALED(*status) && WTERMSIG(*status) == SIGALRM)
		return ATTACK_HUNG;
	return n == sizeof(*r) && !*status ? ATTACK_REPORTED : ATTACK_DIED;
}
