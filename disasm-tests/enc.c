/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Encoder tests: rows made with another assembler (x64.inc), and a sweep over
 * operands whose text is built here and must be what capstone reads.
 */
#include "../arch-x86/x64.h"
#include "../tests/check.h"
#include "oracle.h"

#define MAX_BYTES	16
#define PC		0x100000000ull

static struct moat_buf start(u8 *bytes)
{
	return (struct moat_buf){ .base = bytes, .pc = PC, .cap = MAX_BYTES };
}

static void hex(const u8 *bytes, u32 n, char text[3 * MAX_BYTES + 1])
{
	u32 i;

	*text = 0;
	for (i = 0; i < n; i++)
		sprintf(text + 3 * i, i + 1 < n ? "%02x " : "%02x", bytes[i]);
}

/* Rows --------------------------------------------------------------------- */

static void check_row(const char *call, const struct moat_buf *b, const char *want, const char *text, bool llvm)
{
	char got[3 * MAX_BYTES + 1], read[160] = "";
	struct oracle_ins ins;
	bool known;

	hex(b->base, b->len, got);
	if (!CHECK(!b->err, "%s: error %d", call, b->err) ||
	    !CHECK(!strcmp(got, want), "%s:\n    want %s\n    got  %s", call, want, got))
		return;
	known = oracle_capstone(b->base, b->len, PC, &ins);
	if (known)
		strcpy(read, ins.text);
	CHECK(known != llvm, "%s: capstone %s it", call, known ? "knows" : "does not know");
	if (llvm && !oracle_have_llvm()) {
		SKIP(call, "llvm-mc is not installed");
		return;
	}
	if (llvm)
		oracle_llvm(b->base, b->len, read);
	CHECK(!strcmp(read, text) && (llvm || ins.bytes == b->len), "%s:\n    want %s\n    got  %s", call, text, read);
}

#define ROW(call, bytes, text, llvm)				\
	do {							\
		u8 code[MAX_BYTES];				\
		struct moat_buf buf = start(code), *b = &buf;	\
								\
		call;						\
		check_row(#call, b, bytes, text, llvm);		\
	} while (0);
#define ENC(call, bytes, text)	ROW(call, bytes, text, false)
#define LLVM(call, bytes, text)	ROW(call, bytes, text, true)
#define BAD(call)						\
	do {							\
		u8 code[MAX_BYTES];				\
		struct moat_buf buf = start(code), *b = &buf;	\
								\
		call;						\
		CHECK(b->err, "%s is not refused", #call);	\
	} while (0);

static void check_rows(void)
{
#include "x64.inc"
}

/* Text of operands --------------------------------------------------------- */

static const char *const reg_name[4][16] = {
	[X64_64] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		     "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" },
	[X64_32] = { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi",
		     "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d" },
	[X64_16] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di",
		     "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w" },
	[X64_8] = { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil",
		    "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b" },
};

/* A displacement behind a base, as capstone writes numbers. */
static void disp_text(char *to, s64 disp)
{
	u64 size = disp < 0 ? -disp : disp;

	*to = 0;
	if (disp)
		sprintf(to, size > 9 ? " %c 0x%llx" : " %c %llu", disp < 0 ? '-' : '+', (unsigned long long)size);
}

static void rm_text(char *to, enum x64_size size, struct x64_rm rm)
{
	static const char *const pointer[4] = {
		[X64_64] = "qword ptr ", [X64_32] = "dword ptr ", [X64_16] = "word ptr ", [X64_8] = "byte ptr ",
	};
	const char *const *name = reg_name[rm.segment ? X64_32 : X64_64];
	char index[16] = "", disp[24];

	if (!rm.mem) {
		strcpy(to, reg_name[size][rm.base]);
		return;
	}
	disp_text(disp, rm.disp);
	if (rm.index != X64_NONE && rm.shift)
		sprintf(index, " + %s*%u", name[rm.index], 1 << rm.shift);
	else if (rm.index != X64_NONE)
		sprintf(index, " + %s", name[rm.index]);
	sprintf(to, "%s%s[%s%s%s]", pointer[size], rm.segment ? "gs:" : "", rm.rip ? "rip" : name[rm.base], index,
		disp);
}

/* The sweep ---------------------------------------------------------------- */

enum form { RM_REG, REG_RM, RM, REG_RM_SECOND };

