/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Classic programs in two modes: what the tests of socket filters and of seccomp share. */
#ifndef MOAT_KERNEL_VM_CLASSICS_H
#define MOAT_KERNEL_VM_CLASSICS_H

#include <linux/filter.h>

#include "../../jit/env.h"

#define STMT(code, k)		((struct sock_filter)BPF_STMT(code, k))
#define JUMP(code, k, t, f)	((struct sock_filter)BPF_JUMP(code, k, t, f))

/* Programs made from now on are in @mode. */
void classics_mode(const char *mode);

/* Isolated programs @name: how many there are; what has gone wrong in them. */
struct classics_domains {
	u32 programs;
	unsigned long long faults, refused;
};
struct classics_domains classics_domains(const char *name);
/* Wait until there are @n of them, as they are freed with a delay; whether there are. */
bool classics_await(const char *name, u32 n);

/* A random row that is no load of a context and no return; jumps go over at most three rows.  @r is random. */
struct sock_filter classics_row(u64 r);
/* Write all memory cells, so that any may be read: 32 rows. */
u32 classics_fill_memory(struct sock_filter *f, u64 *rng);

void classics_seccomp(const char *mode);

#endif
