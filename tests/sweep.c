/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Many small tests of instructions in one program, run over many operands. */
#include <stdlib.h>

#include "../jit/op.h"
#include "check.h"
#include "insns.h"
#include "model.h"
#include "modes.h"
#include "sweep.h"

/* Data of a program: operands for all segments, memory of each, results of each. */
struct operands {
	u64 reg[10];		/* what a register gets that is no operand */
	u64 first, second, mixed;
	u64 self;		/* the program stores where its data is */
};

struct result {
	u64 reg[11];
	u64 fell_through;	/* 1: the conditional jump was not taken */
};

struct data {
	struct operands in;
	u8 memory[SWEEP_MAX][MODEL_MEMORY];
	struct result out[SWEEP_MAX];
};

static_assert(sizeof(struct data) <= 32768, "out of reach");

#define MIDDLE		8	/* of a segment's memory: where its accesses go */
#define IN(member)	((int)offsetof(struct operands, member))

/* Slots of the frame. */
enum { DATA = -8, REG0 = -16, FLAG = REG0 - 8 * 11 };

/* Signs and widths, shift counts, and values whose low half is an edge and whose upper half is not. */
static const u64 edges[] = {
	0, 1, 2, 3, 7, 10, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff,
	0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
	0x8000000000000000, 0x8000000000000001, -1ull, -2ull, -7ull, -128ull, -129ull, -32768ull,
	0xffffffff80000000, 0xffffffff7fffffff, 0xdeadbeef00000000, 0xdeadbeefffffffff,
	0xdeadbeef80000000, 0x5a5a5a5a7fffffff, 0x0123456789abcdef,
};

u32 sweep_stride = 1;

struct segment *sweep_add(struct batch *b)
{
	struct segment *s = &b->seg[b->nr];

	if (b->nr == SWEEP_MAX)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->first = s->second = s->mixed = s->base = SWEEP_NO_REG;
	b->nr++;
	return s;
}

/* The program ------------------------------------------------------------- */

struct code {
	struct bpf_insn insn[SWEEP_MAX * 70];
	u32 n;
	u32 start[SWEEP_MAX];	/* of each segment's own instructions */
};

static void put(struct code *c, struct bpf_insn insn)
{
	c->insn[c->n++] = insn;
}

#define PUT(...)	put(c, (struct bpf_insn) __VA_ARGS__)

static s16 slot_of(const struct segment *s, u8 reg)
{
	if (reg == s->second)
		return IN(second);
	if (reg == s->first)
		return IN(first);
	return reg == s->mixed ? IN(mixed) : IN(reg) + 8 * reg;
}

static void put_segment(struct code *c, const struct segment *s, u32 k)
{
	int memory = offsetof(struct data, memory[k]), out = offsetof(struct data, out[k]);
	u32 i;

	PUT(LDX(BPF_DW, 1, 10, DATA));
	for (i = 0; i < 10; i++)
		if (i != 1)
			PUT(LDX(BPF_DW, i, 1, slot_of(s, i)));
	PUT(LDX(BPF_DW, 1, 1, slot_of(s, 1)));
	if (s->base < 10) {
		PUT(LDX(BPF_DW, s->base, 10, DATA));
		PUT(ALU64_K(BPF_ADD, s->base, memory + MIDDLE - s->disp));
	}
	PUT(ST(BPF_DW, 10, FLAG, 0));
	c->start[k] = c->n;
	for (i = 0; i < s->n; i++)
		put(c, s->op[i]);
	if (BPF_CLASS(s->op[s->n - 1].code) == BPF_JMP || BPF_CLASS(s->op[s->n - 1].code) == BPF_JMP32)
		PUT(ST(BPF_DW, 10, FLAG, 1));
	for (i = 0; i < 11; i++)
		PUT(STX(BPF_DW, 10, i, REG0 - 8 * i));
	PUT(LDX(BPF_DW, 1, 10, DATA));
	for (i = 0; i < 12; i++) {
		PUT(LDX(BPF_DW, 0, 10, REG0 - 8 * i));
		PUT(STX(BPF_DW, 1, 0, out + 8 * i));
	}
}

static struct code *assemble(const struct batch *b)
{
	struct code *c = calloc(1, sizeof(*c));
	u32 k;

	PUT(STX(BPF_DW, 10, 1, DATA));
	PUT(STX(BPF_DW, 1, 1, IN(self)));
	for (k = 0; k < b->nr; k++)
		put_segment(c, &b->seg[k], k);
	PUT(MOV_K(0, 7));
	PUT(EXIT);
	return c;
}

/* The comparison ---------------------------------------------------------- */

/* A batch in one mode: what failed first in each segment, and how often. */
struct run {
	const struct batch *batch;
	const struct mode *mode;
	struct moat_program *prog;
	struct data in, out;
	u32 bad[SWEEP_MAX];
	char first[SWEEP_MAX][256];
};

static struct model initial(const struct run *r, const struct segment *s, u32 k)
{
	struct model m = { .at = r->out.in.self + offsetof(struct data, memory[k]) };
	u32 i;

