/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decoding for the kernel: the same as for user space, but for what only its
 * verifier makes; fields that user space must leave zero are not looked at.
 */
#include <string.h>

#include "check.h"
#include "insns.h"
#include "../jit/op.h"

static char said[512];

static void say(void *arg, const char *text)
{
	snprintf(said, sizeof(said), "%s", text);
}

static const struct moat_log to_said = { say, NULL };

typedef int decode_fn(struct moat_op *op, const struct bpf_insn *insn, u32 len, const struct moat_log *log);

static int decode(decode_fn *fn, struct moat_op *op, struct bpf_insn insn, s32 high)
{
	struct bpf_insn both[2] = { insn, { .imm = high } };
	struct moat_op ops[2];
	int err;

	memset(ops, 0, sizeof(ops));
	said[0] = 0;
	err = fn(ops, both, insn.code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1, &to_said);
	*op = ops[0];
	return err;
}

static bool is_different(u8 code)
{
	return code == (BPF_JMP | BPF_CALL) || code == (BPF_LD | BPF_IMM | BPF_DW) ||
	       (BPF_CLASS(code) == BPF_LD && (BPF_MODE(code) == BPF_ABS || BPF_MODE(code) == BPF_IND));
}

/* @insn decodes to the same for both; then each field that is reserved may hold anything in the kernel. */
static void same(struct bpf_insn insn)
{
	struct moat_op user, kernel, with;
	struct bpf_insn junk[4] = { insn, insn, insn, insn };
	u32 i;

	if (decode(moat_decode, &user, insn, 0))
		return;
	CHECK(!decode(moat_decode_kernel, &kernel, insn, 0) && !memcmp(&user, &kernel, sizeof(user)),
	      "opcode %02x is different: %s", insn.code, said);
	junk[0].dst_reg ^= 3;
	junk[1].src_reg ^= 1;
	junk[2].off ^= 0x1234;
	junk[3].imm ^= 0x55667788;
	for (i = 0; i < 4; i++) {
		if (!decode(moat_decode, &user, junk[i], 0) || !strstr(said, "reserved field"))
			continue;
		CHECK(!decode(moat_decode_kernel, &with, junk[i], 0) && !memcmp(&with, &kernel, sizeof(with)),
		      "opcode %02x looks at reserved field %u: %s", insn.code, i, said);
	}
}

static void all_opcodes(void)
{
	static const s32 imms[] = { 0, 1, 16, 32, 64, BPF_CMPXCHG, BPF_XOR | BPF_FETCH, -5 };
	static const s16 offs[] = { 0, 1, 8, 16, 32, -4 };
	u32 code, i, k, n = check_passed;

	for (code = 0; code < 256; code++) {
		for (i = 0; i < ARRAY_SIZE(imms) && !is_different((u8)code); i++)
			for (k = 0; k < ARRAY_SIZE(offs); k++) {
				same((struct bpf_insn)INSN((u8)code, 1, 2, offs[k], imms[i]));
				same((struct bpf_insn)INSN((u8)code, 1, 0, offs[k], imms[i]));
				same((struct bpf_insn)INSN((u8)code, 0, 0, offs[k], imms[i]));
			}
	}
	CHECK(check_passed > n + 1000, "%u comparisons", check_passed - n);
}

struct row {
	struct bpf_insn insn;
	s32 high;
	struct moat_op want;
};

