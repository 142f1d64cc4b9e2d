/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Conformance with RFC 9669 in every mode that is enforced here.
 *
 * Three parts: the table isa.inc, worked out by hand; what does not fit a
 * row (packets, deep calls, far jumps); and the sweeps over registers and
 * operands.
 *
 *	isa [--quick] [MODE]	one in eight pairs of operands; modes whose name begins so
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "insns.h"
#include "isa.h"
#include "modes.h"
#include "sweep.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MAX_INSNS	24
#define MAX_MEMORY	32

enum { HELPER_FIRST = 9001, HELPER_SUM = 9002 };

static __u64 first(__u64 r1, __u64 r2, __u64 r3, __u64 r4, __u64 r5, struct moat_run *run)
{
	return r1;
}

static __u64 sum(__u64 r1, __u64 r2, __u64 r3, __u64 r4, __u64 r5, struct moat_run *run)
{
	return r1 + 2 * r2 + 3 * r3 + 4 * r4 + 5 * r5;
}

#define SCALAR	{ .kind = MOAT_ARG_SCALAR }

const struct moat_helper isa_helpers[] = {
	{ .id = HELPER_FIRST, .name = "first", .fn = (__u64 (*)(void))(void *)first, .arg = { SCALAR } },
	{ .id = HELPER_SUM, .name = "sum", .fn = (__u64 (*)(void))(void *)sum, .arg = { SCALAR, SCALAR, SCALAR, SCALAR, SCALAR } },
	{ 0 },
};

struct row {
	const char *name;
	__u64 want;			/* R0 */
	const char *before, *after;	/* memory at R1, as hex; NULL: none; after NULL: as before */
	struct bpf_insn insn[MAX_INSNS];
};

#define ROW(name, want, before, after, ...)	{ name, want, before, after, { __VA_ARGS__ } },
#define X64(f, d, s, want) ROW(#f " 64, register", want, NULL, NULL, LDDW(0, d), LDDW(7, s), ALU64_X(f, 0, 7), EXIT)
#define X32(f, d, s, want) ROW(#f " 32, register", want, NULL, NULL, LDDW(0, d), LDDW(7, s), ALU32_X(f, 0, 7), EXIT)
#define K64(f, d, i, want) ROW(#f " 64, immediate", want, NULL, NULL, LDDW(0, d), ALU64_K(f, 0, i), EXIT)
#define K32(f, d, i, want) ROW(#f " 32, immediate", want, NULL, NULL, LDDW(0, d), ALU32_K(f, 0, i), EXIT)
#define SX(c, name, f, d, s, want)						\
	ROW(name " signed, register", want, NULL, NULL,				\
	    LDDW(0, d), LDDW(7, s), INSN((c) | (f) | BPF_X, 0, 7, 1, 0), EXIT)
#define SK(c, name, f, d, i, want)						\
	ROW(name " signed, immediate", want, NULL, NULL, LDDW(0, d), INSN((c) | (f) | BPF_K, 0, 0, 1, i), EXIT)
#define SX64(f, d, s, want)	SX(BPF_ALU64, #f " 64", f, d, s, want)
#define SX32(f, d, s, want)	SX(BPF_ALU, #f " 32", f, d, s, want)
#define SK64(f, d, i, want)	SK(BPF_ALU64, #f " 64", f, d, i, want)
#define SK32(f, d, i, want)	SK(BPF_ALU, #f " 32", f, d, i, want)
#define SIGNX(c, bits, s, want)							\
	ROW("sign-extending move from " #bits, want, NULL, NULL,		\
	    LDDW(0, -1ull), LDDW(7, s), INSN((c) | BPF_MOV | BPF_X, 0, 7, bits, 0), EXIT)
