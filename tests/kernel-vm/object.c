/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See object.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "object.h"
#include "sys.h"

static char said[8192];

static int keep(enum libbpf_print_level level, const char *fmt, va_list args)
{
	size_t n = strlen(said);

	if (level == LIBBPF_DEBUG || n > sizeof(said) - 512)
		return 0;
	return vsnprintf(said + n, sizeof(said) - n, fmt, args);
}

/* Where this program is, with @up folders taken away. */
static void own_folder(char path[4096], int up)
{
	ssize_t n = readlink("/proc/self/exe", path, 4095);

	path[n > 0 ? n : 0] = 0;
	for (up++; up && strrchr(path, '/'); up--)
		*strrchr(path, '/') = 0;
}

struct bpf_object *object_open(const char *name)
{
	char folder[4096], path[4352];
	int up;

	said[0] = 0;
	libbpf_set_print(keep);
	/* own objects are beside the program; examples/ and bench/ are some levels up */
	for (up = 0; up < 3; up++) {
		own_folder(folder, up);
		snprintf(path, sizeof(path), "%s/%s.bpf.o", folder, name);
		if (!access(path, R_OK))
			return bpf_object__open_file(path, NULL);
	}
	snprintf(said, sizeof(said), "%s.bpf.o is nowhere", name);
	return NULL;
}

static bool says_why(const char *line)
{
	static const char *const known[] = { "libbpf: failed to load object", "libbpf: prog '", "processed ", "-- END" };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strncmp(line, known[i], strlen(known[i])))
			return false;
	return *line;
}

/* The last line of what libbpf and the verifier said that is not about the refusal itself. */
void object_why(char why[256])
{
	char *line, *rest, *last = said;

	for (line = strtok_r(said, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (says_why(line))
			last = line;
	snprintf(why, 256, "%.250s", last);
}

struct bpf_object *object_load(const char *name, char why[256])
{
	struct bpf_object *obj = object_open(name);

	if (obj && bpf_object__load(obj)) {
		bpf_object__close(obj);
		obj = NULL;
	}
	if (obj)
		return obj;
	if (why)
		object_why(why);
	else
		fprintf(stderr, "%s: %s\n", name, said);
	return NULL;
}

void object_check_mode(struct bpf_object *obj, const char *mode)
{
	struct bpf_program *prog;
	char is[128];

	bpf_object__for_each_program(prog, obj) {
		if (bpf_program__fd(prog) < 0)
			continue;
		sys_fdinfo(bpf_program__fd(prog), "moat_mode", is);
		CHECK(!strcmp(is, mode), "%s: its mode is '%s', not %s", bpf_program__name(prog), is, mode);
	}
}

int object_map(struct bpf_object *obj, const char *name)
{
	return bpf_object__find_map_fd_by_name(obj, name);
}

int object_prog(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	return prog ? bpf_program__fd(prog) : -ENOENT;
}

void *object_section(struct bpf_object *obj, const char *section, size_t *bytes)
{
	struct bpf_map *map;
	void *mem;

	bpf_object__for_each_map(map, obj)
		if (bpf_map__is_internal(map) && strstr(bpf_map__name(map), section))
			break;
	if (!map)
		return NULL;
	*bytes = bpf_map__value_size(map);
	mem = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	return mem == MAP_FAILED ? NULL : mem;
}

unsigned long long object_u64(struct bpf_object *obj, const char *name, const void *key)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);
	int cpus = map && bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY ? libbpf_num_possible_cpus() : 1, i;
	size_t bytes = map ? (bpf_map__value_size(map) + 7) & ~7u : 8;
	unsigned long long sum = 0, v;
	char *value = calloc((size_t)cpus, bytes);

	if (!map || !value || bpf_map_lookup_elem(bpf_map__fd(map), key, value)) {
		free(value);
		return ~0ull;
	}
	for (i = 0; i < cpus; i++) {
		memcpy(&v, value + (size_t)i * bytes, sizeof(v));
		sum += v;
	}
	free(value);
	return sum;
}
