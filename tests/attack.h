/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attacks: what a hostile program tries, and how we know whether it worked.
 *
 * An attack is a function that runs in a process of its own, in one variant
 * (mode and base form), and reports each try: it worked, it was contained
 * (and by what kind of fault), or neither, which is always a failure.  An
 * attack counts only if it works where nothing protects the host.
 */
#ifndef MOAT_ATTACK_H
#define MOAT_ATTACK_H

#include "../runtime/internal.h"
#include "insns.h"

#define SECRET		0x5ec2e75ec2e7a11dull	/* what the host does not want to be read */
#define ATTACK_SHARED	4096			/* bytes of data that a program gets */

enum in_none {
	WORKS,		/* must succeed in mode none */
	HOLDS,		/* is contained in every mode, none included; the attack says why */
	MEANINGLESS,	/* not run in none; the attack says why */
};

/* What ends a try that is contained, if a run ended by it: bits of enum moat_fault_kind. */
#define KIND(k)		(1u << MOAT_FAULT_##k)
#define BY_MEMORY	(KIND(CAGE) | KIND(KEY))
#define BY_ANYTHING	(~KIND(NONE))

struct attack_variant {
	enum moat_mode mode;
	u8 form;
	const char *name;
	bool unmetered;		/* set by attacks on the metering */
};

/* Every way to run a program that is tried; the first is mode none. */
#if defined(__x86_64__)
#define ATTACK_VARIANTS	6
#else
#define ATTACK_VARIANTS	4
#endif
extern const struct attack_variant attack_variants[ATTACK_VARIANTS];

#define ATTACK_PLACES	8

/* One process's account. */
struct attack_result {
	u32 worked, contained, odd;
	u32 kinds;		/* of faults seen */
	u32 nr_place;		/* different places of faults, the first ones */
	struct { u8 kind; u32 insn; } place[ATTACK_PLACES];
	char odd_text[256];	/* the first odd one */
	char text[64];		/* what is worth a note in the table */
};

struct attack {
	const char *name;
	void (*run)(const struct attack_variant *v, struct attack_result *r);
	enum in_none in_none;
	const char *why;	/* HOLDS, MEANINGLESS: the reason */
	bool gates_only;	/* aims at what only gate modes have */
	bool some;		/* in none, it is enough that some tries succeed */
	bool may_die;		/* in none, the death of the process is the success */
	bool end;		/* needs host memory of ours around 4 GiB */
};

extern const struct attack attack_memory[], attack_helper[], attack_flow[], attack_host[];
extern const u32 nr_attack_memory, nr_attack_helper, nr_attack_flow, nr_attack_host;

/* In a process of its own: what it reported, or that it did not live to report. */
enum attack_ending { ATTACK_REPORTED, ATTACK_DIED, ATTACK_HUNG };
enum attack_ending attack_conduct(const struct attack *a, const struct attack_variant *v, struct attack_result *r,
				  int *status);
void attack_signals(void);	/* first of all: no signal that is not the library's goes unseen */

/* Reports of tries. */
void attack_worked(struct attack_result *r);
__printf(2, 3) void attack_odd(struct attack_result *r, const char *fmt, ...);
/* The try did not get what it wanted: contained if the run ended by one of @kinds (or, with @kinds 0, well). */
void attack_stopped(struct attack_result *r, int err, const struct moat_fault *f, u32 kinds);

/* Two bits of luck for every attacker: the host's memory, and another domain with a map. */
struct attack_victim {
	struct moat_object *obj;
	struct moat_map map;	/* array of one u64, value SECRET */
	u64 handle;		/* what its own program would use */
	u32 slot;		/* offset of its stack and views */
};
extern u64 attack_secret[], attack_canary[];	/* 512 words each, on pages of their own; secret: all SECRET */

bool attack_is_gated(const struct attack_variant *v);
bool attack_is_based(const struct attack_variant *v);
int attack_victim(const struct attack_variant *v, struct attack_victim *victim);

/* A map in the domain of @obj. 0 or -errno. */
int attack_map(struct moat_object *obj, struct moat_map *map, u32 type, u32 key, u32 value, u32 entries, u64 *handle);

/* Load raw instructions with the helpers below; NULL and a message in @r. */
struct moat_object *attack_load(const struct attack_variant *v, struct attack_result *r,
				const struct bpf_insn *insn, u32 nr);
/* The same for a program of @type; then data must be a packet. */
struct moat_object *attack_load_as(enum bpf_prog_type type, const struct attack_variant *v, struct attack_result *r,
				   const struct bpf_insn *insn, u32 nr);
/* Run it over @data (ATTACK_SHARED bytes, changed in place); R1 points to them. */
int attack_run(struct moat_object *obj, u64 *data, struct moat_run_opts *opts);
/* Load, run, close. */
int attack_try(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr,
	       u64 *data, struct moat_run_opts *opts);
/* Whole tries: a call for which the helper must not be reached, which counts its calls. */
void attack_call(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr, u64 *data);
/* @insn gets the address of a value, SECRET, of a map that is read-only to programs, and 1, 8, "0000" behind it. */
void attack_write_constant(const struct attack_variant *v, struct attack_result *r, const struct bpf_insn *insn, u32 nr);
u32 attack_slot(struct moat_object *obj);	/* offset of the memory that a run on this thread gets */

/* Helpers of the attacked host, and what they did. */
enum attack_helper_id {
	HELP_PEEK = 7001,	/* (mem 8): its word */
	HELP_POKE,		/* (mem out 8, value) */
	HELP_SUM,		/* (mem, size): sum of its words */
	HELP_FILL,		/* (mem out, size or zero): fills */
	HELP_LEAK,		/* (which): an address of the host, as a leak would give it */
	HELP_DIRTY,		/* (): returns with host addresses in all caller-saved registers */
	HELP_ECHO,		/* (none...): counts what is in registers that are no arguments */
	HELP_COUNT,		/* (): counts calls, touches host memory */
	HELP_CALLBACK,		/* (function, a, b): calls it back, returns what it returned */
	HELP_HANDLE,		/* (map): the value size of a map */
	HELP_CONTEXT,		/* (context): its first word */
	HELP_PAUSE,		/* (): tells the host that it is here, and stays for a while */
};
enum leak { LEAK_STACK, LEAK_FRAME, LEAK_LOCAL, LEAK_FUNCTION };
extern u64 helper_calls, helper_dirt;
extern _Atomic u32 helper_pauses;
extern volatile u64 host_local_address;		/* of a local variable in attack_run()'s frame */
extern volatile int pwned;			/* set when attacker-chosen code ran */
void attack_pwned(void);

#endif
