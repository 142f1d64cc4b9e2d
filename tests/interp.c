/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The reference interpreter of RFC 9669; see interp.h. */
#include <stddef.h>
#include <string.h>

#include "interp.h"

/* Codes of RFC 9669 that the headers of Linux 6.1 do not have. */
#define MODE_MEMSX	0x80
#define CODE_GOTOL	(BPF_JMP32 | BPF_JA)

/* What one instruction did to the flow of control. */
enum flow { NEXT, JUMPED, LEFT, STOPPED };

static enum flow stop(struct interp *it, enum interp_end end)
{
	it->end = end;
	return STOPPED;
}

/* Registers @first to @last hold nothing that the program may rely on. */
static void forget(struct interp *it, uint32_t first, uint32_t last)
{
	uint32_t r;

	for (r = first; r <= last; r++)
		it->reg[r] = it->scratch;
}

/* Memory ------------------------------------------------------------------ */

uint8_t *interp_memory(struct interp *it, uint64_t address, uint64_t bytes, bool write)
{
	uint32_t i;

	for (i = 0; i < it->nr_region; i++) {
		const struct interp_region *r = &it->region[i];

		if (address < r->start || address - r->start > r->bytes)
			continue;
		if (bytes > r->bytes - (address - r->start) || (write && !r->writable))
			continue;
		return r->mem + (address - r->start);
	}
	return NULL;
}

/* The place of an access at @base + @off; NULL: it faulted and the run is over. */
static uint8_t *access_at(struct interp *it, uint64_t base, int16_t off, uint32_t bytes, bool write)
{
	uint64_t address = base + (uint64_t)(int64_t)off;
	uint8_t *p;

	if (it->wrap32)
		address = (uint32_t)address;
	p = interp_memory(it, address, bytes, write);
	if (!p) {
		it->address = address;
		it->bytes = bytes;
		it->write = write;
		stop(it, INTERP_FAULT);
	}
	return p;
}

