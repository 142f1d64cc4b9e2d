/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the stress test share. */
#ifndef MOAT_KERNEL_VM_STRESS_H
#define MOAT_KERNEL_VM_STRESS_H

#include <pthread.h>

#include "sys.h"

/* Until the end of this piece. */
bool stress_more(void);

struct bpf_object;
/* Change the program array "targets" of @obj, which has programs "one" to "three", until the end.  How often. */
u64 stress_rewire(struct bpf_object *obj);

/* Start threads with programs that are isolated; they end by themselves.  Their number. */
u32 stress_isolated(pthread_t *thread, u32 max);
/* After their end: frees what they shared. */
void stress_isolated_end(void);
/* What they did, as one line; and check that they did something. */
void stress_isolated_report(void);

#endif
