/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attacks on the flow of control: returns, saved state, gates, loops, and the defects of the first prototype. */
#include <setjmp.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "attack.h"

/* What gate modes keep below the 512 bytes of a frame: arch-x86/call.c. */
#define SLOT_RETURN	(-512 - 8)
#define SLOT_SAVED	(-512 - 16)

/* A run whose only duty is to leave the host well: however it ends, it is contained. */
static void survive(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr, u64 *data)
{
	struct moat_run_opts opts;
	int err;

	pwned = 0;
	err = attack_try(v, r, insn, nr, data, &opts);
	if (err == -EFAULT || err == -ETIME)
		r->kinds |= 1u << opts.fault.kind;
	if (pwned)
		attack_worked(r);
	else if (err && err != -EFAULT && err != -ETIME)
		attack_odd(r, "the run returned %d", err);
	else
		r->contained++;
}

/* Returns -------------------------------------------------------------------- */

/* Each index there is and some that are not, forged by the callee in its own frame. */
static void forged_return(const struct attack_variant *v, struct attack_result *r)
{
	static const s32 index[] = { 0, 1, 2, 3, 4, 7, 8, 255, 256, 0xffff, INT_MAX, INT_MIN, -1 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(index); i++) {
		const struct bpf_insn insn[] = {
			MOV_X(6, 1), CALL_LOCAL(4), CALL_LOCAL(9), MOV_K(0, 7), CALL_LOCAL(7), EXIT,
			/* one: forges, then returns */
			MOV_X(2, 10), ALU64_K(BPF_ADD, 2, SLOT_RETURN), ST(BPF_DW, 2, 0, index[i]), CALL_LOCAL(2),
			ST(BPF_DW, 2, 0, index[i]), EXIT,
			/* two: again, by its own frame */
			MOV_X(2, 10), ALU64_K(BPF_ADD, 2, SLOT_RETURN), ST(BPF_DW, 2, 0, index[i]), EXIT,
		};
		u64 data[ATTACK_SHARED / 8] = { 0 };

		survive(v, r, insn, ARRAY_SIZE(insn), data);
	}
}

/* Returning again and again without a call must use fuel or end otherwise: no loop for free. */
static void return_loop(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		CALL_LOCAL(1), EXIT,
		CALL_LOCAL(5),	/* index 1 returns to the next instruction */
		MOV_X(2, 10), ALU64_K(BPF_ADD, 2, SLOT_RETURN), ST(BPF_DW, 2, 0, 1), MOV_K(0, 0), EXIT,
		MOV_K(0, 0), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };

	survive(v, r, insn, ARRAY_SIZE(insn), data);
}

/* The callee's saved registers are forged; the caller then uses them as pointers. */
static void saved_registers(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_X(6, 1), MOV_K(7, 0), MOV_K(8, 0), MOV_K(9, 0), CALL_LOCAL(5),
		ST(BPF_DW, 7, 0, 1), ST(BPF_DW, 8, 0, 1), ST(BPF_DW, 9, 0, 1), MOV_K(0, 1), EXIT,
		LDX(BPF_DW, 3, 1, 0), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, SLOT_SAVED),
		STX(BPF_DW, 2, 3, 0), STX(BPF_DW, 2, 3, -8), STX(BPF_DW, 2, 3, -16), STX(BPF_DW, 2, 3, -24),
		MOV_K(6, 0), MOV_K(7, 0), MOV_K(8, 0), MOV_K(9, 0), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { (u64)&attack_secret[3] };
	struct moat_run_opts opts;
	int err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);

	if (attack_secret[3] != SECRET)
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, BY_MEMORY);
}

/* A leak tells where the host's stack is; words there that point into the code are return addresses. */
static sigjmp_buf hijacked;

static void landing(void)
{
	siglongjmp(hijacked, 1);
}

