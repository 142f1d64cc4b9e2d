/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Probes: does a mode stop what it must stop, on this CPU and this kernel?
 *
 * A small program is loaded and run as any other.  What it may read it must
 * read; then it reads and writes a canary of the host's at an address where
 * any ordinary instruction would succeed, and each time it must be stopped by
 * the mechanism that the mode is made of.  All this in a child process: a
 * kernel that cannot even deliver the signal kills only that.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "internal.h"
#include "lowmem.h"
#include "probe.h"

#define SECONDS		10	/* a probe takes milliseconds; emulated machines are slow */
#define CANARY		0x6d6f61742d736563ull
#define OWN		0x70726f67726d656dull

__thread bool moat_probing;

enum result {
	DONE, NO_LOAD, NO_SETUP, NO_ACCESS, NOT_STOPPED, OTHERWISE_STOPPED, NO_ANSWER, NO_END,
};

static const char *const why[] = {
	[NO_LOAD] = "the probe's program cannot be loaded",
	[NO_SETUP] = "the probe cannot be set up",
	[NO_ACCESS] = "the probe's program cannot read its own memory",
	[NOT_STOPPED] = "the probe reached memory of the host",
	[OTHERWISE_STOPPED] = "the probe was stopped, but not by the mode's mechanism",
	[NO_ANSWER] = "the probe's process died",
	[NO_END] = "the probe did not end",
};

/* A program to run, where it is loaded, and the address that it tries. */
struct probe {
	enum moat_mode mode;
	u64 target;
	struct moat_object *obj;
	struct moat_program *prog;
};

static struct moat_program *load(struct probe *p, const struct bpf_insn *insn, u32 nr)
{
	MOAT_OPEN_OPTS(opts, .name = "probe");

	opts.mode = p->mode;
	p->prog = NULL;
	p->obj = moat_object__open_insns(insn, nr, &opts);
	if (p->obj && !moat_object__load(p->obj))
		p->prog = moat_object__next_program(p->obj, NULL);
	return p->prog;
}

/* r0 = *(u64 *)r1; what the program was given. */
static enum result try_own(struct probe *p)
{
	static const struct bpf_insn insn[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 0, .src_reg = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	u64 data = OWN;
	MOAT_RUN_OPTS(opts, .data_in = &data, .data_size_in = sizeof(data));

	if (!load(p, insn, ARRAY_SIZE(insn)))
		return NO_LOAD;
	return moat_program__run_opts(p->prog, &opts) || opts.retval != OWN ? NO_ACCESS : DONE;
}

/* r1 = target; read it, or write it: both must end in a fault of @kind. */
static enum moat_fault_kind run_forged(struct probe *p, bool write)
{
	u64 data = 0;
	MOAT_RUN_OPTS(opts, .data_in = &data, .data_size_in = sizeof(data));

	if (moat_program__run_opts(p->prog, &opts) != -EFAULT || opts.fault.write != write)
		return MOAT_FAULT_NONE;
	return opts.fault.kind;
}

static bool load_forged(struct probe *p, bool write)
{
	struct bpf_insn insn[] = {
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .imm = (u32)p->target },
		{ .imm = p->target >> 32 },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 0, .src_reg = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	if (write)
		insn[2] = (struct bpf_insn){ .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 1 };
	return load(p, insn, ARRAY_SIZE(insn));
}

/*
 * Make a heap page part of the program's cage, but with the host's key.
 * Where the canary is for the program; also makes the page present, so that
 * nothing but the key can stop it.  NULL: no room.
 */
static volatile u64 *show(struct probe *p, u32 off)
{
	u64 cage = p->prog->domain->cage;

	if (moat_cage_map(cage, off, moat_heap.page, MOAT_READ | MOAT_WRITE, -1))
		return NULL;
	*(volatile u64 *)(cage + off) = CANARY;
	return (volatile u64 *)(cage + off);
}

/* @shown: page to show to the program in its cage; 0: the target is an address of the host's. */
static enum result try_forged(struct probe *p, u32 shown, enum moat_fault_kind kind)
{
	enum moat_fault_kind was;
	volatile u64 *canary;
	int write;

