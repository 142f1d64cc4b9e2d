// SPDX-License-Identifier: GPL-2.0-only
/*
 * Classic BPF (socket filters, seccomp), which the verifier never meets: made
 * into a program of the form that domains are made of.
 *
 * The kernel has checked it and converts it for itself, to code with addresses
 * of its functions and offsets in its structures.  Ours has neither: packets
 * come by LD_ABS and LD_IND, what else an skb has by the fields of struct
 * __sk_buff, seccomp's data by a view of struct seccomp_data; and by calls what has no field.
 *
 * Registers: A is R0, X is R7, the context is R6; R8 keeps A for a moment.
 * Each holds a 32-bit number, zero-extended.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "unverified.h"

enum {
	A = BPF_REG_0,
	CTX = BPF_REG_6,
	X = BPF_REG_7,
	KEPT = BPF_REG_8,
};

/* Ancillary loads ----------------------------------------------------------- */

#define FIELD(name)	offsetof(struct __sk_buff, name)

/* What a filter finds at SKF_AD_OFF + @what: a field of the context, or what a helper returns for (context, A, X). */
static const struct ancillary {
	u16 what;
	u16 field;
	u16 helper;		/* 0: the field */
	bool swapped;		/* 16 bits in network order */
	bool needs_device;	/* it is @none if there is none; then the filter ends with A as it is */
	u32 none;
} ancillaries[] = {
	{ SKF_AD_PROTOCOL,	FIELD(protocol), .swapped = true },
	{ SKF_AD_PKTTYPE,	FIELD(pkt_type) },
	{ SKF_AD_IFINDEX,	FIELD(ifindex), .needs_device = true, .none = 0 },
	{ SKF_AD_MARK,		FIELD(mark) },
	{ SKF_AD_QUEUE,		FIELD(queue_mapping) },
	{ SKF_AD_RXHASH,	FIELD(hash) },
	{ SKF_AD_VLAN_TAG,	FIELD(vlan_tci) },
	{ SKF_AD_VLAN_TAG_PRESENT, FIELD(vlan_present) },
	{ SKF_AD_VLAN_TPID,	FIELD(vlan_proto), .swapped = true },
	{ SKF_AD_CPU,		.helper = BPF_FUNC_get_smp_processor_id },
	{ SKF_AD_RANDOM,	.helper = BPF_FUNC_get_prandom_u32 },
	{ SKF_AD_HATYPE,	.helper = MOAT_FUNC_HATYPE, .needs_device = true, .none = MOAT_NO_DEVICE },
	{ SKF_AD_PAY_OFFSET,	.helper = MOAT_FUNC_PAY_OFFSET },
	{ SKF_AD_NLATTR,	.helper = MOAT_FUNC_NLATTR },
	{ SKF_AD_NLATTR_NEST,	.helper = MOAT_FUNC_NLATTR_NEST },
};

/* Translation ---------------------------------------------------------------- */

struct translation {
	struct bpf_insn *insn;	/* NULL: it is only counted */
	struct bpf_insn_aux_data *aux;
	u32 len;
	u32 *at;		/* where each classic instruction begins; known after the first pass */
	bool far;		/* a jump is too long */
};

static void put(struct translation *t, struct bpf_insn insn)
{
	if (t->insn)
		t->insn[t->len] = insn;
	t->len++;
}

static void put_context_load(struct translation *t, u8 to, u32 off)
{
	if (t->insn)
		t->aux[t->len].ptr_type = PTR_TO_CTX;
	put(t, BPF_LDX_MEM(BPF_W, to, CTX, off));
}

/* A jump of @code to the classic instruction @to. */
static void put_jump(struct translation *t, struct bpf_insn insn, u32 to)
{
	s32 off = t->at[to] - (t->len + 1);

	insn.off = off;
	if (t->insn && insn.off != off)
		t->far = true;
	put(t, insn);
}

static void put_call(struct translation *t, s32 helper)
{
	if (helper >= __BPF_FUNC_MAX_ID) {
		put(t, BPF_MOV64_REG(BPF_REG_1, CTX));
		put(t, BPF_MOV64_REG(BPF_REG_2, A));
		put(t, BPF_MOV64_REG(BPF_REG_3, X));
	}
	put(t, BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper));
}

static void put_ancillary(struct translation *t, const struct ancillary *a)
{
	if (a->needs_device)
		put(t, BPF_MOV32_REG(KEPT, A));
	if (a->helper)
		put_call(t, a->helper);
	else
		put_context_load(t, A, a->field);
	if (a->swapped)
		put(t, BPF_ENDIAN(BPF_FROM_BE, A, 16));
	if (!a->needs_device)
		return;
	put(t, BPF_JMP32_IMM(BPF_JNE, A, a->none, 2));
	put(t, BPF_MOV32_REG(A, KEPT));
	put(t, BPF_EXIT_INSN());
}

/* A load from the packet, if it is none of the others that such an instruction can be. */
static void put_absolute(struct translation *t, const struct sock_filter *f)
{
	u32 i, what = f->k - (u32)SKF_AD_OFF;

	for (i = 0; i < ARRAY_SIZE(ancillaries); i++)
		if (ancillaries[i].what == what)
			return put_ancillary(t, &ancillaries[i]);
	if (what == SKF_AD_ALU_XOR_X)
		put(t, BPF_ALU32_REG(BPF_XOR, A, X));
	else
		put(t, BPF_RAW_INSN(f->code, 0, 0, 0, f->k));
}

