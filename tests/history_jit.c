/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Defects of JIT compilers: what was emitted wrongly elsewhere, or when it should not have been. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../jit/op.h"
#include "history.h"

/* Branches ------------------------------------------------------------------ */

#define MAX_FILL	32700

/*
 * A forward branch over @n slots, taken or not, and a backward one over as many; R6 counts what was executed.
 * Calls are jumped over: they are there for their size.
 */
static u32 build_branches(struct bpf_insn *insn, struct bpf_insn branch, struct bpf_insn fill, u32 n)
{
	const struct bpf_insn head[] = { LDX(BPF_DW, 3, 1, 0), MOV_K(6, 0), MOV_K(4, 1), MOV_X(7, 3), branch };
	const struct bpf_insn middle[] = { MOV_K(7, 2), ALU64_K(BPF_ADD, 6, 1) };
	const struct bpf_insn tail[] = { ALU64_K(BPF_SUB, 7, 1), JMP_K(BPF_JNE, 7, 0, 0), MOV_X(0, 6), EXIT };
	u32 at = 0, i;

	memcpy(insn, head, sizeof(head));
	at = ARRAY_SIZE(head);
	insn[at - 1].off = n;
	for (i = 0; i < n; i++)
		insn[at++] = i ? fill : (struct bpf_insn)ALU64_K(BPF_ADD, 6, 1000);
	memcpy(insn + at, middle, sizeof(middle));
	at += ARRAY_SIZE(middle);
	for (i = 0; i < n; i++)
		insn[at++] = fill;
	if (BPF_OP(fill.code) == BPF_CALL && BPF_CLASS(fill.code) == BPF_JMP) {
		insn[ARRAY_SIZE(head) + 1] = (struct bpf_insn)JA(n - 2);
		insn[at - n] = (struct bpf_insn)JA(n - 1);
	}
	memcpy(insn + at, tail, sizeof(tail));
	insn[at + 1].off = -(s16)(n + 3);
	return at + ARRAY_SIZE(tail);
}

/* All of the ways to branch with @n instructions of the kind between branch and target. */
static void branches(const struct attack_variant *v, struct attack_result *r, struct bpf_insn fill, u32 n)
{
	static const struct bpf_insn branch[] = {
		JMP_K(BPF_JSET, 3, 1, 0), JMP_K(BPF_JEQ, 3, 1, 0), JMP32_K(BPF_JSGT, 3, 0, 0), JMP_X(BPF_JEQ, 3, 4, 0),
		JMP_K(BPF_JNE, 3, 0, 0),
	};
	u32 nr_branch = n > 10000 ? 1 : n > 1000 ? 2 : ARRAY_SIZE(branch);	/* large ones take time to emit */
	static struct bpf_insn insn[2 * MAX_FILL + 16];
	bool counts = BPF_OP(fill.code) == BPF_ADD && BPF_CLASS(fill.code) == BPF_ALU64;
	u64 each = counts ? n : 0, taken;
	u32 i, nr;

	for (i = 0; i < nr_branch; i++) {
		struct moat_object *obj;

		nr = build_branches(insn, branch[i], fill, n);
		obj = attack_load(v, r, insn, nr);
		for (taken = 0; obj && taken < 2; taken++) {
			u64 data[ATTACK_SHARED / 8] = { taken };
			u64 want = (n && !taken ? 1000 + (each ? n - 1 : 0) : 0) + 2 * (1 + each);
			struct moat_run_opts opts = { 0 };
			int err = attack_run(obj, data, &opts);

			if (err || opts.retval != want)
				attack_odd(r, "%u slots, branch %u: %d, counted %llu, not %llu", n, i, err,
					   (unsigned long long)opts.retval, (unsigned long long)want);
			else
				r->contained++;
		}
		moat_object__close(obj);
	}
}

/* Around the reach of short branches of x86: 127 bytes of code, which here are 31 and 18 instructions. */
static void short_branches(const struct attack_variant *v, struct attack_result *r)
{
	u32 n;

	for (n = 0; n <= 40; n++) {
		branches(v, r, (struct bpf_insn)ALU64_K(BPF_ADD, 6, 1), n);
		branches(v, r, (struct bpf_insn)ALU64_K(BPF_XOR, 5, 0x12345678), n);
	}
	NOTE(r, "right");
}

/* Around 32 KiB, the reach of arm64's test of a bit; and as far as branches can say, beyond the 1 MiB of its others. */
static void long_branches(const struct attack_variant *v, struct attack_result *r)
{
	static const struct { struct bpf_insn fill; u32 around; } kind[] = {
		{ ALU64_K(BPF_ADD, 6, 1), 8192 }, { ALU64_K(BPF_XOR, 5, 0x12345678), 8192 / 3 },
		{ CALL(BPF_FUNC_get_numa_node_id), 0 },		/* no instruction takes more code */
	};
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(kind); i++) {
		for (n = kind[i].around - 3; kind[i].around && n <= kind[i].around; n++)
			branches(v, r, kind[i].fill, n);
	}
	/* What is large in modes with gates is looked through for gates' bytes again and again: long, under emulation. */
	branches(v, r, kind[2].fill, attack_is_gated(v) ? 2000 : MAX_FILL);
	NOTE(r, "right");
}

