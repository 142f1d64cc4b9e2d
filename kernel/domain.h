/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Isolated programs: what the files that make and run them share.
 *
 * A domain is one program with its maps.  It is made when the verifier is done
 * with the program and has not rewritten it yet (isolate.c): from its
 * instructions as they were loaded comes one image with all its functions, in
 * the form that user space has (jit/run.h), behind a stub that is the function
 * the kernel calls.  The stub takes a slot, fills the views (views.c), enters
 * the image, and gives all back; moat_domain_run() (run.c) does so where the
 * stub's slot is taken, and behind tail calls.
 *
 * Memory (heap.c): the heap is 4 GiB of kernel addresses, of which only what
 * programs may touch is backed; an object's offset is the low half of its
 * address there.  A cage is another 4 GiB aligned range, in which the pages of
 * one domain appear at the same offsets.
 */
#ifndef MOAT_DOMAIN_H
#define MOAT_DOMAIN_H

#include <linux/bpf.h>
#include <linux/bpf_moat.h>
#include <linux/bpf_verifier.h>
#include <linux/filter.h>
#include <linux/irq_work.h>
#include <linux/kasan.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <moat/audit.h>
#include <moat/isolation.h>
#include "jit/jit.h"
#include "jit/kernel.h"
#include "jit/run.h"

/* Memory ------------------------------------------------------------------ */

/* A piece of the heap: the values of a map, or the slots of a domain. */
struct bpf_moat_values {
	u32 start, bytes;	/* offsets [start, start + bytes) are what a domain may be granted, whole pages */
	void *base;		/* the host's address of the whole piece: @front bytes that nobody is granted, then those */
	u32 nr_page;		/* of the whole piece */
	u32 stride;		/* of a per-CPU map: from the values of one CPU to those of the next */
	struct page **page;
	refcount_t refs;	/* cages that it is in, and its owner */
};

extern unsigned long moat_heap_base;	/* 4 GiB aligned; 0: there is no heap yet */

/* The host's address of what has offset @off. */
static inline void *moat_host(u32 off)
{
	return (void *)(moat_heap_base + off);
}

/* heap.c.  Process context.  Makes the heap if there is none yet; 0 or -errno, told to the log.  It stays for good. */
int moat_heap_init(void);
/*
 * @front bytes for the owner alone, then @bytes, both rounded up to pages; zeroed, charged to the caller's memory cgroup.
 * NULL: no memory, or no room in the heap.  The caller holds the first reference.
 */
struct bpf_moat_values *moat_values_alloc(u64 front, u64 bytes, int numa_node);
/* The last one unmaps and frees.  Process context; NULL is ignored. */
void moat_values_put(struct bpf_moat_values *v);

#define MOAT_MAX_GRANTS	80	/* BPF allows a program 64 maps */

struct moat_cage {
	unsigned long base;	/* 4 GiB aligned, with 64 KiB before and behind that are never mapped */
	struct vm_struct *area;
	u32 nr_grant;
	struct bpf_moat_values *grant[MOAT_MAX_GRANTS];
	struct xarray lent;	/* by first page: for a time, and as often as it was asked for */
};

/* cage.c.  Process context. */
int moat_cage_init(struct moat_cage *c);
/*
 * Map @v's values at their offsets in the cage; readable, and writable if @write.  Holds a reference until the cage is gone.
 * Before the first run in it.  0; -EEXIST: it is there already; -ENOSPC: too many; -ENOMEM.
 */
int moat_cage_grant(struct moat_cage *c, struct bpf_moat_values *v, bool write);
/*
 * The same for values that may go before the cage does; asked for again, it is
 * counted.  One at a time, for each cage.  What was granted is neither lent nor taken back.
 */
int moat_cage_lend(struct moat_cage *c, struct bpf_moat_values *v, bool write);
void moat_cage_take_back(struct moat_cage *c, struct bpf_moat_values *v);
/* Nobody runs in it any more: unmap all, flush, drop the references.  One that was never made, or is gone, is ignored. */
void moat_cage_destroy(struct moat_cage *c);
/* For tests: pages that the heap has given out, and cages that there are. */
void moat_memory_stats(u64 *heap_pages, u64 *cages);

/* Slots ------------------------------------------------------------------- */

/*
 * What one run of a program has for itself: its stack, its view of the
 * context right above it, its view of the packet; behind that its copies of
 * records that it reserved.  Offsets from the slot's start.
 */
#define MOAT_SLOT_CTX		MOAT_STACK_BYTES
#define MOAT_SLOT_CTX_BYTES	4096
#define MOAT_SLOT_PACKET	(MOAT_SLOT_CTX + MOAT_SLOT_CTX_BYTES)

