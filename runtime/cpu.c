/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The backend of this machine and what its CPU can do. */
#include <sys/auxv.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "internal.h"
#include "../arch-x86/x64.h"

const struct moat_arch *moat_native(void)
{
	return &x64_arch;
}

/* CPUID leaves 1 and 7 (Intel SDM 2A); FSGSBASE must be enabled by the kernel too (AT_HWCAP2 bit 1). */
static u32 detect(void)
{
	u32 a, b, c, d, cpu = 0;

	if (__get_cpuid(1, &a, &b, &c, &d) && c & 1 << 22)
		cpu |= X64_MOVBE;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
		if (b & 1 << 8)
			cpu |= X64_BMI2;
		if (b & 1 && getauxval(AT_HWCAP2) & 2)
			cpu |= X64_FSGSBASE;
	}
	return cpu;
}

u32 moat_cpu(void)
{
	const char *mask = getenv("MOAT_CPU");

	return detect() & (mask ? strtoul(mask, NULL, 0) : ~0u);
}
