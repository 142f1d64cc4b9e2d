/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What lines of disassembly say about registers: which are read, which written, which are the host's affair. */
#include <ctype.h>
#include <stdlib.h>

#include "reading.h"

#define BIT(reg)	(1u << (reg))

/* Is @word one of the words in @list, which are separated by spaces? */
static bool is_one(const char *word, const char *list)
{
	size_t n = strlen(word), len;

	for (; *list; list += len + (list[len] == ' ')) {
		len = strcspn(list, " ");
		if (len == n && !memcmp(list, word, n))
			return true;
	}
	return false;
}

static void first_word(const char *text, char word[24])
{
	snprintf(word, 24, "%.*s", (int)strcspn(text, " "), text);
}

/* x86 ---------------------------------------------------------------------- */

static const char *const x64_names[16] = {
	"rax eax ax al ah", "rcx ecx cx cl ch", "rdx edx dx dl dh", "rbx ebx bx bl bh", "rsp esp sp spl",
	"rbp ebp bp bpl", "rsi esi si sil", "rdi edi di dil", "r8 r8d r8w r8b", "r9 r9d r9w r9b",
	"r10 r10d r10w r10b", "r11 r11d r11w r11b", "r12 r12d r12w r12b", "r13 r13d r13w r13b",
	"r14 r14d r14w r14b", "r15 r15d r15w r15b",
};

static u32 x64_number(const char *name)
{
	u32 i;

	for (i = 0; i < 16; i++)
		if (is_one(name, x64_names[i]))
			return i;
	return 16;
}

/* Registers named in @text[0..n). */
static u32 x64_regs(const char *text, size_t n)
{
	char word[24];
	u32 regs = 0;
	size_t i = 0, len;

	while (i < n) {
		for (len = 0; i + len < n && isalnum((unsigned char)text[i + len]); len++)
			;
		if (len > 1 && len < sizeof(word)) {
			snprintf(word, sizeof(word), "%.*s", (int)len, text + i);
			if (x64_number(word) < 16)
				regs |= BIT(x64_number(word));
		}
		i += len + 1;
	}
	return regs;
}

static void x64_implicit(struct line *l, const char *op)
{
	if (is_one(op, "div idiv")) {
		l->reads |= BIT(0) | BIT(2);
		l->writes |= BIT(0) | BIT(2);
	} else if (is_one(op, "cqo cdq")) {
		l->reads |= BIT(0);
		l->writes |= BIT(2);
	} else if (is_one(op, "cmpxchg")) {
		l->reads |= BIT(0);
		l->writes |= BIT(0);
	} else if (is_one(op, "rdpkru")) {
		l->writes |= BIT(0) | BIT(2);
	}
}

bool reading_in_cage(const char *text)
{
	const char *at = strstr(text, "[r12 + r11");
	s64 off;

	if (!at)
		return false;
	at += strlen("[r12 + r11");
	if (*at == ']')
		return true;
	if (strncmp(at, " + ", 3) && strncmp(at, " - ", 3))
		return false;	/* scaled */
	off = strtoll(at + 3, NULL, 0);
	return at[1] == '+' ? off <= 32768 - 8 : off <= 32768;
}

/* What the host's side consists of: compared word by word between image and mutant. */
static bool x64_is_host(const struct reading *r, const struct line *l, const char *op)
{
	const struct image_variant *v = r->image->variant;
	bool basereg = v->mode != MOAT_MODE_PKU;
	const char *bracket = strchr(l->text, '[');
	u32 outside = x64_regs(l->text, bracket ? (size_t)(bracket - l->text) : strlen(l->text));

	if (is_one(op, "push pop call ret wrpkru rdpkru wrgsbase rdgsbase ud2 int3") || has(l->text, "rsp") ||
	    (l->reads | l->writes) & (BIT(4) | BIT(9)) || (l->writes & BIT(5)) || (is_one(op, "jmp") && !l->has_target))
		return true;
	if (basereg && v->form == MOAT_BASE_REGISTER && ((outside | l->writes) & BIT(12) || has(l->text, "[r11]")))
		return true;
	if (has(l->text, "rip"))
		return true;
	if (!basereg || !bracket || is_one(op, "lea nop"))
		return basereg && is_one(op, "lea") && has(l->text, "r12");
	return !reading_in_cage(l->text) && !has(l->text, "gs:[e") && !has(l->text, "gs:[r8d") &&
	       !has(l->text, "gs:[r1") && !has(l->text, "[rbp - ");
}

