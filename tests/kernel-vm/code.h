/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What can be told of machine code without taking it apart. */
#ifndef MOAT_KERNEL_VM_CODE_H
#define MOAT_KERNEL_VM_CODE_H

#include "../../jit/env.h"

/* Is @number an operand in the @bytes of code at @code?  x86 has it whole, arm64 in two halves. */
bool code_holds(const u8 *code, u32 bytes, u32 number);

#endif
