/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See kernel_form.h: programs are written out, so that each does one thing that the kernel relies on. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "kernel_form.h"
#include "../arch-x86/x64.h"
#include "../disasm-tests/asm.h"
#include "../runtime/internal.h"

#define MAX_INSNS	200
#define MAX_TAIL_CALLS	33

/* What programs get: counters of their own, and an array to tail-call through. */
struct context {
	u64 runs, index;
	struct kform_array *array;
	u64 result;
};

static struct kform form, other;
static struct kform_prog prog, other_prog;
static struct kform_array array;
static struct context context;

static int load(struct kform *k, const char *text)
{
	static struct bpf_insn insn[MAX_INSNS];
	char error[200] = "";
	int n = assemble(text, insn, MAX_INSNS, error);

	if (!CHECK(n > 0, "%s", error))
		return -EINVAL;
	return kform_load(k, insn, (u32)n);
}

static void start(struct kform *k)
{
	kform_free(k);
	kform_defaults(k);
	k->kernel.int3_after_jump = true;
}

static void fill_array(struct kform_prog *a, struct kform_prog *b)
{
	array = (struct kform_array){ .entries = 2, .prog = { a, b, a, a } };
	context = (struct context){ .array = &array };
}

/* Tail calls -------------------------------------------------------------------- */

/* Counts its runs, calls through the array, and comes back with 7 if that fails. */
#define COUNT	"r6 = r1\n r7 = *(u64 *)(r1 + 0)\n r7 += 1\n *(u64 *)(r1 + 0) = r7\n"
#define CALL	"r2 = *(u64 *)(r1 + 16)\n r3 = *(u64 *)(r1 + 8)\n tail_call\n"
#define TARGET	"r0 = *(u64 *)(r1 + 0)\n r0 += 1000\n exit\n"
#define BACK	"r0 = 7\n exit\n"

static const char *const callers[] = {
	CALL BACK,
	COUNT CALL BACK,
	"*(u64 *)(r10 - 8) = 1\n" COUNT CALL BACK,
	"*(u64 *)(r10 - 128) = 1\n" COUNT CALL "r6 = *(u64 *)(r10 - 128)\n" BACK,
	"*(u64 *)(r10 - 16) = r1\n r8 = r1\n r9 = r1\n" COUNT CALL "r8 = *(u64 *)(r10 - 16)\n" BACK,
	"*(u8 *)(r10 - 512) = 1\n r9 = r1\n" CALL "r6 = r9\n" BACK,
	"r2 = *(u64 *)(r1 + 16)\n r3 = *(u64 *)(r1 + 8)\n r4 = 0xffffffff00000000 ll\n r3 |= r4\n tail_call\n" BACK,
};

static u64 call_with(u64 index)
{
	context.runs = 0;
	context.index = index;
	return kform_run(&form, &context);
}

/* One caller in one form: the target, another one, no such index, an empty entry. */
static void call_one(const char *caller, u32 n, u64 counted)
{
	start(&other);
	other.cpu = form.cpu;
	if (!CHECK(!load(&form, caller) && !load(&other, TARGET), "caller %u: %s %s", n, form.refused, other.refused))
		return;
	prog = kform_prog(&form);
	other_prog = kform_prog(&other);
	fill_array(&other_prog, &other_prog);
	array.prog[1] = NULL;
	CHECK(call_with(0) == 1000 + counted, "caller %u does not arrive", n);
	CHECK(call_with(1) == 7, "caller %u goes through an empty entry", n);
	CHECK(call_with(2) == 7, "caller %u goes beyond the array", n);
	CHECK(call_with(3) == 7, "caller %u goes beyond the array, to what is there", n);
	array.prog[1] = &other_prog;
	CHECK(call_with(1) == 1000 + counted, "caller %u does not arrive at the second", n);
}

/* Ways to jump: plainly, with a barrier, through a thunk; with landing pads and without. */
static void set_way(u32 way)
{
	static const u8 thunk[] = { 0x90, 0xff, 0xe1 };		/* nop; jmp rcx */

	start(&form);
	form.plain = way & 1;
#if defined(__x86_64__)
	form.cpu ^= way & 2 ? X64_IBT : 0;
#endif
	form.kernel.jump_lfence = way & 4;
	form.kernel.int3_after_jump = way & 8;
	if (way & 16)
		form.kernel.jump_thunk = kform_place(&form, thunk, sizeof(thunk));
}

