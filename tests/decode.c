/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decoding, against lists written from RFC 9669: which opcodes there are,
 * which fields each has, what each becomes.
 */
#include <stdlib.h>

#include "../jit/op.h"
#include "check.h"
#include "insns.h"

static char said[512];		/* the last line that the core logged */

static void remember(void *arg, const char *text)
{
	snprintf(said, sizeof(said), "%s", text);
}

static const struct moat_log to_said = { .line = remember };

/* Decode one instruction; a wide one is followed by @second. */
static int decode(struct moat_op op[2], struct bpf_insn insn, struct bpf_insn second)
{
	struct bpf_insn both[2] = { insn, second };

	said[0] = '\0';
	return moat_decode(op, both, insn.code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1, &to_said);
}

static int decode_alone(struct bpf_insn insn)
{
	struct moat_op op[2];

	return decode(op, insn, (struct bpf_insn){ 0 });
}

/* Opcodes and fields -------------------------------------------------------*/

/*
 * Every opcode of RFC 9669, by the fields it has: dst, src, off, imm.  Fields
 * in capitals have few valid values; @imm is one for the field imm.
 */
static const struct {
	const char *fields, *opcodes;
	int imm;
} rfc[] = {
	{ "di",   "04 14 24 44 54 64 74 a4 b4 c4  07 17 27 47 57 67 77 a7 b7 c7", 0 },
	{ "ds",   "0c 1c 2c 4c 5c 6c 7c ac cc  0f 1f 2f 4f 5f 6f 7f af cf", 0 },
	{ "dOi",  "34 94  37 97", 0 },
	{ "dsO",  "3c 9c bc  3f 9f bf", 0 },
	{ "d",    "84 87", 0 },
	{ "dI",   "d4 dc d7", 16 },
	{ "dSi",  "18", 0 },
	{ "i",    "20 28 30", 0 },
	{ "si",   "40 48 50", 0 },
	{ "dso",  "61 69 71 79  81 89 91  63 6b 73 7b", 0 },
	{ "doi",  "62 6a 72 7a", 0 },
	{ "dsoI", "c3 db", 0 },
	{ "doi",  "15 25 35 45 55 65 75 a5 b5 c5 d5  16 26 36 46 56 66 76 a6 b6 c6 d6", 0 },
	{ "dso",  "1d 2d 3d 4d 5d 6d 7d ad bd cd dd  1e 2e 3e 4e 5e 6e 7e ae be ce de", 0 },
	{ "o",    "05", 0 },
	{ "i",    "06", 0 },
	{ "Si",   "85", 1 },
	{ "",     "95", 0 },
};

static bool has(const char *fields, char name)
{
	return strchr(fields, name) || strchr(fields, name - 'a' + 'A');
}

/* Is @insn refused with @rule, or accepted if that is NULL? */
static bool obeys(struct bpf_insn insn, const char *rule)
{
	int err = decode_alone(insn);

	return rule ? err == -EINVAL && strstr(said, rule) : err == 0;
}

static void refused(struct bpf_insn insn, const char *rule)
{
	CHECK(obeys(insn, rule), "%02x dst %d src %d off %d imm %d: said '%s', not '%s'",
	      insn.code, insn.dst_reg, insn.src_reg, insn.off, insn.imm, said, rule);
}

static void accepted(struct bpf_insn insn)
{
	CHECK(obeys(insn, NULL), "%02x dst %d src %d off %d imm %d: said '%s'", insn.code,
	      insn.dst_reg, insn.src_reg, insn.off, insn.imm, said);
}

/* A register field: reserved, free, or with few valid values. */
static void check_register(struct bpf_insn insn, const char *fields, char name)
{
	int r;

	for (r = 1; r < 16; r++) {
		struct bpf_insn with = insn;

		if (name == 'd')
			with.dst_reg = r;
		else
			with.src_reg = r;
		if (!has(fields, name))
			refused(with, name == 'd' ? "reserved field dst_reg" : "reserved field src_reg");
		else if (r > 10)
			refused(with, name == 'd' ? "no such dst register" : "no such src register");
		else if (strchr(fields, name))
			accepted(with);
	}
}