/* A task, interrupted by a softirq, a hard irq, and an NMI. */
#define MOAT_SLOTS_PER_CPU	4

struct moat_run;
struct moat_cpu_runs;	/* below */
struct moat_audit;	/* gate.h */
struct moat_site_gate;
struct moat_view;	/* views.c */
struct moat_job;	/* glue.h */
struct moat_line;	/* lines.c */

struct moat_domain {
	bool classic;	/* its cage and slots are those of all classic programs (classic_run.c) */
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	char name[BPF_OBJ_NAME_LEN];
	u8 tag[BPF_TAG_SIZE];
	const struct bpf_prog_aux *aux;	/* of the main function, which the domain is freed with */

	/* The program as it was loaded; maps are handles (1 + index in @map), values of maps are offsets. */
	struct bpf_insn *insn;
	u32 len;
	struct bpf_map **map;	/* held: a load that fails lets go of them before the domain is freed */
	u32 nr_map;

	struct moat_line *line;	/* lines.c */
	u32 nr_line;
	struct btf *btf;	/* that has their text; NULL: there are none */

	/* What the core made of it. */
	struct moat_options opt;
	struct moat_kernel kernel;
	struct moat jit;
	void *work;		/* of jit */
	u32 nr_probe;		/* loads of the kernel's memory (reads.c), each with an entry in the exception table */
	struct moat_job *job;	/* while the image is written */
	u32 entry;		/* code offset of the image's own entry, behind the stub */
	u8 *image;		/* where stub and image run; NULL until the JIT has placed it */

	struct moat_cage cage;
	struct bpf_moat_values *slots;
	u32 slot_bytes, nr_slot;
	u32 staging, staging_bytes;	/* issued.c: where it is in a slot; 0 bytes: the program needs none */
	struct moat_held *held;		/* issued.c: by slot */
	u32 keys, key_bytes;	/* callback.c: keys of elements in a slot; of one; 0: it is called for none */
	struct moat_use *use;	/* inner_use.c: its maps of maps */
	u32 nr_use;
	struct moat_cpu_runs __percpu *runs;	/* those in the slots */
	bool sleepable;		/* its runs may sleep, in helpers and for a slot */

	struct moat_audit *audit;		/* gate.c: what is known of its calls */
	struct moat_site_gate *gate;		/* gate.c: by site */
	struct moat_view *view;		/* views.c */
	bool view_enters, view_leaves;	/* there is something to do for it around a run */

	struct list_head list;		/* mode.c: of all domains */
	struct rcu_head rcu;		/* who looks for another one may still be here */
	u64 verdict;			/* of runs that come to none of their own */
	bool judged;			/* what its runs return is looked at: 0, an error, or */
	s32 most;			/* up to that */
	bool disabled;			/* by a fault, if that is the policy (ends.c); for good */
	struct irq_work closing;	/* ends.c: of its slots */
	struct delayed_work close;
	atomic64_t runs_refused;	/* no free slot */
	atomic64_t runs_disabled;
	atomic64_t faults;
	struct ratelimit_state limit;	/* of messages about faults */
};

struct moat_fault_info {
	u8 kind;		/* enum moat_fault_kind */
	u8 arg;			/* AUDIT: argument, from 1 */
	u32 pc;			/* BPF instruction, as loaded; those that are never reached do not count */
	u64 value;		/* the address, or the argument */
	const char *why;	/* AUDIT */
};

/*
 * The run in one slot, in memory of the host.  What the program or its gates
 * change is as it was when the run is over: no run has to set it.
 */
struct moat_run {
	/* As struct moat_stub_run: */
	struct moat_frame frame;
	unsigned long host_sp;		/* where to go on when the run is ended from within (enter_*.S); 0: the slot is free */
	void *ctx;			/* the host's context */
	u32 r1;				/* the view of it */

	s8 saved[5];			/* x86: RBX, R12 to R15: where the image has saved it, from host_sp; 0: it has not */
	bool called;			/* entered by moat_image_call(), not by the stub */
	u32 slot;			/* offset of its memory in the heap */
	struct moat_domain *domain;
	struct moat_held *held;		/* issued.c: records of ring buffers; NULL: the program reserves none */
	u32 data, data_end;		/* views.c: the packet's bytes that the program may have, metadata first; 0: there are none */
	bool packet_writable;

	u32 tail_calls;			/* 0 when it is over, as all that follows */
	u32 callbacks;			/* that are in progress, one in another */
	struct bpf_prog *next;		/* tail call: whose turn it is then */
	struct moat_fault_info fault;	/* kind 0: there was none */
};

/* A CPU's.  The first is the stub's: no other CPU takes it. */
struct moat_cpu_runs {
	struct moat_run run[MOAT_SLOTS_PER_CPU];
};

