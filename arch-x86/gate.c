/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Domain switches by WRPKRU (Intel SDM volume 2: ECX and EDX must be 0).
 *
 * The value is an immediate and is compared right behind the instruction, so a
 * jump into the middle of a gate with another EAX ends in the trap.  The
 * registers it needs are R0, R3 and R4: those that are live are kept in TMP
 * and TMP2, which bytecode cannot name.
 */
#include "regs.h"

static const u8 clobbered[] = { X64_RAX, X64_RDX, X64_RCX };

static void keep(struct moat *jit, u32 live, bool back)
{
	enum x64_reg tmp = X64_TMP;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(clobbered); i++) {
		enum x64_reg reg = clobbered[i];

		if (!(live & X64_LIVE(reg)))
			continue;
		x64_mov(&jit->buf, X64_64, back ? reg : tmp, back ? tmp : reg);
		tmp = X64_TMP2;
	}
}

static void write_rights(struct moat *jit)
{
	if (jit->buf.base)
		jit->gate_at[jit->nr_gate++] = jit->buf.len;
	x64_wrpkru(&jit->buf);
}

/* RCX and RDX are zero. */
static void write_checked(struct moat *jit, u32 value, u32 pc)
{
	x64_mov_imm(&jit->buf, X64_RAX, value);
	write_rights(jit);
	x64_alu_imm(&jit->buf, 7, X64_32, x64_r(X64_RAX), value);
	x64_trap_if(jit, X64_NE, pc, MOAT_FAULT_TRAP);
}

static void gate(struct moat *jit, u32 value, u32 live, u32 pc, u8 mark)
{
	u32 start = jit->buf.len;

	if (!jit->gates)
		return;
	keep(jit, live, false);
	x64_mov_imm(&jit->buf, X64_RCX, 0);
	x64_mov_imm(&jit->buf, X64_RDX, 0);
	write_checked(jit, value, pc);
	keep(jit, live, true);
	moat_mark(jit, mark, start);
}

void x64_enter(struct moat *jit, u32 live, u32 pc)
{
	gate(jit, jit->opt->domain_rights, live, pc, MOAT_MARK_ENTER);
}

void x64_leave(struct moat *jit, u32 live, u32 pc)
{
	gate(jit, jit->opt->host_rights, live, pc, MOAT_MARK_LEAVE);
}

/* RDPKRU wants RCX to be zero and makes RDX so: the gate needs no more. */
void x64_enter_first(struct moat *jit, u32 live, u32 pc)
{
	struct moat_buf *b = &jit->buf;
	u32 start = b->len;

	if (!jit->gates)
		return;
	keep(jit, live, false);
	x64_mov_imm(b, X64_RCX, 0);
	x64_rdpkru(b);
	x64_ins(b, X64_MOV_RM_R, X64_32, X64_RAX, x64_at(X64_RSP, X64_HOST_PKRU));
	write_checked(jit, jit->opt->domain_rights, pc);
	keep(jit, live, true);
	moat_mark(jit, MOAT_MARK_ENTER, start);
}

/* In host state, RAX live: most callers have the host's rights already. */
void x64_restore_rights(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	struct x64_rm saved = x64_at(X64_RSP, X64_HOST_PKRU);
	u32 same;

	if (!jit->gates)
		return;
	x64_alu_imm(b, 7, X64_32, saved, jit->opt->host_rights);
	same = x64_jcc_forward(b, X64_E);
	keep(jit, X64_LIVE(X64_RAX), false);
	x64_mov_imm(b, X64_RCX, 0);
	x64_mov_imm(b, X64_RDX, 0);
	x64_ins(b, X64_MOV_R_RM, X64_32, X64_RAX, saved);
	write_rights(jit);
	keep(jit, X64_LIVE(X64_RAX), true);
	x64_label(b, same);
}
