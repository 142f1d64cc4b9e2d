/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Loads, stores and atomics (RFC 9669 section 5). */
#include "regs.h"
#include "../jit/plan.h"

enum a64_mem a64_mem_op(const struct moat_op *op)
{
	static const enum a64_mem zero[] = { [1] = A64_LDRB, [2] = A64_LDRH, [4] = A64_LDR_W, [8] = A64_LDR_X };
	static const enum a64_mem sign[] = { [1] = A64_LDRSB, [2] = A64_LDRSH, [4] = A64_LDRSW };
	static const enum a64_mem store[] = { [1] = A64_STRB, [2] = A64_STRH, [4] = A64_STR_W, [8] = A64_STR_X };

	if (op->kind == MOAT_STORE)
		return store[op->bytes];
	return op->sx ? sign[op->bytes] : zero[op->bytes];
}

void a64_emit_load(struct moat *jit, const struct moat_op *op)
{
	a64_access(jit, a64_mem_op(op), a64_reg(op->dst), a64_operand(jit, op, op->src));
}

void a64_to_host_order(struct moat *jit, enum a64_reg reg, u8 bytes)
{
	if (bytes == 8)
		a64_emit(&jit->buf, a64_rr(A64_REV_X, A64_X, reg, reg));
	else if (bytes > 1)	/* the upper half of a loaded 16-bit value is zero and stays so */
		a64_emit(&jit->buf, a64_rr(bytes == 4 ? A64_REV_W : A64_REV16, A64_W, reg, reg));
}

/* A row of byte loads in one: as a load, then into the order the program assembles. */
void a64_emit_gather(struct moat *jit, const struct moat_op *op)
{
	a64_emit_load(jit, op);
	if (op->fn == SWAP_BE)
		a64_to_host_order(jit, a64_reg(op->dst), op->bytes);
}

void a64_emit_store(struct moat *jit, const struct moat_op *op)
{
	enum a64_reg src = A64_TMP2;

	if (!op->has_imm)
		src = a64_value(jit, op->src, A64_TMP2);
	else if (!op->imm)
		src = A64_ZR;
	else
		a64_load_imm(jit, op, A64_TMP2, op->bytes == 8 ? op->imm : (s64)(u32)op->imm);
	a64_access(jit, a64_mem_op(op), src, a64_operand(jit, op, op->dst));
}

static enum a64_size atomic_width(const struct moat_op *op)
{
	return op->bytes == 8 ? A64_X : A64_W;
}

/* One LSE instruction.  AND is done as a clear of the complement. */
static void atomic_lse(struct moat *jit, const struct moat_op *op, enum a64_reg at, enum a64_reg src)
{
	static const enum a64_lse plain[16] = {
		[BPF_ADD >> 4] = A64_LDADD, [BPF_AND >> 4] = A64_LDCLR, [BPF_OR >> 4] = A64_LDSET,
		[BPF_XOR >> 4] = A64_LDEOR,
	};
	static const enum a64_lse fetch[16] = {
		[BPF_ADD >> 4] = A64_LDADDAL, [BPF_AND >> 4] = A64_LDCLRAL, [BPF_OR >> 4] = A64_LDSETAL,
		[BPF_XOR >> 4] = A64_LDEORAL, [BPF_XCHG >> 4] = A64_SWPAL,
	};
	enum a64_size sf = atomic_width(op);
	enum a64_reg operand = src;
	u8 fn = op->imm & 0xf0;

	if (op->imm == BPF_CMPXCHG) {
		/* R0 takes the old value; CAS leaves the rest of it alone, W forms zero it. */
		a64_emit(&jit->buf, a64_lse(A64_CASAL, sf, a64_reg(BPF_REG_0), src, at));
		return;
	}
	if (fn == BPF_AND) {
		a64_emit(&jit->buf, a64_rrr(A64_ORN, sf, A64_TMP2, A64_ZR, src));
		operand = A64_TMP2;
	}
	if (op->imm & BPF_FETCH)
		a64_emit(&jit->buf, a64_lse(fetch[fn >> 4], sf, operand, src, at));
	else
		a64_emit(&jit->buf, a64_lse(plain[fn >> 4], sf, operand, A64_ZR, at));
}

/* The new value from @old and @src into @to, for the loop. */
static void combine(struct moat *jit, u8 fn, enum a64_size sf, enum a64_reg to, enum a64_reg old, enum a64_reg src)
{
	static const enum a64_rrr word[16] = {
		[BPF_ADD >> 4] = A64_ADD, [BPF_AND >> 4] = A64_AND, [BPF_OR >> 4] = A64_ORR, [BPF_XOR >> 4] = A64_EOR,
	};

	a64_emit(&jit->buf, a64_rrr(word[fn >> 4], sf, to, old, src));
}

/*
 * The same with exclusives.  Fetching forms are fully ordered: the store
 * releases and a barrier follows, as in Linux's atomics.
 */
static void atomic_loop(struct moat *jit, const struct moat_op *op, enum a64_reg at, enum a64_reg src)
{
	struct moat_buf *b = &jit->buf;
	enum a64_size sf = atomic_width(op);
	bool fetch = op->imm & BPF_FETCH;
	u32 again = b->len;
	u8 fn = op->imm & 0xf0;
	enum a64_reg new = A64_TMP3;

	a64_emit(b, a64_excl(A64_LDXR, sf, A64_ZR, A64_TMP2, at));
	if (fn == (BPF_XCHG & 0xf0) && fetch)
		new = src;
	else
		combine(jit, fn, sf, new, A64_TMP2, src);
	a64_emit(b, a64_excl(fetch ? A64_STLXR : A64_STXR, sf, A64_TMP4, new, at));
	a64_emit(b, a64_cb(A64_CBNZ, A64_W, A64_TMP4, (s64)again - b->len));
	if (fetch) {
		a64_emit_plain(b, A64_DMB_ISH);
		a64_mov(b, sf, a64_reg(op->src), A64_TMP2);
	}
}

static void cmpxchg_loop(struct moat *jit, const struct moat_op *op, enum a64_reg at, enum a64_reg src)
{
	struct moat_buf *b = &jit->buf;
	enum a64_size sf = atomic_width(op);
	enum a64_reg r0 = a64_reg(BPF_REG_0);
	u32 again = b->len, other;

	a64_emit(b, a64_excl(A64_LDXR, sf, A64_ZR, A64_TMP2, at));
	a64_emit(b, a64_rrr(A64_SUBS, sf, A64_ZR, A64_TMP2, r0));
	other = a64_bcond_forward(b, A64_NE);
	a64_emit(b, a64_excl(A64_STLXR, sf, A64_TMP4, src, at));
	a64_emit(b, a64_cb(A64_CBNZ, A64_W, A64_TMP4, (s64)again - b->len));
	a64_label(b, other);
	a64_emit_plain(b, A64_DMB_ISH);
	a64_mov(b, sf, r0, A64_TMP2);
}

void a64_emit_atomic(struct moat *jit, const struct moat_op *op)
{
	enum a64_reg at = a64_address(jit, a64_operand(jit, op, op->dst));
	enum a64_reg src = a64_value(jit, op->src, A64_TMP5);

	if (a64_have(jit, A64_LSE))
		atomic_lse(jit, op, at, src);
	else if (op->imm == BPF_CMPXCHG)
		cmpxchg_loop(jit, op, at, src);
	else
		atomic_loop(jit, op, at, src);
}
