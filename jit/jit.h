/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The core: from BPF instructions to machine code, in memory that the caller owns.
 *
 *	work = calloc(1, moat_work_bytes(len));
 *	moat_plan(&jit, insn, len, &opt, work)		decode, validate, plan, measure, lay out
 *	place jit.bytes bytes of code memory
 *	moat_emit(&jit, buffer, address, jit.bytes)	write; -EAGAIN: place again (jit.bytes changed)
 *	copy the buffer to where it runs
 */
#ifndef MOAT_JIT_H
#define MOAT_JIT_H

#include "op.h"
#include "buf.h"
#include <moat/code.h>
#include <moat/isolation.h>

struct moat;
struct moat_arch;
struct moat_kernel;

/* How memory is reached in base-register modes; what the names mean is the backend's business. */
enum moat_base_form {
	MOAT_BASE_AUTO,
	MOAT_BASE_REGISTER,	/* a general register holds the cage base */
	MOAT_BASE_SEGMENT,	/* x86: the GS segment base does */
};

/* What the gates do, where a backend has more than one way. */
enum moat_gate {
	MOAT_GATE_RIGHTS,	/* write the rights register: PKRU, POR_EL0 */
	MOAT_GATE_MONITOR,	/* arm64: call a monitor at EL2, which switches stage-2 tables */
};

/* What a call leads to, as the host says. */
struct moat_callee {
	u64 address;		/* of the helper itself: what mode none calls */
	bool ret_mem;		/* returns a pointer into the heap (or NULL): mode none truncates it to 32 bits */
};

/*
 * A helper call that the image does itself, without leaving the domain.  It
 * reads only what the domain may read anyway, or one word of the frame, so
 * nothing has to be audited.
 */
enum moat_inline_kind {
	MOAT_INLINE_NO,
	MOAT_INLINE_CPU,	/* R0 = frame->cpu; where the frame is in reach: not in gate modes */
	MOAT_INLINE_ARRAY,	/* R0 = the value in an array map whose key R2 points to, or NULL */
};

struct moat_inline {
	u8 kind;
	u32 base;		/* offset of the first value */
	u32 stride, entries;
	u32 cpu_bytes;		/* per-CPU arrays: from one CPU's values to the next one's (not in gate modes) */
};

struct moat_options {
	const struct moat_arch *arch;	/* the backend */
	enum moat_mode mode;
	enum moat_base_form form;
	const struct moat_kernel *kernel;	/* an image for the kernel (kernel.h); NULL: for user space (run.h) */
	u32 cpu;		/* the backend's feature bits */
	u8 entry_args;		/* registers that hold arguments at entry: 1 or 2 */
	bool fuel;		/* meter loops and calls */
	u64 blind;		/*
				 * Not 0: a secret.  Constants of the program stand in the code only combined with numbers that
				 * come from it, so that nobody can have code made that is of use when entered elsewhere.
				 */
	bool packet_view;	/* basereg: LD_ABS and LD_IND load themselves what lies where the frame says (run.h) */
	bool plain;		/* do not fuse: one BPF instruction at a time, for tests and dumps */
	bool ends;		/*
				 * x86: call() and tail() may end the run: its host goes on with the registers that
				 * the main function has saved (moat.saved).  packet() does not.
				 */
	bool far_calls;		/*
				 * Functions of the host may be out of a call's reach; without it moat_emit() says
				 * -ERANGE then.  Not for the kernel.
				 */
	enum moat_gate gate;
	u64 host_rights, domain_rights;	/* gate modes: what the gates write (PKRU, POR_EL0); a monitor's domain ids */
	u16 monitor_call;	/* the number in the call of the monitor */
	u64 call;		/* the host's call function (run.h): helpers in protected modes */
	u64 tail;		/* the same signature for tail calls: address to jump to, or 0 */
	u64 packet;		/* the same signature for LD_ABS/LD_IND, in every mode: r1 offset, r2 bytes;
				 * returns the value, or ~0 when it is outside the packet */
	bool (*known)(void *arg, s32 id);	/* may this program call helper @id? */
	u16 (*args)(void *arg, s32 id);	/* which of R1-R5 helper @id looks at, as bits; NULL: any */
	int (*callee)(void *arg, s32 id, struct moat_callee *out);	/* mode none: 0 or -ENOENT */
	/*
	 * How to inline helper @id when R1 is @r1, always the same answer; NULL: never.  @r1 is known
	 * from the instructions in front of the call, in the same basic block; 0 when it is not.
	 */
	void (*inlined)(void *arg, s32 id, u64 r1, struct moat_inline *out);
	/*
	 * Called with each image when it is complete; what it returns is what moat_emit() does.  NULL:
	 * images are not checked; those of mode none for the kernel never are.  It is for
	 * the host to call moat_check() there, which needs memory.
	 */
	int (*check)(const struct moat *jit, const u8 *code, u32 bytes);
	void *arg;		/* of the functions above */
	struct moat_log log;
};

