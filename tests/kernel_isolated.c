/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Isolated images for the kernel do what the kernel counts on.
 *
 * Behind the stub there is what user space gets, byte for byte; so what its own
 * tests say of it is not said again here.
 */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "gen.h"
#include "isolated.h"
#include "../disasm-tests/asm.h"
#include "../jit/check.h"
#include "../runtime/internal.h"

#define MAX_INSNS	200

/* Tests ---------------------------------------------------------------------------- */

static void plain(u32 way)
{
	*(u64 *)(void *)(isolated_cage + CTX_AT + 8) = 0x123456789abcull;
	iso.context = 0x77;
	CHECK(isolated_run("r0 = *(u64 *)(r1 + 8)\n *(u64 *)(r10 - 8) = r0\n r0 = *(u64 *)(r10 - 8)\n exit\n") ==
	      0x123456789abcull, "way %u: another result", way);
	CHECK(*(u64 *)(void *)(isolated_cage + CTX_AT - 8) == 0x123456789abcull, "way %u: the frame is elsewhere", way);
	CHECK(isolated_run("r0 = r1\n r0 -= r10\n exit\n") == 0, "way %u: R10 is no offset", way);
	CHECK(isolated_run("r0 = r2\n r0 |= r3\n r0 |= r4\n r0 |= r5\n r0 |= r6\n r0 |= r9\n exit\n") == 0,
	      "way %u: registers of the host are seen", way);
	CHECK(iso.nr_run == (iso.kernel.slot ? 0 : 3) && iso.jit.entry > 0 && iso.jit.func_entry[0] == iso.jit.entry &&
	      iso.jit.slot[0].start > iso.jit.entry, "way %u: entry %u, stub entered %u times", way, iso.jit.entry,
	      iso.nr_run);
}

static void calls(u32 way)
{
	CHECK(isolated_run("r1 = 1\n r2 = 2\n r3 = 3\n r4 = 4\n r5 = 5\n r6 = 6\n call 5\n r0 += r1\n r0 += r2\n r0 += r3\n"
			"r0 += r4\n r0 += r5\n r0 += r6\n exit\n") == 54321 + 6, "way %u: another result", way);
	CHECK(iso.arg[0] == 1 && iso.arg[4] == 5 && iso.site == 0 && iso.nr_call == 1, "way %u: other arguments", way);
	CHECK(isolated_run("r6 = 7\n call L1\n r0 += r6\n exit\n L1:\n r6 = 9\n *(u64 *)(r10 - 8) = 1\n r1 = 1\n r2 = 0\n"
			"r3 = 0\n r4 = 0\n r5 = 0\n call 5\n r0 += r6\n exit\n") == 1 + 9 + 7, "way %u: a local call", way);
	CHECK(isolated_run("r7 = 5\n r1 = 1\n r2 = subprog[L1]\n r3 = 0\n r4 = 0\n call 181\n r0 += r7\n exit\n"
			"L1:\n r7 = r1\n r7 += r2\n r7 += r3\n r7 += r4\n r0 = r7\n exit\n") == 10 + 5, "way %u: a callback", way);
	CHECK(!iso.is_odd, "way %u: a call with an odd stack, or another frame", way);
}

static void packets(u32 way)
{
	CHECK(isolated_run("r6 = r1\n r0 = *(u16 *)skb[2]\n r0 += 1\n exit\n") == 0x1235, "way %u: a load", way);
	CHECK(iso.arg[0] == 2 && iso.arg[1] == 2 && iso.jit.site[iso.site].helper == -1, "way %u: other arguments", way);
	CHECK(isolated_run("r6 = r1\n r7 = 5\n r0 = *(u8 *)skb[r7 + 2]\n r0 += 1\n exit\n") == 0x35, "way %u: an index", way);
	CHECK(isolated_run("r6 = r1\n r0 = *(u32 *)skb[5]\n r0 = 1\n exit\n") == 0, "way %u: outside of the packet", way);
	CHECK(!iso.is_odd, "way %u: a call with an odd stack", way);
}

/* The program's text returns @want, with as many loads by the host. */
static void view_load(u32 way, const char *text, u64 want, u32 by_host)
{
	u64 got;

	iso.nr_packet = 0;
	got = isolated_run(text);
	CHECK(got == want && iso.nr_packet == by_host, "way %u: %llx, %u loads by the host: %s", way, (unsigned long long)got,
	      iso.nr_packet, text);
}

