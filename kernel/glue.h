/* SPDX-License-Identifier: GPL-2.0-only */
/* The glue between the kernel and the core: what its files share. */
#ifndef MOAT_GLUE_H
#define MOAT_GLUE_H

#include <linux/bpf.h>
#include <linux/bpf_moat.h>
#include <linux/filter.h>
#include "jit/jit.h"
#include "jit/kernel.h"

/* How programs are compiled.  One name each, in mode.c. */
enum bpf_moat_mode {
	BPF_MOAT_NONE,		/* Moat's emitters, nothing isolated */
	BPF_MOAT_STOCK,		/* the architecture's own JIT */
	BPF_MOAT_BASEREG,	/* isolated by base registers */
	NR_BPF_MOAT_MODES,
};

/*
 * One program that is being compiled.  A program that calls others is compiled
 * twice, and in between prog->aux->jit_data points here, with JOB_TAG set: the
 * stock JIT leaves its own data there.
 */
struct moat_job {
	struct bpf_prog *prog;
	struct moat_options opt;
	struct moat_kernel kernel;
	const struct bpf_insn *insn;	/* what is compiled */
	u32 len;
	struct moat_domain *domain;	/* of an isolated program, whose image is planned already; or NULL */
	struct moat *jit;	/* &own, or the domain's */
	struct moat own;
	void *work;		/* own's workspace */
	bool final;		/* all functions of the program have their addresses */
	int err;		/* first error of a callback */
	u32 nr_probe;		/* entries of the exception table so far in this pass */
	u8 *image;		/* where the code runs */
	u8 *rw;			/* where it is written */
	struct bpf_binary_header *header, *rw_header;
};

#define JOB_TAG	1ul

static inline void moat_job_error(struct moat_job *job, int err)
{
	if (!job->err)
		job->err = err;
}

/* x86.c, arm64.c: fill what the machine decides: backend, features, mitigations, callbacks. */
void moat_machine_options(struct moat_options *opt, struct moat_kernel *k);

/* The stub may take this CPU's @run, a struct moat_stub_run. */
void moat_machine_slot(struct moat_options *opt, struct moat_kernel *k, const void __percpu *run);

/* Which of moat_run.saved is machine register @reg, as instructions number it; -1: none. */
s32 moat_machine_saved(u8 reg);

/* Allocate image, rw and the exception table for jit->bytes bytes of code.  0 or -ENOMEM. */
int moat_machine_place(struct moat_job *job);

/* Fill the exception table's next entry, as moat_kernel.probe says. */
void moat_machine_probe(struct moat_job *job, u32 at, u32 end, u8 reg);

/* moat_kernel.probe of a domain, whose options have it as their argument. */
void moat_domain_probe(void *domain, u32 pc, u32 at, u32 end, u8 reg);

/* The image is complete: make it executable.  0, or an error, and then the image is gone. */
int moat_machine_finish(struct moat_job *job);

/* After that: let direct tail calls go to the programs that are in their arrays now. */
void moat_machine_link(struct bpf_prog *prog);

/* Free an image that was placed and not finished. */
void moat_machine_discard(struct moat_job *job);

/* mode.c */
enum bpf_moat_mode moat_current_mode(void);

/* What one call of the JIT did with a program, for the statistics. */
enum moat_outcome {
	MOAT_UNFINISHED,	/* there will be a second pass */
	MOAT_COMPILED,
	MOAT_REFUSED,
};
void moat_count(enum bpf_moat_mode mode, const struct bpf_prog *prog, enum moat_outcome outcome, u64 ns);

#endif
