/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a running kernel says of its images: lines of words KEY=VALUE. */
#include <limits.h>
#include "facts.h"
#include "../../jit/arch.h"

/* Where words come from, for messages. */
struct place {
	const char *source;
	u32 line;
};

#define bad(p, fmt, ...) cli_error("%s, line %u: " fmt, (p)->source, (p)->line, __VA_ARGS__)

/* Numbers, each to be told unless a machine may have none of it; strings; and what else there is. */
static const struct key {
	const char *name;
	u16 at;
	bool needed;
	u64 max;
} numbers[] = {
#define KEY(name, member, needed, max)	{ name, offsetof(struct facts, member), needed, max }
	KEY("id", id, false, ~0u),
	KEY("address", address, true, ~0ull),
	KEY("bytes", bytes, true, CLI_MAX_FILE),
	KEY("code", code, true, CLI_MAX_FILE),
	KEY("main", main, true, CLI_MAX_FILE),
	KEY("args", args, true, 2),
	KEY("run", kernel.run, true, ~0ull),
	KEY("domain", kernel.domain, true, ~0ull),
	KEY("slot", kernel.slot, false, ~0ull),
	KEY("cpu_offset", kernel.cpu_offset, false, INT_MAX),
	KEY("enter", kernel.enter, false, ~0ull),
	KEY("leave", kernel.leave, false, ~0ull),
	KEY("call", call, true, ~0ull),
	KEY("tail", tail, true, ~0ull),
	KEY("packet", packet, true, ~0ull),
	KEY("return_thunk", kernel.return_thunk, false, ~0ull),
	KEY("dummy_tramp", kernel.dummy_tramp, false, ~0ull),
	KEY("probes", probes, false, 1),
	KEY("probe_limit", kernel.probe_limit, false, ~0ull),
	KEY("int3_after_ret", int3_after_ret, false, 1),
	KEY("pads", pads, false, 1),
	KEY("signs", signs, false, 1),
}, strings[] = {
	KEY("name", name, false, 0),
	KEY("arch", arch, true, 0),
	KEY("isolation", isolation, true, 0),
#undef KEY
};

static int set_entry(struct facts *f, const struct place *p, const char *value)
{
	u64 at;

	if (f->nr_entry == ARRAY_SIZE(f->entry))
		return bad(p, "more than %zu entries", ARRAY_SIZE(f->entry));
	if (!cli_number(value, ~0u, &at))
		return bad(p, "entry '%s' is not an offset", value);
	f->entry[f->nr_entry++] = at;
	return CLI_OK;
}

/* "1,25,-1" */
static int set_sites(struct facts *f, const struct place *p, char *value)
{
	char *next, *end;
	long helper;

	free(f->site);
	f->nr_site = 0;
	f->site = calloc(strlen(value) + 1, sizeof(*f->site));
	if (!f->site)
		return bad(p, "no memory for %zu bytes of sites", strlen(value));
	while (*value && (next = strsep(&value, ","))) {
		helper = strtol(next, &end, 10);
		if (end == next || *end || helper < -1 || helper > INT_MAX)
			return bad(p, "site '%s' is not the number of a helper", next);
		f->site[f->nr_site++].helper = helper;
		if (!value)
			break;
	}
	return CLI_OK;
}

static int set_behind(struct facts *f, const struct place *p, const char *value)
{
	size_t len = strlen(value);
	long n = len > 2 * sizeof(f->behind) ? -1 : cli_unhex(value, len, f->behind);

	if (n < 0)
		return bad(p, "'%s' is not at most %zu bytes in hex", value, sizeof(f->behind));
	f->nr_behind = n;
	return CLI_OK;
}

/* The row of @key, or NULL. */
static const struct key *find(const struct key *row, u32 n, const char *key)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (!strcmp(row[i].name, key))
			return &row[i];
	return NULL;
}

static int set(struct facts *f, const struct place *p, const char *key, char *value)
{
	const struct key *number = find(numbers, ARRAY_SIZE(numbers), key);
	const struct key *string = find(strings, ARRAY_SIZE(strings), key);

	if (string) {
		*(const char **)((char *)f + string->at) = value;
		return CLI_OK;
	}
	if (number) {
		u64 *to = (u64 *)((char *)f + number->at);

		return cli_number(value, number->max, to) ? CLI_OK :
		       bad(p, "%s is '%s', not a number up to 0x%llx", key, value, (unsigned long long)number->max);
	}
	if (!strcmp(key, "entry"))
		return set_entry(f, p, value);
	if (!strcmp(key, "sites"))
		return set_sites(f, p, value);
	if (!strcmp(key, "behind"))
		return set_behind(f, p, value);
	return !strcmp(key, "tag") ? CLI_OK : bad(p, "'%s' is no fact about an image that is known here", key);
}

