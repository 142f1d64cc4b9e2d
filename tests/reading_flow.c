/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A second opinion on machine code: control and data flow over lines of disassembly; see reading.h. */
#include <stdlib.h>

#include "reading.h"

#define BIT(reg)	(1u << (reg))

/* What is known in front of a line. */
struct known {
	bool reached;
	u32 dirty;	/* registers that may hold what the host left */
	u32 address;	/* that hold an address in the cage, or what a trusted register must; x86: R11 an offset */
	u32 frame;	/* that hold the address of the host's frame */
	u32 low;	/* x86: that are below 2^32 */
	u32 rights;	/* 1: the host's, 2: the domain's */
	s32 depth;	/* bytes pushed */
	s32 site;	/* line at which the number of the next call was stored, or -1 */
};

struct follow {
	struct reading *r;
	struct known *known;
	u32 *todo;
	u32 nr_todo, max_todo;
};

static void wrong(struct follow *f, const struct line *l, const char *why)
{
	if (!f->r->wrong) {
		f->r->wrong = why;
		f->r->wrong_at = l->at;
	}
}

static void arrive(struct follow *f, const struct line *from, s64 to, const struct known *k)
{
	struct known *there, old;

	if (to < 0 || to >= f->r->image->bytes || !f->r->number[to]) {
		wrong(f, from, "leads to no instruction");
		return;
	}
	there = &f->known[f->r->number[to] - 1];
	old = *there;
	if (!there->reached) {
		*there = *k;
		there->reached = true;
	} else {
		there->dirty |= k->dirty;
		there->address &= k->address;
		there->frame &= k->frame;
		there->low &= k->low;
		there->rights |= k->rights;
		if (there->depth != k->depth && !reading_is_trap(f->r, to))
			wrong(f, from, "another depth of the stack");
		if (there->site != k->site)
			there->site = -1;
	}
	if (memcmp(&old, there, sizeof(old)) && f->nr_todo < f->max_todo)
		f->todo[f->nr_todo++] = f->r->number[to] - 1;
}

static s32 number_in(const char *text, char before)
{
	const char *at = strrchr(text, before);

	return at ? strtol(at + 1, NULL, 0) : 0;
}

/* The table of returns, which begins where the image last took an address; its index was masked. */
static void arrive_returns(struct follow *f, const struct line *from, const struct known *k)
{
	const struct reading *r = f->r;
	s64 table = -1, mask = 0, i;

	for (i = 0; i < r->nr; i++) {
		if (begins(r->line[i].text, "adr x9") || has(r->line[i].text, "rip"))
			table = r->line[i].target;
		if (begins(r->line[i].text, "and r11d, ") || begins(r->line[i].text, "and w10, w10, #"))
			mask = number_in(r->line[i].text, *r->line[i].text == 'a' && is_arm(r) ? '#' : ',');
	}
	for (i = 0; i <= mask; i++)
		arrive(f, from, table + 8 * i, k);
}

static u32 caller_saved(const struct reading *r)
{
	return is_arm(r) ? 0x3ffff : BIT(0) | BIT(1) | BIT(2) | BIT(6) | BIT(7) | BIT(8) | BIT(10) | BIT(11);
}

static u64 number_of(const char *text)
{
	const char *at = strchr(text, ',');

	return at && !has(text, "movk") ? strtoull(at + 1 + strspn(at + 1, " #"), NULL, 0) : ~0ull;
}

/* Does the gate write the host's number?  Told by what last went into its register. */
static u32 rights_of(const struct follow *f, const struct line *gate)
{
	u32 reg = !is_arm(f->r) ? 0 : begins(gate->text, "hvc") ? 16 : 9;
	const struct line *l = gate - 1;

	if (is_arm(f->r) && begins(l->text, "b.eq"))
		return 1;	/* the caller's own */
	while (l > f->r->line && !(l->writes & BIT(reg)))
		l--;
	if (has(l->text, "[rsp"))
		return 1;
	return (u64)number_of(l->text) ==
	       f->r->image->facts.host_rights ? 1 : 2;
}

