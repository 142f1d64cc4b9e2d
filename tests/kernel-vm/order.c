/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See order.h. */
#include <string.h>

#include "../check.h"
#include "order.h"

volatile struct order *order;
int orders;

bool order_open(void)
{
	void *mem;

	orders = sys_array(sizeof(struct order), 1, &mem);
	if (!CHECK(orders >= 0, "no array: %s", strerror(-orders)))
		return false;
	order = mem;
	return true;
}

u32 order_give(int prog, u32 op)
{
	u8 packet[64] = { 0 };
	u32 result = 0;

	order->op = op;
	order->ret = 0;
	return sys_run(prog, packet, sizeof(packet), 1, &result) ? 0 : result;
}

int order_load(const struct bpf_insn *insn, u32 n, const char *name)
{
	int prog = sys_load_logged(BPF_PROG_TYPE_SOCKET_FILTER, insn, n);

	CHECK(prog >= 0, "%s: the program is refused: %s\n%s", name, strerror(-prog), sys_log);
	return prog;
}

u32 order_dice(u32 n)
{
	static u64 state = 1;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(state >> 33) % n;
}
