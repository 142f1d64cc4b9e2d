/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `moat exec`: raw instructions in hex on standard input, R0 in hex on standard output. */
#include <elf.h>
#include "cli.h"

static const char help[] =
	"Usage: moat exec [MEMORY] [OPTIONS] < PROGRAM\n\n"
	"Run a program given as hex bytes of raw BPF instructions on standard input and\n"
	"print R0 in hex.  White space is ignored.  MEMORY is hex too: R1 is its address\n"
	"and R2 its length; both are 0 without it.  This is how conformance suites drive a\n"
	"runtime.\n\n"
	"Options:\n"
	"      --isolation MODE  none, basereg, pku, pku+basereg or auto (the default)\n"
	"      --elf             standard input is an ELF object in hex; the program is the\n"
	"                        function at the start of .text\n"
	"      --fuel N          end the run after about N instructions in loops\n"
	"      --unmetered       let loops run as long as they want: for verified programs\n"
	"  -j, --json            print JSON\n"
	"      --pretty          print JSON, indented\n"
	"      --debug           show the library's messages\n"
	"  -h, --help            this text\n\n"
	"Example:\n"
	"  echo 'b7 00 00 00 2a 00 00 00  95 00 00 00 00 00 00 00' | moat exec\n";

enum { OPT_ISOLATION = OPT_OWN, OPT_ELF, OPT_FUEL, OPT_UNMETERED };

struct exec_args {
	enum moat_mode mode;
	bool elf, unmetered;
	u64 fuel;
	const char *memory;
};

