/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Code memory, images, threads, faults and their texts, with a few bytes of code written by hand. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../runtime/internal.h"
#include "check.h"
#include "touch.h"

/*
 * return *arg 1; *arg 1 = arg 2; a failed check; an endless loop; a trap that no table knows; on x86, with another segment
 * base, GS base = arg 1, return *arg 2.
 */
#if defined(__x86_64__)
static const u8 code[] = {
	0x48, 0x8b, 0x07, 0xc3,
	0x48, 0x89, 0x37, 0xc3,
	0x0f, 0x0b,
	0xeb, 0xfe,
	0x0f, 0x0b,
	0xf3, 0x48, 0x0f, 0xae, 0xdf, 0x48, 0x8b, 0x06, 0xc3,
};
enum { LOAD = 0, STORE = 4, CHECKED = 8, LOOP = 10, UNKNOWN = 12, SEGMENT = 14 };
static const u8 ret[] = { 0xc3 }, fresh[] = { 0xcc };
#elif defined(__aarch64__)
static const u32 code[] = {
	0xd503245f, 0xf9400000, 0xd65f03c0,	/* bti c, ldr x0, [x0], ret */
	0xd503245f, 0xf9000001, 0xd65f03c0,
	0xd4200000,
	0xd503245f, 0x14000000,
	0xd4200000,
};
enum { LOAD = 0, STORE = 12, CHECKED = 24, LOOP = 28, UNKNOWN = 36, SEGMENT = sizeof(code) };
static const u32 ret[] = { 0xd503245f, 0xd65f03c0 }, fresh[] = { 0 };
#endif
static u32 slots[] = { LOAD, STORE, CHECKED, LOOP, UNKNOWN, SEGMENT, sizeof(code) };
static struct moat_trap traps[] = { { .at = CHECKED, .pc = 2, .kind = MOAT_FAULT_FUEL } };
static struct bpf_insn insns[6];	/* of no kind that the report looks into */
static struct moat_program program = { .insn = insns, .len = 6 };
static struct moat_image image = {
	.prog = &program,
	.len = 6, .slot = slots, .trap = traps, .nr_trap = ARRAY_SIZE(traps), .bytes = sizeof(code),
};

static void test_code(void)
{
	u64 a, b;
	u32 i, bad = 0, page = sysconf(_SC_PAGESIZE);
	s64 far;

	if (!CHECK(!moat_code_alloc(sizeof(code), &a) && !moat_code_alloc(page + 1, &b), "allocation"))
		exit(check_done());
	CHECK(a % page == 0 && b % page == 0 && (b >= a + page || a >= b + 2 * page), "they overlap");
	for (i = 0; i < page; i++)
		bad += ((u8 *)a)[i] != ((const u8 *)fresh)[i % sizeof(fresh)];
	CHECK(!bad, "%u fresh bytes are no traps", bad);
	CHECK(!moat_code_write(b, (const u8 *)ret, sizeof(ret)) && !memcmp((void *)b, ret, sizeof(ret)), "not what was written");
	((void (*)(void))b)();
	CHECK(!can_write((void *)a) && !can_write((void *)b), "code can be written");
	CHECK(mappings_with("moat-code") && !mappings_with("w-xs") && !mappings_with("rwxs"),
	      "a writable mapping");
	moat_code_free(b, page + 1);
	CHECK(!memcmp((void *)b, fresh, sizeof(fresh)), "freed code is still there");
	CHECK(moat_code_write(a - (1ull << 32), (const u8 *)code, 1) == -EINVAL && moat_code_write(0, (const u8 *)code, 1) == -EINVAL,
	      "elsewhere");
	CHECK(moat_code_alloc(0, &b) == -EINVAL && moat_code_alloc(1u << 30, &b) == -ENOMEM, "none, too much");
	far = (s64)(a - (u64)moat_code_init);
	CHECK(far == (s32)far, "0x%llx is out of reach", (unsigned long long)a);

	CHECK(!moat_image_at(a), "an image before there is one");
	image.pc = a;
	CHECK(!moat_code_write(a, (const u8 *)code, sizeof(code)), "write");
	moat_image_publish(&image);
	CHECK(moat_image_at(a) == &image && moat_image_at(a + sizeof(code) - 1) == &image, "not found");
	CHECK(!moat_image_at(a - 1) && !moat_image_at(0) && !moat_image_at(~0ull) && !moat_image_at(a + page),
	      "found elsewhere");
}

