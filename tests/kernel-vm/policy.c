/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Policies in mode basereg: who is isolated, what becomes of runs that fault or take too long, and of their programs,
 * and who is charged for memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "policy.h"

int policy_load(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len)
{
	int fd;

	if (!fool(true) || sys_write("net/core/bpf_moat", "basereg"))
		abort();
	fd = sys_load_logged(type, insn, len);
	fool(false);
	return CHECK(fd >= 0, "a program of type %d is not loaded: %d, %.500s", type, fd, sys_log) ? fd : -1;
}

u32 policy_run(int prog, enum bpf_prog_type type)
{
	u64 args[12] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (type == BPF_PROG_TYPE_RAW_TRACEPOINT) {
		opts.ctx_in = args;
		opts.ctx_size_in = sizeof(args);
	} else {
		opts.data_in = attack_packet;
		opts.data_size_in = PACKET_BYTES;
	}
	return CHECK(!bpf_prog_test_run_opts(prog, &opts), "a program of type %d does not run: %s", type, strerror(errno)) ?
	       opts.retval : ~0u;
}

int main(void)
{
	char was[16];

	if (!fool(false)) {
		SKIP("policy", "this kernel's verifier cannot be fooled: no CONFIG_BPF_MOAT_WRONG_VERIFIER");
		return check_done();
	}
	sys_read("net/core/bpf_moat", was, sizeof(was));
	policy_verdicts();
	policy_disabling();
	policy_fuel();
	policy_who();
	policy_memory();
	sys_write("net/core/bpf_moat", was);
	return check_done();
}
