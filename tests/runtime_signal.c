/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Signals while programs run: timers, preemption, faults of programs and of the host, all at once.
 *
 * In gate modes each of them meets a thread that has closed its own memory.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"
#include "insns.h"
#include "modes.h"

#define THREADS	6	/* more than there are CPUs in most machines that test this */
#define ROUNDS	100

/* A sum over 64 numbers, 2000 times; or, if the first of them is 0, a read of what is not there. */
static const struct bpf_insn program[] = {
	LDX(BPF_DW, 2, 1, 0),
	JMP_K(BPF_JNE, 2, 0, 2),
	LDDW(1, 0x20),
	MOV_K(0, 0),
	MOV_K(3, 2000),
	MOV_X(4, 1),
	MOV_K(5, 64),
	LDX(BPF_DW, 2, 4, 0),
	ALU64_X(BPF_ADD, 0, 2),
	ALU64_K(BPF_ADD, 4, 8),
	ALU64_K(BPF_SUB, 5, 1),
	JMP_K(BPF_JNE, 5, 0, -5),
	ALU64_K(BPF_SUB, 3, 1),
	JMP_K(BPF_JNE, 3, 0, -9),
	EXIT,
};

static struct moat_program *prog;
static _Atomic unsigned int ticks;
static __thread sigjmp_buf back;
static __thread volatile bool expected;

static void on_tick(int sig)
{
	ticks++;
}

static void on_segv(int sig)
{
	if (!expected)
		_exit(99);
	siglongjmp(back, 1);
}

static bool host_fault(void)
{
	static volatile int *volatile nowhere = (int *)0x48;

	expected = true;
	if (!sigsetjmp(back, 1)) {
		*nowhere = 1;
		return false;
	}
	expected = false;
	return true;
}

/* Every third run faults, every fifth time the host itself does; all else must come out right. */
static void *worker(void *arg)
{
	__u64 data[64], want = 0;
	unsigned long bad = 0, i;
	unsigned int k;

	for (k = 0; k < 64; k++) {
		data[k] = (unsigned long)arg * 1000 + k + 1;
		want += data[k] * 2000;
	}
	for (i = 0; i < ROUNDS; i++) {
		MOAT_RUN_OPTS(opts, .data_in = data, .data_size_in = sizeof(data));
		bool faults = i % 3 == 2;
		int err;

		data[0] = faults ? 0 : (unsigned long)arg * 1000 + 1;
		err = moat_program__run_opts(prog, &opts);
		if (faults)
			bad += err != -EFAULT || opts.fault.insn != 8;
		else
			bad += err || opts.retval != want;
		if (i % 5 == 4)
			bad += !host_fault();
	}
	return (void *)bad;
}

static void test_mode(const struct mode *m)
{
	struct itimerval on = { { 0, 500 }, { 0, 500 } }, off = { 0 };
	struct moat_object *obj = mode_load(m, program, sizeof(program) / sizeof(program[0]),
					    BPF_PROG_TYPE_UNSPEC, NULL);
	pthread_t t[THREADS];
	unsigned long i;
	void *bad;

	if (!CHECK(obj, "%s: %s", m->name, mode_said))
		return;
	prog = moat_object__next_program(obj, NULL);
	ticks = 0;
	setitimer(ITIMER_REAL, &on, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, worker, (void *)(i + 1));
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &bad);
		CHECK(!bad, "%s: thread %lu: %lu runs went wrong", m->name, i, (unsigned long)bad);
	}
	setitimer(ITIMER_REAL, &off, NULL);
	CHECK(ticks > 0, "%s: no timer came", m->name);
	moat_object__close(obj);
}

int main(void)
{
	struct sigaction tick = { .sa_handler = on_tick, .sa_flags = SA_RESTART }, segv = { .sa_handler = on_segv };
	unsigned int i;

	sigaction(SIGALRM, &tick, NULL);
	sigaction(SIGSEGV, &segv, NULL);	/* before the library's, which must pass on what is ours */
	modes_init(NULL);
	for (i = 0; i < nr_modes; i++)
		test_mode(&modes[i]);
	return check_done();
}
