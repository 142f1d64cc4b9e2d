/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A small assembler for tests: one instruction a line, see asm.h. */
#include <ctype.h>
#include <stdlib.h>

#include "asm.h"
#include "../jit/op.h"

#define MAX_LABELS	64
#define MAX_FIXES	4096

enum fix { FIX_OFF, FIX_IMM };

struct label {
	char name[16];
	u32 at;
};

struct asm_state {
	const char *s;		/* what is left of the line */
	struct bpf_insn *insn;
	u32 n, max;
	struct label label[MAX_LABELS];
	u32 nr_label;
	struct { u32 at; enum fix kind; char name[16]; } fix[MAX_FIXES];
	u32 nr_fix;
	bool bad;
};

/* Lexing -------------------------------------------------------------------*/

static void skip_space(struct asm_state *a)
{
	while (isblank((unsigned char)*a->s))
		a->s++;
}

/* Take @text if it comes next. */
static bool eat(struct asm_state *a, const char *text)
{
	size_t n = strlen(text);

	skip_space(a);
	if (strncmp(a->s, text, n))
		return false;
	a->s += n;
	return true;
}

static void want(struct asm_state *a, const char *text)
{
	if (!eat(a, text))
		a->bad = true;
}

static s64 number(struct asm_state *a)
{
	bool minus = eat(a, "-");
	char *end;
	u64 v;

	if (!minus)
		eat(a, "+");
	skip_space(a);
	v = strtoull(a->s, &end, 0);
	if (end == a->s)
		a->bad = true;
	a->s = end;
	return minus ? -v : v;
}

/* Is a register next, and which?  Sets *@wide. */
static bool reg(struct asm_state *a, u8 *out, bool *wide)
{
	char *end;

	skip_space(a);
	if ((*a->s != 'r' && *a->s != 'w') || !isdigit((unsigned char)a->s[1]))
		return false;
	*wide = *a->s == 'r';
	*out = strtoul(a->s + 1, &end, 10);
	a->s = end;
	return true;
}

static u8 want_reg(struct asm_state *a)
{
	bool wide;
	u8 r = 0;

	if (!reg(a, &r, &wide))
		a->bad = true;
	return r;
}

/* The first of @name that comes next: its index, or -1. */
static int one_of(struct asm_state *a, const char *const *name, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (eat(a, name[i]))
			return i;
	return -1;
}

/* Output -------------------------------------------------------------------*/

static struct bpf_insn *put(struct asm_state *a, u8 code, u8 dst, u8 src, s16 off, s32 imm)
{
	struct bpf_insn *insn = &a->insn[a->n];

	if (a->n == a->max) {
		a->bad = true;
		return a->insn;
	}
	*insn = (struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm };
	a->n++;
	return insn;
}

/* "pc+3", or a label that is put into the instruction at the end. */
static s32 target(struct asm_state *a, enum fix kind)
{
	char *name = a->fix[a->nr_fix].name;
	u32 n = 0;

	if (eat(a, "pc"))
		return number(a);
	skip_space(a);
	while (isalnum((unsigned char)*a->s) && n < sizeof(a->label[0].name) - 1)
		name[n++] = *a->s++;
	name[n] = 0;
	if (!n || a->nr_fix == MAX_FIXES - 1) {
		a->bad = true;
		return 0;
	}
	a->fix[a->nr_fix].at = a->n;
	a->fix[a->nr_fix++].kind = kind;
	return 0;
}

/* Memory -------------------------------------------------------------------*/

