/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Programs: their names, types, code, lines and counters. */
#include "internal.h"

const char *moat_program__name(const struct moat_program *prog)
{
	return prog->name;
}

const char *moat_program__section_name(const struct moat_program *prog)
{
	return prog->section;
}

enum bpf_prog_type moat_program__type(const struct moat_program *prog)
{
	return prog->type;
}

int moat_program__set_type(struct moat_program *prog, enum bpf_prog_type type)
{
	if (prog->obj->loaded)
		return -EBUSY;
	prog->type = type;
	return 0;
}

int moat_program__set_autoload(struct moat_program *prog, bool autoload)
{
	if (prog->obj->loaded)
		return -EBUSY;
	prog->autoload = autoload;
	return 0;
}

const struct bpf_insn *moat_program__insns(const struct moat_program *prog)
{
	return prog->insn;
}

size_t moat_program__insn_cnt(const struct moat_program *prog)
{
	return prog->len;
}

int moat_program__code(const struct moat_program *prog, struct moat_code *code)
{
	const struct moat_image *img = prog->image;

	if (!img)
		return -ENOENT;
	*code = (struct moat_code) {
		.code = (const void *)(uintptr_t)img->pc,
		.bytes = img->bytes,
		.address = img->pc,
		.arch = moat_native()->name,
		.nr_slots = img->len,
		.slot = img->slot,
		.nr_marks = img->nr_mark,
		.marks = img->mark,
		.nr_traps = img->nr_trap,
		.traps = img->trap,
		.nr_gates = img->nr_checked,
	};
	return 0;
}

const char *moat_mark_name(unsigned int kind)
{
	static const char *const name[MOAT_NR_MARKS] = {
		[MOAT_MARK_PROLOGUE] = "prologue",
		[MOAT_MARK_EPILOGUE] = "epilogue",
		[MOAT_MARK_ENTER] = "enter gate",
		[MOAT_MARK_LEAVE] = "leave gate",
		[MOAT_MARK_CAGE] = "cage",
		[MOAT_MARK_CALL] = "call",
		[MOAT_MARK_CLEAR] = "clear",
		[MOAT_MARK_FUEL] = "fuel",
		[MOAT_MARK_RETURNS] = "return sites",
		[MOAT_MARK_TRAPS] = "traps",
		[MOAT_MARK_STUB] = "stub",
	};

	return kind < MOAT_NR_MARKS && name[kind] ? name[kind] : "unknown";
}

int moat_program__line(const struct moat_program *prog, __u32 insn, struct moat_line *line)
{
	u32 lo = 0, hi = prog->nr_line;

	if (insn >= prog->len)
		return -ENOENT;
	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (prog->line[mid].insn <= insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* clang gives line 0 to instructions that belong to several lines: the line before is near. */
	while (lo && !prog->line[lo - 1].line)
		lo--;
	if (!lo)
		return -ENOENT;
	*line = prog->line[lo - 1];
	return 0;
}

static void add_counts(const struct moat_program *prog, struct moat_program_stats *s)
{
	const struct moat_count *c;
	u32 cpu;

	for (cpu = 0; cpu < MOAT_MAX_CPUS; cpu++) {
		c = atomic_load_explicit(&prog->count[cpu], memory_order_acquire);
		if (c) {
			s->runs += __atomic_load_n(&c->runs, __ATOMIC_RELAXED);
			s->faults += __atomic_load_n(&c->faults, __ATOMIC_RELAXED);
		}
	}
}

int moat_program__stats(const struct moat_program *prog, struct moat_program_stats *stats)
{
	struct moat_program_stats s = {
		.busy = prog->domain ? prog->domain->busy : 0,
		.insns = prog->len,
		.code_bytes = prog->image ? prog->image->bytes : 0,
		.compile_ns = prog->compile_ns,
	};
	size_t sz;

	if (!stats || stats->sz < sizeof(stats->sz))
		return -EINVAL;
	add_counts(prog, &s);
	sz = stats->sz;
	s.sz = sz;
	memcpy(stats, &s, sz < sizeof(s) ? sz : sizeof(s));
	return 0;
}