static void host_return(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_X(6, 1), CALL_LOCAL(1), EXIT,
		MOV_X(6, 1), MOV_K(1, LEAK_STACK), CALL(HELP_LEAK),
		LDX(BPF_DW, 7, 6, 0), LDX(BPF_DW, 8, 6, 8), LDX(BPF_DW, 9, 6, 16), MOV_K(1, 0),
		LDX(BPF_DW, 2, 0, 0),
		JMP_X(BPF_JLT, 2, 7, 2), JMP_X(BPF_JGE, 2, 8, 1), STX(BPF_DW, 0, 9, 0),
		ALU64_K(BPF_ADD, 0, 8), ALU64_K(BPF_ADD, 1, 1), JMP_K(BPF_JLT, 1, 40, -7),
		MOV_K(0, 0), EXIT,
	};
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts = { 0 };
	struct moat_code c;
	int err;

	if (!obj || moat_program__code(moat_object__next_program(obj, NULL), &c)) {
		attack_odd(r, "no code");
		return;
	}
	data[0] = c.address;
	data[1] = c.address + c.bytes;
	data[2] = (u64)landing;
	if (sigsetjmp(hijacked, 1)) {
		attack_worked(r);
		return;
	}
	err = attack_run(obj, data, &opts);
	attack_stopped(r, err, &opts.fault, BY_MEMORY);
}

/* The run's own record in the host: frame, domain, fuel; a leak tells where it is. */
static void run_record(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_K(1, LEAK_FRAME), CALL(HELP_LEAK), MOV_X(6, 0),
		LDX(BPF_DW, 7, 6, 0), LDX(BPF_DW, 8, 6, 8), ST(BPF_DW, 6, 24, 0x1234),
		MOV_K(0, 99), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	int err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);

	if (!err && opts.retval == 99)
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, BY_MEMORY);
}

/* A local variable of the function that started the run. */
static void caller_local(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_K(1, LEAK_LOCAL), CALL(HELP_LEAK), MOV_X(6, 0),
		LDX(BPF_DW, 7, 6, 0), ST(BPF_DW, 6, 0, 1), MOV_X(0, 7), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	int err;

	pwned = 0;
	err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);
	if (pwned || (!err && opts.retval == SECRET))
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, BY_MEMORY);
}

/*
 * A callback forges its return index so that it goes on in the main function,
 * at a tail call: the domain would be changed under the code that still waits
 * for the helper.
 */
static void tail_from_callback(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_X(6, 1), CALL_LOCAL(14),			/* return site 0 is in front of the tail call */
		LDX(BPF_DW, 7, 6, 8), JMP_K(BPF_JNE, 7, 0, 6),	/* the first time: on to the callback */
		ST(BPF_DW, 6, 8, 1), LD_FUNC(1, 12), MOV_X(2, 6), CALL(HELP_CALLBACK), EXIT,
		LDX(BPF_DW, 2, 6, 0), MOV_K(3, 0), CALL(BPF_FUNC_tail_call), ST(BPF_DW, 6, 16, 1), MOV_K(0, 8), EXIT,
		MOV_K(0, 0), EXIT,
		/* the callback: R1 = data, which the main function expects in R6 */
		MOV_X(6, 1), MOV_X(2, 10), ALU64_K(BPF_ADD, 2, SLOT_SAVED), STX(BPF_DW, 2, 6, 0),
		ALU64_K(BPF_ADD, 2, 8), ST(BPF_DW, 2, 0, 0), MOV_K(7, 0), MOV_K(0, 0), EXIT,
	};
	static const struct bpf_insn target[] = { MOV_K(0, 3), EXIT };
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn)), *to = attack_load(v, r, target, 2);
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts = { 0 };
	struct moat_map map;
	int err;

	err = !obj || !to ? -ENOEXEC : attack_map(obj, &map, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, &data[0]);
	if (!err) {
		map.obj = to;	/* the array takes programs of its own object only */
		err = moat_map__set_program(&map, 0, moat_object__next_program(to, NULL));
	}
	if (err) {
		attack_odd(r, "no program array: %d", err);
		return;
	}
	err = attack_run(obj, data, &opts);
	/* the callback's result is 3 if the tail call was done in its place */
	if (!err && opts.retval == 3)
		attack_worked(r);
	else if (err)
		attack_stopped(r, err, &opts.fault, BY_ANYTHING);
	else
		r->contained++;
}

/* A callback that calls itself through a helper, by its handle as a plain number: the host's stack ends before the fuel. */
static void deep_callbacks(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		LD_FUNC(1, 6), MOV_K(2, 0), MOV_K(3, 0), CALL(HELP_CALLBACK), JA(0), EXIT,
		MOV_K(1, 7), MOV_K(2, 0), MOV_K(3, 0), CALL(HELP_CALLBACK), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };

	survive(v, r, insn, ARRAY_SIZE(insn), data);
}