/* What lies in the cage is loaded there, to the last byte of it; all else is asked for. */
static void packet_views(u32 way)
{
	static const u8 packet[] = { 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b };

	iso.opt.packet_view = true;
	iso.view = CTX_AT + 512;
	iso.view_bytes = 6;
	memcpy(isolated_cage + iso.view, packet, sizeof(packet));
	view_load(way, "r6 = r1\n r0 = *(u8 *)skb[0]\n exit\n", 0x10, 0);
	view_load(way, "r6 = r1\n r0 = *(u8 *)skb[5]\n exit\n", 0x15, 0);
	view_load(way, "r6 = r1\n r0 = *(u16 *)skb[4]\n exit\n", 0x1415, 0);
	view_load(way, "r6 = r1\n r0 = *(u32 *)skb[2]\n exit\n", 0x12131415, 0);
	view_load(way, "r6 = r1\n r7 = 5\n r0 = *(u8 *)skb[r7 + 0]\n exit\n", 0x15, 0);
	view_load(way, "r6 = r1\n r7 = 1\n r0 = *(u16 *)skb[r7 + 3]\n exit\n", 0x1415, 0);
	view_load(way, "r6 = r1\n r7 = 3\n r0 = *(u32 *)skb[r7 - 1]\n exit\n", 0x12131415, 0);
	/* One byte more is the host's, which answers with other bytes or knows that there are none. */
	view_load(way, "r6 = r1\n r0 = *(u8 *)skb[6]\n exit\n", 0x34, 1);
	view_load(way, "r6 = r1\n r0 = *(u16 *)skb[5]\n exit\n", 0x1234, 1);
	view_load(way, "r6 = r1\n r0 = *(u32 *)skb[3]\n exit\n", 0x1234, 1);
	view_load(way, "r6 = r1\n r0 = *(u32 *)skb[5]\n r0 = 1\n exit\n", 0, 1);
	view_load(way, "r6 = r1\n r7 = 6\n r0 = *(u8 *)skb[r7 + 0]\n exit\n", 0x34, 1);
	view_load(way, "r6 = r1\n r7 = 6\n r0 = *(u16 *)skb[r7 - 1]\n exit\n", 0x1234, 1);
	/* Negative, also when the sum comes round: near the start of the packet as 32 bits, far behind it as more. */
	view_load(way, "r6 = r1\n r0 = *(u8 *)skb[-4096]\n r0 = 1\n exit\n", 0, 1);
	view_load(way, "r6 = r1\n r7 = -1\n r0 = *(u16 *)skb[r7 + 0]\n r0 = 1\n exit\n", 0, 1);
	view_load(way, "r6 = r1\n r7 = -4\n r0 = *(u32 *)skb[r7 + 2]\n r0 = 1\n exit\n", 0, 1);
	view_load(way, "r6 = r1\n r7 = 0x100000001 ll\n r0 = *(u8 *)skb[r7 + 0]\n exit\n", 0x11, 0);
	iso.view_bytes = 0;
	view_load(way, "r6 = r1\n r0 = *(u8 *)skb[0]\n exit\n", 0x34, 1);
	CHECK(!iso.is_odd, "way %u: a call with an odd stack", way);
}

/* Whatever opt->tail returns, nothing is jumped to. */
static void tails(u32 way)
{
	static const char text[] = "r2 = 1\n r3 = 2\n call 12\n r0 += 5\n r0 += r1\n r0 += r3\n exit\n";

	CHECK(isolated_run(text) == 5, "way %u: a tail call that fails", way);
	iso.tail_result = 0x123450000;
	CHECK(isolated_run(text) == 5, "way %u: a tail call that fails, with another value", way);
	iso.tail_result = 1;
	CHECK(isolated_run(text) == ENDED, "way %u: a tail call that succeeds", way);
	CHECK(iso.nr_tail == 3 && iso.arg[1] == 1 && iso.arg[2] == 2 && !iso.is_odd, "way %u: other arguments", way);
}

