/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How runs end that come to no result of their own, and what becomes of their programs. */
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "policy.h"

#define OWN	1	/* what programs return that do not fault; what each type may */

/* The three numbers of the last line of debugfs' stats; false: there is no such line. */
static bool totals(unsigned long long n[3])
{
	FILE *f = fopen("/sys/kernel/debug/moat/stats", "r");
	char line[256];
	bool found = false;

	while (f && fgets(line, sizeof(line), f))
		found |= sscanf(line, "runs: %llu ended by faults, %llu without a slot, %llu of disabled programs", &n[0], &n[1],
				&n[2]) == 3;
	if (f)
		fclose(f);
	return CHECK(found, "debugfs does not tell how runs ended");
}

/* Verdicts ---------------------------------------------------------------------------------------- */

void policy_verdicts(void)
{
	static const struct bpf_insn astray[] = { LDDW(1, 0xdead0000u), LDX(BPF_DW, 0, 1, 0), MOV_K(0, OWN), EXIT };
	static const struct {
		enum bpf_prog_type type;
		u32 verdict;
	} rows[] = {
		{ BPF_PROG_TYPE_SOCKET_FILTER, 0 }, { BPF_PROG_TYPE_XDP, XDP_ABORTED }, { BPF_PROG_TYPE_CGROUP_SKB, 0 },
		{ BPF_PROG_TYPE_SCHED_CLS, TC_ACT_SHOT }, { BPF_PROG_TYPE_SCHED_ACT, TC_ACT_SHOT },
		{ BPF_PROG_TYPE_LWT_IN, BPF_DROP }, { BPF_PROG_TYPE_LWT_OUT, BPF_DROP }, { BPF_PROG_TYPE_LWT_XMIT, BPF_DROP },
		{ BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		int prog = policy_load(rows[i].type, astray, ARRAY_SIZE(astray));
		u32 is;

		if (prog < 0)
			continue;
		is = policy_run(prog, rows[i].type);
		CHECK(is == rows[i].verdict, "a run of type %d that faults returns %u, not %u", rows[i].type, is,
		      rows[i].verdict);
		close(prog);
	}
}

/* Disabling ---------------------------------------------------------------------------------------- */

/* A program that counts its runs in value[1], and goes where value[0] points if that is not 0. */
static int load_counter(int map)
{
	const struct bpf_insn insn[] = {
		LD_VALUE(6, map, 0), LDX(BPF_DW, 1, 6, 8), ALU64_K(BPF_ADD, 1, 1), STX(BPF_DW, 6, 1, 8), LDX(BPF_DW, 1, 6, 0),
		JMP_K(BPF_JEQ, 1, 0, 1), LDX(BPF_DW, 1, 1, 0), MOV_K(0, OWN), EXIT,
	};

	return policy_load(BPF_PROG_TYPE_SCHED_CLS, insn, ARRAY_SIZE(insn));
}

static void set_word(int map, u64 word)
{
	u64 value[VALUE_WORDS];
	u32 zero = 0;

	attack_value(map, value);
	value[0] = word;
	bpf_map_update_elem(map, &zero, value, BPF_ANY);
}

static u64 count_of(int map)
{
	u64 value[VALUE_WORDS];

	attack_value(map, value);
	return value[1];
}

/* The last column of the line of a disabled program that has no name of its own; "" if there is none. */
static void disabled_column(char column[16])
{
	FILE *f = fopen("/sys/kernel/debug/moat/domains", "r");
	char line[256], name[32], text[16];

	column[0] = 0;
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %*u %*u %*u %*u %*u %*u %*u %15s", name, text) == 2 && !strcmp(name, "moat_test") &&
		    strcmp(text, "-"))
			strcpy(column, text);
	if (f)
		fclose(f);
}

/* A run that faults, then three that would not; how many of them were counted by the program. */
static u64 fault_then_run(int prog, int map, u32 *verdict)
{
	u32 i;

	set_word(map, 0xdead0000u);
	*verdict = policy_run(prog, BPF_PROG_TYPE_SCHED_CLS);
	CHECK(*verdict == TC_ACT_SHOT, "a run that faults returns %u", *verdict);
	set_word(map, 0);
	for (i = 0; i < 3; i++)
		*verdict = policy_run(prog, BPF_PROG_TYPE_SCHED_CLS);
	return count_of(map);
}

