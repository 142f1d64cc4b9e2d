/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Isolated images for the kernel (jit/kernel.h), run in this process.
 *
 * The part of the kernel that a stub calls is run() here: it has one cage with
 * one stack, and enters the image behind the stub.  Behind the stub there is
 * what user space gets, byte for byte; so what its own tests say of it is not
 * said again here.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "check.h"
#include "gen.h"
#include "kform.h"
#include "../arch-x86/x64.h"
#include "../disasm-tests/asm.h"
#include "../runtime/internal.h"

#define CAGE_BYTES	(1ull << 32)
#define GUARD_BYTES	(64u << 10)
#define STACK_AT	0x20000		/* offsets in the cage */
#define CTX_AT		(STACK_AT + MOAT_STACK_BYTES)
#define CTX_BYTES	4096
#define DOMAIN		0xffff888123456780ull
#define MAX_INSNS	200
#define LEFT		0x1ef7ull	/* what the host leaves in registers, and must not be seen */

typedef u64 entry_fn(u64 r1, u64 r2, struct moat_frame *f);
typedef u64 callback_fn(u64 r1, u64 r2, u64 r3, struct moat_frame *f, u64 r4);

static struct kform form;	/* memory in reach of calls, and a function to be entered */
static struct moat jit;
static struct moat_options opt;
static struct moat_kernel kernel;
static void *work;
static u8 *code;
static char refused[256];

static struct moat_frame frame;
static u8 *cage;
static u64 packet_word, tail_result, fuel, context;
static u32 nr_call, nr_tail, nr_run;
static u64 arg[5], site;
static bool is_odd;		/* the stack, at a call */
static sigjmp_buf aborted;
static u64 fault_at;		/* address that was accessed, or code offset of a trap */

/* The kernel's part -------------------------------------------------------------- */

static void got(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 n)
{
	const u64 args[] = { r1, r2, r3, r4, r5 };

	memcpy(arg, args, sizeof(arg));
	site = n;
	is_odd |= (u64)__builtin_frame_address(0) % 16 || f != &frame;
}

/* Helper 5 tells its arguments, helper 181 calls the function in R2 back with 1, 2, 3, 4. */
static u64 host_call(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 n)
{
	u32 i;

	got(r1, r2, r3, r4, r5, f, n);
	nr_call++;
	if (jit.site[n].helper != BPF_FUNC_loop)
		return r1 + 10 * r2 + 100 * r3 + 1000 * r4 + 10000 * r5;
	for (i = 0; i < jit.nr_func && jit.func[i].start != r2; i++)
		;
	return ((callback_fn *)(void *)(code + jit.func_entry[i]))(1, 2, 3, f, 4);
}

/* Ends the run if it is to succeed, as the kernel does. */
static u64 host_tail(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 n)
{
	got(r1, r2, r3, r4, r5, f, n);
	nr_tail++;
	if (tail_result == 1)
		siglongjmp(aborted, 2);
	return tail_result;
}

static u64 host_packet(u64 off, u64 bytes, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 n)
{
	got(off, bytes, r3, r4, r5, f, n);
	return off + bytes <= 8 ? packet_word & ((1ull << 8 * bytes) - 1) : ~0ull;
}

static u64 run(u64 ctx, u64 domain)
{
	entry_fn *entry = (entry_fn *)(void *)(code + jit.entry);
	int end;

	nr_run++;
	is_odd |= (u64)__builtin_frame_address(0) % 16;
	CHECK(ctx == context && domain == DOMAIN, "run() is called with %llx, %llx", (unsigned long long)ctx,
	      (unsigned long long)domain);
	frame = (struct moat_frame){ .stack = (u64)cage + CTX_AT, .cage = (u64)cage, .fuel = fuel };
	end = sigsetjmp(aborted, 1);
	return end ? 1000 + (u64)end : entry(CTX_AT, LEFT, &frame);
}

static void faulted(int sig, siginfo_t *info, void *uc)
{
	fault_at = sig == SIGSEGV ? (u64)info->si_addr : (u64)info->si_addr - (u64)code;
	siglongjmp(aborted, 1);
}

static void log_line(void *unused, const char *text)
{
	snprintf(refused, sizeof(refused), "%s", text);
}

static bool known(void *unused, s32 id)
{
	return id == 5 || id == BPF_FUNC_loop || id == BPF_FUNC_tail_call || id >= GEN_MIX;
}

/* In reach of the image: a jump to @fn that does not touch the stack. */
static u64 near(u64 fn)
{
#if defined(__x86_64__)
	u8 jump[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0 };	/* movabs rax, fn; jmp rax */

	memcpy(jump + 2, &fn, 8);
	return kform_place(&form, jump, sizeof(jump));
#else
	return fn;
#endif
}

