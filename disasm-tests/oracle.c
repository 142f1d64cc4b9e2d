/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Independent disassemblers; see oracle.h. */
#include <capstone/capstone.h>
#include <stdlib.h>
#include <unistd.h>

#include "oracle.h"

static csh handle;
static cs_insn *slot;

static bool open_capstone(void)
{
	if (slot)
		return true;
	if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK)
		return false;
	cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
	slot = cs_malloc(handle);
	return slot;
}

static void find_target(struct oracle_ins *out)
{
	const cs_x86 *x = &slot->detail->x86;
	u32 i;

	for (i = 0; i < x->op_count; i++) {
		const cs_x86_op *op = &x->operands[i];

		if (op->type == X86_OP_MEM && op->mem.base == X86_REG_RIP) {
			out->has_target = true;
			out->target = slot->address + slot->size + op->mem.disp;
		} else if (op->type == X86_OP_IMM && (cs_insn_group(handle, slot, X86_GRP_JUMP) ||
						      cs_insn_group(handle, slot, X86_GRP_CALL))) {
			out->has_target = true;
			out->target = op->imm;
		}
	}
	out->falls_through = slot->id != X86_INS_JMP && slot->id != X86_INS_RET && slot->id != X86_INS_UD2;
}

bool oracle_capstone(const u8 *code, u32 bytes, u64 pc, struct oracle_ins *out)
{
	size_t left = bytes;
	uint64_t at = pc;

	memset(out, 0, sizeof(*out));
	if (!open_capstone() || !cs_disasm_iter(handle, &code, &left, &at, slot))
		return false;
	out->bytes = slot->size;
	snprintf(out->text, sizeof(out->text), "%s%s%.120s", slot->mnemonic, *slot->op_str ? " " : "", slot->op_str);
	find_target(out);
	return true;
}

bool oracle_decode(const u8 *code, u32 bytes, u64 pc, struct oracle_ins *out)
{
	static const struct {
		u8 bytes, code[5];
		const char *name;
	} row[] = {
		{ 3, { 0x0f, 0x01, 0xef }, "wrpkru" }, { 3, { 0x0f, 0x01, 0xee }, "rdpkru" },
		{ 5, { 0xf3, 0x48, 0x0f, 0x1e, 0xf8 }, "ibhf" },
	};
	u32 i;

	if (oracle_capstone(code, bytes, pc, out))
		return true;
	for (i = 0; i < ARRAY_SIZE(row); i++) {
		if (bytes < row[i].bytes || memcmp(code, row[i].code, row[i].bytes))
			continue;
		*out = (struct oracle_ins){ .bytes = row[i].bytes, .falls_through = true };
		strcpy(out->text, row[i].name);
		return true;
	}
	return false;
}

bool oracle_have_llvm(void)
{
	return !system("command -v llvm-mc >/dev/null");
}

/* llvm-mc separates with tabs, and says so on its own lines when it does not know something. */
static bool tidy(char *line)
{
	char *to = line;
	u32 i;

	if (strstr(line, ".text") || *line != '\t')
		return false;
	for (i = 1; line[i] && line[i] != '\n' && line[i] != '#'; i++)
		*to++ = line[i] == '\t' ? ' ' : line[i];
	*to = 0;
	return true;
}

bool oracle_llvm(const u8 *code, u32 bytes, char text[160])
{
	char command[400], line[160];
	bool found = false;
	u32 n, i;
	FILE *p;

	n = snprintf(command, sizeof(command), "echo '");
	for (i = 0; i < bytes && i < 16; i++)
		n += snprintf(command + n, sizeof(command) - n, "0x%02x ", code[i]);
	snprintf(command + n, sizeof(command) - n, "' | llvm-mc --disassemble --triple=x86_64 "
		 "--output-asm-variant=1 --mattr=+pku,+bmi2,+movbe,+fsgsbase 2>/dev/null");
	p = popen(command, "r");
	if (!p)
		return false;
	while (fgets(line, sizeof(line), p)) {
		if (!tidy(line))
			continue;
		strcpy(text, found ? "more than one instruction" : line);
		found = true;
	}
	return pclose(p) == 0 && found;
}
