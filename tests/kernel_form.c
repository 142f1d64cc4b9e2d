/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Images for the kernel, run in this process.
 *
 *	kernel_form [--seed N] [--count N]
 *
 * Random programs give what the interpreter gives, as they are and as the
 * verifier might have rewritten them, with and without room for tail calls;
 * and each thing that only the kernel has does what the kernel expects of it.
 */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "gen.h"
#include "insns.h"
#include "interp.h"
#include "kernel_form.h"
#include "../arch-x86/x64.h"
#include "../runtime/internal.h"

#define MAX_STEPS	1000000
#define BUFFER_BYTES	1024
#define FRAME_BYTES	512
#define ARRAY_BYTES	(GEN_ARRAY_ELEMENTS * GEN_ARRAY_BYTES)

/* What programs work on, at the same addresses for both sides. */
static u8 buffer[BUFFER_BYTES] __attribute__((aligned(16)));
static u8 elements[ARRAY_BYTES] __attribute__((aligned(16)));
static u8 stack[INTERP_MAX_FRAMES * FRAME_BYTES];

static struct gen_program program;
static u64 current_seed, nr_run, nr_long;
static struct kform form;

/* Helpers: the interpreter calls the same functions, as addresses are the same. -- */

static u64 map_lookup(u64 map, const u32 *key)
{
	return *key < GEN_ARRAY_ELEMENTS ? (u64)elements + *key * GEN_ARRAY_BYTES : 0;
}

static u64 map_update(u64 map, const u32 *key, const u8 *value, u64 flags)
{
	if (flags > BPF_EXIST || flags == BPF_NOEXIST)
		return (u64)-EINVAL;
	if (*key >= GEN_ARRAY_ELEMENTS)
		return (u64)-E2BIG;
	memmove(elements + *key * GEN_ARRAY_BYTES, value, GEN_ARRAY_BYTES);
	return 0;
}

static u64 probe_read(u8 *to, u64 bytes, u64 from)
{
	memset(to, 0, bytes);
	return (u64)-EFAULT;
}

static u64 cpu_number(void)
{
	return 3;
}

static u64 call_back(u64 n, u64 (*function)(u64 i, u64 ctx), u64 ctx)
{
	u64 i;

	for (i = 0; i < n; i++)
		if (function(i, ctx))
			return i + 1;
	return n;
}

static const struct kform_helper helpers[] = {
	{ BPF_FUNC_map_lookup_elem, map_lookup }, { BPF_FUNC_map_update_elem, map_update },
	{ BPF_FUNC_probe_read_kernel, probe_read }, { BPF_FUNC_get_smp_processor_id, cpu_number },
	{ BPF_FUNC_loop, call_back }, { 0 },
};

static bool interp_loop(struct interp *it)
{
	u64 n = it->reg[1], function = it->reg[2], ctx = it->reg[3], i;

	for (i = 0; i < n; i++) {
		it->reg[1] = i;
		it->reg[2] = ctx;
		if (!interp_call(it, (u32)function))
			return false;
		if (it->reg[0])
			break;
	}
	it->reg[0] = i < n ? i + 1 : n;
	return true;
}

static bool interp_helper(struct interp *it, int32_t id)
{
	u64 (*fn)(u64, u64, u64, u64, u64) = NULL;
	const struct kform_helper *h;

	if (id == BPF_FUNC_loop)
		return interp_loop(it);
	for (h = helpers; h->id; h++)
		if (h->id == id)
			fn = (u64 (*)(u64, u64, u64, u64, u64))h->fn;
	if (fn)
		it->reg[0] = fn(it->reg[1], it->reg[2], it->reg[3], it->reg[4], it->reg[5]);
	return fn;
}

/* Random programs -------------------------------------------------------------- */