static void test_callbacks(void)
{
	struct moat_image img = { .pc = 0x1000, .nr_callback = 3 };

	img.callback = calloc(3, sizeof(*img.callback));
	img.callback[0].pc = 5, img.callback[0].at = 0x10;
	img.callback[1].pc = 9, img.callback[1].at = 0x20;
	img.callback[2].pc = 70, img.callback[2].at = 0x30;
	CHECK(moat_image_callback(&img, 5) == 0x1010 && moat_image_callback(&img, 9) == 0x1020 &&
	      moat_image_callback(&img, 70) == 0x1030, "not found");
	CHECK(!moat_image_callback(&img, 0) && !moat_image_callback(&img, 6) && !moat_image_callback(&img, 71) &&
	      !moat_image_callback(&img, 5 + (1ull << 32)), "a forged handle leads somewhere");
	free(img.callback);
}

/* Enter the image at @at as a program of @d would be; true: it ended by itself. */
static bool enter(struct moat_run *run, struct moat_domain *d, u32 at, u64 rdi, u64 rsi, u64 *result)
{
	u64 (*entry)(u64, u64) = (u64 (*)(u64, u64))(image.pc + at);
	bool ended = false;

	if (moat_thread_register())
		return false;
	memset(run, 0, sizeof(*run));
	run->domain = d;
	run->image = &image;
	moat_fault_arm(run);
	moat_self->run = run;
	if (!sigsetjmp(run->on_fault, 0)) {
		*result = entry(rdi, rsi);
		ended = true;
	}
	moat_self->run = NULL;
	return ended;
}

static void expect(struct moat_domain *d, u32 at, u64 rdi, enum moat_fault_kind kind, u32 insn, u64 address, bool write)
{
	struct moat_run run;
	u64 result;

	CHECK(!enter(&run, d, at, rdi, 1, &result), "insn %u did not fault", insn);
#if defined(__aarch64__)
	/* QEMU's user mode loads the aligned word around a part of it, and names that one's address. */
	if (run.fault.address == (address & ~7ull))
		address = run.fault.address;
#endif
	CHECK(run.fault.kind == kind && run.fault.insn == insn && run.fault.address == address &&
	      run.fault.write == write, "insn %u: %s fault at %u, address 0x%llx, write %d", insn,
	      moat_fault_name(run.fault.kind), run.fault.insn, (unsigned long long)run.fault.address, run.fault.write);
}

static void test_faults(void)
{
	struct moat_domain none = { .mode = MOAT_MODE_NONE, .key = -1 };
	struct moat_domain *caged = moat_domain_new(MOAT_MODE_BASEREG);
	u64 value = 99, result = 0, cage = caged->cage, rw = (u64)mmap(NULL, 4096, PROT_READ,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct moat_run run;

	CHECK(enter(&run, &none, LOAD, (u64)&value, 0, &result) && result == 99, "a good access");
	expect(&none, LOAD, 0x10, MOAT_FAULT_MEMORY, 0, 0x10, false);
	expect(&none, STORE, rw, MOAT_FAULT_MEMORY, 1, rw, true);
	expect(&none, LOAD, 0x8000000000000000, MOAT_FAULT_MEMORY, 0, 0, false);
	expect(&none, CHECKED, 0, MOAT_FAULT_FUEL, 2, 0, false);
	expect(&none, UNKNOWN, 0, MOAT_FAULT_TRAP, 4, 0, false);
	expect(caged, LOAD, cage + 0x12340, MOAT_FAULT_CAGE, 0, 0x12340, false);
	expect(caged, STORE, cage + 0x12340, MOAT_FAULT_CAGE, 1, 0x12340, true);
	expect(caged, LOAD, cage + 0xffffffff, MOAT_FAULT_CAGE, 0, 0xffffffff, false);
	expect(caged, LOAD, 0x10, MOAT_FAULT_TRAP, 0, 0x10, false);
	moat_domain_free(caged);
}

#if defined(__x86_64__)
/* Floating-point control: how results are rounded, by both units. */
struct control {
	u32 csr;
	u16 word;
};

static const struct control odd_control = { .csr = 0x7f80, .word = 0x0f7f };

static struct control get_control(void)
{
	struct control c = { .csr = __builtin_ia32_stmxcsr() & ~0x3fu };	/* not what happened since */

	asm volatile("fnstcw %0" : "=m"(c.word));
	return c;
}

static void set_control(struct control c)
{
	__builtin_ia32_ldmxcsr(c.csr);
	asm volatile("fldcw %0" : : "m"(c.word));
}

static bool same_control(struct control a, struct control b)
{
	return a.csr == b.csr && a.word == b.word;
}

static void test_segment(void)
{
	struct moat_domain none = { .mode = MOAT_MODE_NONE, .key = -1 };
	struct moat_run run;
	u64 gs = 0, result;

	if (!moat_have_segment()) {
		SKIP("GS base", "no FSGSBASE");
		return;
	}
	asm volatile("wrgsbase %0" : : "r"(0x1234567000ull));
	CHECK(!enter(&run, &none, SEGMENT, 0x10, 0x10, &result), "no fault");
	asm volatile("rdgsbase %0" : "=r"(gs));
	CHECK(gs == 0x1234567000, "GS base 0x%llx", (unsigned long long)gs);
	asm volatile("wrgsbase %0" : : "r"(0ull));
}
#elif defined(__aarch64__)
struct control {
	u64 fpcr;
};

static const struct control odd_control = { .fpcr = 3 << 22 };

static struct control get_control(void)
{
	struct control c;

	asm volatile("mrs %0, fpcr" : "=r"(c.fpcr));
	return c;
}

static void set_control(struct control c)
{
	asm volatile("msr fpcr, %0" : : "r"(c.fpcr));
}

static bool same_control(struct control a, struct control b)
{
	return a.fpcr == b.fpcr;
}

static void test_segment(void)
{
}
#endif

/* A fault leaves the thread's rounding mode and signal mask as they were. */
static void test_restored(void)
{
	struct moat_domain none = { .mode = MOAT_MODE_NONE, .key = -1 };
	struct control was = get_control(), now;
	struct moat_run run;
	sigset_t mask;
	u64 result;
	bool ended;

	set_control(odd_control);
	ended = enter(&run, &none, LOAD, 0x10, 0x10, &result);
	now = get_control();
	set_control(was);
	CHECK(!ended, "no fault");
	CHECK(same_control(now, odd_control), "the rounding mode is another");
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	CHECK(!sigismember(&mask, SIGSEGV) && !sigismember(&mask, SIGILL), "a fault signal is blocked");
}

static _Atomic bool stop;

/* Faults all the time, or (arg) never: each result must be its own thread's. */
static void *worker(void *arg)
{
	struct moat_domain none = { .mode = MOAT_MODE_NONE, .key = -1 };
	uintptr_t bad = 0, i;
	struct moat_run run;
	u64 value, result;

	for (i = 0; i < 20000; i++) {
		value = i;
		if (arg)
			bad += !enter(&run, &none, LOAD, (u64)&value, 0, &result) || result != i;
		else
			bad += enter(&run, &none, LOAD, 8 + i % 512 * 8, 0, &result) || run.fault.address != 8 + i % 512 * 8;
	}
	return (void *)bad;
}

static void test_fault_threads(void)
{
	pthread_t t[6];
	void *bad;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		pthread_create(&t[i], NULL, worker, (void *)(uintptr_t)(i % 3));
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		pthread_join(t[i], &bad);
		CHECK(!bad, "thread %u: %lu runs went wrong", i, (unsigned long)bad);
	}
}

