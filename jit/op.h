/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One BPF instruction, decoded.
 *
 * Backends read struct moat_op and never the bytes.  A kind is what an emitter
 * handles in one function; add one to MOAT_KINDS and nothing links until both
 * backends have its emitter.
 */
#ifndef MOAT_OP_H
#define MOAT_OP_H

#include "env.h"

#define MOAT_KINDS(X)							\
	X(ALU, alu)		/* add sub and or xor mul neg: fn; neg: has_imm, imm 0 */ \
	X(SHIFT, shift)		/* lsh rsh arsh: fn; a constant count is masked: 0..63, 32-bit 0..31 */ \
	X(DIV, div)		/* div mod: fn; sx: signed */		\
	X(MOV, mov)		/* bytes: 0, or width to sign-extend from (1 2 4; then sx) */ \
	X(SWAP, swap)		/* bytes: width; fn: SWAP_* */		\
	X(LOAD, load)		/* bytes, off, src; sx: sign-extending */ \
	X(STORE, store)		/* bytes, off, dst; value src or imm */	\
	X(ATOMIC, atomic)	/* bytes 4 or 8, off, dst, src; imm: the operation with BPF_FETCH */ \
	X(IMM64, imm64)		/* dst = imm; takes two slots; asked: kernel, an address asked for by pc, of fixed length */ \
	X(FUNC, func)		/* dst = handle of the function at target; takes two slots */ \
	X(PACKET, packet)	/* LD_ABS (src: BPF_REG_0 unused) and LD_IND: bytes, imm, fn: BPF_ABS or BPF_IND */ \
	X(JUMP, jump)		/* to target */				\
	X(BRANCH, branch)	/* fn: BPF_JEQ...; sx: a signed comparison; to target */ \
	X(HELPER, helper)	/* imm: helper number; kernel: any call, fn: src_reg, address asked for by pc */ \
	X(TAIL, tail)		/* bpf_tail_call; kernel: imm 0, or 1 + number of the poke descriptor */ \
	X(LOCAL, local)		/* call of the function at target */	\
	X(EXIT, exit)							\
	X(NOP, nop)		/* second slot of a wide instruction, or fused into another */ \
	X(LEA, lea)		/* dst = src + imm, or dst = src + index(off); fused mov and add */ \
	X(ROTATE, rotate)	/* dst = src rotated left by imm; fused */ \
	X(GATHER, gather)	/* one wide load for a row of byte loads; fused */ \
	X(LOOKUP, lookup)	/* lookup in the array whose R1 is imm, key at src; from HELPER */ \
	X(CPU, cpu)		/* R0 = number of the CPU; from HELPER */ \
	X(PROBE, probe)		/* kernel: a LOAD that may fault; reads as 0 then. Never moved or fused */ \
	X(BARRIER, barrier)	/* kernel: nothing behind it runs speculatively before what is in front is known */

enum moat_kind {
	MOAT_BAD,	/* not an instruction; the decoder's zero row */
#define MOAT_ENUM_KIND(K, f)	MOAT_##K,
	MOAT_KINDS(MOAT_ENUM_KIND)
#undef MOAT_ENUM_KIND
	MOAT_NR_KINDS,
};

/* fn of MOAT_SWAP. On a little-endian machine LE is only a truncation. */
enum moat_swap { SWAP_LE, SWAP_BE, SWAP_ALWAYS };

/*
 * What a kind does not use is zero, registers too.  imm is the 32-bit field
 * sign-extended, for 32-bit operations as well; for IMM64 all 64 bits.
 * Fields that only tell instructions apart are gone: off of DIV and MOV, imm
 * of SWAP, src of IMM64 and of calls.
 */
struct moat_op {
	u32 pc, target;		/* BPF instruction indices; target: jumps, calls, FUNC; kernel's calls: the backend's own */
	s64 imm;
	s16 off;
	u8 kind;		/* enum moat_kind */
	u8 fn;			/* BPF_ADD, BPF_JEQ, ... as in the opcode */
	u8 bytes;		/* width, see MOAT_KINDS */
	u8 dst, src;
	bool is64;		/* ALU and branches: 64-bit operation */
	bool has_imm;		/* the second operand is imm, else src */
	bool sx;		/* signed, or sign-extending */
	bool asked;		/* IMM64: see there */
	bool nonzero;		/* DIV: a branch has seen that src is not 0 */
	u8 guard;		/* memory: enum moat_guard, set by the plan */
	u8 kept;		/* of guard CAGE: which register keeps the address of its base in the cage, from 1; 0: none */
	bool keeps;		/* this access computes it */
	u8 split;		/* how often this slot was found to form a gate byte sequence */
	bool blinded;		/* its constant must not stand in the code (blind.c) */
	u8 fused;		/* how many slots this op covers beyond its own (they are NOPs) */
};

