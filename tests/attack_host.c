/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attacks on what the host keeps beside programs: threads, lifetimes, signals, code pages, the state of the CPU. */
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "attack.h"

#define THREADS	4

/* Threads ------------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	struct moat_object *obj;
	u64 data[ATTACK_SHARED / 8];
	u64 want;		/* R0 of a good run */
	u32 rounds;
	volatile u32 good, faults, wrong;
	_Atomic bool *stop;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	u32 i;

	for (i = 0; w->stop ? !*w->stop : i < w->rounds; i++) {
		u64 data[ATTACK_SHARED / 8];
		struct moat_run_opts opts = { 0 };
		int err;

		memcpy(data, w->data, sizeof(data));
		err = attack_run(w->obj, data, &opts);
		if (err == -EFAULT || err == -ETIME)
			w->faults++;
		else if (!err && opts.retval == w->want)
			w->good++;
		else
			w->wrong++;
	}
	return NULL;
}

static void start(struct worker *w, struct moat_object *obj, u64 want, u32 rounds)
{
	w->obj = obj;
	w->want = want;
	w->rounds = rounds;
	if (pthread_create(&w->thread, NULL, work, w))
		abort();
}

/* Keeps a value in its frame for a while and looks whether it stayed: 1 if so. */
static const struct bpf_insn guard[] = {
	MOV_K(2, 0), ST(BPF_DW, 10, -8, 0x1234), ST(BPF_DW, 10, -256, 0x1234),
	ALU64_K(BPF_ADD, 2, 1), JMP_K(BPF_JLT, 2, 2000, -2),
	LDX(BPF_DW, 3, 10, -8), LDX(BPF_DW, 4, 10, -256), MOV_K(0, 0),
	JMP_K(BPF_JNE, 3, 0x1234, 2), JMP_K(BPF_JNE, 4, 0x1234, 1), MOV_K(0, 1), EXIT,
};

/* Writes all over the MOAT_STACK_BYTES at data[0]. */
static const struct bpf_insn scribble[] = {
	LDX(BPF_DW, 2, 1, 0), MOV_K(3, 0),
	ST(BPF_DW, 2, 0, -1), ALU64_K(BPF_ADD, 2, 8), ALU64_K(BPF_ADD, 3, 1), JMP_K(BPF_JLT, 3, MOAT_STACK_BYTES / 8, -4),
	MOV_K(0, 1), EXIT,
};

/* Another domain's thread loses its stack while it runs. */
static void thread_stack(const struct attack_variant *v, struct attack_result *r)
{
	struct moat_object *victim = attack_load(v, r, guard, ARRAY_SIZE(guard));
	struct moat_object *attacker = attack_load(v, r, scribble, ARRAY_SIZE(scribble));
	static struct worker worker;
	_Atomic bool stop = false;
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_slot_mem *slot = NULL;
	u32 i, faults = 0;

	if (!victim || !attacker)
		return;
	worker.stop = &stop;
	start(&worker, victim, 1, 0);
	while (!slot)	/* the victim's thread has another CPU number than this one */
		for (i = 0; i < MOAT_MAX_CPUS && !slot; i++)
			slot = moat_object__next_program(victim, NULL)->domain->slot[i];
	data[0] = slot->off;
	/* where it can work, it is a matter of time */
	for (i = 0; i < 1000 || (!faults && !worker.wrong && i < 2000000); i++) {
		struct moat_run_opts opts = { 0 };
		int err = attack_run(attacker, data, &opts);

		if (!err)
			continue;
		attack_stopped(r, err, &opts.fault, BY_MEMORY);
		faults++;
	}
	stop = true;
	pthread_join(worker.thread, NULL);
	if (worker.wrong || worker.faults)
		attack_worked(r);
	else if (faults != 1000)
		attack_odd(r, "%u of 1000 attacks faulted, the victim ran %u times well", faults, worker.good);
}

