/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Isolated programs that are refused, or whose runs end early. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "../check.h"
#include "../insns.h"
#include "attack.h"
#include "isolate.h"
#include "object.h"

static u32 run_once(int prog)
{
	u32 retval = ~0u;

	return sys_run(prog, attack_packet, PACKET_BYTES, 1, &retval) ? ~0u : retval;
}

/* Refused ------------------------------------------------------------------------------------------ */

/* It must load in mode "none", and in @mode be refused with a line of ours. */
static void refuse(const char *mode, const char *what, enum bpf_prog_type type, const struct bpf_insn *insn, u32 len)
{
	int fd;

	sys_write("net/core/bpf_moat", "none");
	fd = sys_load_logged(type, insn, len);
	CHECK(fd >= 0, "%s is not loaded in mode none: %s", what, sys_log);
	close(fd);
	sys_write("net/core/bpf_moat", mode);
	fd = sys_load_logged(type, insn, len);
	CHECK(fd == -EOPNOTSUPP && strstr(sys_log, "moat: "), "%s in mode %s: %d, log: %.500s", what, mode, fd, sys_log);
	close(fd);
	sys_write("net/core/bpf_moat_permissive", "1");
	fd = sys_load_logged(type, insn, len);
	CHECK(fd >= 0, "%s in mode %s, although that is permissive: %d, log: %.500s", what, mode, fd, sys_log);
	close(fd);
	sys_write("net/core/bpf_moat_permissive", "0");
	sys_write("net/core/bpf_moat", "none");
}

/* The same for a program in an object. */
static void refuse_kfuncs(const char *mode)
{
	static const char *const names[] = { "kfuncs", NULL };
	struct bpf_object *obj;
	char why[256] = "";

	obj = isolate_load("kfunc", "none", names, why);
	if (!obj) {
		SKIP("kernel functions", why);
		return;
	}
	bpf_object__close(obj);
	obj = isolate_load("kfunc", mode, names, why);
	CHECK(!obj && strstr(why, "moat: insn ") && strstr(why, "kernel functions"), "kernel functions in mode %s: %s", mode, why);
	bpf_object__close(obj);
	sys_write("net/core/bpf_moat_permissive", "1");
	bpf_object__close(isolate_load("kfunc", mode, names, NULL));
	sys_write("net/core/bpf_moat_permissive", "0");
}

void isolate_refusals(const char *mode)
{
	int ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "moat_test", 0, 0, 4096, NULL);
	const struct bpf_insn record[] = {
		LD_MAP(1, ring), MOV_K(2, 80000), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve), JMP_K(BPF_JEQ, 0, 0, 3),
		MOV_X(1, 0), MOV_K(2, 0), CALL(BPF_FUNC_ringbuf_submit), MOV_K(0, 0), EXIT,
	};
	const struct bpf_insn task[] = { CALL(BPF_FUNC_get_current_task), MOV_K(0, 0), EXIT };
	static const char *const between[] = { "between", "third", NULL };
	struct bpf_object *obj;
	char why[256] = "";

	if (!strcmp(mode, "none"))
		return;
	refuse(mode, "a long record of a ring buffer", BPF_PROG_TYPE_SOCKET_FILTER, record, ARRAY_SIZE(record));
	refuse(mode, "the address of a task", BPF_PROG_TYPE_KPROBE, task, ARRAY_SIZE(task));
	close(ring);
	refuse_kfuncs(mode);
	obj = isolate_load("isolate", mode, between, why);
	CHECK(!obj && strstr(why, "moat: insn "), "a tail call from a function in mode %s: %s", mode, why);
	bpf_object__close(obj);
	obj = isolate_load("isolate", "none", between, NULL);
	CHECK(obj && run_once(object_prog(obj, "between")) == 1000 + 103, "a tail call from a function does not return there");
	bpf_object__close(obj);
}

/* Faults ---------------------------------------------------------------------------------------------- */

#define FAULTS	100

void isolate_domain(const char *name, unsigned long long *faults, unsigned long long *refused)
{
	FILE *f = fopen("/sys/kernel/debug/moat/domains", "r");
	char line[256], is[32];

	*faults = *refused = ~0ull;
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %*u %*u %*u %*u %*u %llu %llu", is, faults, refused) == 3 && !strncmp(is, name, 15))
			break;
	if (f)
		fclose(f);
}

/* Lines of the kernel's log about the program @name that have @text, too. */
static u32 count_messages(const char *name, const char *text)
{
	FILE *f = popen("dmesg", "r");
	char line[512], quoted[32];
	u32 n = 0;

	snprintf(quoted, sizeof(quoted), "'%.15s'", name);
	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "moat: program ") && strstr(line, quoted) && strstr(line, text);
	if (f)
		pclose(f);
	return n;
}