/* LOCK: with the prefix; it is for memory only. */
enum { NO_REGISTER = 1, NO_MEMORY = 2, LOCK = 4 };

/* An opcode, how capstone writes it, and what operands it takes. */
struct swept {
	enum x64_op op;
	const char *name;
	enum form form;
	enum x64_size size, rm_size;
	u8 flags;
};

#define BOTH(op, name, form)	{ op, name, form, X64_64, X64_64, 0 }, { op, name, form, X64_32, X64_32, 0 }
#define LOCKED(op, name)	{ op, name, RM_REG, X64_64, X64_64, LOCK }, \
				{ op, name, RM_REG, X64_32, X64_32, LOCK }

static const struct swept table[] = {
	BOTH(X64_ADD_RM_R, "add", RM_REG), BOTH(X64_OR_RM_R, "or", RM_REG), BOTH(X64_AND_RM_R, "and", RM_REG),
	BOTH(X64_SUB_RM_R, "sub", RM_REG), BOTH(X64_XOR_RM_R, "xor", RM_REG), BOTH(X64_CMP_RM_R, "cmp", RM_REG),
	BOTH(X64_MOV_RM_R, "mov", RM_REG), BOTH(X64_ADD_R_RM, "add", REG_RM), BOTH(X64_CMP_R_RM, "cmp", REG_RM),
	BOTH(X64_OR_R_RM, "or", REG_RM), BOTH(X64_AND_R_RM, "and", REG_RM), BOTH(X64_SUB_R_RM, "sub", REG_RM),
	BOTH(X64_XOR_R_RM, "xor", REG_RM), BOTH(X64_MOV_R_RM, "mov", REG_RM), BOTH(X64_IMUL_R_RM, "imul", REG_RM),
	{ X64_MOV_RM_R, "mov", RM_REG, X64_16, X64_16, 0 },
	{ X64_MOV_RM_R8, "mov", RM_REG, X64_8, X64_8, NO_REGISTER },
	{ X64_XCHG_RM_R8, "xchg", RM_REG, X64_8, X64_8, NO_REGISTER },
	{ X64_XCHG_RM_R, "xchg", RM_REG, X64_64, X64_64, NO_REGISTER },
	{ X64_XCHG_RM_R, "xchg", RM_REG, X64_32, X64_32, NO_REGISTER },
	{ X64_MOVZX_R_RM8, "movzx", REG_RM, X64_32, X64_8, 0 },
	{ X64_MOVZX_R_RM16, "movzx", REG_RM, X64_32, X64_16, 0 },
	{ X64_MOVSX_R_RM8, "movsx", REG_RM, X64_64, X64_8, 0 },
	{ X64_MOVSX_R_RM16, "movsx", REG_RM, X64_64, X64_16, 0 },
	{ X64_MOVSX_R_RM8, "movsx", REG_RM, X64_32, X64_8, 0 },
	{ X64_MOVSX_R_RM16, "movsx", REG_RM, X64_32, X64_16, 0 },
	{ X64_MOVSXD_R_RM, "movsxd", REG_RM, X64_64, X64_32, 0 },
	{ X64_MOVBE_R_M, "movbe", REG_RM, X64_64, X64_64, NO_REGISTER },
	{ X64_MOVBE_R_M, "movbe", REG_RM, X64_32, X64_32, NO_REGISTER },
	{ X64_MOVBE_M_R, "movbe", RM_REG, X64_64, X64_64, NO_REGISTER },
	BOTH(X64_NOT, "not", RM), BOTH(X64_NEG, "neg", RM), BOTH(X64_DIV, "div", RM), BOTH(X64_IDIV, "idiv", RM),
	BOTH(X64_SHL_1, "shl", RM), BOTH(X64_SHR_1, "shr", RM), BOTH(X64_SAR_1, "sar", RM),
	{ X64_JMP_RM, "jmp", RM, X64_32, X64_64, 0 }, { X64_CALL_RM, "call", RM, X64_32, X64_64, 0 },
	{ X64_PUSH_RM, "push", RM, X64_32, X64_64, NO_REGISTER },
	{ X64_RDGSBASE, "rdgsbase", RM, X64_64, X64_64, NO_MEMORY },
	{ X64_WRGSBASE, "wrgsbase", RM, X64_64, X64_64, NO_MEMORY },
	BOTH(X64_SHLX, "shlx", REG_RM_SECOND), BOTH(X64_SHRX, "shrx", REG_RM_SECOND),
	BOTH(X64_SARX, "sarx", REG_RM_SECOND),
	LOCKED(X64_ADD_RM_R, "lock add"), LOCKED(X64_OR_RM_R, "lock or"), LOCKED(X64_AND_RM_R, "lock and"),
	LOCKED(X64_XOR_RM_R, "lock xor"), LOCKED(X64_XADD_RM_R, "lock xadd"),
	LOCKED(X64_CMPXCHG_RM_R, "lock cmpxchg"),
};