/* Threads of one program at each other's stacks: they may spoil their own runs, and nothing else. */
static void same_domain(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		MOV_X(6, 1), LDX(BPF_DW, 7, 6, 0), MOV_K(8, 4), CALL_LOCAL(3),
		ALU64_K(BPF_SUB, 8, 1), JMP_K(BPF_JNE, 8, 0, -3), EXIT,
		/* scribbles over the other's stack, its own frames' saved state included */
		MOV_X(2, 7), MOV_K(3, 0), MOV_K(7, 0),
		ST(BPF_DW, 2, 0, 0), ALU64_K(BPF_ADD, 2, 8), ALU64_K(BPF_ADD, 3, 1), JMP_K(BPF_JLT, 3, MOAT_STACK_BYTES / 8, -4),
		MOV_K(0, 1), EXIT,
	};
	struct moat_object *obj;
	static struct worker w[THREADS];
	struct attack_victim bystander;
	struct moat_domain *d;
	u32 i, other, runs = 0;

	if (v->mode == MOAT_MODE_NONE)
		return;
	obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
	if (!obj || attack_victim(v, &bystander))
		return;
	d = moat_object__next_program(obj, NULL)->domain;
	/* CPU numbers are given in order; slots are made ahead so that their places are known */
	for (i = 0; i < THREADS + 2; i++)
		moat_slot_put(moat_slot_get(d, i));
	for (i = 0; i < THREADS; i++) {
		other = 1 + (i + 1) % THREADS;
		w[i].data[0] = d->slot[other]->off;
		start(&w[i], obj, 1, 300);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		runs += w[i].good + w[i].faults + w[i].wrong;
	}
	if (runs != THREADS * 300)
		attack_odd(r, "%u runs", runs);
	for (i = 0; i < MOAT_SLOT_BYTES; i += 8)
		if (*(u64 *)moat_host(bystander.slot + i) != SECRET)
			attack_worked(r);
	r->contained++;
}

/* One thread faults all the time; the others' results stay right. */
static void fault_beside(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn bad[] = { MOV_K(2, 0), LDX(BPF_DW, 0, 2, 0), EXIT };
	struct moat_object *good = attack_load(v, r, guard, ARRAY_SIZE(guard)), *faulty = attack_load(v, r, bad, ARRAY_SIZE(bad));
	static struct worker w[THREADS];
	u32 i;

	if (!good || !faulty)
		return;
	for (i = 0; i < THREADS; i++)
		start(&w[i], i ? good : faulty, 1, i ? 400 : 1500);
	for (i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	if (w[0].faults != 1500)
		attack_odd(r, "%u of 1500 faults", w[0].faults);
	for (i = 1; i < THREADS; i++) {
		if (w[i].good != 400)
			attack_odd(r, "thread %u: %u good, %u faults, %u wrong", i, w[i].good, w[i].faults, w[i].wrong);
		else
			r->contained++;
	}
}

/* Closing waits for the run that is under way; its memory is there to the end. */
static void freed_while_running(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		ST(BPF_DW, 1, 8, 1), MOV_K(2, 0),
		ALU64_K(BPF_ADD, 2, 1), STX(BPF_DW, 10, 2, -8), STX(BPF_DW, 1, 2, 16), LDX(BPF_DW, 3, 10, -8),
		JMP_K(BPF_JLT, 3, 3000000, -5), MOV_K(0, 1), EXIT,
	};
	static struct worker w;
	u32 i;

	for (i = 0; i < 5; i++) {
		struct moat_object *obj = attack_load(v, r, insn, ARRAY_SIZE(insn));
		struct moat_program *prog;

		if (!obj)
			return;
		prog = moat_object__next_program(obj, NULL);
		memset(&w, 0, sizeof(w));
		start(&w, obj, 1, 1);
		/* until the run has begun: its slot is there and is busy */
		while (!prog->domain->slot[0] && !prog->domain->slot[1] && !prog->domain->slot[2])
			sched_yield();
		usleep(1000);
		moat_object__close(obj);
		pthread_join(w.thread, NULL);
		if (w.good != 1)
			attack_odd(r, "round %u: %u good, %u faults, %u wrong", i, w.good, w.faults, w.wrong);
		else
			r->contained++;
	}
}

/* Signals ---------------------------------------------------------------------- */

static sigjmp_buf own_fault;
static volatile u32 own_faults;
static volatile bool expecting;

static void own_handler(int sig, siginfo_t *info, void *uc)
{
	if (!expecting)
		_exit(98);
	own_faults++;
	siglongjmp(own_fault, 1);
}

/* The host's own fault, which its own handler must see. */
static void fault_here(struct attack_result *r, const char *when)
{
	volatile u8 *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	u32 before = own_faults;

	expecting = true;
	if (!sigsetjmp(own_fault, 1))
		*nowhere = 1;
	expecting = false;
	if (own_faults == before + 1)
		r->contained++;
	else
		attack_odd(r, "the host's handler was not called %s", when);
	munmap((void *)nowhere, 4096);
}

