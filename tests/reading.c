/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A second opinion on machine code: decoding, and what a mutant is; see reading.h. */
#include <stdlib.h>

#include "../disasm-tests/oracle.h"
#include "../disasm-tests/oracle_a64.h"
#include "reading.h"

/* Decoding ----------------------------------------------------------------- */

static u32 word_at(const u8 *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
}

static bool read_a64(const struct reading *r, struct line *l)
{
	const char *text = oracle_a64_text(word_at(r->image->code + l->at)), *number;

	l->bytes = 4;
	if (!text)
		return false;
	snprintf(l->text, sizeof(l->text), "%s", text);
	if (has(text, "ur x9, [sp]"))	/* the same in another encoding */
		snprintf(l->text, sizeof(l->text), "%s", *text == 's' ? "str x9, [sp]" : "ldr x9, [sp]");
	l->falls_through = !begins(text, "b ") && !begins(text, "br ") && !begins(text, "ret") && !begins(text, "brk");
	l->has_target = begins(text, "b ") || begins(text, "bl ") || begins(text, "b.") || begins(text, "cb") ||
			begins(text, "tb") ||
			begins(text, "adr ");
	number = strrchr(text, '#');
	if (l->has_target && number)
		l->target = l->at + strtoll(number + 1, NULL, 0);
	reading_a64(r, l);
	return true;
}

static bool read_x64(const struct reading *r, struct line *l)
{
	const struct image *m = r->image;
	struct oracle_ins ins;

	if (!oracle_decode(m->code + l->at, m->bytes - l->at, IMAGE_AT + l->at, &ins)) {
		ins = (struct oracle_ins){ .bytes = 1 };	/* capstone 4.0.2 does not know some */
		return false;
	}
	l->bytes = ins.bytes;
	snprintf(l->text, sizeof(l->text), "%.95s", ins.text);
	l->falls_through = ins.falls_through && !begins(ins.text, "int3");
	l->has_target = ins.has_target;
	l->target = (s64)(ins.target - IMAGE_AT);
	reading_x64(r, l);
	return true;
}

bool reading_make(struct reading *r, const struct image *m)
{
	u32 at;

	*r = (struct reading){ .image = m };
	r->line = calloc(m->bytes + 1, sizeof(*r->line));
	r->number = calloc(m->bytes + 1, sizeof(*r->number));
	for (at = 0; at < m->bytes; at += r->line[r->nr - 1].bytes) {
		struct line *l = &r->line[r->nr++];

		l->at = at;
		r->number[at] = r->nr;
		if (is_arm(r) ? !read_a64(r, l) : !read_x64(r, l)) {
			r->wrong = "no instruction";
			r->wrong_at = at;
			return false;
		}
	}
	return true;
}

void reading_free(struct reading *r)
{
	free(r->line);
	free(r->number);
	memset(r, 0, sizeof(*r));
}

bool reading_is_trap(const struct reading *r, u32 at)
{
	const char *text = at < r->image->bytes && r->number[at] ? r->line[r->number[at] - 1].text : "";

	return begins(text, "ud2") || begins(text, "int3") || begins(text, "brk");
}

bool reading_is_copy(const struct line *l)
{
	return begins(l->text, l->text[4] == 'x' ? "mov x" : "mov r") && !strpbrk(l->text, "[#") && l->reads &&
	       !strstr(l->text, "d, ");
}

/* Comparing ---------------------------------------------------------------- */

/* Without numbers, if @bare; the price of a loop is the program's affair. */
static void canonical(const char *text, bool bare, char out[96])
{
	bool price = begins(text, "sub r9, ") || begins(text, "subs x27, x27, #") || begins(text, "subs x6, x6, #");
	const char *at;
	size_t n = 0;

	for (at = text; *at && n < 95; at++) {
		if ((bare || price) && (begins(at, "0x") || (*at >= '0' && *at <= '9' && (at[-1] == ' ' || at[-1] == '#')))) {
			at += strspn(at, "0123456789abcdefx") - 1;
			out[n++] = 'N';
		} else {
			out[n++] = *at;
		}
	}
	out[n] = 0;
}

