/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Instructions and messages as text.
 *
 * The words are those of the kernel's verifier log and of bpftool's xlated
 * dump, so that what people know from there can be searched here.
 */
#include "op.h"

#define LINE_BYTES	256
#define CODE_BYTES	5		/* "(b7) " */
#define REST		(MOAT_TEXT - CODE_BYTES)

void moat_logf(const struct moat_log *log, const char *fmt, ...)
{
	char line[LINE_BYTES];
	va_list ap;

	if (!log || !log->line)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log->line(log->arg, line);
}

typedef void text_fn(char *text, const struct bpf_insn *insn, u32 left);

static const char *const alu_name[16] = {
	[BPF_ADD >> 4] = "+=",	[BPF_SUB >> 4] = "-=",	 [BPF_MUL >> 4] = "*=",
	[BPF_DIV >> 4] = "/=",	[BPF_OR >> 4] = "|=",	 [BPF_AND >> 4] = "&=",
	[BPF_LSH >> 4] = "<<=",	[BPF_RSH >> 4] = ">>=",	 [BPF_ARSH >> 4] = "s>>=",
	[BPF_MOD >> 4] = "%=",	[BPF_XOR >> 4] = "^=",	 [BPF_MOV >> 4] = "=",
};

static const char *const jump_name[16] = {
	[BPF_JEQ >> 4] = "==",	[BPF_JNE >> 4] = "!=",	 [BPF_JSET >> 4] = "&",
	[BPF_JGT >> 4] = ">",	[BPF_JGE >> 4] = ">=",	 [BPF_JLT >> 4] = "<",
	[BPF_JLE >> 4] = "<=",	[BPF_JSGT >> 4] = "s>",	 [BPF_JSGE >> 4] = "s>=",
	[BPF_JSLT >> 4] = "s<",	[BPF_JSLE >> 4] = "s<=",
};

/* Indexed by BPF_SIZE() >> 3: W, H, B, DW. */
static const char *const unsigned_type[4] = { "u32", "u16", "u8", "u64" };
static const char *const signed_type[4] = { "s32", "s16", "s8", "s64" };

static const char *memory_type(const struct bpf_insn *insn)
{
	return unsigned_type[BPF_SIZE(insn->code) >> 3];
}

static void text_unknown(char *text)
{
	snprintf(text, REST, "unknown instruction");
}

static void text_swap(char *text, const struct bpf_insn *insn)
{
	const char *order = BPF_SRC(insn->code) == BPF_TO_BE ? "be" : "le";

	if (BPF_CLASS(insn->code) == BPF_ALU64)
		order = "bswap";
	snprintf(text, REST, "r%d = %s%d r%d", insn->dst_reg, order, insn->imm, insn->dst_reg);
}

/* A move that extends a sign, or plain: the cast before the source register. */
static const char *cast_name(const struct bpf_insn *insn)
{
	if (BPF_OP(insn->code) != BPF_MOV)
		return "";
	switch (insn->off) {
	case 8:
		return "(s8)";
	case 16:
		return "(s16)";
	case 32:
		return "(s32)";
	default:
		return "";
	}
}

static void text_alu(char *text, const struct bpf_insn *insn, u32 left)
{
	char r = BPF_CLASS(insn->code) == BPF_ALU64 ? 'r' : 'w';
	u8 fn = BPF_OP(insn->code);
	bool divides = fn == BPF_DIV || fn == BPF_MOD;
	const char *sign = divides && insn->off == 1 ? "s" : "";

	if (fn == BPF_END)
		text_swap(text, insn);
	else if (fn == BPF_NEG && BPF_SRC(insn->code) == BPF_K)
		snprintf(text, REST, "%c%d = -%c%d", r, insn->dst_reg, r, insn->dst_reg);
	else if (!alu_name[fn >> 4])
		text_unknown(text);
	else if (BPF_SRC(insn->code) == BPF_X)
		snprintf(text, REST, "%c%d %s%s %s%c%d", r, insn->dst_reg, sign, alu_name[fn >> 4],
			 cast_name(insn), r, insn->src_reg);
	else
		snprintf(text, REST, "%c%d %s%s %d", r, insn->dst_reg, sign, alu_name[fn >> 4],
			 insn->imm);
}

static void text_wide(char *text, const struct bpf_insn *insn, u32 left)
{
	u32 high = left > 1 ? (u32)insn[1].imm : 0;
	int n = snprintf(text, REST, "r%d = ", insn->dst_reg);

	text += n;
	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_FD:
		snprintf(text, REST - n, "map[id:%u]", insn->imm);
		break;
	case BPF_PSEUDO_MAP_VALUE:
		snprintf(text, REST - n, "map[id:%u][0]+%u", insn->imm, high);
		break;
	case BPF_PSEUDO_FUNC:
		snprintf(text, REST - n, "subprog[%+d]", insn->imm);
		break;
	default:
		snprintf(text, REST - n, "0x%llx",
			 (unsigned long long)high << 32 | (u32)insn->imm);
	}
}

static void text_ld(char *text, const struct bpf_insn *insn, u32 left)
{
	if (insn->code == (BPF_LD | BPF_IMM | BPF_DW))
		text_wide(text, insn, left);
	else if (BPF_MODE(insn->code) == BPF_ABS)
		snprintf(text, REST, "r0 = *(%s *)skb[%d]", memory_type(insn), insn->imm);
	else if (BPF_MODE(insn->code) == BPF_IND)
		snprintf(text, REST, "r0 = *(%s *)skb[r%d + %d]", memory_type(insn),
			 insn->src_reg, insn->imm);
	else
		text_unknown(text);
}

