/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Differential testing: random programs in the interpreter and through libmoat.
 *
 *	diff [--seed N] [--count N] [--minutes N] [--escape] [--only VARIANT] [--digest]
 *
 * Without --seed and --escape: a fixed set of seeds of every kind of program, in every
 * mode that is enforced here, both base forms, with and without the optional
 * instructions of the CPU.  A difference is shrunk to the instructions that
 * it needs and printed with its seed.  --digest: a line for what each program left.
 */
#include <getopt.h>
#include <signal.h>
#include <time.h>

#include "check.h"
#include "world.h"

/* Kinds of programs, mixed by seed. */
struct flavour {
	const char *name;
	u32 statements;
	bool packet, calls, null, escape;
	u32 share;		/* of 100 programs */
};

static const struct flavour plain[] = {
	{ "straight", 12, .share = 30 },
	{ "calls", 40, .calls = true, .share = 30 },
	{ "null page", 30, .calls = true, .null = true, .share = 15 },
	{ "packet", 30, .packet = true, .calls = true, .share = 15 },
	{ "large", 600, .calls = true, .share = 9 },
	{ "huge", 4000, .calls = true, .share = 1 },
};
static const struct flavour hostile[] = {
	{ "escape", 25, .escape = true, .share = 60 },
	{ "escape calls", 40, .escape = true, .calls = true, .share = 40 },
};

static struct world world;
static struct gen_program program;
static u64 current_seed;
static const char *current_variant = "none";
static u64 nr_run, nr_unusable;
static bool print_digests;

static void set_flavour(const struct flavour *f)
{
	struct gen_options *o = &world.options;

	o->statements = f->statements;
	o->buffer_bytes = WORLD_BUFFER;
	o->packet_bytes = WORLD_BUFFER;
	o->packet = f->packet;
	o->calls = f->calls;
	o->null = f->null;
	o->escape = f->escape;
}

/* The kind of the @seed'th program. */
static const struct flavour *flavour_of(u64 seed, bool escape)
{
	const struct flavour *f = escape ? hostile : plain;
	u64 state = seed;
	u32 n = gen_random(&state) % 100;

	while (n >= f->share)
		n -= f++->share;
	return f;
}

/* Shrinking ------------------------------------------------------------------- */

