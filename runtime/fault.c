/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Faults: from a signal in emitted code to the end of that run, with a report.
 *
 * A signal is a program's only if the CPU itself raised it at an instruction
 * of an image.  Then this thread is inside its innermost run, in emitted code
 * that holds no lock and nothing half done, so the handler may do what a
 * helper may, and leaves by siglongjmp.  All else goes to the handler that
 * the host had before.
 */
#include <signal.h>
#include <ucontext.h>

#include "internal.h"
#include "lowmem.h"
#if defined(__x86_64__)
#include "frame_x86.h"
#elif defined(__aarch64__)
#include "frame_arm64.h"
#else
#error "fault.c: no register access for this architecture"
#endif

#ifndef SEGV_PKUERR
#define SEGV_PKUERR	4
#endif
#ifndef SS_AUTODISARM
#define SS_AUTODISARM	(1u << 31)
#endif

static bool have_pku, have_segment;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int init_err;

/* Ending a run ----------------------------------------------------------- */

bool moat_have_segment(void)
{
	moat_fault_init();
	return have_segment;
}

void moat_fault_arm(struct moat_run *run)
{
	if (have_segment)
		run->host_segment = read_segment();
	if (have_pku)
		run->host_pkru = moat_rdpkru();
	if (run->domain->gates && !moat_self->gates)
		moat_thread_gates();
}

static void fill_line(struct moat_run *run)
{
	struct moat_line line;

	if (!run->prog || moat_program__line(run->prog, run->fault.insn, &line))
		return;
	run->fault.file = line.file;
	run->fault.line = line.line;
	run->fault.text = line.text;
}

/*
 * The kernel has set PKRU anew for the handler, and a helper runs with the
 * domain's segment base: neither is what the run's caller had.
 */
static _Noreturn void end(struct moat_run *run)
{
	fill_line(run);
	if (have_segment)
		write_segment(run->host_segment);
	if (have_pku)
		moat_wrpkru(run->host_pkru);
	siglongjmp(run->on_fault, 1);
}

void moat_run_fault(struct moat_run *run, enum moat_fault_kind kind, u32 insn, u64 address)
{
	run->fault = (struct moat_fault){ .kind = kind, .insn = insn, .address = address };
	end(run);
}

void moat_run_audit(struct moat_run *run, u32 insn, s32 helper, int arg, u64 value, const char *reason,
		    const char *proved)
{
	run->fault = (struct moat_fault){
		.kind = MOAT_FAULT_AUDIT, .insn = insn, .helper = helper,
		.arg = arg, .address = value, .reason = reason, .proved = proved,
	};
	end(run);
}

/* What happened ---------------------------------------------------------- */

