/* SPDX-License-Identifier: GPL-2.0-only */
/* What is told of single programs (programs.c). */
#ifndef MOAT_PROGRAMS_H
#define MOAT_PROGRAMS_H

struct bpf_prog_aux;

/* Why the program is not isolated, where others are.  Process context. */
void moat_remember_reason(const struct bpf_prog_aux *aux, const char *why);
void moat_forget_reason(const struct bpf_prog_aux *aux);
/* The program, or function of one, is compiled by the architecture's own JIT. */
void moat_remember_stock(const struct bpf_prog_aux *aux);
void moat_forget_stock(const struct bpf_prog_aux *aux);

#endif
