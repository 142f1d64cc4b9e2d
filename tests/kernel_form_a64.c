/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel relies on in images for arm64: its trampolines at the entry,
 * programs of its own JIT that tail-call ours and are called, the ways to end.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "kernel_form.h"

#if defined(__aarch64__)
#include "../arch-arm64/a64.h"
#include "../disasm-tests/asm.h"

#define MAX_INSNS	4000
#define TEXT_BYTES	(MAX_INSNS * 40)

/* Of the kernel's own JIT: prologue, place for tail calls, and back; it returns 2000 and the number of tail calls. */
#define STOCK_PROLOGUE							\
	"	mov x9, x30\n	nop\n"					\
	"	stp x29, x30, [sp, #-16]!\n	mov x29, sp\n"		\
	"	stp x19, x20, [sp, #-16]!\n	stp x21, x22, [sp, #-16]!\n" \
	"	stp x25, x26, [sp, #-16]!\n	stp x27, x28, [sp, #-16]!\n" \
	"	mov x25, sp\n	mov x26, #0\n"
#define STOCK_EPILOGUE							\
	"	ldp x27, x28, [sp], #16\n	ldp x25, x26, [sp], #16\n" \
	"	ldp x21, x22, [sp], #16\n	ldp x19, x20, [sp], #16\n" \
	"	ldp x29, x30, [sp], #16\n	mov x0, x7\n	ret\n"

asm(".text\n	.balign 8\n"
    "	.globl stock_target, stock_caller, pass_on, call_function\n"
    "	.hidden stock_target, stock_caller, pass_on, call_function\n"
    "stock_target:\n" STOCK_PROLOGUE
    "	sub x27, x25, #8\n	sub sp, sp, #32\n"
    "	str x0, [x25, #-8]\n"
    "	mov x19, #1\n	mov x20, #2\n	mov x21, #3\n	mov x22, #4\n	mov x28, #5\n"
    "	add x7, x26, #2000\n"
    "	add sp, sp, #32\n" STOCK_EPILOGUE
    /* The first program of the array in context.array; offsets as in kform.h. */
    "stock_caller:\n" STOCK_PROLOGUE
    "	sub sp, sp, #48\n"
    "	mov x19, #1\n	mov x20, #2\n	mov x21, #3\n	mov x22, #4\n"
    "	ldr x10, [x0, #16]\n	ldr x10, [x10, #48]\n	ldr x10, [x10, #24]\n"
    "	add x26, x26, #1\n	add x10, x10, #40\n	add sp, sp, #48\n	br x10\n"
    /* Trampolines: one passes on, one calls the function itself and adds 100 to what it returns. */
    "pass_on:\n"
    "	mov x10, x30\n	mov x30, x9\n	ret x10\n"
    "call_function:\n"
    "	stp x29, x30, [sp, #-32]!\n	str x9, [sp, #16]\n	mov x29, sp\n"
    /* behind the hook there is no landing pad */
    "	mov x10, x30\n	adr x30, 1f\n	ret x10\n"
    "1:\n"
    "	add x0, x0, #100\n"
    "	ldr x9, [sp, #16]\n	ldp x29, x30, [sp], #32\n	ret x9\n");

extern const u8 stock_target[], stock_caller[], pass_on[], call_function[];

static struct context {
	u64 runs, index;
	struct kform_array *array;
} context;

static struct kform form;
static struct bpf_insn insn[MAX_INSNS];

static bool load(const char *text)
{
	char error[200] = "";
	int n = assemble(text, insn, MAX_INSNS, error);

	return CHECK(n > 0, "%s", error) && CHECK(!kform_load(&form, insn, (u32)n), "%s: %s", text, form.refused);
}

static void start(u32 cpu)
{
	kform_free(&form);
	kform_defaults(&form);
	form.cpu = cpu;
}

/* Between programs of both ------------------------------------------------------- */

static void stock_programs(void)
{
	static const char caller[] =
		"r6 = 1\n r7 = 2\n r8 = 3\n r9 = 4\n *(u64 *)(r10 - 16) = r6\n"
		"r2 = *(u64 *)(r1 + 16)\n r3 = 0\n tail_call\n r0 = 7\n exit\n";
	struct kform_prog target = { .entry = stock_target }, own;
	struct kform_array array = { .entries = 1, .prog = { &target } };
	struct kform stock;

	static_assert(offsetof(struct kform_array, prog) == 48 && offsetof(struct kform_prog, entry) == 24, "asm");
	context.array = &array;
	start(0);
	if (!load(caller))
		return;
	CHECK(form.func[0].jit.tail_entry == 40, "tail calls enter at %u", form.func[0].jit.tail_entry);
	CHECK(kform_run(&form, &context) == 2001, "a stock program is not reached, or not as the first tail call");
	stock = form;
	stock.func[0].code = (u8 *)stock_caller;
	own = kform_prog(&form);
	array.prog[0] = &own;
	context.runs = 0;
	CHECK(kform_run(&stock, &context) == 7, "too many tail calls do not come back");
	start(0);
	if (!load("r6 = r1\n *(u64 *)(r10 - 40) = r1\n r0 = *(u64 *)(r10 - 40)\n r0 -= r6\n r0 += 9\n exit\n"))
		return;
	own = kform_prog(&form);
	CHECK(kform_run(&stock, &context) == 9, "a stock program does not reach ours");
}

/* The entry hook ------------------------------------------------------------------- */

