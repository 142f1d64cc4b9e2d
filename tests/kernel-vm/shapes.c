/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs of a certain shape, made instruction by instruction, against the reference interpreter. */
#include <errno.h>

#include "../check.h"
#include "raw.h"
#include "sys.h"
#include "twin.h"

static struct raw_program raw;

/* The verifier must take it, and both twins must agree. */
static void run_as(const char *name, const struct bpf_insn *insn, u32 len, bool unprivileged)
{
	struct twin_case c = { .insn = insn, .len = len, .type = BPF_PROG_TYPE_SCHED_CLS, .seed = len };
	char text[TWIN_TEXT] = "";
	enum twin_end end;

	if (unprivileged) {
		c.type = BPF_PROG_TYPE_SOCKET_FILTER;
		c.unprivileged = true;
	}
	end = twin_run(&c, text);
	CHECK(end == TWIN_SAME, "%s (%u instructions): %s", name, len, text);
}

static void families(void)
{
	u32 i;

	for (i = 0; raw_alu(&raw, i); i++)
		run_as(raw.name, raw.insn, raw.len, false);
}

int main(void)
{
	if (!CHECK(!twin_init(), "no maps"))
		return check_done();
	families();
	return check_done();
}
