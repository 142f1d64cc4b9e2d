/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `moat dump`: machine code (jited) or instructions (xlated), in bpftool's layout. */
#include "cli.h"

static const char help[] =
	"Usage: moat dump {jited | xlated | audit} OBJECT [-p PROGRAM] [OPTIONS]\n\n"
	"Show the machine code of programs, with what isolation added labelled at the end\n"
	"of the line (# enter gate, # cage, ...), or their BPF instructions as they are\n"
	"compiled: relocated, with subprograms appended.  Source lines come from BTF.\n"
	"With audit: what the gate does for each argument of each helper call.\n"
	"With --arch the code is only emitted: for either architecture, in any mode.\n\n"
	"Options:\n"
	"  -p, --program NAME    one program; without it all\n"
	"      --arch ARCH       jited: x86 or arm64 (default: what runs here)\n"
	"      --isolation MODE  none, basereg, pku, pku+basereg or auto (the default);\n"
	"                        on arm64 poe is the name for pku\n"
	"      --base FORM       base register form: register or segment (default: chosen)\n"
	"      --unmetered       without the metering of loops and calls\n"
	"      --blind           with the program's constants hidden, anew each time\n"
	"      --opcodes         also the bytes of each instruction\n"
	"      --linum           also file, line and column of source lines\n"
	"  -j, --json            print JSON, of bpftool's shape\n"
	"      --pretty          print JSON, indented\n"
	"      --debug           show the library's messages\n"
	"  -h, --help            this text\n\n"
	"Example:\n"
	"  moat dump jited firewall.bpf.o --isolation basereg\n"
	"  moat dump jited firewall.bpf.o --arch arm64 --isolation poe+basereg\n";

enum { OPT_ISOLATION = OPT_OWN, OPT_ARCH, OPT_BASE, OPT_UNMETERED, OPT_BLIND, OPT_OPCODES, OPT_LINUM };

static const struct option options[] = {
	{ "program", required_argument, NULL, 'p' },
	{ "isolation", required_argument, NULL, OPT_ISOLATION },
	{ "arch", required_argument, NULL, OPT_ARCH },
	{ "base", required_argument, NULL, OPT_BASE },
	{ "unmetered", no_argument, NULL, OPT_UNMETERED },
	{ "blind", no_argument, NULL, OPT_BLIND },
	{ "opcodes", no_argument, NULL, OPT_OPCODES },
	{ "linum", no_argument, NULL, OPT_LINUM },
	CLI_COMMON_OPTIONS,
	{ NULL, 0, NULL, 0 },
};

static int set_arch(struct dump_args *dump, const char *name)
{
	if (strcmp(name, "x86") && strcmp(name, "arm64"))
		return cli_usage("dump", "unknown architecture '%s'; there are: x86, arm64", name);
	dump->arch = name;
	return CLI_OK;
}

static int set_option(struct dump_args *dump, int c)
{
	switch (c) {
	case 'p':
		dump->program = optarg;
		break;
	case OPT_ISOLATION:
		return cli_mode_either("dump", optarg, &dump->mode);
	case OPT_ARCH:
		return set_arch(dump, optarg);
	case OPT_BASE:
		return cli_base_form("dump", optarg, &dump->form);
	case OPT_UNMETERED:
		dump->unmetered = true;
		break;
	case OPT_BLIND:
		dump->blind = true;
		break;
	case OPT_OPCODES:
		dump->opcodes = true;
		break;
	default:
		dump->linum = true;
		break;
	}
	return CLI_OK;
}

static int parse(struct dump_args *dump, int argc, char **argv, bool *over)
{
	static const struct cli_args args = { "dump", help, ":jhp:", options };
	int status, c;

	*over = true;
	while ((c = cli_option(&args, argc, argv, &status)) != -1) {
		if (c == '?')
			return status;
		status = set_option(dump, c);
		if (status)
			return status;
	}
	if (optind == argc)
		return cli_usage("dump", "what: jited or xlated, or audit?");
	if (strcmp(argv[optind], "jited") && strcmp(argv[optind], "xlated") && strcmp(argv[optind], "audit"))
		return cli_usage("dump", "cannot dump '%s'; there are: jited, xlated, audit", argv[optind]);
	dump->jited = argv[optind][0] == 'j';
	dump->audit = argv[optind++][0] == 'a';
	if (dump->arch && !dump->jited)
		return cli_usage("dump", "--arch goes with jited: instructions and audits are the same for all");
	if (optind == argc)
		return cli_usage("dump", "which object file?");
	dump->object = argv[optind++];
	if (optind < argc)
		return cli_usage("dump", "one object file, please; '%s' is left over", argv[optind]);
	*over = false;
	return CLI_OK;
}

/* Does the line info say something new?  Many instructions share a line. */
bool cli_new_line(const struct dump_args *dump, struct moat_program *prog, u32 insn, struct moat_line *last)
{
	struct moat_line line = { 0 };

	if (moat_program__line(prog, insn, &line) || !line.text || !*line.text)
		return false;
	if (last->file == line.file && last->line == line.line &&
	    (!dump->linum || last->column == line.column))
		return false;
	*last = line;
	return true;
}

