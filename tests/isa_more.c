/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Conformance beyond the table: what needs more than one small program. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "insns.h"
#include "isa.h"
#include "modes.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* A program under construction. */
struct code {
	struct bpf_insn *insn;
	__u32 n;
};

static void put(struct code *c, struct bpf_insn insn)
{
	c->insn[c->n++] = insn;
}

#define PUT(...)	put(c, (struct bpf_insn) __VA_ARGS__)

/* Run and compare R0. */
static void expect(const struct mode *m, const char *name, const struct bpf_insn *insn, __u32 nr, __u64 want)
{
	struct moat_object *obj = mode_load(m, insn, nr, BPF_PROG_TYPE_UNSPEC, isa_helpers);
	MOAT_RUN_OPTS(opts, .repeat = 1);
	char fault[256] = "";
	int err;

	if (!CHECK(obj, "%s, %s: not loaded: '%s'", m->name, name, mode_said))
		return;
	err = moat_program__run_opts(moat_object__next_program(obj, NULL), &opts);
	if (err)
		moat_fault__text(&opts.fault, fault, sizeof(fault));
	CHECK(!err && opts.retval == want, "%s, %s: %d, R0 is 0x%llx, not 0x%llx; %s", m->name, name, err,
	      (unsigned long long)opts.retval, (unsigned long long)want, fault);
	moat_object__close(obj);
}

static void expect_code(const struct mode *m, const char *name, struct code *c, __u64 want)
{
	expect(m, name, c->insn, c->n, want);
	c->n = 0;
}

/* Packet loads ------------------------------------------------------------ */

#define ABS(size, i)		INSN(BPF_LD | BPF_ABS | (size), 0, 0, 0, i)
#define IND(size, s, i)		INSN(BPF_LD | BPF_IND | (size), 0, s, 0, i)
#define PACKET_BYTES		64	/* byte n is 0x80 + n */

static const struct {
	const char *name;
	__u32 want;
	struct bpf_insn insn[12];
} packets[] = {
	{ "abs 1", 0x80, { MOV_X(6, 1), ABS(BPF_B, 0), EXIT } },
	{ "abs 2, network order", 0x8182, { MOV_X(6, 1), ABS(BPF_H, 1), EXIT } },
	{ "abs 4, network order", 0x83848586, { MOV_X(6, 1), ABS(BPF_W, 3), EXIT } },
	{ "abs 1, last byte", 0xbf, { MOV_X(6, 1), ABS(BPF_B, 63), EXIT } },
	{ "abs 2, last bytes", 0xbebf, { MOV_X(6, 1), ABS(BPF_H, 62), EXIT } },
	{ "abs 4, last bytes", 0xbcbdbebf, { MOV_X(6, 1), ABS(BPF_W, 60), EXIT } },
	{ "abs 1, outside: ends with 0", 0, { MOV_X(6, 1), MOV_K(0, 5), ABS(BPF_B, 64), MOV_K(0, 7), EXIT } },
	{ "abs 2, outside", 0, { MOV_X(6, 1), ABS(BPF_H, 63), MOV_K(0, 7), EXIT } },
	{ "abs 4, outside", 0, { MOV_X(6, 1), ABS(BPF_W, 61), MOV_K(0, 7), EXIT } },
	{ "abs 4, far outside", 0, { MOV_X(6, 1), ABS(BPF_W, 0x7fffffff), MOV_K(0, 7), EXIT } },
	{ "abs 1, negative", 0, { MOV_X(6, 1), ABS(BPF_B, -1), MOV_K(0, 7), EXIT } },
	{ "abs, then on", 0x81, { MOV_X(6, 1), ABS(BPF_B, 0), ALU64_K(BPF_ADD, 0, 1), EXIT } },
	{ "ind 1", 0x8a, { MOV_X(6, 1), MOV_K(7, 10), IND(BPF_B, 7, 0), EXIT } },
	{ "ind 2", 0x8d8e, { MOV_X(6, 1), MOV_K(7, 10), IND(BPF_H, 7, 3), EXIT } },
	{ "ind 4, negative immediate", 0x86878889, { MOV_X(6, 1), MOV_K(7, 10), IND(BPF_W, 7, -4), EXIT } },
	{ "ind, register R0", 0x84, { MOV_X(6, 1), MOV_K(0, 3), IND(BPF_B, 0, 1), EXIT } },
	{ "ind, register R1", 0x85, { MOV_X(6, 1), MOV_K(1, 4), IND(BPF_B, 1, 1), EXIT } },
	{ "ind, register R2", 0x86, { MOV_X(6, 1), MOV_K(2, 5), IND(BPF_B, 2, 1), EXIT } },
	{ "ind, register R5", 0x87, { MOV_X(6, 1), MOV_K(5, 6), IND(BPF_B, 5, 1), EXIT } },
	{ "ind, register R9", 0x88, { MOV_X(6, 1), MOV_K(9, 7), IND(BPF_B, 9, 1), EXIT } },
	{ "ind, outside", 0, { MOV_X(6, 1), MOV_K(7, 64), IND(BPF_B, 7, 0), MOV_K(0, 7), EXIT } },
	{ "ind, outside by a negative sum", 0, { MOV_X(6, 1), MOV_K(7, 3), IND(BPF_B, 7, -4), MOV_K(0, 7), EXIT } },
	{ "ind, the last word is not complete", 0, { MOV_X(6, 1), MOV_K(7, 61), IND(BPF_W, 7, 0), MOV_K(0, 7), EXIT } },
	{ "packet loads keep R6 to R9", 0xf,
	  { MOV_X(6, 1), MOV_K(7, 1), MOV_K(8, 2), MOV_K(9, 12), ABS(BPF_W, 0), IND(BPF_B, 9, 0),
	    MOV_X(0, 7), ALU64_X(BPF_OR, 0, 8), ALU64_X(BPF_OR, 0, 9), EXIT } },
	{ "packet loads keep R10", 9, { MOV_X(6, 1), ST(BPF_DW, 10, -8, 9), ABS(BPF_W, 0), LDX(BPF_DW, 0, 10, -8), EXIT } },
	{ "a function ends with 0, its caller goes on", 5,
	  { MOV_X(6, 1), CALL_LOCAL(2), ALU64_K(BPF_ADD, 0, 5), EXIT, ABS(BPF_B, 64), MOV_K(0, 7), EXIT } },
};