static void text_ldx(char *text, const struct bpf_insn *insn, u32 left)
{
	const char *type = memory_type(insn);

	if (BPF_MODE(insn->code) == BPF_MEMSX)
		type = signed_type[BPF_SIZE(insn->code) >> 3];
	else if (BPF_MODE(insn->code) != BPF_MEM)
		return text_unknown(text);
	snprintf(text, REST, "r%d = *(%s *)(r%d %+d)", insn->dst_reg, type, insn->src_reg, insn->off);
}

static void text_st(char *text, const struct bpf_insn *insn, u32 left)
{
	if (BPF_MODE(insn->code) != BPF_MEM)
		return text_unknown(text);
	snprintf(text, REST, "*(%s *)(r%d %+d) = %d", memory_type(insn), insn->dst_reg, insn->off,
		 insn->imm);
}

/* What BPF_FETCH makes of an atomic operation: "fetch_add", or NULL. */
static const char *fetch_name(s32 imm)
{
	switch (imm) {
	case BPF_ADD | BPF_FETCH:
		return "fetch_add";
	case BPF_AND | BPF_FETCH:
		return "fetch_and";
	case BPF_OR | BPF_FETCH:
		return "fetch_or";
	case BPF_XOR | BPF_FETCH:
		return "fetch_xor";
	case BPF_XCHG:
		return "xchg";
	default:
		return NULL;
	}
}

static void text_atomic(char *text, const struct bpf_insn *insn)
{
	const char *wide = BPF_SIZE(insn->code) == BPF_DW ? "64" : "";
	const char *type = memory_type(insn);

	if (fetch_name(insn->imm))
		snprintf(text, REST, "r%d = atomic%s_%s((%s *)(r%d %+d), r%d)", insn->src_reg, wide,
			 fetch_name(insn->imm), type, insn->dst_reg, insn->off, insn->src_reg);
	else if (insn->imm == BPF_CMPXCHG)
		snprintf(text, REST, "r0 = atomic%s_cmpxchg((%s *)(r%d %+d), r0, r%d)", wide, type,
			 insn->dst_reg, insn->off, insn->src_reg);
	else if (insn->imm == BPF_ADD || insn->imm == BPF_AND || insn->imm == BPF_OR ||
		 insn->imm == BPF_XOR)
		snprintf(text, REST, "lock *(%s *)(r%d %+d) %s r%d", type, insn->dst_reg, insn->off,
			 alu_name[insn->imm >> 4], insn->src_reg);
	else
		text_unknown(text);
}

static void text_stx(char *text, const struct bpf_insn *insn, u32 left)
{
	if (BPF_MODE(insn->code) == BPF_ATOMIC)
		return text_atomic(text, insn);
	if (BPF_MODE(insn->code) != BPF_MEM)
		return text_unknown(text);
	snprintf(text, REST, "*(%s *)(r%d %+d) = r%d", memory_type(insn), insn->dst_reg, insn->off,
		 insn->src_reg);
}

static void text_call(char *text, const struct bpf_insn *insn)
{
#define HELPER_NAME(x)	[BPF_FUNC_##x] = "bpf_" #x
	static const char *const helper_name[] = { __BPF_FUNC_MAPPER(HELPER_NAME) };
#undef HELPER_NAME
	const char *name = "unknown";

	if (insn->src_reg == BPF_PSEUDO_CALL) {
		snprintf(text, REST, "call pc%+d", insn->imm);
		return;
	}
	if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
		name = "kernel-function";
	else if (insn->imm > 0 && insn->imm < (s32)ARRAY_SIZE(helper_name))
		name = helper_name[insn->imm];
	snprintf(text, REST, "call %s#%d", name, insn->imm);
}

static void text_jmp(char *text, const struct bpf_insn *insn, u32 left)
{
	char r = BPF_CLASS(insn->code) == BPF_JMP ? 'r' : 'w';
	const char *name = jump_name[BPF_OP(insn->code) >> 4];

	if (insn->code == (BPF_JMP | BPF_CALL))
		text_call(text, insn);
	else if (insn->code == (BPF_JMP | BPF_EXIT))
		snprintf(text, REST, "exit");
	else if (insn->code == (BPF_JMP | BPF_JA))
		snprintf(text, REST, "goto pc%+d", insn->off);
	else if (insn->code == (BPF_JMP32 | BPF_JA))
		snprintf(text, REST, "gotol pc%+d", insn->imm);
	else if (!name)
		text_unknown(text);
	else if (BPF_SRC(insn->code) == BPF_X)
		snprintf(text, REST, "if %c%d %s %c%d goto pc%+d", r, insn->dst_reg, name, r,
			 insn->src_reg, insn->off);
	else
		snprintf(text, REST, "if %c%d %s 0x%x goto pc%+d", r, insn->dst_reg, name,
			 (u32)insn->imm, insn->off);
}

const char *moat_text(char text[MOAT_TEXT], const struct bpf_insn *insn, u32 left)
{
	static text_fn *const of_class[8] = {
		[BPF_LD] = text_ld,	[BPF_LDX] = text_ldx,	[BPF_ST] = text_st,
		[BPF_STX] = text_stx,	[BPF_ALU] = text_alu,	[BPF_ALU64] = text_alu,
		[BPF_JMP] = text_jmp,	[BPF_JMP32] = text_jmp,
	};

	snprintf(text, MOAT_TEXT, "(%02x) ", insn->code);
	of_class[BPF_CLASS(insn->code)](text + CODE_BYTES, insn, left);
	return text;
}
