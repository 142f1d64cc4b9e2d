/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The same programs from the stock JIT and from Moat's, in one boot: size, compile time, instructions executed.
 *
 * Prints a line "row ID KIND PROGRAM MODE BYTES INSNS NS" for each.  count-plugin.c, if the machine has it, says how many
 * instructions were executed: "count 4*ID" in one run, "count 4*ID+1" in each of several loads, "count 4*ID+2" in each of
 * several loads without a JIT.  compare.py joins them.  Without net.core.bpf_moat the one mode is "kernel".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "object.h"
#include "raw.h"
#include "sys.h"
#include "tell.h"
#include "twin.h"

#define LOADS		8	/* of each program, for the compile time; the shortest counts */

/* What a count is of. */
enum { COUNT_RUN, COUNT_LOAD, COUNT_BARE_LOAD, NR_COUNTS = 4 };

static const char *const examples[] = {
	"examples/dissect", "examples/events", "examples/firewall", "examples/flow_count", "examples/proto_bytes",
	"examples/rewrite",
};
static const char *const benchmarks[] = { "bench/compute", "bench/packet", "bench/stream" };
static const char *const modes[] = { "stock", "none" };
static const char *mode;
static u32 next_id;
static u8 packet[256];

/* Telling the plugin ------------------------------------------------------------- */

static void tell(u32 what)
{
	tell_number((u64)next_id * NR_COUNTS + what);
	MARK_ASM(MARK_TELL);
}

/* Compile time ------------------------------------------------------------------- */

/* ns that the current mode has spent compiling since boot; 0: this kernel does not say. */
static u64 compile_ns(void)
{
	FILE *f = fopen("/sys/kernel/debug/moat/stats", "r");
	char line[256], name[32];
	u64 ns = 0, v[5];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %llu %llu %llu %llu %llu", name, (unsigned long long *)&v[0],
			   (unsigned long long *)&v[1], (unsigned long long *)&v[2], (unsigned long long *)&v[3],
			   (unsigned long long *)&v[4]) == 6 && !strcmp(name, mode))
			ns = v[4];
	if (f)
		fclose(f);
	return ns;
}

static bool load_and_tell(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len, u32 what)
{
	int fd;

	MARK_ASM(MARK_ZERO);
	fd = sys_load(type, insn, len);
	tell(what);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* ns of the shortest compilation; the plugin learns what loads take, of the program that is measured next. */
static u64 time_compile(enum bpf_prog_type type, const struct bpf_insn *insn, u32 len)
{
	u64 best = ~0ull, before, took;
	int i;

	for (i = 0; i < LOADS; i++) {
		before = compile_ns();
		if (!load_and_tell(type, insn, len, COUNT_LOAD))
			return 0;
		took = compile_ns() - before;
		if (took < best)
			best = took;
	}
	if (!sys_write("net/core/bpf_jit_enable", "0"))
		for (i = 0; i < LOADS; i++)
			load_and_tell(type, insn, len, COUNT_BARE_LOAD);
	sys_write("net/core/bpf_jit_enable", "1");
	return best;
}

/* One program ---------------------------------------------------------------------- */

/* @fd's code is known to the plugin.  The first run may fill maps: the second one counts. */
static void measure(const char *kind, const char *name, int fd, u32 bytes, u64 ns)
{
	struct bpf_prog_info info = { 0 };
	u32 size = sizeof(info), retval;
	int err;

	if (!CHECK(bytes, "%s (%s): no code, or no address of it", name, mode))
		return;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		info.xlated_prog_len = 0;
	err = sys_run(fd, packet, sizeof(packet), 1, &retval);
	MARK_ASM(MARK_ZERO);
	if (!err)
		err = sys_run(fd, packet, sizeof(packet), 1, &retval);
	tell(COUNT_RUN);
	CHECK(!err, "%s (%s): it does not run: %s", name, mode, strerror(-err));
	printf("row %u %s %s %s %u %u %llu\n", next_id++, kind, name, mode, bytes,
	       info.xlated_prog_len / (u32)sizeof(struct bpf_insn), (unsigned long long)ns);
}

/* The programs of a loaded object.  Tail calls go from one to another: all are known before one runs. */
static void measure_loaded(const char *kind, struct bpf_object *obj)
{
	u32 route[2] = { 8, 10 }, port = 3;
	struct bpf_program *prog;
	int fd;

	if (object_map(obj, "routes") >= 0)
		bpf_map_update_elem(object_map(obj, "routes"), route, &port, BPF_ANY);
	MARK_ASM(MARK_FORGET);
	bpf_object__for_each_program(prog, obj)
		if (bpf_program__fd(prog) >= 0)
			tell_code(bpf_program__fd(prog));
	bpf_object__for_each_program(prog, obj) {
		fd = bpf_program__fd(prog);
		if (fd >= 0)
			measure(kind, bpf_program__name(prog), fd, sys_code_bytes(fd),
				time_compile(bpf_program__type(prog), bpf_program__insns(prog),
					     (u32)bpf_program__insn_cnt(prog)));
	}
}

static void measure_example(const char *path)
{
	struct bpf_object *obj = object_load(path, NULL);

	if (!CHECK(obj, "%s (%s): it does not load", path, mode))
		return;
	measure_loaded("examples", obj);
	bpf_object__close(obj);
}

/* Programs written for libmoat, one by one: the verifier does not take all of them. */
static void measure_bench(const char *path)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	u32 i, n, taken = 0;

	for (i = 0, n = 1; i < n; i++) {
		u32 at = 0;

		obj = object_open(path);
		if (!CHECK(obj, "%s cannot be opened", path))
			return;
		bpf_object__for_each_program(prog, obj)
			bpf_program__set_autoload(prog, at++ == i);
		n = at;
		if (!bpf_object__load(obj)) {
			measure_loaded(strchr(path, '/') + 1, obj);
			taken++;
		}
		bpf_object__close(obj);
	}
	CHECK(taken * 2 > n, "%s (%s): the verifier takes %u of %u programs", path, mode, taken, n);
}

