/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The checker for x86-64: loads of the kernel's memory, in isolated images that may have them.
 *
 *	lea r11, [base + off + AHEAD]
 *	xor dst, dst
 *	test r11, r11
 *	jns past the load
 *	mov dst, [base + off]		or a move of one or two bytes with zeros above
 *
 * It is looked at as a whole where it begins.  Whoever comes to the middle of it comes to a
 * load that is formed neither in the cage nor in the frame, and that is refused.
 */
#include "check_insn.h"
#include "../jit/kernel.h"

#define HALF	47
/*
 * From the vsyscall page on no address is the kernel's: with so much added, that page and what is behind it have
 * come round to positive numbers, as the addresses of user space are, with the last byte of the longest load.
 */
#define AHEAD	((10 << 20) + 7)

enum { CC_BELOW = 2, CC_NOT_NEGATIVE = 9 };

/* The instruction at *@at, which goes on to the next. */
static bool take(const struct moat_walk *w, u32 *at, struct ins *in)
{
	if (*at >= w->c->bytes)
		return false;
	x64_check_decode(w->c->code, w->c->bytes, *at, in);
	*at += in->bytes;
	return in->kind != I_BAD;
}

/* Is the condition what R11 must be, for the load to be passed over unless it is from the kernel's half? */
static bool is_compare(const struct moat_walk *w, u32 at, const struct ins *in, u32 *cc)
{
	static const u8 test_r11[] = { 0x4d, 0x85, 0xdb };
	u64 limit = w->c->kernel->probe_limit;

	if (limit >> HALF) {
		*cc = CC_NOT_NEGATIVE;
		return in->bytes == sizeof(test_r11) && !memcmp(w->c->code + at, test_r11, sizeof(test_r11));
	}
	*cc = CC_BELOW;
	return limit && in->kind == I_ALU_IMM && !in->mem && in->digit == 7 && in->base == R11 && in->width == 8 &&
	       (u64)in->imm == limit;
}

/* Does it take all bits of a register from memory, and do nothing else?  8B, 0F B6, 0F B7. */
static bool is_load(const struct moat_walk *w, u32 at, const struct ins *in)
{
	const u8 *code = w->c->code + at;

	if ((*code & 0xf0) == 0x40)
		code++;
	return (code[0] == 0x8b || (code[0] == 0x0f && (code[1] | 1) == 0xb7)) && in->mem && in->load && !in->store;
}

static bool is_same_address(const struct moat_walk *w, const struct ins *lea, const struct ins *load)
{
	s64 ahead = w->c->kernel->probe_limit >> HALF ? AHEAD : 0;

	return load->base == lea->base && load->index == NO_REG && !load->rip && !load->gs &&
	       (s64)load->disp + ahead == lea->disp;
}

bool x64_check_probe(struct moat_walk *w, const struct ins *lea)
{
	u32 at = w->next, compare_at, load_at, cc, dst;
	struct ins zero, compare, branch, load;

	/* An address of R11 itself would be another one behind the LEA. */
	if (!w->c->kernel || !w->c->kernel->probes || lea->reg != R11 || lea->base == R11 || lea->width != 8 || lea->index != NO_REG ||
	    lea->rip || lea->gs || !moat_plain(w->s.holds[lea->base]))
		return false;
	if (!take(w, &at, &zero) || zero.kind != I_XOR || zero.mem || zero.reg != zero.base)
		return false;
	dst = zero.reg;
	compare_at = at;
	if (dst == R11 || dst == lea->base || !take(w, &at, &compare) || !is_compare(w, compare_at, &compare, &cc))
		return false;
	if (!take(w, &at, &branch) || branch.kind != I_BRANCH || branch.digit != cc)
		return false;
	load_at = at;
	if (!take(w, &at, &load) || !is_load(w, load_at, &load) || load.reg != dst || !is_same_address(w, lea, &load) ||
	    branch.to != at || !x64_check_may_write(w, dst))
		return false;
	for (; w->next < at; w->next += load.bytes) {
		w->map[w->next] |= WALK_SEEN;
		x64_check_decode(w->c->code, w->c->bytes, w->next, &load);
	}
	return x64_check_write_all(w, REG(dst) | REG(R11), H_ANY);
}
