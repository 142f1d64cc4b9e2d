/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Validation: every rule is broken once, and kept as closely as can be. */
#include <stdlib.h>

#include "../jit/op.h"
#include "check.h"
#include "insns.h"

#define MAX	64		/* instructions of a program in a table */

static char said[512];
static unsigned int lines;

static void remember(void *arg, const char *text)
{
	snprintf(said, sizeof(said), "%s", text);
	lines++;
}

static const struct moat_log to_said = { .line = remember };

static bool only_helper_five(void *arg, s32 id)
{
	return id == 5;
}

/* Decode, which must work, and validate. */
static int validate(const struct bpf_insn *insn, u32 len, struct moat_func *func, u32 *nr_func)
{
	const struct moat_known known = { .insn = insn, .helper = only_helper_five };
	struct moat_op *op = calloc(len + 1, sizeof(*op));
	int err;

	said[0] = '\0';
	lines = 0;
	err = moat_decode(op, insn, len, &to_said);
	CHECK(err == 0, "not decoded: %s", said);
	err = moat_validate(op, len, &known, func, nr_func, &to_said);
	free(op);
	return err;
}

/* Instructions of a table's program: up to the first all-zero pair that is no second half. */
static u32 length(const struct bpf_insn insn[MAX])
{
	u32 n = MAX;

	while (n && !insn[n - 1].code)
		n--;
	return n && insn[n - 1].code == (BPF_LD | BPF_IMM | BPF_DW) ? n + 1 : n;
}