/* What the instruction must read as. */
static void ins_text(char *to, const struct swept *s, u8 reg, u8 second, struct x64_rm rm)
{
	const char *r = reg_name[s->size][reg];
	char operand[80];

	rm_text(operand, s->rm_size, rm);
	switch (s->form) {
	case RM_REG:
		sprintf(to, "%s %s, %s", s->name, operand, r);
		break;
	case REG_RM:
		sprintf(to, "%s %s, %s", s->name, r, operand);
		break;
	case REG_RM_SECOND:
		sprintf(to, "%s %s, %s, %s", s->name, r, operand, reg_name[s->size][second]);
		break;
	default:
		sprintf(to, "%s %s", s->name, operand);
	}
	/* capstone names the count of shifts by one */
	if (s->op == X64_SHL_1 || s->op == X64_SHR_1 || s->op == X64_SAR_1)
		strcat(to, ", 1");
}

static u32 swept;	/* forms of an opcode so far */

static void sweep_one(const struct swept *s, u8 reg, u8 second, struct x64_rm rm)
{
	char want[200], bytes[3 * MAX_BYTES + 1];
	struct oracle_ins ins;
	u8 code[MAX_BYTES];
	struct moat_buf b = start(code);
	bool known;

	if (s->flags & (rm.mem ? NO_MEMORY : NO_REGISTER | LOCK))
		return;
	if (s->form == REG_RM_SECOND && rm.segment)
		return;
	if (s->form == REG_RM_SECOND)
		x64_vex(&b, s->op, s->size, reg, second, rm);
	else if (s->flags & LOCK)
		x64_lock(&b, s->op, s->size, reg, rm);
	else
		x64_ins(&b, s->op, s->size, reg, rm);
	ins_text(want, s, reg, second, rm);
	known = !b.err && oracle_capstone(code, b.len, PC, &ins);
	hex(code, b.len, bytes);
	swept++;
	if (!known || ins.bytes != b.len || strcmp(ins.text, want))
		CHECK(false, "%s\n    want %s\n    got  %s", bytes, want, known ? ins.text : "(nothing)");
}

/* Each class of displacement, at its bounds. */
static const s32 disps[] = {
	0, 1, 127, -1, -128, 128, -129, 0x7fff, -0x8000, 0x7fffffff, -0x7fffffff - 1,
};

static void sweep_operand(const struct swept *s, struct x64_rm rm)
{
	u8 reg, n = s->form == RM ? 1 : 16;

	for (reg = 0; reg < n; reg++)
		sweep_one(s, reg, (reg * 7 + rm.base) & 15, rm);
}

/* base, gs:[base] with each displacement, and RIP. */
static void sweep_base(const struct swept *s)
{
	struct x64_rm rip = { .index = X64_NONE, .mem = true, .rip = true, .disp = 64 };
	u32 base, d;

	for (base = 0; base < 16; base++) {
		sweep_operand(s, x64_r(base));
		for (d = 0; d < ARRAY_SIZE(disps); d++) {
			sweep_operand(s, x64_at(base, disps[d]));
			sweep_operand(s, x64_at_segment(base, disps[d]));
		}
	}
	if (s->form != REG_RM_SECOND)	/* the VEX form has none */
		sweep_operand(s, rip);
}

/* base + index * scale: the byte layout does not depend on the opcode, so a register operand or two do. */
static void sweep_index(const struct swept *s)
{
	u32 base, index, shift, d;

	for (base = 0; base < 16; base++)
		for (index = 0; index < 16; index++)
			for (shift = 0; shift < 4 && index != X64_RSP; shift++)
				for (d = 0; d < ARRAY_SIZE(disps); d += 2) {
					sweep_one(s, base ^ 5, index, x64_at_index(base, index, shift, disps[d]));
					sweep_one(s, 15 - index, base, x64_at_index(base, index, shift, disps[d]));
				}
}

