/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The checker for arm64: loads of the kernel's memory, in isolated images that may have them.
 *
 *	tbz xN, #55, past the load
 *	ldr dst, [xN]
 *
 * Bit 55 says whose address it is.  The pair is looked at as a whole: whoever comes to the load from elsewhere comes
 * to one that is formed neither in the cage nor in the frame, and that is refused.
 */
#include "check_insn.h"
#include "../jit/kernel.h"

#define TEST_BIT_55	0xb6b80000	/* tbz x0, #55, . */
#define TEST_FIELDS	0xfff80000	/* all but the distance and the register */

bool a64_check_probe(struct moat_walk *w, const struct ins *test)
{
	struct ins load;

	if (!w->c->kernel || !w->c->kernel->probes || w->next >= w->c->bytes ||
	    (a64_check_word(w->c, w->at) & TEST_FIELDS) != TEST_BIT_55 || test->to != (s64)w->at + 8)
		return false;
	a64_check_decode(a64_check_word(w->c, w->next), w->next, &load);
	if (load.kind != I_MEM || !load.load || load.access > 8 || load.imm || load.rn != test->rd || load.rn == REG_31 ||
	    load.rd == REG_31 || !moat_plain(w->s.holds[test->rd]) || !a64_check_may_write(w, load.rd))
		return false;
	/* Passed over, it leaves what was there. */
	if (!moat_plain(w->s.holds[load.rd]))
		return false;
	w->map[w->next / 4] |= WALK_SEEN;
	w->next += 4;
	return a64_check_write_all(w, load.writes, H_ANY);
}
