/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker accepts what the emitters make: many programs, each architecture, mode and form. */
#include <stdlib.h>

#include "../jit/arch.h"
#include "check.h"
#include "images.h"

#define PROGRAMS	700

/* Memory touched through registers that nobody has set: where nothing clears them, the host's frame is in R3 or R4. */
static const char *const unset[] = {
	"r0 = *(u64 *)(r3 + 0)\n" "r5 = *(u64 *)(r3 + 8)\n" "r6 = r3\n" "r2 = *(u64 *)(r6 + 16)\n"
	"r4 = *(u64 *)(r3 + 24)\n"
	"r8 = *(u64 *)(r6 + 32)\n" "r9 = *(u8 *)(r3 + 3)\n" "*(u64 *)(r3 + 16) = r5\n"
	"*(u64 *)(r3 + 24) = r10\n" "*(u8 *)(r6 + -8) = r10\n"
	"*(u32 *)(r3 + 40) = 7\n" "lock *(u64 *)(r3 + 8) += r2\n" "r3 = *(u64 *)(r3 + 16)\n" "r6 += r3\n"
	"r0 += r6\n" "exit\n",
	"r6 = r1\n" "r1 = subprog[L1]\n" "r2 = r6\n" "r3 = 4\n" "call 9\n" "exit\n"
	"L1:\n" "r0 = *(u64 *)(r4 + 8)\n" "*(u64 *)(r4 + 16) = r0\n" "r0 = *(u16 *)(r4 + 80)\n" "exit\n",
};

static void check_unset(const struct image_variant *v)
{
	struct image m;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(unset); i++) {
		if (CHECK(!image_from_text(&m, v, unset[i], NULL), "%s: unset registers, program %u", v->name, i))
			CHECK(!image_check(&m), "%s: unset registers, program %u: refused at 0x%x of 0x%x: %s", v->name,
			      i, m.facts.at, m.bytes, m.facts.why);
		image_free(&m);
	}
}

/* One more access through the same register, the rest the same: how many bytes longer is it, and is it accepted? */
static u32 bytes_of_another(const struct image_variant *v, const char *more)
{
	char program[400];
	struct image m;
	u32 bytes[2], i;

	for (i = 0; i < 2; i++) {
		snprintf(program, sizeof(program), "r2 = *(u32 *)(r1 + 4)\n" "%s" "r0 = *(u32 *)(r1 + 12)\n" "exit\n",
			 i ? more : "");
		CHECK(!image_from_text(&m, v, program, NULL) && !image_check(&m), "%s: %s: %s", v->name, more,
		      m.facts.why);
		bytes[i] = m.bytes;
		image_free(&m);
	}
	return bytes[1] - bytes[0];
}

/*
 * Where an address is formed in an instruction of its own, that is done once
 * for all accesses of a basic block through one register.  On x86 the segment forms it in the access itself.
 */
static void check_repeated(const struct image_variant *v)
{
	bool arm = v->arch == &a64_arch, basereg = v->mode == MOAT_MODE_BASEREG || v->mode == MOAT_MODE_PKU_BASEREG;
	bool segment = basereg && !arm && v->form == MOAT_BASE_SEGMENT, forms = basereg && !segment;
	u32 load = bytes_of_another(v, "r2 = *(u32 *)(r1 + 8)\n"), other;

	/* opcode, ModRM, displacement; SIB and REX for the cage base as well; gs: and 32-bit address prefixes */
	CHECK(load == (arm ? 4u : basereg ? 5u : 3u), "%s: another access costs %u bytes", v->name, load);
	/* Back and forth, both addresses are formed anew: add and mov; mov twice */
	other = bytes_of_another(v, "r1 += 1\n" "r2 = *(u32 *)(r1 + 8)\n") - load;
	CHECK(!forms || other == (arm ? 4u + 4 : 4u + 3), "%s: the address of another base is formed anew: %u bytes",
	      v->name, other);
	if (!forms || arm)
		return;
	load = bytes_of_another(v, "r2 = *(u64 *)(r1 + 32760)\n" "r2 = *(u64 *)(r1 - 32768)\n");
	CHECK(load == 2 * 8, "%s: accesses that just stay near cost %u bytes", v->name, load);
	load = bytes_of_another(v, "r2 = *(u64 *)(r1 + 32761)\n");
	CHECK(load == 7 + 4 + 3, "%s: an access that does not, and one behind it that starts anew, cost %u bytes", v->name, load);
}

static void check_variant(const struct image_variant *v)
{
	u64 steps = 0, bytes = 0, dead = 0, seed;
	u32 made = 0, refused = 0;
	struct image m;
	int err;

	for (seed = 0; seed < PROGRAMS; seed++) {
		u32 statements = seed % 50 == 49 ? 1500 : 4 + seed % 60;

		err = image_make(&m, v, seed, statements, NULL);
		if (CHECK(!err || seed > 10, "%s: program %u: error %d", v->name, (u32)seed, err) && !err) {
			made++;
			err = image_check(&m);
			if (!CHECK(!err, "%s: program %u: refused at 0x%x of 0x%x: %s", v->name, (u32)seed, m.facts.at,
				   m.bytes, m.facts.why))
				refused++;
			bytes += m.bytes;
			steps += m.facts.steps;
			dead += m.facts.dead;
		}
		image_free(&m);
	}
	printf("%-28s %u images, %llu bytes, %.1f %% dead, %.2f steps per 4 bytes, %u refused\n", v->name,
	       made, (unsigned long long)bytes, 100.0 * dead / bytes, 4.0 * steps / bytes, refused);
	CHECK(made > PROGRAMS * 9 / 10, "%s: only %u of %u programs compile", v->name, made, PROGRAMS);
}

int main(void)
{
	u32 i;

	for (i = 0; i < image_variants; i++) {
		check_variant(&image_variant[i]);
		check_unset(&image_variant[i]);
		check_repeated(&image_variant[i]);
	}
	return check_done();
}