static void sweep(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		swept = 0;
		sweep_base(&table[i]);
		if (i % 8 == 0 || table[i].form == REG_RM_SECOND || table[i].flags & LOCK)
			sweep_index(&table[i]);
		CHECK(swept >= 16, "%s: only %u forms", table[i].name, swept);
	}
}

/* Operands that are not swept with others ---------------------------------- */

static void expect(const struct moat_buf *b, const char *want)
{
	struct oracle_ins ins;
	char bytes[3 * MAX_BYTES + 1];
	bool known = !b->err && oracle_capstone(b->base, b->len, PC, &ins);

	hex(b->base, b->len, bytes);
	CHECK(known && ins.bytes == b->len && !strcmp(ins.text, want), "%s\n    want %s\n    got  %s", bytes, want,
	      known ? ins.text : "(nothing)");
}

static void number(char *to, s64 v)
{
	u64 size = v < 0 ? -v : v;

	sprintf(to, size > 9 ? "%s0x%llx" : "%s%llu", v < 0 ? "-" : "", (unsigned long long)size);
}

/* Every constant sets all 64 bits; movabs only where nothing shorter does. */
static void sweep_constants(void)
{
	static const s64 value[] = {
		1, 127, 128, 255, 0x7fffffff, 0x80000000ll, 0xffffffffll, 0x100000000ll, 0x7fffffffffffffffll,
		-1, -128, -129, -0x80000000ll, -0x80000001ll,
	};
	char want[80], text[40];
	u8 code[MAX_BYTES];
	u32 reg, i;

	for (reg = 0; reg < 16; reg++)
		for (i = 0; i < ARRAY_SIZE(value); i++) {
			struct moat_buf b = start(code);
			bool low = value[i] >= 0 && value[i] <= 0xffffffffll, wide = !low && value[i] != (s32)value[i];

			x64_mov_imm(&b, reg, value[i]);
			number(text, value[i]);
			if (wide && value[i] < 0)
				sprintf(text, "0x%llx", (unsigned long long)value[i]);
			sprintf(want, "%s %s, %s", wide ? "movabs" : "mov", reg_name[low ? X64_32 : X64_64][reg], text);
			expect(&b, want);
		}
}

/* Each condition and distance of branches, and what they say they reach. */
static void sweep_branches(void)
{
	static const char *const name[16] = {
		[X64_B] = "jb", [X64_AE] = "jae", [X64_E] = "je", [X64_NE] = "jne", [X64_BE] = "jbe", [X64_A] = "ja",
		[X64_S] = "js", [X64_NS] = "jns", [X64_L] = "jl", [X64_GE] = "jge", [X64_LE] = "jle", [X64_G] = "jg",
	};
	static const u32 to[] = { 0, 6, 100, 129, 1000, 0x10000000 };
	char want[80];
	u8 code[MAX_BYTES];
	u32 cc, i;

	for (cc = 0; cc < 16; cc++)
		for (i = 0; i < ARRAY_SIZE(to) && name[cc]; i++) {
			struct moat_buf b = start(code);

			sprintf(want, "%s 0x%llx", name[cc], PC + to[i]);
			x64_jcc(&b, cc, to[i]);
			expect(&b, want);
			b = start(code);
			x64_jcc_short(&b, cc, to[i]);
			if (to[i] <= 129)
				expect(&b, want);
			else
				CHECK(b.err, "short branch to %u is not refused", to[i]);
		}
}

/* An instruction that only measures is as long as one that is written. */
static void sweep_measure(void)
{
	u8 code[MAX_BYTES];
	u32 i, base, d, differ = 0;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		for (base = 0; base < 16; base++)
			for (d = 0; d < ARRAY_SIZE(disps); d++) {
				struct moat_buf b = start(code), m = { .pc = PC };
				struct x64_rm rm = x64_at(base, disps[d]);

				x64_ins(&b, table[i].op, table[i].size, X64_R9, rm);
				x64_ins(&m, table[i].op, table[i].size, X64_R9, rm);
				differ += b.len != m.len || m.err;
			}
	CHECK(!differ, "%u instructions are not as long as measured", differ);
}

int main(void)
{
	check_rows();
	sweep();
	sweep_constants();
	sweep_branches();
	sweep_measure();
	return check_done();
}