#if defined(__x86_64__)
/* Gates ------------------------------------------------------------------------- */

static bool in_gate(const struct moat_code *c, u32 at)
{
	u32 i;

	for (i = 0; i < c->nr_marks; i++)
		if (at >= c->marks[i].start && at + 3 <= c->marks[i].end &&
		    (c->marks[i].kind == MOAT_MARK_ENTER || c->marks[i].kind == MOAT_MARK_LEAVE ||
		     c->marks[i].kind == MOAT_MARK_PROLOGUE || c->marks[i].kind == MOAT_MARK_EPILOGUE))
			return true;
	return false;
}

/* Does the image hold instructions that change rights, where no gate is, at any alignment? */
static void scan(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr)
{
	struct moat_object *obj = attack_load(v, r, insn, nr);
	struct moat_code c;
	const u8 *p;
	u32 at;

	if (!obj || moat_program__code(moat_object__next_program(obj, NULL), &c)) {
		attack_odd(r, "no code");
		return;
	}
	for (at = 0, p = c.code; at + 3 <= c.bytes; at++, p++) {
		bool wrpkru = p[0] == 0x0f && p[1] == 0x01 && p[2] == 0xef;
		bool xrstor = p[0] == 0x0f && p[1] == 0xae && (p[2] >> 3 & 7) == 5 && p[2] >> 6 != 3;

		if ((wrpkru || xrstor) && !in_gate(&c, at)) {
			attack_worked(r);
			moat_object__close(obj);
			return;
		}
	}
	r->contained++;
	moat_object__close(obj);
}

/* Bytes of WRPKRU and XRSTOR as immediates of every kind, offsets, and across neighbours. */
static void gate_bytes(const struct attack_variant *v, struct attack_result *r)
{
	static const s32 imm[] = {
		0x00ef010f, (s32)0xef010f00, (s32)0xef010f90, 0x7fef010f, 0x0028ae0f, 0x28ae0f00, 0x2fae0f11, 0x0fae2800 + 0x6d0,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(imm); i++) {
		const struct bpf_insn each[][3] = {
			{ MOV_K(0, imm[i]), EXIT },
			{ ALU32_K(BPF_MOV, 0, imm[i]), EXIT },
			{ LDDW(0, (u64)(u32)imm[i] << 16 | 0x11), EXIT },
			{ LDDW(3, (u64)(u32)imm[i] << 24 | (u64)imm[i] << 56), EXIT },
			{ MOV_K(0, 1), ALU64_K(BPF_ADD, 0, imm[i]), EXIT },
			{ MOV_K(3, 1), ALU32_K(BPF_XOR, 3, imm[i]), EXIT },
			{ MOV_K(7, 1), ALU64_K(BPF_AND, 7, imm[i]), EXIT },
			{ MOV_K(0, 1), ALU64_K(BPF_MUL, 0, imm[i]), EXIT },
			{ MOV_K(0, 1), ALU64_K(BPF_DIV, 0, imm[i]), EXIT },
			{ JMP_K(BPF_JEQ, 1, imm[i], 0), MOV_K(0, 1), EXIT },
			{ JMP32_K(BPF_JSET, 1, imm[i], 0), MOV_K(0, 1), EXIT },
			{ ST(BPF_W, 1, 0, imm[i]), MOV_K(0, 1), EXIT },
			{ ST(BPF_DW, 1, 4, imm[i]), MOV_K(0, 1), EXIT },
			{ ST(BPF_DW, 10, -8, imm[i]), MOV_K(0, 1), EXIT },
			{ ST(BPF_H, 1, (s16)0xae0f, 0x28), MOV_K(0, 1), EXIT },
			{ ST(BPF_B, 1, (s16)0x010f, (s8)0xef), MOV_K(0, 1), EXIT },
			{ ST(BPF_H, 1, 0x0f00, (s16)0xef01), MOV_K(0, 1), EXIT },
			{ LDX(BPF_DW, 0, 1, (s16)0xae0f), MOV_K(0, 0x28), EXIT },
		};
		u32 n;

		for (n = 0; n < ARRAY_SIZE(each); n++) {
			u32 nr = each[n][1].code == (BPF_JMP | BPF_EXIT) ? 2 : 3;
			bool second = each[n][0].code == (BPF_LD | BPF_IMM | BPF_DW);

			scan(v, r, each[n], second ? 3 : nr);
		}
	}
}

