/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* net.core.bpf_jit_harden: what an isolated program says of numbers stands in its code, or does not. */
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "code.h"
#include "isolate.h"
#include "isolate_blind.h"
#include "object.h"

#define MAX_CODE	8192

/* How many of the constants stand in the code of @prog; -1: nobody knows. */
static int constants_of(int prog)
{
	static const u32 constant[] = { BLIND_XOR, BLIND_STORE, BLIND_COMPARE, BLIND_MUL };
	static u8 code[MAX_CODE];
	struct bpf_prog_info info = { .jited_prog_insns = (u64)(uintptr_t)code, .jited_prog_len = MAX_CODE };
	u32 len = sizeof(info), i;
	int n = 0;

	if (bpf_obj_get_info_by_fd(prog, &info, &len) || !info.jited_prog_len)
		return -1;
	for (i = 0; i < sizeof(constant) / sizeof(constant[0]); i++)
		n += code_holds(code, info.jited_prog_len, constant[i]);
	return n;
}

static void check(const char *mode, const char *harden, int want)
{
	static const char *const names[] = { "constants", NULL };
	struct bpf_object *obj;
	u32 retval = 0;
	int n;

	CHECK(!sys_write("net/core/bpf_jit_harden", harden), "bpf_jit_harden cannot be set");
	obj = isolate_load("isolate_blind", mode, names, NULL);
	/* Programs are not shown while it is 2. */
	CHECK(!sys_write("net/core/bpf_jit_harden", "0"), "bpf_jit_harden cannot be set");
	if (!obj)
		return;
	CHECK(!sys_run(object_prog(obj, names[0]), attack_packet, PACKET_BYTES, 1, &retval) && retval == 2,
	      "harden %s: constants returned %u", harden, retval);
	n = constants_of(object_prog(obj, names[0]));
	CHECK(n == want, "harden %s: %d constants of 4 stand in the code, not %d", harden, n, want);
	bpf_object__close(obj);
}

void isolate_blind(const char *mode)
{
	char was[16] = "0";

	sys_read("net/core/bpf_jit_harden", was, sizeof(was));
	check(mode, "0", 4);
	check(mode, "2", 0);
	sys_write("net/core/bpf_jit_harden", was);
}
