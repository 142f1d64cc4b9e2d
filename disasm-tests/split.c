/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * No byte sequence that changes rights may stand outside a gate, at any
 * alignment, and code that was taken apart for that must still do the same.
 *
 * First: random programs full of constants, offsets and distances that spell
 * WRPKRU, WRMSR and XRSTOR.  The finished image is searched here again.
 * Second: a backend that finds sequences at random places, so that any
 * instruction gets taken apart; the code is run, with WRPKRU and RDPKRU skipped
 * where the CPU has none, and compared with what mode none computes.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "../arch-x86/x64.h"
#include "../jit/arch.h"
#include "../jit/run.h"
#include "../tests/check.h"
#include "listing.h"
#include "oracle.h"

#define MAX_INSNS	400
#define IMAGE_BYTES	(1 << 20)
#define DATA_BYTES	65536
/* Of host and domain in the second part: different, but nothing is out of reach. */
#define RIGHTS		0x55555554
#define DOMAIN_RIGHTS	0x55555550

static u32 below(u32 n)
{
	return random() % n;
}

/* Programs ----------------------------------------------------------------- */

struct program {
	struct bpf_insn insn[MAX_INSNS];
	u32 len;
	bool calls;	/* helpers and packet loads may be used */
};

static void put(struct program *p, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	p->insn[p->len++] = (struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm };
}

/* Constants that spell a gate, or a part of one. */
static s32 evil(void)
{
	static const u32 value[] = {
		0xef010f, 0x300f, 0x28ae0f, 0x2fae0f, 0x6cae0f, 0xef010f00, 0x0f, 0x30, 0x300f00, 0x300f0000,
		0x0f000000, 0x010f0000, 0xae0f0000, 0x010fef, 0x0f010fef, 0x300f300f, 0xef01, 0x28ae, 0x1, 0xef,
	};

	return below(4) ? value[below(ARRAY_SIZE(value))] : (u32)random() << 1;
}

/* Not R1 (the memory), not R10. */
static u8 dst_reg(void)
{
	u8 r = below(9);

	return r ? r + 1 : 0;
}

static u8 src_reg(void)
{
	return below(12) ? dst_reg() : BPF_REG_10;
}

static s16 evil_offset(void)
{
	static const s16 off[] = { 0, 15, 48, 1, 0x300f, 0x300f - 4, 0x0f00, 0x010f, 0x30ef, 127, 128 };

	return off[below(ARRAY_SIZE(off))];
}

static void put_alu(struct program *p, u8 src)
{
	static const u8 fn[] = {
		BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND, BPF_LSH, BPF_RSH, BPF_MOD, BPF_XOR, BPF_MOV,
		BPF_ARSH,
	};
	u8 class = below(2) ? BPF_ALU : BPF_ALU64, f = fn[below(ARRAY_SIZE(fn))];

	if (below(2))
		put(p, class | f | BPF_K, dst_reg(), 0, 0, below(3) ? evil() : 15);
	else
		put(p, class | f | BPF_X, dst_reg(), src, (f == BPF_DIV || f == BPF_MOD) && below(2), 0);
}

