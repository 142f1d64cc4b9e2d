/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this machine can do, and which modes it enforces. */
#include <sys/auxv.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#endif

#include "internal.h"
#include "lowmem.h"
#include "probe.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	bool known;
	const char *why;	/* NULL: enforced */
} mode_state[MOAT_NR_MODES];

/* What the machine must have before a probe makes sense: NULL, or what is missing. */
static const char *missing(enum moat_mode mode)
{
	const char *why;

	if (moat_heap_init())
		return "the heap cannot be set up";
	if ((mode == MOAT_MODE_PKU || mode == MOAT_MODE_PKU_BASEREG) && !moat_have_pku(&why))
		return why;
	if (mode == MOAT_MODE_NONE || mode == MOAT_MODE_PKU)
		return moat_heap_why();
	return NULL;
}

static const char *decide(enum moat_mode mode)
{
	const char *why = missing(mode);

	/* Mode none promises nothing, so there is nothing to prove. */
	return why || mode == MOAT_MODE_NONE ? why : moat_probe(mode);
}

int moat_mode_enforced(enum moat_mode mode, const char **why)
{
	const char *reason;

	if (mode == MOAT_MODE_AUTO || mode >= MOAT_NR_MODES) {
		if (why)
			*why = "there is no such mode";
		return -EOPNOTSUPP;
	}
	pthread_mutex_lock(&lock);
	if (!mode_state[mode].known) {
		mode_state[mode].why = decide(mode);
		mode_state[mode].known = true;
	}
	reason = mode_state[mode].why;
	pthread_mutex_unlock(&lock);
	if (reason && why)
		*why = reason;
	return reason ? -EOPNOTSUPP : 0;
}

/* Never none: who wants a program unconfined must say so.  If nothing is enforced, loading says why not. */
enum moat_mode moat_mode_best(void)
{
	if (!moat_mode_enforced(MOAT_MODE_PKU_BASEREG, NULL))
		return MOAT_MODE_PKU_BASEREG;
	if (!moat_mode_enforced(MOAT_MODE_BASEREG, NULL))
		return MOAT_MODE_BASEREG;
	if (!moat_mode_enforced(MOAT_MODE_PKU, NULL))
		return MOAT_MODE_PKU;
	return MOAT_MODE_BASEREG;
}

int moat_num_possible_cpus(void)
{
	return MOAT_MAX_CPUS;
}

/* The table ---------------------------------------------------------------- */

#define MAX_FEATURES	16
#define DETAIL		128

static struct moat_feature table[MAX_FEATURES];
static char detail[MAX_FEATURES][DETAIL];
static size_t nr_features;
static pthread_once_t once = PTHREAD_ONCE_INIT;

__printf(3, 4) static void add(const char *name, bool present, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail[nr_features], DETAIL, fmt, args);
	va_end(args);
	table[nr_features] = (struct moat_feature){ name, present, detail[nr_features] };
	nr_features++;
}

#if defined(__x86_64__)
static void add_bit(const char *name, u32 leaf, u32 bit, const char *what)
{
	bool present = leaf >> bit & 1;

	add(name, present, "%s", present ? what : "the CPU does not have it");
}

/* CPUID leaf 1, and leaf 7 (Intel SDM 2A). */
static void add_cpu(void)
{
	bool fsgsbase = getauxval(AT_HWCAP2) & 2;
	u32 a, b, b7 = 0, c1 = 0, c7 = 0, d;
	const char *why = "protection keys, switched on by the kernel";
	bool ospke = moat_have_pku(&why);

	__get_cpuid(1, &a, &b, &c1, &d);
	__get_cpuid_count(7, 0, &a, &b7, &c7, &d);
	add_bit("pku", c7, 3, "protection keys");
	add("ospke", ospke, "%s", why);
	add("fsgsbase", fsgsbase, "%s", fsgsbase ? "the segment base is set without a system call" :
	    b7 & 1 ? "the kernel has it switched off" : "the CPU does not have it");
	add_bit("bmi2", b7, 8, "shifts that leave the flags alone");
	add_bit("movbe", c1, 22, "loads and stores that swap bytes");
}
#elif defined(__aarch64__)
static void add_cpu(void)
{
	const char *why = "permission overlays (protection keys), switched on by the kernel";
	bool poe = moat_have_pku(&why), lse = getauxval(AT_HWCAP) & HWCAP_ATOMICS, bti = getauxval(AT_HWCAP2) & HWCAP2_BTI;

	add("s1poe", poe, "%s", why);
	add("lse", lse, "%s", lse ? "atomics in one instruction" : "the CPU does not have it");
	add("bti", bti, "%s", bti ? "landing pads are enforced" : "the CPU or the kernel does not have it");
}
#endif

static void fill(void)
{
	const char *why = moat_heap_why();
	u32 i;

	add_cpu();
	if (why)
		add("low memory", false, "%s", why);
	else
		add("low memory", true, "0x%llx-0x%llx, %llu MiB", (unsigned long long)moat_heap.lo,
		    (unsigned long long)moat_heap.hi, (unsigned long long)(moat_heap.hi - moat_heap.lo) >> 20);
	add("page size", true, "%ld", sysconf(_SC_PAGESIZE));
	add("possible CPUs", true, "%d", moat_num_possible_cpus());
	for (i = MOAT_MODE_NONE; i < MOAT_NR_MODES; i++) {
		int err = moat_mode_enforced(i, &why);

		if (!err)
			why = i == MOAT_MODE_NONE ? "usable; isolates nothing" : "enforced: its probe was stopped";
		add(moat_mode_name(i), !err, "%s", why);
	}
}

size_t moat_features(const struct moat_feature **features)
{
	pthread_once(&once, fill);
	*features = table;
	return nr_features;
}