static void check_fields(u8 code, const char *fields, int imm)
{
	static const s16 offs[] = { 1, 2, -1, 256, INT16_MAX, INT16_MIN };
	static const s32 imms[] = { 2, -1, 3, 65536, INT32_MAX, INT32_MIN };
	struct bpf_insn insn = INSN(code, 0, 0, 0, imm);
	unsigned int i;

	accepted(insn);
	check_register(insn, fields, 'd');
	check_register(insn, fields, 's');
	for (i = 0; i < ARRAY_SIZE(offs); i++) {
		struct bpf_insn with = insn;

		with.off = offs[i];
		if (!has(fields, 'o'))
			refused(with, "reserved field off");
		else if (strchr(fields, 'o'))
			accepted(with);
		with.off = 0;
		with.imm = imms[i];
		if (!has(fields, 'i'))
			refused(with, "reserved field imm");
		else if (strchr(fields, 'i'))
			accepted(with);
	}
}

static void check_opcodes(void)
{
	bool known[256] = { false };
	unsigned int i, code, nr = 0;

	for (i = 0; i < ARRAY_SIZE(rfc); i++) {
		const char *at = rfc[i].opcodes;
		char *end;

		for (code = strtoul(at, &end, 16); end != at; code = strtoul(at, &end, 16)) {
			CHECK(!known[code], "%02x is listed twice", code);
			known[code] = true;
			nr++;
			check_fields(code, rfc[i].fields, rfc[i].imm);
			at = end;
		}
	}
	/* 12 operations in 4 forms, 2 negations, 3 swaps; 7 LD, 7 LDX, 8 ST, 2 atomic; 11 conditions in 4 forms, 4 more */
	CHECK(nr == 12 * 4 + 2 + 3 + 7 + 7 + 8 + 2 + 11 * 4 + 4, "the list has %u opcodes", nr);
	for (code = 0; code < 256; code++)
		if (!known[code])
			refused((struct bpf_insn) INSN(code, 0, 0, 0, 0), "no such instruction");
}

/* Fields with few valid values ---------------------------------------------*/

/* All values of off for one opcode: @rule but where @valid says so. */
static void sweep_offset(u8 code, bool (*valid)(int off), const char *rule)
{
	int off, bad = 0;

	for (off = INT16_MIN; off <= INT16_MAX; off++) {
		struct bpf_insn insn = INSN(code, 1, 0, off, 0);

		if (!obeys(insn, valid(off) ? NULL : rule))
			bad++;
	}
	CHECK(bad == 0, "%02x: %d values of off are judged wrongly", code, bad);
}

static bool is_divide_off(int off)
{
	return off == 0 || off == 1;
}

static bool is_move32_off(int off)
{
	return off == 0 || off == 8 || off == 16;
}

static bool is_move64_off(int off)
{
	return is_move32_off(off) || off == 32;
}

static void check_offsets(void)
{
	static const u8 divide[] = { 0x34, 0x3c, 0x94, 0x9c, 0x37, 0x3f, 0x97, 0x9f };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(divide); i++)
		sweep_offset(divide[i], is_divide_off, "off must be 0 (unsigned) or 1 (signed)");
	sweep_offset(0xbc, is_move32_off, "off must be 0, 8 or 16");
	sweep_offset(0xbf, is_move64_off, "off must be 0, 8, 16 or 32");
}

static bool is_atomic(int imm)
{
	return imm == 0x00 || imm == 0x01 || imm == 0x40 || imm == 0x41 || imm == 0x50 ||
	       imm == 0x51 || imm == 0xa0 || imm == 0xa1 || imm == 0xe1 || imm == 0xf1;
}

static bool is_swap_width(int imm)
{
	return imm == 16 || imm == 32 || imm == 64;
}