/* What the walk itself vouches for: trusted registers are set before they are used. */
static bool is_soft(const struct reading *r, const struct line *l)
{
	static const char *const lines[] = {
		"mov r9, r11", "mov x29, sp", "sub x29, sp, #0", "add x29, sp, #0",
		"adr x9", "adr x1", "ldr x9, [sp]", "bti",
		"add rbp", "sub rbp", "add x25", "sub x25", "nop", "ud2", "int3",
		"brk", "sub r9", "subs x27", "subs x6", "str x27", "ldr w", "mov qword ptr [rsp + 8], r",
		"mov r11, qword ptr [rsp + ", "mov qword ptr [r11 + 0x10], r9",
		"jmp r10", "br x9", "rdpkru", "mrs", "isb", "mov w6", "lea r10, [rip", "ldur x",
	};
	static const char *const loads[] = { "mov r", "mov e", "ldr x", "ldp x" };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lines); i++)
		if (begins(l->text, lines[i]))
			return true;
	for (i = 0; i < ARRAY_SIZE(loads); i++)
		if (begins(l->text, loads[i]) && has(l->text, "[") && !has(l->text, "[rsp]") && !has(l->text, "[sp]"))
			return true;
	if (reading_is_copy(l) || has(l->text, "[r11]") ||
	    (has(l->text, "r12") && !has(l->text, "[") && !begins(l->text, "p")))
		return true;
	return (begins(l->text, "call") || begins(l->text, "bl ")) && l->target >= 0 && l->target < r->image->bytes;
}

/* How often does the host's line stand in @r, where something leads to it, or (@dead) wherever? */
static u32 count(const struct reading *r, const char *text, bool dead)
{
	u32 i, n = 0;

	for (i = 0; i < r->nr; i++)
		n += (r->line[i].seen || dead) && r->line[i].host && !strcmp(r->line[i].text, text) &&
		     !reading_is_trap(r, r->line[i].at + r->line[i].bytes);
	return n;
}

static bool ends_at(const struct reading *r, u32 at)
{
	return reading_is_trap(r, at) || (at < r->image->bytes && r->number[at] &&
				  begins(r->line[r->number[at] - 1].text, "ret"));
}

static bool is_seen(const struct reading *r, const struct line *l)
{
	return r->number[l->at] && r->line[r->number[l->at] - 1].seen;
}

/*
 * The host's side, word by word: what stands there in one and not in the
 * other.  A gate may lack, and a return in front of a trap.
 */
static enum explanation compare_host(const struct reading *a, const struct reading *b)
{
	enum explanation e = SAME_CODE;
	u32 i;

	for (i = 0; i < b->nr; i++) {
		const struct line *l = &b->line[i];

		if (l->seen && l->host && !is_soft(b, l) && !begins(l->text, "ret") && !reading_is_trap(b, l->at + l->bytes) &&
		    count(b, l->text, false) > count(a, l->text, true))
			return UNEXPLAINED;
	}
	for (i = 0; i < a->nr; i++) {
		const struct line *k = &a->line[i], *l = &b->line[b->number[k->at] ? b->number[k->at] - 1 : 0];

		if (!k->seen || !k->host || !is_seen(b, k) || (l->at == k->at && !strcmp(l->text, k->text)))
			continue;
		if (is_soft(a, k))
			e = NOT_USED;
		else if (reading_is_trap(b, k->at) || (l->at == k->at && reading_is_trap(b, l->at + l->bytes)) ||
			 begins(l->text, "ret") ||
			 ((begins(k->text, "ret") || begins(k->text, "jmp r10") || begins(k->text, "br ")) &&
			  ends_at(b, k->at + k->bytes)))
			e = ENDS_IN_TRAP;
		else if (begins(k->text, "wrpkru") || begins(k->text, "msr") || begins(k->text, "hvc"))
			e = NOT_ENTERED;
		else if (count(a, k->text, false) > count(b, k->text, false))
			return UNEXPLAINED;
	}
	return e;
}

static bool is_branch(const char *text)
{
	return *text == 'j' || begins(text, "b.") || begins(text, "b ") || begins(text, "cb") || begins(text, "tb");
}

enum explanation reading_compare(const struct reading *good, struct reading *mutant, const char **why)
{
	bool dead = true, branches = true, numbers = true;
	enum explanation host;
	char x[96], y[96];
	u32 i, changed = 0;

	reading_follow(mutant);
	for (i = 0; i < mutant->nr; i++) {
		const struct line *l = &mutant->line[i], *k;

		k = good->number[l->at] ? &good->line[good->number[l->at] - 1] : NULL;
		if (k && k->bytes == l->bytes && !strcmp(k->text, l->text))
			continue;
		changed++;
		dead &= !l->seen && (!k || !k->seen);
		branches &= k && is_branch(k->text) && is_branch(l->text);
		canonical(l->text, true, x);
		canonical(k ? k->text : "", true, y);
		numbers &= !strcmp(x, y);
	}
	*why = mutant->wrong;
	if (changed && dead && !mutant->wrong)
		return DEAD_CODE;
	host = mutant->wrong ? UNEXPLAINED : compare_host(good, mutant);
	if (host == UNEXPLAINED && !*why)
		*why = "the host's side is another";
	if (host != SAME_CODE)
		return host;
	return !changed ? SAME_CODE : branches ? OTHER_BRANCH : numbers ? OTHER_NUMBER : OTHER_WORK;
}