/* Is its constant put together at run time, in whatever way? */
static inline bool moat_is_apart(const struct moat_op *op)
{
	return op->split || op->blinded;
}

/* Target of what leads out of the u32 range; validation refuses it, as it is no slot. */
#define MOAT_NO_TARGET		(~0u)

#define MOAT_MAX_FRAMES		8
#define MOAT_FRAME_BYTES	512	/* what one function may address below R10 */
#define MOAT_MAX_INSNS		1000000
#define MOAT_MAX_KERNEL_INSNS	(1 << 24)	/* the verifier may make more of what it was given */

/* One function of a program: the main function, local calls, callbacks. */
struct moat_func {
	u32 start, end;		/* slots [start, end) */
	u8 depth;		/* longest chain of frames above it: 0 for the main function */
	bool is_callback;	/* entered by a helper */
	bool is_called;		/* entered by a local call */
	u32 exit;		/* slot that holds the epilogue (set by the plan), or MOAT_NO_TARGET */
	u16 caller;		/* index of the function above it on the longest chain; main: 0 */
	/* Filled by the plan: */
	bool calls;		/* makes any call: helper, local, tail, packet */
	u16 regs;		/* bit r: BPF register r is used in it */
};

#define MOAT_MAX_FUNCS		256

/* Where messages about refused programs go.  One call is one complete line without '\n'. */
struct moat_log {
	void (*line)(void *arg, const char *text);
	void *arg;
};

__printf(2, 3) void moat_logf(const struct moat_log *log, const char *fmt, ...);

/*
 * Decode @insn[0..len) into @op[0..len).  The second slot of a wide
 * instruction becomes MOAT_NOP with src 1 (not a jump target).  Refuses
 * unknown opcodes, reserved fields that are not zero, and registers that do
 * not exist, with a line that names the index, the text and the rule.
 * Targets are computed, not checked.  0 or -EINVAL.
 */
int moat_decode(struct moat_op *op, const struct bpf_insn *insn, u32 len,
		const struct moat_log *log);

/*
 * The same for what the kernel's verifier leaves behind (kernel.h): also its
 * instructions and register AX, and reserved fields are not looked at.
 */
int moat_decode_kernel(struct moat_op *op, const struct bpf_insn *insn, u32 len,
		       const struct moat_log *log);

/* Instructions that only the kernel's verifier makes, as opcodes and register. */
#define MOAT_PROBE_MEM		0x20	/* mode of BPF_LDX: BPF_PROBE_MEM */
#define MOAT_NOSPEC		0xc0	/* with BPF_ST: BPF_NOSPEC */
#define MOAT_TAIL_CALL		0xf0	/* with BPF_JMP: BPF_TAIL_CALL */
#define MOAT_REG_AX		11	/* BPF_REG_AX */
#define MOAT_REGS		12

/* What validation must be told about the outside. */
struct moat_known {
	const struct bpf_insn *insn;		/* the program as it came, for messages; may be NULL */
	bool (*helper)(void *arg, s32 id);	/* may this program call it? */
	void *arg;
	bool kernel;				/* a program as kernel.h says */
};

/*
 * Check what must hold whatever a verifier said: jump targets inside the
 * function and not the middle of a wide instruction, no fall-through off the
 * end of a function, calls to known helpers and function starts, a call graph
 * (callbacks are calls of their creator) without recursion and at most
 * MOAT_MAX_FRAMES deep, R10 never written, constant frame accesses inside the
 * frame, tail calls in the main function only.  Unreachable code is allowed
 * but obeys the same rules.  A function is what lies between its start (the
 * target of a local call or of FUNC) and the next function's.  Fills @func
 * (room for MOAT_MAX_FUNCS) and *@nr_func, main function first, by start.
 * Whether tail calls are offered at all is for the caller to say.
 * 0, -EINVAL, -E2BIG (too long, too many functions).
 *
 * A program for the kernel is one function: jump targets, its end and R10 are
 * checked; what it accesses and calls is the verifier's business.
 */
int moat_validate(struct moat_op *op, u32 len, const struct moat_known *known,
		  struct moat_func *func, u32 *nr_func, const struct moat_log *log);

/* The function that slot @pc belongs to. */
const struct moat_func *moat_func_at(const struct moat_func *func, u32 nr, u32 pc);

/*
 * The text of an instruction in the style of the kernel's verifier log and
 * bpftool's xlated dump: "(b7) r0 = 1".  @insn[1] is read for wide
 * instructions only if @left > 1.  Always terminated; returns @text.
 */
#define MOAT_TEXT	96
const char *moat_text(char text[MOAT_TEXT], const struct bpf_insn *insn, u32 left);

#endif