void policy_disabling(void)
{
	unsigned long long before[3], after[3];
	int map = attack_map(0, 0), prog = load_counter(map), other = load_counter(map);
	char column[16];
	u32 verdict;
	u64 n;

	if (prog < 0 || other < 0 || !totals(before))
		return;
	CHECK(sys_write("net/core/bpf_moat_on_fault", "nonsense") == -EINVAL, "a policy that there is not");
	n = fault_then_run(prog, map, &verdict);
	CHECK(n == 4 && verdict == OWN, "policy end-run: %llu of 4 runs began, the last returned %u",
	      (unsigned long long)n, verdict);
	CHECK(!sys_write("net/core/bpf_moat_on_fault", "disable-program"), "programs are not to be disabled");
	n = fault_then_run(prog, map, &verdict);
	sys_write("net/core/bpf_moat_on_fault", "end-run");
	CHECK(n == 4 + 1 && verdict == TC_ACT_SHOT, "policy disable-program: %llu of 4 runs began, the last returned %u",
	      (unsigned long long)n - 4, verdict);
	CHECK(policy_run(prog, BPF_PROG_TYPE_SCHED_CLS) == TC_ACT_SHOT, "it runs again with another policy");
	CHECK(policy_run(other, BPF_PROG_TYPE_SCHED_CLS) == OWN, "another program is disabled, too");
	close(other);
	disabled_column(column);
	CHECK(!strcmp(column, "4"), "'%s' runs of the disabled program are listed", column);
	totals(after);
	CHECK(after[0] - before[0] == 2 && after[1] == before[1] && after[2] - before[2] == 4,
	      "of all runs %llu more ended by faults, %llu without a slot, %llu of disabled programs", after[0] - before[0],
	      after[1] - before[1], after[2] - before[2]);
	close(prog);
	close(map);
}

/* Fuel --------------------------------------------------------------------------------------------- */

#define FUEL	"1000000"

/* A loop that runs as often as value[0] says, 2^64 times for 0; value[1] tells that it came to its end. */
static int load_loop(int map, int next)
{
	const struct bpf_insn insn[] = {
		MOV_X(7, 1), LD_VALUE(6, map, 0), LDX(BPF_DW, 1, 6, 0), ALU64_K(BPF_SUB, 1, 1), JMP_K(BPF_JNE, 1, 0, -2),
		LDX(BPF_DW, 1, 6, 8), ALU64_K(BPF_ADD, 1, 1), STX(BPF_DW, 6, 1, 8),
		MOV_X(1, 7), LD_MAP(2, next), MOV_K(3, 0), CALL(BPF_FUNC_tail_call), MOV_K(0, OWN), EXIT,
	};

	return policy_load(BPF_PROG_TYPE_SCHED_CLS, insn, ARRAY_SIZE(insn));
}

/* Calls back value[0] times, and each of these value[0] times; value[1] counts the inner ones. */
static int load_callbacks(int map)
{
	const struct bpf_insn insn[] = {
		LD_VALUE(6, map, 0), LDX(BPF_DW, 1, 6, 0), LD_FUNC(2, 6), MOV_K(3, 0), MOV_K(4, 0), CALL(BPF_FUNC_loop),
		MOV_K(0, OWN), EXIT,
		/* the outer one */
		LD_VALUE(6, map, 0), LDX(BPF_DW, 1, 6, 0), LD_FUNC(2, 6), MOV_K(3, 0), MOV_K(4, 0), CALL(BPF_FUNC_loop),
		MOV_K(0, 0), EXIT,
		/* the inner one */
		LD_VALUE(6, map, 0), LDX(BPF_DW, 1, 6, 8), ALU64_K(BPF_ADD, 1, 1), STX(BPF_DW, 6, 1, 8), MOV_K(0, 0), EXIT,
	};

	return policy_load(BPF_PROG_TYPE_SCHED_CLS, insn, ARRAY_SIZE(insn));
}

/* One run with @times in value[0]: it must end by a fault exactly if @ends. */
static void check_run(const char *what, int prog, int map, u64 times, bool ends)
{
	unsigned long long before[3], after[3];
	u32 verdict;

	set_word(map, times);
	if (!totals(before))
		return;
	verdict = policy_run(prog, BPF_PROG_TYPE_SCHED_CLS);
	totals(after);
	CHECK(verdict == (ends ? TC_ACT_SHOT : OWN) && after[0] - before[0] == ends, "%s, %llu times: %llu faults, it returns %u",
	      what, (unsigned long long)times, after[0] - before[0], verdict);
}

/* The loop takes two fifths of the fuel, and a program that is its own successor comes to its end only twice. */
static void check_chain(int loop, int map, int next)
{
	u64 was = count_of(map);

	sys_map_set(next, 0, loop);
	check_run("a loop in a chain of tail calls", loop, map, 200000, true);
	CHECK(count_of(map) - was == 2, "a chain of tail calls came to the end of %llu loops",
	      (unsigned long long)(count_of(map) - was));
}

void policy_fuel(void)
{
	int map = attack_map(0, 0), next = sys_prog_array(1), loop = load_loop(map, next), callbacks = load_callbacks(map);
	char was[32];

	if (loop < 0 || callbacks < 0)
		return;
	sys_read("net/core/bpf_moat_fuel", was, sizeof(was));
	CHECK(sys_write("net/core/bpf_moat_fuel", "0"), "no fuel at all is accepted");
	CHECK(!sys_write("net/core/bpf_moat_fuel", FUEL), "the fuel cannot be set");
	check_run("a loop", loop, map, 1000, false);
	check_run("a loop", loop, map, 10000000, true);
	check_run("a loop without end", loop, map, 0, true);
	check_run("nested callbacks", callbacks, map, 100, false);
	check_run("nested callbacks", callbacks, map, 8000000, true);
	check_chain(loop, map, next);
	CHECK(!sys_write("net/core/bpf_moat_fuel", was), "the fuel cannot be set back to %s", was);
	check_run("nested callbacks with the usual fuel", callbacks, map, 1200, false);
	close(loop);
	close(callbacks);
	close(next);
	close(map);
}
