/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checker accepts what the emitters make: many programs, each architecture, mode and form. */
#include <stdlib.h>

#include "check.h"
#include "images.h"

#define PROGRAMS	700

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

	for (i = 0; i < image_variants; i++)
		check_variant(&image_variant[i]);
	return check_done();
}