/* The same for imm, in the range where anything could be. */
static void sweep_immediate(u8 code, bool (*valid)(int imm), const char *rule)
{
	int imm, bad = 0;

	for (imm = -1024; imm < 66000; imm++) {
		struct bpf_insn insn = INSN(code, 3, 0, 0, imm);

		if (!obeys(insn, valid(imm) ? NULL : rule))
			bad++;
	}
	CHECK(bad == 0, "%02x: %d values of imm are judged wrongly", code, bad);
}

static void check_immediates(void)
{
	sweep_immediate(0xd4, is_swap_width, "imm must be 16, 32 or 64");
	sweep_immediate(0xdc, is_swap_width, "imm must be 16, 32 or 64");
	sweep_immediate(0xd7, is_swap_width, "imm must be 16, 32 or 64");
	sweep_immediate(0xc3, is_atomic, "imm names no atomic operation");
	sweep_immediate(0xdb, is_atomic, "imm names no atomic operation");
}

static void check_sources(void)
{
	int src;

	for (src = 0; src <= 10; src++) {
		struct bpf_insn call = INSN(0x85, 0, src, 0, 5), wide = INSN(0x18, 1, src, 0, 5);

		if (src == 0 || src == 1)
			accepted(call);
		else
			refused(call, src == 2 ? "kernel functions (src_reg 2) cannot be called" :
						 "src_reg must be 0 (helper) or 1 (local function)");
		if (src == 0 || src == 4)
			accepted(wide);
		else
			refused(wide, "not resolved by the loader");
	}
}

static void check_wide(void)
{
	static const struct bpf_insn bad[] = {
		INSN(1, 0, 0, 0, 0), INSN(0x18, 0, 0, 0, 0), INSN(0, 1, 0, 0, 0),
		INSN(0, 0, 1, 0, 0), INSN(0, 0, 0, 1, 0),
	};
	struct bpf_insn wide = INSN(0x18, 1, 0, 0, 7), func = INSN(0x18, 1, 4, 0, 7);
	struct moat_op op[2];
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		err = decode(op, wide, bad[i]);
		CHECK(err == -EINVAL && strstr(said, "reserved fields in the second half"), "%u: '%s'", i, said);
	}
	err = decode(op, func, (struct bpf_insn) INSN(0, 0, 0, 0, 1));
	CHECK(err == -EINVAL && strstr(said, "reserved field imm of the second half"), "'%s'", said);
	err = moat_decode(op, &wide, 1, &to_said);
	CHECK(err == -EINVAL && strstr(said, "second half of a wide instruction is missing"), "'%s'", said);
	CHECK(!strcmp(said, "insn 0: (18) r1 = 0x7: the second half of a wide instruction is missing"),
	      "'%s'", said);
}

/* What instructions become -------------------------------------------------*/