/* @text: what is said; NULL: the program is accepted. */
static const struct {
	const char *text;
	struct bpf_insn insn[MAX];
} programs[] = {
	/* The end */
	{ NULL, { EXIT } },
	{ NULL, { MOV_K(0, 0), EXIT } },
	{ NULL, { JA(-1) } },
	{ NULL, { JAL(-1) } },
	{ NULL, { MOV_K(0, 0), JA(1), JA(-2), EXIT } },
	{ "insn 0: (b7) r0 = 1: falls off the end of the function", { MOV_K(0, 1) } },
	{ "insn 0: (18) r0 = 0x1: falls off the end of the function", { LDDW(0, 1) } },
	{ "insn 1: (15) if r0 == 0x0 goto pc-2: falls off the end of the function", { EXIT, JMP_K(BPF_JEQ, 0, 0, -2) } },
	{ "insn 0: (85) call bpf_ktime_get_ns#5: falls off the end of the function", { CALL(5) } },
	{ "insn 0: (85) call bpf_tail_call#12: falls off the end of the function", { CALL(12) } },
	{ "insn 2: (b7) r0 = 2: falls off the end of the function", { CALL_LOCAL(2), EXIT, MOV_K(0, 2), MOV_K(0, 3), EXIT } },

	/* Jumps */
	{ NULL, { JMP_K(BPF_JEQ, 1, 0, 1), MOV_K(0, 0), EXIT } },
	{ "insn 0: (05) goto pc+1: jumps out of the program", { JA(1), EXIT } },
	{ "insn 0: (05) goto pc-2: jumps out of the program", { JA(-2), EXIT } },
	{ "insn 0: (06) gotol pc+2147483647: jumps out of the program", { JAL(INT32_MAX), EXIT } },
	{ "insn 0: (06) gotol pc-2147483648: jumps out of the program", { JAL(INT32_MIN), EXIT } },
	{ "insn 0: (1d) if r1 == r2 goto pc+1: jumps out of the program", { JMP_X(BPF_JEQ, 1, 2, 1), EXIT } },
	{ "insn 0: (16) if w1 == 0x0 goto pc-2: jumps out of the program", { JMP32_K(BPF_JEQ, 1, 0, -2), EXIT } },
	{ NULL, { JA(2), LDDW(0, 0), EXIT } },
	{ NULL, { JA(0), LDDW(0, 0), EXIT } },
	{ "insn 0: (05) goto pc+1: jumps into the middle of a wide instruction", { JA(1), LDDW(0, 0), EXIT } },
	{ "insn 0: (15) if r0 == 0x0 goto pc+1: jumps into the middle of a wide instruction",
	  { JMP_K(BPF_JEQ, 0, 0, 1), LDDW(0, 0), EXIT } },
	{ "insn 0: (06) gotol pc+1: jumps into the middle of a wide instruction", { JAL(1), LD_FUNC(0, 1), EXIT, EXIT } },
	{ "insn 1: (05) goto pc+1: jumps into another function", { CALL_LOCAL(2), JA(1), EXIT, EXIT } },
	{ "insn 3: (05) goto pc-3: jumps into another function", { CALL_LOCAL(1), EXIT, MOV_K(0, 1), JA(-3), EXIT } },
	{ "insn 1: (05) goto pc+0: jumps into another function", { CALL_LOCAL(1), JA(0), EXIT } },
	/* code that cannot be reached obeys, too */
	{ "insn 1: (05) goto pc+7: jumps out of the program", { EXIT, JA(7), EXIT } },

	/* Calls */
	{ NULL, { CALL(5), EXIT } },
	{ "insn 0: (85) call bpf_map_lookup_elem#1: there is no such helper for this program", { CALL(1), EXIT } },
	{ "insn 0: (85) call unknown#-1: there is no such helper for this program", { CALL(-1), EXIT } },
	{ "insn 1: (85) call unknown#0: there is no such helper for this program", { EXIT, CALL(0), EXIT } },
	{ NULL, { CALL(12), EXIT } },
	{ "insn 2: (85) call bpf_tail_call#12: tail calls are for the main function only", { CALL_LOCAL(1), EXIT, CALL(12), EXIT } },
	{ NULL, { CALL_LOCAL(1), EXIT, EXIT } },
	{ "insn 0: (85) call pc+1: the function called is outside the program", { CALL_LOCAL(1), EXIT } },
	{ "insn 0: (85) call pc-2: the function called is outside the program", { CALL_LOCAL(-2), EXIT } },
	{ "insn 0: (85) call pc+2147483647: the function called is outside the program", { CALL_LOCAL(INT32_MAX), EXIT } },
	{ "insn 0: (18) r1 = subprog[+5]: the function called is outside the program", { LD_FUNC(1, 5), EXIT } },
	{ "insn 0: (85) call pc+2: calls into the middle of a wide instruction", { CALL_LOCAL(2), EXIT, LDDW(0, 1), EXIT } },
	{ "insn 0: (18) r1 = subprog[+0]: calls into the middle of a wide instruction", { LD_FUNC(1, 0), EXIT } },

	/* Recursion */
	{ "insn 0: (85) call pc-1: recursion: the main function is called", { CALL_LOCAL(-1), EXIT } },
	{ "insn 0: (18) r2 = subprog[-1]: recursion: the main function is called", { LD_FUNC(2, -1), EXIT } },
	{ "insn 2: (85) call pc-3: recursion: the main function is called", { CALL_LOCAL(1), EXIT, CALL_LOCAL(-3), EXIT } },
	{ "insn 2: (85) call pc-1: recursion: the call is in a cycle of calls, or behind one",
	  { CALL_LOCAL(1), EXIT, CALL_LOCAL(-1), EXIT } },
	{ "recursion: the call is in a cycle of calls, or behind one",
	  { CALL_LOCAL(1), EXIT, CALL_LOCAL(1), EXIT, CALL_LOCAL(-3), EXIT } },
	/* a callback is called by who names it */
	{ "insn 2: (18) r2 = subprog[-1]: recursion: the call is in a cycle of calls, or behind one",
	  { CALL_LOCAL(1), EXIT, LD_FUNC(2, -1), EXIT } },
	/* a cycle that nobody enters: slot 1 is only named by itself */
	{ "recursion: the call is in a cycle of calls, or behind one", { EXIT, CALL_LOCAL(-1), EXIT } },

	/* R10 */
	{ NULL, { MOV_X(1, 10), ALU64_X(BPF_ADD, 1, 10), EXIT } },
	{ "insn 0: (b7) r10 = 0: writes R10, the read-only frame pointer", { MOV_K(10, 0), EXIT } },
	{ "writes R10", { MOV_X(10, 1), EXIT } },
	{ "writes R10", { MOV_X(10, 10), EXIT } },
	{ "writes R10", { ALU32_X(BPF_MOV, 10, 1), EXIT } },
	{ "writes R10", { INSN(BPF_ALU64 | BPF_MOV | BPF_X, 10, 1, 8, 0), EXIT } },
	{ "writes R10", { ALU64_K(BPF_ADD, 10, -8), EXIT } },
	{ "writes R10", { ALU64_X(BPF_SUB, 10, 1), EXIT } },
	{ "writes R10", { ALU32_K(BPF_XOR, 10, 0), EXIT } },
	{ "writes R10", { INSN(BPF_ALU64 | BPF_NEG, 10, 0, 0, 0), EXIT } },
	{ "writes R10", { ALU64_K(BPF_LSH, 10, 1), EXIT } },
	{ "writes R10", { ALU64_X(BPF_ARSH, 10, 1), EXIT } },
	{ "writes R10", { ALU64_K(BPF_DIV, 10, 1), EXIT } },
	{ "writes R10", { ALU32_X(BPF_MOD, 10, 1), EXIT } },
	{ "writes R10", { INSN(BPF_ALU | BPF_END | BPF_TO_LE, 10, 0, 0, 64), EXIT } },
	{ "writes R10", { INSN(BPF_ALU64 | BPF_END | BPF_TO_LE, 10, 0, 0, 64), EXIT } },
	{ "writes R10", { LDX(BPF_DW, 10, 1, 0), EXIT } },
	{ "writes R10", { LDXS(BPF_W, 10, 1, 0), EXIT } },
	{ "writes R10", { LDDW(10, 1), EXIT } },
	{ "writes R10", { LD_FUNC(10, 2), EXIT, EXIT } },
	{ "writes R10", { ATOM(BPF_DW, BPF_ADD | BPF_FETCH, 1, 10, 0), EXIT } },
	{ "writes R10", { ATOM(BPF_W, BPF_XOR | BPF_FETCH, 1, 10, 0), EXIT } },
	{ "writes R10", { ATOM(BPF_W, BPF_XCHG, 1, 10, 0), EXIT } },
	{ NULL, { ATOM(BPF_DW, BPF_ADD, 1, 10, 0), EXIT } },
	{ NULL, { ATOM(BPF_DW, BPF_CMPXCHG, 1, 10, 0), EXIT } },
	{ NULL, { STX(BPF_DW, 1, 10, 0), EXIT } },
	{ NULL, { JMP_X(BPF_JEQ, 10, 10, 0), EXIT } },

	/* The frame */
	{ NULL, { LDX(BPF_B, 0, 10, -512), LDX(BPF_DW, 0, 10, -512), EXIT } },
	{ NULL, { LDX(BPF_B, 0, 10, -1), LDX(BPF_H, 0, 10, -2), LDX(BPF_W, 0, 10, -4), LDX(BPF_DW, 0, 10, -8), EXIT } },
	{ NULL, { LDX(BPF_DW, 0, 1, 0), LDX(BPF_DW, 0, 1, -513), ST(BPF_DW, 1, 513, 0), EXIT } },
	{ "insn 0: (71) r0 = *(u8 *)(r10 -513): accesses the stack outside of its 512-byte frame",
	  { LDX(BPF_B, 0, 10, -513), EXIT } },
	{ "outside of its 512-byte frame", { LDX(BPF_DW, 0, 10, -513), EXIT } },
	{ "outside of its 512-byte frame", { LDX(BPF_B, 0, 10, 0), EXIT } },
	{ "outside of its 512-byte frame", { LDX(BPF_H, 0, 10, -1), EXIT } },
	{ "outside of its 512-byte frame", { LDX(BPF_W, 0, 10, -3), EXIT } },
	{ "outside of its 512-byte frame", { LDX(BPF_DW, 0, 10, -7), EXIT } },
	{ "outside of its 512-byte frame", { LDXS(BPF_W, 0, 10, -3), EXIT } },
	{ "outside of its 512-byte frame", { LDX(BPF_DW, 0, 10, INT16_MIN), EXIT } },
	{ "outside of its 512-byte frame", { LDX(BPF_DW, 0, 10, INT16_MAX), EXIT } },
	{ NULL, { ST(BPF_DW, 10, -8, 1), STX(BPF_B, 10, 1, -512), EXIT } },
	{ "outside of its 512-byte frame", { ST(BPF_DW, 10, -4, 1), EXIT } },
	{ "outside of its 512-byte frame", { STX(BPF_W, 10, 1, -516), EXIT } },
	{ NULL, { ATOM(BPF_DW, BPF_ADD, 10, 1, -8), EXIT } },
	{ "outside of its 512-byte frame", { ATOM(BPF_DW, BPF_ADD, 10, 1, -4), EXIT } },
	{ "outside of its 512-byte frame", { ATOM(BPF_W, BPF_CMPXCHG, 10, 1, -516), EXIT } },
};