/* Ways to be entered and left: bits of @way. */
static void set_way(u32 way)
{
	static const u8 nop_ret[] = { 0x90, 0xc3 };
	u64 thunk;

	kform_free(&form);
	kform_defaults(&form);
	free(work);
	work = NULL;
	thunk = kform_place(&form, nop_ret, sizeof(nop_ret));	/* on arm64 nothing but a first piece of memory */
	kernel = form.kernel;
	kernel.run = near((u64)run);
	kernel.domain = DOMAIN;
	kernel.stack_bytes = 64;	/* not looked at */
	kernel.int3_after_ret = way & 1;
	opt = (struct moat_options) {
		.arch = moat_native(), .mode = MOAT_MODE_BASEREG, .kernel = &kernel, .cpu = form.cpu, .entry_args = 1,
		.fuel = way & 2, .call = near((u64)host_call), .tail = near((u64)host_tail),
		.packet = near((u64)host_packet), .known = known, .check = moat_verify_image, .log = { log_line, NULL },
	};
#if defined(__x86_64__)
	opt.cpu = way & 4 ? opt.cpu | X64_IBT : opt.cpu & ~X64_IBT;
#endif
	kernel.return_thunk = way & 8 ? thunk : 0;	/* x86 */
	form.cpu = opt.cpu;
	fuel = 1000;
	packet_word = 0x1234;
	tail_result = 0;
	nr_call = nr_tail = nr_run = 0;
	is_odd = false;
}

/* Programs ------------------------------------------------------------------------ */

static int compile(const struct bpf_insn *insn, u32 len)
{
	int err;

	refused[0] = 0;
	free(work);
	work = calloc(1, moat_work_bytes(len));
	err = work ? moat_plan(&jit, insn, len, &opt, work) : -ENOMEM;
	if (err)
		return err;
	code = form.mem + form.used;
	form.used += (jit.bytes + 63) & ~63u;
	err = form.used <= form.mem_bytes ? moat_emit(&jit, code, (u64)code, jit.bytes) : -ENOMEM;
	__builtin___clear_cache((char *)code, (char *)code + jit.bytes);
	return err;
}

static int assemble_and_compile(const char *text)
{
	static struct bpf_insn insn[MAX_INSNS];
	char error[200] = "";
	int n = assemble(text, insn, MAX_INSNS, error);

	return CHECK(n > 0, "%s", error) ? compile(insn, (u32)n) : -EINVAL;
}

static u64 enter_at(const u8 *at)
{
	form.func[0].code = (u8 *)at;
	return kform_run(&form, (void *)context);
}

/* Compile and run; ~0: refused. */
static u64 result_of(const char *text)
{
	if (!CHECK(!assemble_and_compile(text), "%s: %s", text, refused))
		return ~0ull;
	return enter_at(code);
}

/* Tests ---------------------------------------------------------------------------- */

static void plain(u32 way)
{
	*(u64 *)(void *)(cage + CTX_AT + 8) = 0x123456789abcull;
	context = 0x77;
	CHECK(result_of("r0 = *(u64 *)(r1 + 8)\n *(u64 *)(r10 - 8) = r0\n r0 = *(u64 *)(r10 - 8)\n exit\n") ==
	      0x123456789abcull, "way %u: another result", way);
	CHECK(*(u64 *)(void *)(cage + CTX_AT - 8) == 0x123456789abcull, "way %u: the frame is elsewhere", way);
	CHECK(result_of("r0 = r1\n r0 -= r10\n exit\n") == 0, "way %u: R10 is no offset", way);
	CHECK(result_of("r0 = r2\n r0 |= r3\n r0 |= r4\n r0 |= r5\n r0 |= r6\n r0 |= r9\n exit\n") == 0,
	      "way %u: registers of the host are seen", way);
	CHECK(nr_run == 3 && jit.entry > 0 && jit.func_entry[0] == jit.entry && jit.slot[0].start > jit.entry,
	      "way %u: entry %u, stub entered %u times", way, jit.entry, nr_run);
}