static void tail_calls(void)
{
	u32 way, i;

	for (way = 0; way < 32; way++) {
		for (i = 0; i < ARRAY_SIZE(callers); i++) {
			set_way(way);
			call_one(callers[i], i, !!strstr(callers[i], "+= 1"));
		}
	}
}

/* A program that calls itself does so as often as it may, wherever the call is. */
static void limits(void)
{
	static const char *const chains[] = {
		COUNT "r1 = r6\n" CALL BACK,
		"*(u64 *)(r10 - 24) = r1\n" COUNT CALL BACK,
		"r6 = r1\n r0 = 0\n call L1\n r0 = 7\n exit\n L1:\n" COUNT CALL "r0 = 5\n exit\n",
		"*(u64 *)(r10 - 40) = 1\n r6 = r1\n r0 = 0\n call L1\n r0 -= 4\n exit\n"
		"L1:\n r0 = 0\n call L2\n r0 = 11\n exit\n L2:\n" COUNT "*(u64 *)(r10 - 64) = 3\n" CALL "r0 = 3\n exit\n",
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(chains); i++) {
		start(&form);
		form.kernel.tail_reachable = true;
		if (!CHECK(!load(&form, chains[i]), "chain %u: %s", i, form.refused))
			continue;
		prog = kform_prog(&form);
		fill_array(&prog, &prog);
		CHECK(kform_run(&form, &context) == 7, "chain %u does not come back", i);
		CHECK(context.runs == MAX_TAIL_CALLS + 1, "chain %u: %llu runs", i, (unsigned long long)context.runs);
		context.runs = 0;
		CHECK(kform_run(&form, &context) == 7 && context.runs == MAX_TAIL_CALLS + 1, "chain %u, again", i);
	}
}

#if defined(__x86_64__)
static void direct_calls(void)
{
	const struct kform_func *f = form.func;

	start(&form);
	start(&other);
	if (!CHECK(!load(&form, "*(u64 *)(r10 - 32) = 1\n" COUNT "tail_call 3\n" BACK) && !load(&other, TARGET),
		   "%s %s", form.refused, other.refused))
		return;
	other_prog = kform_prog(&other);
	prog = kform_prog(&form);
	fill_array(NULL, NULL);
	CHECK(f->nr_poke == 1 && f->bypass < f->target, "%u places, at %u and %u", f->nr_poke, f->bypass, f->target);
	CHECK(kform_run(&form, &context) == 7, "no target, and not back");
	kform_poke(f, &other_prog);
	CHECK(kform_run(&form, &context) == 1002, "does not arrive");
	kform_poke(f, NULL);
	CHECK(kform_run(&form, &context) == 7, "the target is gone, and not back");
	context.runs = 0;
	kform_poke(f, &prog);
	CHECK(kform_run(&form, &context) == 7 && context.runs == MAX_TAIL_CALLS + 1, "%llu runs",
	      (unsigned long long)context.runs);
}

/* Leaving -------------------------------------------------------------------- */

static void leaving(void)
{
	/* xor eax, eax; xor ecx, ecx; ret, and nop; ret */
	static const u8 clear[] = { 0x31, 0xc0, 0x31, 0xc9, 0xc3 }, thunk[] = { 0x90, 0xc3 };
	u32 way;

	for (way = 0; way < 32; way++) {
		start(&form);
		form.kernel.classic = way & 1;
		form.kernel.int3_after_ret = way & 2;
		form.kernel.return_thunk = way & 4 ? kform_place(&form, thunk, sizeof(thunk)) : 0;
		form.kernel.history_clear = way & 8 ? kform_place(&form, clear, sizeof(clear)) : 0;
		form.kernel.history_fence = way & 16;
		if (CHECK(!load(&form, "r6 = r1\n if r1 == 0 goto L1\n r0 = *(u64 *)(r6 + 0)\n exit\n L1:\n r0 = 5\n exit\n"),
			  "way %u: %s", way, form.refused)) {
			context.runs = 0x123456789;
			CHECK(kform_run(&form, &context) == 0x123456789, "way %u: another result", way);
			CHECK(kform_run(&form, NULL) == 5, "way %u: another result for NULL", way);
		}
	}
}
#endif

