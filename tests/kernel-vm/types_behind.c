/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An attack: a program on a trampoline looks behind its arguments, where the verifier would not let it. */
#include <errno.h>
#include <sys/mman.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"
#include "isolate.h"
#include "object.h"
#include "types.h"
#include "types_behind.h"

/* How many words are not zero; -1: there is nothing to attach to. */
static int found(struct bpf_object *obj)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, "behind");
	struct bpf_link *link = bpf_program__attach(prog);
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	const u64 *word;
	size_t bytes;
	int n = 0;
	u32 i;

	if (!link)
		return -1;
	word = object_section(obj, ".bss", &bytes);
	CHECK(word && !bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "it does not run: %s", strerror(errno));
	for (i = 0; word && i < BEHIND_WORDS; i++)
		n += word[i] != 0;
	if (word)
		munmap((void *)(uintptr_t)word, bytes);
	bpf_link__destroy(link);
	return n;
}

void types_behind(const char *mode)
{
	static const char *const names[] = { "behind", NULL };
	bool isolated = strcmp(mode, "none");
	struct bpf_object *obj;
	int n;

	if (!fool(true)) {
		SKIP("behind the arguments", "the verifier cannot be fooled");
		return;
	}
	obj = isolate_load("types_behind", mode, names, NULL);
	fool(false);
	if (!obj)
		return;
	n = found(obj);
	if (n < 0 && errno == ENOTSUPP)
		SKIP("behind the arguments", "this kernel has no trampolines for functions");
	else
		CHECK(isolated ? n == 0 : n > 0, "mode %s: %d words behind the arguments are not zero", mode, n);
	bpf_object__close(obj);
}