/* The BPF slot whose code covers offset @at: the last one that begins there or before. */
static u32 insn_at(const struct moat_image *img, u32 at)
{
	u32 lo = 0, hi = img->len;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (img->slot[mid] <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? lo - 1 : 0;
}

static const struct moat_trap *trap_at(const struct moat_image *img, u32 at)
{
	u32 i;

	for (i = 0; i < img->nr_trap; i++)
		if (img->trap[i].at == at)
			return &img->trap[i];
	return NULL;
}

/* A trap instruction: one of the image's checks failed. */
static void describe_trap(struct moat_fault *f, const struct moat_image *img, u32 at)
{
	const struct moat_trap *trap = trap_at(img, at);

	f->kind = trap ? trap->kind : MOAT_FAULT_TRAP;
	f->insn = trap ? trap->pc : insn_at(img, at);
	if (!trap)
		f->reason = "an instruction that this CPU does not have";
	else if (f->kind == MOAT_FAULT_TRAP)
		f->reason = "a check in the emitted code failed";
}

/*
 * An access: to the cage of @d (or the guards beside it), or to wherever an
 * unconfined pointer leads.  Where nothing is mapped in a cage the kernel
 * blames the key (SEGV_PKUERR), which is 0 there; the CPU knows better.
 */
static void describe_access(struct moat_fault *f, const struct moat_domain *d, const siginfo_t *info,
			    const ucontext_t *uc)
{
	u64 address = (u64)info->si_addr, from_cage = address - d->cage;
	bool in_cage = d->basereg && from_cage + MOAT_EDGE < MOAT_4G + 2 * MOAT_EDGE;

	f->address = in_cage ? (u32)from_cage : address;
	f->write = fault_write(uc);
	if (in_cage)
		f->kind = fault_key(info, uc) ? MOAT_FAULT_KEY : MOAT_FAULT_CAGE;
	else if (d->gates && (!d->basereg || info->si_code == SEGV_PKUERR))
		f->kind = MOAT_FAULT_KEY;	/* pku: also where nothing is mapped at all */
	else
		f->kind = d->basereg ? MOAT_FAULT_TRAP : MOAT_FAULT_MEMORY;
	if (f->kind == MOAT_FAULT_TRAP)
		f->reason = "emitted code reached outside the cage";
}

static bool is_byte_load(const struct bpf_insn *insn, u8 base)
{
	return insn->code == (BPF_LDX | BPF_MEM | BPF_B) && insn->src_reg == base;
}

/* Is there a page of the domain at @p?  Objects begin at a page, so its first byte tells. */
static bool mapped(const struct moat_run *run, u64 p)
{
	u64 page = p & ~(u64)(moat_heap.page - 1);

	if (run->domain->basereg)
		page = (u32)page;
	return page - run->slot->off < MOAT_SLOT_BYTES || moat_domain_has(run->domain, page, 1, MOAT_READ);
}

/*
 * A row of byte loads runs as one wide load, in the slot of the first (jit/fuse.c);
 * those that were fused into it have no code.  Name the one that would have
 * met the bad page first.
 */
static void name_part(struct moat_run *run, const struct moat_image *img, const ucontext_t *uc)
{
	const struct bpf_insn *insn = img->prog->insn;
	u32 first = run->fault.insn, i;
	u8 base = insn[first].src_reg;
	u64 from;

	if (!is_byte_load(&insn[first], base))
		return;
	from = bpf_register(uc, base);
	for (i = first; i < img->len && i < first + MOAT_MAX_WINDOW; i++) {
		bool has_code = img->slot[i] != img->slot[i + 1];

		if (!is_byte_load(&insn[i], base) || (i > first && has_code))
			continue;
		if (mapped(run, from + insn[i].off))
			continue;
		run->fault.insn = i;
		run->fault.address = run->domain->basereg ? (u32)(from + insn[i].off) : from + insn[i].off;
		return;
	}
}

bool moat_handle_signal(int sig, void *siginfo, void *ucontext)
{
	const siginfo_t *info = siginfo;
	const ucontext_t *uc = ucontext;
	struct moat_run *run = moat_self ? moat_self->run : NULL;
	struct moat_image *img;
	u32 at;

	/* si_code <= 0: sent by a process, at whatever instruction we happened to be. */
	if (!run || info->si_code <= 0)
		return false;
	img = moat_image_at(fault_pc(uc));
	if (!img)
		return false;

	at = fault_pc(uc) - img->pc;
	run->fault = (struct moat_fault){ .insn = insn_at(img, at) };
	if (sig == SIGILL || sig == SIGTRAP)
		describe_trap(&run->fault, img, at);
	else
		describe_access(&run->fault, run->domain, info, uc);
	if (run->fault.kind == MOAT_FAULT_CAGE || run->fault.kind == MOAT_FAULT_KEY)
		name_part(run, img, uc);
	restore_control(uc);
	if (uc->uc_stack.ss_flags & SS_AUTODISARM)
		sigaltstack(&uc->uc_stack, NULL);
	end(run);
}

static void init(void)
{
	const char *why;

	have_pku = moat_have_pku(&why);
	have_segment = detect_segment();
	init_err = moat_signal_install();
	if (init_err)
		moat_print(MOAT_WARN, "no signal handlers: %s", strerror(-init_err));
}

int moat_fault_init(void)
{
	pthread_once(&once, init);
	return init_err;
}
