// SPDX-License-Identifier: GPL-2.0-only
/* bpf_int_jit_compile(): one program of the kernel through the core. */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include "domain.h"
#include "glue.h"
#include "lines.h"
#include "programs.h"

static struct moat_job *job_of(const struct bpf_prog *prog)
{
	unsigned long data = (unsigned long)prog->aux->jit_data;

	return data & JOB_TAG ? (void *)(data & ~JOB_TAG) : NULL;
}

/* The core's messages: why a program is refused. */
static void say(void *arg, const char *text)
{
	const struct moat_job *job = arg;

	pr_info_ratelimited("program '%s': %s\n", job->prog->aux->name, text);
}

/* Every call that the verifier let through is known. */
static bool known(void *arg, s32 id)
{
	return true;
}

static int function_address(void *arg, u32 pc, u64 *to)
{
	const struct moat_job *job = arg;
	const struct bpf_insn *insn = &job->prog->insnsi[pc];
	bool fixed;

	if (insn->code == (BPF_LD | BPF_IMM | BPF_DW)) {
		*to = job->final ? (u64)insn[1].imm << 32 | (u32)insn[0].imm : 0;
		return 0;
	}
	return bpf_jit_get_func_addr(job->prog, insn, job->final, to, &fixed);
}

static void probe(void *arg, u32 pc, u32 at, u32 end, u8 reg)
{
	moat_machine_probe(arg, at, end, reg);
}

void moat_domain_probe(void *domain, u32 pc, u32 at, u32 end, u8 reg)
{
	struct moat_domain *d = domain;

	moat_machine_probe(d->job, at, end, reg);
}

static void free_job(struct moat_job *job)
{
	job->prog->aux->jit_data = NULL;
	kvfree(job->work);
	kfree(job);
}

/* What the kernel has of a function of an isolated program, whose image is in that of the main function: nothing to run. */
static const struct bpf_insn nothing[] = {
	BPF_MOV64_IMM(BPF_REG_0, 0),
	BPF_EXIT_INSN(),
};

static void fill_job(struct moat_job *job)
{
	const struct bpf_prog *prog = job->prog;

	job->kernel = (struct moat_kernel){
		.stack_bytes = prog->aux->stack_depth,
		.classic = bpf_prog_was_classic(prog),
		.subprogram = prog->aux->func_idx != 0,
		.tail_reachable = prog->aux->tail_call_reachable,
		.array_entries = offsetof(struct bpf_array, map.max_entries),
		.array_progs = offsetof(struct bpf_array, ptrs),
		.prog_entry = offsetof(struct bpf_prog, bpf_func),
		.max_tail_calls = MAX_TAIL_CALL_CNT,
		.address = function_address,
		.probe = probe,
	};
	job->opt = (struct moat_options){
		.kernel = &job->kernel,
		.mode = MOAT_MODE_NONE,
		.entry_args = 1,
		.known = known,
		.arg = job,
		.log = { .line = say, .arg = job },
	};
	moat_machine_options(&job->opt, &job->kernel);
}

static struct moat_job *new_job(struct bpf_prog *prog)
{
	struct moat_domain *d = prog->aux->moat;
	struct moat_job *job = kzalloc(sizeof(*job), GFP_KERNEL);

	if (!job)
		return NULL;
	job->prog = prog;
	job->insn = d ? nothing : prog->insnsi;
	job->len = d ? ARRAY_SIZE(nothing) : prog->len;
	job->jit = &job->own;
	if (d)	/* all its functions are in the main function's image, which need not have what the kernel has counted */
		prog->aux->num_exentries = prog->aux->func_idx ? 0 : d->nr_probe;
	if (d && !prog->aux->func_idx) {
		job->domain = d;
		job->jit = &d->jit;
		return job;
	}
	fill_job(job);
	job->work = kvzalloc(moat_kernel_work_bytes(job->len), GFP_KERNEL);
	if (job->work)
		return job;
	kfree(job);
	return NULL;
}

static int write_image(struct moat_job *job)
{
	int err;

	job->nr_probe = 0;
	if (job->domain)
		job->domain->job = job;
	err = moat_emit(job->jit, job->rw, (unsigned long)job->image, job->jit->bytes);
	if (job->domain)
		job->domain->job = NULL;
	if (!err)
		err = job->err;
	if (!err && job->domain)
		err = moat_domain_placed(job->domain, job->image);
	/* An entry that was never filled would send the search for a fault's handler astray. */
	if (!err && job->nr_probe != job->prog->aux->num_exentries)
		err = -EFAULT;
	return err;
}

/* Nobody has run the image, and nothing that is placed there later is taken for it. */
static void discard(struct moat_job *job)
{
	if (job->domain)
		moat_domain_displaced(job->domain);
	moat_machine_discard(job);
}

/* Decode, plan, place, write.  On error nothing is left but the job. */
static int first_pass(struct moat_job *job)
{
	int err = 0;

	if (!job->domain)
		err = moat_plan(job->jit, job->insn, job->len, &job->opt, job->work);
	if (!err)
		err = moat_machine_place(job);
	if (err)
		return err;
	cond_resched();
	err = write_image(job);
	if (err)
		discard(job);
	return err;
}

/* The addresses of the program's functions are known now.  On error nothing is left but the job. */
static int second_pass(struct moat_job *job)
{
	int err;

	job->final = true;
	err = write_image(job);
	if (err)
		discard(job);
	return err;
}

