/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Classic programs, isolated (classics MODE): each must do what it does in mode "none", and be a domain; one that the kernel
 * refuses stays refused.  All of it once more while the verifier believes everything, which is not asked about them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/socket.h>

#include "../check.h"
#include "../gen.h"
#include "attack.h"
#include "classics.h"
#include "heap.h"
#include "sys.h"
#include "wire.h"

#define AD(what)	(u32)(SKF_AD_OFF + SKF_AD_##what)

static const char *mode;

/* By both wires. */
static void compare(const char *name, const struct sock_filter *rows, u32 n)
{
	wire_compare(&wires[0], name, rows, n, mode);
	wire_compare(&wires[1], name, rows, n, mode);
}

/* Loads ------------------------------------------------------------------------------------------ */

/* What A is after @row, ten bits at a time: so many bytes come through. */
static void compare_value(const char *name, u32 a, u32 x, struct sock_filter row)
{
	u32 shift;

	for (shift = 0; shift < 32; shift += 10) {
		const struct sock_filter rows[] = {
			STMT(BPF_LDX | BPF_IMM, x), STMT(BPF_LD | BPF_IMM, a), row,
			STMT(BPF_ALU | BPF_RSH | BPF_K, shift), STMT(BPF_ALU | BPF_AND | BPF_K, 0x3ff),
			STMT(BPF_ALU | BPF_ADD | BPF_K, 10), STMT(BPF_RET | BPF_A, 0),
		};

		compare(name, rows, ARRAY_SIZE(rows));
	}
}

static const struct {
	const char *name;
	u16 code;
	u32 k, a, x;
} loads[] = {
#define ANCILLARY(what, ...)	{ #what, BPF_LD | BPF_W | BPF_ABS, AD(what), ## __VA_ARGS__ }
	ANCILLARY(PROTOCOL), ANCILLARY(PKTTYPE), ANCILLARY(IFINDEX, 77), ANCILLARY(HATYPE, 77), ANCILLARY(MARK),
	ANCILLARY(QUEUE), ANCILLARY(RXHASH), ANCILLARY(CPU), ANCILLARY(VLAN_TAG), ANCILLARY(VLAN_TAG_PRESENT),
	ANCILLARY(VLAN_TPID), ANCILLARY(PAY_OFFSET), ANCILLARY(ALU_XOR_X, 0x12345678, 0xffff),
	ANCILLARY(NLATTR, 0, 3), ANCILLARY(NLATTR, 0, 5), ANCILLARY(NLATTR, 0, 6), ANCILLARY(NLATTR, ~0u, 3),
	ANCILLARY(NLATTR, 8, 5), ANCILLARY(NLATTR_NEST, 8, 7), ANCILLARY(NLATTR_NEST, 8, 3), ANCILLARY(NLATTR_NEST, 1000, 7),
	{ "a word", BPF_LD | BPF_W | BPF_ABS, 0 }, { "half a word", BPF_LD | BPF_H | BPF_ABS, 18 },
	{ "a byte", BPF_LD | BPF_B | BPF_ABS, 63 }, { "behind the end", BPF_LD | BPF_W | BPF_ABS, 62 },
	{ "far behind", BPF_LD | BPF_B | BPF_ABS, 0x7fffffff }, { "by X", BPF_LD | BPF_H | BPF_IND, 4, 0, 10 },
	{ "by X backwards", BPF_LD | BPF_W | BPF_IND, 20, 0, -4u }, { "in front", BPF_LD | BPF_B | BPF_IND, 0, 0, -1u },
	{ "X wraps", BPF_LD | BPF_W | BPF_IND, 0x7fffffff, 0, 0x7fffffff },
	{ "network header", BPF_LD | BPF_W | BPF_ABS, (u32)SKF_NET_OFF }, { "link header", BPF_LD | BPF_H | BPF_ABS, SKF_LL_OFF },
	{ "its end", BPF_LD | BPF_B | BPF_ABS, (u32)SKF_NET_OFF + 19 }, { "by X", BPF_LD | BPF_W | BPF_IND, 0, 0, SKF_NET_OFF },
	{ "nowhere", BPF_LD | BPF_W | BPF_IND, 0, 0, 0x80000000 }, { "length", BPF_LD | BPF_W | BPF_LEN },
	{ "immediate", BPF_LD | BPF_IMM, 0xdeadbeef }, { "negation", BPF_ALU | BPF_NEG, 0, 5 },
	{ "division", BPF_ALU | BPF_DIV | BPF_X, 0, 0xfffffff0, 7 }, { "by zero", BPF_ALU | BPF_DIV | BPF_X, 0, 100, 0 },
	{ "remainder", BPF_ALU | BPF_MOD | BPF_X, 0, 0xfffffff0, 7 }, { "of zero", BPF_ALU | BPF_MOD | BPF_X, 0, 100, 0 },
	{ "by a constant", BPF_ALU | BPF_DIV | BPF_K, 0x80000000, 0xfffffff0 },
	{ "left", BPF_ALU | BPF_LSH | BPF_X, 0, 0x12345, 9 }, { "right", BPF_ALU | BPF_RSH | BPF_K, 31, 0x80000001 },
};