/* Replace the names of memory by its addresses. */
static void link_program(void)
{
	u32 i;

	for (i = 0; i + 1 < program.len; i++) {
		struct bpf_insn *in = &program.insn[i];
		u64 at = in->imm == GEN_FD_BUFFER ? (u64)buffer : (u64)elements;

		if (in->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		i++;
		if (in->src_reg != BPF_PSEUDO_MAP_VALUE && in->src_reg != BPF_PSEUDO_MAP_FD)
			continue;
		in[0].src_reg = 0;
		in[0].imm = (s32)at;
		in[1].imm = (s32)(at >> 32);
	}
}

static void fill_memory(void)
{
	u64 rng = current_seed ^ 0x6d656d, v;
	u32 i;

	for (i = 0; i < BUFFER_BYTES; i += 8) {
		v = gen_random(&rng);
		memcpy(buffer + i, &v, 8);
	}
	for (i = 0; i < ARRAY_BYTES; i += 8) {
		v = gen_random(&rng);
		memcpy(elements + i, &v, 8);
	}
}

static enum interp_end interpret(u64 *result)
{
	struct interp it = {
		.insn = program.insn, .len = program.len, .nr_region = 3, .stride = FRAME_BYTES,
		.helper = interp_helper, .scratch = 0x5c5c5c5c5c5c5c5cull, .max_steps = MAX_STEPS,
	};
	enum interp_end end;

	it.region[0] = (struct interp_region){ (u64)buffer, sizeof(buffer), buffer, true };
	it.region[1] = (struct interp_region){ (u64)elements, sizeof(elements), elements, true };
	it.region[2] = (struct interp_region){ (u64)stack, sizeof(stack), stack, true };
	it.reg[1] = (u64)buffer;
	it.reg[2] = BUFFER_BYTES;
	it.reg[10] = (u64)stack + sizeof(stack);
	end = interp_run(&it);
	*result = it.reg[0];
	return end;
}

/* The interpreter's helpers call functions, so its frames must really be where it says; R10 leaks nowhere. */
static void set_options(struct gen_options *o, u64 *rng)
{
	static const u32 statements[] = { 6, 12, 30, 60, 300 };

	*o = (struct gen_options){
		.statements = statements[gen_random(rng) % ARRAY_SIZE(statements)], .buffer_bytes = BUFFER_BYTES,
		.packet_bytes = BUFFER_BYTES, .kernel = true, .calls = gen_random(rng) % 3,
	};
}

/* How the @seed'th program is compiled. */
static void set_form(u64 *rng)
{
	u64 r = gen_random(rng);

	kform_defaults(&form);
	form.helper = helpers;
	form.cpu = r & 1 ? form.cpu : 0;
	form.plain = (r & 0xe) == 0;
	form.kernel.tail_reachable = (r & 0x30) == 0;
	form.kernel.classic = !form.kernel.tail_reachable && (r & 0xc0) == 0;
	form.kernel.int3_after_ret = r & 0x100;
#if defined(__x86_64__)
	form.cpu |= r & 0x200 ? X64_IBT : 0;
#endif
	form.rewrite = r & 0x400 ? r | 1 : 0;
}

static bool compare(u64 seed)
{
	static u8 want_buffer[BUFFER_BYTES], want_elements[ARRAY_BYTES];
	u64 want, got;
	int err;

	fill_memory();
	if (interpret(&want) != INTERP_EXIT) {
		nr_long++;
		return true;
	}
	memcpy(want_buffer, buffer, sizeof(buffer));
	memcpy(want_elements, elements, sizeof(elements));
	fill_memory();
	err = kform_load(&form, program.insn, program.len);
	if (!CHECK(!err, "seed %llu: not compiled: %s: %s", (unsigned long long)seed, strerror(-err), form.refused))
		return false;
	kform_watch(&form);
	got = kform_run(&form, buffer);
	nr_run++;
	return CHECK(got == want, "seed %llu: R0 is %llx, not %llx", (unsigned long long)seed,
		     (unsigned long long)got, (unsigned long long)want) &&
	       CHECK(!memcmp(buffer, want_buffer, sizeof(buffer)), "seed %llu: the buffer differs",
		     (unsigned long long)seed) &&
	       CHECK(!memcmp(elements, want_elements, sizeof(elements)), "seed %llu: the array differs",
		     (unsigned long long)seed);
}

static bool run_seed(u64 seed)
{
	struct gen_options options;
	u64 rng = seed;
	bool ok;

	current_seed = seed;
	set_options(&options, &rng);
	set_form(&rng);
	gen_program(&program, seed, &options);
	link_program();
	alarm(20);
	ok = compare(seed);
	alarm(0);
	kform_free(&form);
	return ok;
}

static void died(int sig)
{
	static char text[128];
	int n = snprintf(text, sizeof(text), "FAIL: %s in seed %llu\n0 passed, 1 failed\n",
			 sig == SIGALRM ? "hang" : "crash", (unsigned long long)current_seed);

	(void)!write(1, text, (size_t)n);
	_exit(1);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' }, { "count", required_argument, NULL, 'c' }, { NULL, 0, NULL, 0 },
	};
	u64 seed = 1, count = 4000, i;
	u32 failures = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 's' && c != 'c')
			return 2;
		*(c == 's' ? &seed : &count) = strtoull(optarg, NULL, 0);
	}
	signal(SIGALRM, died);
	signal(SIGILL, died);
	signal(SIGTRAP, died);
	for (i = 0; i < count && failures < 5; i++)
		failures += !run_seed(seed + i);
	printf("kernel_form: %llu programs, %llu too long\n", (unsigned long long)nr_run, (unsigned long long)nr_long);
	CHECK(nr_run > nr_long, "hardly a program ended");
	if (argc == 1)
		kernel_form_more();
	return check_done();
}
