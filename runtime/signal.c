/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Signals that are the host's own: what it would have had without us.
 *
 * Our handlers stand in front of those that the host had when the first
 * program was compiled.  What is no program's fault goes on to them, as the
 * kernel would have delivered it.
 */
#include <signal.h>

#include "internal.h"

static const int signals[] = {
	SIGSEGV, SIGBUS, SIGILL,
#if defined(__aarch64__)
	SIGTRAP,	/* brk; unlike int3 it is met again when a handler returns */
#endif
};
static struct sigaction before[ARRAY_SIZE(signals)];

/* Call a handler under the mask that the kernel would have set for it. */
static void call(const struct sigaction *sa, int sig, siginfo_t *info, void *uc)
{
	sigset_t mask = sa->sa_mask, old;

	if (!(sa->sa_flags & SA_NODEFER))
		sigaddset(&mask, sig);
	pthread_sigmask(SIG_BLOCK, &mask, &old);
	if (sa->sa_flags & SA_SIGINFO)
		sa->sa_sigaction(sig, info, uc);
	else
		sa->sa_handler(sig);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/*
 * Let the default happen: a signal of the CPU's comes again when the handler
 * returns to the instruction, a sent one must be sent again.
 */
static void give_up(int sig, const siginfo_t *info)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };

	sigaction(sig, &sa, NULL);
	if (info->si_code <= 0)
		raise(sig);
}

static void chain(struct sigaction *sa, int sig, siginfo_t *info, void *uc)
{
	struct sigaction now = *sa;

	if (sa->sa_flags & SA_RESETHAND)
		*sa = (struct sigaction){ .sa_handler = SIG_DFL };
	/* The kernel lets nobody ignore a fault of the CPU's. */
	if (now.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	if (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN)
		give_up(sig, info);
	else
		call(&now, sig, info, uc);
}

static void handler(int sig, siginfo_t *info, void *uc)
{
	int saved = errno;
	u32 i;

	moat_handle_signal(sig, info, uc);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i] == sig)
			chain(&before[i], sig, info, uc);
	errno = saved;
}

static int install(int sig, struct sigaction *old)
{
	/* NODEFER and an empty mask: leaving by siglongjmp, there is no mask to restore. */
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	sa.sa_sigaction = handler;
	sigemptyset(&sa.sa_mask);
	/* Asked first: a signal that comes at once must find where to go on. */
	if (sigaction(sig, NULL, old) || sigaction(sig, &sa, old))
		return -errno;
	return 0;
}

int moat_signal_install(void)
{
	int err = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(signals) && !err; i++)
		err = install(signals[i], &before[i]);
	return err;
}