/* The same through displacements: branches whose distance spells the bytes, and many return sites and call sites. */
static void gate_distances(const struct attack_variant *v, struct attack_result *r)
{
	static struct bpf_insn insn[70000];
	u32 n = 0, i;

	for (i = 0; i < 300; i++)	/* tables of sites: indices 0.. in immediates */
		insn[n++] = (struct bpf_insn)CALL(HELP_COUNT);
	for (i = 0; i < 66000; i++)	/* rel32 of 0x0001xx.. and 0xae0f.. among these */
		insn[n++] = i % 3 ? (struct bpf_insn)JMP_K(BPF_JEQ, 1, 0, (s16)(i % 32000 + 1 < 66000 - i ? i % 32000 : 0)) :
				    (struct bpf_insn)ALU64_K(BPF_ADD, 1, 0x01000000 + (s32)i);
	insn[n++] = (struct bpf_insn)MOV_K(0, 0);
	insn[n++] = (struct bpf_insn)EXIT;
	scan(v, r, insn, n);
}
#endif

/* Loops --------------------------------------------------------------------------- */

/*
 * Without metering the program must go on: a process of its own runs it until a timer of 50 ms of its CPU time kills it.
 * Else that the metered run ends would show nothing.
 */
static bool goes_on(const struct attack_variant *v, const struct bpf_insn *insn, u32 nr)
{
	const struct itimerval soon = { .it_value.tv_usec = 50000 };
	struct attack_variant free_of_charge = *v;
	struct moat_run_opts opts = { .fuel = 300000 };
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_object *obj;
	int status = 0;
	pid_t child = fork();

	if (!child) {
		free_of_charge.unmetered = true;
		obj = attack_load(&free_of_charge, NULL, insn, nr);
		if (obj && !setitimer(ITIMER_VIRTUAL, &soon, NULL))
			attack_run(obj, data, &opts);
		_exit(1);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGVTALRM;
}

static void endless(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn self[] = { JA(-1), MOV_K(0, 0), EXIT };
	static const struct bpf_insn far[] = { JAL(-1), MOV_K(0, 0), EXIT };
	static const struct bpf_insn counted[] = { MOV_K(2, 0), ALU64_K(BPF_ADD, 2, 1), JMP_K(BPF_JNE, 2, 0, -2), MOV_K(0, 0), EXIT };
	static const struct bpf_insn calling[] = { CALL(HELP_COUNT), JA(-2), MOV_K(0, 0), EXIT };
	static const struct bpf_insn local[] = { CALL_LOCAL(2), JA(-2), EXIT, MOV_K(0, 0), EXIT };
	static const struct bpf_insn inner[] = { CALL_LOCAL(1), EXIT, JA(-1), MOV_K(0, 0), EXIT };
	static const struct bpf_insn back[] = {
		LD_FUNC(1, 4), MOV_K(2, 0), CALL(HELP_CALLBACK), EXIT, MOV_K(0, 0), JMP_K(BPF_JEQ, 0, 0, -2), EXIT,
	};
	static const struct { const struct bpf_insn *insn; u32 nr; } way[] = {
		{ self, 3 }, { far, 3 }, { counted, 5 }, { calling, 4 }, { local, 5 }, { inner, 5 }, { back, 8 },
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(way); i++)
		if (!goes_on(v, way[i].insn, way[i].nr))
			attack_odd(r, "loop %u ends without metering", i);
	for (i = 0; i < ARRAY_SIZE(way); i++) {
		struct moat_object *obj = attack_load(v, r, way[i].insn, way[i].nr);
		struct moat_run_opts opts = { .fuel = 300000 };
		int err = obj ? attack_run(obj, data, &opts) : -ENOEXEC;

		if (!err)
			attack_worked(r);
		else if (err != -ETIME)
			attack_odd(r, "loop %u: the run returned %d", i, err);
		else
			attack_stopped(r, err, &opts.fault, KIND(FUEL));
		moat_object__close(obj);
	}
}

/* Calls that multiply: seven functions that call the next one four times each, over and over. */
static void call_tree(const struct attack_variant *v, struct attack_result *r)
{
	struct bpf_insn insn[64];
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts = { .fuel = 1000 };
	struct attack_variant free_of_charge = *v;
	struct moat_object *obj;
	u32 f, i, n = 0;
	int err;

	for (f = 0; f < 7; f++) {
		for (i = 0; i < 4; i++, n++)
			insn[n] = (struct bpf_insn)CALL_LOCAL((s32)(6 * (f + 1) - n - 1));
		insn[n++] = (struct bpf_insn)MOV_K(0, 0);
		insn[n++] = (struct bpf_insn)EXIT;
	}
	insn[n++] = (struct bpf_insn)MOV_K(0, 0);
	insn[n++] = (struct bpf_insn)EXIT;
	free_of_charge.unmetered = true;
	if (attack_try(&free_of_charge, r, insn, n, data, &opts))
		attack_odd(r, "the tree does not come to its end without metering");
	opts.fuel = 1000;
	obj = attack_load(v, r, insn, n);
	err = obj ? attack_run(obj, data, &opts) : -ENOEXEC;
	if (!err)
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, KIND(FUEL));
}

