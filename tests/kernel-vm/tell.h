/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs in the guest tell our plugins of QEMU: numbers, and where code is. */
#ifndef MOAT_KERNEL_VM_TELL_H
#define MOAT_KERNEL_VM_TELL_H

#include "../../jit/env.h"
#include "mark.h"

void tell_number(u64 v);
void tell_range(u64 start, u64 bytes);
/* The code of all functions of the program @fd; its bytes, or 0 if it is not compiled. */
u32 tell_code(int fd);

#endif