static bool is_wide(const struct bpf_insn *in)
{
	return in->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* Where the slots [from, from + n) are gone, what was slot @at is now... */
static u32 moved(u32 at, u32 from, u32 n)
{
	if (at < from)
		return at;
	return at < from + n ? from : at - n;
}

/* Point the jump or call that was slot @at of @p to where its target went. False: it does not reach. */
static bool retarget(struct bpf_insn *in, u32 at, u32 from, u32 n)
{
	u8 class = BPF_CLASS(in->code), op = BPF_OP(in->code);
	bool function = is_wide(in) && in->src_reg == BPF_PSEUDO_FUNC;
	bool by_imm = function || (op == BPF_CALL && in->src_reg == BPF_PSEUDO_CALL) || in->code == (BPF_JMP32 | BPF_JA);
	s32 to;

	if (!function && ((class != BPF_JMP && class != BPF_JMP32) || op == BPF_EXIT || (op == BPF_CALL && !by_imm)))
		return true;
	to = (s32)moved(at + 1 + (u32)(by_imm ? in->imm : in->off), from, n) - (s32)moved(at, from, n) - 1;
	if (by_imm)
		in->imm = to;
	else
		in->off = (s16)to;
	return to == (s16)to || by_imm;
}

/* @p without the slots [from, from + n). */
static bool without(struct gen_program *out, const struct gen_program *p, u32 from, u32 n)
{
	u32 i;

	out->len = 0;
	for (i = 0; i < p->len; i++) {
		if (i >= from && i < from + n)
			continue;
		out->insn[out->len] = p->insn[i];
		if (!(i && is_wide(&p->insn[i - 1])) && !retarget(&out->insn[out->len], i, from, n))
			return false;
		out->len++;
	}
	return true;
}

static bool cuts_wide(const struct gen_program *p, u32 at)
{
	return at && at < p->len && is_wide(&p->insn[at - 1]);
}

/* Delete instructions as long as the program still differs. */
static void shrink(const struct variant *v, u64 seed, char text[WORLD_TEXT])
{
	static struct gen_program next;
	char said[WORLD_TEXT];
	u32 n, at;

	for (n = program.len / 2; n; n = n > 1 ? n / 2 : 0) {
		bool again = true;

		while (again) {
			again = false;
			for (at = program.len > n ? program.len - n : 0; at + 1 > 0; at--) {
				alarm(20);
				if (at + n > program.len || cuts_wide(&program, at) || cuts_wide(&program, at + n) ||
				    !without(&next, &program, at, n))
					continue;
				if (world_compare(&world, v, &next, seed, said) != DIFFERENT)
					continue;
				program = next;
				strcpy(text, said);
				again = true;
			}
		}
	}
}

static void print_program(void)
{
	char text[MOAT_TEXT];
	u32 i;

	for (i = 0; i < program.len; i++) {
		fprintf(stderr, "  %4u: %s\n", i, moat_text(text, &program.insn[i], program.len - i));
		if (is_wide(&program.insn[i]))
			i++;
	}
	fprintf(stderr, "  hex:");
	for (i = 0; i < program.len; i++)
		fprintf(stderr, " %016llx", (unsigned long long)__builtin_bswap64(*(u64 *)&program.insn[i]));
	fprintf(stderr, "\n");
}

/* Running ---------------------------------------------------------------------- */

static bool run_variant(const struct variant *v, u64 seed, const struct flavour *f)
{
	char text[WORLD_TEXT] = "";
	enum outcome outcome;

	current_variant = v->name;
	alarm(20);
	outcome = world_compare(&world, v, &program, seed, text);
	nr_run++;
	if (outcome == UNUSABLE) {
		nr_unusable++;
		/* only a loop too long is nobody's fault */
		return CHECK(strstr(text, interp_end_name(INTERP_STEPS)), "seed %llu (%s) in %s: unusable program: %s",
			     (unsigned long long)seed, f->name, v->name, text);
	}
	if (print_digests && outcome == SAME)
		printf("digest %llu %s %016llx\n", (unsigned long long)seed, v->name, (unsigned long long)world_digest);
	if (CHECK(outcome == SAME, "seed %llu (%s) in %s: %s", (unsigned long long)seed, f->name, v->name, text))
		return true;
	moat_set_print(NULL);
	shrink(v, seed, text);
	fprintf(stderr, "shrunk: %s\n", text);
	print_program();
	gen_program(&program, seed, &world.options);
	return false;
}

static bool run_seed(u64 seed, bool escape)
{
	const struct flavour *f = flavour_of(seed, escape);
	bool ok = true;
	u32 i;

	current_seed = seed;
	set_flavour(f);
	gen_program(&program, seed, &world.options);
	for (i = 0; i < world.nr_variant && ok; i++) {
		const struct variant *v = &world.variant[i];

		/* a forged address in mode none reaches the host: nothing to compare */
		if (!(escape && v->mode == MOAT_MODE_NONE))
			ok = run_variant(v, seed, f);
	}
	alarm(0);
	return ok;
}

/* A crash or a hang must still say which program it was; only async-signal-safe calls but for the best effort of text. */
static void died(int sig)
{
	static char text[128];
	int n = snprintf(text, sizeof(text), "FAIL: %s in seed %llu, variant %s\n", sig == SIGALRM ? "hang" : "crash",
			 (unsigned long long)current_seed, current_variant);

	(void)!write(2, text, (size_t)n);
	(void)!write(1, "0 passed, 1 failed\n", 19);
	_exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* @count programs from @seed on, but no longer than until @end.  Stops after a few differences. */
static void run_many(u64 seed, u64 count, double end, bool escape)
{
	u32 failures = 0;
	u64 i;

	for (i = 0; i < count && now() < end && failures < 5; i++)
		failures += !run_seed(seed + i, escape);
	CHECK(i >= 10 || i == count, "only %llu programs fit into the time", (unsigned long long)i);
	printf("diff: %llu %s programs from seed %llu\n", (unsigned long long)i, escape ? "hostile" : "plain",
	       (unsigned long long)seed);
}

struct arguments {
	u64 seed, count;
	double minutes;
	bool escape, given;
	const char *only;
};

static bool parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' }, { "count", required_argument, NULL, 'c' },
		{ "minutes", required_argument, NULL, 'm' }, { "escape", no_argument, NULL, 'e' },
		{ "only", required_argument, NULL, 'o' }, { "digest", no_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		a->given |= c == 's' || c == 'm' || c == 'e';
		if (c == 's')
			a->seed = strtoull(optarg, NULL, 0);
		else if (c == 'c')
			a->count = strtoull(optarg, NULL, 0);
		else if (c == 'm')
			a->minutes = strtod(optarg, NULL);
		else if (c == 'e')
			a->escape = true;
		else if (c == 'o')
			a->only = optarg;
		else if (c == 'd')
			print_digests = true;
		else
			return false;
	}
	return optind == argc;
}

static void skip_missing(void)
{
	const char *why;
	u32 mode;

	for (mode = MOAT_MODE_NONE; mode < MOAT_NR_MODES; mode++)
		if (moat_mode_enforced(mode, &why))
			SKIP(moat_mode_name(mode), why);
}

int main(int argc, char **argv)
{
	struct arguments a = { .seed = 1, .count = ~0ull };
	double end;
	int err;

	if (!parse(argc, argv, &a)) {
		fprintf(stderr, "usage: diff [--seed N] [--count N] [--minutes N] [--escape] [--only VARIANT] [--digest]\n");
		return 2;
	}
	signal(SIGALRM, died);
	signal(SIGSEGV, died);
	signal(SIGILL, died);
	signal(SIGBUS, died);
	signal(SIGTRAP, died);
	err = world_init(&world, a.only);
	if (!CHECK(!err, "no variant runs: %s", strerror(-err)))
		return check_done();
	world_hostile(&world);
	skip_missing();
	if (a.given) {
		end = now() + (a.minutes ? 60 * a.minutes : 1e9);
		run_many(a.seed, a.count == ~0ull && !a.minutes ? 1 : a.count, end, a.escape);
	} else {
		run_many(1, a.count == ~0ull ? 6000 : a.count, now() + 40, false);
		run_many(1000001, a.count == ~0ull ? 3000 : a.count, now() + 15, true);
	}
	printf("diff: %llu runs in %u variants, %llu too long\n", (unsigned long long)nr_run, world.nr_variant,
	       (unsigned long long)nr_unusable);
	return check_done();
}
