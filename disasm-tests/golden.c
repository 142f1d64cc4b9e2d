/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Golden disassembly: golden/NAME.bpf holds a rule in one sentence, a program,
 * and the code that must come out of it.
 *
 *	# A store through a pointer is cage-formed; a store into the frame is not.
 *	mode: basereg			defaults for all sections; keys below
 *
 *	bpf:
 *	  *(u32 *)(r1 + 8) = 7
 *
 *	x86 form=register:		architecture, and keys for this section alone
 *	  lea r11d, [rdi + 8]
 *	  mov dword ptr [r12 + r11], 7
 *
 *	arm64 mode=poe:			the same for the other architecture; each file has both
 *	  ...
 *	arm64: none: reason		or says why there is no such rule
 *
 *	refuse mode=none: text		instead of code, on both: the message must contain the text
 *	refuse arm64 mode=none: text	on one
 *
 * Keys: mode (none basereg; pku pku+basereg, or poe poe+basereg, or stage2 stage2+basereg: gates),
 * form (register segment), cpu (bmi2,movbe,fsgsbase,ibt; arm64: lse,bti,pac; or none), args (1 or 2),
 * fuel, plain, far, inline, view, whole, bytes (yes or no), rights (of the domain), pc (address of the image).
 * kernel: yes makes it an image for the kernel, isolated if the mode is basereg, then also: stack (bytes), limit (of probe loads),
 * classic, subprogram, tails, thunks, lfence, sls, clear, fence (yes or no), history (arm64: hint, loops, firmware),
 * slot (x86: yes, enter, views: the stub's own run, and what is called around it), ends (yes or no).
 * The form and cpu of a header are x86's.
 * Expected lines must match whole and in sequence; "..." skips any lines,
 * {{regex}} stands for text, "!text" must not occur from there on.
 *
 *	golden [--bless] [FILE]...	all of disasm-tests/golden without FILE
 *
 * --bless rewrites the sections that use none of "...", "{{" and "!".
 */
#include <glob.h>
#include <regex.h>
#include <stdlib.h>

#include "../arch-x86/x64.h"
#include "../jit/arch.h"
#include "../tests/check.h"
#include "asm.h"
#include "listing.h"
#include "listing_kernel.h"
#include "oracle.h"
#include "oracle_a64.h"

#define MAX_INSNS	4096
#define MAX_LINES	600

struct file {
	const char *name;
	char *line[MAX_LINES];
	u32 nr;
	struct listing_spec spec;	/* of the header */
	struct bpf_insn insn[MAX_INSNS];
	int len;
	bool bless;
	bool collect;			/* first round: only find out which words to disassemble */
	u32 sections[2];		/* of x86 and arm64, or reasons */
	FILE *out;			/* bless: the new text */
};

static bool have_arm64;

/* Only sections count as tests; what is wrong with a file is a failure besides. */
static void broken(const struct file *f, const char *what, const char *line)
{
	if (!f->collect)
		CHECK(false, "%s: %s: '%s'", f->name, what, line);
}

/* Keys --------------------------------------------------------------------- */

static bool yes(const char *value, bool *out)
{
	*out = !strcmp(value, "yes");
	return *out || !strcmp(value, "no");
}

static bool set_mode(struct moat_options *opt, const char *value)
{
	static const struct {
		const char *name;
		u8 mode, gate;
	} row[] = {
		{ "none", MOAT_MODE_NONE, MOAT_GATE_RIGHTS }, { "basereg", MOAT_MODE_BASEREG, MOAT_GATE_RIGHTS },
		{ "pku", MOAT_MODE_PKU, MOAT_GATE_RIGHTS }, { "poe", MOAT_MODE_PKU, MOAT_GATE_RIGHTS },
		{ "pku+basereg", MOAT_MODE_PKU_BASEREG, MOAT_GATE_RIGHTS },
		{ "poe+basereg", MOAT_MODE_PKU_BASEREG, MOAT_GATE_RIGHTS },
		{ "stage2", MOAT_MODE_PKU, MOAT_GATE_MONITOR },
		{ "stage2+basereg", MOAT_MODE_PKU_BASEREG, MOAT_GATE_MONITOR },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(row) && strcmp(value, row[i].name); i++)
		;
	if (i == ARRAY_SIZE(row))
		return false;
	opt->mode = row[i].mode;
	opt->gate = row[i].gate;
	if (opt->gate == MOAT_GATE_MONITOR) {
		opt->host_rights = 0;
		opt->domain_rights = 5;
		opt->monitor_call = 0x4d0;
	}
	return true;
}

static bool set_cpu(struct moat_options *opt, const char *value)
{
	static const char *const names[2][4] = { { "bmi2", "movbe", "fsgsbase", "ibt" }, { "lse", "bti", "pac", "?" } };
	const char *const *name = names[opt->arch == &a64_arch];
	char copy[80], *word, *save;
	u32 i;

	opt->cpu = 0;
	if (!strcmp(value, "none"))
		return true;
	snprintf(copy, sizeof(copy), "%s", value);
	for (word = strtok_r(copy, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		for (i = 0; i < 4 && strcmp(word, name[i]); i++)
			;
		if (i == 4)
			return false;
		opt->cpu |= 1 << i;
	}
	return true;
}

static bool set_form(struct moat_options *opt, const char *value)
{
	opt->form = !strcmp(value, "segment") ? MOAT_BASE_SEGMENT : MOAT_BASE_REGISTER;
	if (opt->form == MOAT_BASE_SEGMENT)
		opt->cpu |= X64_FSGSBASE;
	return opt->form == MOAT_BASE_SEGMENT || !strcmp(value, "register");
}

/* False: there is no such key, or not with this value. */
static bool set_key(struct listing_spec *spec, const char *key, const char *value)
{
	struct moat_options *opt = &spec->opt;

	if (!strcmp(key, "mode"))
		return set_mode(opt, value);
	if (!strcmp(key, "cpu"))
		return set_cpu(opt, value);
	if (!strcmp(key, "form"))
		return set_form(opt, value);
	if (!strcmp(key, "args"))
		return (opt->entry_args = atoi(value)) > 0;
	if (!strcmp(key, "rights"))
		return (opt->domain_rights = strtoull(value, NULL, 0)) > 0;
	if (!strcmp(key, "pc"))
		return (spec->pc = strtoull(value, NULL, 0)) > 0;
	if (!strcmp(key, "fuel"))
		return yes(value, &opt->fuel);
	if (!strcmp(key, "plain"))
		return yes(value, &opt->plain);
	if (!strcmp(key, "far"))
		return yes(value, &opt->far_calls);
	if (!strcmp(key, "view"))
		return yes(value, &opt->packet_view);
	if (!strcmp(key, "ends"))
		return yes(value, &opt->ends);
	if (!strcmp(key, "inline")) {
		opt->inlined = listing_inlined;
		return !strcmp(value, "yes");
	}
	if (!strcmp(key, "whole"))
		return yes(value, &spec->whole);
	if (!strcmp(key, "bytes"))
		return yes(value, &spec->bytes);
	if (!strcmp(key, "kernel"))
		return yes(value, &spec->for_kernel);
	return listing_kernel_key(&spec->kernel, key, value);
}

/* "key=value key=value" behind a section's name. */
static bool qualify(struct listing_spec *spec, char *words)
{
	char *word, *save;

	for (word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *equals = strchr(word, '=');

		if (!equals)
			return false;
		*equals = 0;
		if (!set_key(spec, word, equals + 1))
			return false;
	}
	return true;
}

/* Matching ----------------------------------------------------------------- */

/* Does @got match @want, in which {{...}} are regular expressions? */
static bool line_matches(const char *want, const char *got)
{
	char pattern[1200] = "^";
	u32 n = 1;
	regex_t re;
	bool ok;

	for (; *want && n < sizeof(pattern) - 8; want++) {
		if (!strncmp(want, "{{", 2) && strstr(want, "}}")) {
			u32 bytes = strstr(want, "}}") - want - 2;

			n += snprintf(pattern + n, sizeof(pattern) - n, "(%.*s)", (int)bytes, want + 2);
			want += bytes + 3;
			continue;
		}
		if (strchr("^.[$()|*+?{\\", *want))
			pattern[n++] = '\\';
		pattern[n++] = *want;
	}
	strcpy(pattern + n, "$");
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	ok = !regexec(&re, got, 0, NULL, 0);
	regfree(&re);
	return ok;
}

static bool occurs(const char *text, char *const *got, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (strstr(got[i], text))
			return true;
	return false;
}

/* @far: index of the first expected line that could not be matched, on the way that got furthest. */
static bool match(char *const *want, u32 nr_want, char *const *got, u32 nr_got, u32 at, u32 *far)
{
	u32 i;

	if (at > *far)
		*far = at;
	if (!nr_want)
		return !nr_got;
	if (**want == '!')
		return !occurs(*want + 1, got, nr_got) && match(want + 1, nr_want - 1, got, nr_got, at + 1, far);
	if (!strcmp(*want, "...")) {
		for (i = 0; i <= nr_got; i++)
			if (match(want + 1, nr_want - 1, got + i, nr_got - i, at + 1, far))
				return true;
		return false;
	}
	return nr_got && line_matches(*want, *got) && match(want + 1, nr_want - 1, got + 1, nr_got - 1, at + 1, far);
}

/* Sections ----------------------------------------------------------------- */

/* The lines of a section without indentation, empty ones left out. */
static u32 section_lines(struct file *f, u32 start, u32 end, char *out[MAX_LINES])
{
	u32 i, n = 0;

	for (i = start; i < end; i++) {
		char *text = f->line[i] + strspn(f->line[i], " \t");

		if (*text)
			out[n++] = text;
	}
	return n;
}

static bool is_blessed(char *const *want, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (*want[i] == '!' || !strcmp(want[i], "...") || strstr(want[i], "{{"))
			return false;
	return true;
}

static void tell_difference(const struct listing *got, char *const *want, u32 nr_want, u32 far)
{
	u32 i;

	if (got->err)
		printf("    got error %d: %s\n", got->err, got->refused);
	printf("    want:\n");
	for (i = 0; i < nr_want; i++)
		printf("    %c %s\n", i == far ? '>' : ' ', want[i]);
	printf("    got:\n");
	for (i = 0; i < got->nr; i++)
		printf("      %s\n", got->line[i]);
}

/* Check or bless one section; @head is its first line, lines [start, end) its text. */
static void check_code(struct file *f, const char *head, struct listing_spec *spec, u32 start, u32 end)
{
	char *want[MAX_LINES];
	u32 n = section_lines(f, start, end, want), far = 0, i;
	struct listing got;
	bool ok;

	listing_make(&got, spec, f->insn, f->len);
	if (f->bless && is_blessed(want, n) && !got.err) {
		for (i = 0; i < got.nr; i++)
			fprintf(f->out, "  %s\n", got.line[i]);
	} else {
		ok = !got.err && match(want, n, got.line, got.nr, 0, &far);
		if (!CHECK(ok, "%s '%s' differs", f->name, head))
			tell_difference(&got, want, n, far);
		for (i = start; f->bless && i < end; i++)
			if (f->line[i][strspn(f->line[i], " \t")])
				fprintf(f->out, "%s\n", f->line[i]);
	}
	listing_free(&got);
}

/* The core must refuse, with a message that has @text in it. */
static void check_refusal(struct file *f, struct listing_spec *spec, const char *text)
{
	struct listing got;

	if (f->collect)
		return;
	listing_make(&got, spec, f->insn, f->len);
	CHECK(got.err && strstr(got.refused, text), "%s on %s: wanted '%s', got error %d: %s", f->name,
	      spec->opt.arch->name, text, got.err, got.refused);
	listing_free(&got);
}

static void collect(struct file *f, struct listing_spec *spec)
{
	struct listing none;

	spec->collect = true;
	listing_make(&none, spec, f->insn, f->len);
	listing_free(&none);
}

/* The spec for @arch ("x86" or "arm64") with the @keys of a section. */
static bool spec_for(struct file *f, bool arm64, char *keys, struct listing_spec *spec)
{
	*spec = f->spec;
	f->sections[arm64]++;
	if (arm64)
		listing_arm64(spec);
	/* A mode of the header knows no architecture: its values are not to get lost. */
	if (arm64 && f->spec.opt.gate == MOAT_GATE_MONITOR)
		set_mode(&spec->opt, spec->opt.mode == MOAT_MODE_PKU ? "stage2" : "stage2+basereg");
	return qualify(spec, keys);
}

/* "refuse [ARCH] KEYS: text" */
static void refusal(struct file *f, const char *head, char *keys, const char *text)
{
	bool only_x86 = !strncmp(keys, "x86", 3), only_arm64 = !strncmp(keys, "arm64", 5);
	struct listing_spec spec;
	char copy[200];
	u32 arm64;

	keys += only_x86 ? 3 : only_arm64 ? 5 : 0;
	for (arm64 = only_arm64; arm64 < (only_x86 ? 1 : 2); arm64++) {
		snprintf(copy, sizeof(copy), "%s", keys);
		if (!spec_for(f, arm64, copy, &spec))
			broken(f, "cannot read the keys", head);
		else
			check_refusal(f, &spec, text);
	}
}

static void section(struct file *f, const char *head, u32 start, u32 end)
{
	char words[200], *colon, *keys = words + strcspn(head, " :");
	bool arm64 = *head == 'a', refuse = *head == 'r';
	struct listing_spec spec;
	const char *rest;

	snprintf(words, sizeof(words), "%s", head);
	colon = strchr(words, ':');
	*colon = 0;
	rest = head + (colon - words) + 1;
	rest += strspn(rest, " ");
	if (f->len <= 0)
		broken(f, "a section before the program", head);
	else if (refuse)
		refusal(f, head, keys + strspn(keys, " "), rest);
	else if (*rest && (strncmp(rest, "none: ", 6) || !rest[6]))
		broken(f, "no reason why there is no code", head);
	else if (*rest)
		f->sections[arm64]++;
	else if (!spec_for(f, arm64, keys, &spec))
		broken(f, "cannot read the keys", head);
	else if (f->collect && arm64)
		collect(f, &spec);
	else if (f->collect)
		return;
	else if (!arm64 || have_arm64)
		check_code(f, head, &spec, start, end);
	else
		SKIP(f->name, "no llvm-mc to disassemble arm64");
}

/* Files -------------------------------------------------------------------- */

static void program(struct file *f, u32 start, u32 end)
{
	char text[20000], error[200] = "";
	u32 i, n = 0;

	for (i = start; i < end; i++)
		n += snprintf(text + n, sizeof(text) - n, "%s\n", f->line[i]);
	f->len = assemble(text, f->insn, MAX_INSNS, error);
	if (f->len <= 0)
		broken(f, error, "bpf:");
}

static void header(struct file *f, const char *line)
{
	char key[40] = "", value[100] = "";

	sscanf(line, "%39[a-z]: %99[^\n]", key, value);
	if (!set_key(&f->spec, key, value))
		broken(f, "cannot read", line);
}

static bool starts(const char *line, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(line, word, n) && (line[n] == ' ' || line[n] == ':');
}

static bool is_code(const char *line)
{
	return starts(line, "x86") || starts(line, "arm64");
}

/* Go through the file; a line that is not indented is a comment, a key or the head of a section. */
static void parse(struct file *f)
{
	u32 i, end;

	for (i = 0; i < f->nr; i++) {
		const char *line = f->line[i];

		if (f->out)
			fprintf(f->out, "%s\n", line);
		for (end = i + 1; end < f->nr && (!*f->line[end] || f->line[end][0] == ' '); end++)
			;
		if (*line == '#' || *line == ' ' || !*line)
			continue;
		if (starts(line, "bpf"))
			program(f, i + 1, end);
		else if (is_code(line) || starts(line, "refuse"))
			section(f, line, i + 1, end);
		else
			header(f, line);
		/* A section that is not checked is not blessed either. */
		if (is_code(line) && line[strlen(line) - 1] == ':' && (*line == 'x' || have_arm64)) {
			if (f->out && end < f->nr)
				fprintf(f->out, "\n");
			i = end - 1;
		}
	}
}

static bool read_lines(struct file *f)
{
	FILE *in = fopen(f->name, "r");
	char line[400];

	if (!in)
		return false;
	while (fgets(line, sizeof(line), in) && f->nr < MAX_LINES) {
		line[strcspn(line, "\n")] = 0;
		f->line[f->nr++] = strdup(line);
	}
	fclose(in);
	return f->nr > 0 && f->nr < MAX_LINES;
}

static void read_file(struct file *f)
{
	if (!read_lines(f)) {
		broken(f, "cannot read", "the file");
		return;
	}
	if (f->line[0][0] != '#')
		broken(f, "not a sentence about the rule", f->line[0]);
	parse(f);
	if (!f->sections[0])
		broken(f, "no section and no reason", "x86");
	if (!f->sections[1])
		broken(f, "no section and no reason", "arm64");
}

static void rewrite(struct file *f, const char *text, size_t bytes)
{
	FILE *out = fopen(f->name, "w");

	if (!out) {
		broken(f, "cannot write", "the file");
		return;
	}
	fwrite(text, 1, bytes, out);
	fclose(out);
}

static void do_file(const char *name, bool bless, bool collect)
{
	struct file *f = calloc(1, sizeof(*f));
	char *text = NULL;
	size_t bytes = 0;
	u32 i;

	f->name = name;
	f->bless = bless && !collect;
	f->collect = collect;
	listing_defaults(&f->spec);
	f->spec.opt.form = MOAT_BASE_REGISTER;
	if (f->bless)
		f->out = open_memstream(&text, &bytes);
	read_file(f);
	if (f->out) {
		fclose(f->out);
		rewrite(f, text, bytes);
	}
	for (i = 0; i < f->nr; i++)
		free(f->line[i]);
	free(text);
	free(f);
}

/* One disassembler for all: which words there are is known after a first round. */
static void do_files(char *const *name, u32 n, bool bless)
{
	u32 i;

	have_arm64 = oracle_have_llvm();
	for (i = 0; have_arm64 && i < n; i++)
		do_file(name[i], bless, true);
	if (have_arm64)
		CHECK(oracle_a64_resolve(), "llvm-mc does not run");
	for (i = 0; i < n; i++)
		do_file(name[i], bless, false);
}

int main(int argc, char **argv)
{
	bool bless = argc > 1 && !strcmp(argv[1], "--bless");
	int first = bless ? 2 : 1;
	glob_t all = { 0 };

	if (first < argc)
		do_files(argv + first, argc - first, bless);
	else if (glob("disasm-tests/golden/*.bpf", 0, NULL, &all))
		CHECK(false, "there are no golden files here");
	else
		do_files(all.gl_pathv, all.gl_pathc, bless);
	globfree(&all);
	return bless ? check_failed != 0 : check_done();
}