static pthread_barrier_t all_there;
static _Atomic u64 seen;
static _Atomic u32 refused, twice;

static void *registers(void *arg)
{
	stack_t stack;

	if (moat_thread_register())
		refused++;
	else if (atomic_fetch_or(&seen, 1ull << moat_self->cpu) >> moat_self->cpu & 1)
		twice++;
	pthread_barrier_wait(&all_there);
	sigaltstack(NULL, &stack);
	return (void *)(uintptr_t)(moat_self && stack.ss_flags & SS_DISABLE);
}

/* As many threads as there are CPU numbers, and two more; afterwards all numbers are free again. */
static void test_cpus(void)
{
	enum { NR = MOAT_MAX_CPUS + 2 };
	pthread_t t[NR];
	void *bad;
	u32 i, round;

	for (round = 0; round < 2; round++) {
		u32 mine = moat_self ? 1 : 0;

		refused = twice = 0;
		seen = mine ? 1ull << moat_self->cpu : 0;
		pthread_barrier_init(&all_there, NULL, NR);
		for (i = 0; i < NR; i++)
			pthread_create(&t[i], NULL, registers, NULL);
		for (i = 0; i < NR; i++) {
			pthread_join(t[i], &bad);
			CHECK(!bad, "no signal stack");
		}
		CHECK(refused == 2 + mine && !twice && !~seen, "round %u: %u refused, %u twice, 0x%llx", round,
		      refused, twice, (unsigned long long)seen);
	}
}