/* X = 4 * (byte of the packet & 15): the length of an IP header. */
static void put_header_length(struct translation *t, const struct sock_filter *f)
{
	put(t, BPF_MOV32_REG(KEPT, A));
	put(t, BPF_LD_ABS(BPF_B, f->k));
	put(t, BPF_ALU32_IMM(BPF_AND, A, 15));
	put(t, BPF_ALU32_IMM(BPF_LSH, A, 2));
	put(t, BPF_MOV32_REG(X, A));
	put(t, BPF_MOV32_REG(A, KEPT));
}

/* Memory cell @k of the sixteen. */
static s16 cell(u32 k)
{
	return -4 * (s32)(k + 1);
}

static void put_load(struct translation *t, const struct sock_filter *f)
{
	u8 to = BPF_CLASS(f->code) == BPF_LD ? A : X;

	switch (BPF_MODE(f->code)) {
	case BPF_IMM:
		put(t, BPF_MOV32_IMM(to, f->k));
		break;
	case BPF_MEM:
		put(t, BPF_LDX_MEM(BPF_W, to, BPF_REG_FP, cell(f->k)));
		break;
	case BPF_LEN:
		put_context_load(t, to, FIELD(len));
		break;
	case BPF_ABS:
		/* As LDX it is seccomp's way to say that it goes to A, from its own data. */
		if (to == X)
			put_context_load(t, A, f->k);
		else
			put_absolute(t, f);
		break;
	case BPF_IND:
		put(t, BPF_RAW_INSN(f->code, 0, X, 0, f->k));
		break;
	default:
		put_header_length(t, f);
	}
}

static void put_alu(struct translation *t, const struct sock_filter *f)
{
	bool x = BPF_SRC(f->code) == BPF_X && BPF_OP(f->code) != BPF_NEG;
	bool divides = BPF_OP(f->code) == BPF_DIV || BPF_OP(f->code) == BPF_MOD;

	/* Division by zero ends a filter with 0. */
	if (x && divides) {
		put(t, BPF_JMP32_IMM(BPF_JNE, X, 0, 2));
		put(t, BPF_MOV32_IMM(A, 0));
		put(t, BPF_EXIT_INSN());
	}
	put(t, BPF_RAW_INSN(f->code, A, x ? X : 0, 0, x || BPF_OP(f->code) == BPF_NEG ? 0 : f->k));
}

/* What jumps where the comparison @op does not; 0: nothing does. */
static u8 opposite(u8 op)
{
	switch (op) {
	case BPF_JEQ:
		return BPF_JNE;
	case BPF_JGT:
		return BPF_JLE;
	case BPF_JGE:
		return BPF_JLT;
	default:
		return 0;
	}
}

static void put_branch(struct translation *t, const struct sock_filter *f, u32 i)
{
	bool x = BPF_SRC(f->code) == BPF_X;
	u8 op = BPF_OP(f->code);
	struct bpf_insn insn = BPF_RAW_INSN(BPF_JMP32 | op | BPF_SRC(f->code), A, x ? X : 0, 0, x ? 0 : f->k);

	if (op == BPF_JA)
		return put_jump(t, BPF_JMP_A(0), i + 1 + f->k);
	if (!f->jt && f->jf && opposite(op)) {
		insn.code = BPF_JMP32 | opposite(op) | BPF_SRC(f->code);
		return put_jump(t, insn, i + 1 + f->jf);
	}
	put_jump(t, insn, i + 1 + f->jt);
	if (f->jf)
		put_jump(t, BPF_JMP_A(0), i + 1 + f->jf);
}

static void put_one(struct translation *t, const struct sock_filter *f, u32 i)
{
	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
	case BPF_LDX:
		return put_load(t, f);
	case BPF_ST:
	case BPF_STX:
		return put(t, BPF_STX_MEM(BPF_W, BPF_REG_FP, BPF_CLASS(f->code) == BPF_ST ? A : X, cell(f->k)));
	case BPF_ALU:
		return put_alu(t, f);
	case BPF_JMP:
		return put_branch(t, f, i);
	case BPF_RET:
		if (BPF_RVAL(f->code) == BPF_K)
			put(t, BPF_MOV32_IMM(A, f->k));
		return put(t, BPF_EXIT_INSN());
	default:
		return put(t, BPF_MISCOP(f->code) == BPF_TAX ? BPF_MOV32_REG(X, A) : BPF_MOV32_REG(A, X));
	}
}

/* All of it; the kernel has checked that each instruction is one, and that jumps stay inside. */
static void translate(struct translation *t, const struct sock_filter *f, u32 len)
{
	u32 i;

	t->len = 0;
	put(t, BPF_MOV32_IMM(A, 0));
	put(t, BPF_MOV32_IMM(X, 0));
	put(t, BPF_MOV64_REG(CTX, BPF_REG_1));
	for (i = 0; i < len; i++) {
		t->at[i] = t->len;
		put_one(t, &f[i], i);
	}
}

/* Both passes; 0 or -errno. */
static int translate_to(struct bpf_verifier_env **env, struct translation *t, const struct sock_filter *f, u32 len)
{
	translate(t, f, len);
	*env = moat_unverified_env(t->len);
	if (!*env)
		return -ENOMEM;
	t->insn = (*env)->prog->insnsi;
	t->aux = (*env)->insn_aux_data;
	translate(t, f, len);
	return t->far ? -EINVAL : 0;
}

int moat_classic_translate(struct bpf_verifier_env **env, const struct sock_filter *f, u32 len)
{
	struct translation t = { .at = kvcalloc(len, sizeof(*t.at), GFP_KERNEL) };
	int err = t.at ? translate_to(env, &t, f, len) : -ENOMEM;

	kvfree(t.at);
	return err;
}

bool moat_classic_is_seccomp(const struct sock_filter *f, u32 len)
{
	u32 i;

	for (i = 0; i < len; i++)
		if (f[i].code == (BPF_LDX | BPF_W | BPF_ABS))
			return true;
	return false;
}