void cli_print_line(const struct dump_args *dump, const struct moat_line *line)
{
	const char *text = line->text + strspn(line->text, " \t");

	if (dump->linum)
		printf("; %s [file:%s line_num:%u line_col:%u]\n", text, line->file ?: "", line->line, line->column);
	else
		printf("; %s\n", text);
}

void cli_add_line(const struct dump_args *dump, json_object *o, const struct moat_line *line)
{
	json_object_object_add(o, "src", json_object_new_string(line->text + strspn(line->text, " \t")));
	if (!dump->linum)
		return;
	json_object_object_add(o, "file", json_object_new_string(line->file ?: ""));
	json_object_object_add(o, "line_num", json_object_new_int64(line->line));
	json_object_object_add(o, "line_col", json_object_new_int64(line->column));
}

void cli_add_opcodes(json_object *o, const void *bytes, u32 n)
{
	json_object *list = json_object_new_array();
	u32 i;

	for (i = 0; i < n; i++)
		json_object_array_add(list, cli_hex(((const u8 *)bytes)[i]));
	json_object_object_add(o, "opcodes", list);
}

/* Wide instructions take two slots and one line. */
static u32 insn_slots(const struct bpf_insn *insn, u32 left)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW) && left > 1 ? 2 : 1;
}

static void xlated_text(const struct dump_args *dump, struct moat_program *prog)
{
	const struct bpf_insn *insn = moat_program__insns(prog);
	u32 len = moat_program__insn_cnt(prog), i, slots;
	struct moat_line last = { 0 };
	char text[MOAT_TEXT], bytes[3 * 16 + 1];

	printf("%s:\n", moat_program__name(prog));
	for (i = 0; i < len; i += slots) {
		slots = insn_slots(insn + i, len - i);
		if (cli_new_line(dump, prog, i, &last))
			cli_print_line(dump, &last);
		printf("%4u: %s\n", i, moat_text(text, insn + i, len - i));
		if (dump->opcodes)
			printf("       %s\n", cli_bytes(bytes, insn + i, slots * sizeof(*insn)));
	}
}

static json_object *xlated_json(const struct dump_args *dump, struct moat_program *prog)
{
	const struct bpf_insn *insn = moat_program__insns(prog);
	json_object *list = json_object_new_array(), *o;
	u32 len = moat_program__insn_cnt(prog), i, slots;
	struct moat_line last = { 0 };
	char text[MOAT_TEXT];

	for (i = 0; i < len; i += slots) {
		slots = insn_slots(insn + i, len - i);
		o = json_object_new_object();
		if (cli_new_line(dump, prog, i, &last))
			cli_add_line(dump, o, &last);
		json_object_object_add(o, "pc", json_object_new_int64(i));
		json_object_object_add(o, "disasm", json_object_new_string(moat_text(text, insn + i, len - i)));
		if (dump->opcodes)
			cli_add_opcodes(o, insn + i, slots * sizeof(*insn));
		json_object_array_add(list, o);
	}
	return list;
}

static int dump_program(const struct dump_args *dump, struct moat_program *prog, const char *isolation,
			json_object *all)
{
	json_object *o;

	if (!moat_program__insns(prog))
		return cli_error("%s: was not loaded", moat_program__name(prog));
	if (!all && dump->audit)
		return cli_audit_text(dump, prog, isolation);
	if (!all && dump->jited)
		return cli_jited_text(dump, prog, isolation);
	if (!all) {
		xlated_text(dump, prog);
		return CLI_OK;
	}
	o = json_object_new_object();
	json_object_array_add(all, o);
	json_object_object_add(o, "name", json_object_new_string(moat_program__name(prog)));
	if (dump->audit)
		return cli_audit_json(dump, prog, isolation, o);
	if (dump->jited)
		return cli_jited_json(dump, prog, isolation, o);
	json_object_object_add(o, "insns", xlated_json(dump, prog));
	return CLI_OK;
}

static int dump_object(const struct dump_args *dump, struct moat_object *obj)
{
	struct moat_program *prog = dump->program ? cli_program(obj, dump->program) : NULL;
	const char *isolation;
	json_object *all;
	bool first = true;
	int status;

	if (dump->program && !prog)
		return CLI_FAILED;
	status = cli_load(obj);
	if (status)
		return status;
	isolation = cli_mode_name(dump->arch, moat_object__mode(obj));
	all = cli.json ? json_object_new_array() : NULL;
	if (prog) {
		status = dump_program(dump, prog, isolation, all);
	} else {
		while (!status && (prog = moat_object__next_program(obj, prog))) {
			if (!first && !all)
				printf("\n");
			status = dump_program(dump, prog, isolation, all);
			first = false;
		}
	}
	if (all && !status)
		cli_json(all);
	else
		json_object_put(all);
	return status;
}

int cmd_dump(int argc, char **argv)
{
	struct dump_args dump = { .mode = MOAT_MODE_AUTO };
	MOAT_OPEN_OPTS(opts);
	struct moat_object *obj;
	bool over;
	int status = parse(&dump, argc, argv, &over);

	if (over)
		return status;
	opts.mode = dump.mode;
	opts.base_form = dump.form;
	opts.unmetered = dump.unmetered;
	opts.blind = dump.blind;
	opts.emit_only = dump.arch;
	obj = cli_open(dump.object, &opts);
	if (!obj)
		return CLI_FAILED;
	status = dump_object(&dump, obj);
	moat_object__close(obj);
	return status;
}
