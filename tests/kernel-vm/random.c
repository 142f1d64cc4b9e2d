/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random programs in the kernel's JIT and in the reference interpreter.
 *
 *	random [--seconds N] [--seed N] [--count N] [--dump]
 *
 * The same seeds everywhere, as many as there is time for.  --seed: that program, and --dump shows it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#include "../check.h"
#include "sys.h"
#include "twin.h"

struct flavour {
	const char *name;
	u32 statements;
	bool packet, calls, unprivileged;
	u32 share;		/* of 100 programs */
	enum bpf_prog_type type;
	u32 made, taken;
};

static struct flavour flavours[] = {
	{ "straight", 12, .share = 30, .type = BPF_PROG_TYPE_SCHED_CLS },
	{ "calls", 30, .calls = true, .share = 30, .type = BPF_PROG_TYPE_SCHED_CLS },
	{ "packet", 30, .packet = true, .calls = true, .share = 15, .type = BPF_PROG_TYPE_SOCKET_FILTER },
	{ "unprivileged", 16, .unprivileged = true, .share = 20, .type = BPF_PROG_TYPE_SOCKET_FILTER },
	{ "large", 300, .calls = true, .share = 5, .type = BPF_PROG_TYPE_SCHED_CLS },
};

static struct gen_program program;
static bool dump, may_be_unprivileged;

#define MAX_REASONS	200
static struct { char text[64]; u32 n; } reasons[MAX_REASONS];

static struct flavour *flavour_of(u64 seed)
{
	struct flavour *f = flavours;
	u64 state = seed;
	u32 n = gen_random(&state) % 100;

	while (n >= f->share)
		n -= f++->share;
	return f;
}

/* Count why programs are refused, numbers left out. */
static void count_reason(const char *text)
{
	char key[sizeof(reasons[0].text)];
	u32 i, n = 0;

	for (; *text && n < sizeof(key) - 1; text++)
		if (*text < '0' || *text > '9')
			key[n++] = *text;
	key[n] = 0;
	for (i = 0; i < MAX_REASONS - 1 && reasons[i].n && strcmp(reasons[i].text, key); i++)
		;
	strcpy(reasons[i].text, key);
	reasons[i].n++;
}

static void print_reasons(void)
{
	u32 i;

	for (i = 0; i < MAX_REASONS && reasons[i].n; i++)
		if (reasons[i].n > 2)
			printf("refused %u: %s\n", reasons[i].n, reasons[i].text);
}

static void print_program(void)
{
	u32 i;

	fprintf(stderr, "instructions, as moat exec takes them:");
	for (i = 0; i < program.len; i++) {
		const u8 *b = (const u8 *)&program.insn[i];

		fprintf(stderr, " %02x%02x%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]);
	}
	fprintf(stderr, "\n");
}

static bool run_seed(u64 seed)
{
	struct flavour *f = flavour_of(seed);
	struct gen_options o = { .statements = f->statements, .buffer_bytes = TWIN_BUFFER, .packet = f->packet,
		.packet_bytes = TWIN_BUFFER - 14, .calls = f->calls, .kernel = true, .forward = f->unprivileged };
	struct twin_case c = { .insn = program.insn, .type = f->type, .unprivileged = f->unprivileged, .seed = seed };
	char text[TWIN_TEXT] = "";
	enum twin_end end;

	if (f->unprivileged && !may_be_unprivileged)
		return true;
	gen_program(&program, seed, &o);
	c.len = program.len;
	f->made++;
	if (dump)
		print_program();
	end = twin_run(&c, text);
	if (dump)
		printf("seed %llu (%s): %u instructions: %s\n%s\n", (unsigned long long)seed, f->name, program.len, text,
		       end == TWIN_REFUSED ? sys_log : "");
	if (end == TWIN_REFUSED)
		count_reason(text);
	if (end == TWIN_REFUSED || end == TWIN_LONG)
		return true;
	f->taken++;
	if (CHECK(end == TWIN_SAME, "seed %llu (%s): %s", (unsigned long long)seed, f->name, text))
		return true;
	if (program.len < 400)
		print_program();
	return false;
}

static u64 run_many(u64 seed, u64 count, double seconds)
{
	double end = sys_now() + seconds;
	u32 failures = 0;
	u64 i;

	for (i = 0; i < count && sys_now() < end && failures < 5; i++)
		failures += !run_seed(seed + i);
	return i;
}

static void print_flavours(u64 n)
{
	size_t i;

	for (i = 0; i < sizeof(flavours) / sizeof(flavours[0]); i++)
		printf("%s: %u programs, %u of them taken by the verifier\n", flavours[i].name, flavours[i].made,
		       flavours[i].taken);
	print_reasons();
	printf("random: %llu programs, %llu ran, %llu instructions became %llu bytes, bpf_jit_harden %ld\n",
	       (unsigned long long)n, (unsigned long long)twin_programs, (unsigned long long)twin_insns,
	       (unsigned long long)twin_code_bytes, sys_read_number("net/core/bpf_jit_harden"));
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 't' }, { "seed", required_argument, NULL, 's' },
		{ "count", required_argument, NULL, 'n' }, { "dump", no_argument, NULL, 'd' }, { 0 },
	};
	u64 seed = 1, count = 0, n;
	double seconds = 60;
	long was;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 't')
			seconds = atof(optarg);
		else if (opt == 's')
			seed = strtoull(optarg, NULL, 0), count = count ? count : 1;
		else if (opt == 'n')
			count = strtoull(optarg, NULL, 0);
		else if (opt == 'd')
			dump = true;
		else
			return 2;
	}
	if (!CHECK(!twin_init(), "no maps"))
		return check_done();
	was = sys_read_number("kernel/unprivileged_bpf_disabled");
	sys_write("kernel/unprivileged_bpf_disabled", "0");
	may_be_unprivileged = sys_read_number("kernel/unprivileged_bpf_disabled") == 0;
	if (!may_be_unprivileged)
		SKIP("unprivileged", "kernel.unprivileged_bpf_disabled cannot be set to 0");
	n = run_many(seed, count ? count : ~0ull, seconds);
	if (was == 2)
		sys_write("kernel/unprivileged_bpf_disabled", "2");
	print_flavours(n);
	if (!count)
		CHECK(twin_programs * 2 > n, "only %llu of %llu programs ran", (unsigned long long)twin_programs,
		      (unsigned long long)n);
	return check_done();
}
