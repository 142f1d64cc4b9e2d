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
 *	refuse mode=none: text		instead of code: the message must contain the text
 *
 * Keys: mode (none basereg pku pku+basereg), form (register segment), cpu
 * (bmi2,movbe,fsgsbase or none), args (1 or 2), fuel, plain, far, inline, whole,
 * bytes (yes or no), pc (address of the image).
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
	FILE *out;			/* bless: the new text */
};

/* Only sections count as tests; what is wrong with a file is a failure besides. */
static void broken(const struct file *f, const char *what, const char *line)
{
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
	static const char *const name[MOAT_NR_MODES] = { "auto", "none", "basereg", "pku", "pku+basereg" };
	u32 i;

	for (i = MOAT_MODE_NONE; i < MOAT_NR_MODES; i++) {
		if (strcmp(value, name[i]))
			continue;
		opt->mode = i;
		return true;
	}
	return false;
}

static bool set_cpu(struct moat_options *opt, const char *value)
{
	static const char *const name[] = { "bmi2", "movbe", "fsgsbase" };
	char copy[80], *word, *save;
	u32 i;

	opt->cpu = 0;
	if (!strcmp(value, "none"))
		return true;
	snprintf(copy, sizeof(copy), "%s", value);
	for (word = strtok_r(copy, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		for (i = 0; i < ARRAY_SIZE(name) && strcmp(word, name[i]); i++)
			;
		if (i == ARRAY_SIZE(name))
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
	if (!strcmp(key, "pc"))
		return (spec->pc = strtoull(value, NULL, 0)) > 0;
	if (!strcmp(key, "fuel"))
		return yes(value, &opt->fuel);
	if (!strcmp(key, "plain"))
		return yes(value, &opt->plain);
	if (!strcmp(key, "far"))
		return yes(value, &opt->far_calls);
	if (!strcmp(key, "inline")) {
		opt->inlined = listing_inlined;
		return !strcmp(value, "yes");
	}
	if (!strcmp(key, "whole"))
		return yes(value, &spec->whole);
	if (!strcmp(key, "bytes"))
		return yes(value, &spec->bytes);
	return false;
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

/* "refuse KEYS: text": the core must refuse, with a message that has the text in it. */
static void check_refusal(struct file *f, struct listing_spec *spec, const char *text)
{
	struct listing got;

	listing_make(&got, spec, f->insn, f->len);
	CHECK(got.err && strstr(got.refused, text), "%s: wanted '%s', got error %d: %s", f->name, text,
	      got.err, got.refused);
	listing_free(&got);
}

static void section(struct file *f, const char *head, u32 start, u32 end)
{
	struct listing_spec spec = f->spec;
	char words[200], *colon;
	bool refuse = !strncmp(head, "refuse", 6);

	snprintf(words, sizeof(words), "%s", head);
	colon = strchr(words, ':');
	*colon = 0;
	if (f->len <= 0 || !qualify(&spec, words + (refuse ? 6 : 3))) {
		broken(f, f->len > 0 ? "cannot read the keys" : "a section before the program", head);
		return;
	}
	if (refuse)
		check_refusal(f, &spec, colon + 1 + strspn(colon + 1, " "));
	else
		check_code(f, head, &spec, start, end);
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
		else if (starts(line, "x86") || starts(line, "refuse"))
			section(f, line, i + 1, end);
		else
			header(f, line);
		if (starts(line, "x86")) {
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

static void do_file(const char *name, bool bless)
{
	struct file *f = calloc(1, sizeof(*f));
	char *text = NULL;
	size_t bytes = 0;
	u32 i;

	f->name = name;
	f->bless = bless;
	listing_defaults(&f->spec);
	f->spec.opt.form = MOAT_BASE_REGISTER;
	if (!read_lines(f)) {
		broken(f, "cannot read", "the file");
	} else {
		if (f->line[0][0] != '#')
			broken(f, "not a sentence about the rule", f->line[0]);
		if (bless)
			f->out = open_memstream(&text, &bytes);
		parse(f);
	}
	if (f->out) {
		fclose(f->out);
		f->out = fopen(name, "w");
		if (f->out) {
			fwrite(text, 1, bytes, f->out);
			fclose(f->out);
		} else {
			broken(f, "cannot write", "the file");
		}
	}
	for (i = 0; i < f->nr; i++)
		free(f->line[i]);
	free(text);
	free(f);
}

int main(int argc, char **argv)
{
	bool bless = argc > 1 && !strcmp(argv[1], "--bless");
	int first = bless ? 2 : 1, i;
	glob_t all = { 0 };

	if (first == argc && glob("disasm-tests/golden/*.bpf", 0, NULL, &all))
		CHECK(false, "there are no golden files here");
	for (i = first; i < argc; i++)
		do_file(argv[i], bless);
	for (i = 0; first == argc && i < (int)all.gl_pathc; i++)
		do_file(all.gl_pathv[i], bless);
	globfree(&all);
	return bless ? check_failed != 0 : check_done();
}