static int parse(struct exec_args *e, int argc, char **argv, bool *over)
{
	static const struct option options[] = {
		{ "isolation", required_argument, NULL, OPT_ISOLATION },
		{ "elf", no_argument, NULL, OPT_ELF },
		{ "fuel", required_argument, NULL, OPT_FUEL },
		{ "unmetered", no_argument, NULL, OPT_UNMETERED },
		CLI_COMMON_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	static const struct cli_args args = { "exec", help, ":jh", options };
	int status, c;

	*over = true;
	while ((c = cli_option(&args, argc, argv, &status)) != -1) {
		if (c == '?')
			return status;
		if (c == OPT_ELF)
			e->elf = true;
		if (c == OPT_UNMETERED)
			e->unmetered = true;
		if (c == OPT_ISOLATION && cli_mode("exec", optarg, &e->mode))
			return CLI_USAGE;
		if (c == OPT_FUEL && !(cli_number(optarg, UINT64_MAX, &e->fuel) && e->fuel))
			return cli_usage("exec", "--fuel wants a number, got '%s'", optarg);
	}
	if (e->fuel && e->unmetered)
		return cli_usage("exec", "--fuel and --unmetered exclude each other");
	if (optind < argc)
		e->memory = argv[optind++];
	if (optind < argc)
		return cli_usage("exec", "only one MEMORY argument; '%s' is left over", argv[optind]);
	*over = false;
	return CLI_OK;
}

/* Does [at, at + bytes) lie in an image of @size bytes? */
static bool inside(size_t size, u64 at, u64 bytes)
{
	return at <= size && bytes <= size - at;
}

/*
 * Instructions of .text in an ELF image without relocations for it: those are
 * complete, and need no symbols, license or maps.  NULL: it is not that simple,
 * or not an ELF image; the library's loader says more.
 */
static const u8 *plain_text(const u8 *elf, size_t size, u64 *bytes)
{
	const Elf64_Ehdr *head = (const Elf64_Ehdr *)elf;
	const Elf64_Shdr *names, *s;
	const u8 *text = NULL;
	u32 i, index = 0;

	if (size < sizeof(*head) || memcmp(elf, ELFMAG, SELFMAG) || head->e_machine != EM_BPF ||
	    head->e_shentsize != sizeof(*s) || head->e_shoff % 8 || head->e_shstrndx >= head->e_shnum ||
	    !inside(size, head->e_shoff, (u64)head->e_shnum * sizeof(*s)))
		return NULL;
	s = (const Elf64_Shdr *)(elf + head->e_shoff);
	names = s + head->e_shstrndx;
	for (i = 1; i < head->e_shnum; i++) {
		if (!inside(size, names->sh_offset, names->sh_size) || s[i].sh_name >= names->sh_size ||
		    names->sh_size - s[i].sh_name < sizeof(".text") ||
		    memcmp(elf + names->sh_offset + s[i].sh_name, ".text", sizeof(".text")))
			continue;
		if (s[i].sh_type != SHT_PROGBITS || !inside(size, s[i].sh_offset, s[i].sh_size))
			return NULL;
		text = elf + s[i].sh_offset;
		*bytes = s[i].sh_size;
		index = i;
	}
	for (i = 1; i < head->e_shnum; i++)
		if ((s[i].sh_type == SHT_REL || s[i].sh_type == SHT_RELA) && s[i].sh_info == index)
			return NULL;
	return text;
}

static struct moat_object *open_insns(const u8 *code, u64 bytes, const struct moat_open_opts *opts)
{
	struct moat_object *obj;
	struct bpf_insn *insn;
	int err;

	if (!bytes || bytes % sizeof(*insn)) {
		cli_error("a program is a number of 8-byte instructions; got %llu bytes",
			  (unsigned long long)bytes);
		return NULL;
	}
	/* The bytes may be unaligned in an ELF image. */
	insn = malloc(bytes);
	if (!insn) {
		cli_error("out of memory");
		return NULL;
	}
	memcpy(insn, code, bytes);
	obj = moat_object__open_insns(insn, bytes / sizeof(*insn), opts);
	err = errno;
	free(insn);
	if (!obj)
		cli_error("cannot open the program: %s", strerror(err));
	return obj;
}

static struct moat_object *open_elf(const u8 *elf, size_t size, const struct moat_open_opts *opts)
{
	struct moat_object *obj;
	const u8 *text;
	u64 bytes;

	text = plain_text(elf, size, &bytes);
	if (text)
		return open_insns(text, bytes, opts);
	obj = moat_object__open_mem(elf, size, opts);
	if (!obj)
		cli_error("cannot open the object: %s", strerror(errno));
	return obj;
}

static struct moat_object *open_program(const struct exec_args *e)
{
	MOAT_OPEN_OPTS(opts, .name = "exec");
	struct moat_object *obj = NULL;
	const char *why = NULL;
	size_t len;
	char *hex;
	u8 *code;
	long n;

	opts.mode = e->mode;
	opts.unmetered = e->unmetered;
	if (e->mode != MOAT_MODE_AUTO && moat_mode_enforced(e->mode, &why)) {
		cli_error("isolation %s is not enforced here: %s", moat_mode_name(e->mode), why ? why : "not available");
		return NULL;
	}
	hex = cli_read("-", &len);
	if (!hex)
		return NULL;
	code = malloc(len / 2 + 1);
	n = code ? cli_unhex(hex, len, code) : -1;
	if (n < 0)
		cli_error("standard input is not an even number of hex digits");
	else
		obj = e->elf ? open_elf(code, n, &opts) : open_insns(code, n, &opts);
	free(code);
	free(hex);
	return obj;
}

/* The program in .text, or the only one. */
static struct moat_program *main_program(struct moat_object *obj)
{
	struct moat_program *p = NULL;

	while ((p = moat_object__next_program(obj, p)))
		if (!strcmp(moat_program__section_name(p) ?: "", ".text"))
			return p;
	return cli_program(obj, NULL);
}

static int print_result(struct moat_object *obj, struct moat_program *prog,
			const struct moat_run_opts *opts, int err)
{
	json_object *o;

	if (err == -EFAULT || err == -ETIME)
		cli_fault_text(stderr, prog, &opts->fault);
	else if (err)
		return cli_error("cannot run: %s", strerror(-err));
	if (!cli.json) {
		if (!err)
			printf("%llx\n", (unsigned long long)opts->retval);
		return err ? CLI_FAILED : CLI_OK;
	}
	o = json_object_new_object();
	json_object_object_add(o, "isolation", json_object_new_string(moat_mode_name(moat_object__mode(obj))));
	if (err)
		json_object_object_add(o, "fault", cli_fault_json(prog, &opts->fault));
	else
		json_object_object_add(o, "retval", cli_hex(opts->retval));
	cli_json(o);
	return err ? CLI_FAILED : CLI_OK;
}

static int run(const struct exec_args *e, struct moat_object *obj, u8 *memory, size_t bytes)
{
	MOAT_RUN_OPTS(opts, .data_in = bytes ? memory : NULL, .data_size_in = bytes, .fuel = e->fuel);
	struct moat_program *prog = main_program(obj);
	int err;

	if (!prog)
		return CLI_FAILED;
	if (moat_program__type(prog) != BPF_PROG_TYPE_UNSPEC)
		moat_program__set_type(prog, BPF_PROG_TYPE_UNSPEC);
	if (cli_load(obj))
		return CLI_FAILED;
	err = moat_program__run_opts(prog, &opts);
	return print_result(obj, prog, &opts, err);
}

int cmd_exec(int argc, char **argv)
{
	struct exec_args e = { .mode = MOAT_MODE_AUTO };
	struct moat_object *obj;
	bool over;
	int status = parse(&e, argc, argv, &over);
	size_t len = e.memory ? strlen(e.memory) : 0;
	u8 *memory;
	long n;

	if (over)
		return status;
	memory = malloc(len / 2 + 1);
	n = memory ? cli_unhex(e.memory ? e.memory : "", len, memory) : -1;
	if (n < 0) {
		free(memory);
		return cli_usage("exec", "MEMORY is not an even number of hex digits");
	}
	obj = open_program(&e);
	status = obj ? run(&e, obj, memory, n) : CLI_FAILED;
	if (obj)
		moat_object__close(obj);
	free(memory);
	return status;
}