/* The prototype's defects ------------------------------------------------------------ */

static void expect(struct attack_result *r, const char *what, int err, u64 got, u64 want)
{
	if (err || got != want)
		attack_odd(r, "%s: %d, R0 = %#llx, not %#llx", what, err, (unsigned long long)got, (unsigned long long)want);
	else
		r->contained++;
}

/* 1.3 A 1, 2, 7: the result survives the exit gate, R3 and R4 the entry gate, and the shortest program is gated. */
static void registers_survive(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn result[] = { LDX(BPF_DW, 2, 1, 0), MOV_K(0, 2), EXIT };
	static const struct bpf_insn third[] = {
		MOV_K(3, 5), MOV_K(4, 7), LDX(BPF_DW, 2, 1, 0), MOV_X(0, 3), ALU64_K(BPF_LSH, 0, 8), ALU64_X(BPF_OR, 0, 4), EXIT,
	};
	static const struct bpf_insn across[] = {
		MOV_K(6, 1), MOV_K(7, 2), MOV_K(8, 3), MOV_K(9, 4), MOV_K(1, 0), CALL(HELP_COUNT),
		ALU64_X(BPF_ADD, 0, 6), ALU64_X(BPF_ADD, 0, 7), ALU64_X(BPF_ADD, 0, 8), ALU64_X(BPF_ADD, 0, 9), EXIT,
	};
	static const struct bpf_insn shortest[] = { MOV_K(0, 0), EXIT };
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	struct moat_object *obj;
	struct moat_code c;
	u32 i, gates = 0;
	int err;

	err = attack_try(v, r, result, 3, data, &opts);
	expect(r, "result", err, opts.retval, 2);
	err = attack_try(v, r, third, 7, data, &opts);
	expect(r, "R3 and R4", err, opts.retval, 0x507);
	err = attack_try(v, r, across, 11, data, &opts);
	expect(r, "R6-R9", err, opts.retval, 87);
	obj = attack_load(v, r, shortest, 2);
	if (!obj || moat_program__code(moat_object__next_program(obj, NULL), &c)) {
		attack_odd(r, "no code");
		return;
	}
	for (i = 0; i < c.nr_marks; i++)
		gates += c.marks[i].kind == MOAT_MARK_ENTER || c.marks[i].kind == MOAT_MARK_LEAVE;
	expect(r, "gates of the shortest program", 0, gates, attack_is_gated(v) ? 2 : 0);
}

/* 1.3 A 3: the load behind a join is confined on the path through the helper and on the other. */
static void join_after_call(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_X(6, 1), LDX(BPF_DW, 7, 6, 8), MOV_K(0, 0), JMP_K(BPF_JEQ, 7, 0, 2), CALL(HELP_COUNT), JA(1),
		LDX(BPF_DW, 3, 6, 16),
		LDX(BPF_DW, 2, 6, 0), LDX(BPF_DW, 0, 2, 0), EXIT,
	};
	struct moat_run_opts opts;
	u32 path;
	int err;

	for (path = 0; path < 2; path++) {
		u64 data[ATTACK_SHARED / 8] = { (u64)attack_secret, path };

		err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);
		if (!err && opts.retval == SECRET)
			attack_worked(r);
		else
			attack_stopped(r, err, &opts.fault, BY_MEMORY);
	}
}