static void stack(const struct line *l, struct known *k)
{
	const char *t = l->text;

	if (begins(t, "push"))
		k->depth += 8;
	else if (begins(t, "pop"))
		k->depth -= 8;
	else if (begins(t, "sub rsp") || begins(t, "add rsp"))
		k->depth += (*t == 's' ? 1 : -1) * number_in(t, ',');
	else if (has(t, "[sp, #-16]!") || begins(t, "sub sp"))
		k->depth += 16;
	else if (has(t, "[sp], #16") || begins(t, "add sp"))
		k->depth -= 16;
}

/* x86, in known.address: the word at RSP + 8 is written; the segment base is the cage's. */
#define SLOT_FRAME	BIT(31)
#define SEGMENT		BIT(30)
#define R11_ADDRESS	BIT(29)	/* for the loops of atomics */

/* 32-bit names are eax.. and r8d.., of the register that comes first. */
static bool writes_low(const struct line *l)
{
	const char *name = strchr(l->text, ' ');

	return name && (name[1] == 'e' || (name[1] == 'r' && name[strcspn(name, ",") - 1] == 'd'));
}

static void x64_addresses(const struct line *l, struct known *k)
{
	bool low = writes_low(l) || (reading_is_copy(l) && k->low & l->reads);

	k->low = (k->low & ~l->writes) | (low ? l->writes : 0);
	if (l->writes & BIT(11))
		k->address = (k->address & ~BIT(11)) | (k->low & BIT(11));
	if (l->writes & BIT(11) && (has(l->text, "lea r11, [r12 + r11]") || has(l->text, "lea r11, [rbp - ")))
		k->address |= R11_ADDRESS;
	else if (l->writes & BIT(11))
		k->address &= ~R11_ADDRESS;
	if (l->writes & BIT(12))
		k->address = (k->address & ~BIT(12)) |
			     (begins(l->text, "mov r12, qword ptr [") || begins(l->text, "shl r12, 0x20") ? BIT(12) : 0);
	if (has(l->text, "[rsp], "))
		k->site = l->at;
}

static void a64_addresses(const struct line *l, struct known *k)
{
	u32 from = l->reads & k->address, set = 0;

	if (begins(l->text, "add x") && (has(l->text, ", x28, w") || has(l->text, ", x8, w")) && has(l->text, "uxtw"))
		set = l->writes;
	else if ((begins(l->text, "add x") || begins(l->text, "sub x")) && has(l->text, "#") &&
		 (from || l->reads == BIT(25)))
		set = l->writes;
	k->address = (k->address & ~l->writes) | set;
	if (l->writes & BIT(6))
		k->site = l->at;
}

/* Is its base none that an access of the program may have? */
static bool is_frame_field(const struct reading *r, const struct line *l)
{
	if (r->image->variant->mode == MOAT_MODE_PKU || !l->base || begins(l->text, "lea") || has(l->text, "gs:["))
		return false;
	if (is_arm(r))
		return !(l->base & (0x3ff00u | BIT(25) | BIT(28) | BIT(31)));
	return !(l->base & (BIT(4) | BIT(5) | BIT(12))) && !has(l->text, "[r11]");
}

/* Trusted registers are not read before they are set. */
static bool is_set_up(const struct follow *f, const struct line *l, const struct known *k)
{
	u32 trusted = is_arm(f->r) ? 0xfu << 25 | BIT(8) : BIT(5) | BIT(9);

	if (begins(l->text, "push") || begins(l->text, "stp") || reading_is_copy(l))
		return true;
	if (has(l->text, ", qword ptr [rsp + 8]") && !(k->address & SLOT_FRAME))
		return false;
	if (has(l->text, "gs:[") && !(k->address & SEGMENT))
		return false;
	if (begins(l->text, "call") && !(k->address & BIT(9)) && l->target >= f->r->image->bytes)
		return false;
	if (has(l->text, "[") && (l->base & k->frame) == 0 && is_frame_field(f->r, l))
		return false;
	return !(l->reads & trusted & ~k->address);
}

/* A function's own copy of its caller's frame. */
static bool writes_r11(const struct line *l)
{
	return begins(l->text, "mov r11,") && !has(l->text, "[rsp + 0x10]");
}