static const struct becomes {
	struct bpf_insn insn[2];
	struct moat_op op;
} becomes[] = {
	{ { INSN(0x07, 1, 0, 0, -5) }, { .kind = MOAT_ALU, .fn = BPF_ADD, .dst = 1, .imm = -5, .is64 = true, .has_imm = true } },
	{ { INSN(0x0c, 1, 2, 0, 0) }, { .kind = MOAT_ALU, .fn = BPF_ADD, .dst = 1, .src = 2 } },
	{ { INSN(0x54, 1, 0, 0, -1) }, { .kind = MOAT_ALU, .fn = BPF_AND, .dst = 1, .imm = -1, .has_imm = true } },
	{ { INSN(0x87, 9, 0, 0, 0) }, { .kind = MOAT_ALU, .fn = BPF_NEG, .dst = 9, .is64 = true, .has_imm = true } },
	{ { INSN(0x67, 1, 0, 0, 65) }, { .kind = MOAT_SHIFT, .fn = BPF_LSH, .dst = 1, .imm = 1, .is64 = true, .has_imm = true } },
	{ { INSN(0xc4, 1, 0, 0, -1) }, { .kind = MOAT_SHIFT, .fn = BPF_ARSH, .dst = 1, .imm = 31, .has_imm = true } },
	{ { INSN(0x7f, 1, 2, 0, 0) }, { .kind = MOAT_SHIFT, .fn = BPF_RSH, .dst = 1, .src = 2, .is64 = true } },
	{ { INSN(0x3f, 1, 2, 1, 0) }, { .kind = MOAT_DIV, .fn = BPF_DIV, .dst = 1, .src = 2, .is64 = true, .sx = true } },
	{ { INSN(0x94, 1, 0, 0, 0) }, { .kind = MOAT_DIV, .fn = BPF_MOD, .dst = 1, .has_imm = true } },
	{ { INSN(0xbf, 1, 2, 0, 0) }, { .kind = MOAT_MOV, .fn = BPF_MOV, .dst = 1, .src = 2, .is64 = true } },
	{ { INSN(0xbf, 1, 2, 32, 0) }, { .kind = MOAT_MOV, .fn = BPF_MOV, .dst = 1, .src = 2, .is64 = true, .sx = true, .bytes = 4 } },
	{ { INSN(0xbc, 1, 2, 8, 0) }, { .kind = MOAT_MOV, .fn = BPF_MOV, .dst = 1, .src = 2, .sx = true, .bytes = 1 } },
	{ { INSN(0xb4, 1, 0, 0, -1) }, { .kind = MOAT_MOV, .fn = BPF_MOV, .dst = 1, .imm = -1, .has_imm = true } },
	{ { INSN(0xd4, 1, 0, 0, 16) }, { .kind = MOAT_SWAP, .fn = SWAP_LE, .dst = 1, .bytes = 2 } },
	{ { INSN(0xdc, 1, 0, 0, 32) }, { .kind = MOAT_SWAP, .fn = SWAP_BE, .dst = 1, .bytes = 4 } },
	{ { INSN(0xd7, 1, 0, 0, 64) }, { .kind = MOAT_SWAP, .fn = SWAP_ALWAYS, .dst = 1, .bytes = 8 } },
	{ { INSN(0x18, 1, 0, 0, -2), INSN(0, 0, 0, 0, 0x12345678) },
	  { .kind = MOAT_IMM64, .dst = 1, .imm = 0x12345678fffffffe, .is64 = true, .has_imm = true } },
	{ { INSN(0x18, 1, 4, 0, 9) }, { .kind = MOAT_FUNC, .dst = 1, .target = 10, .is64 = true } },
	{ { INSN(0x28, 0, 0, 0, 12) }, { .kind = MOAT_PACKET, .fn = BPF_ABS, .bytes = 2, .imm = 12, .has_imm = true } },
	{ { INSN(0x50, 0, 3, 0, -1) }, { .kind = MOAT_PACKET, .fn = BPF_IND, .bytes = 1, .src = 3, .imm = -1, .has_imm = true } },
	{ { INSN(0x79, 1, 2, -8, 0) }, { .kind = MOAT_LOAD, .bytes = 8, .dst = 1, .src = 2, .off = -8 } },
	{ { INSN(0x89, 1, 2, 8, 0) }, { .kind = MOAT_LOAD, .bytes = 2, .dst = 1, .src = 2, .off = 8, .sx = true } },
	{ { INSN(0x62, 1, 0, 4, -3) }, { .kind = MOAT_STORE, .bytes = 4, .dst = 1, .off = 4, .imm = -3, .has_imm = true } },
	{ { INSN(0x73, 1, 2, 4, 0) }, { .kind = MOAT_STORE, .bytes = 1, .dst = 1, .src = 2, .off = 4 } },
	{ { INSN(0xdb, 1, 2, 4, 0xf1) }, { .kind = MOAT_ATOMIC, .bytes = 8, .dst = 1, .src = 2, .off = 4, .imm = BPF_CMPXCHG } },
	{ { INSN(0xc3, 1, 2, 4, 0x51) }, { .kind = MOAT_ATOMIC, .bytes = 4, .dst = 1, .src = 2, .off = 4, .imm = BPF_AND | BPF_FETCH } },
	{ { INSN(0x05, 0, 0, 3, 0) }, { .kind = MOAT_JUMP, .target = 4 } },
	{ { INSN(0x05, 0, 0, -1, 0) }, { .kind = MOAT_JUMP, .target = 0 } },
	{ { INSN(0x05, 0, 0, -2, 0) }, { .kind = MOAT_JUMP, .target = MOAT_NO_TARGET } },
	{ { INSN(0x06, 0, 0, 0, INT32_MAX) }, { .kind = MOAT_JUMP, .target = 0x80000000 } },
	{ { INSN(0x06, 0, 0, 0, INT32_MIN) }, { .kind = MOAT_JUMP, .target = MOAT_NO_TARGET } },
	{ { INSN(0x15, 1, 0, 2, -7) }, { .kind = MOAT_BRANCH, .fn = BPF_JEQ, .dst = 1, .imm = -7, .is64 = true, .has_imm = true, .target = 3 } },
	{ { INSN(0xce, 1, 2, 2, 0) }, { .kind = MOAT_BRANCH, .fn = BPF_JSLT, .dst = 1, .src = 2, .sx = true, .target = 3 } },
	{ { INSN(0x85, 0, 0, 0, 1) }, { .kind = MOAT_HELPER, .imm = 1, .has_imm = true } },
	{ { INSN(0x85, 0, 0, 0, 12) }, { .kind = MOAT_TAIL, .imm = 12, .has_imm = true } },
	{ { INSN(0x85, 0, 1, 0, 12) }, { .kind = MOAT_LOCAL, .target = 13 } },
	{ { INSN(0x95, 0, 0, 0, 0) }, { .kind = MOAT_EXIT } },
};

