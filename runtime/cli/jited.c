/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The machine code of one program, instruction by instruction, with labels for what isolation added. */
#include "cli.h"

/* Where a walk over the code is. */
struct walk {
	const struct dump_args *dump;
	struct moat_program *prog;
	struct moat_code code;
	struct cli_disasm *disasm;
	struct moat_line line;	/* shown last */
	u32 slot, mark, trap;	/* BPF slot of the instruction at hand; where to look on in the tables */
	u32 at;
	struct cli_insn insn;
	char label[128];
};

/* The narrowest labelled stretch around the instruction at hand; stretches nest.  Both tables are sorted. */
static const struct moat_mark *find_mark(struct walk *w)
{
	const struct moat_mark *best = NULL, *m;
	u32 i;

	while (w->mark < w->code.nr_marks && w->code.marks[w->mark].end <= w->at)
		w->mark++;
	for (i = w->mark; i < w->code.nr_marks && w->code.marks[i].start <= w->at; i++) {
		m = &w->code.marks[i];
		if (w->at < m->end && (!best || m->end - m->start < best->end - best->start))
			best = m;
	}
	return best;
}

static const struct moat_trap *find_trap(struct walk *w)
{
	while (w->trap < w->code.nr_traps && w->code.traps[w->trap].at < w->at)
		w->trap++;
	if (w->trap < w->code.nr_traps && w->code.traps[w->trap].at == w->at)
		return &w->code.traps[w->trap];
	return NULL;
}

static const char *helper_name(s32 id)
{
#define HELPER_NAME(name)	[BPF_FUNC_ ## name] = "bpf_" #name
	static const char *const names[] = { __BPF_FUNC_MAPPER(HELPER_NAME) };
#undef HELPER_NAME

	return id > 0 && id < (s32)ARRAY_SIZE(names) ? names[id] : NULL;
}

/* The helper that the BPF slot at hand calls: a call, or code in its place. */
static const char *called(const struct walk *w)
{
	const struct bpf_insn *insn = moat_program__insns(w->prog);

	if (w->slot >= moat_program__insn_cnt(w->prog) || w->at < w->code.slot[w->slot])
		return NULL;
	insn += w->slot;
	if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg)
		return NULL;
	return helper_name(insn->imm);
}

/* Does an operand name the cage base, or an address made with it?  Programs cannot: only caged accesses do. */
static bool is_caged(const struct walk *w)
{
	static const char *const x86[] = { "%gs:", "(%r12,", NULL };
	static const char *const arm64[] = { "[x28", " x28,", "[x14", "[x15", "[x17", NULL };
	const char *const *name = strcmp(w->code.arch, "arm64") ? x86 : arm64;

	while (*name && !strstr(w->insn.operands, *name))
		name++;
	return *name;
}

static void set_label(struct walk *w)
{
	const struct moat_trap *trap = find_trap(w);
	const struct moat_mark *mark = find_mark(w);
	const char *helper;

	w->label[0] = 0;
	helper = !mark || mark->kind == MOAT_MARK_CALL ? called(w) : NULL;
	if (trap)
		snprintf(w->label, sizeof(w->label), "trap: %s, insn %u", moat_fault_name(trap->kind), trap->pc);
	else if (mark)
		snprintf(w->label, sizeof(w->label), "%s%s%s", moat_mark_name(mark->kind), helper ? " " : "", helper ?: "");
	else if (helper)
		snprintf(w->label, sizeof(w->label), "%s", helper);
	else if (is_caged(w))
		snprintf(w->label, sizeof(w->label), "%s", moat_mark_name(MOAT_MARK_CAGE));
}

/* Empty slots (second halves, fused instructions) are skipped; the prologue comes before the first. */
static void find_slot(struct walk *w)
{
	while (w->slot < w->code.nr_slots && w->code.slot[w->slot + 1] <= w->at)
		w->slot++;
}

static bool slot_starts(const struct walk *w)
{
	return w->slot < w->code.nr_slots && w->code.slot[w->slot] == w->at;
}

/* Decode what is at w->at; false at the end. */
static bool step(struct walk *w)
{
	if (w->at >= w->code.bytes)
		return false;
	find_slot(w);
	cli_disasm(w->disasm, (const u8 *)w->code.code + w->at, w->code.bytes - w->at, w->at, &w->insn);
	set_label(w);
	return true;
}

