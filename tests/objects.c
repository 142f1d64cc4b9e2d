/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The compiled objects of tests/objects, for the tests of the loader and of runs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "objects.h"

char object_said[4096];
static char folder[1024];

static void remember(enum moat_print_level level, const char *text)
{
	size_t n = strlen(object_said);

	if (level == MOAT_WARN)
		snprintf(object_said + n, sizeof(object_said) - n, "%s\n", text);
}

void object_quiet(void)
{
	object_said[0] = '\0';
	moat_set_print(remember);
}

void objects_init(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	snprintf(folder, sizeof(folder), "%.*sobjects", slash ? (int)(slash - argv0 + 1) : 0, argv0);
}

const char *object_path(const char *name)
{
	static char path[1200];

	snprintf(path, sizeof(path), "%s/%s.bpf.o", folder, name);
	return path;
}

struct moat_object *object_open(const struct mode *m, const char *name)
{
	MOAT_OPEN_OPTS(opts, .base_form = m ? m->form : 0, .blind = m && m->blind);

	opts.mode = m ? m->mode : MOAT_MODE_AUTO;
	return moat_object__open_file(object_path(name), &opts);
}

struct moat_object *object_load(const struct mode *m, const char *name, const char *only)
{
	struct moat_object *obj = object_open(m, name);
	struct moat_program *prog = NULL;
	int err;

	if (!CHECK(obj, "%s: errno %d: %s", name, errno, object_said))
		return NULL;
	while (only && (prog = moat_object__next_program(obj, prog)))
		moat_program__set_autoload(prog, !strcmp(moat_program__name(prog), only));
	err = moat_object__load(obj);
	if (CHECK(!err, "%s in %s: %d: %s", name, m ? m->name : "auto", err, object_said))
		return obj;
	moat_object__close(obj);
	return NULL;
}

__u64 object_run(struct moat_object *obj, const char *name, const void *in, __u32 bytes)
{
	struct moat_program *prog = moat_object__find_program_by_name(obj, name);
	MOAT_RUN_OPTS(opts, .data_in = in, .data_size_in = bytes);
	char text[256];
	int err;

	if (!CHECK(prog, "no program %s", name))
		return ~0ull;
	err = moat_program__run_opts(prog, &opts);
	CHECK(!err, "%s: %d: %s", name, err, moat_fault__text(&opts.fault, text, sizeof(text)));
	return err ? ~0ull : opts.retval;
}

void *object_read(const char *name, size_t *bytes)
{
	FILE *f = fopen(object_path(name), "rb");
	char *data = malloc(1 << 20);

	*bytes = f && data ? fread(data, 1, 1 << 20, f) : 0;
	if (f)
		fclose(f);
	CHECK(*bytes > 64, "%s cannot be read", object_path(name));
	return data;
}