void reading_x64(const struct reading *r, struct line *l)
{
	const char *text = l->text, *operands, *comma;
	char op[24];
	bool memory;

	if (begins(text, "lock "))
		text += 5;
	first_word(text, op);
	operands = text + strlen(op);
	comma = strchr(operands, ',');
	memory = strchr(operands, '[') && (!comma || strchr(operands, '[') < comma);
	l->reads = x64_regs(operands, strlen(operands));
	if (!memory && !is_one(op, "cmp test push jmp call ret"))
		l->writes = x64_regs(operands, comma ? (size_t)(comma - operands) : strlen(operands));
	if (is_one(op, "mov movzx movsx movsxd lea pop movabs movbe shlx shrx sarx rorx") && !memory)
		l->reads = comma ? x64_regs(comma, strlen(comma)) : 0;
	if (is_one(op, "xchg xadd") && comma)
		l->writes |= x64_regs(comma, strlen(comma));
	if (is_one(op, "imul") && comma && strchr(comma + 1, ','))
		l->reads = x64_regs(comma, strlen(comma));
	if (is_one(op, "xor") && comma && !memory && x64_regs(comma, strlen(comma)) == l->writes)
		l->reads = 0;
	x64_implicit(l, op);
	if (strchr(operands, '['))
		l->base = x64_regs(strchr(operands, '[') + 1, strcspn(strchr(operands, '[') + 1, " ]"));
	l->host = x64_is_host(r, l, op);
}

/* arm64 -------------------------------------------------------------------- */

/* Registers named in @text[0..n); SP as 31. */
static u32 a64_regs(const char *text, size_t n)
{
	u32 regs = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		bool start = !i || !isalnum((unsigned char)text[i - 1]);

		if (start && (text[i] == 'x' || text[i] == 'w') && isdigit((unsigned char)text[i + 1]))
			regs |= BIT(atoi(text + i + 1) & 31);
		if (start && begins(text + i, "sp"))
			regs |= BIT(31);
	}
	return regs;
}

/* How many operands in front are written. */
static u32 a64_written(const char *op)
{
	if (is_one(op, "cmp cmn tst b bl br blr ret cbz cbnz nop msr hvc brk isb dmb bti paciasp autiasp") ||
	    begins(op, "b.") || begins(op, "str") || begins(op, "stur") || begins(op, "stp") || begins(op, "stadd") ||
	    begins(op, "stclr") || begins(op, "stset") || begins(op, "steor") || is_one(op, "ccmp"))
		return 0;
	return begins(op, "ldp") ? 2 : 1;
}

static size_t operands_end(const char *text, u32 n)
{
	const char *at = text;

	while (n--) {
		at = strchr(at, ',');
		if (!at)
			return strlen(text);
		at++;
	}
	return at - text;
}

static bool a64_is_host(const struct line *l, const char *op)
{
	const char *bracket = strchr(l->text, '[');

	if (is_one(op, "bl br blr ret msr mrs hvc brk isb adr paciasp autiasp bti") || (l->reads | l->writes) & BIT(31) ||
	    l->writes & (BIT(8) | BIT(25) | BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(30)) ||
	    l->reads & (BIT(26) | BIT(27)) || begins(l->text, "mov w6, #") || begins(l->text, "subs x6, x6"))
		return true;
	if (begins(l->text, "add x") && (has(l->text, ", x28, w") || has(l->text, ", x8, w")) && has(l->text, "uxtw"))
		return false;	/* an address in the cage */
	return !bracket && l->reads & (BIT(8) | BIT(28));	/* addresses that are formed in other ways */
}

static void a64_atomic(struct line *l, const char *op, const char *operands)
{
	if (begins(op, "cas")) {
		l->writes = a64_regs(operands, operands_end(operands, 1));
		l->reads |= l->writes;
	} else if ((begins(op, "ld") && (has(op, "add") || has(op, "clr") || has(op, "set") || has(op, "eor"))) ||
		   begins(op, "swp")) {
		l->writes = a64_regs(operands, operands_end(operands, 2)) & ~a64_regs(operands, operands_end(operands, 1));
		l->reads = a64_regs(operands, operands_end(operands, 1)) |
			   a64_regs(operands + operands_end(operands, 2), strlen(operands + operands_end(operands, 2)));
		if (!l->writes)	/* the same twice */
			l->writes = l->reads & a64_regs(operands, operands_end(operands, 2));
	} else if (begins(op, "stxr") || begins(op, "stlxr")) {
		l->writes = a64_regs(operands, operands_end(operands, 1));
	}
}

void reading_a64(const struct reading *r, struct line *l)
{
	const char *operands;
	char op[24];
	size_t end;

	first_word(l->text, op);
	operands = l->text + strlen(op);
	end = operands_end(operands, a64_written(op));
	l->writes = a64_written(op) ? a64_regs(operands, end) : 0;
	l->reads = a64_regs(operands + (a64_written(op) ? end : 0), strlen(operands + (a64_written(op) ? end : 0)));
	if (is_one(op, "movk"))
		l->reads |= l->writes;
	a64_atomic(l, op, operands);
	if (strchr(operands, '['))
		l->base = a64_regs(strchr(operands, '[') + 1, strcspn(strchr(operands, '[') + 1, ",]"));
	l->host = a64_is_host(l, op);
}