static void set_up(const struct follow *f, const struct line *l, struct known *k)
{
	u32 trusted = is_arm(f->r) ? 0xfu << 25 | BIT(8) : BIT(5) | BIT(9);
	const struct line *from;

	k->address |= l->writes & trusted;
	k->frame = (k->frame & ~l->writes) |
		   ((reading_is_copy(l) && k->frame & l->reads) || has(l->text, ", qword ptr [rsp + 8]") ||
		    (has(l->text, ", qword ptr [rsp + ") && writes_r11(l)) ? l->writes : 0);
	if (begins(l->text, "mov qword ptr [rsp + 8], "))
		k->address |= SLOT_FRAME;
	if (begins(l->text, "wrgsbase")) {
		for (from = l - 1; from > f->r->line && !(from->writes & l->reads); from--)
			;
		k->address = (k->address & ~SEGMENT) | (begins(from->text, "mov rax, qword ptr [r") ? SEGMENT : 0);
	}
}

/* In base-register modes: does what the access starts from hold what it must? */
static bool is_formed(const struct follow *f, const struct line *l, const struct known *k)
{
	const char *bracket = strchr(l->text, '[');
	u32 base;

	if (!is_arm(f->r))
		return (!reading_in_cage(l->text) || !(~k->address & (BIT(11) | BIT(12)))) &&
		       (!has(l->text, "[r11]") || k->address & R11_ADDRESS || f->r->image->variant->form == 2);
	if (!bracket || has(bracket, "[sp") || has(bracket, "[x26") || has(bracket, "[x2]") || has(bracket, "[x2, #") ||
	    has(bracket, "[x3]") || has(bracket, "[x3, #"))
		return true;	/* the host's; domain code that does so is told by its rights or below */
	base = atoi(bracket + 2);
	if (base == 28 || base == 8)
		return has(bracket, "uxtw]");
	return base == 25 ? has(bracket, "#-") && number_in(bracket, '#') >= -512 : (k->address & BIT(base)) != 0;
}

/* Not the host's lines, nor the arguments of the next image in a tail call. */
static bool touches_domain(const struct line *l)
{
	const char *bracket = strchr(l->text, '[');

	return bracket && !l->host && !begins(l->text, "lea") && !has(bracket, "[rdx + 0x") &&
	       !has(bracket, "[rdi + 0x") && !has(bracket, "[x2, #");
}

static void check_line(struct follow *f, const struct line *l, const struct known *k)
{
	const struct image_variant *v = f->r->image->variant;
	bool gates = v->mode != MOAT_MODE_BASEREG, sp = !reading_is_copy(l) && (has(l->text, "rsp") || has(l->text, "[sp") ||
		     begins(l->text, "push") || begins(l->text, "pop") || begins(l->text, "ret") ||
		     begins(l->text, "call") || begins(l->text, "blr"));

	if (reading_is_trap(f->r, l->at))
		return;
	if (!is_set_up(f, l, k))
		wrong(f, l, "a trusted register is used that was not set");
	if (begins(l->text, "ret") && k->depth & ((1 << 20) - 1))
		wrong(f, l, "a return with something on the stack");
	if (begins(l->text, "ret") && k->depth && k->dirty & (is_arm(f->r) ? 0x9f : BIT(0)))
		wrong(f, l, "a function returns what the host may have left");
	if (k->rights == 3)
		wrong(f, l, "reached with the host's rights and the domain's");
	if (gates && k->rights == 2 && sp)
		wrong(f, l, "the host's stack in the domain");
	if (!l->host && l->reads & k->dirty && !reading_is_copy(l) && !has(l->text, "[x2, #"))
		wrong(f, l, "reads what the host may have left");
	if (gates && k->rights == 1 && touches_domain(l))
		wrong(f, l, "memory of the domain with the host's rights");
	if (v->mode != MOAT_MODE_PKU && !is_formed(f, l, k))
		wrong(f, l, "an access that is not formed in the cage");
}

/* The number that a call passes is how many there are in front of it. */
static bool is_numbered(const struct follow *f, const struct line *call, const struct known *k)
{
	const struct line *l, *site = k->site < 0 ? NULL : &f->r->line[f->r->number[k->site] - 1];
	u64 n = 0;

	for (l = f->r->line; l < call; l++)
		n += begins(l->text, "blr") || (begins(l->text, "call") && (!l->has_target || l->target >= f->r->image->bytes));
	return site && (has(site->text, "r10") || number_of(site->text) == n);
}

