/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the tests of isolated programs share. */
#ifndef MOAT_KERNEL_VM_ISOLATE_H
#define MOAT_KERNEL_VM_ISOLATE_H

#include <bpf/libbpf.h>

#include "sys.h"

/*
 * OBJECT.bpf.o with the programs @names (up to NULL) and no other, loaded in @mode; in the map "next", names[1] is entry 0
 * (a program without followers is its own), and so on.  NULL: a failure is counted, unless @why gets the reason.
 */
struct bpf_object *isolate_load(const char *object, const char *mode, const char *const *names, char why[256]);

/* Its globals in .bss, by their names. */
/* Where @variable is in .bss, which is mapped. */
void *isolate_variable(struct bpf_object *obj, const char *variable);
u64 isolate_get(struct bpf_object *obj, const char *variable);
void isolate_set(struct bpf_object *obj, const char *variable, u64 value);

/* Of the isolated program @name: how many runs ended with a fault, and how many got no slot; ~0: it is not listed. */
void isolate_domain(const char *name, unsigned long long *faults, unsigned long long *refused);

/* Programs on the kernel's events. */
void isolate_events(const char *mode);
/* Programs of two modes together, and several at once. */
void isolate_among_others(const char *mode);
/* Runs of one program that overlap on a CPU; with a verifier that is told to believe. */
void isolate_overlaps(const char *mode);
/* Programs that fault, and what is left of them. */
void isolate_faults(const char *mode);
/* Each kind of fault, in tasks and interrupts; only with isolation, and with a verifier that is told to believe. */
void isolate_fault_ways(const char *mode);
/* Programs that reserve records of ring buffers. */
void isolate_ring(const char *mode);
/* Keys of hash tables that change meanwhile. */
void isolate_keys(const char *mode);
/* Programs that may sleep. */
void isolate_sleep(const char *mode);
/* Constants under bpf_jit_harden. */
void isolate_blind(const char *mode);
/* LD_ABS and LD_IND. */
void isolate_packet_loads(const char *mode);
/* Programs that are refused. */
void isolate_refusals(const char *mode);

#endif