/* Is the image itself a BPF function of the kernel, which nothing isolates?  All others have the form of user space. */
static inline bool moat_kernel_form(const struct moat_options *opt)
{
	return opt->kernel && opt->mode == MOAT_MODE_NONE;
}

/* Is it an isolated one behind a stub, which is that function? */
static inline bool moat_has_stub(const struct moat_options *opt)
{
	return opt->kernel && opt->mode != MOAT_MODE_NONE;
}

/* Decode (op.h) by the rules for the image that @opt asks for.  0 or -EINVAL. */
int moat_decode_for(struct moat_op *op, const struct bpf_insn *insn, u32 len, const struct moat_options *opt);

/* Slots that one fused operation may span. */
#define MOAT_MAX_WINDOW	40

/* A call out of the image. */
struct moat_site {
	u32 pc;			/* BPF instruction */
	s32 helper;		/* number; -1: packet load */
};

/* Code of one BPF slot.  slot[len] is the end of the last one. */
struct moat_slot {
	u32 start;		/* code offset */
	u32 target;		/* slot that a branch at its end goes to, or MOAT_NO_BRANCH */
	u16 pre;		/* bytes of function entry code in front of start */
	u16 body;		/* bytes before the branch */
	u8 form;		/* of the branch: MOAT_SHORT or MOAT_LONG */
	bool conditional;	/* the branch is */
};

#define MOAT_NO_BRANCH	(~0u)
enum { MOAT_SHORT, MOAT_LONG };

/* The state of one compilation.  Read-only for the caller; tables live in the workspace. */
struct moat {
	const struct moat_options *opt;
	const struct moat_arch *arch;
	u32 len;		/* BPF slots */
	struct moat_op *op;
	u16 *live;			/* fuse.c: registers live in front of each slot */
	struct moat_slot *slot;		/* len + 1 */
	struct moat_func *func;
	u32 nr_func;
	struct moat_site *site;
	u32 nr_site;
	struct moat_trap *trap;
	u32 nr_trap;
	u32 *func_entry;	/* code offset of each function's callback entry (the main function's: entry) */
	u32 *func_local;	/* code offset of each function's local entry */
	struct moat_mark *mark;	/* by start; NULL unless the caller set it and max_mark before moat_emit() */
	u32 nr_mark, max_mark;
	u32 bytes;		/* size of the image */
	u32 entry;		/* code offset of the main function's entry: behind the stub, if there is one */
	u32 text_bytes;		/* kernel: of its instructions, which data may follow: prog->jited_len */
	u32 traps_at;		/* code offset of the first trap instruction */
	u32 returns_at;		/* code offset of the return-site table */
	u32 nr_return, max_return;	/* sites so far in this pass, and in all */
	u32 *return_at;		/* code offset of each return site */
	bool gates, basereg;	/* what the mode consists of */
	u8 form;		/* chosen: enum moat_base_form */
	u16 regs;		/* BPF registers named anywhere */
	bool tail_reachable;	/* kernel: keeps a tail-call counter */
	bool has_tail;		/* kernel, arm64: makes a tail call */
	u32 tail_entry;		/* kernel: code offset where tail calls enter; set by moat_emit() */
	bool uses_cage, uses_fuel, uses_frame, uses_loop, calls, has_local;
	bool may_end;		/* it makes calls that may end the run */
	u8 saved[8], nr_saved;	/* x86: machine registers that the main function pushes first of all, in this order */
	u32 *gate_at;		/* code offsets of the rights-changing instructions of the gates */
	u32 nr_gate;
	u32 pad;		/* trap instructions in front of the tables, to move displacements */
	struct moat_buf buf;
	const struct moat_func *cur;	/* function being emitted */
};

/* Bytes of workspace for a program of @len slots; zeroed by the caller.  Isolated images for the kernel too. */
size_t moat_work_bytes(u32 len);
/* The same where moat_kernel_form(): one function, no gates. */
size_t moat_kernel_work_bytes(u32 len);

/* 0, or -EINVAL (refused, told to the log), -E2BIG (too long), -EOPNOTSUPP (the mode has no mechanism here). */
int moat_plan(struct moat *jit, const struct bpf_insn *insn, u32 len,
	      const struct moat_options *opt, void *work);

/*
 * Write the image for address @pc to @rw.  -EAGAIN: a gate byte sequence came
 * out outside a gate; the instructions concerned were planned anew and
 * jit->bytes has changed: place and call again.
 */
int moat_emit(struct moat *jit, u8 *rw, u64 pc, u32 bytes);

/*
 * BPF slot whose code covers offset @at, or -1 (the first prologue, traps,
 * tables).  @start: len + 1 code offsets, as slot[].start.
 */
s64 moat_slot_at(const u32 *start, u32 len, u32 at);

#endif
