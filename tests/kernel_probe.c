/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Loads of the kernel's memory in isolated images: what they read, who may have them, what the checker says of them. */
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "isolated.h"
#include "../disasm-tests/asm.h"
#include "../jit/check.h"
#include "../runtime/internal.h"

#define HALF	(1ull << 47)
#define BYTES	0x8877665544332211ull

static u8 *page;	/* what the kernel's memory is here, where the lower half of the addresses is the kernel's, too */

/* R@dst = *(@bytes at R@src + @off), where that is @at. */
static void load_one(u32 way, u32 dst, u32 src, u32 bytes, s32 off, u64 at, u64 want)
{
	char text[300];
	u64 got;

	snprintf(text, sizeof(text), "r%u = 77\n r%u = 0x%llx ll\n probe r%u = *(u%u *)(r%u %+d)\n r0 = r%u\n exit\n", dst, src,
		 (unsigned long long)at - (u64)(s64)off, dst, 8 * bytes, src, off, dst);
	got = isolated_run(text);
	CHECK(got == want && iso.form.nr_probe == 1, "way %u: %llx, not %llx: %s", way, (unsigned long long)got,
	      (unsigned long long)want, text);
}

#if defined(__x86_64__)
static void good_loads(u32 way)
{
	static const u32 dst[] = { 0, 1, 5, 6, 9, 4 }, src[] = { 1, 1, 0, 7, 9, 3 };
	static const s32 offs[] = { 0, 8, -128, 127, 32760, -32768 };
	u32 i, n;

	memcpy(page + 64, &(u64){ BYTES }, 8);
	for (i = 0; i < ARRAY_SIZE(offs); i++)
		for (n = 1; n <= 8; n *= 2)
			load_one(way, dst[i], src[i], n, offs[i], (u64)page + 64, BYTES & ~0ull >> (64 - 8 * n));
	load_one(way, 0, 1, 8, 8, (u64)page + 4096, 0);
	load_one(way, 3, 3, 4, 0, 8, 0);
}
#endif

/* User space is passed over, what does not exist faults; nothing is read. */
static void bad_loads(u32 way)
{
	static const u64 kernel[] = { 0xffff888000000000, 0x8000000000000000, 0xffffffff00000000 };
	static const s32 offs[] = { 0, 8, -8, 32760, -32768 };
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(offs); i++) {
		kform_faults = 0;
		load_one(way, 0, 1, 8, offs[i], (u64)page + 64, 0);
		load_one(way, 2, 2, 1, offs[i], 0, 0);
		load_one(way, 2, 2, 1, offs[i], HALF - 1, 0);
		CHECK(!kform_faults, "way %u: user memory is touched", way);
		for (k = 0; k < ARRAY_SIZE(kernel); k++)
			load_one(way, k, 6, 8, offs[i], kernel[k], 0);
		CHECK(kform_faults >= 2, "way %u: only %u faults", way, kform_faults);
	}
}

/* What stands around such a load stays as it was: cage, fuel, what is kept in temporaries, registers, calls. */
static void around(u32 way)
{
	static const char text[] =
		"r6 = r1\n r7 = 5\n r8 = 0xffff888000000000 ll\n r9 = 0\n *(u64 *)(r6 + 8) = 3\n"
		"L0:\n r2 = *(u64 *)(r6 + 8)\n probe r3 = *(u64 *)(r8 + 16)\n r4 = *(u64 *)(r6 + 8)\n r2 += r4\n r2 += r3\n"
		"r9 += r2\n *(u64 *)(r10 - 8) = r9\n r7 -= 1\n if r7 != 0 goto L0\n"
		"r1 = *(u64 *)(r10 - 8)\n r2 = 0\n r3 = 0\n r4 = 0\n r5 = 0\n call 5\n exit\n";
	static const char callee[] =
		"r6 = 7\n r1 = 0xffff888000000000 ll\n call L1\n r0 += r6\n exit\n L1:\n probe r0 = *(u32 *)(r1 + 4)\n"
		"r0 += 9\n exit\n";

	CHECK(isolated_run(text) == 30, "way %u: another result", way);
	CHECK(isolated_run(callee) == 16, "way %u: another result of a function", way);
	CHECK(!iso.is_odd, "way %u: a call with an odd stack", way);
}

/* Who may not have them ------------------------------------------------------------------------------ */

static void refused(const char *text, const char *why)
{
	CHECK(isolated_assemble(text) == -EINVAL && strstr(iso.refused, why), "%s: %s", text, iso.refused);
}