/* Results ----------------------------------------------------------------------- */

/* The upper half of R3, in which 0xffffffff was, after @op. */
static void upper_half(const struct attack_variant *v, struct attack_result *r, struct bpf_insn op, u32 low)
{
	const struct bpf_insn insn[] = {
		MOV_X(6, 1), LDDW(3, 0xffffffff00000000ull | low), LDDW(4, 0xffffffff00000005ull), MOV_X(0, 3),
		STX(BPF_DW, 10, 4, -8), op, MOV_X(5, op.src_reg == 3 ? 3 : op.imm == BPF_CMPXCHG ? 0 : op.dst_reg), MOV_X(0, 5),
		ALU64_K(BPF_RSH, 0, 32), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	int err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);

	if (err || opts.retval)
		attack_odd(r, "after %02x, imm %d, low half %#x: %d, %#llx", op.code, op.imm, low, err,
			   (unsigned long long)opts.retval);
	else
		r->contained++;
}

static void zero_extension(const struct attack_variant *v, struct attack_result *r)
{
	static const u8 op[] = {
		BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND, BPF_LSH, BPF_RSH, BPF_MOD, BPF_XOR, BPF_MOV, BPF_ARSH,
	};
	static const s32 imm[] = { 0, 1, -1, 31, 0x7fffffff, INT_MIN };
	static const s32 atomic[] = {
		BPF_ADD | BPF_FETCH, BPF_OR | BPF_FETCH, BPF_AND | BPF_FETCH, BPF_XOR | BPF_FETCH, BPF_XCHG,
	};
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(op); i++) {
		for (n = 0; n < ARRAY_SIZE(imm); n++) {
			if ((op[i] == BPF_DIV || op[i] == BPF_MOD) && !imm[n])
				continue;
			if ((op[i] == BPF_LSH || op[i] == BPF_RSH || op[i] == BPF_ARSH) && (u32)imm[n] > 31)
				continue;
			upper_half(v, r, (struct bpf_insn)ALU32_K(op[i], 3, imm[n]), 0x80000001);
			upper_half(v, r, (struct bpf_insn)ALU32_K(op[i], 3, imm[n]), 0);
		}
		upper_half(v, r, (struct bpf_insn)ALU32_X(op[i], 3, 4), 0x80000001);
		upper_half(v, r, (struct bpf_insn)INSN(BPF_ALU | BPF_X | op[i], 3, 3, 0, 0), 0x80000001);
	}
	upper_half(v, r, (struct bpf_insn)INSN(BPF_ALU | BPF_NEG, 3, 0, 0, 0), 1);
	for (n = 16; n <= 32; n += 16) {
		upper_half(v, r, (struct bpf_insn)INSN(BPF_ALU | BPF_END | BPF_TO_BE, 3, 0, 0, n), 0x80000001);
		upper_half(v, r, (struct bpf_insn)INSN(BPF_ALU | BPF_END | BPF_TO_LE, 3, 0, 0, n), 0x80000001);
	}
	upper_half(v, r, (struct bpf_insn)LDX(BPF_W, 3, 10, -8), 1);
	for (i = 0; i < ARRAY_SIZE(atomic); i++)
		upper_half(v, r, (struct bpf_insn)ATOM(BPF_W, atomic[i], 10, 3, -8), 0x80000001);
	for (n = 0; n < 2; n++)		/* as expected, and not */
		upper_half(v, r, (struct bpf_insn)ATOM(BPF_W, BPF_CMPXCHG, 10, 4, -8), n ? 5 : 6);
	NOTE(r, "right");
}

/* Programs that must not be accepted -------------------------------------------- */

static void program_end(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn wide[] = { MOV_K(0, 0), LDDW(1, 1) };
	static const struct bpf_insn jump[] = { MOV_K(0, 0), JMP_K(BPF_JEQ, 0, 1, -1) }, far[] = { MOV_K(0, 0), JA(1) };
	static const struct { const struct bpf_insn *insn; u32 nr; } bad[] = { { wide, 3 }, { wide, 2 }, { jump, 2 }, { far, 2 } };
	PROGRAM(back, JA(2), MOV_K(0, 7), EXIT, JA(-3));
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_op op[8];
	struct moat_run_opts opts;
	u32 page = getpagesize(), i;
	u8 *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + page, page, PROT_NONE)) {
		attack_odd(r, "no memory");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bpf_insn *at = (struct bpf_insn *)(p + page) - bad[i].nr;

		/* Right in front of memory that cannot be read. */
		memcpy(at, bad[i].insn, bad[i].nr * sizeof(*at));
		moat_decode(op, at, bad[i].nr, NULL);
		history_expect(r, !attack_load(v, NULL, at, bad[i].nr), "a program without an end is accepted");
	}
	history_expect(r, !attack_try(v, r, back, ARRAY_SIZE(back), data, &opts) && opts.retval == 7, "a jump at the end");
	NOTE(r, "refused");
}

