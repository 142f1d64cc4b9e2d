/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The image checker for images that are about to be used: memory for it, and who asks. */
#include "internal.h"
#include "../jit/check.h"

/* Costs about as much as compiling; so only debug builds do it unasked. */
bool moat_verify_wanted(const struct moat_object *obj)
{
	const char *asked = getenv("MOAT_VERIFY");
#ifdef MOAT_DEBUG_BUILD
	bool unasked = true;
#else
	bool unasked = false;
#endif

	return obj->verify || (asked ? strcmp(asked, "0") != 0 : unasked);
}

int moat_verify(struct moat_check *c)
{
	void *work = malloc(moat_check_bytes(c->bytes));
	int err = work ? moat_check(c, work) : -ENOMEM;

	free(work);
	return err;
}

/* For struct moat_options: an image that the checker refuses is not used. */
int moat_verify_image(const struct moat *jit, const u8 *code, u32 bytes)
{
	u32 entry[MOAT_MAX_FUNCS];
	struct moat_check c;
	int err;

	moat_check_facts(&c, jit, code, bytes, entry);
	err = moat_verify(&c);
	if (err == -EPERM)
		moat_logf(&jit->opt->log, "internal error: the checker refuses the code at 0x%x: %s", c.at, c.why);
	return err;
}