static void refusals(void)
{
	static const char load[] = "probe r0 = *(u64 *)(r1 + 0)\n exit\n";
	struct bpf_insn insn[4];
	struct moat other;
	char error[200];
	u32 n = (u32)assemble(load, insn, 4, error);

	isolated_set(0);
	refused(load, "no such instruction");
	iso.kernel.probes = true;
	CHECK(!isolated_assemble(load), "%s", iso.refused);
	refused("probe r0 = *(u64 *)(r10 - 8)\n exit\n", "no memory of the kernel");
	refused("probe r10 = *(u64 *)(r1 + 0)\n exit\n", "R10");
	refused("raw 0x79, 0, 11, 0, 0\n exit\n", "no such src register");
	refused("raw 0x39, 11, 1, 0, 0\n exit\n", "no such dst register");
	refused("raw 0x3b, 1, 2, 0, 0\n exit\n", "no such instruction");	/* a store like that */
	refused("raw 0x3a, 1, 0, 0, 5\n exit\n", "no such instruction");
	refused("tail_call\n exit\n", "no such instruction");
	/* In user space there is nobody to ask. */
	iso.opt.kernel = NULL;
	iso.refused[0] = 0;
	CHECK(moat_plan(&other, insn, n, &iso.opt, iso.work) == -EINVAL && strstr(iso.refused, "no such instruction"), "%s",
	      iso.refused);
}

/* The checker ----------------------------------------------------------------------------------------- */

static bool is_accepted(bool probes, u64 limit)
{
	struct moat_kernel kernel = iso.kernel;
	u32 entry[MOAT_MAX_FUNCS];
	struct moat_check c;

	kernel.probes = probes;
	kernel.probe_limit = limit;
	moat_check_facts(&c, &iso.jit, iso.code, iso.jit.bytes, entry);
	c.kernel = &kernel;
	return !moat_verify(&c);
}

struct change {
	const char *what;
	u8 bytes, from[12], to[12];
};

/* Of probe r0 = *(u64 *)(r1 + 8). */
static const struct change changes_x64[] = {
	{ "a store", 4, { 0x48, 0x8b, 0x47, 0x08 }, { 0x48, 0x89, 0x47, 0x08 } },
	{ "another offset", 4, { 0x48, 0x8b, 0x47, 0x08 }, { 0x48, 0x8b, 0x47, 0x18 } },
	{ "another base", 4, { 0x48, 0x8b, 0x47, 0x08 }, { 0x48, 0x8b, 0x46, 0x08 } },
	{ "another register loaded", 4, { 0x48, 0x8b, 0x47, 0x08 }, { 0x48, 0x8b, 0x4f, 0x08 } },
	{ "a segment", 4, { 0x48, 0x8b, 0x47, 0x08 }, { 0x65, 0x8b, 0x47, 0x08 } },
	{ "an exchange", 4, { 0x48, 0x8b, 0x47, 0x08 }, { 0x48, 0x87, 0x47, 0x08 } },
	{ "the other condition", 2, { 0x79, 0x04 }, { 0x78, 0x04 } },
	{ "no condition", 2, { 0x79, 0x04 }, { 0x90, 0x90 } },
	{ "another end", 2, { 0x79, 0x04 }, { 0x79, 0x00 } },
	{ "another test", 3, { 0x4d, 0x85, 0xdb }, { 0x4d, 0x85, 0xd2 } },
	{ "a comparison", 3, { 0x4d, 0x85, 0xdb }, { 0x4d, 0x39, 0xdb } },
	{ "a test of half of it", 3, { 0x4d, 0x85, 0xdb }, { 0x45, 0x85, 0xdb } },
	{ "another zero", 2, { 0x31, 0xc0 }, { 0x31, 0xff } },
	{ "a base that is zeroed", 11, { 0x31, 0xc0, 0x4d, 0x85, 0xdb, 0x79, 0x04, 0x48, 0x8b, 0x47, 0x08 },
	  { 0x31, 0xff, 0x4d, 0x85, 0xdb, 0x79, 0x04, 0x48, 0x8b, 0x7f, 0x08 } },
	{ "half an address", 3, { 0x4c, 0x8d, 0x9f }, { 0x44, 0x8d, 0x9f } },
	{ "another address", 7, { 0x4c, 0x8d, 0x9f, 0x0f, 0, 0xa0, 0 }, { 0x4c, 0x8d, 0x9f, 0x0e, 0, 0xa0, 0 } },
	{ "a trusted register", 7, { 0x4c, 0x8d, 0x9f, 0x0f, 0, 0xa0, 0 }, { 0x4c, 0x8d, 0x9d, 0x0f, 0, 0xa0, 0 } },
};

static const struct change changes_a64[] = {
	{ "a store", 4, { 0x27, 0x01, 0x40, 0xf9 }, { 0x27, 0x01, 0x00, 0xf9 } },
	{ "another offset", 4, { 0x27, 0x01, 0x40, 0xf9 }, { 0x27, 0x05, 0x40, 0xf9 } },
	{ "another base", 4, { 0x27, 0x01, 0x40, 0xf9 }, { 0x07, 0x00, 0x40, 0xf9 } },
	{ "two registers", 4, { 0x27, 0x01, 0x40, 0xf9 }, { 0x27, 0x01, 0x40, 0xa9 } },
	{ "a trusted register", 4, { 0x27, 0x01, 0x40, 0xf9 }, { 0x3c, 0x01, 0x40, 0xf9 } },
	{ "the other condition", 4, { 0x49, 0x00, 0xb8, 0xb6 }, { 0x49, 0x00, 0xb8, 0xb7 } },
	{ "another bit", 4, { 0x49, 0x00, 0xb8, 0xb6 }, { 0x49, 0x00, 0xb0, 0xb6 } },
	{ "another register tested", 4, { 0x49, 0x00, 0xb8, 0xb6 }, { 0x40, 0x00, 0xb8, 0xb6 } },
	{ "another end", 4, { 0x49, 0x00, 0xb8, 0xb6 }, { 0x29, 0x00, 0xb8, 0xb6 } },
	{ "no condition", 4, { 0x49, 0x00, 0xb8, 0xb6 }, { 0x1f, 0x20, 0x03, 0xd5 } },
};

