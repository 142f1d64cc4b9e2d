/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An interpreter of classic BPF. */
#ifndef MOAT_KERNEL_VM_CLASSIC_H
#define MOAT_KERNEL_VM_CLASSIC_H

#include <linux/filter.h>

#include "../../jit/env.h"

/* What @f, a program that the kernel takes, returns for a frame. */
u32 classic_run(const struct sock_filter *f, const u8 *frame, u32 bytes);

#endif