static void measure_raw(const char *kind, const char *name, const struct bpf_insn *insn, u32 len)
{
	int fd = sys_load_logged(BPF_PROG_TYPE_SCHED_CLS, insn, len);

	if (!CHECK(fd >= 0, "%s (%s): it does not load: %.300s", name, mode, sys_log))
		return;
	MARK_ASM(MARK_FORGET);
	measure(kind, name, fd, tell_code(fd), time_compile(BPF_PROG_TYPE_SCHED_CLS, insn, len));
	close(fd);
}

/* Random programs without calls of helpers: the instruction mix that no compiler makes. */
static void measure_random(void)
{
	static struct gen_program program;
	struct gen_options o = { .statements = 60, .buffer_bytes = TWIN_BUFFER, .kernel = true, .forward = true };
	char name[32];
	u64 seed;

	for (seed = 1; seed <= 12; seed++) {
		o.statements = (u32)seed * 10;
		gen_program(&program, seed, &o);
		twin_link(program.insn, program.len);
		snprintf(name, sizeof(name), "random_%llu", (unsigned long long)seed);
		measure_raw("random", name, program.insn, program.len);
	}
}

static void measure_all(void)
{
	static struct raw_program raw;
	size_t i;

	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		measure_example(examples[i]);
	for (i = 0; i < sizeof(benchmarks) / sizeof(benchmarks[0]); i++)
		measure_bench(benchmarks[i]);
	for (i = 0; raw_alu(&raw, (u32)i); i++) {
		twin_link(raw.insn, raw.len);
		measure_raw("alu", raw.name, raw.insn, raw.len);
	}
	measure_random();
}

int main(void)
{
	static const u8 head[] = {	/* Ethernet, IPv4, UDP to port 53 */
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, 0, 0xf2, 0, 1, 0, 0, 64, 17, 0x66, 0xba, 10, 0, 0, 1, 10, 0, 0, 2,
		0x12, 0x34, 0, 53, 0, 0xde, 0, 0,
	};
	bool switches = sys_read_number("net/core/bpf_moat") != -ENOENT;
	u32 i;

	for (i = 0; i < sizeof(packet); i++)
		packet[i] = (u8)(i * 7);
	memcpy(packet, head, sizeof(head));
	if (!CHECK(!twin_init(), "no maps"))
		return check_done();
	for (i = 0; i < (switches ? 2 : 1); i++) {
		mode = switches ? modes[i] : "kernel";
		if (!switches || CHECK(!sys_write("net/core/bpf_moat", mode), "net.core.bpf_moat does not take %s", mode))
			measure_all();
	}
	return check_done();
}