/* A store goes to the isolated_cage, whatever its address says; loops are metered where that is asked for. */
static void faults(u32 way)
{
	static u64 victim;
	char text[200];
	u64 to = (u64)&victim;

	snprintf(text, sizeof(text), "r1 = 0x%llx ll\n *(u64 *)(r1 + 0) = 1\n r0 = 5\n exit\n", (unsigned long long)to);
	CHECK(isolated_run(text) == ENDED - 1 && iso.fault_at == (u64)isolated_cage + (u32)to && !victim,
	      "way %u: a fault at %llx", way, (unsigned long long)iso.fault_at);
	if (iso.opt.fuel)
		CHECK(isolated_run("L0:\n goto L0\n exit\n") == ENDED - 1 && iso.jit.nr_trap == 1 &&
		      iso.fault_at == iso.jit.trap[0].at && iso.jit.trap[0].kind == MOAT_FAULT_FUEL,
		      "way %u: no end, or at %llx", way, (unsigned long long)iso.fault_at);
	CHECK(iso.fault_at < iso.jit.text_bytes || !iso.opt.fuel, "way %u: the trap is not code", way);
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

	iso.context = (u64)&ctx;
	if (!CHECK(n > 0 && !isolated_assemble("r0 = 77\n exit\n") && !kform_load(&iso.form, insn, (u32)n), "%s", error))
		return;
	isolated = (struct kform_prog){ .entry = iso.code };
	prog = kform_prog(&iso.form);
	array = (struct kform_array){ .entries = 2, .prog = { &prog, &isolated } };
	ctx.array = &array;
	CHECK(iso.jit.tail_entry && iso.jit.tail_entry < iso.jit.entry, "way %u: tail entry %u", way, iso.jit.tail_entry);
	CHECK(kform_run(&iso.form, &ctx) == 77 && iso.nr_run == !iso.kernel.slot && !iso.is_odd, "way %u: not reached by a tail call", way);
}

/* A stub's own run: who has it, what is done around it, and that its caller's registers are there however it ends. */
static void own_run(u32 way)
{
	static const char text[] = "r6 = 5\n r7 = 6\n r0 = r6\n r0 += r7\n exit\n";
	static const char astray[] = "r6 = 5\n r9 = 6\n r1 = 0x7ff00000 ll\n *(u64 *)(r1 + 0) = r6\n r0 = r9\n exit\n";
	u32 around = way & ISOLATED_AROUND ? 1 : 0;

	if (!iso.kernel.slot)
		return;
	iso.context = 0x99;
	CHECK(isolated_run(text) == 11 && !iso.nr_run && iso.nr_enter == around && iso.nr_leave == around,
	      "way %u: entered %u and left %u times", way, iso.nr_enter, iso.nr_leave);
	CHECK(isolated_run(astray) == ENDED - 1 && iso.nr_leave == around, "way %u: no fault", way);
	iso.taken = true;
	CHECK(isolated_run(text) == 11 && iso.nr_run == 1 && iso.nr_leave == around, "way %u: a run that is taken is entered", way);
	CHECK(isolated_run(astray) == ENDED - 1 && iso.nr_run == 2, "way %u: no fault when it is taken", way);
	iso.taken = false;
	iso.stops = true;
	CHECK(isolated_run(text) == (around ? STOPPED : 11) && iso.nr_leave == around, "way %u: entered although it is to stop", way);
	CHECK(!iso.is_odd, "way %u: a call with an odd stack, or another run", way);
}

/* The same object may be written again, elsewhere. */
static void twice(u32 way)
{
	u8 *first, *copy;
	u32 bytes;

	if (!CHECK(!isolated_assemble("r1 = 4\n r2 = 0\n r3 = 0\n r4 = 0\n r5 = 0\n call 5\n exit\n"), "%s", iso.refused))
		return;
	first = iso.code;
	bytes = iso.jit.bytes;
	copy = malloc(bytes);
	memcpy(copy, iso.code, bytes);
	CHECK(!moat_emit(&iso.jit, iso.code, (u64)iso.code, bytes) && !memcmp(copy, iso.code, bytes),
	      "way %u: the second is different", way);
	iso.code = iso.form.mem + iso.form.used;
	CHECK(!moat_emit(&iso.jit, iso.code, (u64)iso.code, bytes) && iso.jit.bytes == bytes,
	      "way %u: not elsewhere", way);
	__builtin___clear_cache((char *)iso.code, (char *)iso.code + bytes);
	memset(first, 0, bytes);
	CHECK(isolated_enter(iso.code) == 4, "way %u: another result elsewhere", way);
	free(copy);
}

