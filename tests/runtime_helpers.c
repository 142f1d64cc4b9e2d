/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Helpers and maps as compiled C programs use them, in every mode of this machine. */
#include <string.h>
#include "check.h"
#include "modes.h"
#include "objects.h"

static struct moat_object *obj;
static const char *mode;
static char printed[256];

static void catch_print(enum moat_print_level level, const char *text)
{
	if (level == MOAT_INFO)
		snprintf(printed, sizeof(printed), "%s", text);
	else if (level == MOAT_WARN)
		fprintf(stderr, "%s: %s\n", mode, text);
}

static __s64 run(const char *name, const __u32 *in)
{
	__u32 none = 0;

	return object_run(obj, name, in ? in : &none, 4);
}

static void plain(void)
{
	static const char *const names[] = {
		"for_each", "loop", "percpu_maps", "lru_map", "lpm_map", "messages",
	};
	size_t i, round;

	for (round = 0; round < 2; round++)
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			__s64 ret = round && !strcmp(names[i], "lpm_map") ? 0 : run(names[i], NULL);

			CHECK(!ret, "%s: %s returned %lld", mode, names[i], (long long)ret);
		}
	CHECK(!strcmp(printed, "one 1 two zwei"), "%s: printed '%s'", mode, printed);
}

static int sample(void *ctx, void *data, size_t size)
{
	char *seen = ctx;

	if (size == 24)
		sprintf(seen + strlen(seen), "%llu%s ", *(unsigned long long *)data, (char *)data + 8);
	return 0;
}

static void ring(void)
{
	char seen[64] = "";
	struct moat_ring_buffer *rb = moat_ring_buffer__new(moat_object__find_map_by_name(obj, "events"), sample, seen);

	CHECK(run("ring", NULL) == 0, "%s", mode);
	CHECK(moat_ring_buffer__poll(rb, 100) == 2 && !strcmp(seen, "1reserved 2output "), "%s: '%s'", mode, seen);
	CHECK(run("forgets", NULL) == 0 && moat_ring_buffer__consume(rb) == 0, "%s: a forgotten record", mode);
	CHECK(run("ring", NULL) == 0 && moat_ring_buffer__consume(rb) == 2, "%s: it holds nothing up", mode);
	moat_ring_buffer__free(rb);
}

static void inner(void)
{
	struct moat_map *outer = moat_object__find_map_by_name(obj, "outer"), *a, *b;
	__u32 one = 1, two = 2, k = 9;
	__u64 v = 0;

	CHECK(run("inner_maps", &one) == -1, "%s: empty", mode);
	a = moat_map__new_inner(outer, "a");
	b = moat_map__new_inner(outer, "b");
	if (!CHECK(a && b, "%s: new inner maps", mode))
		return;
	CHECK(!moat_map__set_inner(outer, &one, 4, a) && !moat_map__set_inner(outer, &two, 4, b), "%s: set", mode);
	CHECK(run("inner_maps", &one) == 0 && run("inner_maps", &one) == 91, "%s: a", mode);
	CHECK(run("inner_maps", &two) == 0, "%s: b", mode);
	CHECK(!moat_map__lookup_elem(a, &k, 4, &v, 8, 0) && v == 91, "%s: %llu", mode, (long long)v);
	CHECK(!moat_map__set_inner(outer, &one, 4, b) && run("inner_maps", &one) == 91, "%s: b for a", mode);
	CHECK(!moat_map__set_inner(outer, &one, 4, NULL) && run("inner_maps", &one) == -1, "%s: removed", mode);
	CHECK(run("inner_maps", &two) == 92, "%s: b is still there", mode);
}

int main(int argc, char **argv)
{
	unsigned int i;

	objects_init(argv[0]);
	modes_init(argv[1]);
	for (i = 0; i < nr_modes; i++) {
		mode = modes[i].name;
		moat_set_print(catch_print);
		obj = object_load(&modes[i], "helpers", NULL);
		if (!obj)
			continue;
		printed[0] = 0;
		plain();
		ring();
		inner();
		moat_object__close(obj);
	}
	return check_done();
}