/* Probe loads -------------------------------------------------------------------- */

#define VSYSCALL	0xffffffffff600000ull

struct probed {
	u8 *pages;		/* one that can be read, one that cannot */
	u64 limit;
};

/* A load of @bytes into R@dst from R@src + @off reads @want at @at; dst and src may be the same. */
static void probe_one(const struct probed *p, u32 dst, u32 src, u32 bytes, s32 off, u64 at, u64 want)
{
	char text[400];

	start(&form);
	if (p->limit)
		form.kernel.probe_limit = p->limit;
	snprintf(text, sizeof(text),
		 "r%u = 0x%llx ll\n r%u = 0x%llx ll\n probe r%u = *(u%u *)(r%u %+d)\n r0 = r%u\n exit\n", dst,
		 0xdeadbeefdeadbeefull, src, (unsigned long long)at - (u64)(s64)off, dst, bytes * 8, src, off, dst);
	if (!CHECK(!load(&form, text), "%s", form.refused))
		return;
	kform_watch(&form);
	CHECK(kform_run(&form, &context) == want, "r%u = u%u at r%u %+d, address %llx: %llx, not %llx", dst, bytes * 8,
	      src, off, (unsigned long long)at, (unsigned long long)kform_run(&form, &context),
	      (unsigned long long)want);
	CHECK(form.nr_probe == 1, "%u loads are told", form.nr_probe);
}

static void probe_loads(void)
{
	static const s32 offs[] = { 0, 8, -8, 127, 128, -129, 32767, -32768 };
	static const u32 sizes[] = { 1, 2, 4, 8 };
	struct probed p = { .pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) };
	struct probed lower = { .pages = p.pages, .limit = 1ull << 47 };
	u32 dst, src, i;

	if (!CHECK(p.pages != MAP_FAILED && !mprotect(p.pages + 4096, 4096, PROT_NONE), "no memory"))
		return;
	memset(p.pages, 0x5a, 4096);
	for (dst = 0; dst <= 9; dst++) {
		for (src = 0; src <= 9; src += dst == src ? 1 : 3) {
			u32 n = sizes[(dst + src) % 4];
			s32 off = offs[(dst + 3 * src) % ARRAY_SIZE(offs)];

			probe_one(&p, dst, src, n, off, (u64)p.pages + 100, 0x5a5a5a5a5a5a5a5aull >> (64 - 8 * n));
			probe_one(&p, dst, src, n, off, (u64)p.pages + 4096, 0);
		}
		probe_one(&p, dst, dst, 8, 0, (u64)p.pages, 0x5a5a5a5a5a5a5a5a);
	}
	for (i = 0; i < ARRAY_SIZE(offs); i++) {
		probe_one(&p, 1, 2, 4, offs[i], 0, 0);
		probe_one(&p, 1, 2, 8, offs[i], (u64)p.pages + 4090, 0);	/* into the second page */
		probe_one(&p, 1, 2, 8, offs[i], 0xfff8, 0);
		probe_one(&p, 0, 6, 8, offs[i], 0xffff800000000000, 0);		/* the kernel's */
		probe_one(&p, 0, 6, 8, offs[i], 0x8000000000000000, 0);		/* nobody's */
#if defined(__x86_64__)
		probe_one(&lower, 1, 2, 1, offs[i], (u64)p.pages + 9, 0);	/* could be read, and must not */
		kform_faults = 0;
		probe_one(&lower, 3, 3, 8, offs[i], VSYSCALL - 7, 0);
		probe_one(&lower, 1, 2, 1, offs[i], VSYSCALL + 0x400, 0);
		probe_one(&lower, 0, 6, 8, offs[i], -(u64)EINVAL, 0);
		CHECK(!kform_faults, "%u faults in the vsyscall page, or behind", kform_faults);
		probe_one(&lower, 0, 6, 8, offs[i], VSYSCALL - 8, 0);
		probe_one(&lower, 0, 6, 8, offs[i], 0xffff888000000000, 0);
		probe_one(&lower, 0, 0, 8, offs[i], 0x8000000000000000, 0);
		CHECK(kform_faults >= 3, "%u faults of the kernel's memory", kform_faults);
#endif
	}
	munmap(p.pages, 8192);
	(void)lower;
}

