/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How far arm64's branches reach: images around and beyond 1 MiB, whose
 * branches are decoded here again and must lead to what the plan says.
 */
#include <stdlib.h>

#include "../arch-arm64/a64.h"
#include "../jit/arch.h"
#include "../tests/check.h"
#include "listing.h"

#define MIB		(1 << 20)
#define MAX_INSNS	(1 << 17)

static struct bpf_insn insn[MAX_INSNS];
static u32 len;

static void put(u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	insn[len++] = (struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm };
}

static void put_exit(void)
{
	put(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Four bytes of code. */
static void put_small(u32 n)
{
	while (n--)
		put(BPF_ALU64 | BPF_ADD | BPF_X, 2, 3, 0, 0);
}

#define BIG_BYTES	36	/* without base register and LSE; conditional jumps reach 32767 slots, so slots are to be long */

static void put_big(u32 n)
{
	while (n--)
		put(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 2, 4097, BPF_CMPXCHG);
}

/* @bytes of code. */
static void put_bytes(u32 bytes)
{
	put_big(bytes / BIG_BYTES);
	put_small(bytes % BIG_BYTES / 4);
}

/* Images ------------------------------------------------------------------- */

struct image {
	struct moat jit;
	struct listing_spec spec;
	u32 *code;
	void *work;
	int err;
};

static void compile_for(struct image *m, const struct moat_kernel *kernel, enum moat_mode mode, enum moat_gate gate,
			bool fuel)
{
	listing_defaults(&m->spec);
	listing_arm64(&m->spec);
	m->spec.opt.mode = mode;
	m->spec.opt.gate = gate;
	m->spec.opt.fuel = fuel;
	m->spec.opt.kernel = kernel;
	m->work = calloc(1, kernel ? moat_kernel_work_bytes(len) : moat_work_bytes(len));
	m->code = NULL;
	m->err = moat_plan(&m->jit, insn, len, &m->spec.opt, m->work);
	if (m->err)
		return;
	m->code = malloc(m->jit.bytes);
	m->err = moat_emit(&m->jit, (u8 *)m->code, m->spec.pc, m->jit.bytes);
}

static void compile(struct image *m, enum moat_mode mode, enum moat_gate gate, bool fuel)
{
	compile_for(m, NULL, mode, gate, fuel);
}

static void release(struct image *m)
{
	free(m->code);
	free(m->work);
}

/* Decoding: Arm ARM C4.1.65, all that we use. */

enum branch { NO_BRANCH, ALWAYS, LINK, CONDITIONAL, ADDRESS };

static s64 field(u32 word, u32 low, u32 bits)
{
	return (s64)((u64)word >> low << (64 - bits)) >> (64 - bits);
}

/* What the word at code offset @at is, and where it leads. */
static enum branch decode(const struct image *m, u32 at, s64 *to)
{
	u32 word = m->code[at / 4];

	*to = at + 4 * field(word, 5, 19);
	if ((word & 0x7c000000) == 0x14000000) {
		*to = at + 4 * field(word, 0, 26);
		return word >> 31 ? LINK : ALWAYS;
	}
	if ((word & 0xff000010) == 0x54000000 || (word & 0x7e000000) == 0x34000000)
		return CONDITIONAL;
	if ((word & 0x7e000000) == 0x36000000) {
		*to = at + 4 * field(word, 5, 14);
		return CONDITIONAL;
	}
	if ((word & 0x9f000000) == 0x10000000) {
		*to = at + 4 * field(word, 5, 19) + (word >> 29 & 3);
		return ADDRESS;
	}
	return NO_BRANCH;
}

static bool is_branch(const struct image *m, u32 at, enum branch kind, s64 want)
{
	s64 to;

	return decode(m, at, &to) == kind && to == want;
}

/* The branch that ends slot @i goes where its instruction says, in the form that was laid out. */
static bool ends_right(const struct image *m, u32 i)
{
	const struct moat_slot *slot = &m->jit.slot[i];
	u32 at = slot->start + slot->body;
	s64 to;

	if (slot->target == MOAT_NO_BRANCH)
		return true;
	to = m->jit.slot[m->jit.op[i].target].start;
	if (!slot->conditional)
		return is_branch(m, at, ALWAYS, to);
	if (slot->form == MOAT_SHORT)
		return is_branch(m, at, CONDITIONAL, to);
	return is_branch(m, at, CONDITIONAL, at + 8) && is_branch(m, at + 4, ALWAYS, to);
}

static u32 wrong_ends(const struct image *m)
{
	u32 i, wrong = 0;

	for (i = 0; i < m->jit.len; i++)
		wrong += !ends_right(m, i);
	return wrong;
}

/* Where branches of any slot may lead: slots, functions, traps, return sites. */
static u8 *landings(const struct image *m)
{
	const struct moat *jit = &m->jit;
	u8 *may = calloc(jit->bytes + 4, 1);
	u32 i;

	for (i = 0; i <= jit->len; i++)
		may[jit->slot[i].start] = 1;
	for (i = 0; i < jit->nr_func; i++)
		may[jit->func_local[i]] = 1;
	for (i = 0; i < jit->nr_trap; i++)
		may[jit->trap[i].at] = 2;
	for (i = 0; i < jit->nr_return; i++)
		may[jit->return_at[i]] = 1;
	return may;
}

/* Every branch lands on one of these or close by, in its own slot; every trap has somebody who goes there. */
static void check_landings(const struct image *m, const char *name)
{
	u8 *may = landings(m);
	u32 at, astray = 0, lonely = 0, i;
	s64 to;

	for (at = 0; at < m->jit.traps_at; at += 4) {
		enum branch kind = decode(m, at, &to);

		if (kind == NO_BRANCH || kind == ADDRESS)
			continue;
		if (to < 0 || to >= m->jit.bytes || to & 3)
			astray++;
		else if (may[to])
			may[to] |= 4;
		else
			astray += to - at > 256 || at - to > 64;
	}
	for (i = 0; i < m->jit.nr_trap; i++)
		lonely += !(may[m->jit.trap[i].at] & 4) || m->code[m->jit.trap[i].at / 4] != a64_exception(A64_BRK, 0);
	CHECK(!astray, "%s: %u branches lead astray", name, astray);
	CHECK(!lonely, "%s: %u of %u traps are not reached", name, lonely, m->jit.nr_trap);
	free(may);
}

/* Exactly 1 MiB ------------------------------------------------------------ */

/* A conditional branch over @bytes of code: forward, or back with the code it stands behind. */
static void branch_over(u32 bytes, bool back, bool zero)
{
	u32 at;

	len = 0;
	if (back)
		put_bytes(bytes);
	at = len;
	put(BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 0, zero ? 0 : 7);
	if (!back)
		put_bytes(bytes);
	insn[at].off = back ? -(s32)len : (s32)(len - at - 1);
	put_exit();
}

/* @form for a branch that has to bridge @distance, by what is between. */
static void check_edge(u32 bytes, bool back, bool zero, s64 distance, u8 form)
{
	u32 at, compare = zero ? 0 : 4;
	struct image m;
	s64 to;

	branch_over(back ? bytes - compare : bytes, back, zero);
	compile(&m, MOAT_MODE_NONE, MOAT_GATE_RIGHTS, false);
	if (CHECK(!m.err, "%u bytes: error %d", bytes, m.err)) {
		u32 i = back ? len - 2 : 0;

		at = m.jit.slot[i].start + m.jit.slot[i].body;
		to = m.jit.slot[m.jit.op[i].target].start;
		/* The long form is four bytes longer, and its jump stands four bytes on. */
		CHECK(to - at == distance + (form == MOAT_LONG && !back ? 4 : 0), "%u bytes are %lld", bytes,
		      (long long)(to - at));
		CHECK(m.jit.slot[i].form == form, "over %lld bytes: form %u", (long long)distance, m.jit.slot[i].form);
		CHECK(!wrong_ends(&m), "over %lld bytes: leads astray", (long long)distance);
	}
	release(&m);
}

static void check_edges(void)
{
	u32 zero;

	for (zero = 0; zero < 2; zero++) {
		check_edge(MIB - 8, false, zero, MIB - 4, MOAT_SHORT);
		check_edge(MIB - 4, false, zero, MIB, MOAT_LONG);
		check_edge(MIB, true, zero, -MIB, MOAT_SHORT);
		check_edge(MIB + 4, true, zero, -MIB - 4, MOAT_LONG);
	}
}

/* Far apart ---------------------------------------------------------------- */

static const struct {
	const char *name;
	enum moat_mode mode;
	enum moat_gate gate;
} modes[] = {
	{ "none", MOAT_MODE_NONE, MOAT_GATE_RIGHTS },
	{ "basereg", MOAT_MODE_BASEREG, MOAT_GATE_RIGHTS },
	{ "poe", MOAT_MODE_PKU, MOAT_GATE_RIGHTS },
	{ "poe+basereg", MOAT_MODE_PKU_BASEREG, MOAT_GATE_RIGHTS },
	{ "stage2+basereg", MOAT_MODE_PKU_BASEREG, MOAT_GATE_MONITOR },
};

/* A loop in front that pays fuel, helpers, and two functions, more than 1 MiB from each other and from the tables. */
static void make_far(void)
{
	u32 call, other;

	len = 0;
	put_small(1);
	put(BPF_JMP | BPF_JNE | BPF_K, 2, 0, -2, 0);
	put(BPF_JMP | BPF_CALL, 0, 0, 0, 5);
	call = len;
	put(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	put_big(32000);
	other = len;
	put(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	put_exit();
	insn[call].imm = len - call - 1;
	put_big(32000);
	put(BPF_JMP | BPF_CALL, 0, 0, 0, 5);
	put_exit();
	insn[other].imm = len - other - 1;
	put_big(32000);
	put(BPF_JMP | BPF_JNE | BPF_K, 2, 0, -2, 7);
	put_exit();
}

/* The code of a return puts the address of the table together: find it by what stands there. */
static u32 returns_found(const struct image *m, bool is_long)
{
	u32 at, found = 0;
	s64 to;

	for (at = 8; at < m->jit.returns_at; at += 4) {
		const u32 *code = m->code + at / 4;

		if (decode(m, at, &to) != ADDRESS)
			continue;
		if (is_long)
			to = at + (s64)((code[-2] >> 5 & 0xffff) | (code[-1] >> 5 & 0xffff) << 16);
		found += to == m->jit.returns_at;
	}
	return found;
}

static void check_returns(const struct image *m, const char *name, u32 functions, bool is_long)
{
	u32 i, wrong = 0, found = returns_found(m, is_long);

	CHECK(found == functions, "%s: %u returns find the table, not %u", name, found, functions);
	for (i = 0; i < m->jit.nr_return; i++)
		wrong += m->code[m->jit.returns_at / 4 + 2 * i] != A64_BTI_J ||
			 !is_branch(m, m->jit.returns_at + 8 * i + 4, ALWAYS, m->jit.return_at[i]);
	CHECK(!wrong && m->jit.nr_return == functions, "%s: %u of %u return sites are wrong", name, wrong,
	      m->jit.nr_return);
}

static void check_far(void)
{
	struct image m;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		make_far();
		compile(&m, modes[i].mode, modes[i].gate, true);
		if (CHECK(!m.err, "%s: error %d", modes[i].name, m.err)) {
			CHECK(m.jit.bytes > 3 * MIB && m.jit.nr_trap >= 3, "%s: only %u bytes, %u traps", modes[i].name,
			      m.jit.bytes, m.jit.nr_trap);
			CHECK(!wrong_ends(&m), "%s: branches lead astray", modes[i].name);
			check_landings(&m, modes[i].name);
			if (m.jit.gates)
				check_returns(&m, modes[i].name, 2, true);
		}
		release(&m);
	}
}

/*
 * As many slots as an image may have that uses the short forms to its traps,
 * each as long as there are: packet loads, rights of 64 bits.
 */
static void check_dense(u32 slots)
{
	struct image m;
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		len = 0;
		put(BPF_ALU64 | BPF_ADD | BPF_X, 6, 7, 0, 0);
		put(BPF_ALU64 | BPF_ADD | BPF_X, 8, 9, 0, 0);
		put(BPF_STX | BPF_MEM | BPF_DW, 10, 1, -8, 0);
		put(BPF_LDX | BPF_MEM | BPF_DW, 0, 1, 8, 0);
		put(BPF_JMP | BPF_JNE | BPF_K, 8, 0, -2, 0);
		put(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, slots - 8);
		for (n = len; n < slots - 3; n++)
			put(BPF_LD | BPF_IND | BPF_W, 0, 2, 0, 0x12345678);
		put_exit();
		put_small(1);
		put_exit();
		CHECK(len == slots, "%u slots", len);
		listing_defaults(&m.spec);
		compile(&m, modes[i].mode, modes[i].gate, true);
		if (CHECK(!m.err, "%s, %u slots: error %d", modes[i].name, slots, m.err)) {
			check_landings(&m, modes[i].name);
			if (m.jit.gates)
				check_returns(&m, modes[i].name, 1, slots > 2000);
		}
		release(&m);
	}
}

/* A branch on a bit over the most code that @slots slots can be, for user space or the kernel, forward and back. */
static void check_small(u32 slots, const struct moat_kernel *kernel, enum moat_mode mode)
{
	struct image m;
	u32 n;

	len = 0;
	put(BPF_JMP | BPF_JSET | BPF_K, 6, 0, slots - 3, 1 << 30);
	put(BPF_ALU64 | BPF_ADD | BPF_X, 7, 8, 0, 0);
	put(BPF_STX | BPF_MEM | BPF_DW, 10, 9, -8, 0);
	for (n = len; n < slots - 2; n++)
		if (kernel && n % 2)
			put(BPF_JMP | MOAT_TAIL_CALL, 0, 0, 0, 0);
		else if (kernel)
			put(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 9, 0x7001, BPF_ADD | BPF_FETCH);
		else
			put(BPF_LD | BPF_IND | BPF_W, 0, 2, 0, 0x12345678);
	put(BPF_JMP | BPF_JSLT | BPF_K, 6, 0, -(s16)slots, 0);
	put_exit();
	insn[slots - 2].off = -(s16)(slots - 1);
	compile_for(&m, kernel, mode, MOAT_GATE_RIGHTS, true);
	if (CHECK(!m.err, "%u slots: error %d", slots, m.err)) {
		CHECK(!wrong_ends(&m), "%u slots: branches lead astray", slots);
		CHECK((m.code[m.jit.slot[0].start / 4] >> 25 == 0x1b) == (slots <= (kernel ? 400 : 50)),
		      "%u slots: a branch on a bit, or none", slots);
	}
	release(&m);
}

static void check_smalls(void)
{
	static const struct moat_kernel kernel = {
		.stack_bytes = 512, .max_tail_calls = 0xffff, .array_entries = 0xffff, .array_progs = 0xfff1,
		.prog_entry = 0xfff1, .history_loops = 32, .history_call = A64_NOP, .history_function = 0x12345678,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		check_small(50, NULL, modes[i].mode);
		check_small(51, NULL, modes[i].mode);
	}
	check_small(400, &kernel, MOAT_MODE_NONE);
	check_small(401, &kernel, MOAT_MODE_NONE);
}

/* Anything ----------------------------------------------------------------- */

static u32 below(u32 n)
{
	return random() % n;
}

static void put_anything(void)
{
	static const u8 fn[] = { BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JSLT, BPF_JSET };
	u32 n;

	switch (below(8)) {
	case 0:
	case 1:
		put((below(2) ? BPF_JMP : BPF_JMP32) | fn[below(5)] | BPF_K, below(10), 0, 0, below(3) ? (s32)random() : 0);
		break;
	case 2:
		put(BPF_JMP | BPF_CALL, 0, 0, 0, 5);
		break;
	case 3:
		for (n = below(6); n; n--)	/* the longest there is */
			put(BPF_LD | BPF_IND | BPF_B, 0, below(10), 0, random());
		break;
	case 4:
		put(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
		break;
	case 5:
		put_big(1 + below(5));
		break;
	default:
		put_small(1 + below(4));
	}
}

/* Jumps to anywhere in their function, calls of the functions behind. */
static void aim(u32 start, const u32 *first, u32 nr)
{
	u32 i;

	for (i = start; i < len; i++) {
		u8 class = BPF_CLASS(insn[i].code), op = BPF_OP(insn[i].code);

		if (class != BPF_JMP && class != BPF_JMP32)
			continue;
		if (op == BPF_CALL && insn[i].src_reg) {
			if (nr)
				insn[i].imm = first[below(nr)];	/* made relative when all is there */
			else
				insn[i] = insn[len - 1];
		} else if (op != BPF_CALL && op != BPF_EXIT) {
			insn[i].off = (s32)(start + below(len - start)) - (s32)i - 1;
		}
	}
}

/* Main, and up to three functions that call on. */
static void make_random(u32 size)
{
	static const u32 later[] = { 1, 2, 3 };
	u32 begin[4], f, i;

	len = 0;
	for (f = 0; f < 4; f++) {
		begin[f] = len;
		while (len < (f + 1) * size)
			put_anything();
		put_exit();
		aim(begin[f], later + f, 3 - f);
	}
	for (i = 0; i < len; i++)
		if (insn[i].code == (BPF_JMP | BPF_CALL) && insn[i].src_reg)
			insn[i].imm = (s32)begin[insn[i].imm] - (s32)i - 1;
}

static void check_random(void)
{
	u32 round, i, done = 0, longs = 0, k;
	struct image m;

	for (round = 0; round < 12; round++)
		for (i = 0; i < ARRAY_SIZE(modes); i++) {
			make_random(round % 3 ? 20 + below(400) : 25000);
			compile(&m, modes[i].mode, modes[i].gate, below(2));
			if (CHECK(!m.err, "%s, round %u: error %d", modes[i].name, round, m.err)) {
				CHECK(!wrong_ends(&m), "%s, round %u: branches lead astray", modes[i].name, round);
				check_landings(&m, modes[i].name);
				done++;
			}
			for (k = 0; !m.err && k < m.jit.len; k++)
				longs += m.jit.slot[k].target != MOAT_NO_BRANCH && m.jit.slot[k].form == MOAT_LONG;
			release(&m);
		}
	CHECK(done == 12 * ARRAY_SIZE(modes), "only %u programs", done);
	CHECK(longs > 20, "only %u long branches", longs);
}

int main(void)
{
	srandom(4);
	check_edges();
	check_far();
	check_dense(2000);
	check_dense(2001);
	check_smalls();
	check_random();
	return check_done();
}