	for (write = 0; write <= 1; write++) {
		if (!load_forged(p, write))
			return NO_LOAD;
		canary = shown ? show(p, shown) : (volatile u64 *)p->target;
		if (!canary || *canary != CANARY)
			return NO_SETUP;
		was = run_forged(p, write);
		if (was == MOAT_FAULT_NONE || *canary != CANARY)
			return NOT_STOPPED;
		if (was != kind)
			return OTHERWISE_STOPPED;
	}
	return DONE;
}

/*
 * Base registers: the host's own address of an offset that no cage ever maps.
 * Unconfined code would read it there; confined, only its low half counts.
 */
static enum result try_base(struct probe *p)
{
	u32 off = MOAT_EDGE / 2;

	*(u64 *)moat_host(off) = CANARY;
	p->target = (u64)moat_host(off);
	return try_forged(p, 0, MOAT_FAULT_CAGE);
}

/*
 * Keys: a page that is mapped where the program can reach it, but has the
 * host's key: in low memory, or in the program's own cage.
 */
static enum result try_key(struct probe *p)
{
	u32 off;

	if (moat_heap_alloc(moat_heap.page, &off))
		return NO_SETUP;
	*(u64 *)moat_host(off) = CANARY;
	p->target = off;
	if (p->mode == MOAT_MODE_PKU_BASEREG)
		return try_forged(p, off, MOAT_FAULT_KEY);
	if (moat_heap_home(off, moat_heap.page, MOAT_READ | MOAT_WRITE, -1))
		return NO_SETUP;
	return try_forged(p, 0, MOAT_FAULT_KEY);
}

static enum result prove(enum moat_mode mode)
{
	struct probe p = { .mode = mode };
	enum result r;

	if (moat_heap_detach() || moat_code_detach())
		return NO_SETUP;
	r = try_own(&p);
	if (r == DONE && mode != MOAT_MODE_PKU)
		r = try_base(&p);
	if (r == DONE && mode != MOAT_MODE_BASEREG)
		r = try_key(&p);
	return r;
}

static _Noreturn void child(enum moat_mode mode, int to)
{
	static const struct rlimit no_core;
	sigset_t set;
	u8 answer;

	signal(SIGALRM, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	alarm(SECONDS);
	setrlimit(RLIMIT_CORE, &no_core);
	prctl(PR_SET_DUMPABLE, 0);

	moat_probing = true;
	moat_set_print(NULL);
	answer = prove(mode);
	if (write(to, &answer, 1) != 1)
		_exit(1);
	_exit(0);
}

/* The status is not known if the host does not care for its children; the answer comes by the pipe anyway. */
static enum result hear(pid_t pid, int from)
{
	int status = 0;
	u8 answer;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (read(from, &answer, 1) == 1)
		return answer;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? NO_END : NO_ANSWER;
}

static enum result probe(enum moat_mode mode)
{
	enum result r;
	int fd[2];
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		return NO_SETUP;
	/* Held across the fork, so that in the child nothing of ours is half changed. */
	pthread_mutex_lock(&moat_lock);
	pid = fork();
	pthread_mutex_unlock(&moat_lock);
	if (!pid)
		child(mode, fd[1]);
	r = pid < 0 ? NO_SETUP : hear(pid, fd[0]);
	close(fd[0]);
	close(fd[1]);
	return r;
}

const char *moat_probe(enum moat_mode mode)
{
	enum result r = probe(mode);

	/* Another thread may have been in the C library when we forked, and left a lock behind. */
	if (r == NO_END)
		r = probe(mode);
	if (r == NO_ANSWER && mode != MOAT_MODE_BASEREG)
		return "the kernel cannot deliver a signal while key 0 is closed (Linux 6.12 can)";
	return r < ARRAY_SIZE(why) ? why[r] : "the probe's answer makes no sense";
}
