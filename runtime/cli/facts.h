/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a running kernel says of the images of its isolated programs. */
#ifndef MOAT_CLI_FACTS_H
#define MOAT_CLI_FACTS_H

#include "cli.h"
#include "../../jit/check.h"
#include "../../jit/kernel.h"

#define FACTS_MAX_BEHIND	64

struct facts {
	char *text;			/* what was read, which the strings are in */
	const char *name, *arch, *isolation;
	u64 id, address, main, args, call, tail, packet, pads, signs;
	u64 bytes, code;		/* of the image as it is dumped; of those the ones that its own code has */
	u64 int3_after_ret, probes;
	struct moat_kernel kernel;	/* run, domain, and what else stands around the image */
	u32 entry[MOAT_MAX_FUNCS], nr_entry;
	struct moat_site *site;		/* NULL: not told */
	u32 nr_site;
	u8 behind[FACTS_MAX_BEHIND];	/* what the kernel has behind the bytes that it dumps */
	u32 nr_behind;
};

/* Which line is meant. */
struct facts_wanted {
	const char *name;	/* NULL: any */
	u64 id;			/* 0: any */
};

/*
 * Read @source: a file like the kernel's /sys/kernel/debug/moat/images ("-": standard input), or one line of it,
 * which has a "=".  CLI_OK: @f is the one line that is wanted, to be freed; else a message was told.
 */
int facts_read(struct facts *f, const char *source, const struct facts_wanted *wanted);
/*
 * The image that was dumped to @path, and in *@c all that the checker wants to know of it, while @f and the image
 * are there.  To be freed; NULL after a message.
 */
u8 *facts_image(const struct facts *f, const char *path, struct moat_check *c);
void facts_free(struct facts *f);

#endif
