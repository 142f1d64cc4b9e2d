/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* BPF objects, loaded with libbpf. */
#ifndef MOAT_KERNEL_VM_OBJECT_H
#define MOAT_KERNEL_VM_OBJECT_H

#include <bpf/libbpf.h>

/*
 * Open NAME.bpf.o of this folder or of examples/ or bench/ (then NAME is "examples/..."), whether in a build directory
 * or in the VM.  NULL: printed why.
 */
struct bpf_object *object_open(const char *name);
/* The same, and loaded.  @why, if not NULL, gets the reason instead of stderr. */
struct bpf_object *object_load(const char *name, char why[256]);

/* Each program of it that is loaded must have @mode: checks. */
void object_check_mode(struct bpf_object *obj, const char *mode);

/* Why the last one did not load. */
void object_why(char why[256]);

int object_map(struct bpf_object *obj, const char *name);	/* file descriptor */
int object_prog(struct bpf_object *obj, const char *name);
/* The section (".bss", ".data") of a loaded @obj as its programs see it, and its size; NULL: it has none. */
void *object_section(struct bpf_object *obj, const char *section, size_t *bytes);

/* The number in the map @name at @key, summed over CPUs for a per-CPU one; ~0 if there is none. */
unsigned long long object_u64(struct bpf_object *obj, const char *name, const void *key);

#endif
