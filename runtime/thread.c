/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Threads that run programs: a CPU number, a place among the RCU readers, a stack for signals.
 *
 * All of it is taken on a thread's first run and given back when the thread
 * ends, by the destructor of a thread-specific key.
 */
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <urcu.h>

#include "internal.h"

#define STACK_BYTES	(64u << 10)	/* reports look up source lines */

__thread struct moat_thread *moat_self __attribute__((tls_model("initial-exec")));

static u64 cpus;	/* in use; under moat_lock */
static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int init_err;

static int take_cpu(u32 *cpu)
{
	int err = -EBUSY;

	pthread_mutex_lock(&moat_lock);
	if (~cpus) {
		*cpu = __builtin_ctzll(~cpus);
		cpus |= 1ull << *cpu;
		err = 0;
	}
	pthread_mutex_unlock(&moat_lock);
	return err;
}

static void give_cpu(u32 cpu)
{
	pthread_mutex_lock(&moat_lock);
	cpus &= ~(1ull << cpu);
	pthread_mutex_unlock(&moat_lock);
}

/* The kernel says how much it writes itself when a signal comes: much, on a CPU with wide registers. */
static size_t stack_bytes(void)
{
	long least = sysconf(_SC_MINSIGSTKSZ);

	return align_up(STACK_BYTES + (least > 0 ? least : 0), sysconf(_SC_PAGESIZE));
}

/* A signal stack with an unmapped page below, unless the thread has one. */
static int add_stack(struct moat_thread *t)
{
	size_t guard = sysconf(_SC_PAGESIZE), bytes = stack_bytes();
	stack_t old, new = { .ss_size = bytes };
	u8 *p;

	if (sigaltstack(NULL, &old))
		return -errno;
	if (!(old.ss_flags & SS_DISABLE))
		return 0;
	p = mmap(NULL, guard + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	new.ss_sp = p + guard;
	if (mprotect(p, guard, PROT_NONE) || sigaltstack(&new, NULL)) {
		int err = -errno;

		munmap(p, guard + bytes);
		return err;
	}
	t->altstack = p;
	return 0;
}

/* The thread may have replaced the stack since: then only the memory is ours. */
static void remove_stack(struct moat_thread *t)
{
	size_t guard = sysconf(_SC_PAGESIZE);
	stack_t now, off = { .ss_flags = SS_DISABLE };

	if (!t->altstack)
		return;
	if (!sigaltstack(NULL, &now) && now.ss_sp == (u8 *)t->altstack + guard)
		sigaltstack(&off, NULL);
	munmap(t->altstack, guard + stack_bytes());
}

static void leave(void *arg)
{
	struct moat_thread *t = arg;

	moat_self = NULL;
	rcu_unregister_thread();
	remove_stack(t);
	give_cpu(t->cpu);
	free(t);
}

static void init(void)
{
	init_err = -pthread_key_create(&at_exit, leave);
}

/* The kernel kills a process whose thread faults with the signal blocked. */
static void unblock_faults(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigaddset(&set, SIGBUS);
	sigaddset(&set, SIGILL);
#if defined(__aarch64__)
	sigaddset(&set, SIGTRAP);	/* brk */
#endif
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE	27
#endif
#define UNREGISTER		1	/* RSEQ_FLAG_UNREGISTER */

/*
 * The C library registers an area for restartable sequences, which the kernel
 * writes after each preemption and before each signal, with the rights that
 * the thread has just then.  While a domain runs, key 0 is closed: the write
 * fails and the kernel kills the process.  So these threads do without; the C
 * library sees that and asks the kernel for the CPU number instead.
 */
void moat_thread_gates(void)
{
	/* The size must be the one that was registered, which the library does not say in all versions. */
	u32 size[] = { 32, __rseq_size, align_up(getauxval(AT_RSEQ_FEATURE_SIZE), 32) };
	u32 i;

	moat_self->gates = true;
	for (i = 0; __rseq_size && i < ARRAY_SIZE(size); i++)
		if (!syscall(SYS_rseq, (u8 *)__builtin_thread_pointer() + __rseq_offset, size[i],
			     UNREGISTER, RSEQ_SIG))
			return;
}

static int set_up(struct moat_thread *t)
{
	int err = add_stack(t);

	if (err)
		return err;
	err = take_cpu(&t->cpu);
	if (err)
		goto fail;
	err = -pthread_setspecific(at_exit, t);
	if (err)
		goto fail_cpu;
	return 0;

fail_cpu:
	give_cpu(t->cpu);
fail:
	remove_stack(t);
	return err;
}

int moat_thread_register(void)
{
	struct moat_thread *t;
	int err;

	if (moat_self)
		return 0;
	pthread_once(&once, init);
	if (init_err)
		return init_err;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	err = set_up(t);
	if (err) {
		free(t);
		return err;
	}
	unblock_faults();
	rcu_register_thread();
	moat_self = t;
	return 0;
}