/* Installed after the library's: it asks the library first. */
static void asking_handler(int sig, siginfo_t *info, void *uc)
{
	if (!moat_handle_signal(sig, info, uc))
		own_handler(sig, info, uc);
}

static void host_handler(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn bad[] = { MOV_K(2, 0), ST(BPF_DW, 2, 0, 0), EXIT };
	struct sigaction sa = { .sa_sigaction = own_handler, .sa_flags = SA_SIGINFO }, now;
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	int err, i;

	sigaction(SIGSEGV, &sa, NULL);
	fault_here(r, "before the first load");
	for (i = 0; i < 3; i++) {
		err = attack_try(v, r, bad, ARRAY_SIZE(bad), data, &opts);
		attack_stopped(r, err, &opts.fault, BY_MEMORY | KIND(MEMORY));
		fault_here(r, "after a program's fault");
	}
	sigaction(SIGSEGV, NULL, &now);
	if (now.sa_sigaction == own_handler)
		attack_odd(r, "the library has no handler");
	sa.sa_sigaction = asking_handler;
	sa.sa_flags |= SA_ONSTACK | SA_NODEFER;
	sigaction(SIGSEGV, &sa, NULL);
	err = attack_try(v, r, bad, ARRAY_SIZE(bad), data, &opts);
	attack_stopped(r, err, &opts.fault, BY_MEMORY | KIND(MEMORY));
	fault_here(r, "through a handler that asks");
}

/* Code pages ------------------------------------------------------------------------ */

struct mapping {
	u64 start, end, inode;
	char rights[5], name[128];
};

static u32 read_maps(struct mapping *m, u32 room)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	u32 n = 0;

	while (f && n < room && fgets(line, sizeof(line), f)) {
		unsigned long long start, end, inode;

		m[n].name[0] = 0;
		if (sscanf(line, "%llx-%llx %4s %*s %*s %llu %127[^\n]", &start, &end, m[n].rights, &inode, m[n].name) < 4)
			continue;
		m[n].start = start;
		m[n].end = end;
		m[n++].inode = inode;
	}
	if (f)
		fclose(f);
	return n;
}

/* No page is writable and executable, and none of the code's is writable anywhere. */
static void no_writable_code(const struct attack_variant *v, struct attack_result *r)
{
	static struct mapping m[4096];
	struct attack_victim victim;
	struct moat_code c;
	u64 inode = 0;
	u32 i, n;

	if (attack_victim(v, &victim) || moat_program__code(moat_object__next_program(victim.obj, NULL), &c)) {
		attack_odd(r, "no code");
		return;
	}
	n = read_maps(m, ARRAY_SIZE(m));
	for (i = 0; i < n; i++) {
		if (m[i].rights[1] == 'w' && m[i].rights[2] == 'x')
			attack_worked(r);
		if (c.address >= m[i].start && c.address < m[i].end)
			inode = m[i].inode;
	}
	for (i = 0; i < n; i++)
		if (inode && m[i].inode == inode && m[i].rights[1] == 'w' && strstr(m[i].name, "memfd"))
			attack_worked(r);
	if (!inode || !n)
		attack_odd(r, "the code is in no mapping");
	r->contained++;
}

/* State of the CPU ------------------------------------------------------------------- */

#if defined(__x86_64__)
struct cpu_state {
	u64 gs, pkru, flags;
	u32 mxcsr;
	u16 control;
	sigset_t mask;
	stack_t stack;
};

static bool have_keys, have_fsgsbase;

static struct cpu_state state(void)
{
	struct cpu_state s = { 0 };

	if (have_fsgsbase)
		asm volatile("rdgsbase %0" : "=r"(s.gs));
	if (have_keys)
		s.pkru = moat_rdpkru();
	asm volatile("stmxcsr %0" : "=m"(s.mxcsr));
	asm volatile("fnstcw %0" : "=m"(s.control));
	s.flags = __builtin_ia32_readeflags_u64() & 0x400;	/* direction */
	pthread_sigmask(SIG_SETMASK, NULL, &s.mask);
	sigaltstack(NULL, &s.stack);
	return s;
}
#elif defined(__aarch64__)
struct cpu_state {
	u64 gs;		/* there is none */
	u64 pkru;	/* POR_EL0 */
	u64 mxcsr;	/* FPCR */
	u64 flags, control;	/* nothing that compares to x86's */
	sigset_t mask;
	stack_t stack;
};