static void calls(u32 way)
{
	CHECK(result_of("r1 = 1\n r2 = 2\n r3 = 3\n r4 = 4\n r5 = 5\n r6 = 6\n call 5\n r0 += r1\n r0 += r2\n r0 += r3\n"
			"r0 += r4\n r0 += r5\n r0 += r6\n exit\n") == 54321 + 6, "way %u: another result", way);
	CHECK(arg[0] == 1 && arg[4] == 5 && site == 0 && nr_call == 1, "way %u: other arguments", way);
	CHECK(result_of("r6 = 7\n call L1\n r0 += r6\n exit\n L1:\n r6 = 9\n *(u64 *)(r10 - 8) = 1\n r1 = 1\n r2 = 0\n"
			"r3 = 0\n r4 = 0\n r5 = 0\n call 5\n r0 += r6\n exit\n") == 1 + 9 + 7, "way %u: a local call", way);
	CHECK(result_of("r7 = 5\n r1 = 1\n r2 = subprog[L1]\n r3 = 0\n r4 = 0\n call 181\n r0 += r7\n exit\n"
			"L1:\n r7 = r1\n r7 += r2\n r7 += r3\n r7 += r4\n r0 = r7\n exit\n") == 10 + 5, "way %u: a callback", way);
	CHECK(!is_odd, "way %u: a call with an odd stack, or another frame", way);
}

static void packets(u32 way)
{
	CHECK(result_of("r6 = r1\n r0 = *(u16 *)skb[2]\n r0 += 1\n exit\n") == 0x1235, "way %u: a load", way);
	CHECK(arg[0] == 2 && arg[1] == 2 && jit.site[site].helper == -1, "way %u: other arguments", way);
	CHECK(result_of("r6 = r1\n r7 = 5\n r0 = *(u8 *)skb[r7 + 2]\n r0 += 1\n exit\n") == 0x35, "way %u: an index", way);
	CHECK(result_of("r6 = r1\n r0 = *(u32 *)skb[5]\n r0 = 1\n exit\n") == 0, "way %u: outside of the packet", way);
	CHECK(!is_odd, "way %u: a call with an odd stack", way);
}

/* Whatever opt->tail returns, nothing is jumped to. */
static void tails(u32 way)
{
	static const char text[] = "r2 = 1\n r3 = 2\n call 12\n r0 += 5\n r0 += r1\n r0 += r3\n exit\n";

	CHECK(result_of(text) == 5, "way %u: a tail call that fails", way);
	tail_result = 0x123450000;
	CHECK(result_of(text) == 5, "way %u: a tail call that fails, with another value", way);
	tail_result = 1;
	CHECK(result_of(text) == 1002, "way %u: a tail call that succeeds", way);
	CHECK(nr_tail == 3 && arg[1] == 1 && arg[2] == 2 && !is_odd, "way %u: other arguments", way);
}

/* A store goes to the cage, whatever its address says; loops are metered where that is asked for. */
static void faults(u32 way)
{
	static u64 victim;
	char text[200];
	u64 to = (u64)&victim;

	snprintf(text, sizeof(text), "r1 = 0x%llx ll\n *(u64 *)(r1 + 0) = 1\n r0 = 5\n exit\n", (unsigned long long)to);
	CHECK(result_of(text) == 1001 && fault_at == (u64)cage + (u32)to && !victim, "way %u: a fault at %llx", way,
	      (unsigned long long)fault_at);
	if (opt.fuel)
		CHECK(result_of("L0:\n goto L0\n exit\n") == 1001 && jit.nr_trap == 1 && fault_at == jit.trap[0].at &&
		      jit.trap[0].kind == MOAT_FAULT_FUEL, "way %u: no end, or at %llx", way, (unsigned long long)fault_at);
	CHECK(fault_at < jit.text_bytes || !opt.fuel, "way %u: the trap is not code", way);
}

/* A function of the kernel's own form calls it through an array. */
static void tail_entry(u32 way)
{
	static struct bpf_insn insn[MAX_INSNS];
	static struct { struct kform_array *array; } ctx;
	struct kform_prog prog, isolated;
	struct kform_array array;
	char error[200];
	int n = assemble("*(u64 *)(r10 - 24) = r1\n r6 = r1\n r2 = *(u64 *)(r1 + 0)\n r3 = 1\n tail_call\n r0 = 3\n exit\n",
			 insn, MAX_INSNS, error);

	context = (u64)&ctx;
	if (!CHECK(n > 0 && !assemble_and_compile("r0 = 77\n exit\n") && !kform_load(&form, insn, (u32)n), "%s", error))
		return;
	isolated = (struct kform_prog){ .entry = code };
	prog = kform_prog(&form);
	array = (struct kform_array){ .entries = 2, .prog = { &prog, &isolated } };
	ctx.array = &array;
	CHECK(jit.tail_entry && jit.tail_entry < jit.entry, "way %u: tail entry %u", way, jit.tail_entry);
	CHECK(kform_run(&form, &ctx) == 77 && nr_run == 1 && !is_odd, "way %u: not reached by a tail call", way);
}

