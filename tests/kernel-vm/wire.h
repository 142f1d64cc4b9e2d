/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sockets with a filter: by a message's length one sees what the filter returned. */
#ifndef MOAT_KERNEL_VM_WIRE_H
#define MOAT_KERNEL_VM_WIRE_H

#include <linux/filter.h>

#include "../../jit/env.h"

/* Where messages come through a filter: without a device, and by lo. */
extern struct wire {
	const char *name;
	int near, far, witness;	/* the witness gets a message after near has got its own */
} wires[2];

#define WIRE_MESSAGES	6	/* that are sent to each filter */

extern u32 wire_accepted;	/* messages that came through, in part */

bool wires_open(void);
/* Attach in @mode: 0 or the error.  Bytes of each message that come through, -1 for none, go to @got. */
int wire_run(const struct wire *w, const struct sock_filter *rows, u32 n, const char *mode, int got[WIRE_MESSAGES]);
/* In mode "none" and in @mode, which must do the same. */
void wire_compare(const struct wire *w, const char *name, const struct sock_filter *rows, u32 n, const char *mode);

#endif