#define SWAP(c, bits, d, want)							\
	ROW("byte swap of " #bits, want, NULL, NULL, LDDW(0, d), INSN((c) | BPF_END, 0, 0, 0, bits), EXIT)
/* R0 is 1 if the jump at slot 5 (4 with an immediate) is taken, else 0 */
#define JUMP(name, c, f, d, s, taken)						\
	ROW(name ", register", taken, NULL, NULL, LDDW(6, d), LDDW(7, s), MOV_K(0, 1),	\
	    INSN((c) | (f) | BPF_X, 6, 7, 1, 0), MOV_K(0, 0), EXIT)
#define JUMPI(name, c, f, d, i, taken)						\
	ROW(name ", immediate", taken, NULL, NULL, LDDW(6, d), MOV_K(0, 1),	\
	    INSN((c) | (f) | BPF_K, 6, 0, 1, i), MOV_K(0, 0), EXIT)
#define J64(f, d, s, taken)	JUMP(#f " 64", BPF_JMP, f, d, s, taken)
#define J32(f, d, s, taken)	JUMP(#f " 32", BPF_JMP32, f, d, s, taken)
#define JI64(f, d, i, taken)	JUMPI(#f " 64", BPF_JMP, f, d, i, taken)
#define JI32(f, d, i, taken)	JUMPI(#f " 32", BPF_JMP32, f, d, i, taken)
#define LOAD(insn, before, want)		ROW(#insn, want, before, NULL, insn, EXIT)
#define SET_UP					LDDW(3, 0x0123456789abcdef), LDDW(0, 0x1122334455667788)
#define STORE(insn, before, after)		ROW(#insn, 0x1122334455667788, before, after, SET_UP, insn, EXIT)
#define CMPX(insn, before, after, want)		ROW(#insn, want, before, after, SET_UP, insn, EXIT)
#define FETCH(insn, before, after, want)	ROW(#insn, want, before, after, SET_UP, insn, MOV_X(0, 3), EXIT)

static const struct row rows[] = {
#include "isa.inc"
};

static __u32 length(const struct bpf_insn *insn)
{
	__u32 n = MAX_INSNS;

	while (!insn[n - 1].code)
		n--;
	return n;
}

static __u32 from_hex(const char *hex, unsigned char *out)
{
	__u32 n = 0;
	char *end;

	while (hex && *hex) {
		out[n++] = strtoul(hex, &end, 16);
		hex = end;
	}
	return n;
}

static void run_row(const struct row *row, const struct mode *m)
{
	unsigned char in[MAX_MEMORY], want[MAX_MEMORY], out[MAX_MEMORY] = { 0 };
	__u32 bytes = from_hex(row->before, in);
	struct moat_object *obj = mode_load(m, row->insn, length(row->insn), BPF_PROG_TYPE_UNSPEC, isa_helpers);
	MOAT_RUN_OPTS(opts, .data_in = bytes ? in : NULL, .data_size_in = bytes, .data_out = out,
		      .data_size_out = sizeof(out));
	char fault[256] = "";
	int err;

	if (!CHECK(obj, "%s, %s: not loaded: '%s'", m->name, row->name, mode_said))
		return;
	from_hex(row->after ? row->after : row->before, want);
	err = moat_program__run_opts(moat_object__next_program(obj, NULL), &opts);
	if (err)
		moat_fault__text(&opts.fault, fault, sizeof(fault));
	CHECK(!err && opts.retval == row->want, "%s, %s: %d, R0 is 0x%llx, not 0x%llx; %s", m->name, row->name, err,
	      (unsigned long long)opts.retval, (unsigned long long)row->want, fault);
	if (bytes)
		CHECK(!memcmp(out, want, bytes), "%s, %s: memory is %02x %02x %02x %02x %02x %02x %02x %02x %02x ...",
		      m->name, row->name, out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7], out[8]);
	moat_object__close(obj);
}

/* Is there a row with this instruction?  @off and @imm: -1 for any. */
static bool has_row(__u8 code, int off, int imm)
{
	__u32 i, k;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		for (k = 0; k < MAX_INSNS; k++) {
			const struct bpf_insn *insn = &rows[i].insn[k];

			if (insn->code == code && (off < 0 || insn->off == off) && (imm < 0 || insn->imm == imm))
				return true;
		}
	return false;
}