	for (i = 0; i < 10; i++)
		memcpy(&m.reg[i], (const u8 *)&r->in.in + slot_of(s, i), 8);
	m.reg[10] = r->out.out[k].reg[10];
	if (s->base < 10)
		m.reg[s->base] = m.at + MIDDLE - s->disp;
	memcpy(m.memory, r->in.memory[k], MODEL_MEMORY);
	return m;
}

static void compare(struct run *r, u32 k)
{
	const struct segment *s = &r->batch->seg[k];
	const struct result *out = &r->out.out[k];
	struct model m = initial(r, s, k);
	bool jump, same;
	u32 i, at = 0;

	for (i = 0; i < s->n; i++)
		if (s->op[i].code)	/* no second half */
			model_step(&m, &s->op[i]);
	jump = BPF_CLASS(s->op[s->n - 1].code) == BPF_JMP || BPF_CLASS(s->op[s->n - 1].code) == BPF_JMP32;
	while (at < 10 && out->reg[at] == m.reg[at])
		at++;
	same = at == 10 && !m.lost && out->reg[10] == r->out.out[0].reg[10] && out->reg[10] &&
	       out->fell_through == (jump && !m.jumped) &&
	       !memcmp(r->out.memory[k], m.memory, MODEL_MEMORY);
	if (same || r->bad[k]++)
		return;
	snprintf(r->first[k], sizeof(r->first[k]),
		 "operands %llx, %llx: r%u is %llx, not %llx; fell through %llx; memory %llx, not %llx; r10 %llx%s",
		 (unsigned long long)r->in.in.first, (unsigned long long)r->in.in.second, at,
		 (unsigned long long)out->reg[at], (unsigned long long)m.reg[at],
		 (unsigned long long)out->fell_through,
		 (unsigned long long)*(u64 *)&r->out.memory[k][MIDDLE],
		 (unsigned long long)*(u64 *)&m.memory[MIDDLE], (unsigned long long)out->reg[10],
		 m.lost ? "; the model is lost" : "");
}

static u64 noise(void)
{
	static u64 x = 0x9e3779b97f4a7c15;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void fill(struct run *r, u64 first, u64 second)
{
	u32 i, k;

	for (i = 0; i < 10; i++)
		r->in.in.reg[i] = noise();
	r->in.in.first = first;
	r->in.in.second = second;
	r->in.in.mixed = first ^ 0xdeadbeef00000000;
	for (k = 0; k < r->batch->nr; k++) {
		for (i = 0; i < MODEL_MEMORY; i++)
			r->in.memory[k][i] = noise();
		memcpy(&r->in.memory[k][MIDDLE], &first, 8);
	}
}

/* One run over one pair of operands.  False: it ended with a fault. */
static bool run_once(struct run *r, const struct code *c)
{
	MOAT_RUN_OPTS(opts, .data_in = &r->in, .data_size_in = sizeof(r->in), .data_out = &r->out,
		      .data_size_out = sizeof(r->out));
	char text[MOAT_TEXT], fault[256];
	int err = moat_program__run_opts(r->prog, &opts);
	u32 k = 0;

	if (!err && opts.retval == 7)
		return true;
	while (k + 1 < r->batch->nr && c->start[k + 1] <= opts.fault.insn)
		k++;
	CHECK(false, "%s, %s: %d, r0 %llx, %s, in the segment of %s", r->batch->name, r->mode->name, err,
	      (unsigned long long)opts.retval, moat_fault__text(&opts.fault, fault, sizeof(fault)),
	      moat_text(text, r->batch->seg[k].op, 2));
	return false;
}

static void run_all(struct run *r, const struct code *c, bool pairs)
{
	u32 i, j, k;

	for (i = 0; i < ARRAY_SIZE(edges); i++)
		for (j = pairs ? i % sweep_stride : 0; j < (pairs ? ARRAY_SIZE(edges) : 1); j += sweep_stride) {
			fill(r, edges[i], edges[pairs ? j : (7 * i + 3) % ARRAY_SIZE(edges)]);
			if (!run_once(r, c))
				return;
			for (k = 0; k < r->batch->nr; k++)
				compare(r, k);
		}
}

static void run_in(const struct batch *b, const struct code *c, const struct mode *m, bool pairs)
{
	struct moat_object *obj = mode_load(m, c->insn, c->n, BPF_PROG_TYPE_UNSPEC, NULL);
	struct run *r = calloc(1, sizeof(*r));
	char text[MOAT_TEXT];
	u32 k;

	if (CHECK(obj, "%s, %s: not loaded: '%s'", b->name, m->name, mode_said)) {
		r->batch = b;
		r->mode = m;
		r->prog = moat_object__next_program(obj, NULL);
		run_all(r, c, pairs);
		for (k = 0; k < b->nr; k++)
			CHECK(!r->bad[k], "%s, %s: %s (imm %d): %u times; %s", b->name, m->name,
			      moat_text(text, &b->seg[k].op[0], 2), b->seg[k].op[0].imm, r->bad[k], r->first[k]);
	}
	moat_object__close(obj);
	free(r);
}

void sweep_run(struct batch *b, bool pairs)
{
	struct code *c = assemble(b);
	u32 i;

	for (i = 0; b->nr && i < nr_modes; i++)
		run_in(b, c, &modes[i], pairs);
	free(c);
	b->nr = 0;
}
