// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The same programs, which go where shared.wild says; the verifier must have been told to believe them. */
#define GO_ASTRAY()	do { if (shared.wild) ++*(volatile __u64 *)shared.wild; } while (0)
#include "types_packet.bpf.c"