static void packet_loads(const struct mode *m)
{
	unsigned char packet[PACKET_BYTES];
	__u32 i, n;

	for (i = 0; i < PACKET_BYTES; i++)
		packet[i] = 0x80 + i;
	for (i = 0; i < ARRAY_SIZE(packets); i++) {
		MOAT_RUN_OPTS(opts, .data_in = packet, .data_size_in = sizeof(packet));
		struct moat_object *obj;
		int err;

		for (n = ARRAY_SIZE(packets[i].insn); !packets[i].insn[n - 1].code; n--)
			;
		obj = mode_load(m, packets[i].insn, n, BPF_PROG_TYPE_SOCKET_FILTER, isa_helpers);
		if (!CHECK(obj, "%s, %s: not loaded: '%s'", m->name, packets[i].name, mode_said))
			continue;
		err = moat_program__run_opts(moat_object__next_program(obj, NULL), &opts);
		CHECK(!err && opts.retval == packets[i].want, "%s, %s: %d, R0 is 0x%llx, not 0x%x", m->name,
		      packets[i].name, err, (unsigned long long)opts.retval, packets[i].want);
		moat_object__close(obj);
	}
}

/* Frames ------------------------------------------------------------------ */

/*
 * @depth functions, each calling the next, each with its own values at both
 * ends of its frame and in R6 to R9, which it finds again after the call.
 * R0: how many found everything.
 */
static void deep_calls(const struct mode *m, struct code *c, __u32 depth)
{
	__u32 k, r;

	for (k = 0; k < depth; k++) {
		PUT(ST(BPF_DW, 10, -8, 100 + k));
		PUT(ST(BPF_DW, 10, -512, 200 + k));
		for (r = 6; r < 10; r++)
			PUT(MOV_K(r, 1000 * k + r));
		if (k == depth - 1)
			PUT(MOV_K(0, 0));
		else
			PUT(CALL_LOCAL(15));
		PUT(LDX(BPF_DW, 1, 10, -8));
		PUT(JMP_K(BPF_JNE, 1, 100 + k, 7));
		PUT(LDX(BPF_DW, 1, 10, -512));
		PUT(JMP_K(BPF_JNE, 1, 200 + k, 5));
		for (r = 6; r < 10; r++)
			PUT(JMP_K(BPF_JNE, r, 1000 * k + r, 10 - r));
		PUT(ALU64_K(BPF_ADD, 0, 1));
		PUT(EXIT);
		while (c->n % 22)
			PUT(EXIT);
	}
	expect_code(m, "deep calls", c, depth);
}

