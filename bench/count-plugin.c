/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A plugin for QEMU's emulation of programs: counts the instructions that emitted code executes.
 *
 * The program under it says what is meant by system calls that no kernel has:
 *	MARK(CODE, start, bytes, label)	count in [start, start + bytes) from now on, where nothing has run yet;
 *					what was said last holds
 *	MARK(ZERO)			start again from zero
 *	MARK(TELL, name)		print "name COUNT...", a count for each label, on QEMU's log
 * A count is exact, and the same on every machine.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The part of QEMU's plugin interface, version 1, that is used: Debian has no package of its header. */
#define EXPORT	__attribute__((visibility("default")))
typedef uint64_t plugin_id;
enum inline_op { ADD_U64 };
typedef void trans_fn(plugin_id id, void *tb);
typedef void syscall_fn(plugin_id id, unsigned int vcpu, int64_t num, uint64_t a1, uint64_t a2, uint64_t a3,
			uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, trans_fn *fn);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id id, syscall_fn *fn);
size_t qemu_plugin_tb_n_insns(const void *tb);
void *qemu_plugin_tb_get_insn(const void *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const void *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(void *insn, enum inline_op op, void *to, uint64_t imm);
void qemu_plugin_outs(const char *text);
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

#define MARK		0x4d6f6174	/* what the program gives as the number of the system call */
enum { MARK_CODE, MARK_ZERO, MARK_TELL };
#define MAX_RANGES	65536
#define MAX_LABELS	16

static struct { uint64_t start, end; unsigned int label; } range[MAX_RANGES];
static unsigned int nr_ranges;
static uint64_t count[MAX_LABELS];

/* The count that an instruction at @at belongs to, or NULL. */
static uint64_t *count_of(uint64_t at)
{
	unsigned int i;

	for (i = nr_ranges; i-- > 0;)
		if (at >= range[i].start && at < range[i].end)
			return &count[range[i].label];
	return NULL;
}

/* Instruction by instruction: a fault in the middle of a block ends what it executes. */
static void translated(plugin_id id, void *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	for (i = 0; i < n; i++) {
		void *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t *to = count_of(qemu_plugin_insn_vaddr(insn));

		if (to)
			qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, to, 1);
	}
}

static void add_range(uint64_t start, uint64_t bytes, uint64_t label)
{
	if (nr_ranges == MAX_RANGES || label >= MAX_LABELS) {
		qemu_plugin_outs("error: too many ranges or labels\n");
		return;
	}
	range[nr_ranges].start = start;
	range[nr_ranges].end = start + bytes;
	range[nr_ranges++].label = label;
}

/* The program's memory is ours too: guest addresses are host addresses. */
static void tell(const char *name)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "%.100s", name);
	unsigned int i;

	for (i = 0; i < MAX_LABELS; i++)
		n += snprintf(line + n, sizeof(line) - n, " %llu", (unsigned long long)count[i]);
	snprintf(line + n, sizeof(line) - n, "\n");
	qemu_plugin_outs(line);
}

static void called(plugin_id id, unsigned int vcpu, int64_t num, uint64_t a1, uint64_t a2, uint64_t a3,
		   uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
	if (num != MARK)
		return;
	if (a1 == MARK_CODE)
		add_range(a2, a3, a4);
	else if (a1 == MARK_ZERO)
		memset(count, 0, sizeof(count));
	else if (a1 == MARK_TELL)
		tell((const char *)a2);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_vcpu_syscall_cb(id, called);
	return 0;
}
