/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Line information of compiled programs: each line's address lies in its function's code, they ascend, and the code of
 * a line is that of the line (lines.bpf.c has its number in it); symbols in kallsyms.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "code.h"
#include "object.h"
#include "sys.h"

#define MAX_LINES	4096
#define MAX_FUNCS	64
#define MAX_CODE	(1 << 16)
#define MARK		0x5e11

static bool blinded, isolated;

struct program {
	struct bpf_prog_info info;
	struct bpf_line_info line[MAX_LINES];
	u64 line_at[MAX_LINES];
	u64 func_at[MAX_FUNCS];
	u32 func_bytes[MAX_FUNCS];
	u8 code[MAX_CODE];	/* of all functions, one behind the other */
};

static bool fetch(int fd, struct program *p)
{
	u32 len = sizeof(p->info);

	memset(p, 0, sizeof(*p));
	p->info.nr_line_info = p->info.nr_jited_line_info = MAX_LINES;
	p->info.line_info = (u64)(uintptr_t)p->line;
	p->info.line_info_rec_size = sizeof(p->line[0]);
	p->info.jited_line_info = (u64)(uintptr_t)p->line_at;
	p->info.jited_line_info_rec_size = sizeof(p->line_at[0]);
	p->info.nr_jited_ksyms = p->info.nr_jited_func_lens = MAX_FUNCS;
	p->info.jited_ksyms = (u64)(uintptr_t)p->func_at;
	p->info.jited_func_lens = (u64)(uintptr_t)p->func_bytes;
	p->info.jited_prog_insns = (u64)(uintptr_t)p->code;
	p->info.jited_prog_len = MAX_CODE;
	return !bpf_obj_get_info_by_fd(fd, &p->info, &len) && p->info.nr_jited_ksyms && p->func_at[0];
}

/* The function that @at lies in, or -1; its first byte in p->code at *@start. */
static int function_of(const struct program *p, u64 at, u32 *start)
{
	u32 f;

	for (f = 0, *start = 0; f < p->info.nr_jited_func_lens; *start += p->func_bytes[f++])
		if (at >= p->func_at[f] && at < p->func_at[f] + p->func_bytes[f])
			return (int)f;
	return -1;
}

/* Lines of lines.bpf.c that have LINE() in them: their number, and which they are. */
static u32 numbered_lines(const struct bpf_insn *insn, u32 len, bool *has)
{
	u32 i, n = 0;

	for (i = 0; i < len; i++)
		if (insn[i].code == (BPF_ALU64 | BPF_XOR | BPF_K) && (u32)insn[i].imm >> 16 == MARK) {
			has[insn[i].imm & 0xffff] = true;
			n++;
		}
	return n;
}

static void check_order(const char *name, const struct program *p)
{
	u32 i, start, in_func[MAX_FUNCS] = { 0 };
	int f, last = -1;

	CHECK(p->info.nr_line_info && p->info.nr_jited_line_info == p->info.nr_line_info,
	      "%s: %u lines, %u of them in the code", name, p->info.nr_line_info, p->info.nr_jited_line_info);
	for (i = 0; i < p->info.nr_jited_line_info; i++) {
		f = function_of(p, p->line_at[i], &start);
		if (!CHECK(f >= 0, "%s: line %u is outside of the code, at %llx", name, p->line[i].line_col >> 10,
			   (unsigned long long)p->line_at[i]))
			continue;
		CHECK(f >= last, "%s: line info goes back to function %d", name, f);
		if (f == last)
			CHECK(p->line_at[i] >= p->line_at[i - 1], "%s: line info %u goes back", name, i);
		else
			CHECK(p->line_at[i] == p->func_at[f], "%s: function %d does not begin with its first line", name, f);
		last = f;
		in_func[f]++;
	}
	/* isolated, all functions are one image, which is the first one's */
	for (i = 0; i < (isolated ? 1 : p->info.nr_jited_func_lens); i++)
		CHECK(in_func[i], "%s: function %u has no line", name, i);
}