static bool have_keys, have_fsgsbase;

static struct cpu_state state(void)
{
	struct cpu_state s = { 0 };

	if (have_keys)
		s.pkru = moat_rdpkru();
	asm volatile("mrs %0, fpcr" : "=r"(s.mxcsr));
	pthread_sigmask(SIG_SETMASK, NULL, &s.mask);
	sigaltstack(NULL, &s.stack);
	return s;
}
#endif

static bool same_state(struct attack_result *r, const char *way, const struct cpu_state *a, const struct cpu_state *b)
{
	const char *what = NULL;

	if (a->gs != b->gs)
		what = "GS base";
	else if (a->pkru != b->pkru)
		what = "PKRU";
	else if (a->flags != b->flags || a->mxcsr != b->mxcsr || a->control != b->control)
		what = "control registers";
	else if (memcmp(&a->mask, &b->mask, sizeof(a->mask)))
		what = "signal mask";
	else if (a->stack.ss_sp != b->stack.ss_sp || a->stack.ss_flags != b->stack.ss_flags)
		what = "alternate stack";
	if (what)
		attack_odd(r, "%s: %s changed (%#llx, %#llx)", way, what, (unsigned long long)(a->gs ^ b->gs),
			   (unsigned long long)(a->pkru ^ b->pkru));
	else
		r->contained++;
	return !what;
}