/* As bpf_arch_text_poke(): the hook of @f becomes a call of the PLT, and that leads to @to. */
static void attach(struct kform_func *f, const u8 *to)
{
	u32 hook = f->opt.cpu & A64_BTI ? 8 : 4, plt = f->jit.text_bytes - 8, word;
	u64 target = (u64)to, at_first;

	memcpy(&word, f->code + hook, 4);
	CHECK(word == A64_NOP, "%08x where the hook should be", word);
	memcpy(&word, f->code + plt, 4);
	CHECK(word == a64_ldr_literal(A64_X10, 8), "%08x at the end", word);
	memcpy(&at_first, f->code + plt + 8, 8);
	CHECK(at_first == (u64)pass_on && (u64)(f->code + plt) % 8 == 0, "the PLT leads to %llx",
	      (unsigned long long)at_first);
	memcpy(f->code + plt + 8, &target, 8);
	word = a64_branch(A64_BL, (s64)plt - hook);
	memcpy(f->code + hook, &word, 4);
	__builtin___clear_cache((char *)f->code, (char *)f->code + f->jit.bytes);
}

static void trampolines(void)
{
	static const char *const programs[] = {
		"r6 = r1\n r9 = 1\n call L1\n r0 += r9\n exit\n L1:\n r0 = 4\n exit\n",
		"r6 = r1\n r9 = 1\n call L1\n r0 += r9\n exit\n"
		"L1:\n r6 = 4\n *(u64 *)(r10 - 8) = r6\n r0 = *(u64 *)(r10 - 8)\n exit\n",
		"r6 = r1\n r9 = 1\n *(u64 *)(r10 - 300) = r1\n call L1\n r0 += r9\n exit\n"
		"L1:\n r6 = 2\n *(u64 *)(r10 - 512) = r6\n call L2\n r6 = *(u64 *)(r10 - 512)\n r0 += r6\n exit\n"
		"L2:\n r0 = 2\n exit\n",
	};
	u32 i, cpu;

	for (i = 0; i < 4 * ARRAY_SIZE(programs); i++) {
		cpu = (i & 1 ? A64_BTI : 0) | (i & 2 ? A64_PAC : 0);
		start(cpu);
		form.kernel.dummy_tramp = (u64)pass_on;
		if (!load(programs[i / 4]))
			continue;
		CHECK(kform_run(&form, NULL) == 5, "program %u: not 5", i);
		attach(&form.func[0], pass_on);
		CHECK(kform_run(&form, NULL) == 5, "program %u, traced: not 5", i);
		attach(&form.func[1], call_function);
		CHECK(kform_run(&form, NULL) == 105, "program %u, with a trampoline around a function: not 105", i);
	}
}

/* Ends ------------------------------------------------------------------------------ */

static void ends(void)
{
	static const char *const programs[] = {
		"r6 = r1\n if r1 == 0 goto L1\n r0 = *(u64 *)(r6 + 0)\n exit\n L1:\n r0 = 5\n exit\n",
		"r6 = r1\n r9 = 5\n if r1 == 0 goto L1\n *(u64 *)(r10 - 8) = r6\n r7 = *(u64 *)(r10 - 8)\n"
		"r0 = *(u64 *)(r7 + 0)\n exit\n L1:\n r0 = r9\n exit\n",
	};
	u32 way;

	for (way = 0; way < 64; way++) {
		start((way & 32 ? A64_PAC : 0) | (way & 16 ? A64_BTI : 0));
		form.kernel.classic = way & 1;
		form.kernel.history_hint = way & 2;
		form.kernel.history_loops = way & 4 ? 11 : 0;
		form.kernel.history_call = way & 8 ? A64_NOP : 0;
		form.kernel.history_function = 0x80003fff;
		if (!load(programs[way % 3 == 0]))
			continue;
		context.runs = 0x123456789;
		CHECK(kform_run(&form, &context) == 0x123456789, "way %u: another result", way);
		CHECK(kform_run(&form, NULL) == 5, "way %u: another result for NULL", way);
	}
}

/* Addresses --------------------------------------------------------------------------- */

static u64 add_up(u64 a, u64 b)
{
	return a + b;
}

static u64 take_off(u64 a, u64 b)
{
	return a - b;
}

static const struct kform_helper helpers[] = { { 5, add_up }, { 6, take_off }, { 0 } };

/* Helpers at both ends of @slots slots: loaded from where a literal reaches, and from further away. */
static void calls(u32 slots)
{
	static char text[TEXT_BYTES];
	u32 i, n = 0;

	n += sprintf(text + n, "r1 = 40\n r2 = 2\n call 5\n r1 = r0\n r2 = 12\n call 6\n r6 = r0\n");
	n += sprintf(text + n, "r1 = subprog[L1]\n call L1\n");
	for (i = 0; i < slots; i++)
		n += sprintf(text + n, "r6 += 1\n");
	sprintf(text + n, "r1 = r6\n r2 = r0\n call 5\n r1 = r0\n r2 = 1000\n call 5\n exit\n L1:\n r0 = 5\n exit\n");
	start(0);
	form.helper = helpers;
	if (!load(text))
		return;
	CHECK(kform_run(&form, NULL) == 30 + slots + 5 + 1000, "%u slots: not the sum", slots);
	/* Two helpers, a function and its address. */
	CHECK(form.func[0].jit.bytes == form.func[0].jit.text_bytes + 8 + 4 * 8, "%u bytes of data",
	      form.func[0].jit.bytes - form.func[0].jit.text_bytes);
}

void kernel_form_a64(void)
{
	stock_programs();
	trampolines();
	ends();
	calls(10);
	calls(1900);
	calls(3000);
	kform_free(&form);
}
#else
void kernel_form_a64(void)
{
}
#endif
