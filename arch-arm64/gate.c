/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Domain switches: POR_EL0 (FEAT_S1POE), or a call of the EL2 monitor.
 *
 * The value is put together in the code and is compared right behind the
 * write, against a constant: a jump into the middle of a gate with another
 * X9 ends in the trap.  Only TMP and TMP2 change, or X16, which bytecode cannot
 * name.
 */
#include "regs.h"

static void mark_gate(struct moat *jit)
{
	if (jit->buf.base)
		jit->gate_at[jit->nr_gate++] = jit->buf.len;
}

static void write_por(struct moat *jit, u64 value, u32 pc)
{
	struct moat_buf *b = &jit->buf;

	a64_mov_imm(b, A64_TMP, value);
	mark_gate(jit);
	a64_emit(b, a64_msr(A64_POR_EL0, A64_TMP));
	a64_emit_plain(b, A64_ISB);
	a64_cmp_const(b, A64_X, A64_TMP, value, A64_TMP2);
	a64_trap_if(jit, A64_NE, pc, MOAT_FAULT_TRAP);
}

/* The monitor keeps all registers, so X16 still says which domain was asked for. */
static void call_monitor(struct moat *jit, u64 domain, u32 pc)
{
	struct moat_buf *b = &jit->buf;

	a64_mov_imm(b, A64_X16, domain);
	mark_gate(jit);
	a64_emit(b, a64_exception(A64_HVC, jit->opt->monitor_call));
	a64_cmp_const(b, A64_X, A64_X16, domain, A64_TMP2);
	a64_trap_if(jit, A64_NE, pc, MOAT_FAULT_TRAP);
}

static void gate(struct moat *jit, u64 value, u32 pc, u8 mark)
{
	u32 start = jit->buf.len;

	if (!jit->gates)
		return;
	if (jit->opt->gate == MOAT_GATE_MONITOR)
		call_monitor(jit, value, pc);
	else
		write_por(jit, value, pc);
	moat_mark(jit, mark, start);
}

void a64_enter(struct moat *jit, u32 pc)
{
	gate(jit, jit->opt->domain_rights, pc, MOAT_MARK_ENTER);
}

void a64_leave(struct moat *jit, u32 pc)
{
	gate(jit, jit->opt->host_rights, pc, MOAT_MARK_LEAVE);
}

/* Under a monitor host state is one domain, the same for each caller: nothing to keep. */
static bool keeps_rights(const struct moat *jit)
{
	return jit->gates && jit->opt->gate == MOAT_GATE_RIGHTS;
}

/* In the prologue, in host state. */
void a64_save_rights(struct moat *jit)
{
	if (!keeps_rights(jit))
		return;
	a64_emit(&jit->buf, a64_rri(A64_SUBI, A64_X, A64_SP, A64_SP, 16));
	a64_emit(&jit->buf, a64_mrs(A64_POR_EL0, A64_TMP));
	a64_emit(&jit->buf, a64_mem(A64_STR_X, A64_TMP, A64_SP, 0));
}

/* In host state: the caller gets back what it had, if that was something else. */
void a64_restore_rights(struct moat *jit)
{
	struct moat_buf *b = &jit->buf;
	u32 same;

	if (!keeps_rights(jit))
		return;
	a64_emit(b, a64_mem(A64_LDR_X, A64_TMP, A64_SP, 0));
	a64_cmp_const(b, A64_X, A64_TMP, jit->opt->host_rights, A64_TMP2);
	same = a64_bcond_forward(b, A64_EQ);
	mark_gate(jit);
	a64_emit(b, a64_msr(A64_POR_EL0, A64_TMP));
	a64_emit_plain(b, A64_ISB);
	a64_label(b, same);
	a64_emit(b, a64_rri(A64_ADDI, A64_X, A64_SP, A64_SP, 16));
}