/* What only the verifier makes. */
static void kernel_only(void)
{
	static const struct row rows[] = {
		{ INSN(BPF_LDX | MOAT_PROBE_MEM | BPF_B, 1, 2, -8, 99), 0,
		  { .kind = MOAT_PROBE, .bytes = 1, .dst = 1, .src = 2, .off = -8 } },
		{ INSN(BPF_LDX | MOAT_PROBE_MEM | BPF_DW, 11, 11, 4, 0), 0,
		  { .kind = MOAT_PROBE, .bytes = 8, .dst = 11, .src = 11, .off = 4 } },
		{ INSN(BPF_ST | MOAT_NOSPEC, 3, 4, 5, 6), 0, { .kind = MOAT_BARRIER } },
		{ INSN(BPF_JMP | MOAT_TAIL_CALL, 1, 1, 1, 0), 0, { .kind = MOAT_TAIL } },
		{ INSN(BPF_JMP | MOAT_TAIL_CALL, 0, 0, 0, 5), 0, { .kind = MOAT_TAIL, .imm = 5 } },
		{ INSN(BPF_JMP | BPF_CALL, 0, 0, 7, BPF_FUNC_tail_call), 0,
		  { .kind = MOAT_HELPER, .has_imm = true, .imm = BPF_FUNC_tail_call } },
		{ INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 3, -77), 0,
		  { .kind = MOAT_HELPER, .has_imm = true, .fn = BPF_PSEUDO_CALL } },
		{ INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 3, 1), 0,
		  { .kind = MOAT_HELPER, .has_imm = true, .fn = BPF_PSEUDO_KFUNC_CALL } },
		{ INSN(BPF_LD | BPF_IMM | BPF_DW, 2, 0, 9, -2), 0x12345678,
		  { .kind = MOAT_IMM64, .is64 = true, .has_imm = true, .dst = 2, .imm = 0x12345678fffffffe } },
		{ INSN(BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_FUNC, 0, 8), 1,
		  { .kind = MOAT_IMM64, .is64 = true, .has_imm = true, .dst = 2, .asked = true } },
		{ INSN(BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_MAP_VALUE, 0, 8), 1,
		  { .kind = MOAT_IMM64, .is64 = true, .has_imm = true, .dst = 2, .imm = 0x100000008 } },
		{ INSN(BPF_ALU | BPF_XOR | BPF_K, 11, 0, 0, 8), 0,
		  { .kind = MOAT_ALU, .fn = BPF_XOR, .has_imm = true, .dst = 11, .imm = 8 } },
		{ INSN(BPF_ALU | BPF_MOV | BPF_X, 3, 3, 0, 1), 0, { .kind = MOAT_MOV, .fn = BPF_MOV, .dst = 3, .src = 3 } },
	};
	struct moat_op op;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];

		CHECK(!decode(moat_decode_kernel, &op, r->insn, r->high), "row %u: %s", i, said);
		CHECK(!memcmp(&op, &r->want, sizeof(op)), "row %u: kind %u, not %u, or another field", i, op.kind,
		      r->want.kind);
		CHECK(decode(moat_decode, &op, r->insn, r->high) || r->insn.src_reg == BPF_PSEUDO_FUNC,
		      "row %u is taken in user space", i);
	}
}

static void refused(void)
{
	static const struct {
		struct bpf_insn insn;
		const char *why;
	} rows[] = {
		{ INSN(BPF_ALU | BPF_XOR | BPF_K, 12, 0, 0, 8), "no such dst register" },
		{ INSN(BPF_ALU | BPF_XOR | BPF_X, 1, 12, 0, 0), "no such src register" },
		{ INSN(BPF_JMP | BPF_CALL, 0, 3, 0, 0), "src_reg must be" },
		{ INSN(BPF_LD | BPF_ABS | BPF_W, 0, 0, 0, 0), "no such instruction" },
		{ INSN(BPF_LD | BPF_IND | BPF_B, 0, 1, 0, 0), "no such instruction" },
		{ INSN(0xe5, 0, 0, 0, 0), "no such instruction" },
		{ INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 2, 0, 0x33), "no atomic operation" },
		{ INSN(BPF_LD | BPF_IMM | BPF_DW, 2, 9, 0, 0), "no kind of address" },
	};
	struct bpf_insn half = INSN(BPF_LD | BPF_IMM | BPF_DW, 2, 0, 0, 0);
	struct moat_op op;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		CHECK(decode(moat_decode_kernel, &op, rows[i].insn, 0) == -EINVAL && strstr(said, rows[i].why),
		      "%s: '%s'", rows[i].why, said);
	CHECK(moat_decode_kernel(&op, &half, 1, &to_said) == -EINVAL && strstr(said, "second half"), "half: '%s'", said);
}

int main(void)
{
	all_opcodes();
	kernel_only();
	refused();
	return check_done();
}