/* Filters ------------------------------------------------------------------------------------------ */

#define FILTER(name, ...) {							\
		const struct sock_filter rows[] = { __VA_ARGS__ };		\
		compare(name, rows, ARRAY_SIZE(rows));				\
	}

static void branches(void)
{
	static const u16 op[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	static const u32 value[] = { 0, 1, 5, 0x7fffffff, 0x80000000, 0xffffffff };
	u32 i, way;

	for (i = 0; i < 4 * 6 * 6; i++)
		for (way = 0; way < 6; way++) {
			u32 a = value[i / 6 % 6], b = value[i % 6];
			u8 t = way % 3, f = way == 1 || way == 4 ? 0 : 1;

			const struct sock_filter rows[] = {
				STMT(BPF_LDX | BPF_IMM, b), STMT(BPF_LD | BPF_IMM, a),
				JUMP(BPF_JMP | op[i / 36] | (way > 2 ? BPF_X : BPF_K), b, t, f),
				STMT(BPF_RET | BPF_K, 11), STMT(BPF_RET | BPF_K, 12), STMT(BPF_RET | BPF_K, 13),
			};

			wire_compare(&wires[0], "a branch", rows, ARRAY_SIZE(rows), mode);
		}
}

static void others(void)
{
	static struct sock_filter longest[BPF_MAXINSNS];
	u32 i;

	FILTER("header length", STMT(BPF_LD | BPF_IMM, 3), STMT(BPF_LDX | BPF_MSH | BPF_B, 7), STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
	       STMT(BPF_RET | BPF_A, 0));
	FILTER("header length of nothing", STMT(BPF_LDX | BPF_MSH | BPF_B, 3000), STMT(BPF_RET | BPF_K, 9));
	FILTER("length in X", STMT(BPF_LDX | BPF_W | BPF_LEN, 0), STMT(BPF_MISC | BPF_TXA, 0), STMT(BPF_RET | BPF_A, 0));
	FILTER("some random number", STMT(BPF_LD | BPF_W | BPF_ABS, AD(RANDOM)), STMT(BPF_ALU | BPF_AND | BPF_K, 0),
	       STMT(BPF_ALU | BPF_OR | BPF_K, 17), STMT(BPF_RET | BPF_A, 0));
	/* Dead code in the middle, and a jump over all of it. */
	for (i = 0; i < BPF_MAXINSNS; i++)
		longest[i] = STMT(BPF_LD | BPF_W | BPF_ABS, AD(HATYPE));
	longest[0] = STMT(BPF_JMP | BPF_JA, BPF_MAXINSNS - 3);
	longest[BPF_MAXINSNS - 2] = STMT(BPF_LD | BPF_IMM, 19);
	longest[BPF_MAXINSNS - 1] = STMT(BPF_RET | BPF_A, 0);
	compare("the longest", longest, BPF_MAXINSNS);
	/* What the kernel refuses: no memory behind the last cell, none that was not written, no jump out. */
	FILTER("memory cell 16", STMT(BPF_LD | BPF_MEM, 16), STMT(BPF_RET | BPF_A, 0));
	FILTER("memory as it was", STMT(BPF_LD | BPF_MEM, 3), STMT(BPF_RET | BPF_A, 0));
	FILTER("a jump out", JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 200, 0), STMT(BPF_RET | BPF_K, 1));
	FILTER("an unknown load", STMT(BPF_LD | BPF_W | BPF_ABS, (u32)SKF_AD_OFF + 100), STMT(BPF_RET | BPF_A, 0));
	FILTER("seccomp's load", STMT(BPF_LDX | BPF_W | BPF_ABS, 8), STMT(BPF_RET | BPF_A, 0));
	FILTER("no end", STMT(BPF_LD | BPF_IMM, 1));
}