/* Registers that hold what a program is not to see; R10 is a number like others without a base register. */
static u32 hidden(const struct reading *r)
{
	u32 regs = is_arm(r) ? 0xffu << 24 | BIT(8) : BIT(4) | BIT(5) | BIT(9);

	return r->image->variant->mode == MOAT_MODE_PKU ? regs & ~(is_arm(r) ? BIT(25) : BIT(5)) : regs;
}

static void after(struct follow *f, const struct line *l, struct known *k)
{
	bool arm = is_arm(f->r), out = begins(l->text, "blr") || begins(l->text, "call");

	stack(l, k);
	if (arm)
		a64_addresses(l, k);
	else
		x64_addresses(l, k);
	set_up(f, l, k);
	if (reading_is_copy(l) && l->reads & (k->dirty | hidden(f->r)))
		k->dirty |= l->writes;
	else
		k->dirty &= ~l->writes;
	if (begins(l->text, "rdpkru") || begins(l->text, "mrs"))
		k->dirty |= is_arm(f->r) ? l->writes : BIT(0);
	if (out && l->has_target && l->target >= 0 && l->target < f->r->image->bytes)
		out = false;
	if (out && !is_numbered(f, l, k))
		wrong(f, l, "a call without its number");
	if (out) {
		k->dirty = (k->dirty | caller_saved(f->r)) & ~BIT(0);
		k->address &= ~(caller_saved(f->r) | (arm ? 0 : BIT(9)));
		k->site = -1;
	}
	if (begins(l->text, "wrpkru") || begins(l->text, "msr") || begins(l->text, "hvc"))
		k->rights = rights_of(f, l);
}

static void follow_line(struct follow *f, u32 i)
{
	struct line *l = &f->r->line[i];
	struct known k = f->known[i], callee;
	bool call = begins(l->text, "call") || begins(l->text, "bl ");

	l->seen = true;
	check_line(f, l, &k);
	after(f, l, &k);
	if (call && l->target >= 0 && l->target < f->r->image->bytes) {
		callee = k;
		callee.depth = 1 << 20;	/* its own */
		arrive(f, l, l->target, &callee);
		k.dirty &= ~(is_arm(f->r) ? 0x9fu : BIT(0) | BIT(1) | BIT(2) | BIT(6) | BIT(7) | BIT(8));
	} else if (l->has_target && !call && !begins(l->text, "adr") && !has(l->text, "rip")) {
		arrive(f, l, l->target, &k);
	}
	if (l->falls_through && !begins(l->text, "jmp r"))
		arrive(f, l, (s64)l->at + l->bytes, &k);
	else if (begins(l->text, "jmp r10") || begins(l->text, "br x9"))
		arrive_returns(f, l, &k);
}

static void enter(struct follow *f, u32 at, bool callback)
{
	const struct moat_check *c = &f->r->image->facts;
	struct known k = { .rights = 1, .site = -1 };
	u32 i, args = callback ? 3 : c->entry_args;
	static const u8 x64_arg[] = { 7, 6, 2 };

	k.dirty = is_arm(f->r) ? 0x7fffff : 0xffff & ~BIT(4) & ~BIT(9);
	for (i = 0; i < args; i++)
		k.dirty &= ~BIT(is_arm(f->r) ? i : x64_arg[i]);
	if (callback)
		k.dirty &= is_arm(f->r) ? ~BIT(4) : ~BIT(8);
	k.frame = is_arm(f->r) ? BIT(callback ? 3 : 2) : BIT(callback ? 1 : 2);
	k.dirty &= ~(is_arm(f->r) ? BIT(callback ? 3 : 2) : BIT(callback ? 1 : 2));	/* the frame: host lines read it */
	arrive(f, f->r->line, at, &k);
}

void reading_follow(struct reading *r)
{
	struct follow f = { .r = r, .max_todo = 64 * (r->nr + 16) };
	u32 i;

	f.known = calloc(r->nr + 1, sizeof(*f.known));
	f.todo = calloc(f.max_todo, sizeof(*f.todo));
	enter(&f, 0, false);
	for (i = 0; i < r->image->facts.nr_entry; i++)
		enter(&f, r->image->entry[i], true);
	while (f.nr_todo && !r->wrong)
		follow_line(&f, f.todo[--f.nr_todo]);
	free(f.known);
	free(f.todo);
}