/* The same object may be written again, elsewhere. */
static void twice(u32 way)
{
	u8 *first, *copy;
	u32 bytes;

	if (!CHECK(!assemble_and_compile("r1 = 4\n r2 = 0\n r3 = 0\n r4 = 0\n r5 = 0\n call 5\n exit\n"), "%s", refused))
		return;
	first = code;
	bytes = jit.bytes;
	copy = malloc(bytes);
	memcpy(copy, code, bytes);
	CHECK(!moat_emit(&jit, code, (u64)code, bytes) && !memcmp(copy, code, bytes), "way %u: the second is different", way);
	code = form.mem + form.used;
	CHECK(!moat_emit(&jit, code, (u64)code, bytes) && jit.bytes == bytes, "way %u: not elsewhere", way);
	__builtin___clear_cache((char *)code, (char *)code + bytes);
	memset(first, 0, bytes);
	CHECK(enter_at(code) == 4, "way %u: another result elsewhere", way);
	free(copy);
}

/* What stands behind the stub is what user space gets, but for what the kernel asks for. */
static void like_user_space(u64 seed)
{
	static struct gen_program p;
	struct gen_options g = { .statements = 40, .buffer_bytes = 1024, .packet = seed % 3 == 0, .packet_bytes = 1024,
				 .calls = true, .escape = seed % 2 };
	struct moat_options user = opt;
	struct moat other;
	void *more;
	u8 *want;

	gen_program(&p, seed, &g);
	opt.plain = seed % 7 == 0;
	user.plain = opt.plain;
	user.kernel = NULL;
	form.used = 4096;
	more = calloc(1, moat_work_bytes(p.len));
	if (!CHECK(!compile(p.insn, p.len) && !moat_plan(&other, p.insn, p.len, &user, more), "seed %llu: %s",
		   (unsigned long long)seed, refused))
		return;
	want = malloc(other.bytes);
	CHECK(!moat_emit(&other, want, (u64)code + jit.entry, other.bytes) && jit.entry + other.bytes <= jit.bytes &&
	      !memcmp(want, code + jit.entry, other.bytes), "seed %llu: another image", (unsigned long long)seed);
	free(want);
	free(more);
}

static void refusals(void)
{
	set_way(0);
	opt.mode = MOAT_MODE_PKU;
	CHECK(assemble_and_compile("r0 = 1\n exit\n") == -EOPNOTSUPP && strstr(refused, "modes none and basereg"), "%s", refused);
	set_way(0);
	opt.form = MOAT_BASE_SEGMENT;
	CHECK(assemble_and_compile("r0 = 1\n exit\n") == -EOPNOTSUPP, "the segment form");
	set_way(0);
	CHECK(assemble_and_compile("r0 = 1\n tail_call\n exit\n") == -EINVAL, "what only the kernel's verifier writes");
	CHECK(assemble_and_compile("r11 = 1\n r0 = 1\n exit\n") == -EINVAL, "register AX");
#if defined(__x86_64__)
	kernel.run += 1ull << 32;
	CHECK(assemble_and_compile("r0 = 1\n exit\n") == -ERANGE, "run() is out of reach");
	set_way(0);
	opt.call += 1ull << 32;
	opt.far_calls = true;
	CHECK(assemble_and_compile("call 5\n exit\n") == -ERANGE, "a call is out of reach");
#endif
}

static bool make_cage(void)
{
	u8 *at = mmap(NULL, 2 * CAGE_BYTES + 2 * GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return false;
	cage = (u8 *)(((u64)at + GUARD_BYTES + CAGE_BYTES - 1) & ~(CAGE_BYTES - 1));
	return !mprotect(cage + STACK_AT, MOAT_STACK_BYTES + CTX_BYTES, PROT_READ | PROT_WRITE);
}

int main(void)
{
	static void (*const test[])(u32 way) = { plain, calls, packets, tails, faults, tail_entry, twice };
	struct sigaction sa = { .sa_sigaction = faulted, .sa_flags = SA_SIGINFO };
	u64 seed;
	u32 way, i;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	if (!CHECK(make_cage(), "no room for a cage"))
		return check_done();
	for (way = 0; way < 16; way++) {
		for (i = 0; i < ARRAY_SIZE(test); i++) {
			set_way(way);
			test[i](way);
		}
	}
	for (seed = 1; seed <= 1000; seed++) {
		if (seed % 100 == 1)
			set_way(seed % 200 == 1 ? 2 : 0);
		like_user_space(seed);
	}
	refusals();
	kform_free(&form);
	free(work);
	return check_done();
}
