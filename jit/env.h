/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one file that knows whether it is compiled in the kernel. */
#ifndef MOAT_ENV_H
#define MOAT_ENV_H

#ifdef __KERNEL__
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/filter.h>
#include <linux/kernel.h>
#include <linux/string.h>
#else
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <linux/bpf.h>
#include <linux/bpf_common.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define fallthrough	__attribute__((__fallthrough__))
#define __printf(a, b)	__attribute__((__format__(printf, a, b)))
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif
#ifndef static_assert
#define static_assert	_Static_assert
#endif
#endif

/* Codes of RFC 9669 that the headers of Linux 6.1 do not have. */
#ifndef BPF_MEMSX
#define BPF_MEMSX	0x80
#endif
#ifndef BPF_JCOND
#define BPF_JCOND	0xe0
#endif

#endif