/* The table is complete: every opcode but the packet loads (isa_more.c), and what hides in off and imm. */
static void check_complete(void)
{
	static const __u8 opcodes[] = {
		0x04, 0x05, 0x06, 0x07, 0x0c, 0x0f, 0x14, 0x15, 0x16, 0x17, 0x18, 0x1c, 0x1d, 0x1e, 0x1f, 0x24, 0x25,
		0x26, 0x27, 0x2c, 0x2d, 0x2e, 0x2f, 0x34, 0x35, 0x36, 0x37, 0x3c, 0x3d, 0x3e, 0x3f, 0x44, 0x45, 0x46,
		0x47, 0x4c, 0x4d, 0x4e, 0x4f, 0x54, 0x55, 0x56, 0x57, 0x5c, 0x5d, 0x5e, 0x5f, 0x61, 0x62, 0x63, 0x64,
		0x65, 0x66, 0x67, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77,
		0x79, 0x7a, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0x81, 0x84, 0x85, 0x87, 0x89, 0x91, 0x94, 0x95, 0x97, 0x9c,
		0x9f, 0xa4, 0xa5, 0xa6, 0xa7, 0xac, 0xad, 0xae, 0xaf, 0xb4, 0xb5, 0xb6, 0xb7, 0xbc, 0xbd, 0xbe, 0xbf,
		0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xcc, 0xcd, 0xce, 0xcf, 0xd4, 0xd5, 0xd6, 0xd7, 0xdb, 0xdc, 0xdd, 0xde,
	};
	static const struct { __u8 code; short off; int imm; } variants[] = {
		{ 0x34, 1, -1 }, { 0x37, 1, -1 }, { 0x3c, 1, -1 }, { 0x3f, 1, -1 }, { 0x94, 1, -1 }, { 0x97, 1, -1 },
		{ 0x9c, 1, -1 }, { 0x9f, 1, -1 }, { 0xbc, 8, -1 }, { 0xbc, 16, -1 }, { 0xbf, 8, -1 }, { 0xbf, 16, -1 },
		{ 0xbf, 32, -1 }, { 0xd4, -1, 16 }, { 0xd4, -1, 32 }, { 0xd4, -1, 64 }, { 0xdc, -1, 16 },
		{ 0xdc, -1, 32 }, { 0xdc, -1, 64 }, { 0xd7, -1, 16 }, { 0xd7, -1, 32 }, { 0xd7, -1, 64 },
		{ 0xc3, -1, 0x00 }, { 0xc3, -1, 0x01 }, { 0xc3, -1, 0x40 }, { 0xc3, -1, 0x41 }, { 0xc3, -1, 0x50 },
		{ 0xc3, -1, 0x51 }, { 0xc3, -1, 0xa0 }, { 0xc3, -1, 0xa1 }, { 0xc3, -1, 0xe1 }, { 0xc3, -1, 0xf1 },
		{ 0xdb, -1, 0x00 }, { 0xdb, -1, 0x01 }, { 0xdb, -1, 0x40 }, { 0xdb, -1, 0x41 }, { 0xdb, -1, 0x50 },
		{ 0xdb, -1, 0x51 }, { 0xdb, -1, 0xa0 }, { 0xdb, -1, 0xa1 }, { 0xdb, -1, 0xe1 }, { 0xdb, -1, 0xf1 },
	};
	__u32 i;

	CHECK(ARRAY_SIZE(opcodes) == 125 - 6, "the list has %zu opcodes", ARRAY_SIZE(opcodes));
	for (i = 0; i < ARRAY_SIZE(opcodes); i++)
		CHECK(has_row(opcodes[i], -1, -1), "no row for opcode %02x", opcodes[i]);
	for (i = 0; i < ARRAY_SIZE(variants); i++)
		CHECK(has_row(variants[i].code, variants[i].off, variants[i].imm), "no row for opcode %02x off %d imm %x",
		      variants[i].code, variants[i].off, variants[i].imm);
}

int main(int argc, char **argv)
{
	__u32 i, k;

	if (argc > 1 && !strcmp(argv[1], "--quick")) {
		sweep_stride = 8;
		argv++;
	}
	modes_init(argv[1]);
	check_complete();
	for (k = 0; k < nr_modes; k++)
		for (i = 0; i < ARRAY_SIZE(rows); i++)
			run_row(&rows[i], &modes[k]);
	isa_more();
	sweep_isa();
	return check_done();
}
