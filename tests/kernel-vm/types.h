/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs of types*.bpf.c and types*.c share. */
#ifndef MOAT_KERNEL_VM_TYPES_H
#define MOAT_KERNEL_VM_TYPES_H

#define NR_SEEN	48

struct types_shared {
	__u64 seen[NR_SEEN];	/* what programs saw; which is which they know among themselves */
	__u64 runs;
	__u64 deny;		/* programs that may, refuse */
	__u64 wild;		/* types_astray: an address to go to */
	__u32 ports[4];		/* of the test's own sockets */
};

#ifdef __bpf__
/* types_*_astray.bpf.c: what a program does before anything else. */
#ifndef GO_ASTRAY
#define GO_ASTRAY()
#endif

struct types_shared shared;

static __always_inline void saw(int i, __u64 what)
{
	shared.seen[i] = shared.seen[i] * 31 + what;
}

static __always_inline void enter(void)
{
	__sync_fetch_and_add(&shared.runs, 1);
	GO_ASTRAY();
}
#else
/* Instruments of the tests. */
#include <bpf/libbpf.h>
#include "sys.h"

#define MAX_LINKS	4

/* One kind of program, attached. */
struct type_test {
	const char *name;
	const char *programs[MAX_LINKS + 1];
	/* Attach what is not a control group's; NULL: all are. */
	bool (*attach)(struct type_test *t);	/* may set @missing, and say why */
	/* Do what the programs see, and note what comes of it; wants are checked, too. */
	void (*act)(struct type_test *t);
	/* Does the simplest thing still happen?  It does not where a run that faulted must stop it. */
	bool (*passes)(struct type_test *t);
	bool for_good;		/* what was stopped once stays so, in any kernel */
	bool open;		/* such runs stop nothing: programs of this type have no say */
	bool reads;		/* they read objects of the kernel: its own JIT is asked, too, what they should see */
	void (*detach)(struct type_test *t);	/* what no link holds; NULL: there is nothing */

	const char *mode;
	int group;		/* the control group that we are in */
	struct bpf_object *obj;
	volatile struct types_shared *shared;
	struct bpf_link *link[MAX_LINKS];
	int fd[8];		/* sockets that the test keeps; -1: none */
	u64 seen[64];		/* what it noted */
	u32 nr_seen;
	bool missing;		/* this kernel cannot attach such programs */
};

void types_see(struct type_test *t, u64 what);
struct bpf_program *types_program(struct type_test *t, u32 i);
/* Attach the first program to our network. */
bool types_attach_to_net(struct type_test *t);

/* Each ends with a name that is NULL. */
extern struct type_test types_cgroup[], types_sock[], types_packet[], types_trace[];

/* Looks behind the arguments of a function, in @mode. */
void types_behind(const char *mode);
/* What programs return, or say that they do, and a context that is shorter than the next one looks. */
void types_results(const char *mode, int group);
void types_routes(const char *mode);
#endif

#endif