static void test_text(void)
{
	struct moat_fault f = { .kind = MOAT_FAULT_CAGE, .insn = 7, .address = 0x1000, .write = true };
	char text[256], tiny[8];
	enum moat_mode m, back;

	CHECK(!strcmp(moat_fault__text(&f, text, sizeof(text)), "cage fault at insn 7: write of offset 0x1000"),
	      "%s", text);
	f.file = "fw.bpf.c", f.line = 31, f.text = "\tx = *p;";
	CHECK(!strcmp(moat_fault__text(&f, text, sizeof(text)),
		      "cage fault at insn 7 (fw.bpf.c:31 \"x = *p;\"): write of offset 0x1000"), "%s", text);
	CHECK(!strcmp(moat_fault__text(&f, tiny, sizeof(tiny)), "cage fa"), "%s", tiny);
	f = (struct moat_fault){ .kind = MOAT_FAULT_AUDIT, .insn = 12, .helper = 2, .arg = 2,
				 .reason = "not readable" };
	CHECK(!strcmp(moat_fault__text(&f, text, sizeof(text)),
		      "audit fault at insn 12: argument 2 of bpf_map_update_elem: not readable"), "%s", text);
	f = (struct moat_fault){ .kind = MOAT_FAULT_FUEL, .insn = 3 };
	CHECK(!strcmp(moat_fault__text(&f, text, sizeof(text)), "fuel fault at insn 3: out of fuel"), "%s", text);
	for (m = MOAT_MODE_NONE; m < MOAT_NR_MODES; m++)
		CHECK(!moat_mode_parse(moat_mode_name(m), &back) && back == m, "%s", moat_mode_name(m));
	CHECK(!moat_mode_parse("auto", &back) && back == MOAT_MODE_AUTO, "auto");
	CHECK(moat_mode_parse("basereg+", &back) == -EINVAL && moat_mode_parse("", &back) == -EINVAL, "no modes");
}

/* How a host's own signals come through: each case in a child, because handlers are installed once. */
static volatile int *volatile nowhere = (int *)0x40;
static sigjmp_buf back;

static void on_info(int sig, siginfo_t *info, void *uc)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	_exit(info->si_addr == nowhere && sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGSEGV) ? 42 : 1);
}

static void on_plain(int sig)
{
	_exit(sig == SIGSEGV ? 43 : 1);
}

static void on_jump(int sig)
{
	siglongjmp(back, 1);
}

static void *loops(void *arg)
{
	struct moat_domain none = { .mode = MOAT_MODE_NONE, .key = -1 };
	struct moat_run run;
	u64 result;

	atomic_store(&stop, true);
	enter(&run, &none, LOOP, 0, 0, &result);
	_exit(2);	/* taken for a fault of the program */
}

enum what { FAULT, RAISE, SENT_TO_IMAGE, JUMP };

static void do_it(enum what what)
{
	struct moat_domain none = { .mode = MOAT_MODE_NONE, .key = -1 };
	struct moat_run run;
	volatile int times = 0;
	pthread_t t;
	u64 result;

	switch (what) {
	case FAULT:
		*nowhere = 1;
		break;
	case RAISE:
		raise(SIGSEGV);
		break;
	case SENT_TO_IMAGE:
		pthread_create(&t, NULL, loops, NULL);
		while (!stop)
			;
		usleep(20000);
		pthread_kill(t, SIGSEGV);
		pthread_join(t, NULL);
		break;
	case JUMP:
		if (sigsetjmp(back, 1) < 1 || ++times < 3)
			*nowhere = 1;
		if (!enter(&run, &none, LOAD, 8, 0, &result) && run.fault.kind == MOAT_FAULT_MEMORY)
			_exit(44);
		break;
	}
	_exit(0);
}

static void expect_host(const char *name, void (*handler)(int), int flags, enum what what, int exits, int dies)
{
	struct sigaction sa = { .sa_flags = flags };
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (flags & SA_SIGINFO)
			sa.sa_sigaction = on_info;
		else
			sa.sa_handler = handler;
		sigaddset(&sa.sa_mask, SIGUSR1);
		sigaction(SIGSEGV, &sa, NULL);
		alarm(20);
		if (moat_fault_init())
			_exit(3);
		do_it(what);
	}
	waitpid(pid, &status, 0);
	if (dies)
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == dies, "%s: status 0x%x", name, status);
	else
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == exits, "%s: status 0x%x", name, status);
}

static void test_host(void)
{
	expect_host("sa_sigaction", NULL, SA_SIGINFO, FAULT, 42, 0);
	expect_host("sa_handler", on_plain, 0, FAULT, 43, 0);
	expect_host("one time", on_plain, SA_RESETHAND, FAULT, 43, 0);
	expect_host("default", SIG_DFL, 0, FAULT, 0, SIGSEGV);
	expect_host("default, sent", SIG_DFL, 0, RAISE, 0, SIGSEGV);
	expect_host("ignored", SIG_IGN, 0, FAULT, 0, SIGSEGV);
	expect_host("ignored, sent", SIG_IGN, 0, RAISE, 0, 0);
	expect_host("sent, in an image", on_plain, 0, SENT_TO_IMAGE, 43, 0);
	expect_host("left by siglongjmp", on_jump, 0, JUMP, 44, 0);
}

int main(void)
{
	test_code();
	test_callbacks();
	test_host();
	if (moat_fault_init())
		return 1;
	test_faults();
	test_segment();
	test_restored();
	test_fault_threads();
	test_cpus();
	test_text();
	return check_done();
}
