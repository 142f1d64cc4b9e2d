/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What kernel_form.c does not leave to chance: tail calls, faults, thunks, two passes. */
#ifndef MOAT_TESTS_KERNEL_FORM_H
#define MOAT_TESTS_KERNEL_FORM_H

#include "kform.h"

void kernel_form_more(void);
/* kernel_form_a64.c; empty elsewhere */
void kernel_form_a64(void);

#endif
