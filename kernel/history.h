/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Defects of former kernels, put back one at a time: for tests of isolation.
 *
 * patches/6.1/10-history.patch asks bpf_moat_has_bug(2021, 3490) where the code
 * that was wrong has been corrected since.  The name of a defect, written to
 * /sys/kernel/debug/moat/bug, puts it back for all programs loaded from then on;
 * "none" is what there is at boot.
 */
#ifndef MOAT_KERNEL_HISTORY_H
#define MOAT_KERNEL_HISTORY_H

#include <linux/compiler.h>

#define BPF_MOAT_BUGS(X)							\
	X(2020, 0430) X(2020, 8835) X(2020, 27194) X(2021, 3444) X(2021, 3490)	\
	X(2021, 3600) X(2021, 4204) X(2021, 31440) X(2021, 34866) X(2022, 0264)	\
	X(2022, 23222) X(2023, 2163) X(2024, 26589) X(2024, 41009)		\
	X(2024, 49861) X(2024, 50164)

#define BPF_MOAT_BUG_ID(year, number)	BPF_MOAT_BUG_##year##_##number,
enum bpf_moat_bug { BPF_MOAT_NO_BUG, BPF_MOAT_BUGS(BPF_MOAT_BUG_ID) BPF_MOAT_NR_BUG };

#ifdef CONFIG_BPF_MOAT_WRONG_VERIFIER
extern enum bpf_moat_bug bpf_moat_bug;
#define bpf_moat_has_bug(year, number)	(READ_ONCE(bpf_moat_bug) == BPF_MOAT_BUG_##year##_##number)
#else
#define bpf_moat_has_bug(year, number)	false
#endif

#endif