/* What stands behind the stub is what user space gets, but for what the kernel asks for. */
static void like_user_space(u64 seed)
{
	static struct gen_program p;
	struct gen_options g = { .statements = 40, .buffer_bytes = 1024, .packet = seed % 3 == 0, .packet_bytes = 1024,
				 .calls = true, .escape = seed % 2 };
	struct moat_options user = iso.opt;
	struct moat other;
	void *more;
	u8 *want;

	gen_program(&p, seed, &g);
	iso.opt.plain = seed % 7 == 0;
	user.plain = iso.opt.plain;
	user.kernel = NULL;
	iso.form.used = 4096;
	more = calloc(1, moat_work_bytes(p.len));
	if (!CHECK(!isolated_compile(p.insn, p.len) && !moat_plan(&other, p.insn, p.len, &user, more), "seed %llu: %s",
		   (unsigned long long)seed, iso.refused))
		return;
	want = malloc(other.bytes);
	CHECK(!moat_emit(&other, want, (u64)iso.code + iso.jit.entry, other.bytes) &&
	      iso.jit.entry + other.bytes <= iso.jit.bytes && !memcmp(want, iso.code + iso.jit.entry, other.bytes),
	      "seed %llu: another image", (unsigned long long)seed);
	free(want);
	free(more);
}

/* The checker's word on the image at hand. */
static bool is_accepted(void)
{
	u32 entry[MOAT_MAX_FUNCS];
	struct moat_check c;

	moat_check_facts(&c, &iso.jit, iso.code, iso.jit.bytes, entry);
	return !moat_verify(&c);
}

/* Another bit around the image, or in a landing pad, is refused; but for the width of moves that make a constant. */
static void other_bits(u32 way, u32 from, u32 to)
{
	u32 i;

	for (i = 8 * from; i < 8 * to; i++) {
		bool wide = iso.jit.arch == &a64_arch && i % 32 == 31;

		iso.code[i / 8] ^= 1 << i % 8;
		CHECK(wide || !is_accepted(), "way %u: bit %u of byte 0x%x is not looked at", way, i % 8, i / 8);
		iso.code[i / 8] ^= 1 << i % 8;
	}
}

/* Code [@at, ...) is replaced by @bytes of @by. */
static void other_code(u32 way, u32 at, const void *by, u32 bytes, const char *what)
{
	u8 saved[8];

	memcpy(saved, iso.code + at, bytes);
	memcpy(iso.code + at, by, bytes);
	CHECK(!is_accepted(), "way %u: %s is accepted at 0x%x", way, what, at);
	memcpy(iso.code + at, saved, bytes);
}

/* Returns that the kernel does not want, and pads where nobody enters. */
static void other_returns(u32 way)
{
	u32 at = iso.jit.func_entry[1];		/* behind the main function's return */

	if (iso.jit.arch == &a64_arch)
		return;
	at -= iso.kernel.return_thunk ? 5 : iso.kernel.int3_after_ret ? 2 : 1;
	CHECK(iso.code[at] == (iso.kernel.return_thunk ? 0xe9 : 0xc3), "way %u: no return at 0x%x", way, at);
	if (iso.kernel.return_thunk)
		other_code(way, at, "\xc3\xcc\xcc\xcc\xcc", 5, "a plain return");
	else if (iso.kernel.int3_after_ret)
		other_code(way, at + 1, "\x90", 1, "no trap behind a return");
	at = iso.jit.func_local[1];		/* mov eax, 2: room for others */
	CHECK(iso.code[at] == 0xb8, "way %u: no function at 0x%x", way, at);
	other_code(way, at, "\xf3\x0f\x1e\xfa\x90", 5, "another landing pad");
	other_code(way, at, "\xff\xd0\x90\x90\x90", 5, "an indirect call");
	other_code(way, at, "\xff\xe0\x90\x90\x90", 5, "an indirect jump");
}

