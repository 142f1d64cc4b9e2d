/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Protection keys: giving them out, reading and writing a thread's rights. */
#include <sys/mman.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#include "internal.h"

#if defined(__x86_64__)
bool moat_have_pku(const char **why)
{
	u32 a, b, c = 0, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(c & 1 << 3))
		*why = "the CPU has no protection keys (PKU)";
	else if (!(c & 1 << 4))		/* OSPKE: CR4.PKE is set */
		*why = "the kernel has PKU switched off";
	else
		return true;
	return false;
}

/* Bytes, because assemblers for older CPUs do not know them; only called where OSPKE is set. */
u32 moat_rdpkru(void)
{
	u32 value;

	asm volatile(".byte 0x0f, 0x01, 0xee" : "=a"(value) : "c"(0) : "edx");
	return value;
}

void moat_wrpkru(u32 value)
{
	asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(value), "c"(0), "d"(0) : "memory");
}

/* Two bits for each key: no access, no writing.  Code can be executed whatever they say. */
u32 moat_key_rights(int key)
{
	return 0x55555555u & ~(3u << 2 * key);
}
#elif defined(__aarch64__)
#define HWCAP2_S1POE	(1ull << 63)	/* newer than the C library's headers */

/* CPU and kernel at once: only a kernel that serves overlays announces them. */
bool moat_have_pku(const char **why)
{
	if (getauxval(AT_HWCAP2) & HWCAP2_S1POE)
		return true;
	*why = "the CPU or the kernel has no permission overlays (FEAT_S1POE, Linux 6.12)";
	return false;
}

/* POR_EL0, by number because assemblers for older CPUs do not know its name.  Eight keys: 32 bits. */
u32 moat_rdpkru(void)
{
	u64 value;

	asm volatile("mrs %0, S3_3_C10_C2_4" : "=r"(value));
	return value;
}

void moat_wrpkru(u32 value)
{
	asm volatile("msr S3_3_C10_C2_4, %0\n\tisb" : : "r"((u64)value) : "memory");
}

/*
 * Four bits for each key: read, execute, write.  Unlike PKRU they govern
 * execution too, and code memory has key 0: that stays executable, no more.
 */
u32 moat_key_rights(int key)
{
	return 2 | 5u << 4 * key;
}
#else
#error "keys.c: no keys for this architecture"
#endif

/*
 * Threads begin with every key but 0 closed (Linux's initial PKRU), and
 * pkey_alloc() closes the new key in this one: so it is closed in all that
 * have not opened it themselves.
 */
int moat_key_alloc(void)
{
	const char *why;
	int key;

	if (!moat_have_pku(&why))
		return -EOPNOTSUPP;
	key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	if (key >= 0)
		return key;
	if (errno == ENOSPC)
		return -ENOSPC;
	moat_print(MOAT_WARN, "pkey_alloc: %s", strerror(errno));
	return -EOPNOTSUPP;
}

/* No mapping has the key any more: else its next owner would reach that. */
void moat_key_free(int key)
{
	if (key > 0)
		pkey_free(key);
}
