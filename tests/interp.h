/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The reference interpreter: RFC 9669 word by word, for tests.
 *
 * It shares nothing with jit/ and the emitters but the layout of struct
 * bpf_insn, so that a misunderstanding there shows up as a difference.  It
 * trusts its program as little as they do: whatever the instructions are, it
 * touches only the regions that it was given and ends within max_steps.
 */
#ifndef MOAT_INTERP_H
#define MOAT_INTERP_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/bpf.h>

#define INTERP_MAX_REGIONS	8
#define INTERP_MAX_FRAMES	8

/* Memory that the program may touch: @bytes at its own address @start, kept at @mem. */
struct interp_region {
	uint64_t start;
	uint64_t bytes;
	uint8_t *mem;
	bool writable;
};

enum interp_end {
	INTERP_EXIT,		/* the main function's exit; reg[0] is the result */
	INTERP_FAULT,		/* an access outside the regions: pc, address, write */
	INTERP_STEPS,		/* max_steps were not enough */
	INTERP_BAD,		/* not a program: pc says where */
};

struct interp;

/*
 * A helper: arguments are reg[1..5], sets reg[0].  False: there is no such
 * helper.  May call interp_call().
 */
typedef bool interp_helper_fn(struct interp *it, int32_t id);

struct interp {
	/* The program and its world, set by the caller. */
	const struct bpf_insn *insn;
	uint32_t len;
	struct interp_region region[INTERP_MAX_REGIONS];
	uint32_t nr_region;
	const uint8_t *packet;		/* of LD_ABS and LD_IND */
	uint32_t packet_bytes;
	bool wrap32;			/* addresses are taken modulo 2^32, offset included: base-register modes */
	uint32_t stride;		/* bytes of a frame */
	const uint8_t *level;		/* by instruction: frames between the first one and that of a function starting
					 * there.  NULL: each call goes one frame down */
	interp_helper_fn *helper;
	void (*before)(struct interp *it);	/* called in front of each instruction; NULL: nobody looks on */
	void *user;			/* the helpers' own */
	uint64_t scratch;		/* left in registers that nobody promises anything about: R1-R5 after a call,
					 * R0 and R6-R9 at a function's start.  A program whose outcome depends on it
					 * reads what it never wrote */
	uint64_t max_steps;

	/* Registers: set R1, R2 and R10 before; the rest should be what the tested code promises. */
	uint64_t reg[11];

	/* How it went. */
	uint32_t pc;			/* of the instruction that ended the run */
	uint64_t address;		/* INTERP_FAULT: first byte of the access */
	uint32_t bytes;			/* INTERP_FAULT: its width */
	bool write;
	uint64_t top;			/* R10 at the start */
	uint64_t steps;			/* instructions executed; a wide one counts once */
	uint32_t depth;			/* local calls and callbacks under way */
	enum interp_end end;
};

/* Run from instruction 0 until it ends. */
enum interp_end interp_run(struct interp *it);

/*
 * Run the function at @pc one frame below the current one, with reg[1..5] as
 * arguments, until it exits; keeps R6-R10.  For helpers that call back.
 * False: it did not end with an exit; the helper must return at once.
 */
bool interp_call(struct interp *it, uint32_t pc);
/* The helper GEN_EACH of generated programs (gen.h). */
bool interp_each(struct interp *it);

/* Host address of [@address, @address + @bytes), or NULL unless one region allows it all. */
uint8_t *interp_memory(struct interp *it, uint64_t address, uint64_t bytes, bool write);

const char *interp_end_name(enum interp_end end);

#endif
