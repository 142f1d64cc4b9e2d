/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which modes are enforced, why the others are not, and that the answer does not depend on who asks when. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <moat/moat.h>
#include "../runtime/probe.h"
#include "check.h"

/*
 * Ask in a fresh process whose environment has @setting; its reason goes to
 * @why.  All through a pipe: one test has the kernel forget exit statuses.
 */
static int ask_elsewhere(const char *setting, enum moat_mode mode, char *why, size_t size)
{
	const char *reason = "";
	int fd[2], err = 1;
	ssize_t n;

	if (pipe(fd))
		return 1;
	if (!fork()) {
		if (setting)
			putenv((char *)setting);
		err = moat_mode_enforced(mode, &reason);
		n = write(fd[1], &err, sizeof(err));
		n += write(fd[1], reason, strlen(reason));
		_exit(n < 0);
	}
	close(fd[1]);
	if (read(fd[0], &err, sizeof(err)) != sizeof(err))
		err = 1;
	n = read(fd[0], why, size - 1);
	why[n > 0 ? n : 0] = '\0';
	close(fd[0]);
	while (wait(NULL) > 0)
		;
	return err;
}

/* The first row of that name; a mode's is the last one, behind what the CPU calls the same. */
static const struct moat_feature *feature(const char *name, bool last)
{
	const struct moat_feature *f, *found = NULL;
	size_t n = moat_features(&f);

	for (; n; n--, f++)
		if ((last || !found) && !strcmp(f->name, name))
			found = f;
	return found;
}

/* MOAT_LOW_MEMORY=0: as if nothing were free there.  Asked before this process sets up its own heap. */
static void test_no_low_memory(void)
{
	char why[256];

	CHECK(ask_elsewhere("MOAT_LOW_MEMORY=0", MOAT_MODE_NONE, why, sizeof(why)) == -EOPNOTSUPP &&
	      strstr(why, "low memory"), "none: %s", why);
	CHECK(ask_elsewhere("MOAT_LOW_MEMORY=0", MOAT_MODE_PKU, why, sizeof(why)) == -EOPNOTSUPP, "pku: %s", why);
	CHECK(ask_elsewhere("MOAT_LOW_MEMORY=0", MOAT_MODE_BASEREG, why, sizeof(why)) == 0, "basereg: %s", why);
}

/* The host has its own way with children and alarms, and blocks signals: the probe's child must not care. */
static void test_odd_host(void)
{
	char why[256];
	sigset_t set, old;

	signal(SIGCHLD, SIG_IGN);
	CHECK(ask_elsewhere(NULL, MOAT_MODE_BASEREG, why, sizeof(why)) == 0, "children ignored: %s", why);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGALRM, SIG_IGN);
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	CHECK(ask_elsewhere(NULL, MOAT_MODE_BASEREG, why, sizeof(why)) == 0, "signals blocked: %s", why);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	signal(SIGALRM, SIG_DFL);
}

static void test_answers(void)
{
#if defined(__aarch64__)
	const struct moat_feature *pku = feature("s1poe", false), *ospke = pku;
	static const char reason[] = "S1POE";
#else
	const struct moat_feature *pku = feature("pku", false), *ospke = feature("ospke", false);
	static const char reason[] = "PKU";
#endif
	const struct moat_feature *low = feature("low memory", false);
	enum moat_mode m;
	const char *why;

	if (!CHECK(pku && ospke && low, "features are missing"))
		return;
	for (m = MOAT_MODE_NONE; m < MOAT_NR_MODES; m++) {
		const struct moat_feature *f = feature(moat_mode_name(m), true);
		int err;

		why = NULL;
		err = moat_mode_enforced(m, &why);
		CHECK(!err || (err == -EOPNOTSUPP && why && *why), "%s: %d", moat_mode_name(m), err);
		CHECK(f && f->present == !err && f->detail && (!err || !strcmp(f->detail, why)),
		      "%s", moat_mode_name(m));
		printf("%s: %s\n", moat_mode_name(m), f ? f->detail : "?");
	}
	CHECK(!moat_mode_enforced(MOAT_MODE_BASEREG, &why), "basereg must work everywhere: %s", why);
	CHECK(!moat_mode_enforced(MOAT_MODE_NONE, NULL) == low->present, "none goes with low memory");
	if (!pku->present || !ospke->present) {
		CHECK(moat_mode_enforced(MOAT_MODE_PKU_BASEREG, &why) && strstr(why, reason), "%s", why);
		CHECK(moat_mode_best() == MOAT_MODE_BASEREG, "best: %s", moat_mode_name(moat_mode_best()));
	} else if (!moat_mode_enforced(MOAT_MODE_PKU_BASEREG, NULL)) {
		CHECK(moat_mode_best() == MOAT_MODE_PKU_BASEREG, "best: %s", moat_mode_name(moat_mode_best()));
	}
	CHECK(moat_mode_enforced(MOAT_NR_MODES, &why) == -EOPNOTSUPP, "a mode that is none");
}

/* In a mode that stops nothing, the same probe must say so: it can fail. */
static void test_can_fail(void)
{
	const char *why;

	if (moat_mode_enforced(MOAT_MODE_NONE, &why)) {
		SKIP("a probe that fails", why);
		return;
	}
	why = moat_probe(MOAT_MODE_NONE);
	CHECK(why && !strcmp(why, "the probe reached memory of the host"), "%s", why ? why : "stopped");
}

int main(void)
{
	test_no_low_memory();
	test_odd_host();
	test_answers();
	test_can_fail();
	return check_done();
}
