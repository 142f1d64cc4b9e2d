/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See tell.h. */
#include <bpf/bpf.h>

#include "tell.h"

#define MAX_FUNCTIONS	256

void tell_number(u64 v)
{
	int i;

	for (i = 63; i >= 0; i--) {
		if (v >> i & 1)
			MARK_ASM(MARK_BIT_1);
		else
			MARK_ASM(MARK_BIT_0);
	}
}

void tell_range(u64 start, u64 bytes)
{
	tell_number(start);
	tell_number(bytes);
	MARK_ASM(MARK_RANGE);
}

u32 tell_code(int fd)
{
	u32 len[MAX_FUNCTIONS], n, i, bytes = 0;
	u64 at[MAX_FUNCTIONS] = { 0 };
	struct bpf_prog_info info = { .nr_jited_ksyms = MAX_FUNCTIONS, .jited_ksyms = (u64)(uintptr_t)at,
		.nr_jited_func_lens = MAX_FUNCTIONS, .jited_func_lens = (u64)(uintptr_t)len };
	u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return 0;
	n = info.nr_jited_ksyms < info.nr_jited_func_lens ? info.nr_jited_ksyms : info.nr_jited_func_lens;
	for (i = 0; i < n && i < MAX_FUNCTIONS; i++) {
		tell_range(at[i], len[i]);
		bytes += len[i];
	}
	return at[0] ? bytes : 0;
}
