/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's part for isolated images; see isolated.h. */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <asm/prctl.h>
#endif

#include "check.h"
#include "gen.h"
#include "isolated.h"
#include "../jit/run.h"
#include "../arch-arm64/a64.h"
#include "../arch-x86/x64.h"
#include "../disasm-tests/asm.h"
#include "../runtime/internal.h"

#define CAGE_BYTES	(1ull << 32)
#define GUARD_BYTES	(64u << 10)
#define STACK_AT	(CTX_AT - MOAT_STACK_BYTES)
#define CTX_BYTES	4096
#define DOMAIN		0xffff888123456780ull
#define MAX_INSNS	200

typedef u64 entry_fn(u64 r1, u64 r2, struct moat_frame *f);
typedef u64 callback_fn(u64 r1, u64 r2, u64 r3, struct moat_frame *f, u64 r4);

struct isolated iso;
u8 *isolated_cage;

static struct moat_frame frame;
static sigjmp_buf aborted;

/* What GS points to, as in the kernel: a CPU's variables.  On arm64 any address will do, less what TPIDR_EL0 has. */
static struct {
	u64 unused[2];
	u64 offset;
	struct moat_stub_run run;
} cpu;

static bool is_own_run(void)
{
	return iso.kernel.slot && !iso.taken;
}

#if defined(__aarch64__)
#define TPIDR_EL0	0xde82

/* Go on behind the stub whose host_sp is @sp, with registers that somebody in between has changed. */
__attribute__((__noreturn__)) void isolated_end_stub(u64 sp, u64 result, u64 is_signed);

asm(".text\n"
    "isolated_end_stub:\n"
    "	mov x19, #0x77\n	mov x20, x19\n	mov x21, x19\n	mov x22, x19\n	mov x23, x19\n"
    "	mov x24, x19\n	mov x25, x19\n	mov x26, x19\n	mov x27, x19\n	mov x28, x19\n"
    "	mov sp, x0\n	mov x0, x1\n"
    "	ldp x23, x24, [sp], #16\n	ldp x27, x28, [sp], #16\n	ldp x25, x26, [sp], #16\n"
    "	ldp x21, x22, [sp], #16\n	ldp x19, x20, [sp], #16\n	ldp x29, x30, [sp], #16\n"
    "	cbz x2, 1f\n	hint #29\n"	/* autiasp */
    "1:	ret\n");

/* Where the run was; it is free then. */
static u64 give_back(void)
{
	u64 sp = cpu.run.host_sp;

	cpu.run.host_sp = 0;
	return sp;
}
#endif

/* The kernel's part -------------------------------------------------------------- */

static void got(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 n)
{
	const u64 args[] = { r1, r2, r3, r4, r5 };

	memcpy(iso.arg, args, sizeof(iso.arg));
	iso.site = n;
	iso.is_odd |= (u64)__builtin_frame_address(0) % 16 || f != (is_own_run() ? &cpu.run.frame : &frame);
}

/* Helper 5 tells its arguments, helper 181 calls the function in R2 back with 1, 2, 3, 4. */
static u64 host_call(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 n)
{
	u32 i;

	got(r1, r2, r3, r4, r5, f, n);
	iso.nr_call++;
	if (iso.jit.site[n].helper != BPF_FUNC_loop)
		return r1 + 10 * r2 + 100 * r3 + 1000 * r4 + 10000 * r5;
	for (i = 0; i < iso.jit.nr_func && iso.jit.func[i].start != r2; i++)
		;
	return ((callback_fn *)(void *)(iso.code + iso.jit.func_entry[i]))(1, 2, 3, f, 4);
}

/* Leave the run as the kernel does: with registers that somebody in between has changed. */
__attribute__((__noreturn__)) static void end_run(int why)
{
	if (!is_own_run())
		siglongjmp(aborted, why);
#if defined(__aarch64__)
	isolated_end_stub(give_back(), ENDED, iso.opt.cpu & A64_PAC);
#elif defined(__x86_64__)
	asm volatile("mov $0x77, %%ebx\n mov %%ebx, %%r12d\n mov %%ebx, %%r13d\n mov %%ebx, %%r14d\n mov %%ebx, %%r15d\n"
		     "mov %0, %%eax\n hlt" :: "i"(ENDED) : "rax", "rbx", "r12", "r13", "r14", "r15", "memory");
#endif
	abort();
}

/* Ends the run if it is to succeed, as the kernel does. */
static u64 host_tail(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 n)
{
	got(r1, r2, r3, r4, r5, f, n);
	iso.nr_tail++;
	if (iso.tail_result == 1)
		end_run(2);
	return iso.tail_result;
}

static u64 host_packet(u64 off, u64 bytes, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u64 n)
{
	got(off, bytes, r3, r4, r5, f, n);
	iso.nr_packet++;
	return off + bytes <= 8 ? iso.packet_word & ((1ull << 8 * bytes) - 1) : ~0ull;
}