static void change(u32 way, const struct change *c)
{
	u8 *at = memmem(iso.code + iso.jit.slot[0].start, iso.jit.slot[1].start - iso.jit.slot[0].start, c->from, c->bytes);

	if (!CHECK(at, "way %u: nothing to change for %s", way, c->what))
		return;
	memcpy(at, c->to, c->bytes);
	CHECK(!is_accepted(true, HALF), "way %u: %s is accepted", way, c->what);
	memcpy(at, c->from, c->bytes);
}

/* A branch of the program leads to the load itself. */
static void to_the_middle(u32 way)
{
	static const u8 load[] = { 0x48, 0x8b, 0x47, 0x08 };
	u8 *at, *end;

	if (iso.jit.arch != &x64_arch)
		return;
	CHECK(!isolated_assemble("r0 = 0\n if r1 == 0 goto L1\n probe r0 = *(u64 *)(r1 + 8)\n L1:\n exit\n") &&
	      is_accepted(true, HALF), "%s", iso.refused);
	end = iso.code + iso.jit.slot[2].start;
	at = memmem(end, 64, load, sizeof(load));
	if (!CHECK(at && end[-2] == 0x74, "way %u: no load, or no short branch", way))
		return;
	end[-1] = (u8)(at - end);
	CHECK(!is_accepted(true, HALF), "way %u: a branch past the check is accepted", way);
}

/* The address is formed of the register that it is put in: what is tested is not what is loaded from then. */
static void of_itself(u32 way)
{
	static const u8 was[] = { 0x4c, 0x8d, 0x9f, 0x17, 0, 0xa0, 0, 0x31, 0xf6, 0x4d, 0x85, 0xdb, 0x79, 0x04, 0x48, 0x8b, 0x77, 0x10 };
	static const u8 is[] = { 0x4d, 0x8d, 0x9b, 0x17, 0, 0xa0, 0, 0x31, 0xf6, 0x4d, 0x85, 0xdb, 0x79, 0x04, 0x49, 0x8b, 0x73, 0x10 };
	u8 *at;

	if (iso.jit.arch != &x64_arch)
		return;
	/* behind the first one R11 is the program's */
	CHECK(!isolated_assemble("probe r0 = *(u64 *)(r1 + 8)\n probe r2 = *(u64 *)(r1 + 16)\n exit\n") && is_accepted(true, HALF),
	      "%s", iso.refused);
	at = memmem(iso.code, iso.jit.bytes, was, sizeof(was));
	if (!CHECK(at, "way %u: no second load", way))
		return;
	memcpy(at, is, sizeof(is));
	CHECK(!is_accepted(true, HALF), "way %u: a load from behind the tested address is accepted", way);
}

static void checked(u32 way)
{
	bool x64 = iso.jit.arch == &x64_arch;
	const struct change *c = x64 ? changes_x64 : changes_a64;
	u32 i, n = x64 ? ARRAY_SIZE(changes_x64) : ARRAY_SIZE(changes_a64);

	if (!CHECK(!isolated_assemble("probe r0 = *(u64 *)(r1 + 8)\n exit\n") && is_accepted(true, HALF), "%s", iso.refused))
		return;
	CHECK(!is_accepted(false, HALF), "way %u: accepted in an image that may not read the kernel's memory", way);
	CHECK(!x64 || !is_accepted(true, 0x10000), "way %u: accepted with another limit", way);
	CHECK(!x64 || !is_accepted(true, 0), "way %u: accepted without a limit", way);
	for (i = 0; i < n; i++)
		change(way, &c[i]);
	to_the_middle(way);
	of_itself(way);
}

static void test(u32 way)
{
	isolated_set(way);
	iso.kernel.probes = true;
#if defined(__x86_64__)
	good_loads(way);
#endif
	iso.kernel.probe_limit = HALF;
	bad_loads(way);
	around(way);
	checked(way);
}

int main(void)
{
	u32 way;

	alarm(300);
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(page + 4096, 4096, PROT_NONE);
	if (!CHECK(isolated_start() && page != MAP_FAILED, "no room"))
		return check_done();
	for (way = 0; way < ISOLATED_WAYS; way++)
		test(way);
	refusals();
	isolated_set(0);
	kform_free(&iso.form);
	return check_done();
}
