/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A plugin for QEMU's emulation of machines: how many instructions each part of a BPF program's run executes.
 *
 * The guest says which code is what part (mark.h, parts.h).  A run begins in a program's own code and ends in the code that
 * runs programs.  In between an instruction counts for the part whose code it is; code of no part (memcpy(), thunks, little
 * programs that the host has made) counts for the one that it was called from.  One virtual CPU only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mark.h"
#include "parts.h"
#include "plugin.h"

#define MAX_RANGES	512

EXPORT int qemu_plugin_version = 1;

/* Straight code, as QEMU translates it. */
struct block {
	uint64_t start, nr_insn;
};

static struct { uint64_t start, end; enum part part; } range[MAX_RANGES];
static unsigned int nr_ranges;
static uint64_t number[2], count[NR_PARTS];
static enum part told, now;
static int listening, running;

static enum part part_of(uint64_t at)
{
	unsigned int i;

	for (i = 0; i < nr_ranges; i++)
		if (at >= range[i].start && at < range[i].end)
			return range[i].part;
	return RANGE_SHARED;
}

static void executed(unsigned int vcpu, void *user)
{
	const struct block *b = user;
	enum part part;

	if (!listening)
		return;
	part = part_of(b->start);
	if (part == RANGE_OUTSIDE || (!running && part != PART_IMAGE && part != PART_STUB)) {
		running = 0;
		return;
	}
	running = 1;
	if (part != RANGE_SHARED)
		now = part;
	count[now] += b->nr_insn;
}

static void tell(void)
{
	char line[256];
	int n = snprintf(line, sizeof(line), "parts %llu", (unsigned long long)number[1]), i;

	for (i = 0; i < NR_PARTS; i++)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " %llu", (unsigned long long)count[i]);
	snprintf(line + n, sizeof(line) - (size_t)n, "\n");
	qemu_plugin_outs(line);
	listening = running = 0;
}

static void add_range(void)
{
	if (nr_ranges == MAX_RANGES) {
		qemu_plugin_outs("error: too many ranges\n");
		return;
	}
	range[nr_ranges].start = number[0];
	range[nr_ranges].end = number[0] + number[1];
	range[nr_ranges++].part = told;
}

static void marked(unsigned int vcpu, void *user)
{
	switch ((uintptr_t)user) {
	case MARK_BIT_0:
	case MARK_BIT_1:
		number[0] = number[0] << 1 | number[1] >> 63;
		number[1] = number[1] << 1 | ((uintptr_t)user == MARK_BIT_1);
		break;
	case MARK_FORGET:
		nr_ranges = 0;
		break;
	case MARK_PART:
		told = (enum part)number[1];
		break;
	case MARK_RANGE:
		add_range();
		break;
	case MARK_ZERO:
		memset(count, 0, sizeof(count));
		listening = 1;
		break;
	case MARK_TELL:
		tell();
	}
}

/* Blocks are looked up when they run: most were translated before the guest told what they are. */
static void translated(plugin_id id, void *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	struct block *b = malloc(sizeof(*b));
	uintptr_t mark;

	if (!b)
		abort();
	*b = (struct block){ qemu_plugin_tb_vaddr(tb), n };
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, NO_REGISTERS, b);
	for (i = 0; i < n; i++) {
		void *insn = qemu_plugin_tb_get_insn(tb, i);

		for (mark = 0; mark < NR_MARKS; mark++)
			if (qemu_plugin_insn_size(insn) == MARK_BYTES &&
			    !memcmp(qemu_plugin_insn_data(insn), mark_insn[mark], MARK_BYTES))
				qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, NO_REGISTERS, (void *)mark);
	}
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