/* Do [@at, @at + @bytes) lie in [@start, @start + @length)?  Whatever the numbers are: nothing overflows. */
static inline bool moat_inside(u32 at, u64 bytes, u32 start, u32 length)
{
	u32 into = at - start;

	return into <= length && bytes <= length - into;
}

static inline void *moat_run_ctx_view(const struct moat_run *run)
{
	return moat_host(run->slot + MOAT_SLOT_CTX);
}

/*
 * May the program have [@at, @at + @bytes)?  Its slot's stack, context view and
 * packet view, the records that it holds, the values of its maps.  (The low
 * half of a register is what the code looks at, so that is what is meant here.)
 * The host's address, or NULL.
 */
void *moat_run_memory(const struct moat_run *run, u64 at, u64 bytes, bool write);	/* run.c */

/* End the run that is in progress, from a gate: does not return. */
__noreturn void moat_run_end(struct moat_run *run);
__noreturn void moat_run_fault(struct moat_run *run, const struct moat_fault_info *fault);

/* What the stub calls: the whole run of a program.  Returns its R0. */
u64 moat_domain_run(void *ctx, struct moat_domain *d);
/* Behind the image: write back, and clean up.  Returns @r0. */
u64 moat_run_leave(u64 r0, struct moat_run *run);
/* A run that its stub has begun was ended from within: what the program returns, perhaps another that it called. */
u64 moat_run_ended(struct moat_run *run);

/* slots.c ------------------------------------------------------------------ */

/* Process context.  0 or -ENOMEM; before the program is planned, as its stub names them. */
int moat_runs_alloc(struct moat_domain *d);
/* When slots, views and staging are there. */
void moat_runs_fill(struct moat_domain *d);
/* Where the image keeps what it saves; it has not run yet. */
void moat_runs_placed(struct moat_domain *d);
/* The run of @d in whose stack frames @sp lies, or NULL. */
struct moat_run *moat_run_at(const struct moat_domain *d, unsigned long sp);
/* A free one for a run that no stub enters; NULL: there is none.  Any context in which programs run. */
struct moat_run *moat_run_take(struct moat_domain *d);
void moat_run_give(struct moat_run *run);
/*
 * Close the slots that are free; those of a disabled program are closed when their runs are over.  Any context.  True: there was
 * nothing to close, so that all are closed if that is said some time after the program was disabled: a CPU's first slot is
 * not taken with a locked instruction, which may have lost what was written here.
 */
bool moat_runs_close(struct moat_domain *d);
/* What each run has, those in progress included. */
void moat_runs_fuel(struct moat_domain *d, u64 fuel);

/* isolate.c and mode.c ------------------------------------------------------ */

/*
 * isolate.c: a domain of the program that @env is about; or an error, told to its log.  Nothing in it refers to @env or
 * to env->prog.  It goes with the program that it is given to.
 */
struct moat_domain *moat_domain_make(struct bpf_verifier_env *env, bool classic);
void moat_domain_give(struct moat_domain *d, struct bpf_prog_aux *aux);

/* classic_run.c: what classic programs have together.  0 or -ENOMEM; moat_classic_leave() may come without it. */
int moat_classic_enter(struct moat_domain *d);
void moat_classic_leave(struct moat_domain *d);
/* What their stubs call instead of moat_domain_run(). */
u64 moat_classic_run(void *ctx, struct moat_domain *d);

/* unverified.c: isolate a raw program if that is asked for; true: it cannot be, and is not to run otherwise. */
bool moat_raw_refused(struct bpf_prog *prog);

/* isolate.c: stub and image are at @image from now on.  May be told more than once, always the same.  0 or -errno. */
int moat_domain_placed(struct moat_domain *d, u8 *image);
/* copies.c: maps become handles, addresses in values of maps offsets.  0; -ENOMEM; -EOPNOTSUPP, told to the log. */
int moat_copy_program(struct moat_domain *d, struct bpf_verifier_env *env);
/* What was at @image is given up, and never ran. */
void moat_domain_displaced(struct moat_domain *d);

/* mode.c: what the kernel is asked to do, and the list of domains that debugfs shows. */
bool moat_maps_isolated(void);	/* new programs are isolated, so the maps made now are made for that */
bool moat_permissive(void);	/* what has no isolated form runs without isolation; else it is refused */
bool moat_isolates_loader(void);	/* who.c: the current task's programs are among those that are isolated */
void moat_remember_domain(struct moat_domain *d);
void moat_forget_domain(struct moat_domain *d);
/* Change what runs have; moat_fuel is set already. */
void moat_refuel_domains(void);
/* The one whose image @ip lies in, or NULL.  Any context; its image cannot go, as it is being run. */
struct moat_domain *moat_domain_at(unsigned long ip);

/* audit.c ----------------------------------------------------------------- */

