/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What isolate_sleep.bpf.c and its test tell each other. */
struct sleep_shared {
	__u64 sum;			/* of the words that were taken */
	__u32 runs, failed, behind;
	__u32 next, tgid, page_bytes;	/* sleep_in_open: which page is its turn, whose files */
	__u64 pages;
};
