/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The compiled objects of tests/objects, for the tests of the loader and of runs. */
#ifndef MOAT_TEST_OBJECTS_H
#define MOAT_TEST_OBJECTS_H

#include "modes.h"

/* Objects lie beside the test program: call first. */
void objects_init(const char *argv0);
const char *object_path(const char *name);	/* "data" -> ".../objects/data.bpf.o"; valid until the next call */
struct moat_object *object_open(const struct mode *m, const char *name);
/* Opened and loaded; only the program @only (NULL: all).  NULL on failure, counted as one. */
struct moat_object *object_load(const struct mode *m, const char *name, const char *only);
/* Run over @in; R0, or @otherwise counted as a failure. */
__u64 object_run(struct moat_object *obj, const char *prog, const void *in, __u32 bytes);
/* The bytes of an object file, for free(). */
void *object_read(const char *name, size_t *bytes);

extern char object_said[4096];	/* all messages of the library since object_quiet() */
void object_quiet(void);

#endif
