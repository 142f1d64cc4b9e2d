/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The checks catch emitters and makers of gates that are broken on purpose: what they emit is refused, what whole ones emit is not. */
#include "broken.h"
#include "check.h"
#include "images.h"

static const struct image_variant *variant(const char *name)
{
	u32 i;

	for (i = 0; i < image_variants; i++)
		if (!strcmp(image_variant[i].name, name))
			return &image_variant[i];
	return NULL;
}

static void check_broken(const struct broken *broken)
{
	const struct image_variant *v = variant(broken->variant);
	struct moat_arch arch;
	struct image m;
	int err;

	if (!CHECK(v, "no variant %s", broken->variant))
		return;
	err = image_from_text(&m, v, broken->program, NULL);
	CHECK(!err && !image_check(&m), "%s, %s: the whole emitter's code is refused: %s", v->name, broken->name,
	      err ? "no code" : m.facts.why);
	image_free(&m);

	arch = *v->arch;
	broken->breaks(&arch);
	err = image_from_text(&m, v, broken->program, &arch);
	if (CHECK(!err, "%s, %s: no code: %d", v->name, broken->name, err)) {
		CHECK(image_check(&m), "%s, %s: accepted", v->name, broken->name);
		printf("%-26s %-36s %s\n", v->name, broken->name, m.facts.why ? m.facts.why : "ACCEPTED");
	}
	image_free(&m);
}

int main(void)
{
	u32 i;

	for (i = 0; i < nr_broken_x64; i++)
		check_broken(&broken_x64[i]);
	for (i = 0; i < nr_broken_a64; i++)
		check_broken(&broken_a64[i]);
	check_broken_gates();
	return check_done();
}