/* A device is there only by lo; without one a filter that asks for it ends with what A was. */
static void without_device(u32 what)
{
	const struct sock_filter rows[] = {
		STMT(BPF_LD | BPF_IMM, 33), STMT(BPF_LD | BPF_W | BPF_ABS, what), STMT(BPF_RET | BPF_K, 44),
	};
	int got[WIRE_MESSAGES];

	wire_run(&wires[0], rows, 3, mode, got);
	CHECK(got[WIRE_MESSAGES - 1] == 33, "without a device %d bytes come through, not 33", got[WIRE_MESSAGES - 1]);
	wire_run(&wires[1], rows, 3, mode, got);
	CHECK(got[WIRE_MESSAGES - 1] == 44 - 8, "by lo %d bytes come through, not 36", got[WIRE_MESSAGES - 1]);
}

static void random_filters(u32 count)
{
	struct sock_filter f[128];
	u32 i, n, end;

	for (i = 0; i < count; i++) {
		u64 rng = i + 1, r;

		n = classics_fill_memory(f, &rng);
		for (end = n + 30 + gen_random(&rng) % 50; n < end; n++) {
			r = gen_random(&rng);
			f[n] = classics_row(r);
			if (!(r >> 60)) {	/* now and then a load */
				u32 k = (r >> 8) % ARRAY_SIZE(loads);

				f[n] = STMT(loads[k].code, loads[k].k);
			}
		}
		for (end = n + 4; n < end; n++)	/* where jumps may land */
			f[n] = STMT(BPF_MISC | BPF_TXA, 0);
		f[n++] = STMT(BPF_ALU | BPF_AND | BPF_K, 0x3ff);
		f[n++] = STMT(BPF_RET | BPF_A, 0);
		compare("a random filter", f, n);
	}
}

/* What they are ------------------------------------------------------------------------------------- */

#define MANY	200

/* Each is a domain, and all of them together have one cage.  @others are there that are not of this test. */
static void many(u32 others)
{
	static const struct sock_filter row = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = (struct sock_filter *)&row };
	u32 was = others + 2, i, n = 0;		/* each wire keeps its last one */
	long cages = heap_cages();
	int fd[MANY];

	CHECK(classics_await("classic_filter", was), "filters that others have replaced stay domains");
	classics_mode(mode);
	for (i = 0; i < MANY; i++) {
		fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
		n += !setsockopt(fd[i], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
	}
	CHECK(n == MANY, "%u of %u filters are attached", n, MANY);
	n = classics_domains("classic_filter").programs - was;
	CHECK(n == MANY, "%u of %u filters are isolated", n, MANY);
	CHECK(heap_cages() - cages <= 1, "they take %ld cages", heap_cages() - cages);
	classics_mode("none");
	CHECK(!setsockopt(fd[0], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), "not attached: %d", errno);
	CHECK(classics_await("classic_filter", was + MANY - 1), "a filter of mode none is isolated, or none is freed");
	for (i = 0; i < MANY; i++)
		close(fd[i]);
	CHECK(classics_await("classic_filter", was), "filters that are gone stay domains");
}

static void socket_filters(u32 randoms)
{
	struct classics_domains end;
	u32 i;

	wire_accepted = 0;
	for (i = 0; i < ARRAY_SIZE(loads); i++)
		compare_value(loads[i].name, loads[i].a, loads[i].x, STMT(loads[i].code, loads[i].k));
	branches();
	others();
	without_device(AD(IFINDEX));
	without_device(AD(HATYPE));
	random_filters(randoms);
	end = classics_domains("classic_filter");
	CHECK(!end.faults && !end.refused, "%llu faults, %llu runs without a slot", end.faults, end.refused);
	CHECK(wire_accepted > 5000, "only %u messages have come through: filters compared too little", wire_accepted);
}

int main(int argc, char **argv)
{
	u32 others = classics_domains("classic_filter").programs;

	mode = argc > 1 ? argv[1] : "basereg";
	sys_pin();
	if (!CHECK(wires_open(), "no sockets: %s", strerror(errno)))
		return check_done();
	socket_filters(100);
	many(others);
	classics_seccomp(mode);
	if (fool(true)) {
		socket_filters(10);
		classics_seccomp(mode);
		fool(false);
	} else {
		SKIP("a fooled verifier", "this kernel has none: no CONFIG_BPF_MOAT_WRONG_VERIFIER");
	}
	classics_mode(mode);
	return check_done();
}
