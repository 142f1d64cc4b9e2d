/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose programs are isolated, what those may call that anyone may load, and what is told of each program. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../check.h"
#include "attack.h"
#include "policy.h"

#define WHO	"net/core/bpf_moat_who"
#define GROUP	"/sys/fs/cgroup/moat-policy"

static const struct bpf_insn nothing[] = { MOV_K(0, 0), EXIT };

/* What is told ------------------------------------------------------------------------------------- */

/* Mode and reason of @prog in debugfs. */
static void listed(int prog, char mode[16], char why[128])
{
	FILE *f = fopen("/sys/kernel/debug/moat/programs", "r");
	struct bpf_prog_info info = { 0 };
	u32 len = sizeof(info), id;
	char line[256], text[128];

	mode[0] = why[0] = 0;
	bpf_obj_get_info_by_fd(prog, &info, &len);
	while (f && fgets(line, sizeof(line), f)) {
		text[0] = 0;
		if (sscanf(line, "%u %*u %*s %15s %127[^\n]", &id, mode, text) >= 2 && id == info.id) {
			strcpy(why, text);
			break;
		}
		mode[0] = 0;
	}
	if (f)
		fclose(f);
}

/* Both must say the same; @why is a part of the reason, NULL: there is none. */
static void check_told(const char *what, int prog, const char *mode, const char *why)
{
	char mode_is[2][128], why_is[2][128];

	if (!CHECK(prog >= 0, "%s is not loaded: %d, %.300s", what, prog, sys_log))
		return;
	sys_fdinfo(prog, "moat_mode", mode_is[0]);
	sys_fdinfo(prog, "moat_why", why_is[0]);
	listed(prog, mode_is[1], why_is[1]);
	CHECK(!strcmp(mode_is[0], mode) && !strcmp(mode_is[1], mode), "%s: mode '%s' by fdinfo, '%s' by debugfs, not %s", what,
	      mode_is[0], mode_is[1], mode);
	CHECK(!strcmp(why_is[0], why_is[1]) && (why ? !!strstr(why_is[0], why) : !why_is[0][0]),
	      "%s: why it is not isolated: '%s', '%s'", what, why_is[0], why_is[1]);
	close(prog);
}

static void check_modes(void)
{
	static const struct bpf_insn task[] = { CALL(BPF_FUNC_get_current_task), MOV_K(0, 0), EXIT };
	static const char *const modes[] = { "basereg", "none", "stock" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++)
		if (!sys_write("net/core/bpf_moat", modes[i]))
			check_told(modes[i], sys_load_logged(BPF_PROG_TYPE_XDP, nothing, ARRAY_SIZE(nothing)), modes[i], NULL);
	sys_write("net/core/bpf_moat", "basereg");
	sys_write("net/core/bpf_moat_permissive", "1");
	check_told("what has no isolated form", sys_load_logged(BPF_PROG_TYPE_KPROBE, task, ARRAY_SIZE(task)), "none",
		   "insn 0: helper bpf_get_current_task reveals");
	sys_write("net/core/bpf_moat_permissive", "0");
}

/* Who ------------------------------------------------------------------------------------------------ */

static int load_by_root(void)
{
	return sys_load_logged(BPF_PROG_TYPE_SOCKET_FILTER, nothing, ARRAY_SIZE(nothing));
}

static int load_by_user(void)
{
	return sys_load_unprivileged(BPF_PROG_TYPE_SOCKET_FILTER, nothing, ARRAY_SIZE(nothing));
}

#define LEFT_OUT	"not among those"

static void check_who(const char *who, bool root, bool user)
{
	char is[64];

	if (!CHECK(!sys_write(WHO, who), "the policy '%s' is refused: %s", who, strerror(errno)))
		return;
	sys_read(WHO, is, sizeof(is));
	CHECK(!strcmp(is, who), "after writing '%s' there is '%s'", who, is);
	check_told(who, load_by_root(), root ? "basereg" : "none", root ? NULL : LEFT_OUT);
	check_told(who, load_by_user(), user ? "basereg" : "none", user ? NULL : LEFT_OUT);
}

static void check_refused(const char *who, int err)
{
	int is = sys_write(WHO, who);

	CHECK(is == err, "writing '%s' gives %d", who, is);
}