static void check_programs(void)
{
	struct moat_func func[MOAT_MAX_FUNCS];
	unsigned int i;
	u32 nr;

	for (i = 0; i < ARRAY_SIZE(programs); i++) {
		int err = validate(programs[i].insn, length(programs[i].insn), func, &nr);

		if (programs[i].text)
			CHECK(err == -EINVAL && strstr(said, programs[i].text) && lines == 1,
			      "%u: %d, %u lines, '%s', not '%s'", i, err, lines, said, programs[i].text);
		else
			CHECK(err == 0 && !lines, "%u: %d, '%s'", i, err, said);
	}
}

/* Functions ----------------------------------------------------------------*/

static const struct bpf_insn graph[] = {
	/*  0 main */		MOV_X(6, 1),
	/*  1 */		CALL_LOCAL(6),				/* 8 */
	/*  2 */		LD_FUNC(2, 8),				/* 11 */
	/*  4 */		CALL(5),
	/*  5 */		JMP_X(BPF_JEQ, 7, 6, 0),
	/*  6 */		INSN(BPF_LD | BPF_IND | BPF_B, 0, 8, 0, 0),
	/*  7 */		EXIT,
	/*  8 called */		LD_FUNC(2, 2),				/* 11 */
	/* 10 */		JA(-3),
	/* 11 callback */	CALL_LOCAL(1),				/* 13 */
	/* 12 */		EXIT,
	/* 13 leaf */		ATOM(BPF_DW, BPF_ADD, 10, 5, -8),
	/* 14 */		EXIT,
	/* 15 */		INSN(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, 0),
	/* 16 */		LDX(BPF_DW, 3, 4, 0),
	/* 17 */		EXIT,
};

