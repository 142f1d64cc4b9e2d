/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Messages, JSON and small texts. */
#include "cli.h"

static void report(const char *fmt, va_list args)
{
	static bool told;
	char text[1024];
	json_object *o;

	vsnprintf(text, sizeof(text), fmt, args);
	fflush(stdout);
	fprintf(stderr, "moat: %s\n", text);
	if (!cli.json || told)
		return;
	told = true;
	o = json_object_new_object();
	json_object_object_add(o, "error", json_object_new_string(text));
	cli_json(o);
}

int cli_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(fmt, args);
	va_end(args);
	return CLI_FAILED;
}

int cli_usage(const char *command, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(fmt, args);
	va_end(args);
	fprintf(stderr, "Try 'moat %s%s--help'.\n", command ? command : "", command ? " " : "");
	return CLI_USAGE;
}

void cli_note(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("moat: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

void cli_json(json_object *value)
{
	int flags = cli.pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN;

	puts(json_object_to_json_string_ext(value, flags | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(value);
}

static void message(enum moat_print_level level, const char *text)
{
	/* MOAT_INFO is what programs print with bpf_printk(). */
	if (level == MOAT_INFO)
		fprintf(stderr, "%s\n", text);
	else if (level == MOAT_WARN || cli.debug)
		cli_note("%s", text);
}

void cli_messages(void)
{
	moat_set_print(message);
}

/* How many letters must change between two words; words longer than the table are far from anything. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[32], i, j, above, left;

	if (strlen(a) >= ARRAY_SIZE(row) || strlen(b) >= ARRAY_SIZE(row))
		return UINT_MAX;
	for (j = 0; j <= strlen(b); j++)
		row[j] = j;
	for (i = 1; i <= strlen(a); i++) {
		left = row[0]++;
		for (j = 1; j <= strlen(b); j++) {
			above = row[j];
			row[j] = left + (a[i - 1] != b[j - 1]);
			if (row[j] > above + 1)
				row[j] = above + 1;
			if (row[j] > row[j - 1] + 1)
				row[j] = row[j - 1] + 1;
			left = above;
		}
	}
	return row[strlen(b)];
}

const char *cli_closest(const char *given, const char *const *names)
{
	const char *best = NULL;
	unsigned int d, least = 3;

	for (; *names; names++) {
		d = distance(given, *names);
		if (strlen(given) > 1 && !strncmp(*names, given, strlen(given)))
			d = 0;
		if (d < least) {
			least = d;
			best = *names;
		}
	}
	return best;
}

json_object *cli_hex(u64 value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	return json_object_new_string(text);
}

const char *cli_bytes(char *text, const void *data, size_t bytes)
{
	const u8 *p = data;
	size_t i;

	text[0] = 0;
	for (i = 0; i < bytes; i++)
		sprintf(text + 3 * i, i + 1 < bytes ? "%02x " : "%02x", p[i]);
	return text;
}