/* 1.3 A 4, 5: helpers and exits are reached with the host's rights on every path. */
static void host_state_on_paths(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn helper[] = {
		MOV_X(6, 1), LDX(BPF_DW, 7, 6, 0), JMP_K(BPF_JNE, 7, 0, 1), CALL(HELP_COUNT), CALL(HELP_COUNT), EXIT,
	};
	static const struct bpf_insn exits[] = {
		MOV_X(6, 1), LDX(BPF_DW, 7, 6, 0), JMP_K(BPF_JNE, 7, 0, 2), CALL(HELP_COUNT), EXIT,
		LDX(BPF_DW, 0, 6, 0), JMP_K(BPF_JEQ, 0, 2, 1), EXIT, MOV_K(0, 9), EXIT,
	};
	u64 way, want[] = { 77, 1, 9 };
	struct moat_run_opts opts;
	int err;

	for (way = 0; way < 3; way++) {
		u64 data[ATTACK_SHARED / 8] = { way };

		err = attack_try(v, r, helper, ARRAY_SIZE(helper), data, &opts);
		expect(r, "helper on both paths", err, opts.retval, 77);
		data[0] = way;
		err = attack_try(v, r, exits, ARRAY_SIZE(exits), data, &opts);
		expect(r, "exit on all paths", err, opts.retval, want[way]);
	}
}

/* 1.3 A 8: an argument out of range ends the run; nothing is clamped and called. */
static void no_clamping(const struct attack_variant *v, struct attack_result *r)
{
	static const u64 size[] = { ATTACK_SHARED + 1, 1ull << 63, ~0ull, 0 };
	static const struct bpf_insn insn[] = { LDX(BPF_DW, 2, 1, 0), CALL(HELP_SUM), EXIT };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(size); i++) {
		u64 data[ATTACK_SHARED / 8] = { size[i] };

		attack_call(v, r, insn, ARRAY_SIZE(insn), data);
	}
}

#define ATTACK(n, f, ...)	{ .name = n, .run = f, __VA_ARGS__ }
#define HOST_STACK		"its return addresses are on the host's stack: see the attack on that"
#define METERED			"metered in every mode; the same attack first runs on unmetered"
#define RIGHT_EVERYWHERE	"a defect of code generation: right in every mode"

const struct attack attack_flow[] = {
	ATTACK("forged return index", forged_return, .in_none = MEANINGLESS, .why = HOST_STACK),
	ATTACK("loop of forged returns", return_loop, .in_none = MEANINGLESS, .why = HOST_STACK),
	ATTACK("forged saved registers", saved_registers, .gates_only = true, .in_none = MEANINGLESS, .why = HOST_STACK),
	ATTACK("return address on the host's stack", host_return),
	ATTACK("the run's record in the host", run_record),
	ATTACK("local variable of the caller", caller_local),
	ATTACK("tail call out of a callback", tail_from_callback, .gates_only = true, .in_none = MEANINGLESS, .why = HOST_STACK),
	ATTACK("endless recursion of callbacks", deep_callbacks, .in_none = HOLDS, .why = "the host counts nested callbacks"),
#if defined(__x86_64__)	/* elsewhere no instruction begins inside another */
	ATTACK("gate bytes in immediates", gate_bytes, .gates_only = true, .some = true),
	ATTACK("gate bytes in distances", gate_distances, .gates_only = true, .in_none = MEANINGLESS,
	       .why = "whether code without gates holds the bytes is chance"),
#endif
	ATTACK("endless loop", endless, .in_none = HOLDS, .why = METERED),
	ATTACK("tree of calls", call_tree, .in_none = HOLDS, .why = METERED),
	ATTACK("1.3 A 1, 2, 7: registers over gates", registers_survive, .in_none = HOLDS, .why = RIGHT_EVERYWHERE),
	ATTACK("1.3 A 3: state at a join", join_after_call),
	ATTACK("1.3 A 4, 5: state at helper and exit", host_state_on_paths, .in_none = HOLDS, .why = RIGHT_EVERYWHERE),
	ATTACK("1.3 A 8: argument clamped", no_clamping, .may_die = true),
};
const u32 nr_attack_flow = ARRAY_SIZE(attack_flow);