static void check_becomes(void)
{
	char text[MOAT_TEXT];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(becomes); i++) {
		const struct bpf_insn *insn = becomes[i].insn;
		const struct moat_op *want = &becomes[i].op;
		struct moat_op op[2];
		int err = decode(op, insn[0], insn[1]);

		CHECK(!err && op->kind == want->kind && op->fn == want->fn && op->bytes == want->bytes &&
		      op->dst == want->dst && op->src == want->src && op->off == want->off &&
		      op->imm == want->imm && op->target == want->target && op->pc == 0 &&
		      op->is64 == want->is64 && op->has_imm == want->has_imm && op->sx == want->sx &&
		      !op->guard && !op->split && !op->fused,
		      "%s: %d: kind %d fn %02x bytes %d dst %d src %d off %d imm %llx target %x is64 %d has_imm %d sx %d",
		      moat_text(text, insn, 2), err, op->kind, op->fn, op->bytes, op->dst, op->src,
		      op->off, (long long)op->imm, op->target, op->is64, op->has_imm, op->sx);
		if (insn->code == 0x18)
			CHECK(op[1].kind == MOAT_NOP && op[1].src == 1 && op[1].pc == 1,
			      "second half of %s", moat_text(text, insn, 2));
	}
}

/* Messages count slots, and decoding stops at the first error. */
static void check_index(void)
{
	static const struct bpf_insn program[] = { LDDW(1, 5), MOV_K(0, 0), INSN(0xb7, 0, 3, 0, 1), INSN(0xff, 0, 0, 0, 0) };
	struct moat_op op[5];
	int err = moat_decode(op, program, 5, &to_said);

	CHECK(err == -EINVAL && !strcmp(said, "insn 3: (b7) r0 = 1: reserved field src_reg is not zero"),
	      "%d: '%s'", err, said);
	err = moat_decode(op, program, 5, NULL);
	CHECK(err == -EINVAL, "without a log: %d", err);
	err = moat_decode(op, program, 3, &to_said);
	CHECK(err == 0 && op[2].pc == 2, "%d, pc %u", err, op[2].pc);
	CHECK(moat_decode(op, program, 0, NULL) == 0, "no instructions");
}

int main(void)
{
	check_opcodes();
	check_offsets();
	check_immediates();
	check_sources();
	check_wide();
	check_becomes();
	check_index();
	return check_done();
}