/* Can this program's calls be audited?  Fills opt.known, opt.call and what else the core asks about calls.  Before moat_plan(). */
int moat_gates_plan(struct moat_domain *d, struct bpf_verifier_env *env);
/* After moat_emit(): the gates of its call sites, from their records. */
int moat_gates_make(struct moat_domain *d);
void moat_gates_free(struct moat_domain *d);
/* What images call: host rights, whatever the program has in its registers. */
u64 moat_gate_call(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site);
u64 moat_gate_tail(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site);
u64 moat_gate_packet(u64 off, u64 bytes, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 site);

/* issued.c ---------------------------------------------------------------- */

/* How much staging do the program's records need?  After moat_gates_plan(); 0 or -EOPNOTSUPP, told to the log. */
int moat_issued_plan(struct moat_domain *d, struct bpf_verifier_env *env);
/* When it is known how many slots there are. */
int moat_issued_make(struct moat_domain *d);
void moat_issued_free(struct moat_domain *d);
/* What the run in slot @slot holds, for run->held; NULL: the program reserves nothing. */
struct moat_held *moat_issued_of(const struct moat_domain *d, u32 slot);
/* Behind each run with run->held.  Afterwards it holds nothing. */
void moat_issued_leave(struct moat_run *run);
/* Does [@off, @off + @bytes) lie in a record that the run holds, of @ring if that is not NULL? */
bool moat_issued_memory(const struct moat_run *run, u32 off, u64 bytes, const struct bpf_map *ring);

/* callback.c: room for what callbacks are given.  After the program's helpers are known. */
void moat_callbacks_plan(struct moat_domain *d);
/* Does [@at, @at + @bytes) lie in the keys that callbacks in progress were given? */
bool moat_callback_memory(const struct moat_run *run, u32 at, u64 bytes);

/* inner_use.c: maps in the maps of the domain.  When its cage has all else; 0 or -errno.  Before the cage goes. */
int moat_inner_open(struct moat_domain *d);
void moat_inner_close(struct moat_domain *d);
/* Does it lie in the values of one? */
bool moat_inner_memory(const struct moat_domain *d, u32 at, u64 bytes, bool write);

/* views.c ----------------------------------------------------------------- */

/*
 * Which fields of the context does the program use?  Makes the code that
 * copies them to the view and back.  0; -EOPNOTSUPP, with a line in the verifier's log: a context that has no view.
 */
int moat_view_plan(struct moat_domain *d, struct bpf_verifier_env *env);
void moat_view_free(struct moat_domain *d);
/* May a context that came to the one program be the other's, too, whose type is the same? */
bool moat_view_follows(const struct moat_domain *from, const struct moat_domain *to);
/* Bytes that a slot has for the packet. */
u32 moat_view_packet_bytes(const struct moat_domain *d);
/*
 * Fill the context's and the packet's view of @run, and run->data, data_end.  R1 of the program is the view's offset.
 * Without @run in the result the kernel ends such a run before the program's first instruction (no memory for an skb
 * that it may write); @r0 is what is returned then, and there is nothing to leave.  Stubs call it, too.
 */
struct moat_entered {
	u64 r0;
	struct moat_run *run;
} moat_view_enter(struct moat_run *run);
/* Write back what the program may change. */
void moat_view_leave(struct moat_run *run);
/* The same around a helper that looks at the context or packet, or (@moves) may change where the packet's data is. */
void moat_view_before_call(struct moat_run *run);
void moat_view_after_call(struct moat_run *run, bool moves);
/* After these helpers, which only look, moat_view_after_call() may be left out. */
bool moat_view_only_read(s32 helper);
/* These, moreover, look at nothing but the packet's bytes. */
bool moat_view_packet_only(s32 helper);

/* Asks the verifier's log and gives @err: why a program cannot be isolated. */
__printf(3, 4) int moat_refuse(struct bpf_verifier_env *env, int err, const char *fmt, ...);

/* enter_x86.S, enter_arm64.S ---------------------------------------------- */

/* Call an image: saves what a C function must, keeps the stack pointer in run->host_sp.  R0, or what moat_image_abort() was told. */
u64 moat_image_call(struct moat_run *run, u64 r1, u64 entry);
/*
 * Go on behind moat_image_call(@run), which returns 0, or behind the stub that has entered the image, with what
 * moat_run_ended() returns.  Does not return; callable from C, and a place for a fault handler to resume at.
 */
void moat_image_abort(struct moat_run *run);

/* Before that: KASAN is not to remember the frames of C functions that are given up, from @sp on. */
static inline void moat_forget_frames(const struct moat_run *run, unsigned long sp)
{
	kasan_unpoison_range((void *)sp, (unsigned long)run->host_sp - sp);
}

#endif