static void fill_line_info(struct moat_job *job)
{
	const struct moat_slot *slot = job->jit->slot;
	u32 *ends, i, len = job->prog->len;

	if (!job->prog->aux->jited_linfo)
		return;
	if (job->domain)
		moat_lines_place(job->domain, job->prog->aux);
	if (job->prog->aux->moat)
		return;
	/* Each entry is written where only slots that were read before lie: ends[i] lies below slot[i + 1]. */
	BUILD_BUG_ON(sizeof(*ends) > sizeof(*slot));
	ends = (u32 *)job->jit->slot;
	for (i = 0; i < len; i++) {
		u32 end = slot[i + 1].start;

		ends[i] = end;
	}
	bpf_prog_fill_jited_linfo(job->prog, ends);
}

/* Hand the image over to the program; it becomes executable with the last pass. */
static int publish(struct moat_job *job, bool last)
{
	struct bpf_prog *prog = job->prog;
	int err = 0;

	if (last && bpf_jit_enable > 1)
		bpf_jit_dump(prog->len, job->jit->text_bytes, job->final + 1, job->rw);
	if (last)
		err = moat_machine_finish(job);
	if (err && job->domain)
		moat_domain_displaced(job->domain);
	if (err)
		return err;
	/* The verifier has noted direct tail calls of isolated programs, too; their images have none. */
	if (last && !bpf_moat_isolated(prog->aux))
		moat_machine_link(prog);
	prog->bpf_func = (void *)job->image;
	prog->jited = 1;
	prog->jited_len = job->jit->text_bytes;
	return 0;
}

/* Both passes of @prog, which is not to be blinded any more.  Returns what came of it. */
static enum moat_outcome compile(struct bpf_prog *prog)
{
	struct moat_job *job = job_of(prog);
	bool last = job || !prog->is_func;
	int err = -ENOMEM;

	if (job) {
		job->prog = prog;
		err = second_pass(job);
	} else {
		job = new_job(prog);
		if (job)
			err = first_pass(job);
	}
	if (!err)
		err = publish(job, last);
	if (err) {
		pr_info_ratelimited("program '%s' is not compiled: error %d\n", prog->aux->name, err);
		prog->bpf_func = job && job->final ? NULL : prog->bpf_func;
		prog->jited = 0;
		prog->jited_len = 0;
	} else if (!last) {
		prog->aux->jit_data = (void *)((unsigned long)job | JOB_TAG);
		return MOAT_UNFINISHED;
	} else {
		fill_line_info(job);
	}
	if (job)
		free_job(job);
	return err ? MOAT_REFUSED : MOAT_COMPILED;
}

/* Moat's answer to bpf_int_jit_compile(): blind constants where that is asked for, compile, keep one of the two. */
static struct bpf_prog *moat_compile(struct bpf_prog *prog, enum moat_outcome *outcome)
{
	/* The image of an isolated program is made from its own copy of the instructions. */
	struct bpf_prog *blind = prog->aux->moat ? prog : bpf_jit_blind_constants(prog), *kept;

	*outcome = MOAT_REFUSED;
	if (IS_ERR(blind))
		return prog;
	*outcome = compile(blind);
	kept = *outcome == MOAT_REFUSED ? prog : blind;
	if (blind != prog)
		bpf_jit_prog_release_other(kept, kept == prog ? blind : prog);
	return kept;
}

#ifdef CONFIG_BPF_JIT_MOAT_KEEP_STOCK
static struct bpf_prog *stock_compile(struct bpf_prog *prog, enum moat_outcome *outcome)
{
	prog = bpf_stock_jit_compile(prog);
	*outcome = !prog->jited ? MOAT_REFUSED : prog->aux->jit_data ? MOAT_UNFINISHED : MOAT_COMPILED;
	return prog;
}
#else
#define stock_compile	moat_compile	/* never called: there is no such mode */
#endif

/* A program whose compilation has begun is finished by the emitter that began it. */
static enum bpf_moat_mode mode_for(const struct bpf_prog *prog)
{
	if (prog->aux->moat)
		return BPF_MOAT_BASEREG;
	if (!prog->aux->jit_data)
		return moat_current_mode() == BPF_MOAT_STOCK ? BPF_MOAT_STOCK : BPF_MOAT_NONE;
	return job_of(prog) ? BPF_MOAT_NONE : BPF_MOAT_STOCK;
}

struct bpf_prog *bpf_int_jit_compile(struct bpf_prog *prog)
{
	enum bpf_moat_mode mode;
	enum moat_outcome outcome;
	u64 start;

	if (!prog->jit_requested)
		return prog;
	if (moat_raw_refused(prog)) {
		moat_count(BPF_MOAT_BASEREG, prog, MOAT_REFUSED, 0);
		return prog;
	}
	mode = mode_for(prog);
	start = local_clock();
	if (mode == BPF_MOAT_STOCK)
		prog = stock_compile(prog, &outcome);
	else
		prog = moat_compile(prog, &outcome);
	moat_count(mode, prog, outcome, local_clock() - start);
	if (mode == BPF_MOAT_STOCK && outcome == MOAT_COMPILED)
		moat_remember_stock(prog->aux);
	return prog;
}

/*
 * The verifier gave up on a program between its passes.  bpf_jit_free() frees
 * the images of compiled programs, so make it one.
 */
void bpf_moat_release(struct bpf_prog *prog)
{
	struct moat_job *job = job_of(prog);

	moat_forget_stock(prog->aux);
	/* Of a whole program bpf_moat_free() came before: this is a function of one that comes to nothing. */
	if (prog->aux->moat)
		moat_domain_displaced(prog->aux->moat);
	if (!job)
		return;
	job->prog = prog;
	if (!prog->jited)
		discard(job);
	else
		moat_machine_finish(job);
	free_job(job);
}
