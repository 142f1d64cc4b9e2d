/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Violations, reported for people and for programs. */
#include "cli.h"

/* What each kind of fault means, for somebody who has not read the manual. */
static const char *explain(enum moat_fault_kind kind)
{
	switch (kind) {
	case MOAT_FAULT_NONE:
		break;
	case MOAT_FAULT_CAGE:
		return "the program accessed memory that is not in its cage, or not with that right";
	case MOAT_FAULT_KEY:
		return "the program accessed memory that its protection key does not open";
	case MOAT_FAULT_FUEL:
		return "the program used up its fuel; --fuel gives more";
	case MOAT_FAULT_AUDIT:
		return "the program gave a helper an argument that it may not be given";
	case MOAT_FAULT_TRAP:
		return "a check in the emitted code failed";
	case MOAT_FAULT_MEMORY:
		return "the program accessed memory that is not there (isolation none: nothing confines it)";
	case MOAT_NR_FAULTS:
		break;
	}
	return "unknown";
}

static const char *insn_text(struct moat_program *prog, u32 pc, char text[MOAT_TEXT])
{
	const struct bpf_insn *insn = prog ? moat_program__insns(prog) : NULL;
	size_t len = insn ? moat_program__insn_cnt(prog) : 0;

	return pc < len ? moat_text(text, insn + pc, len - pc) : NULL;
}

void cli_fault_text(FILE *to, struct moat_program *prog, const struct moat_fault *fault)
{
	char buf[512], text[MOAT_TEXT];
	const char *insn = insn_text(prog, fault->insn, text);

	fflush(stdout);
	fprintf(to, "moat: violation in %s: %s\n", prog ? moat_program__name(prog) : "?",
		moat_fault__text(fault, buf, sizeof(buf)));
	fprintf(to, "  what:   %s\n", explain(fault->kind));
	if (fault->kind == MOAT_FAULT_AUDIT && fault->arg)
		fprintf(to, "  value:  0x%llx\n", (unsigned long long)fault->address);
	if (fault->proved)
		fprintf(to, "  proved: %s\n", fault->proved);
	if (insn)
		fprintf(to, "  insn:   %u: %s\n", fault->insn, insn);
	if (fault->file)
		fprintf(to, "  source: %s:%u: %s\n", fault->file, fault->line, fault->text ? fault->text : "");
	fprintf(to, "  the run was ended; the host goes on\n");
}

static void add(json_object *o, const char *name, json_object *value)
{
	json_object_object_add(o, name, value);
}

json_object *cli_fault_json(struct moat_program *prog, const struct moat_fault *fault)
{
	json_object *o = json_object_new_object();
	char text[MOAT_TEXT];
	const char *insn = insn_text(prog, fault->insn, text);

	add(o, "kind", json_object_new_string(moat_fault_name(fault->kind)));
	add(o, "insn", json_object_new_int64(fault->insn));
	if (insn)
		add(o, "insn_text", json_object_new_string(insn));
	if (fault->kind == MOAT_FAULT_CAGE || fault->kind == MOAT_FAULT_KEY || fault->kind == MOAT_FAULT_MEMORY) {
		add(o, "address", cli_hex(fault->address));
		add(o, "write", json_object_new_boolean(fault->write));
	}
	if (fault->kind == MOAT_FAULT_AUDIT) {
		add(o, "helper", json_object_new_int(fault->helper));
		add(o, "arg", json_object_new_int(fault->arg));
		if (fault->arg)
			add(o, "value", cli_hex(fault->address));
		if (fault->proved)
			add(o, "proved", json_object_new_string(fault->proved));
	}
	if (fault->file) {
		add(o, "file", json_object_new_string(fault->file));
		add(o, "line", json_object_new_int64(fault->line));
	}
	if (fault->text)
		add(o, "text", json_object_new_string(fault->text));
	if (fault->reason)
		add(o, "reason", json_object_new_string(fault->reason));
	return o;
}
