/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A plugin for QEMU's emulation of machines: counts the instructions that chosen code executes, and all.
 *
 * A program in the guest says what is meant by instructions that do nothing (mark.h); it has no other way to us.
 * Numbers go bit by bit.  One virtual CPU only.  A count is exact, and the same on every machine.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "mark.h"
#include "plugin.h"

EXPORT int qemu_plugin_version = 1;

#define MAX_RANGES	1024

static struct { uint64_t start, end; } range[MAX_RANGES];
static unsigned int nr_ranges;
static uint64_t count, total, number[2];

static int is_counted(uint64_t at)
{
	unsigned int i;

	for (i = 0; i < nr_ranges; i++)
		if (at >= range[i].start && at < range[i].end)
			return 1;
	return 0;
}

static void push_bit(uint64_t bit)
{
	number[0] = number[0] << 1 | number[1] >> 63;
	number[1] = number[1] << 1 | bit;
}

static void add_range(void)
{
	if (nr_ranges == MAX_RANGES) {
		qemu_plugin_outs("error: too many ranges\n");
		return;
	}
	range[nr_ranges].start = number[0];
	range[nr_ranges++].end = number[0] + number[1];
}

static void marked(unsigned int vcpu, void *user)
{
	char line[96];

	switch ((uintptr_t)user) {
	case MARK_BIT_0:
	case MARK_BIT_1:
		push_bit((uintptr_t)user == MARK_BIT_1);
		break;
	case MARK_FORGET:
		nr_ranges = 0;
		break;
	case MARK_RANGE:
		add_range();
		break;
	case MARK_ZERO:
		count = total = 0;
		break;
	case MARK_TELL:
		snprintf(line, sizeof(line), "count %llu %llu %llu\n", (unsigned long long)number[1],
			 (unsigned long long)count, (unsigned long long)total);
		qemu_plugin_outs(line);
	}
}

/*
 * Instruction by instruction: a fault in the middle of a block ends what it executes.  Code that was translated before
 * its range was told is not counted: the guest tells before it runs a program for the first time.
 */
static void translated(plugin_id id, void *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	uintptr_t mark;

	for (i = 0; i < n; i++) {
		void *insn = qemu_plugin_tb_get_insn(tb, i);
		size_t bytes = qemu_plugin_insn_size(insn);

		qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &total, 1);
		if (is_counted(qemu_plugin_insn_vaddr(insn)))
			qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &count, 1);
		for (mark = 0; mark < NR_MARKS; mark++)
			if (bytes == MARK_BYTES && !memcmp(qemu_plugin_insn_data(insn), mark_insn[mark], bytes))
				qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, NO_REGISTERS, (void *)mark);
	}
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