/* "u32 *)": the size bits, or -1; *@sx: signed. */
static int type(struct asm_state *a, bool *sx)
{
	static const char *const name[] = { "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64" };
	static const u8 size[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	int i = one_of(a, name, ARRAY_SIZE(name));

	if (i < 0)
		return -1;
	*sx = i >= 4;
	want(a, "*)");
	return size[i & 3];
}

/* "(r1 + 8)" */
static void address(struct asm_state *a, u8 *base, s16 *off)
{
	want(a, "(");
	*base = want_reg(a);
	*off = number(a);
	want(a, ")");
}

/* After "r1 = *(": a load from memory or from the packet. */
static void load(struct asm_state *a, u8 dst)
{
	bool sx = false, wide;
	int size = type(a, &sx);
	u8 base = 0;
	s16 off = 0;

	if (size < 0) {
		a->bad = true;
	} else if (!eat(a, "skb[")) {
		address(a, &base, &off);
		put(a, BPF_LDX | (sx ? BPF_MEMSX : BPF_MEM) | size, dst, base, off, 0);
	} else if (reg(a, &base, &wide)) {
		put(a, BPF_LD | BPF_IND | size, 0, base, 0, number(a));
		want(a, "]");
	} else {
		put(a, BPF_LD | BPF_ABS | size, 0, 0, 0, number(a));
		want(a, "]");
	}
}

/* After "*(": a store, or with @lock an atomic operation without a result. */
static void store(struct asm_state *a, bool lock)
{
	static const char *const name[] = { "+=", "&=", "|=", "^=" };
	static const u8 fn[] = { BPF_ADD, BPF_AND, BPF_OR, BPF_XOR };
	bool sx = false, wide;
	int size = type(a, &sx), i;
	u8 base, src;
	s16 off;

	address(a, &base, &off);
	if (size < 0) {
		a->bad = true;
	} else if (lock) {
		i = one_of(a, name, ARRAY_SIZE(name));
		a->bad |= i < 0;
		put(a, BPF_STX | BPF_ATOMIC | size, base, want_reg(a), off, i < 0 ? 0 : fn[i]);
	} else {
		want(a, "=");
		if (reg(a, &src, &wide))
			put(a, BPF_STX | BPF_MEM | size, base, src, off, 0);
		else
			put(a, BPF_ST | BPF_MEM | size, base, 0, off, number(a));
	}
}

/* After "atomic": the operations that fetch; @dst is where the result is written to. */
static void atomic(struct asm_state *a, u8 dst)
{
	static const char *const name[] = {
		"fetch_add", "fetch_and", "fetch_or", "fetch_xor", "xchg", "cmpxchg",
	};
	static const u8 fn[] = {
		BPF_ADD | BPF_FETCH, BPF_AND | BPF_FETCH, BPF_OR | BPF_FETCH, BPF_XOR | BPF_FETCH,
		BPF_XCHG, BPF_CMPXCHG,
	};
	bool sx = false;
	int i, size;
	u8 base, src;
	s16 off;

	eat(a, "64");
	want(a, "_");
	i = one_of(a, name, ARRAY_SIZE(name));
	want(a, "((");
	size = type(a, &sx);
	address(a, &base, &off);
	want(a, ",");
	src = want_reg(a);
	if (i >= 0 && fn[i] == BPF_CMPXCHG) {
		a->bad |= src != 0 || dst != 0;
		want(a, ",");
		src = want_reg(a);
	} else {
		a->bad |= src != dst;
	}
	want(a, ")");
	a->bad |= i < 0 || size < 0;
	if (!a->bad)
		put(a, BPF_STX | BPF_ATOMIC | size, base, src, off, fn[i]);
}

/* Arithmetic ---------------------------------------------------------------*/

/* After "r1 = be" and the like: the rest is a width and the register again. */
static bool swap(struct asm_state *a, u8 dst)
{
	static const char *const name[] = { "be", "le", "bswap" };
	static const u8 code[] = {
		BPF_ALU | BPF_END | BPF_TO_BE, BPF_ALU | BPF_END | BPF_TO_LE, BPF_ALU64 | BPF_END,
	};
	int i = one_of(a, name, ARRAY_SIZE(name));

	if (i < 0)
		return false;
	put(a, code[i], dst, 0, 0, number(a));
	a->bad |= want_reg(a) != dst;
	return true;
}

static bool extend(struct asm_state *a, u8 class, u8 dst)
{
	static const char *const name[] = { "(s8)", "(s16)", "(s32)" };
	int i = one_of(a, name, ARRAY_SIZE(name));

	if (i < 0)
		return false;
	put(a, class | BPF_MOV | BPF_X, dst, want_reg(a), 8 << i, 0);
	return true;
}

static void immediate(struct asm_state *a, u8 class, u8 dst)
{
	s64 v = number(a);

	if (!eat(a, "ll")) {
		a->bad |= v != (s32)v && v != (u32)v;
		put(a, class | BPF_MOV | BPF_K, dst, 0, 0, v);
		return;
	}
	put(a, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, v);
	put(a, 0, 0, 0, 0, v >> 32);
}

/* After "r1 =". */
static void assign(struct asm_state *a, u8 class, u8 dst)
{
	bool wide;
	u8 src;

	if (eat(a, "*(")) {
		load(a, dst);
	} else if (eat(a, "atomic")) {
		atomic(a, dst);
	} else if (eat(a, "subprog[")) {
		put(a, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_FUNC, 0, target(a, FIX_IMM));
		put(a, 0, 0, 0, 0, 0);
		want(a, "]");
	} else if (eat(a, "-r") || eat(a, "-w")) {
		a->bad |= strtoul(a->s, (char **)&a->s, 10) != dst;
		put(a, class | BPF_NEG, dst, 0, 0, 0);
	} else if (swap(a, dst) || extend(a, class, dst)) {
		return;
	} else if (reg(a, &src, &wide)) {
		a->bad |= wide != (class == BPF_ALU64);
		put(a, class | BPF_MOV | BPF_X, dst, src, 0, 0);
	} else {
		immediate(a, class, dst);
	}
}

/* What begins with a register. */
static void arithmetic(struct asm_state *a, u8 dst, bool dst_wide)
{
	static const char *const name[] = {
		"+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "s>>=", "%=", "^=", "s/=", "s%=",
	};
	static const u8 fn[] = {
		BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_MOD,
		BPF_XOR, BPF_DIV, BPF_MOD,
	};
	u8 class = dst_wide ? BPF_ALU64 : BPF_ALU, src;
	int i = one_of(a, name, ARRAY_SIZE(name));
	bool wide;

	if (i < 0) {
		want(a, "=");
		assign(a, class, dst);
	} else if (reg(a, &src, &wide)) {
		a->bad |= wide != dst_wide;
		put(a, class | fn[i] | BPF_X, dst, src, i >= 11, 0);
	} else {
		put(a, class | fn[i] | BPF_K, dst, 0, i >= 11, number(a));
	}
}

/* Control ------------------------------------------------------------------*/

static void branch(struct asm_state *a)
{
	static const char *const name[] = {
		"==", "!=", "s>=", "s<=", "s>", "s<", ">=", "<=", ">", "<", "&",
	};
	static const u8 fn[] = {
		BPF_JEQ, BPF_JNE, BPF_JSGE, BPF_JSLE, BPF_JSGT, BPF_JSLT, BPF_JGE, BPF_JLE, BPF_JGT, BPF_JLT,
		BPF_JSET,
	};
	bool wide = false, wide2, has_src;
	u8 dst = 0, src = 0;
	s64 imm = 0;
	int i;

	a->bad |= !reg(a, &dst, &wide);
	i = one_of(a, name, ARRAY_SIZE(name));
	has_src = reg(a, &src, &wide2);
	if (!has_src)
		imm = number(a);
	a->bad |= i < 0 || (has_src && wide != wide2) || (imm != (s32)imm && imm != (u32)imm);
	want(a, "goto");
	if (!a->bad)
		put(a, (wide ? BPF_JMP : BPF_JMP32) | fn[i] | (has_src ? BPF_X : BPF_K), dst, src,
		    target(a, FIX_OFF), imm);
}

static void call(struct asm_state *a)
{
	skip_space(a);
	if (*a->s == 'L' || !strncmp(a->s, "pc", 2)) {
		put(a, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, target(a, FIX_IMM));
		return;
	}
	if (strchr(a->s, '#'))
		a->s = strchr(a->s, '#') + 1;
	put(a, BPF_JMP | BPF_CALL, 0, 0, 0, number(a));
}

static void raw(struct asm_state *a)
{
	s64 field[5];
	u32 i;

	for (i = 0; i < 5; i++) {
		field[i] = number(a);
		if (i < 4)
			want(a, ",");
	}
	put(a, field[0], field[1], field[2], field[3], field[4]);
}

/* After "probe": a load that may fault. */
static void probe(struct asm_state *a)
{
	u8 dst = want_reg(a);

	want(a, "= *(");
	load(a, dst);
	if (!a->bad)
		a->insn[a->n - 1].code = BPF_LDX | MOAT_PROBE_MEM | BPF_SIZE(a->insn[a->n - 1].code);
}

/* After "tail_call": nothing, or the number of the poke descriptor. */
static void tail_call(struct asm_state *a)
{
	skip_space(a);
	put(a, BPF_JMP | MOAT_TAIL_CALL, 0, 0, 0, *a->s ? number(a) + 1 : 0);
}

static void instruction(struct asm_state *a)
{
	bool wide;
	u8 dst;

	if (eat(a, "lock *("))
		store(a, true);
	else if (eat(a, "*("))
		store(a, false);
	else if (eat(a, "if "))
		branch(a);
	else if (eat(a, "gotol "))
		put(a, BPF_JMP32 | BPF_JA, 0, 0, 0, target(a, FIX_IMM));
	else if (eat(a, "goto "))
		put(a, BPF_JMP | BPF_JA, 0, 0, target(a, FIX_OFF), 0);
	else if (eat(a, "call "))
		call(a);
	else if (eat(a, "exit"))
		put(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	else if (eat(a, "probe "))
		probe(a);
	else if (eat(a, "tail_call"))
		tail_call(a);
	else if (eat(a, "nospec"))
		put(a, BPF_ST | MOAT_NOSPEC, 0, 0, 0, 0);
	else if (eat(a, "raw "))
		raw(a);
	else if (reg(a, &dst, &wide))
		arithmetic(a, dst, wide);
	else
		a->bad = true;
}

static bool label(struct asm_state *a)
{
	size_t n = strcspn(a->s, ": \t\n");
	struct label *l = &a->label[a->nr_label];

	if (a->s[n] != ':' || a->s[n + 1] || n >= sizeof(l->name) || a->nr_label == MAX_LABELS)
		return false;
	memcpy(l->name, a->s, n);
	l->name[n] = 0;
	l->at = a->n;
	a->nr_label++;
	return true;
}

/* One line without its '\n'; false: it is not understood. */
static bool line(struct asm_state *a, const char *text)
{
	u32 times = 1;
	const char *start;

	a->s = text;
	a->bad = false;
	skip_space(a);
	if (!*a->s || *a->s == '#' || label(a))
		return true;
	if (eat(a, "repeat ")) {
		times = number(a);
		want(a, ":");
	}
	for (start = a->s; times-- && !a->bad; ) {
		a->s = start;
		instruction(a);
	}
	skip_space(a);
	return !a->bad && !*a->s;
}

static bool fix_all(struct asm_state *a, char error[200])
{
	u32 i, j;

	for (i = 0; i < a->nr_fix; i++) {
		struct bpf_insn *insn = &a->insn[a->fix[i].at];
		s32 distance;

		for (j = 0; j < a->nr_label && strcmp(a->label[j].name, a->fix[i].name); j++)
			;
		if (j == a->nr_label) {
			snprintf(error, 200, "there is no label '%s'", a->fix[i].name);
			return false;
		}
		distance = (s32)a->label[j].at - (s32)a->fix[i].at - 1;
		if (a->fix[i].kind == FIX_IMM)
			insn->imm = distance;
		else
			insn->off = distance;
	}
	return true;
}

int assemble(const char *text, struct bpf_insn *insn, u32 max, char error[200])
{
	struct asm_state *a = calloc(1, sizeof(*a));
	char one[160];
	int ret = -1;

	if (!a)
		return -1;
	a->insn = insn;
	a->max = max;
	while (*text) {
		size_t n = strcspn(text, "\n");

		snprintf(one, sizeof(one), "%.*s", (int)n, text);
		if (n >= sizeof(one) || !line(a, one)) {
			snprintf(error, 200, "cannot assemble '%.120s' at '%.30s'", one, a->s);
			free(a);
			return -1;
		}
		text += n + (text[n] == '\n');
	}
	if (fix_all(a, error))
		ret = a->n;
	free(a);
	return ret;
}