/* Little-endian by definition of the test's host; byte by byte, so that no alignment is assumed. */
static uint64_t get(const uint8_t *p, uint32_t bytes)
{
	uint64_t v = 0;
	uint32_t i;

	for (i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static void put(uint8_t *p, uint32_t bytes, uint64_t v)
{
	uint32_t i;

	for (i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t width(uint8_t code)
{
	switch (BPF_SIZE(code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

static uint64_t sign_extend(uint64_t v, uint32_t bits)
{
	uint64_t sign = 1ull << (bits - 1);

	if (bits == 64)
		return v;
	v &= (1ull << bits) - 1;
	return (v ^ sign) - sign;
}

/* Arithmetic -------------------------------------------------------------- */

static uint64_t swap_bytes(uint64_t v, uint32_t bytes)
{
	uint64_t out = 0;
	uint32_t i;

	for (i = 0; i < bytes; i++)
		out |= ((v >> (8 * i)) & 0xff) << (8 * (bytes - 1 - i));
	return out;
}

/* Section 4.2: TO_LE and TO_BE of class ALU, unconditional swaps of class ALU64. */
static bool end_op(struct interp *it, const struct bpf_insn *in)
{
	uint64_t *dst = &it->reg[in->dst_reg];
	uint32_t bits = (uint32_t)in->imm;
	uint64_t v;

	if (bits != 16 && bits != 32 && bits != 64)
		return false;
	v = bits == 64 ? *dst : *dst & ((1ull << bits) - 1);
	if (BPF_CLASS(in->code) == BPF_ALU64) {
		if (BPF_SRC(in->code) != BPF_TO_LE)
			return false;
		*dst = swap_bytes(v, bits / 8);
	} else {
		*dst = BPF_SRC(in->code) == BPF_TO_BE ? swap_bytes(v, bits / 8) : v;
	}
	return true;
}

/* Quotient and remainder as section 4.1 defines them for every pair of operands. */
static uint64_t divide(uint64_t a, uint64_t b, bool is64, bool is_signed, bool remainder)
{
	int64_t sa = is64 ? (int64_t)a : (int32_t)a;
	int64_t sb = is64 ? (int64_t)b : (int32_t)b;

	if (b == 0)
		return remainder ? a : 0;
	if (!is_signed)
		return remainder ? a % b : a / b;
	if (sb == -1)		/* the one overflow: LLONG_MIN / -1 is LLONG_MIN */
		return remainder ? 0 : 0 - (uint64_t)sa;
	return (uint64_t)(remainder ? sa % sb : sa / sb);
}

static bool is_move_width(int16_t off, bool is64)
{
	return off == 0 || off == 8 || off == 16 || (is64 && off == 32);
}

/* One operation on @a and @b, both already cut to 32 bits in class ALU; the caller cuts the result. */
static bool compute(const struct bpf_insn *in, uint64_t a, uint64_t b, bool is64, uint64_t *out)
{
	uint32_t count = b & (is64 ? 63 : 31);

	switch (BPF_OP(in->code)) {
	case BPF_ADD:
		*out = a + b;
		return in->off == 0;
	case BPF_SUB:
		*out = a - b;
		return in->off == 0;
	case BPF_MUL:
		*out = a * b;
		return in->off == 0;
	case BPF_OR:
		*out = a | b;
		return in->off == 0;
	case BPF_AND:
		*out = a & b;
		return in->off == 0;
	case BPF_XOR:
		*out = a ^ b;
		return in->off == 0;
	case BPF_NEG:
		*out = 0 - a;
		return in->off == 0 && BPF_SRC(in->code) == BPF_K;
	case BPF_LSH:
		*out = a << count;
		return in->off == 0;
	case BPF_RSH:
		*out = a >> count;
		return in->off == 0;
	case BPF_ARSH:
		*out = (uint64_t)((is64 ? (int64_t)a : (int32_t)a) >> count);
		return in->off == 0;
	case BPF_DIV:
	case BPF_MOD:
		*out = divide(a, b, is64, in->off == 1, BPF_OP(in->code) == BPF_MOD);
		return in->off == 0 || in->off == 1;
	case BPF_MOV:
		*out = in->off ? sign_extend(b, (uint32_t)in->off) : b;
		return BPF_SRC(in->code) == BPF_X ? is_move_width(in->off, is64) : in->off == 0;
	default:
		return false;
	}
}

static enum flow alu(struct interp *it, const struct bpf_insn *in)
{
	bool is64 = BPF_CLASS(in->code) == BPF_ALU64;
	uint64_t a = it->reg[in->dst_reg], out;
	uint64_t b = BPF_SRC(in->code) == BPF_X ? it->reg[in->src_reg] : (uint64_t)(int64_t)in->imm;

	if (BPF_OP(in->code) == BPF_END)
		return end_op(it, in) ? NEXT : stop(it, INTERP_BAD);
	if (!is64) {
		a = (uint32_t)a;
		b = (uint32_t)b;
	}
	if (!compute(in, a, b, is64, &out))
		return stop(it, INTERP_BAD);
	it->reg[in->dst_reg] = is64 ? out : (uint32_t)out;
	return NEXT;
}

/* Loads and stores -------------------------------------------------------- */

static enum flow load(struct interp *it, const struct bpf_insn *in)
{
	uint32_t bytes = width(in->code);
	bool extend = BPF_MODE(in->code) == MODE_MEMSX;
	const uint8_t *p;
	uint64_t v;

	if ((BPF_MODE(in->code) != BPF_MEM && !extend) || (extend && bytes == 8))
		return stop(it, INTERP_BAD);
	p = access_at(it, it->reg[in->src_reg], in->off, bytes, false);
	if (!p)
		return STOPPED;
	v = get(p, bytes);
	it->reg[in->dst_reg] = extend ? sign_extend(v, 8 * bytes) : v;
	return NEXT;
}

/* The new value in memory, from the @old one; false: no such operation. */
static bool atomic_value(const struct interp *it, const struct bpf_insn *in, uint32_t bytes,
			 uint64_t old, uint64_t *new)
{
	uint64_t src = it->reg[in->src_reg];
	uint64_t expected = bytes == 4 ? (uint32_t)it->reg[0] : it->reg[0];

	switch (in->imm & ~BPF_FETCH) {
	case BPF_ADD:
		*new = old + src;
		return true;
	case BPF_OR:
		*new = old | src;
		return true;
	case BPF_AND:
		*new = old & src;
		return true;
	case BPF_XOR:
		*new = old ^ src;
		return true;
	case BPF_XCHG & ~BPF_FETCH:
		*new = src;
		return in->imm == BPF_XCHG;
	case BPF_CMPXCHG & ~BPF_FETCH:
		*new = old == expected ? src : old;
		return in->imm == BPF_CMPXCHG;
	default:
		return false;
	}
}

static enum flow atomic(struct interp *it, const struct bpf_insn *in)
{
	uint32_t bytes = width(in->code);
	uint64_t old, new;
	uint8_t *p;

	if (bytes < 4)
		return stop(it, INTERP_BAD);
	p = access_at(it, it->reg[in->dst_reg], in->off, bytes, true);
	if (!p)
		return STOPPED;
	old = get(p, bytes);
	if (!atomic_value(it, in, bytes, old, &new))
		return stop(it, INTERP_BAD);
	put(p, bytes, new);
	if (in->imm == BPF_CMPXCHG)
		it->reg[0] = old;
	else if (in->imm & BPF_FETCH)
		it->reg[in->src_reg] = old;
	return NEXT;
}

static enum flow store(struct interp *it, const struct bpf_insn *in)
{
	uint32_t bytes = width(in->code);
	uint64_t v = BPF_CLASS(in->code) == BPF_STX ? it->reg[in->src_reg] : (uint64_t)(int64_t)in->imm;
	uint8_t *p;

	if (BPF_CLASS(in->code) == BPF_STX && BPF_MODE(in->code) == BPF_ATOMIC)
		return atomic(it, in);
	if (BPF_MODE(in->code) != BPF_MEM)
		return stop(it, INTERP_BAD);
	p = access_at(it, it->reg[in->dst_reg], in->off, bytes, true);
	if (!p)
		return STOPPED;
	put(p, bytes, v);
	return NEXT;
}

/* LD_ABS and LD_IND: big-endian, and a load outside the packet ends the program with 0. */
static enum flow packet_load(struct interp *it, const struct bpf_insn *in)
{
	uint32_t bytes = width(in->code), offset = (uint32_t)in->imm;

	if (bytes == 8)
		return stop(it, INTERP_BAD);
	if (BPF_MODE(in->code) == BPF_IND)
		offset += (uint32_t)it->reg[in->src_reg];
	forget(it, 1, 5);
	if (offset > it->packet_bytes || bytes > it->packet_bytes - offset) {
		it->reg[0] = 0;
		return stop(it, INTERP_EXIT);
	}
	it->reg[0] = swap_bytes(get(it->packet + offset, bytes), bytes);
	return NEXT;
}

static enum flow wide(struct interp *it, const struct bpf_insn *in)
{
	if (BPF_MODE(in->code) == BPF_ABS || BPF_MODE(in->code) == BPF_IND)
		return packet_load(it, in);
	if (in->code != (BPF_LD | BPF_IMM | BPF_DW) || it->pc + 1 >= it->len || in[1].code)
		return stop(it, INTERP_BAD);
	if (in->src_reg == 0)
		it->reg[in->dst_reg] = (uint32_t)in->imm | (uint64_t)(uint32_t)in[1].imm << 32;
	else if (in->src_reg == BPF_PSEUDO_FUNC)
		it->reg[in->dst_reg] = it->pc + (uint32_t)in->imm + 1;
	else
		return stop(it, INTERP_BAD);
	it->pc += 2;
	return JUMPED;
}

/* Flow of control --------------------------------------------------------- */

static bool holds(uint8_t op, uint64_t a, uint64_t b, int64_t sa, int64_t sb, bool *bad)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JNE:
		return a != b;
	case BPF_JSET:
		return a & b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	case BPF_JLT:
		return a < b;
	case BPF_JLE:
		return a <= b;
	case BPF_JSGT:
		return sa > sb;
	case BPF_JSGE:
		return sa >= sb;
	case BPF_JSLT:
		return sa < sb;
	case BPF_JSLE:
		return sa <= sb;
	default:
		*bad = true;
		return false;
	}
}

static enum flow branch(struct interp *it, const struct bpf_insn *in)
{
	uint64_t a = it->reg[in->dst_reg];
	uint64_t b = BPF_SRC(in->code) == BPF_X ? it->reg[in->src_reg] : (uint64_t)(int64_t)in->imm;
	bool bad = false, taken;

	if (BPF_CLASS(in->code) == BPF_JMP32)
		taken = holds(BPF_OP(in->code), (uint32_t)a, (uint32_t)b, (int32_t)a, (int32_t)b, &bad);
	else
		taken = holds(BPF_OP(in->code), a, b, (int64_t)a, (int64_t)b, &bad);
	if (bad)
		return stop(it, INTERP_BAD);
	it->pc += 1 + (taken ? (uint32_t)(int32_t)in->off : 0);
	return JUMPED;
}

static bool run_frame(struct interp *it);

bool interp_call(struct interp *it, uint32_t pc)
{
	uint64_t saved[5];
	uint32_t back = it->pc;
	bool ok;

	if (++it->depth >= INTERP_MAX_FRAMES) {
		stop(it, INTERP_BAD);
		return false;
	}
	memcpy(saved, &it->reg[6], sizeof(saved));
	forget(it, 0, 0);
	forget(it, 6, 9);
	it->reg[10] = it->level && pc < it->len ? it->top - it->level[pc] * it->stride : it->reg[10] - it->stride;
	it->pc = pc;
	ok = run_frame(it);
	if (!ok)
		return false;
	memcpy(&it->reg[6], saved, sizeof(saved));
	forget(it, 1, 5);
	it->pc = back;
	it->depth--;
	return true;
}

bool interp_each(struct interp *it)
{
	uint64_t function = it->reg[1], address = it->reg[2], n = it->reg[3] % 4, sum = 0, i;

	for (i = 0; i < n; i++) {
		it->reg[1] = address;
		it->reg[2] = i;
		it->reg[3] = 0x77;
		it->reg[4] = i;
		it->reg[5] = it->scratch;
		if (!interp_call(it, (uint32_t)function))
			return false;
		sum += it->reg[0];
	}
	it->reg[0] = sum;
	return true;
}

static enum flow call(struct interp *it, const struct bpf_insn *in)
{
	if (in->src_reg == BPF_PSEUDO_CALL)
		return interp_call(it, it->pc + 1 + (uint32_t)in->imm) ? NEXT : STOPPED;
	if (in->src_reg || !it->helper)
		return stop(it, INTERP_BAD);
	it->end = INTERP_EXIT;
	if (!it->helper(it, in->imm))
		return it->end == INTERP_EXIT ? stop(it, INTERP_BAD) : STOPPED;
	forget(it, 1, 5);
	return NEXT;
}

static enum flow jump(struct interp *it, const struct bpf_insn *in)
{
	switch (in->code) {
	case BPF_JMP | BPF_EXIT:
		return LEFT;
	case BPF_JMP | BPF_CALL:
		return call(it, in);
	case BPF_JMP | BPF_JA:
		it->pc += 1 + (uint32_t)(int32_t)in->off;
		return JUMPED;
	case CODE_GOTOL:
		it->pc += 1 + (uint32_t)in->imm;
		return JUMPED;
	default:
		return branch(it, in);
	}
}

static enum flow step(struct interp *it, const struct bpf_insn *in)
{
	if (in->dst_reg > 10 || (in->src_reg > 10 && BPF_CLASS(in->code) != BPF_LD))
		return stop(it, INTERP_BAD);
	switch (BPF_CLASS(in->code)) {
	case BPF_LD:
		return wide(it, in);
	case BPF_LDX:
		return load(it, in);
	case BPF_ST:
	case BPF_STX:
		return store(it, in);
	case BPF_ALU:
	case BPF_ALU64:
		return alu(it, in);
	default:
		return jump(it, in);
	}
}

/* Run until the exit of this frame; false: the whole run ended otherwise. */
static bool run_frame(struct interp *it)
{
	for (;;) {
		enum flow flow;

		if (it->pc >= it->len) {
			stop(it, INTERP_BAD);
			return false;
		}
		if (it->steps++ >= it->max_steps) {
			stop(it, INTERP_STEPS);
			return false;
		}
		if (it->before)
			it->before(it);
		flow = step(it, &it->insn[it->pc]);
		if (flow == NEXT)
			it->pc++;
		else if (flow == LEFT)
			return true;
		else if (flow == STOPPED)
			return false;
	}
}

enum interp_end interp_run(struct interp *it)
{
	it->pc = 0;
	it->top = it->reg[10];
	it->depth = 0;
	it->steps = 0;
	it->end = INTERP_EXIT;
	if (run_frame(it))
		it->end = INTERP_EXIT;
	return it->end;
}

const char *interp_end_name(enum interp_end end)
{
	static const char *const name[] = {
		[INTERP_EXIT] = "exit",
		[INTERP_FAULT] = "fault",
		[INTERP_STEPS] = "out of steps",
		[INTERP_BAD] = "not a program",
	};

	return name[end];
}
