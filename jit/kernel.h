/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an image for the kernel must fit (struct moat_options.kernel).
 *
 * In mode none such an image is a BPF function as the kernel calls it,
 *	u64 f(const void *ctx, const struct bpf_insn *insn)
 * or a subprogram, with the prologue of the kernel's own JIT: its trampolines,
 * dispatchers, text poking and tail calls meet the instructions they expect.
 * There is no fuel and no struct moat_frame.  In mode basereg it is what stands
 * at the end of this comment.
 *
 * The program is what the kernel's verifier leaves behind: one function in
 * [0, len), with probe loads, speculation barriers, AX (register 11), tail
 * calls as instructions of their own, and every call resolved by the caller.
 * Reserved fields may hold anything.
 *
 *	work = zeroed, moat_kernel_work_bytes(len)
 *	moat_plan(&jit, insn, len, &opt, work)
 *	place jit.bytes
 *	moat_emit(&jit, rw, address, jit.bytes)		never -EAGAIN
 *
 * A program of several functions needs two passes, as the functions call each
 * other.  The second one is another moat_emit() with the same @jit; promised:
 * - moat_plan() asks nothing of the callbacks below and keeps no pointer to
 *   @insn; struct moat, its workspace, struct moat_options and struct
 *   moat_kernel must stay where they are until the last moat_emit().
 * - Every moat_emit() writes jit.bytes bytes and puts every instruction at the
 *   same offset; only what address() answers (and the address the image is
 *   placed at) may make bytes differ.  The fields of struct moat_kernel and
 *   struct moat_options must not change in between; opt->arg may.
 * - Every moat_emit() calls the callbacks anew, once for each place, in the
 *   order of the code; address() perhaps only once for all calls of a helper.
 * slot[] is final after moat_plan(): slot[i].start is where the code of BPF
 * instruction i begins and slot[i + 1].start where it ends.
 *
 * Isolated images (mode basereg) have the form of user space (run.h): all functions
 * in one image, with struct moat_frame and opt->call, packet and tail.  In
 * front of it stands a stub, which is the function that the kernel calls: the
 * first instructions of the kernel's own JIT, then run(ctx, domain), whose
 * result it returns.  With @slot it first tries to make the run itself: it takes
 * its CPU's struct moat_stub_run (run.h), calls @enter, the image and @leave, gives
 * it back, and returns.  If that one is taken, run() is called.
 *
 *	work = zeroed, moat_work_bytes(len)
 *	moat_plan, place, moat_emit		as often as wanted: nothing is asked
 *	run() enters the image at jit.entry, as run.h says; callbacks at jit.func_entry[]
 *
 * The program is as it was loaded, before the verifier rewrites it, but for probe loads: with @probes
 * the host has written MOAT_PROBE_MEM where a load goes through a pointer of the kernel.  A tail call that
 * succeeds does not come back from opt->tail; what opt->tail returns is
 * not looked at, R0 is 0 then.  What the image may jump to indirectly (its
 * entries) has a landing pad where opt->cpu says so; it makes no indirect jump on x86.
 */
#ifndef MOAT_KERNEL_H
#define MOAT_KERNEL_H

#include "env.h"

struct moat_kernel {
	u16 stack_bytes;	/* what the program uses below R10: prog->aux->stack_depth */
	bool classic;		/* converted from classic BPF: no room for the tail-call counter in the prologue */
	bool subprogram;	/* called by another BPF function, which hands on the tail-call counter */
	bool tail_reachable;	/* aux->tail_call_reachable; a tail call in the program itself need not be told */

	/* Isolated images: u64 run(void *ctx, u64 domain), in reach of a call; and what it is given. */
	u64 run, domain;
	bool probes;		/* those: probe loads are taken, which read memory of the kernel; else there are none */

	/*
	 * Mode basereg: the run that the stub enters itself, as the address of a variable of which each CPU has one;
	 * 0: run() enters always.  The run may be ended from without: on x86 as opt->ends says; on arm64 the stub has
	 * saved at host_sp, from there up: X23 X24, X27 X28, X25 X26, X21 X22, X19 X20, X29 X30.
	 */
	u64 slot;
	/*
	 * What has the distance of this CPU's variables; x86: the address that GS adds to, below 2 GiB; arm64:
	 * the system register, 16 bits as MRS has them (Arm ARM C5.1.3: op0 to op2).
	 */
	u64 cpu_offset;
	/*
	 * struct { u64 r0; struct moat_stub_run *run; } enter(run): fills the views.  Without @run in its
	 * result the image is not entered, and R0 is @r0.  0: there is nothing to do.
	 */
	u64 enter;
	u64 leave;		/* u64 leave(u64 r0, run): behind the image; the stub returns what it returns.  0: nothing to do */

	/* Tail calls: offsets in the kernel's structures. */
	u16 array_entries;	/* struct bpf_array: map.max_entries */
	u16 array_progs;	/* struct bpf_array: ptrs */
	u16 prog_entry;		/* struct bpf_prog: bpf_func */
	u16 max_tail_calls;	/* MAX_TAIL_CALL_CNT */

	/* x86 */
	u64 return_thunk;	/* where to jump instead of returning; 0: return */
	bool int3_after_ret;
	u64 jump_thunk;		/* where to jump instead of through RCX; 0: jump through RCX */
	bool jump_lfence;	/* if there is no thunk */
	bool int3_after_jump;	/* if there is neither */
	u64 history_clear;	/* called at exit, preserves all but RAX and RCX: clear_bhb_loop; 0: not called */
	bool history_fence;	/* IBHF at exit */
	u64 probe_limit;	/*
				 * Probe loads from addresses below read as 0. From 2^47 up it stands for all
				 * but the kernel's addresses below the vsyscall page, the rest of which fault.
				 */

	/* arm64 */
	u64 dummy_tramp;	/* where the entry hook's long jump leads at first */
	bool history_hint;	/* at exit: CLRBHB */
	u8 history_loops;	/* at exit: so many taken branches; 0: none */
	u32 history_call;	/* at exit: the instruction that calls the firmware (HVC or SMC); 0: none */
	u32 history_function;	/* what it is asked for, in W0: ARM_SMCCC_ARCH_WORKAROUND_3 */

	/*
	 * The address that the instruction at @pc names: the function of a call (helper, kfunc or
	 * subprogram), or that of a wide load whose src_reg is BPF_PSEUDO_FUNC.  0 or a negative errno,
	 * which moat_emit() returns.  *@to 0 says that it is not known in this pass.
	 */
	int (*address)(void *arg, u32 pc, u64 *to);

	/*
	 * The load at code [@at, @end) may fault: the kernel then zeroes machine register @reg (as
	 * numbered in instructions) and goes on at @end.  In isolated images, too.
	 */
	void (*probe)(void *arg, u32 pc, u32 at, u32 end, u8 reg);

	/*
	 * Direct tail call through poke descriptor @index, x86: code offsets of its two patchable
	 * 5-byte instructions.  At first the one at @bypass is a jump to behind @target, which is a nop.
	 * Enters other programs at jit.tail_entry.
	 */
	void (*poke)(void *arg, u32 index, u32 bypass, u32 target);
};

#endif