/* What user space has behind the same stub: with an indirect call or jump on x86, that is not for the kernel. */
static void other_image(u32 way, const char *text, bool far)
{
	static struct bpf_insn insn[MAX_INSNS];
	struct moat_options user = iso.opt;
	u32 entry[MOAT_MAX_FUNCS];
	struct moat_check c;
	char error[200];
	struct moat other;
	void *work;
	int n = assemble(text, insn, MAX_INSNS, error);

	user.kernel = NULL;
	user.far_calls = far;
	work = calloc(1, moat_work_bytes((u32)n));
	if (!CHECK(n > 0 && !isolated_compile(insn, (u32)n) && !moat_plan(&other, insn, (u32)n, &user, work) &&
		   iso.form.used + other.bytes < iso.form.mem_bytes, "%s", iso.refused))
		return;
	CHECK(!moat_emit(&other, iso.code + iso.jit.entry, (u64)iso.code + iso.jit.entry, other.bytes), "not emitted");
	moat_check_facts(&c, &iso.jit, iso.code, iso.jit.bytes, entry);
	c.bytes = iso.jit.entry + other.bytes;
	c.behind = 0;
	CHECK(moat_verify(&c) == -EPERM && c.at > iso.jit.entry, "way %u: accepted: %s", way, text);
	c.kernel = NULL;
	CHECK(!moat_verify(&c), "way %u: refused in user space, too: %s", way, c.why);
	free(work);
}

static void checked(u32 way)
{
	const u32 pad = iso.opt.cpu & iso.opt.arch->pads ? 4 : 0;

	if (!CHECK(!isolated_assemble("r0 = 1\n exit\n"), "%s", iso.refused))
		return;
	other_bits(way, 0, iso.jit.entry + pad);
	other_bits(way, iso.jit.traps_at + iso.jit.nr_trap * iso.opt.arch->trap_bytes, iso.jit.bytes);
	if (!CHECK(!isolated_assemble("r0 = subprog[L1]\n exit\n L1:\n r0 = 2\n exit\n"), "%s", iso.refused))
		return;
	other_bits(way, iso.jit.func_entry[1], iso.jit.func_entry[1] + pad);
	other_returns(way);
	if (iso.jit.arch == &x64_arch && !(way & 13)) {
		other_image(way, "r2 = 1\n r3 = 2\n call 12\n exit\n", false);
		other_image(way, "call 5\n exit\n", true);
	}
}

static void refusals(void)
{
	isolated_set(0);
	iso.opt.mode = MOAT_MODE_PKU;
	CHECK(isolated_assemble("r0 = 1\n exit\n") == -EOPNOTSUPP && strstr(iso.refused, "modes none and basereg"), "%s",
	      iso.refused);
	isolated_set(0);
	iso.opt.form = MOAT_BASE_SEGMENT;
	CHECK(isolated_assemble("r0 = 1\n exit\n") == -EOPNOTSUPP, "the segment form");
	isolated_set(0);
	CHECK(isolated_assemble("r0 = 1\n tail_call\n exit\n") == -EINVAL, "what only the kernel's verifier writes");
	CHECK(isolated_assemble("r11 = 1\n r0 = 1\n exit\n") == -EINVAL, "register AX");
	isolated_set(ISOLATED_OWN);
	iso.kernel.cpu_offset = 1ull << 31;
	CHECK(isolated_assemble("r0 = 1\n exit\n") == -ERANGE, "the CPU's offset is out of reach");
#if defined(__x86_64__)
	isolated_set(0);
	iso.kernel.run += 1ull << 32;
	CHECK(isolated_assemble("r0 = 1\n exit\n") == -ERANGE, "run() is out of reach");
	isolated_set(0);
	iso.opt.call += 1ull << 32;
	iso.opt.far_calls = true;
	CHECK(isolated_assemble("call 5\n exit\n") == -ERANGE, "a call is out of reach");
#endif
}

int main(void)
{
	static void (*const test[])(u32 way) = { plain, calls, packets, packet_views, tails, faults, tail_entry, own_run, twice, checked };
	u64 seed;
	u32 way, i;

	alarm(300);	/* a loop that is not metered */
	if (!CHECK(isolated_start(), "no room for a isolated_cage"))
		return check_done();
	for (way = 0; way < ISOLATED_WAYS; way++) {
		for (i = 0; i < ARRAY_SIZE(test); i++) {
			isolated_set(way);
			test[i](way);
		}
	}
	for (seed = 1; seed <= 1000; seed++) {
		if (seed % 100 == 1)
			isolated_set(seed % 200 == 1 ? 2 : 0);
		like_user_space(seed);
	}
	refusals();
	kform_free(&iso.form);
	free(iso.work);
	return check_done();
}