static const struct moat_func graph_func[] = {
	{ .start = 0, .end = 8 },
	{ .start = 8, .end = 11, .depth = 1, .is_called = true },
	{ .start = 11, .end = 13, .depth = 2, .is_callback = true, .caller = 1 },
	{ .start = 13, .end = 18, .depth = 3, .is_called = true, .caller = 2 },
};

static void check_graph(void)
{
	struct moat_func func[MOAT_MAX_FUNCS];
	u32 nr, i, pc;
	int err = validate(graph, ARRAY_SIZE(graph), func, &nr);

	if (!CHECK(err == 0 && nr == ARRAY_SIZE(graph_func), "%d, %u functions, '%s'", err, nr, said))
		return;
	for (i = 0; i < nr; i++) {
		const struct moat_func *f = &func[i], *want = &graph_func[i];

		CHECK(f->start == want->start && f->end == want->end && f->depth == want->depth &&
		      f->is_callback == want->is_callback && f->is_called == want->is_called &&
		      f->caller == want->caller,
		      "%u: [%u, %u) depth %u callback %d called %d caller %u", i, f->start, f->end, f->depth,
		      f->is_callback, f->is_called, f->caller);
		for (pc = f->start; pc < f->end; pc++)
			CHECK(moat_func_at(func, nr, pc) == f, "slot %u is not in %u", pc, i);
	}
}

/* A function that is called and is a callback as well. */
static void check_both(void)
{
	static const struct bpf_insn both[] = { CALL_LOCAL(3), LD_FUNC(1, 2), EXIT, EXIT };
	struct moat_func func[MOAT_MAX_FUNCS];
	u32 nr;
	int err = validate(both, ARRAY_SIZE(both), func, &nr);

	CHECK(err == 0 && nr == 2 && func[1].start == 4 && func[1].is_called && func[1].is_callback,
	      "%d, '%s'", err, said);
}

/* Size and depth -----------------------------------------------------------*/

/* The main function and @n - 1 more, each calling the next one (@forward) or the one before it. */
static struct bpf_insn *chain(u32 n, bool forward, u32 *len)
{
	static const struct bpf_insn end = EXIT;
	struct bpf_insn *insn = calloc(2 * n, sizeof(*insn));
	u32 i;

	for (i = 0; i < n; i++) {
		s32 next = forward ? (s32)i + 1 : i == 0 ? (s32)n - 1 : (s32)i - 1;
		bool last = forward ? i == n - 1 : i == 1 || n == 1;
		struct bpf_insn call = CALL_LOCAL(2 * (next - (s32)i) - 1), nothing = MOV_K(0, 0);

		insn[2 * i] = last ? nothing : call;
		insn[2 * i + 1] = end;
	}
	*len = 2 * n;
	return insn;
}

static void check_depth(void)
{
	struct moat_func func[MOAT_MAX_FUNCS];
	int forward, err;
	u32 n, len, nr, i;

	for (forward = 0; forward <= 1; forward++)
		for (n = 1; n <= 12; n++) {
			struct bpf_insn *insn = chain(n, forward, &len);
			u32 deepest = 0;

			err = validate(insn, len, func, &nr);
			free(insn);
			if (n > MOAT_MAX_FRAMES) {
				CHECK(err == -EINVAL && strstr(said, "more than 8 frames deep") && lines == 1,
				      "%u frames: %d, '%s'", n, err, said);
				continue;
			}
			for (i = 0; !err && i < nr; i++)
				deepest = func[i].depth > deepest ? func[i].depth : deepest;
			CHECK(err == 0 && nr == n && deepest == n - 1, "%u frames: %d, deepest %u, '%s'", n,
			      err, deepest, said);
		}
}