static u64 run(u64 ctx, u64 domain)
{
	entry_fn *entry = (entry_fn *)(void *)(iso.code + iso.jit.entry);
	int end;

	iso.nr_run++;
	iso.is_odd |= (u64)__builtin_frame_address(0) % 16;
	CHECK(ctx == iso.context && domain == DOMAIN, "run() is called with %llx, %llx", (unsigned long long)ctx,
	      (unsigned long long)domain);
	frame = (struct moat_frame){ .stack = (u64)isolated_cage + CTX_AT, .cage = (u64)isolated_cage, .fuel = iso.fuel,
				      .packet = iso.view, .packet_bytes = iso.view_bytes };
	end = sigsetjmp(aborted, 1);
	return end ? ENDED - 2 + (u64)end : entry(CTX_AT, LEFT, &frame);
}

struct entered {
	u64 r0;
	struct moat_stub_run *run;
};

static struct entered enter_hook(struct moat_stub_run *run)
{
	iso.nr_enter++;
	iso.is_odd |= (u64)__builtin_frame_address(0) % 16 || run != &cpu.run;
	CHECK(run->ctx == iso.context && run->host_sp % 16 == 0, "the run has other contents when it is entered");
	return (struct entered){ STOPPED, iso.stops ? NULL : run };
}

static u64 leave_hook(u64 r0, struct moat_stub_run *run)
{
	iso.nr_leave++;
	iso.is_odd |= (u64)__builtin_frame_address(0) % 16 || run != &cpu.run || !run->host_sp;
	return r0;
}

#if defined(__x86_64__)
/* Where signal handlers find machine registers, as numbered in instructions. */
static const int greg_of[] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

/* Go on behind the stub, with what the image has saved.  kform_enter() looks at it. */
static void end_own_run(ucontext_t *uc)
{
	greg_t *reg = uc->uc_mcontext.gregs;
	const u64 *sp = (const u64 *)cpu.run.host_sp;
	u32 i;

	for (i = 0; i < iso.jit.nr_saved; i++)
		reg[greg_of[iso.jit.saved[i]]] = (greg_t)sp[-(s32)(i + 2)];
	reg[REG_RBP] = (greg_t)sp[0];
	reg[REG_RIP] = (greg_t)sp[1];
	reg[REG_RSP] = (greg_t)(sp + 2);
	cpu.run.host_sp = 0;
}
#endif

static void faulted(int sig, siginfo_t *info, void *uc)
{
#if defined(__x86_64__)
	greg_t *reg = ((ucontext_t *)uc)->uc_mcontext.gregs;
#endif

	if (sig == SIGSEGV && kform_pass_over(&iso.form, uc))
		return;
#if defined(__x86_64__)
	if (is_own_run()) {
		if ((u64)reg[REG_RIP] - (u64)iso.code < iso.jit.bytes) {	/* else it is end_run()'s HLT */
			iso.fault_at = sig == SIGSEGV ? (u64)info->si_addr : (u64)info->si_addr - (u64)iso.code;
			reg[REG_RAX] = ENDED - 1;
		}
		end_own_run(uc);
		return;
	}
#elif defined(__aarch64__)
	mcontext_t *m = &((ucontext_t *)uc)->uc_mcontext;

	if (is_own_run()) {
		iso.fault_at = sig == SIGSEGV ? (u64)info->si_addr : (u64)info->si_addr - (u64)iso.code;
		m->regs[0] = give_back();
		m->regs[1] = ENDED - 1;
		m->regs[2] = iso.opt.cpu & A64_PAC;
		m->pc = (u64)isolated_end_stub;
		return;
	}
#endif
	iso.fault_at = sig == SIGSEGV ? (u64)info->si_addr : (u64)info->si_addr - (u64)iso.code;
	siglongjmp(aborted, 1);
}

/* An entry of the exception table. */
static void probe(void *unused, u32 pc, u32 at, u32 end, u8 reg)
{
	struct kform *k = &iso.form;

	if (!CHECK(k->nr_probe < KFORM_PROBES, "too many loads that may fault"))
		return;
	k->probe[k->nr_probe].at = iso.code + at;
	k->probe[k->nr_probe].end = iso.code + end;
	k->probe[k->nr_probe++].reg = reg;
}

static void log_line(void *unused, const char *text)
{
	snprintf(iso.refused, sizeof(iso.refused), "%s", text);
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
	return kform_place(&iso.form, jump, sizeof(jump));
#else
	return fn;
#endif
}

static void set_own_run(u32 way)
{
	if (!(way & ISOLATED_OWN))
		return;
#if defined(__x86_64__)
	cpu.offset = (u64)&cpu;
	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu);
	iso.kernel.slot = (u64)&cpu.run - (u64)&cpu;
	iso.kernel.cpu_offset = (u64)&cpu.offset - (u64)&cpu;
