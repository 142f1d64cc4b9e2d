/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of this folder ask of the kernel that they run on. */
#ifndef MOAT_KERNEL_VM_SYS_H
#define MOAT_KERNEL_VM_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>

#include "../../jit/env.h"

#define ENOTSUPP	524	/* the kernel's own */

#define SYS_LOG	(1 << 20)

/* What the verifier said of the last program that sys_load_logged() could not load. */
extern char sys_log[SYS_LOG];

/* Load a program: its file descriptor, or -errno. */
int sys_load(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len);
/* The same, and once more with a log if it is refused. */
int sys_load_logged(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len);
/* The same without any capability that BPF knows. */
int sys_load_unprivileged(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len);

/* Have CAP_BPF and CAP_NET_ADMIN only, or again what there was. */
void sys_limit(bool on);

/* BPF_PROG_TEST_RUN on @bytes of @packet: 0 and the result in *@retval, or -errno. */
int sys_run(int prog, const void *packet, u32 bytes, u32 repeat, u32 *retval);

/* Bytes of machine code of @prog, all its functions; 0 if it is interpreted. */
u32 sys_code_bytes(int prog);

/* An array map of @n values of @bytes each; its memory at *@mem.  File descriptor or -errno. */
int sys_array(u32 bytes, u32 n, void **mem);
int sys_prog_array(u32 n);
int sys_map_set(int map, u32 key, int value);

/* Read a file below /proc/sys, without the end of its line: 0 or -errno. */
int sys_read(const char *name, char *text, size_t size);
/* Read or write a number there; a read that fails gives -errno. */
long sys_read_number(const char *name);
int sys_write(const char *name, const char *value);

/* Stay on one CPU; its number. */
int sys_pin(void);
void sys_unpin(void);

double sys_now(void);

/* What fdinfo of @fd says of @key, up to the end of its line; "" if it says nothing. */
void sys_fdinfo(int fd, const char *key, char value[128]);

/* Number of loaded programs, or maps, in the whole system. */
u32 sys_count_programs(void);
u32 sys_count_maps(void);

/* A network namespace of our own (and mounts), with lo up: 0 or -errno. */
int sys_own_network(void);
/*
 * Run a command of the shell; true if it succeeded.  Its output is shown.  In a VM the shell is busybox's, which takes its
 * own commands unless a path says otherwise.
 */
__attribute__((__format__(printf, 1, 2)))
bool sys_shell(const char *fmt, ...);

#endif