static void finish(struct walk *w)
{
	cli_disasm_close(w->disasm);
	if (w->dump->arch)
		moat_code__free(&w->code);
}

static int start(struct walk *w, const struct dump_args *dump, struct moat_program *prog)
{
	int err;

	memset(w, 0, sizeof(*w));
	w->dump = dump;
	w->prog = prog;
	err = dump->arch ? moat_program__emit(prog, dump->arch, &w->code) : moat_program__code(prog, &w->code);
	if (err)
		return cli_error("%s: no machine code: %s", moat_program__name(prog), strerror(-err));
	w->disasm = cli_disasm_open(w->code.arch);
	if (w->disasm)
		return CLI_OK;
	finish(w);
	return CLI_FAILED;
}

static void print_insn(struct walk *w)
{
	char bytes[3 * 16 + 1];
	int width;

	if (slot_starts(w) && cli_new_line(w->dump, w->prog, w->slot, &w->line))
		cli_print_line(w->dump, &w->line);
	if (w->insn.operands[0] || w->label[0])
		width = printf("%4x:\t%-6s %s", w->at, w->insn.operation, w->insn.operands);
	else
		width = printf("%4x:\t%s", w->at, w->insn.operation);
	if (w->label[0])
		printf("%*s# %s", width < 46 ? 46 - width : 1, "", w->label);
	printf("\n");
	if (w->dump->opcodes)
		printf("\t%s\n", cli_bytes(bytes, (const u8 *)w->code.code + w->at, w->insn.bytes));
}

int cli_jited_text(const struct dump_args *dump, struct moat_program *prog, const char *isolation)
{
	struct walk w;
	int status = start(&w, dump, prog);

	if (status)
		return status;
	printf("%s:\n; %s%sisolation %s, %u bytes at 0x%llx\n", moat_program__name(prog), dump->arch ?: "",
	       dump->arch ? ", " : "", isolation, w.code.bytes, (unsigned long long)w.code.address);
	for (; step(&w); w.at += w.insn.bytes)
		print_insn(&w);
	finish(&w);
	return CLI_OK;
}

/* Operands one by one; commas inside parentheses and brackets do not separate. */
static json_object *json_operands(const char *text)
{
	json_object *list = json_object_new_array();
	const char *from = text, *p;
	int depth = 0;

	for (p = text; *text; p++) {
		depth += (*p == '(' || *p == '[') - (*p == ')' || *p == ']');
		if (*p && (*p != ',' || depth))
			continue;
		json_object_array_add(list, json_object_new_string_len(from, p - from));
		if (!*p)
			break;
		from = p + 1 + strspn(p + 1, " ");
	}
	return list;
}

static json_object *json_insn(struct walk *w)
{
	json_object *o = json_object_new_object();
	char pc[16];

	if (slot_starts(w) && cli_new_line(w->dump, w->prog, w->slot, &w->line))
		cli_add_line(w->dump, o, &w->line);
	snprintf(pc, sizeof(pc), "0x%x", w->at);
	json_object_object_add(o, "pc", json_object_new_string(pc));
	json_object_object_add(o, "operation", json_object_new_string(w->insn.operation));
	json_object_object_add(o, "operands", json_operands(w->insn.operands));
	if (w->label[0])
		json_object_object_add(o, "label", json_object_new_string(w->label));
	if (w->dump->opcodes)
		cli_add_opcodes(o, (const u8 *)w->code.code + w->at, w->insn.bytes);
	return o;
}

int cli_jited_json(const struct dump_args *dump, struct moat_program *prog, const char *isolation, json_object *o)
{
	json_object *list = json_object_new_array();
	struct walk w;
	int status = start(&w, dump, prog);

	for (; !status && step(&w); w.at += w.insn.bytes)
		json_object_array_add(list, json_insn(&w));
	if (!status) {
		json_object_object_add(o, "arch", json_object_new_string(w.code.arch));
		json_object_object_add(o, "isolation", json_object_new_string(isolation));
		json_object_object_add(o, "address", cli_hex(w.code.address));
		json_object_object_add(o, "bytes", json_object_new_int64(w.code.bytes));
		finish(&w);
	}
	json_object_object_add(o, "insns", list);
	return status;
}