/* What fdinfo says of a program's faults; ~0: nothing. */
static unsigned long long faults_of(int prog)
{
	unsigned long long n = ~0ull;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", prog);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "moat_faults:\t%llu", &n);
	if (f)
		fclose(f);
	return n;
}

/* @names[0] is run, and the last of them is what goes astray. */
static void go_astray(const char *mode, const char *const *names, u32 faultless)
{
	struct bpf_object *obj = isolate_load("astray", mode, names, NULL);
	const char *culprit = names[1] ? names[1] : names[0];
	unsigned long long faults, refused;
	u32 i, zero = 0, messages = count_messages(culprit, ""), placed;
	char place[64];
	int prog;

	if (!obj)
		return;
	/* .next[0] of a program that is followed by another */
	if (names[1])
		sys_map_set(object_map(obj, "next"), zero, object_prog(obj, names[1]));
	prog = object_prog(obj, names[0]);
	CHECK(run_once(prog) == faultless, "%s returns %u before it goes astray", names[0], run_once(prog));
	if (!strcmp(mode, "none")) {
		bpf_object__close(obj);
		return;
	}
	isolate_set(obj, "sum", 5);
	isolate_set(obj, "counted", 0);
	isolate_set(obj, "wild", prey("secret.at"));
	for (i = 0; i < FAULTS; i++)
		if (!CHECK(run_once(prog) == TC_ACT_SHOT, "%s: run %u does not end with a lost packet", names[0], i))
			break;
	CHECK(isolate_get(obj, "sum") == 5, "%s goes on after its fault", names[0]);
	CHECK(isolate_get(obj, "counted") == FAULTS, "%s counted %llu runs", names[0],
	      (unsigned long long)isolate_get(obj, "counted"));
	isolate_domain(culprit, &faults, &refused);
	CHECK(faults == FAULTS && refused == 0, "%s: %llu faults, %llu without a slot", culprit, faults, refused);
	CHECK(faults_of(object_prog(obj, culprit)) == FAULTS, "%s: %llu faults in fdinfo", culprit,
	      faults_of(object_prog(obj, culprit)));
	snprintf(place, sizeof(place), " (astray.bpf.c:%llu): ", (unsigned long long)isolate_get(obj, "line"));
	placed = count_messages(culprit, place);
	messages = count_messages(culprit, "") - messages;
	CHECK(messages == 1 && placed, "%s: %u messages, %u of them with%s", culprit, messages, placed, place);
	isolate_set(obj, "wild", 0);
	CHECK(run_once(prog) == faultless, "%s does not run any more after faults: %u", names[0], run_once(prog));
	bpf_object__close(obj);
}

/* A program that runs within a helper of another: its fault is not the other's. */
static void fault_within(const char *mode)
{
	static const char *const names[] = { "outer", "inner", NULL };
	struct bpf_object *obj = isolate_load("astray", mode, names, NULL);
	struct bpf_link *link;
	bool isolated = strcmp(mode, "none");
	unsigned long long faults, refused;
	int prog;
	u32 i;

	if (!obj)
		return;
	link = bpf_program__attach(bpf_object__find_program_by_name(obj, "inner"));
	if (CHECK(link, "inner is not attached: %s", strerror(errno))) {
		prog = object_prog(obj, "outer");
		for (i = 0; i < 20; i++) {
			isolate_set(obj, "wild", i < 10 || !isolated ? 0 : prey("secret.at"));
			/* it counts its runs */
			CHECK(run_once(prog) == i + 1, "outer, interrupted %u times, returns something else", i);
		}
		CHECK(isolate_get(obj, "inner_runs") == 20, "inner ran %llu times", (unsigned long long)isolate_get(obj, "inner_runs"));
	}
	if (link && isolated) {
		isolate_domain("inner", &faults, &refused);
		CHECK(faults == 10 && refused == 0, "inner: %llu faults, %llu without a slot", faults, refused);
		isolate_domain("outer", &faults, &refused);
		CHECK(faults == 0 && refused == 0, "outer: %llu faults, %llu without a slot", faults, refused);
	}
	bpf_link__destroy(link);
	bpf_object__close(obj);
}

void isolate_faults(const char *mode)
{
	static const char *const names[][3] = {
		{ "astray" }, { "astray_below" }, { "astray_in_callback" }, { "astray_by_helper" },
		{ "astray_after_tail_call", "astray" },
	};
	size_t i;

	if (!fool(true)) {
		SKIP("faults", "this kernel's verifier cannot be fooled: no CONFIG_BPF_MOAT_WRONG_VERIFIER");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(names); i++)
		go_astray(mode, names[i], TC_ACT_OK);
	fault_within(mode);
	if (strcmp(mode, "none"))
		isolate_fault_ways(mode);
	fool(false);
}
