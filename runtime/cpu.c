/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The backend of this machine and what its CPU can do. */
#include <sys/auxv.h>
#include <sys/mman.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <asm/mman.h>	/* PROT_BTI */
#endif

#include "internal.h"
#include "../arch-arm64/a64.h"
#include "../arch-x86/x64.h"

#if defined(__x86_64__)
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
#elif defined(__aarch64__)
const struct moat_arch *moat_native(void)
{
	return &a64_arch;
}

/* Landing pads are wanted where code memory is guarded (code.c).  Nothing asks for signed return addresses. */
static u32 detect(void)
{
	return (getauxval(AT_HWCAP) & HWCAP_ATOMICS ? A64_LSE : 0) |
		(getauxval(AT_HWCAP2) & HWCAP2_BTI ? A64_BTI : 0);
}
#else
#error "cpu.c: no backend for this architecture"
#endif

/* Indirect branches into code memory must meet a landing pad, where the CPU sees to that and images have them. */
int moat_code_rights(void)
{
#if defined(__aarch64__)
	if (moat_cpu() & A64_BTI)
		return PROT_READ | PROT_EXEC | PROT_BTI;
#endif
	return PROT_READ | PROT_EXEC;
}

static u32 masked(u32 cpu)
{
	const char *mask = getenv("MOAT_CPU");

	return cpu & (mask ? strtoul(mask, NULL, 0) : ~0u);
}

/* The CPU is asked once: in a virtual machine each CPUID takes longer than compiling a small program. */
u32 moat_cpu(void)
{
	static _Atomic u32 known = ~0u;
	u32 cpu = atomic_load(&known);

	if (cpu == ~0u) {
		cpu = detect();
		atomic_store(&known, cpu);
	}
	return masked(cpu);
}

u32 moat_cpu_of(const struct moat_arch *arch)
{
	if (arch == moat_native())
		return moat_cpu();
	return masked(arch == &a64_arch ? A64_LSE : X64_BMI2 | X64_MOVBE | X64_FSGSBASE);
}