static void put_memory(struct program *p, u8 src)
{
	static const u8 size[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	u8 sz = size[below(4)];

	switch (below(5)) {
	case 0:
		put(p, BPF_LDX | BPF_MEM | sz, dst_reg(), BPF_REG_1, evil_offset(), 0);
		break;
	case 1:
		put(p, BPF_ST | BPF_MEM | sz, BPF_REG_1, 0, evil_offset(), evil());
		break;
	case 2:
		put(p, BPF_STX | BPF_MEM | sz, BPF_REG_1, src, evil_offset(), 0);
		break;
	case 3:
		put(p, BPF_ST | BPF_MEM | sz, BPF_REG_10, 0, -8 * (s32)(1 + below(64)), evil());
		break;
	default:
		put(p, BPF_STX | BPF_ATOMIC | (below(2) ? BPF_W : BPF_DW), BPF_REG_1, dst_reg(),
		    8 * below(0x600), below(2) ? BPF_ADD : BPF_OR | BPF_FETCH);
	}
}

static void put_wide(struct program *p)
{
	put(p, BPF_LD | BPF_IMM | BPF_DW, dst_reg(), 0, 0, evil());
	put(p, 0, 0, 0, 0, evil());
}

/* Forward over the next few instructions: where a jump may go is fixed up at the end. */
static void put_branch(struct program *p)
{
	static const u8 fn[] = { BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JSLT, BPF_JSET };

	put(p, (below(2) ? BPF_JMP : BPF_JMP32) | fn[below(5)] | BPF_K, dst_reg(), 0, 0, evil());
}

static void put_call(struct program *p)
{
	if (below(3) == 0) {
		put(p, BPF_LD | BPF_IND | BPF_W, 0, dst_reg(), 0, evil());
	} else if (below(2)) {
		put(p, BPF_LD | BPF_ABS | BPF_H, 0, 0, 0, evil());
	} else {
		put(p, BPF_JMP | BPF_CALL, 0, 0, 0, 5);
	}
}

/* 0F at the end of one instruction, 01 EF as the next one. */
static void put_across(struct program *p)
{
	if (below(2))
		put(p, BPF_ALU64 | BPF_LSH | BPF_K, dst_reg(), 0, 0, 15);
	else
		put(p, BPF_LDX | BPF_MEM | BPF_DW, dst_reg(), BPF_REG_1, 15, 0);
	put(p, BPF_ALU | BPF_ADD | BPF_X, BPF_REG_1, BPF_REG_10, 0, 0);
}

/* A second half of a wide instruction is not a target. */
static bool is_half(const struct program *p, u32 i)
{
	return i && p->insn[i - 1].code == (BPF_LD | BPF_IMM | BPF_DW);
}

static void fix_branches(struct program *p)
{
	u32 i, to;

	for (i = 0; i < p->len; i++) {
		u8 class = BPF_CLASS(p->insn[i].code);

		if ((class != BPF_JMP && class != BPF_JMP32) || BPF_OP(p->insn[i].code) == BPF_CALL ||
		    BPF_OP(p->insn[i].code) == BPF_EXIT || is_half(p, i))
			continue;
		to = i + 1 + below(60);
		if (to >= p->len)
			to = p->len - 1;
		p->insn[i].off = to - is_half(p, to) - i - 1;
	}
}

static void make(struct program *p, u32 len, bool calls)
{
	u32 r;

	p->len = 0;
	p->calls = calls;
	for (r = 0; r < 10; r++)
		if (r != BPF_REG_1)
			put(p, BPF_ALU64 | BPF_MOV | BPF_K, r, 0, 0, evil());
	while (p->len < len) {
		u8 src = calls ? src_reg() : dst_reg();

		switch (below(8)) {
		case 0:
			put_wide(p);
			break;
		case 1:
			put_branch(p);
			break;
		case 2:
		case 3:
			put_memory(p, src);
			break;
		case 4:
			if (calls && below(2))
				put_call(p);
			else if (calls)
				put_across(p);
			break;
		default:
			put_alu(p, src);
		}
	}
	put(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	fix_branches(p);
}

/*
 * A jump over 0x300f bytes, and a loop of so many slots that its fuel spells
 * WRMSR, with constants that do.
 */
static u32 make_long(struct bpf_insn *insn)
{
	struct program p = { .len = 0 };
	u32 i;

	for (i = 0; i < 0x300f - 1; i++)
		insn[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_X, .dst_reg = 2, .src_reg = 3 };
	insn[1] = (struct bpf_insn){ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 2, .off = 0x300f / 3 };
	for (i = 2 + 0x300f / 3; i < 0x300f - 1; i += 2)
		insn[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = 0x300f };
	i = 0x300f - 1;
	put(&p, BPF_JMP | BPF_JNE | BPF_K, 2, 0, -0x300f, 0);
	put(&p, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1);
	put(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	put(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	memcpy(insn + i, p.insn, p.len * sizeof(*insn));
	return i + p.len;
}

/* Compilation -------------------------------------------------------------- */

struct image {
	struct moat jit;
	void *work;
	u8 *code;
	u32 rounds;
};

/* Place at @pc until it fits; 0 or the error. */
static int compile(struct image *m, const struct bpf_insn *insn, u32 len, const struct moat_options *opt, u64 pc)
{
	int err;

	m->rounds = 0;
	m->code = NULL;
	m->work = calloc(1, moat_work_bytes(len));
	err = moat_plan(&m->jit, insn, len, opt, m->work);
	if (err)
		return err;
	do {
		free(m->code);
		m->code = malloc(m->jit.bytes);
		err = moat_emit(&m->jit, m->code, pc, m->jit.bytes);
	} while (err == -EAGAIN && m->rounds++ < 200);
	return err;
}

static void release(struct image *m)
{
	free(m->code);
	free(m->work);
}

/* Images without stray gates ----------------------------------------------- */

static bool is_sequence(const u8 *c)
{
	return c[0] == 0x0f && ((c[1] == 0x01 && c[2] == 0xef) || c[1] == 0x30 ||
				(c[1] == 0xae && (c[2] & 0x38) == 0x28 && c[2] < 0xc0));
}

/* Sequences in the image; and WRPKRU instructions met when it is decoded from its start. */
static void count(const struct image *m, u32 *sequences, u32 *gates)
{
	struct oracle_ins ins;
	u32 at;

	*sequences = *gates = 0;
	for (at = 0; at + 3 <= m->jit.bytes; at++)
		*sequences += is_sequence(m->code + at);
	for (at = 0; at < m->jit.bytes; at += ins.bytes) {
		if (!oracle_decode(m->code + at, m->jit.bytes - at, at, &ins))
			ins.bytes = 1;
		else
			*gates += !strcmp(ins.text, "wrpkru");
	}
}

static const struct {
	const char *name;
	enum moat_mode mode;
	enum moat_base_form form;
} modes[] = {
	{ "pku", MOAT_MODE_PKU, MOAT_BASE_REGISTER },
	{ "pku+basereg register", MOAT_MODE_PKU_BASEREG, MOAT_BASE_REGISTER },
	{ "pku+basereg segment", MOAT_MODE_PKU_BASEREG, MOAT_BASE_SEGMENT },
};

static struct listing_spec spec_of(u32 mode)
{
	struct listing_spec spec;

	listing_defaults(&spec);
	spec.opt.mode = modes[mode].mode;
	spec.opt.form = modes[mode].form;
	spec.opt.fuel = true;
	spec.opt.cpu = below(2) ? X64_BMI2 | X64_MOVBE | X64_FSGSBASE : X64_FSGSBASE;
	return spec;
}

static void check_image(const struct bpf_insn *insn, u32 len, u32 mode, u32 number, u32 *split)
{
	struct listing_spec spec = spec_of(mode);
	u32 sequences, gates;
	struct image m;
	int err;

	err = compile(&m, insn, len, &spec.opt, spec.pc + 16 * below(4096));
	if (err) {
		CHECK(false, "%s, program %u: error %d after %u rounds", modes[mode].name, number, err, m.rounds);
	} else {
		count(&m, &sequences, &gates);
		if (sequences != gates || gates != m.jit.nr_gate)
			CHECK(false, "%s, program %u: %u sequences, %u gates, %u known", modes[mode].name, number,
			      sequences, gates, m.jit.nr_gate);
	}
	*split += m.rounds > 0;
	release(&m);
}

static void check_images(void)
{
	static struct bpf_insn big[0x3100];
	struct program p;
	u32 mode, i, split;

	for (mode = 0; mode < ARRAY_SIZE(modes); mode++) {
		split = 0;
		for (i = 0; i < 700; i++) {
			make(&p, 20 + below(MAX_INSNS - 30), true);
			check_image(p.insn, p.len, mode, i, &split);
		}
		CHECK(split > 500, "%s: only %u programs had something to take apart", modes[mode].name, split);
		split = 0;
		check_image(big, make_long(big), mode, 0, &split);
		CHECK(split, "%s: nothing to take apart in a long loop", modes[mode].name);
	}
}

/* The same results --------------------------------------------------------- */

static u32 pretend;	/* rounds in which sequences are found where there are none */
static u8 *area;	/* a cage: memory at its start, the stack behind it */
static u8 *image;

/* The backend's own answer, and a few places more. */
static s64 forbidden(const struct moat *jit, const u8 *code, u32 bytes, u32 from)
{
	if (pretend && from == 0)
		pretend--;
	if (pretend && from + 300 < bytes)
		return from + below(300);
	return x64_arch.forbidden(jit, code, bytes, from);
}

/* A CPU without keys: the gates do nothing. */
static void skip_gate(int sig, siginfo_t *info, void *context)
{
	greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
	const u8 *at = (const u8 *)reg[REG_RIP];

	if (at < image || at >= image + IMAGE_BYTES || at[0] != 0x0f || at[1] != 0x01 || (at[2] | 1) != 0xef)
		abort();
	if (at[2] == 0xee) {
		reg[REG_RAX] = RIGHTS;
		reg[REG_RDX] = 0;
	}
	reg[REG_RIP] += 3;
}

static bool prepare(void)
{
	struct sigaction sa = { .sa_sigaction = skip_gate, .sa_flags = SA_SIGINFO };
	u64 four_g = 1ull << 32, at;
	void *room;

	sigaction(SIGILL, &sa, NULL);
	image = mmap(NULL, IMAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	room = mmap(NULL, 2 * four_g, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (image == MAP_FAILED || room == MAP_FAILED)
		return false;
	at = ((u64)room + four_g - 1) & ~(four_g - 1);
	area = (u8 *)at;
	return !mprotect(area, 2 * DATA_BYTES, PROT_READ | PROT_WRITE);
}

typedef u64 entry_fn(u64 r1, u64 r2, struct moat_frame *f);

struct result {
	u64 r0;
	u8 data[DATA_BYTES];
};

static int run(const struct program *p, const struct moat_options *opt, bool offsets, struct result *out)
{
	struct moat_frame f = { .cage = (u64)area, .stack = (u64)area + 2 * DATA_BYTES - 64, .fuel = ~0ull >> 1 };
	struct image m;
	u32 i;
	int err;

	err = compile(&m, p->insn, p->len, opt, (u64)image);
	if (!err) {
		memcpy(image, m.code, m.jit.bytes);
		for (i = 0; i < 2 * DATA_BYTES; i++)
			area[i] = i * 37;
		out->r0 = ((entry_fn *)image)((u64)area + (offsets ? 1ull << 40 : 0), 0, &f);
		memcpy(out->data, area, DATA_BYTES);
	}
	release(&m);
	return err;
}

static void check_results(void)
{
	static struct result want, got;
	struct moat_arch arch = x64_arch;
	struct program p;
	u32 mode, i, wrong;
	int err;

	arch.forbidden = forbidden;
	for (mode = 0; mode < ARRAY_SIZE(modes); mode++) {
		if (modes[mode].form == MOAT_BASE_SEGMENT && !__builtin_cpu_supports("bmi2")) {
			SKIP(modes[mode].name, "a CPU of before FSGSBASE");
			continue;
		}
		wrong = 0;
		for (i = 0; i < 300; i++) {
			struct listing_spec spec = spec_of(mode), plain;

			make(&p, 20 + below(100), false);
			listing_defaults(&plain);
			pretend = 0;
			if (run(&p, &plain.opt, false, &want))
				wrong++;
			spec.opt.host_rights = RIGHTS;
			spec.opt.domain_rights = DOMAIN_RIGHTS;
			spec.opt.arch = &arch;
			pretend = 1 + below(3);
			err = run(&p, &spec.opt, spec.opt.mode == MOAT_MODE_PKU_BASEREG, &got);
			if (!err && want.r0 == got.r0 && !memcmp(want.data, got.data, DATA_BYTES))
				continue;
			CHECK(false, "%s, program %u: error %d, R0 %llx, not %llx", modes[mode].name, i, err,
			      (unsigned long long)got.r0, (unsigned long long)want.r0);
			wrong++;
		}
		CHECK(!wrong, "%s: %u of 300 programs", modes[mode].name, wrong);
	}
}

int main(void)
{
	srandom(2);
	check_images();
	if (CHECK(prepare(), "no memory to run code in"))
		check_results();
	return check_done();
}
