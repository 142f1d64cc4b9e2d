/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Load what can be loaded of an object's programs, and pin it: dump OBJECT FOLDER, for the suite of that name.
 *
 * bpftool loads all programs of an object or none, and some objects have programs without an isolated form: then
 * each is loaded by itself.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "object.h"

static bool pin(struct bpf_object *obj, const char *name, const char *folder)
{
	char path[512];
	int err;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	err = bpf_program__pin(bpf_object__find_program_by_name(obj, name), path);
	if (err)
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
	return !err;
}

/* False: it is loaded, and cannot be pinned. */
static bool pin_alone(const char *object, const char *name, const char *folder)
{
	struct bpf_object *obj = object_open(object);
	struct bpf_program *prog;
	char why[256];
	bool done = true;

	if (!obj)
		return false;
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, !strcmp(bpf_program__name(prog), name));
	if (!bpf_object__load(obj)) {
		done = pin(obj, name, folder);
	} else {
		object_why(why);
		printf("SKIP %s:%s: %s\n", object, name, why);
	}
	bpf_object__close(obj);
	return done;
}

int main(int argc, char **argv)
{
	struct bpf_object *all = argc == 3 ? object_open(argv[1]) : NULL;
	struct bpf_program *prog;
	char why[256] = "usage: dump OBJECT FOLDER";
	bool whole, good = true;

	if (!all) {
		if (argc == 3)
			object_why(why);
		fprintf(stderr, "%s\n", why);
		return 2;
	}
	whole = !bpf_object__load(all);
	bpf_object__for_each_program(prog, all)
		good &= whole ? pin(all, bpf_program__name(prog), argv[2]) :
				pin_alone(argv[1], bpf_program__name(prog), argv[2]);
	bpf_object__close(all);
	return !good;
}
