/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Types of programs (types MODE): attached, each must see and do in MODE what it does in mode "none"; a run that faults
 * must not let pass what the type can stop, and what has no isolated form is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "isolate.h"
#include "object.h"
#include "types.h"

#define GROUP	"/sys/fs/cgroup/moat-types"

void types_see(struct type_test *t, u64 what)
{
	if (CHECK(t->nr_seen < ARRAY_SIZE(t->seen), "%s: there is too much to see", t->name))
		t->seen[t->nr_seen++] = what;
}

struct bpf_program *types_program(struct type_test *t, u32 i)
{
	return bpf_object__find_program_by_name(t->obj, t->programs[i]);
}

/* Control group ------------------------------------------------------------------------------------ */

static bool move_to(const char *group)
{
	char path[128], text[16];
	int fd, n;
	bool ok;

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	fd = open(path, O_WRONLY);
	n = snprintf(text, sizeof(text), "%d", getpid());
	ok = fd >= 0 && write(fd, text, (size_t)n) == n;
	close(fd);
	return ok;
}

static int enter_group(void)
{
	if (mkdir(GROUP, 0755) && errno != EEXIST)
		return -1;
	return move_to(GROUP) ? open(GROUP, O_RDONLY | O_DIRECTORY) : -1;
}

static void leave_group(int group)
{
	close(group);
	move_to("/sys/fs/cgroup");
	rmdir(GROUP);
}

/* Programs ------------------------------------------------------------------------------------------ */

static bool attach_to_group(struct type_test *t)
{
	u32 i;

	for (i = 0; t->programs[i]; i++) {
		t->link[i] = bpf_program__attach_cgroup(types_program(t, i), t->group);
		if (!CHECK(t->link[i], "%s in mode %s is not attached: %s", t->programs[i], t->mode, strerror(errno)))
			return false;
	}
	return true;
}

static bool start(struct type_test *t, const char *object, const char *mode)
{
	size_t bytes;
	u32 i;

	t->mode = mode;
	t->nr_seen = 0;
	memset(t->link, 0, sizeof(t->link));
	for (i = 0; i < ARRAY_SIZE(t->fd); i++)
		t->fd[i] = -1;
	t->obj = isolate_load(object, mode, t->programs, NULL);
	if (!t->obj)
		return false;
	t->shared = object_section(t->obj, ".bss", &bytes);
	return t->attach ? t->attach(t) : attach_to_group(t);
}

static void finish(struct type_test *t)
{
	u32 i;

	if (t->detach && t->obj)
		t->detach(t);
	for (i = 0; i < MAX_LINKS; i++)
		bpf_link__destroy(t->link[i]);
	for (i = 0; i < ARRAY_SIZE(t->fd); i++)
		if (t->fd[i] >= 0)
			close(t->fd[i]);
	bpf_object__close(t->obj);
	t->obj = NULL;
}

/* Of its programs, and of those of the same names that are not quite gone yet. */
static unsigned long long faults_of(struct type_test *t)
{
	FILE *f = fopen("/sys/kernel/debug/moat/domains", "r");
	unsigned long long faults, sum = 0;
	char line[256], is[32];
	u32 i;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %*u %*u %*u %*u %*u %llu", is, &faults) == 2)
			for (i = 0; t->programs[i]; i++)
				sum += strncmp(is, t->programs[i], 15) ? 0 : faults;
	if (f)
		fclose(f);
	return sum;
}

/* Does fdinfo say that program @fd reads the kernel's memory? */
static bool is_told_to_read(int fd)
{
	char what[128];

	sys_fdinfo(fd, "moat_reads", what);
	return !strcmp(what, "memory of the kernel");
}

static void check_told(struct type_test *t)
{
	bool reads = t->reads && !strcmp(t->mode, "basereg");
	u32 i;

	for (i = 0; t->programs[i]; i++)
		CHECK(is_told_to_read(bpf_program__fd(types_program(t, i))) == reads, "%s in mode %s: it is %ssaid that it reads",
		      t->programs[i], t->mode, reads ? "not " : "");
}

/* What the programs and we saw, in one mode. */
static u32 look(struct type_test *t, const char *object, const char *mode, u64 seen[NR_SEEN + 64])
{
	u32 i;

	memset(seen, 0, (NR_SEEN + 64) * sizeof(*seen));
	if (start(t, object, mode)) {
		check_told(t);
		t->act(t);
		CHECK(t->shared->runs, "%s in mode %s: no program ran", t->name, mode);
		for (i = 0; i < NR_SEEN; i++)
			seen[i] = t->shared->seen[i];
		memcpy(seen + NR_SEEN, t->seen, sizeof(t->seen));
		CHECK(!strcmp(mode, "none") || faults_of(t) == 0, "%s in mode %s: %lld faults", t->name, mode,
		      (long long)faults_of(t));
	}
	finish(t);
	return t->nr_seen;
}

static void compare(struct type_test *t, const char *object, const char *mode)
{
	u64 should[NR_SEEN + 64], is[NR_SEEN + 64] = { 0 };
	u32 i, n = look(t, object, "none", should);

	if (t->missing)
		return;
	CHECK(n && look(t, object, mode, is) == n, "%s in mode %s: there is another number of things to see", t->name, mode);
	for (i = 0; i < ARRAY_SIZE(is); i++)
		CHECK(is[i] == should[i], "%s in mode %s: %s %u is %#llx, not %#llx", t->name, mode,
		      i < NR_SEEN ? "what a program saw," : "what came of it,", i < NR_SEEN ? i : i - NR_SEEN,
		      (unsigned long long)is[i], (unsigned long long)should[i]);
}

