/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The constants of isolate_blind.bpf.c: no half of one is a half of another, or inverted. */
#define BLIND_XOR	0x2bad5eedu
#define BLIND_STORE	0x4c0ffee1u
#define BLIND_COMPARE	0x31415926u
#define BLIND_MUL	0x27182818u