/* Two passes --------------------------------------------------------------------- */

static u64 helper(u64 a, u64 b)
{
	return a + 2 * b;
}

static const struct kform_helper helpers[] = { { 5, helper }, { 6, helper }, { 0 } };

/* Writing again writes the same, and asks for each address again. */
static void passes(void)
{
	static const char text[] =
		"r1 = 3\n r2 = 4\n call 5\n r6 = r0\n r1 = subprog[L1]\n call L1\n r0 += r6\n r1 = 1\n r2 = 1\n call 6\n"
		"r0 += r6\n exit\n L1:\n r0 = 100\n exit\n";
	struct kform_func *f = form.func;
	u32 asked, bytes;
	u8 *copy;

	start(&form);
	form.helper = helpers;
	if (!CHECK(!load(&form, text), "%s", form.refused))
		return;
	bytes = f->jit.bytes;
	asked = f->nr_address;
	copy = malloc(bytes);
	memcpy(copy, f->code, bytes);
	CHECK(kform_run(&form, &context) == 14, "not 14");
	f->nr_address = 0;
	CHECK(!moat_emit(&f->jit, f->code, (u64)f->code, bytes), "a third time");
	CHECK(f->jit.bytes == bytes && !memcmp(copy, f->code, f->jit.text_bytes), "the third time is different");
	CHECK(f->nr_address == asked && asked >= 3, "asked %u times, then %u times", asked, f->nr_address);
	CHECK(form.func[1].jit.slot[2].start == form.func[1].jit.text_bytes || f->jit.text_bytes != bytes,
	      "code behind the last instruction");
	free(copy);
}

static void refusals(void)
{
	static const struct {
		const char *text, *why;
	} row[] = {
		{ "r10 = 1\n exit\n", "R10" },
		{ "probe r10 = *(u64 *)(r1 + 0)\n exit\n", "R10" },
		{ "goto pc+5\n exit\n", "out of the program" },
		{ "goto pc+1\n r0 = 1 ll\n exit\n", "the middle of a wide instruction" },
		{ "r0 = *(u8 *)skb[4]\n exit\n", "no such instruction" },
		{ "raw 0x61, 12, 1, 0, 0\n exit\n", "no such dst register" },
		{ "raw 0x61, 1, 12, 0, 0\n exit\n", "no such src register" },
		{ "raw 0x85, 0, 3, 0, 0\n exit\n", "src_reg must be" },
		{ "raw 0x18, 0, 7, 0, 0\n raw 0, 0, 0, 0, 0\n exit\n", "no kind of address" },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		start(&form);
		CHECK(load(&form, row[i].text) == -EINVAL && strstr(form.refused, row[i].why), "%s: '%s'", row[i].why,
		      form.refused);
	}
}

/* The kernel's own tests have programs whose last instruction is never reached: behind it there is a trap. */
static void no_end(void)
{
	const struct kform_func *f = &form.func[0];
	static const u8 trap[] = {
#if defined(__x86_64__)
		0x0f, 0x0b,
#else
		0, 0, 0x20, 0xd4,
#endif
	};

	start(&form);
	if (!CHECK(!load(&form, "r0 = 1\n exit\n r0 = 2\n"), "%s", form.refused))
		return;
	CHECK(!memcmp(f->code + f->jit.slot[3].start, trap, sizeof(trap)), "no trap");
	CHECK(f->jit.text_bytes >= f->jit.slot[3].start + sizeof(trap), "the trap is not code");
	CHECK(kform_run(&form, &context) == 1, "not 1");
}

void kernel_form_more(void)
{
	no_end();
	tail_calls();
	limits();
#if defined(__x86_64__)
	direct_calls();
	leaving();
#endif
	probe_loads();
	passes();
	refusals();
	kernel_form_a64();
	kform_free(&form);
	kform_free(&other);
}
