/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * arm64's gate modes, run on a CPU without POR_EL0: the register is played by a
 * signal handler.  Results are those of mode none, helpers run with the host's
 * rights, and the caller gets back what it had.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "../arch-arm64/a64.h"
#include "../jit/arch.h"
#include "../jit/run.h"
#include "../tests/check.h"
#include "asm.h"
#include "listing.h"

#ifdef __aarch64__

#define IMAGE_BYTES	65536
#define STACK_BYTES	16384

static u64 por;			/* the register */
static u32 writes;		/* of it */
static u32 calls, wrong_calls;
static u64 host_rights;
static u8 *image, *area;

/* msr and mrs of POR_EL0 are undefined here; anything else is a trap of the image. */
static void play(int sig, siginfo_t *info, void *context)
{
	mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
	u32 word = *(u32 *)m->pc, reg = word & 31;

	if ((word & ~31u) == a64_msr(A64_POR_EL0, 0)) {
		por = reg == 31 ? 0 : m->regs[reg];
		writes++;
	} else if ((word & ~31u) == a64_mrs(A64_POR_EL0, 0)) {
		m->regs[reg] = por;
	} else {
		abort();
	}
	m->pc += 4;
}

static u64 helper(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct moat_frame *f, u32 site)
{
	calls++;
	wrong_calls += por != host_rights;
	return r1 + 3 * r2;
}

static int callee(void *arg, s32 id, struct moat_callee *out)
{
	*out = (struct moat_callee){ .address = (u64)helper };
	return 0;
}

typedef u64 entry_fn(u64 r1, u64 r2, struct moat_frame *f);

static const char *const text =
	"r6 = r1\n" "r7 = 5\n" "r8 = 0\n" "r9 = 11\n"
	"*(u64 *)(r10 - 8) = r7\n"
	"L0:\n"
	"r1 = r7\n" "r2 = r8\n" "call L1\n" "r8 += r0\n"
	"r2 = r8\n" "r1 = r7\n" "call 5\n" "r8 ^= r0\n"
	"*(u64 *)(r6 + 16) = r8\n"
	"r7 -= 1\n" "if r7 != 0 goto L0\n"
	"r0 = *(u64 *)(r10 - 8)\n" "r0 += r8\n" "r0 += r9\n" "exit\n"
	"L1:\n"
	"r6 = r1\n" "r7 = r2\n" "r9 = 7\n" "*(u64 *)(r10 - 8) = r6\n"
	"r1 += 1\n" "call L2\n" "r8 = r0\n" "r1 = r8\n" "r2 = r6\n" "call L2\n"
	"r0 += r8\n" "r0 += r7\n" "r1 = *(u64 *)(r10 - 8)\n" "r0 ^= r1\n" "r0 += r9\n" "exit\n"
	"L2:\n"
	"r6 = r1\n" "r6 *= 13\n" "r2 = r1\n" "call 5\n" "r0 += r6\n" "exit\n";

static u64 run(enum moat_mode mode, u32 cpu, u64 rights, u64 caller)
{
	u64 base = mode == MOAT_MODE_PKU_BASEREG ? 0 : (u64)area;
	struct moat_frame f = { .cage = (u64)area, .stack = (u64)area + STACK_BYTES, .fuel = 1 << 20 };
	struct bpf_insn insn[200];
	struct listing_spec spec;
	struct moat jit;
	char error[200];
	int len = assemble(text, insn, 200, error), err;
	void *work;
	u64 r0 = 0;

	listing_defaults(&spec);
	listing_arm64(&spec);
	spec.opt.mode = mode;
	spec.opt.cpu = cpu;
	spec.opt.fuel = true;
	spec.opt.call = (u64)helper;
	spec.opt.callee = callee;
	spec.opt.domain_rights = rights;
	host_rights = mode == MOAT_MODE_NONE ? caller : spec.opt.host_rights;
	work = calloc(1, moat_work_bytes(len > 0 ? len : 1));
	err = len > 0 ? moat_plan(&jit, insn, len, &spec.opt, work) : -EINVAL;
	if (!err)
		err = moat_emit(&jit, image, (u64)image, jit.bytes);
	if (CHECK(!err && jit.bytes <= IMAGE_BYTES, "mode %u: error %d", mode, err)) {
		__builtin___clear_cache((char *)image, (char *)image + jit.bytes);
		memset(area, 0, STACK_BYTES);
		por = caller;
		r0 = ((entry_fn *)image)(base, 0, &f);
		r0 ^= *(u64 *)(area + 16);
	}
	free(work);
	return r0;
}

static void compare(enum moat_mode mode, u32 cpu, u64 rights, u64 caller, u64 want)
{
	u64 got;

	writes = calls = wrong_calls = 0;
	got = run(mode, cpu, rights, caller);
	CHECK(got == want, "mode %u: %llx, not %llx", mode, (unsigned long long)got, (unsigned long long)want);
	CHECK(calls == 15 && !wrong_calls, "mode %u: %u of %u calls with the domain's rights", mode, wrong_calls, calls);
	/* Two gates for the run and two for each call; one more if the caller's rights were not the host's. */
	CHECK(writes == 2 + 2 * calls + (caller != host_rights), "mode %u: %u writes", mode, writes);
	CHECK(por == caller, "mode %u: the caller is left with %llx", mode, (unsigned long long)por);
}

int main(void)
{
	struct sigaction sa = { .sa_sigaction = play, .sa_flags = SA_SIGINFO };
	static const u64 rights[] = { 0x52, 0x7654321076543210 };
	u64 four_g = 1ull << 32, want, room;
	u32 i, mode;

	sigaction(SIGILL, &sa, NULL);
	image = mmap(NULL, IMAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	room = (u64)mmap(NULL, 2 * four_g, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	area = (u8 *)((room + four_g - 1) & ~(four_g - 1));
	if (!CHECK((void *)image != MAP_FAILED && room != ~0ull && !mprotect(area, 65536, PROT_READ | PROT_WRITE),
		   "no memory"))
		return check_done();
	want = run(MOAT_MODE_NONE, 0, 0x52, 7);
	CHECK(calls == 15 && want, "mode none: %u calls", calls);
	for (mode = MOAT_MODE_PKU; mode <= MOAT_MODE_PKU_BASEREG; mode++)
		for (i = 0; i < 4; i++) {
			compare(mode, i & 1 ? A64_BTI : 0, rights[i / 2], 7, want);
			compare(mode, 0, rights[i / 2], 0x777, want);
		}
	return check_done();
}

#else

int main(void)
{
	SKIP("arm64 gates", "this is another machine");
	return check_done();
}

#endif
