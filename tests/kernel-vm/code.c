/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* See code.h. */
#include <string.h>

#include "code.h"

bool code_holds(const u8 *code, u32 bytes, u32 number)
{
	u32 i, word;
	bool low = false, high = false;

	for (i = 0; i + 4 <= bytes; i++) {
		memcpy(&word, code + i, 4);
		if (word == number)
			return true;
		/* movz, movk, movn: 16 bits from bit 5; movn has them inverted */
		if ((word & 0x1f800000) == 0x12800000 && i % 4 == 0) {
			u16 half = (u16)(word >> 5);

			low |= half == (u16)number || half == (u16)~number;
			high |= half == number >> 16 || half == (u16)~(number >> 16);
		}
	}
	return low && high;
}