/* Signed fields that only make sense from 0 on. */
static void negative_offset(const struct attack_variant *v, struct attack_result *r)
{
	static const u8 code[] = {
		BPF_ALU64 | BPF_X | BPF_DIV, BPF_ALU64 | BPF_K | BPF_DIV, BPF_ALU | BPF_X | BPF_MOD, BPF_ALU | BPF_K | BPF_MOD,
		BPF_ALU64 | BPF_X | BPF_MOV, BPF_ALU | BPF_X | BPF_MOV, BPF_ALU64 | BPF_K | BPF_ADD,
	};
	static const s16 off[] = { 0, -1, -8, -16, -32, INT16_MIN, 2, 7 };
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(code); i++) {
		for (n = 0; n < ARRAY_SIZE(off); n++) {
			u8 x = BPF_SRC(code[i]) == BPF_X;
			const struct bpf_insn insn[] = { MOV_K(0, 9), MOV_K(1, 3), INSN(code[i], 0, x, off[n], x ? 0 : 3), EXIT };
			struct moat_object *obj = attack_load(v, NULL, insn, ARRAY_SIZE(insn));

			history_expect(r, !obj == !!off[n], "an offset is accepted that has no meaning, or 0 is not");
			moat_object__close(obj);
		}
	}
	NOTE(r, "refused");
}

/* Memory of code ------------------------------------------------------------------- */

/* Is anything mapped to write and execute, or code to write? */
static bool writable_code(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512], rights[8];
	bool bad = !f;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %7s", rights) == 1 && strchr(rights, 'w') &&
		    (strchr(rights, 'x') || strstr(line, "moat-code")))
			bad = true;
	if (f)
		fclose(f);
	return bad;
}

/* Writing code fails: no program is loaded, nothing stays writable, and what runs, runs on. */
static void failed_write(const struct attack_variant *v, struct attack_result *r)
{
	PROGRAM(insn, MOV_K(0, 42), EXIT);
	struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts = { 0 };
	struct rlimit limit, none;

	if (!obj)
		return;
	history_expect(r, !writable_code(), "code is writable");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_FSIZE, &none);
	history_expect(r, !attack_load(v, NULL, insn, ARRAY_SIZE(insn)), "loaded without its code being written");
	history_expect(r, !writable_code(), "code stays writable");
	history_expect(r, !attack_run(obj, data, &opts) && opts.retval == 42, "another program is disturbed");
	setrlimit(RLIMIT_FSIZE, &limit);
	history_expect(r, !attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts) && opts.retval == 42, "nothing loads any more");
	history_expect(r, !writable_code(), "code is writable in the end");
}

#define MISPREDICTED(id, text)	ABSENT(id, text, "`tests/spectre.c` measures what a mispredicted check shows, in `none` and with base registers")
#define BYPASSED(id, text)	ABSENT(id, text, "not tried; whatever a load sees, the next address is formed in the cage")

const struct history history_jit[] = {
ROW("CVE-2021-29154", "x86: branches that were not yet settled jumped into instructions",
    "branches only grow, and each piece is as long as it was measured, or the image is refused", short_branches, HOLDS_BY_ITSELF),
ROW("CVE-2021-38300", "MIPS: conditional branches beyond their reach", "longer forms, chosen by distance", long_branches,
    HOLDS_BY_ITSELF),
ROW("CVE-2021-20320", "s390: zero extension left out where it was needed", "tests of every 32-bit operation", zero_extension,
    HOLDS_BY_ITSELF),
ROW("CVE-2024-26588", "LoongArch: read past the last instruction", "validation, which wants an end", program_end,
    HOLDS_BY_ITSELF),
ROW("CVE-2024-42067", "code stayed writable when making it read-only failed", "code is never mapped to be written",
    failed_write, HOLDS_BY_ITSELF),
ROW("CVE-2025-40169", "negative offsets of arithmetic were accepted", "the decoder", negative_offset, HOLDS_BY_ITSELF),
};
const u32 nr_history_jit = ARRAY_SIZE(history_jit);

const struct history history_transient[] = {
MISPREDICTED("CVE-2020-27170", "speculative access beyond a limit that was computed for another type of pointer"),
MISPREDICTED("CVE-2020-27171", "speculative access one byte beyond, by a limit that was too large"),
MISPREDICTED("CVE-2021-29155", "speculative arithmetic on pointers outside of the limits that were checked"),
MISPREDICTED("CVE-2021-31829", "speculative access to the stack at an address that was not masked"),
MISPREDICTED("CVE-2021-33624", "paths that only speculation takes were not looked at"),
BYPASSED("CVE-2021-34556", "speculative store bypass: a load saw what was in the frame before"),
BYPASSED("CVE-2021-35477", "speculative store bypass by way of another register"),
BYPASSED("CVE-2023-53024", "speculative store bypass with spilled values that are no pointers"),
};
const u32 nr_history_transient = ARRAY_SIZE(history_transient);