/* Far jumps --------------------------------------------------------------- */

static void pad(struct code *c, __u32 n)
{
	while (n--)
		PUT(ALU64_K(BPF_ADD, 0, 1000000));
}

/* Over @n instructions, forward and back, with each kind of jump; what is jumped over would show. */
static void jumps_over(const struct mode *m, struct code *c, __u32 n, const char *name)
{
	PUT(MOV_K(0, 1));
	PUT(JMP_K(BPF_JEQ, 0, 1, n));
	pad(c, n);
	PUT(JMP_K(BPF_JEQ, 0, 2, n + 1));
	PUT(EXIT);
	pad(c, n);
	PUT(EXIT);
	expect_code(m, name, c, 1);

	PUT(MOV_K(0, 1));
	PUT(JMP32_K(BPF_JNE, 0, 1, 2));
	PUT(JA(n + 1));
	PUT(MOV_K(0, 2));
	pad(c, n);
	PUT(EXIT);
	expect_code(m, name, c, 1);

	/* forward over the padding, then back, into an exit */
	PUT(MOV_K(0, 1));
	PUT(JA(2));
	PUT(ALU64_K(BPF_ADD, 0, 1));
	PUT(EXIT);
	PUT(JA(n));
	pad(c, n);
	PUT(JMP_K(BPF_JSLT, 0, 2, -(int)n - 4));
	PUT(EXIT);
	expect_code(m, name, c, 2);
}

static void far_jumps(const struct mode *m, struct code *c)
{
	__u32 n;

	for (n = 0; n < 40; n++)
		jumps_over(m, c, n, "near jumps");
	jumps_over(m, c, 32763, "far jumps");

	/* gotol reaches beyond 16 bits, both ways */
	PUT(MOV_K(0, 1));
	PUT(JAL(2));
	PUT(ALU64_K(BPF_ADD, 0, 1));
	PUT(EXIT);
	PUT(JAL(70000));
	pad(c, 70000);
	PUT(JAL(-70004));
	expect_code(m, "gotol", c, 2);

	/* as long as a program may be */
	PUT(MOV_K(0, 0));
	while (c->n < 1000000 - 1)
		PUT(ALU64_K(BPF_ADD, 0, 3));
	PUT(EXIT);
	expect_code(m, "a million instructions", c, 3 * 999998);
}

/* Registers --------------------------------------------------------------- */

/* Protected modes promise that a program sees nothing of the host's in registers that it did not set. */
static void clean_registers(const struct mode *m, struct code *c)
{
	static const __s32 seen[] = { 3, 4, 5, 6, 7, 8, 9 };
	__u32 i;

	if (m->mode == MOAT_MODE_NONE)
		return;
	for (i = 0; i < ARRAY_SIZE(seen); i++)
		PUT(ALU64_X(BPF_OR, 0, seen[i]));
	PUT(EXIT);
	expect_code(m, "registers at entry", c, 0);

	PUT(MOV_K(1, 0));
	PUT(CALL(isa_helpers[0].id));
	for (i = 1; i <= 5; i++)
		PUT(ALU64_X(BPF_OR, 0, i));
	PUT(EXIT);
	expect_code(m, "registers after a call", c, 0);
}

void isa_more(void)
{
	struct code code = { .insn = calloc(1000100, sizeof(struct bpf_insn)) };
	__u32 i, depth;

	for (i = 0; i < nr_modes; i++) {
		packet_loads(&modes[i]);
		for (depth = 1; depth <= 8; depth++)
			deep_calls(&modes[i], &code, depth);
		far_jumps(&modes[i], &code);
		clean_registers(&modes[i], &code);
	}
	free(code.insn);
}
