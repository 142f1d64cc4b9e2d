/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs that the verifier never meets: classic ones, and those that a part of the kernel makes for itself. */
#ifndef MOAT_UNVERIFIED_H
#define MOAT_UNVERIFIED_H

#include "domain.h"
#include "gate.h"

/*
 * unverified.c: room for a program of @len instructions, with as much of a
 * verifier's environment as makes a domain of it: no map, no log, one function.
 * To be given to moat_unverified_free(); NULL: no memory.
 */
struct bpf_verifier_env *moat_unverified_env(u32 len);
void moat_unverified_free(struct bpf_verifier_env *env);

/* classic.c: @f, which the kernel has checked, in the form that domains are made of.  *@env may be set on error, too. */
int moat_classic_translate(struct bpf_verifier_env **env, const struct sock_filter *f, u32 len);
/* Does it look at struct seccomp_data?  Else its context is an skb, if it looks at it at all. */
bool moat_classic_is_seccomp(const struct sock_filter *f, u32 len);

#endif
