/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks: programs that the verifier should refuse, in a kernel where it can be told to believe them.
 *
 * An attempt is one such program with maps of its own, in one mode, loaded by root or by a user without privileges.  Its
 * program leaves what it got hold of in its value; R6 points there from the start, R7 is the context.
 */
#ifndef MOAT_KERNEL_VM_ATTACK_H
#define MOAT_KERNEL_VM_ATTACK_H

#include <stdio.h>

#include "raw.h"
#include "sys.h"

#define VALUE_BYTES	4096	/* of the only value of the own map */
#define VALUE_WORDS	(VALUE_BYTES / 8)
#define PACKET_BYTES	96

/* A number that the kernel tells in /sys/kernel/debug/moat/attack ("victim.at"); 0, and a failure is counted: it does not. */
u64 prey(const char *name);
/* Let the verifier believe everything, or nothing; false: this kernel's cannot be told. */
bool fool(bool on);

enum attack_end {
	ATTACK_REFUSED,		/* it is not loaded */
	ATTACK_FAULT,		/* its run is ended, and that is reported */
	ATTACK_RETURNED,	/* it runs to its end */
	ATTACK_ERROR,		/* it could not be tried */
};

struct attempt {
	bool user;			/* without privileges */
	enum bpf_prog_type type;
	const u8 *packet;		/* PACKET_BYTES; NULL: attack_packet */
	int own;			/* its map: an array with one value */
	int hash;			/* another: u64 to u64 */
	int events;			/* a perf event array */
	int prog;
	u64 out[VALUE_WORDS];		/* the own value after the run */
	u8 sample[512];			/* what came through events */
	u32 sample_bytes;
	enum attack_end end;
	char why[256];			/* the verifier's last line, or the kernel's message */
};

extern struct raw_program attack_text;
#define put(...)	raw_put(&attack_text, __VA_ARGS__)

#define LD_MAP(reg, fd)			INSN(BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define LD_VALUE(reg, fd, offset)	INSN(BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_VALUE, 0, fd),		\
					INSN(0, 0, 0, 0, offset)
#define MOVE(reg, from, k)		MOV_X(reg, from), ALU64_K(BPF_ADD, reg, k)

/* Maps, and the program's beginning.  False: no maps. */
bool attempt_open(struct attempt *a);
/* The program's end; load it, run it once on attack_packet, and see what came of it.  True: it ran to its end. */
bool attempt_run(struct attempt *a);
/* Run what attempt_run() has loaded once more. */
bool attempt_again(struct attempt *a);
void attempt_close(struct attempt *a);

extern const u8 attack_packet[PACKET_BYTES];
#define attack_data	(attack_packet + 14)	/* where it starts for a socket filter */

/* An array with one value of VALUE_BYTES, in which @word is the first; its file descriptor. */
int attack_map(u32 flags, u64 word);
/* The value of such a map. */
void attack_value(int map, u64 value[VALUE_WORDS]);
/* Run a program that is no attack on @map: it leaves there where its value is (word 1), as it sees it, and counts runs (word 2). */
int attack_bystander(int map);

/* Does it look like an address in the kernel? */
static inline bool is_kernel_address(u64 v)
{
	return v >> 48 == 0xffff && v < 0xffffffffffff0000ull;
}

/* Of the words that a program left, is one a kernel's address? */
static inline bool found_address(const struct attempt *a, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (is_kernel_address(a->out[i]))
			return true;
	return false;
}

struct attack {
	const char *name;
	enum bpf_prog_type type;
	bool user;			/* a user without privileges may load such programs, too */
	bool (*works)(struct attempt *a);
	enum attack_end isolated;	/* how it ends in an isolated program */
	const char *says;		/* and what Moat says then; ATTACK_RETURNED: why it need say nothing */
};

#define ATTACK_ASTRAY	"access outside its memory"	/* what the kernel says of an access that the cage stopped */

/* Ends with a name that is NULL. */
extern const struct attack attacks_on_memory[], attacks_on_stack[], attacks_on_calls[], attacks_on_maps[];

#endif
