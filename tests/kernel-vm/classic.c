/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The machine of classic BPF, as the kernel describes it in Documentation/networking/filter.rst. */
#include "classic.h"

struct machine {
	const u8 *frame;
	u32 bytes, a, x, mem[16];
};

static bool load(const struct machine *m, u32 at, u32 width, u32 *out)
{
	u32 i;

	if (at > m->bytes || width > m->bytes - at)
		return false;
	for (*out = 0, i = 0; i < width; i++)
		*out = *out << 8 | m->frame[at + i];
	return true;
}

static bool do_load(struct machine *m, const struct sock_filter *f)
{
	u32 width = BPF_SIZE(f->code) == BPF_W ? 4 : BPF_SIZE(f->code) == BPF_H ? 2 : 1, v;
	bool x = BPF_CLASS(f->code) == BPF_LDX, ok = true;

	switch (BPF_MODE(f->code)) {
	case BPF_IMM:
		v = f->k;
		break;
	case BPF_MEM:
		v = m->mem[f->k];
		break;
	case BPF_LEN:
		v = m->bytes;
		break;
	case BPF_ABS:
		ok = load(m, f->k, width, &v);
		break;
	case BPF_IND:
		ok = load(m, m->x + f->k, width, &v);
		break;
	default:	/* BPF_MSH */
		ok = load(m, f->k, 1, &v);
		v = (v & 15) * 4;
	}
	if (ok && x)
		m->x = v;
	else if (ok)
		m->a = v;
	return ok;
}

/* False: a division by zero, which ends the program with 0. */
static bool do_alu(struct machine *m, const struct sock_filter *f)
{
	u32 b = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_ADD:
		m->a += b;
		break;
	case BPF_SUB:
		m->a -= b;
		break;
	case BPF_MUL:
		m->a *= b;
		break;
	case BPF_OR:
		m->a |= b;
		break;
	case BPF_AND:
		m->a &= b;
		break;
	case BPF_XOR:
		m->a ^= b;
		break;
	case BPF_LSH:
		m->a <<= b & 31;
		break;
	case BPF_RSH:
		m->a >>= b & 31;
		break;
	case BPF_NEG:
		m->a = 0 - m->a;
		break;
	case BPF_DIV:
		if (b)
			m->a /= b;
		return b;
	case BPF_MOD:
		if (b)
			m->a %= b;
		return b;
	}
	return true;
}

static bool is_taken(const struct machine *m, const struct sock_filter *f)
{
	u32 b = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		return m->a == b;
	case BPF_JGT:
		return m->a > b;
	case BPF_JGE:
		return m->a >= b;
	default:
		return m->a & b;
	}
}

u32 classic_run(const struct sock_filter *f, const u8 *frame, u32 bytes)
{
	struct machine m = { .frame = frame, .bytes = bytes };

	for (;; f++) {
		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
		case BPF_LDX:
			if (!do_load(&m, f))
				return 0;
			break;
		case BPF_ST:
			m.mem[f->k] = m.a;
			break;
		case BPF_STX:
			m.mem[f->k] = m.x;
			break;
		case BPF_ALU:
			if (!do_alu(&m, f))
				return 0;
			break;
		case BPF_JMP:
			if (BPF_OP(f->code) == BPF_JA)
				f += f->k;
			else
				f += is_taken(&m, f) ? f->jt : f->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(f->code) == BPF_A ? m.a : f->k;
		default:	/* BPF_MISC */
			if (BPF_MISCOP(f->code) == BPF_TAX)
				m.x = m.a;
			else
				m.a = m.x;
		}
	}
}