/* Cycles of every length are refused. */
static void check_cycles(void)
{
	struct moat_func func[MOAT_MAX_FUNCS];
	u32 n, len, nr;
	int forward, err;

	for (forward = 0; forward <= 1; forward++)
		for (n = 2; n <= 64; n++) {
			struct bpf_insn *insn = chain(n, forward, &len);
			u32 last = forward ? n - 1 : 1, first = forward ? 1 : n - 1;
			struct bpf_insn back = CALL_LOCAL(2 * ((s32)first - (s32)last) - 1);

			insn[2 * last] = back;
			err = validate(insn, len, func, &nr);
			free(insn);
			CHECK(err == -EINVAL && nr == 0 &&
			      (strstr(said, "recursion") || (n > MOAT_MAX_FRAMES && strstr(said, "frames deep"))),
			      "cycle of %u: %d, '%s'", n - 1, err, said);
		}
}

/* @n functions in all, the main one calling each other one. */
static void check_functions(u32 n, int want)
{
	static const struct bpf_insn end = EXIT;
	struct moat_func func[MOAT_MAX_FUNCS + 1];
	struct bpf_insn *insn = calloc(2 * n, sizeof(*insn));
	u32 i, nr, len = 0;
	int err;

	/* In an order that needs insertion everywhere: 97 has no common factor with 255 and 256. */
	for (i = 0; i < n - 1; i++) {
		u32 to = n + i * 97 % (n - 1);
		struct bpf_insn call = CALL_LOCAL((s32)(to - i) - 1);

		insn[len++] = call;
	}
	for (i = 0; i < n; i++)
		insn[len++] = end;
	memset(&func[MOAT_MAX_FUNCS], 0x5a, sizeof(func[0]));
	err = validate(insn, len, func, &nr);
	free(insn);
	CHECK(err == want, "%u functions: %d, '%s'", n, err, said);
	CHECK(func[MOAT_MAX_FUNCS].start == 0x5a5a5a5a, "written behind the table");
}

static void check_length(u32 len, int want)
{
	static const struct bpf_insn nothing = MOV_K(0, 0), end = EXIT;
	struct bpf_insn *insn = calloc(len + 1, sizeof(*insn));
	struct moat_func func[MOAT_MAX_FUNCS];
	u32 i, nr;
	int err;

	for (i = 0; i < len; i++)
		insn[i] = i == len - 1 ? end : nothing;
	err = validate(insn, len, func, &nr);
	free(insn);
	CHECK(err == want && (want || func[0].end == len), "%u instructions: %d, '%s'", len, err, said);
}

/* What the caller may leave out. */
static void check_bare(void)
{
	static const struct bpf_insn insn[] = { CALL(5), EXIT };
	const struct moat_known unnamed = { .helper = only_helper_five }, nobody = { .insn = insn };
	struct moat_func func[MOAT_MAX_FUNCS];
	struct moat_op op[2];
	u32 nr;

	CHECK(moat_decode(op, insn, 2, NULL) == 0, "not decoded");
	CHECK(moat_validate(op, 2, &unnamed, func, &nr, NULL) == 0, "without instructions");
	CHECK(moat_validate(op, 1, &unnamed, func, &nr, NULL) == -EINVAL, "without a log");
	CHECK(moat_validate(op, 1, &unnamed, func, &nr, &to_said) == -EINVAL &&
	      !strcmp(said, "insn 0: falls off the end of the function"), "'%s'", said);
	CHECK(moat_validate(op, 2, &nobody, func, &nr, &to_said) == -EINVAL && strstr(said, "no such helper"),
	      "'%s'", said);
	CHECK(moat_validate(op, 2, NULL, func, &nr, &to_said) == -EINVAL && strstr(said, "no such helper"),
	      "'%s'", said);
}

int main(void)
{
	check_programs();
	check_graph();
	check_both();
	check_depth();
	check_cycles();
	check_functions(MOAT_MAX_FUNCS, 0);
	check_functions(MOAT_MAX_FUNCS + 1, -E2BIG);
	check_length(0, -EINVAL);
	check_length(1, 0);
	check_length(MOAT_MAX_INSNS, 0);
	check_length(MOAT_MAX_INSNS + 1, -E2BIG);
	check_bare();
	return check_done();
}
