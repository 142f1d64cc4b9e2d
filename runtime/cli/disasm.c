/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Machine code as text: capstone in AT&T syntax, and what its version 4 does not know. */
#include <capstone/capstone.h>
#include "cli.h"

struct cli_disasm {
	csh handle;
	cs_insn *insn;
	bool x86;
};

struct cli_disasm *cli_disasm_open(const char *arch)
{
	struct cli_disasm *d = calloc(1, sizeof(*d));
	cs_err err;

	if (!d)
		return NULL;
	d->x86 = !strcmp(arch, "x86");
	err = d->x86 ? cs_open(CS_ARCH_X86, CS_MODE_64, &d->handle) :
		       cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &d->handle);
	if (err != CS_ERR_OK) {
		cli_error("no disassembler for %s: %s", arch, cs_strerror(err));
		free(d);
		return NULL;
	}
	if (d->x86)
		cs_option(d->handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	d->insn = cs_malloc(d->handle);
	if (!d->insn) {
		cli_error("out of memory");
		cs_close(&d->handle);
		free(d);
		return NULL;
	}
	return d;
}

void cli_disasm_close(struct cli_disasm *d)
{
	if (!d)
		return;
	cs_free(d->insn, 1);
	cs_close(&d->handle);
	free(d);
}

static void set(struct cli_insn *insn, u32 bytes, const char *operation, const char *operands)
{
	insn->bytes = bytes;
	snprintf(insn->operation, sizeof(insn->operation), "%s", operation);
	snprintf(insn->operands, sizeof(insn->operands), "%s", operands);
}

/* Instructions that capstone 4.0.2 cannot decode and that gates consist of. */
static bool known_here(const u8 *code, u32 left, struct cli_insn *insn)
{
	static const struct {
		u8 code[3];
		const char *name;
	} known[] = {
		{ { 0x0f, 0x01, 0xee }, "rdpkru" },
		{ { 0x0f, 0x01, 0xef }, "wrpkru" },
	};
	size_t i;

	for (i = 0; left >= 3 && i < ARRAY_SIZE(known); i++) {
		if (memcmp(code, known[i].code, 3))
			continue;
		set(insn, 3, known[i].name, "");
		return true;
	}
	return false;
}

void cli_disasm(struct cli_disasm *d, const u8 *code, u32 left, u64 address, struct cli_insn *insn)
{
	const uint8_t *at = code;
	size_t bytes = left;
	uint64_t pc = address;
	char byte[16];

	if (d->x86 && known_here(code, left, insn))
		return;
	if (cs_disasm_iter(d->handle, &at, &bytes, &pc, d->insn) && at > code) {
		set(insn, at - code, d->insn->mnemonic, d->insn->op_str);
		return;
	}
	snprintf(byte, sizeof(byte), "0x%02x", code[0]);
	set(insn, 1, ".byte", byte);
}
