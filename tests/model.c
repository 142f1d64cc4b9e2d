/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one instruction does, as RFC 9669 defines it, on one machine state.
 *
 * Written from the text of the RFC, section by section, in the plainest way;
 * it shares no code with jit/ nor with the interpreter of the differential
 * tests.  Opcodes are spelled as the RFC spells them, in numbers.
 */
#include <string.h>

#include "model.h"

enum class { LD, LDX, ST, STX, ALU, JMP, JMP32, ALU64 };

/* The @bits low bits of @v, sign-extended to 64. */
static int64_t sign(uint64_t v, int bits)
{
	uint64_t top = 1ull << (bits - 1);

	v &= top | (top - 1);
	return (int64_t)((v ^ top) - top);
}

static uint64_t low(uint64_t v, int bits)
{
	return bits == 64 ? v : v & ((1ull << bits) - 1);
}

/* 4.1: "the destination register is set to zero" by division by zero, unchanged by modulo by zero. */
static uint64_t divide(uint64_t d, uint64_t s, int bits, bool is_signed, bool modulo)
{
	int64_t a = sign(d, bits), b = sign(s, bits);

	d = low(d, bits);
	s = low(s, bits);
	if (!s)
		return modulo ? d : 0;
	if (!is_signed)
		return modulo ? d % s : d / s;
	if (b == -1)				/* the most negative number / -1 is itself */
		return modulo ? 0 : -(uint64_t)a;
	return modulo ? a % b : a / b;
}

static uint64_t swap_bytes(uint64_t v, int bits)
{
	uint64_t r = 0;
	int i;

	for (i = 0; i < bits; i += 8)
		r = r << 8 | (v >> i & 0xff);
	return r;
}

/* 4.2: this machine is little-endian, so a conversion to it only truncates. */
static uint64_t end(const struct bpf_insn *i, uint64_t v)
{
	bool to_le = (i->code & 7) == ALU && !(i->code & 8);

	return to_le ? low(v, i->imm) : swap_bytes(v, i->imm);
}

static uint64_t arithmetic(const struct bpf_insn *i, uint64_t d, uint64_t s, int bits)
{
	unsigned int count = s & (bits - 1);

	switch (i->code >> 4) {
	case 0x0: return d + s;
	case 0x1: return d - s;
	case 0x2: return d * s;
	case 0x3: return divide(d, s, bits, i->off == 1, false);
	case 0x4: return d | s;
	case 0x5: return d & s;
	case 0x6: return d << count;
	case 0x7: return low(d, bits) >> count;
	case 0x8: return -d;
	case 0x9: return divide(d, s, bits, i->off == 1, true);
	case 0xa: return d ^ s;
	case 0xb: return i->off ? (uint64_t)sign(s, i->off) : s;
	case 0xc: return sign(d, bits) >> count;
	default: return 0xbad;
	}
}

static void alu(struct model *m, const struct bpf_insn *i, int bits)
{
	uint64_t s = i->code & 8 ? m->reg[i->src_reg] : (uint64_t)sign((uint32_t)i->imm, 32);
	uint64_t d = m->reg[i->dst_reg];

	if (i->code >> 4 == 0xd)
		m->reg[i->dst_reg] = end(i, d);
	else
		m->reg[i->dst_reg] = low(arithmetic(i, d, s, bits), bits);
	m->lost |= i->code >> 4 > 0xd;
}

/* 4.3 */
static void jump(struct model *m, const struct bpf_insn *i, int bits)
{
	uint64_t s = i->code & 8 ? m->reg[i->src_reg] : (uint64_t)sign((uint32_t)i->imm, 32);
	uint64_t d = low(m->reg[i->dst_reg], bits);
	int64_t a = sign(d, bits), b = sign(s, bits);

	s = low(s, bits);
	switch (i->code >> 4) {
	case 0x1: m->jumped = d == s; break;
	case 0x2: m->jumped = d > s; break;
	case 0x3: m->jumped = d >= s; break;
	case 0x4: m->jumped = d & s; break;
	case 0x5: m->jumped = d != s; break;
	case 0x6: m->jumped = a > b; break;
	case 0x7: m->jumped = a >= b; break;
	case 0xa: m->jumped = d < s; break;
	case 0xb: m->jumped = d <= s; break;
	case 0xc: m->jumped = a < b; break;
	case 0xd: m->jumped = a <= b; break;
	default: m->lost = true;
	}
}

static int size_bits(const struct bpf_insn *i)
{
	static const int bits[4] = { 32, 16, 8, 64 };

	return bits[i->code >> 3 & 3];
}

/* Where in memory [reg + off] is, or NULL. */
static uint8_t *place(struct model *m, const struct bpf_insn *i, uint8_t reg)
{
	uint64_t at = m->reg[reg] + (uint64_t)(int64_t)i->off - m->at;

	if (at > MODEL_MEMORY - (unsigned int)size_bits(i) / 8) {
		m->lost = true;
		return NULL;
	}
	return &m->memory[at];
}

static uint64_t get(const uint8_t *at, int bits)
{
	uint64_t v = 0;
	int k;

	for (k = bits / 8; k-- > 0;)
		v = v << 8 | at[k];
	return v;
}

static void put(uint8_t *at, uint64_t v, int bits)
{
	int k;

	for (k = 0; k < bits / 8; k++)
		at[k] = v >> (8 * k);
}

/* 5.1, 5.2 */
static void load(struct model *m, const struct bpf_insn *i)
{
	uint8_t *at = place(m, i, i->src_reg);
	uint64_t v;

	if (!at)
		return;
	v = get(at, size_bits(i));
	m->reg[i->dst_reg] = i->code >> 5 == 4 ? (uint64_t)sign(v, size_bits(i)) : v;
}

/* 5.3 */
static void atomic(struct model *m, const struct bpf_insn *i, uint8_t *at)
{
	uint64_t old = get(at, size_bits(i)), src = m->reg[i->src_reg], new = old;

	switch (i->imm & ~1) {
	case 0x00: new = old + src; break;
	case 0x40: new = old | src; break;
	case 0x50: new = old & src; break;
	case 0xa0: new = old ^ src; break;
	case 0xe0: new = src; break;
	case 0xf0: new = old == low(m->reg[0], size_bits(i)) ? src : old; break;
	default: m->lost = true;
	}
	put(at, new, size_bits(i));
	if (i->imm == 0xf1)
		m->reg[0] = old;
	else if (i->imm & 1)
		m->reg[i->src_reg] = old;
}

static void store(struct model *m, const struct bpf_insn *i)
{
	uint8_t *at = place(m, i, i->dst_reg);

	if (!at)
		return;
	if (i->code >> 5 == 6)
		atomic(m, i, at);
	else if ((i->code & 7) == ST)
		put(at, (int64_t)i->imm, size_bits(i));
	else
		put(at, m->reg[i->src_reg], size_bits(i));
}

void model_step(struct model *m, const struct bpf_insn *i)
{
	switch ((enum class)(i->code & 7)) {
	case LD:
		m->lost |= i->code != 0x18 || i->src_reg;
		m->reg[i->dst_reg] = (uint64_t)(uint32_t)i[1].imm << 32 | (uint32_t)i->imm;
		break;
	case LDX:	load(m, i); break;
	case ST:
	case STX:	store(m, i); break;
	case ALU:	alu(m, i, 32); break;
	case ALU64:	alu(m, i, 64); break;
	case JMP:	jump(m, i, 64); break;
	case JMP32:	jump(m, i, 32); break;
	}
}
