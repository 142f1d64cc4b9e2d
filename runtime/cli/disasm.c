/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Machine code as text: capstone, for x86 in AT&T syntax, and what its version 4 does not know. */
#include <capstone/capstone.h>
#include "cli.h"
#include "../../arch-arm64/a64.h"

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

/* What gates consist of. */
static bool known_x86(const u8 *code, u32 left, struct cli_insn *insn)
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

static const char *reg(char text[8], u32 n, bool wide)
{
	snprintf(text, 8, n == A64_ZR ? "%czr" : "%c%u", wide ? 'x' : 'w', n);
	return text;
}

/* Atomics in one instruction, as in enum a64_lse: Rs, Rt, [Xn].  @store: what it is called when Rt is XZR. */
static bool known_lse(u32 word, struct cli_insn *insn)
{
	static const struct {
		enum a64_lse op;
		const char *name, *store;
	} known[] = {
		{ A64_LDADD, "ldadd", "stadd" }, { A64_LDCLR, "ldclr", "stclr" }, { A64_LDEOR, "ldeor", "steor" },
		{ A64_LDSET, "ldset", "stset" }, { A64_LDADDAL, "ldaddal" }, { A64_LDCLRAL, "ldclral" },
		{ A64_LDEORAL, "ldeoral" }, { A64_LDSETAL, "ldsetal" }, { A64_SWPAL, "swpal" }, { A64_CASAL, "casal" },
	};
	u32 rs = word >> 16 & 31, rn = word >> 5 & 31, rt = word & 31;
	bool wide = word & 1u << 30, store;
	char operands[48], s[8], t[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (a64_lse(known[i].op, wide ? A64_X : A64_W, rs, rt, rn) != word)
			continue;
		store = known[i].store && rt == A64_ZR;
		snprintf(operands, sizeof(operands), rn == A64_SP ? "%s%s%s, [sp]" : "%s%s%s, [x%u]", reg(s, rs, wide),
			 store ? "" : ", ", store ? "" : reg(t, rt, wide), rn);
		set(insn, 4, store ? known[i].store : known[i].name, operands);
		return true;
	}
	return false;
}

/* Landing pads, signed return addresses, and what gates consist of. */
static bool known_arm64(u32 word, struct cli_insn *insn)
{
	static const struct {
		u32 word;
		const char *name, *operands;
	} known[] = {
		{ A64_BTI_C, "bti", "c" }, { A64_BTI_J, "bti", "j" }, { A64_BTI_JC, "bti", "jc" },
		{ A64_PACIASP, "paciasp", "" }, { A64_AUTIASP, "autiasp", "" },
	};
	u32 rt = word & 31;
	char operands[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (word != known[i].word)
			continue;
		set(insn, 4, known[i].name, known[i].operands);
		return true;
	}
	if (word == a64_msr(A64_POR_EL0, rt)) {
		snprintf(operands, sizeof(operands), "por_el0, x%u", rt);
		set(insn, 4, "msr", operands);
		return true;
	}
	if (word == a64_mrs(A64_POR_EL0, rt)) {
		snprintf(operands, sizeof(operands), "x%u, por_el0", rt);
		set(insn, 4, "mrs", operands);
		return true;
	}
	return known_lse(word, insn);
}

/* Instructions that capstone 4.0.2 cannot decode, or names by their number. */
static bool known_here(const struct cli_disasm *d, const u8 *code, u32 left, struct cli_insn *insn)
{
	u32 word;

	if (d->x86)
		return known_x86(code, left, insn);
	if (left < sizeof(word))
		return false;
	memcpy(&word, code, sizeof(word));
	return known_arm64(word, insn);
}

static void undecoded(const struct cli_disasm *d, const u8 *code, u32 left, struct cli_insn *insn)
{
	char text[16];
	u32 word;

	if (d->x86 || left < sizeof(word)) {
		snprintf(text, sizeof(text), "0x%02x", code[0]);
		set(insn, 1, ".byte", text);
		return;
	}
	memcpy(&word, code, sizeof(word));
	snprintf(text, sizeof(text), "0x%08x", word);
	set(insn, sizeof(word), ".inst", text);
}

void cli_disasm(struct cli_disasm *d, const u8 *code, u32 left, u64 address, struct cli_insn *insn)
{
	const uint8_t *at = code;
	size_t bytes = left;
	uint64_t pc = address;

	if (known_here(d, code, left, insn))
		return;
	if (cs_disasm_iter(d->handle, &at, &bytes, &pc, d->insn) && at > code) {
		set(insn, at - code, d->insn->mnemonic, d->insn->op_str);
		return;
	}
	undecoded(d, code, left, insn);
}