/* Each way out of a run leaves the thread as it was: result, fault, fuel, audit; from a callback too. */
static void every_way_out(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn fine[] = { LDX(BPF_DW, 0, 1, 0), EXIT };
	static const struct bpf_insn fault[] = { MOV_K(2, 0), LDX(BPF_DW, 0, 2, 0), EXIT };
	static const struct bpf_insn audit[] = { MOV_K(1, 0), MOV_K(2, 0), CALL(HELP_POKE), MOV_K(0, 0), EXIT };
	static const struct bpf_insn fuel[] = { LDX(BPF_DW, 0, 1, 0), JA(-2), EXIT };
	static const struct bpf_insn nested[] = {
		LD_FUNC(1, 5), MOV_K(2, 0), MOV_K(3, 0), CALL(HELP_CALLBACK), EXIT,
		LDX(BPF_DW, 0, 1, 0), EXIT,
	};
	static const struct bpf_insn inside[] = {
		LD_FUNC(1, 5), MOV_X(2, 1), MOV_K(3, 0), CALL(HELP_CALLBACK), EXIT,
		LD_FUNC(1, 6), MOV_K(2, 0), MOV_K(3, 0), CALL(HELP_CALLBACK), CALL(HELP_COUNT), EXIT,
		MOV_K(0, 0), EXIT,
	};
	static const struct { const char *name; const struct bpf_insn *insn; u32 nr; int err; bool protected; } way[] = {
		{ "a result", fine, ARRAY_SIZE(fine), 0, false },
		{ "a fault", fault, ARRAY_SIZE(fault), -EFAULT, false },
		{ "an audit", audit, ARRAY_SIZE(audit), -EFAULT, true },
		{ "no fuel", fuel, ARRAY_SIZE(fuel), -ETIME, false },
		{ "a fault in a callback", nested, ARRAY_SIZE(nested), -EFAULT, false },
		{ "a callback", inside, ARRAY_SIZE(inside), 0, false },
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
#if defined(__x86_64__)
	const u32 odd_rights = 0x55555554 & ~(3u << 28);	/* a key that is nobody's is open */
#else
	const u32 odd_rights = 0x7 | 7u << 28;
#endif
	u32 i, round;
	const char *why;

	have_keys = moat_have_pku(&why);
	have_fsgsbase = moat_have_segment();
	moat_thread_register();
	for (round = 0; round < (have_keys ? 3 : 2); round++) {
		if (round == 2)
			moat_wrpkru(odd_rights);
		for (i = 0; i < ARRAY_SIZE(way); i++) {
			struct moat_object *obj;
			struct cpu_state before, after;
			struct moat_run_opts opts = { .fuel = 10000 };
			int err;

			if (way[i].protected && v->mode == MOAT_MODE_NONE)
				continue;
			obj = attack_load(v, r, way[i].insn, way[i].nr);
			if (!obj)
				return;
			before = state();
			err = attack_run(obj, data, &opts);
			after = state();
			if (err != way[i].err)
				attack_odd(r, "%s: the run returned %d", way[i].name, err);
			same_state(r, way[i].name, &before, &after);
			moat_object__close(obj);
		}
	}
}

/*
 * Call fn(arg) with known values in the registers that C functions must keep;
 * the bits in which they came back different.
 */
u64 attack_keeping(void (*fn)(void *arg), void *arg);
#if defined(__x86_64__)
asm(".text\n"
    "attack_keeping:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "sub $8, %rsp\n"
    "mov %rdi, %rax; mov %rsi, %rdi\n"
    "movabs $0x1111111111111111, %rbx; movabs $0x2222222222222222, %rbp; movabs $0x3333333333333333, %r12\n"
    "movabs $0x4444444444444444, %r13; movabs $0x5555555555555555, %r14; movabs $0x6666666666666666, %r15\n"
    "call *%rax\n"
    "movabs $0x1111111111111111, %rax; xor %rbx, %rax\n"
    "movabs $0x2222222222222222, %rcx; xor %rbp, %rcx; or %rcx, %rax\n"
    "movabs $0x3333333333333333, %rcx; xor %r12, %rcx; or %rcx, %rax\n"
    "movabs $0x4444444444444444, %rcx; xor %r13, %rcx; or %rcx, %rax\n"
    "movabs $0x5555555555555555, %rcx; xor %r14, %rcx; or %rcx, %rax\n"
    "movabs $0x6666666666666666, %rcx; xor %r15, %rcx; or %rcx, %rax\n"
    "add $8, %rsp\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "ret\n");
#elif defined(__aarch64__)
/* x19-x29, and the lower halves of v8-v15: each its own number times 0x0101..01. */
asm(".text\n"
    "attack_keeping:\n"
    "stp x29, x30, [sp, #-176]!\n"
    "stp x19, x20, [sp, #16]; stp x21, x22, [sp, #32]; stp x23, x24, [sp, #48]; stp x25, x26, [sp, #64]\n"
    "stp x27, x28, [sp, #80]\n"
    "stp d8, d9, [sp, #96]; stp d10, d11, [sp, #112]; stp d12, d13, [sp, #128]; stp d14, d15, [sp, #144]\n"
    "mov x9, x0; mov x0, x1\n"
    "mov x10, #0x0101; movk x10, #0x0101, lsl #16; movk x10, #0x0101, lsl #32; movk x10, #0x0101, lsl #48\n"
    ".irp r, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29\n"
    "mov x11, #\\r; mul x\\r, x10, x11\n"
    ".endr\n"
    ".irp r, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "mov x11, #\\r; mul x11, x10, x11; fmov d\\r, x11\n"
    ".endr\n"
    "blr x9\n"
    "mov x10, #0x0101; movk x10, #0x0101, lsl #16; movk x10, #0x0101, lsl #32; movk x10, #0x0101, lsl #48\n"
    "mov x0, #0\n"
    ".irp r, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29\n"
    "mov x11, #\\r; mul x11, x10, x11; eor x11, x11, x\\r; orr x0, x0, x11\n"
    ".endr\n"
    ".irp r, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "mov x11, #\\r; mul x11, x10, x11; fmov x12, d\\r; eor x11, x11, x12; orr x0, x0, x11\n"
    ".endr\n"
    "ldp d8, d9, [sp, #96]; ldp d10, d11, [sp, #112]; ldp d12, d13, [sp, #128]; ldp d14, d15, [sp, #144]\n"
    "ldp x27, x28, [sp, #80]\n"
    "ldp x19, x20, [sp, #16]; ldp x21, x22, [sp, #32]; ldp x23, x24, [sp, #48]; ldp x25, x26, [sp, #64]\n"
    "ldp x29, x30, [sp], #176\n"
    "ret\n");
#endif

/* The image itself, without the library's C around it, which would restore registers too. */
struct entry {
	u64 (*image)(u64 r1, u64 r2, struct moat_frame *f);
	struct moat_frame *frame;
	u64 data, result;
};

static void enter(void *arg)
{
	struct entry *e = arg;

	e->result = e->image(e->data, 0, e->frame);
}

struct whole_run {
	struct moat_object *obj;
	u64 *data;
	int err;
};

static void whole_run(void *arg)
{
	struct whole_run *w = arg;
	struct moat_run_opts opts = { 0 };

	w->err = attack_run(w->obj, w->data, &opts);
}

static void callee_saved(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn all[] = {
		MOV_K(6, -1), MOV_K(7, -1), MOV_K(8, -1), MOV_K(9, -1), ST(BPF_DW, 10, -8, 1),
		LDX(BPF_DW, 2, 1, 0), LDX(BPF_DW, 0, 2, 0), EXIT,
	};
	struct moat_object *obj = attack_load(v, r, all, ARRAY_SIZE(all));
	u64 data[ATTACK_SHARED / 8] = { 0 }, changed;
	struct whole_run w = { .obj = obj, .data = data };
	struct moat_frame frame = { 0 };
	struct entry e = { .frame = &frame };
	struct moat_program *prog;
	u32 i;

	if (!obj)
		return;
	for (i = 0; i < 2; i++) {
		data[0] = i ? 0 : attack_slot(obj);
		changed = attack_keeping(whole_run, &w);
		if (changed || w.err != (i ? -EFAULT : 0))
			attack_odd(r, "way out %u: %#llx changed, the run returned %d", i, (unsigned long long)changed, w.err);
		else
			r->contained++;
	}
	prog = moat_object__next_program(obj, NULL);
	e.image = (__typeof__(e.image))prog->image->pc;
	e.data = attack_slot(obj) + MOAT_VIEW_PACKET;
	frame.cage = prog->domain->cage;
	frame.stack = frame.cage + attack_slot(obj) + MOAT_STACK_BYTES;
	frame.fuel = 1000;
	*(u64 *)moat_host((u32)e.data) = e.data;
	changed = attack_keeping(enter, &e);
	if (changed || e.result != e.data)
		attack_odd(r, "the image: %#llx changed, R0 = %#llx", (unsigned long long)changed, (unsigned long long)e.result);
	else
		r->contained++;
}

/* 1.3 A 9: isolation goes by mode, not by name. */
static void any_name(const struct attack_variant *v, struct attack_result *r)
{
	static const char *const name[] = { "", "moat", "x", "F", "dropfilter" };
	static const struct bpf_insn insn[] = { LDX(BPF_DW, 2, 1, 0), LDX(BPF_DW, 0, 2, 0), EXIT };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(name); i++) {
		MOAT_OPEN_OPTS(open, .name = name[i], .base_form = v->form);
		u64 data[ATTACK_SHARED / 8] = { (u64)attack_secret };
		struct moat_run_opts opts = { 0 };
		struct moat_object *obj;
		int err;

		open.mode = v->mode;
		obj = moat_object__open_insns(insn, ARRAY_SIZE(insn), &open);
		err = obj ? moat_object__load(obj) : -errno;
		if (err) {
			attack_odd(r, "does not load: %d", err);
			return;
		}
		err = attack_run(obj, data, &opts);
		if (!err && opts.retval == SECRET)
			attack_worked(r);
		else
			attack_stopped(r, err, &opts.fault, BY_MEMORY);
		moat_object__close(obj);
	}
}

#define ATTACK(n, f, ...)	{ .name = n, .run = f, __VA_ARGS__ }
#define HOLDS_BY(reason)	.in_none = HOLDS, .why = reason

const struct attack attack_host[] = {
	ATTACK("another thread's stack, other domain", thread_stack, .some = true),
	ATTACK("another thread's stack, same domain", same_domain, .in_none = MEANINGLESS,
	       .why = "a domain may spoil itself; what counts is that nobody else notices"),
	ATTACK("fault beside running threads", fault_beside, HOLDS_BY("faults in programs end runs in every mode")),
	ATTACK("program closed while running", freed_while_running, HOLDS_BY("closing waits for runs in every mode")),
	ATTACK("host's own SIGSEGV handler", host_handler, HOLDS_BY("signals of programs are told apart in every mode")),
	ATTACK("writable code", no_writable_code, HOLDS_BY("no mode has code that is writable")),
	ATTACK("CPU state on every way out", every_way_out, HOLDS_BY("every mode restores it")),
	ATTACK("callee-saved registers", callee_saved, HOLDS_BY("every mode restores them")),
	ATTACK("1.3 A 9: isolation by name", any_name),
};
const u32 nr_attack_host = ARRAY_SIZE(attack_host);