/* The code of every line with a number holds that number, between it and the next line. */
static void check_numbers(const struct program *p, const struct bpf_insn *insn, u32 len)
{
	static bool has[1 << 16];
	u32 i, k, start, line, end, n = numbered_lines(insn, len, has), found = 0;

	for (i = 0; i < p->info.nr_jited_line_info; i++) {
		int f = function_of(p, p->line_at[i], &start);

		line = p->line[i].line_col >> 10;
		if (f < 0 || line > 0xffff || !has[line])
			continue;
		/* several entries may be of one line: only together they must have it */
		for (k = i + 1; k < p->info.nr_jited_line_info && p->line[k].line_col >> 10 == line; k++)
			;
		end = k < p->info.nr_jited_line_info && function_of(p, p->line_at[k], &(u32){ 0 }) == f ?
		      (u32)(p->line_at[k] - p->func_at[f]) : p->func_bytes[f];
		start += (u32)(p->line_at[i] - p->func_at[f]);
		CHECK(code_holds(p->code + start, end - (u32)(p->line_at[i] - p->func_at[f]), (u32)MARK << 16 | line),
		      "line %u: its number is not in its %u bytes of code, function %d", line,
		      end - (u32)(p->line_at[i] - p->func_at[f]), f);
		found++;
		i = k - 1;
	}
	CHECK(n > 10 && found >= n, "%u of %u lines were looked at", found, n);
}

/* Every function has a symbol at its address. */
static void check_symbols(const struct program *p)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	unsigned long long at;
	char line[512];
	u32 i, found = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx", &at) != 1 || !strstr(line, "bpf_prog_"))
			continue;
		for (i = 0; i < p->info.nr_jited_ksyms; i++)
			found += p->func_at[i] == at;
	}
	if (f)
		fclose(f);
	if (sys_read_number("net/core/bpf_jit_kallsyms") == 0)
		SKIP("symbols", "net.core.bpf_jit_kallsyms is 0");
	else
		CHECK(found == p->info.nr_jited_ksyms, "%u of %u functions have symbols", found, p->info.nr_jited_ksyms);
}

static void check_object(const char *name, struct program *p)
{
	struct bpf_object *obj = object_load(name, NULL);
	struct bpf_program *prog;
	const char *what;

	if (!CHECK(obj, "%s does not load", name))
		return;
	bpf_object__for_each_program(prog, obj) {
		what = bpf_program__name(prog);
		if (!CHECK(fetch(bpf_program__fd(prog), p), "%s: no information", what))
			continue;
		if (blinded && p->info.nr_jited_ksyms > 1)
			SKIP(what, "6.1 misplaces lines of several functions when it blinds constants, whatever the JIT");
		else
			check_order(what, p);
		if (!strcmp(what, "lines") && !blinded) {
			/* the list of all symbols takes the kernel a while: once is enough */
			check_symbols(p);
			check_numbers(p, bpf_program__insns(prog), (u32)bpf_program__insn_cnt(prog));
		}
	}
	bpf_object__close(obj);
}

int main(void)
{
	static const char *const objects[] = {
		"lines", "calls", "examples/dissect", "examples/firewall", "examples/rewrite",
	};
	struct program *p = malloc(sizeof(*p));
	long harden = sys_read_number("net/core/bpf_jit_harden");
	char why[96], mode[16];
	size_t i;

	if (!CHECK(p, "no memory"))
		return check_done();
	blinded = harden > 0;
	if (blinded) {
		snprintf(why, sizeof(why), "net.core.bpf_jit_harden is %ld: constants blinded, symbols hidden", harden);
		SKIP("numbers of lines, symbols", why);
	}
	sys_read("net/core/bpf_moat", mode, sizeof(mode));
	isolated = !strcmp(mode, "basereg");
	for (i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		if (isolated && !strcmp(objects[i], "calls"))
			SKIP(objects[i], "tail calls from functions have no isolated form");
		else
			check_object(objects[i], p);
	}
	free(p);
	return check_done();
}
