/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A64 by llvm-mc; see oracle_a64.h. */
#include <stdlib.h>
#include <unistd.h>

#include "oracle_a64.h"

#define LLVM_MC		"llvm-mc --triple=aarch64 --mattr=+v8.5a,+lse,+bti,+pauth --show-encoding "
#define ENTRIES		(1u << 17)
#define INPUT		"/tmp/moat-a64-XXXXXX"

struct entry {
	u32 word;
	bool used;
	char *text;
};

static struct entry table[ENTRIES];
static u32 used;

/* Where @word is, or would be. */
static struct entry *find(u32 word)
{
	u32 i = word * 2654435761u >> 15;

	while (table[i].used && table[i].word != word)
		i = (i + 1) % ENTRIES;
	return &table[i];
}

void oracle_a64_want(u32 word)
{
	struct entry *e = find(word);

	if (e->used || used >= ENTRIES / 2)
		return;
	e->word = word;
	e->used = true;
	used++;
}

const char *oracle_a64_text(u32 word)
{
	return find(word)->text;
}

/* "... // encoding: [0x01,0x02,0x03,0x04]" */
static bool encoding(const char *line, u32 *word)
{
	const char *at = strstr(line, "encoding: [");
	u32 b[4];

	if (!at || sscanf(at + 11, "%x,%x,%x,%x", &b[0], &b[1], &b[2], &b[3]) != 4)
		return false;
	*word = b[0] | b[1] << 8 | b[2] << 16 | b[3] << 24;
	return true;
}

/* Without comment, tabs and spaces at the end. */
static void tidy(char *line)
{
	char *to = line, *end = strstr(line, "//"), *at;

	for (at = line + strspn(line, " \t"); *at && at != end && *at != '\n'; at++)
		*to++ = *at == '\t' ? ' ' : *at;
	while (to > line && to[-1] == ' ')
		to--;
	*to = 0;
}

static FILE *run(const char *how, const char *input)
{
	char command[300];

	snprintf(command, sizeof(command), LLVM_MC "%s %s 2>/dev/null", how, input);
	return popen(command, "r");
}

static void take(FILE *p)
{
	char line[300];
	u32 word;

	while (fgets(line, sizeof(line), p)) {
		struct entry *e;

		if (!encoding(line, &word))
			continue;
		e = find(word);
		tidy(line);
		if (e->used && !e->text)
			e->text = strdup(line);
	}
}

bool oracle_a64_resolve(void)
{
	char name[] = INPUT;
	int fd = mkstemp(name);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w"), *p;
	u32 i;

	if (!f)
		return false;
	for (i = 0; i < ENTRIES; i++)
		if (table[i].used && !table[i].text)
			fprintf(f, "0x%02x 0x%02x 0x%02x 0x%02x\n", table[i].word & 0xff, table[i].word >> 8 & 0xff,
				table[i].word >> 16 & 0xff, table[i].word >> 24);
	fclose(f);
	p = run("--disassemble", name);
	if (p)
		take(p);
	unlink(name);
	return p && pclose(p) >= 0;
}

u32 oracle_a64_assemble(FILE *source, u32 *word, u32 max)
{
	char name[] = INPUT, line[300];
	int fd = mkstemp(name);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w"), *p;
	u32 n = 0;

	if (!f)
		return 0;
	rewind(source);
	while (fgets(line, sizeof(line), source))
		fputs(line, f);
	fclose(f);
	p = run("", name);
	while (p && n < max && fgets(line, sizeof(line), p))
		n += encoding(line, &word[n]);
	if (p)
		pclose(p);
	unlink(name);
	return n;
}