static bool enter(const char *group)
{
	char path[128];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	f = fopen(path, "w");
	ok = f && fprintf(f, "0\n") > 0;
	return f && !fclose(f) && ok;
}

/* Tasks below the group, and not beside it. */
static void check_group(void)
{
	if (mkdir(GROUP, 0755) || mkdir(GROUP "/below", 0755)) {
		SKIP("programs by control group", "no control groups of version 2");
		return;
	}
	if (CHECK(!sys_write(WHO, "cgroup=/moat-policy"), "a control group is refused: %s", strerror(errno))) {
		check_told("outside the group", load_by_root(), "none", LEFT_OUT);
		CHECK(enter(GROUP "/below"), "a control group cannot be entered: %s", strerror(errno));
		check_told("below the group", load_by_root(), "basereg", NULL);
		CHECK(enter(GROUP), "a control group cannot be entered: %s", strerror(errno));
		check_told("in the group", load_by_root(), "basereg", NULL);
		enter("/sys/fs/cgroup");
	}
	check_who("unprivileged cgroup=/moat-policy/below", false, true);
	rmdir(GROUP "/below");
	rmdir(GROUP);
	check_told("after the group is gone", load_by_root(), "none", LEFT_OUT);
	check_refused("cgroup=/moat-policy", -ENOENT);
}

/* Helpers that anyone's programs may call ------------------------------------------------------------- */

/* One that the kernel offers to everybody. */
static void check_helper(s32 helper, bool user)
{
	const struct bpf_insn insn[] = { CALL(helper), MOV_K(0, 0), EXIT };
	int prog = sys_load_logged(BPF_PROG_TYPE_CGROUP_SKB, insn, ARRAY_SIZE(insn));

	CHECK(prog >= 0, "helper %d is refused to root: %.300s", helper, sys_log);
	close(prog);
	prog = sys_load_unprivileged(BPF_PROG_TYPE_CGROUP_SKB, insn, ARRAY_SIZE(insn));
	CHECK(user ? prog >= 0 : prog < 0 && strstr(sys_log, "without CAP_BPF"), "helper %d by a user: %d, %.300s", helper, prog,
	      sys_log);
	close(prog);
	sys_write("net/core/bpf_moat", "none");
	prog = sys_load_unprivileged(BPF_PROG_TYPE_CGROUP_SKB, insn, ARRAY_SIZE(insn));
	CHECK(prog >= 0, "helper %d by a user in mode none: %d, %.300s", helper, prog, sys_log);
	close(prog);
	sys_write("net/core/bpf_moat", "basereg");
}

/* What is not on the list is refused, whoever asks. */
static void check_list(void)
{
	int map = attack_map(0, 0), prog;
	const struct bpf_insn dynptr[] = {
		LD_VALUE(1, map, 0), MOV_K(2, 8), MOV_K(3, 0), MOV_X(4, 10), ALU64_K(BPF_ADD, 4, -16),
		CALL(BPF_FUNC_dynptr_from_mem), MOV_K(0, 0), EXIT,
	};

	prog = sys_load_logged(BPF_PROG_TYPE_SOCKET_FILTER, dynptr, ARRAY_SIZE(dynptr));
	CHECK(prog < 0 && strstr(sys_log, "is not on the list of helpers"), "a helper that is on no list: %d, %.500s", prog,
	      sys_log);
	close(prog);
	close(map);
}

void policy_who(void)
{
	long unprivileged = sys_read_number("kernel/unprivileged_bpf_disabled");
	char was[64];

	sys_read(WHO, was, sizeof(was));
	sys_write("kernel/unprivileged_bpf_disabled", "0");
	check_modes();
	check_who("unprivileged", false, true);
	check_who("without=net_admin", false, true);
	check_who("all", true, true);
	check_refused("nobody", -EINVAL);
	check_refused("all but", -EINVAL);
	check_refused("without=cap", -EINVAL);
	check_refused("cgroup=relative", -EINVAL);
	check_refused("\n", -EINVAL);
	check_told("after refused words", load_by_root(), "basereg", NULL);
	check_group();
	CHECK(!sys_write(WHO, was), "the policy cannot be set back to '%s'", was);
	check_helper(BPF_FUNC_ktime_get_ns, true);
	check_helper(BPF_FUNC_skb_ecn_set_ce, false);
	check_list();
	if (unprivileged > 0)
		sys_write("kernel/unprivileged_bpf_disabled", "2");
}