/* With the address of an object of the kernel in shared.wild: it is written to in "none", and then only. */
static void go_astray_in(struct type_test *t, const char *object, const char *mode)
{
	bool isolated = strcmp(mode, "none"), works = true;
	u64 victim;

	fool(true);
	works = start(t, object, mode);
	fool(false);
	if (works) {
		CHECK(t->passes(t), "%s in mode %s: it does not pass before it goes astray", t->name, mode);
		victim = prey("victim");
		t->shared->wild = prey("victim.at");
		works = t->passes(t);
		t->shared->wild = 0;
		CHECK((prey("victim") != victim) != isolated, "%s in mode %s: the object is %s", t->name, mode,
		      isolated ? "changed" : "not changed");
		CHECK(works == (t->open || !isolated), "%s in mode %s: it %s although the program went astray", t->name, mode,
		      works ? "passes" : "does not pass");
		CHECK(!isolated || faults_of(t), "%s in mode %s: there was no fault", t->name, mode);
		CHECK((t->for_good && isolated) || t->passes(t), "%s in mode %s: it does not pass any more", t->name, mode);
	}
	finish(t);
}

static void go_astray(struct type_test *t, const char *object, const char *mode)
{
	char astray[64];

	if (!t->passes || !fool(false))
		return;
	snprintf(astray, sizeof(astray), "%s_astray", object);
	go_astray_in(t, astray, "none");
	if (strcmp(mode, "none"))
		go_astray_in(t, astray, mode);
}

static void test_all(struct type_test *t, const char *object, const char *mode, int group)
{
	for (; t->name; t++) {
		printf("%s\n", t->name);
		t->group = group;
		if (t->reads)
			compare(t, object, "stock");
		if (!t->missing)
			compare(t, object, mode);
		if (!t->missing)
			go_astray(t, object, mode);
	}
}

/* Refused ------------------------------------------------------------------------------------------- */

struct refusal {
	const char *name, *reason;
	bool limited;		/* of those who have CAP_BPF and may not look at the kernel */
	bool fooled;		/* the verifier would not have it either */
};

static void refuse(const struct refusal *row, const char *mode, int target)
{
	const char *name = row->name, *reason = strcmp(mode, "none") ? row->reason : NULL;
	struct bpf_object *obj;
	struct bpf_program *prog;
	char why[256] = "";
	int err;

	obj = object_open("types_refused");
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	if (target >= 0)
		bpf_program__set_attach_target(bpf_object__find_program_by_name(obj, name), target, "replaced");
	sys_write("net/core/bpf_moat", mode);
	fool(row->fooled);
	if (row->limited)
		sys_limit(true);
	err = bpf_object__load(obj);
	if (row->limited)
		sys_limit(false);
	fool(false);
	sys_write("net/core/bpf_moat", "none");
	object_why(why);
	bpf_object__close(obj);
	if (!reason)
		CHECK(!err, "%s in mode %s is not loaded: %s", name, mode, why);
	else
		CHECK(err == -EOPNOTSUPP && strstr(why, "moat: ") && strstr(why, reason), "%s in mode %s: error %d, %s", name,
		      mode, err, why);
}

static void refuse_all(const char *mode)
{
	static const struct refusal row[] = {
		{ "for_syscall", "(bpf_syscall)" }, { "iterates", "iterators" },
		{ "ssthresh", "(bpf_struct_ops)" }, { "replacement", "(bpf_extension)" },
		{ "writes", "writes to an object of the kernel", .fooled = true },
		{ "acquires", "bpf_probe_read_kernel() does, which is not for", .limited = true },
		{ "acquires", "bpf_probe_read_kernel() does, which is not for", .limited = true, .fooled = true },
	};
	static const char *const names[] = { "target", NULL };
	struct bpf_object *obj = isolate_load("types_refused", "none", names, NULL);
	int target;
	u32 i;

	if (!obj || !strcmp(mode, "none"))
		return;
	for (i = 0; i < ARRAY_SIZE(row); i++) {
		target = strcmp(row[i].name, "replacement") ? -1 : object_prog(obj, "target");
		if (row[i].fooled && !fool(false))
			continue;
		refuse(&row[i], "none", target);
		refuse(&row[i], mode, target);
	}
	bpf_object__close(obj);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "basereg";
	int group = enter_group();
	static struct { struct type_test *tests; const char *object; } const all[] = {
		{ types_cgroup, "types_cgroup" }, { types_sock, "types_sock" }, { types_packet, "types_packet" },
		{ types_trace, "types_trace" },
	};
	char was[16];
	u32 i;

	sys_read("net/core/bpf_moat", was, sizeof(was));
	if (group < 0) {
		SKIP("types", "no control groups of version 2");
		return check_done();
	}
	for (i = 0; i < ARRAY_SIZE(all); i++)
		test_all(all[i].tests, all[i].object, mode, group);
	refuse_all(mode);
	types_behind("none");
	types_behind(mode);
	types_results("none", group);
	types_results(mode, group);
	/* Afterwards there is no debugfs: /sys is that of another namespace. */
	types_routes("none");
	types_routes(mode);
	leave_group(group);
	sys_write("net/core/bpf_moat", was);
	return check_done();
}