#else
	asm("mrs %0, tpidr_el0" : "=r"(cpu.offset));
	iso.kernel.slot = (u64)&cpu.run - cpu.offset;
	iso.kernel.cpu_offset = TPIDR_EL0;
#endif
	iso.kernel.enter = way & ISOLATED_AROUND ? near((u64)enter_hook) : 0;
	iso.kernel.leave = way & ISOLATED_AROUND ? near((u64)leave_hook) : 0;
	iso.opt.ends = true;
}

void isolated_set(u32 way)
{
	static const u8 nop_ret[] = { 0x90, 0xc3 };
	u64 thunk;

	kform_free(&iso.form);
	kform_defaults(&iso.form);
	free(iso.work);
	iso.work = NULL;
	thunk = kform_place(&iso.form, nop_ret, sizeof(nop_ret));	/* on arm64 nothing but a first piece of memory */
	iso.kernel = iso.form.kernel;
	iso.kernel.run = near((u64)run);
	iso.kernel.domain = DOMAIN;
	iso.kernel.stack_bytes = 64;	/* not looked at */
	iso.kernel.probe = probe;
	iso.kernel.int3_after_ret = way & 1;
	iso.opt = (struct moat_options) {
		.arch = moat_native(), .mode = MOAT_MODE_BASEREG, .kernel = &iso.kernel, .cpu = iso.form.cpu,
		.entry_args = 1, .fuel = way & 2, .call = near((u64)host_call), .tail = near((u64)host_tail),
		.packet = near((u64)host_packet), .known = known, .check = moat_verify_image, .log = { log_line, NULL },
	};
#if defined(__x86_64__)
	iso.opt.cpu = way & 4 ? iso.opt.cpu | X64_IBT : iso.opt.cpu & ~X64_IBT;
#else
	iso.opt.cpu = way & 4 ? iso.opt.cpu | A64_LSE : iso.opt.cpu & ~A64_LSE;
#endif
	set_own_run(way);
	iso.kernel.return_thunk = way & 8 ? thunk : 0;	/* x86 */
	iso.form.cpu = iso.opt.cpu;
	iso.fuel = 1000;
	iso.packet_word = 0x1234;
	iso.view = iso.view_bytes = 0;
	iso.tail_result = 0;
	iso.nr_call = iso.nr_tail = iso.nr_packet = iso.nr_run = iso.nr_enter = iso.nr_leave = 0;
	iso.taken = iso.stops = false;
	iso.is_odd = false;
}

/* Programs ------------------------------------------------------------------------ */

int isolated_compile(const struct bpf_insn *insn, u32 len)
{
	int err;

	iso.refused[0] = 0;
	iso.form.nr_probe = 0;
	free(iso.work);
	iso.work = calloc(1, moat_work_bytes(len));
	err = iso.work ? moat_plan(&iso.jit, insn, len, &iso.opt, iso.work) : -ENOMEM;
	if (err)
		return err;
	iso.code = iso.form.mem + iso.form.used;
	iso.form.used += (iso.jit.bytes + 63) & ~63u;
	if (iso.form.used > iso.form.mem_bytes)
		return -ENOMEM;
	err = moat_emit(&iso.jit, iso.code, (u64)iso.code, iso.jit.bytes);
	__builtin___clear_cache((char *)iso.code, (char *)iso.code + iso.jit.bytes);
	return err;
}

int isolated_assemble(const char *text)
{
	static struct bpf_insn insn[MAX_INSNS];
	char error[200] = "";
	int n = assemble(text, insn, MAX_INSNS, error);

	return CHECK(n > 0, "%s", error) ? isolated_compile(insn, (u32)n) : -EINVAL;
}

u64 isolated_enter(u8 *at)
{
	u64 before = iso.taken ? 1 : 0, r0;

	cpu.run = (struct moat_stub_run) {
		.frame = { .stack = (u64)isolated_cage + CTX_AT, .cage = (u64)isolated_cage, .fuel = iso.fuel,
			   .packet = iso.view, .packet_bytes = iso.view_bytes },
		.host_sp = before, .r1 = CTX_AT,
	};
	iso.form.func[0].code = at;
	r0 = kform_run(&iso.form, (void *)iso.context);
	CHECK(cpu.run.host_sp == before, "the run is not given back");
	return r0;
}

u64 isolated_run(const char *text)
{
	if (!CHECK(!isolated_assemble(text), "%s: %s", text, iso.refused))
		return ~0ull;
	return isolated_enter(iso.code);
}

bool isolated_start(void)
{
	struct sigaction sa = { .sa_sigaction = faulted, .sa_flags = SA_SIGINFO };
	u8 *at = mmap(NULL, 2 * CAGE_BYTES + 2 * GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return false;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	isolated_cage = (u8 *)(((u64)at + GUARD_BYTES + CAGE_BYTES - 1) & ~(CAGE_BYTES - 1));
	return !mprotect(isolated_cage + STACK_AT, MOAT_STACK_BYTES + CTX_BYTES, PROT_READ | PROT_WRITE);
}
