/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Protection keys: giving them out, reading and writing a thread's rights. */
#include <sys/mman.h>
#if defined(__x86_64__)
#include <cpuid.h>
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
#else
bool moat_have_pku(const char **why)
{
	*why = "this architecture has no PKU";
	return false;
}

u32 moat_rdpkru(void)
{
	return 0;
}

void moat_wrpkru(u32 value)
{
}
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