/* What the checker cannot do without, and what it has no form for. */
static int complete(const struct facts *f, const struct place *p)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i].needed && !*(u64 *)((char *)f + numbers[i].at))
			return bad(p, "%s is missing", numbers[i].name);
	for (i = 0; i < ARRAY_SIZE(strings); i++)
		if (strings[i].needed && !*(char **)((char *)f + strings[i].at))
			return bad(p, "%s is missing", strings[i].name);
	if (f->code > f->bytes)
		return bad(p, "code of %llu bytes in an image of %llu", (unsigned long long)f->code, (unsigned long long)f->bytes);
	if (strcmp(f->arch, "x86") && strcmp(f->arch, "arm64"))
		return bad(p, "unknown architecture '%s'; there are: x86, arm64", f->arch);
	if (strcmp(f->isolation, "basereg"))
		return bad(p, "images for the kernel have isolation basereg, not '%s'", f->isolation);
	return CLI_OK;
}

static int parse(struct facts *f, const struct place *p, char *line)
{
	int status = CLI_OK;
	char *word, *value;

	memset(f, 0, sizeof(*f));
	while (status == CLI_OK && (word = strsep(&line, " \t"))) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value)
			return bad(p, "'%s' is no KEY=VALUE", word);
		*value++ = 0;
		status = set(f, p, word, value);
	}
	if (status == CLI_OK)
		status = complete(f, p);
	f->kernel.int3_after_ret = f->int3_after_ret;
	f->kernel.probes = f->probes;
	return status;
}

static bool is_wanted(const struct facts *f, const struct facts_wanted *wanted)
{
	return (!wanted->id || f->id == wanted->id) &&
	       (!wanted->name || (f->name && !strcmp(f->name, wanted->name)));
}

/* Of all lines the one that is wanted. */
static int choose(struct facts *f, struct place *p, char *text, const struct facts_wanted *wanted)
{
	u32 found = 0, all = 0;
	struct facts one;
	char *line;
	int status;

	while ((line = strsep(&text, "\n"))) {
		p->line++;
		if (!line[strspn(line, " \t")])
			continue;
		all++;
		status = parse(&one, p, line);
		if (status == CLI_OK && is_wanted(&one, wanted) && !found++)
			*f = one;
		else
			free(one.site);
		if (status != CLI_OK)
			return status;
	}
	if (found == 1)
		return CLI_OK;
	return found ? cli_error("%s: %u images; say which one with --id or --program", p->source, found) :
		       cli_error("%s: %u images, and not the one that is asked for", p->source, all);
}

int facts_read(struct facts *f, const char *source, const struct facts_wanted *wanted)
{
	struct place p = { .source = source };
	size_t bytes;
	char *text;
	int status;

	memset(f, 0, sizeof(*f));
	if (strchr(source, '=')) {
		text = strdup(source);
		p.source = "--kernel";
	} else {
		text = cli_read(source, &bytes);
		if (!text)
			return CLI_FAILED;
	}
	if (!text)
		return cli_error("no memory for the facts");
	status = choose(f, &p, text, wanted);
	f->text = text;
	if (status != CLI_OK)
		facts_free(f);
	return status;
}

/*
 * The bytes of @path, and behind them those that the kernel does not dump.
 * Behind the image of a program with functions the kernel dumps what it has
 * for them itself: nothing calls these, as the image has all functions.
 */
static u8 *read_image(const struct facts *f, const char *path)
{
	size_t bytes;
	u8 *code = cli_read(path, &bytes), *all = NULL;

	if (!code)
		return NULL;
	if (bytes < f->bytes) {
		cli_error("%s has %zu bytes, and the kernel's image %llu: is it of this program?", path, bytes,
			  (unsigned long long)f->bytes);
	} else {
		if (bytes > f->bytes)
			cli_note("%s: not checked: %llu bytes behind the image, which are of functions that nothing calls",
				 path, (unsigned long long)(bytes - f->bytes));
		all = realloc(code, f->bytes + f->nr_behind);
		if (!all)
			cli_error("no memory for %s", path);
	}
	if (!all)
		free(code);
	else
		memcpy(all + f->bytes, f->behind, f->nr_behind);
	return all;
}

u8 *facts_image(const struct facts *f, const char *path, struct moat_check *c)
{
	u8 *code = read_image(f, path);

	*c = (struct moat_check) {
		.arch = strcmp(f->arch, "x86") ? &a64_arch : &x64_arch, .code = code, .bytes = f->code,
		.behind = f->bytes - f->code + f->nr_behind, .pc = f->address, .mode = MOAT_MODE_BASEREG, .form = MOAT_BASE_REGISTER,
		.entry_args = f->args, .main = f->main, .kernel = &f->kernel, .pads = f->pads, .signs = f->signs,
		.call = f->call, .tail = f->tail, .packet = f->packet, .entry = f->entry, .nr_entry = f->nr_entry,
		.site = f->site, .nr_site = f->nr_site,
	};
	return code;
}

void facts_free(struct facts *f)
{
	free(f->text);
	free(f->site);
	memset(f, 0, sizeof(*f));
}
