/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which guard each access gets, and what the image as a whole needs. */
#include "plan.h"
#include "kernel.h"
#include "run.h"

static struct moat_verdict verdict(enum moat_guard guard, const char *why)
{
	return (struct moat_verdict){ .guard = guard, .why = why };
}

static bool has_gates(enum moat_mode mode)
{
	return mode == MOAT_MODE_PKU || mode == MOAT_MODE_PKU_BASEREG;
}

static bool has_basereg(enum moat_mode mode)
{
	return mode == MOAT_MODE_BASEREG || mode == MOAT_MODE_PKU_BASEREG;
}

u8 moat_op_base(const struct moat_op *op)
{
	return op->kind == MOAT_STORE || op->kind == MOAT_ATOMIC ? op->dst : op->src;
}

/*
 * Looks only at the instruction: bytecode cannot write R10, so a constant
 * distance from it is the one address known without trusting anyone.
 */
struct moat_verdict moat_plan_memory(const struct moat_op *op, enum moat_mode mode, bool trusted_frame)
{
	u8 base = moat_op_base(op);

	if (base == BPF_REG_10) {
		if (op->off < -MOAT_FRAME_BYTES || op->off + op->bytes > 0)
			return verdict(MOAT_GUARD_REFUSE, "outside the frame");
		if (trusted_frame)
			return verdict(MOAT_GUARD_FRAME, "constant in the frame");
	}
	if (has_basereg(mode))
		return verdict(MOAT_GUARD_CAGE, base == BPF_REG_10 ? "a return can be forged" : "address unknown");
	if (has_gates(mode))
		return verdict(MOAT_GUARD_KEY, "the key of the page decides");

	return verdict(MOAT_GUARD_NONE, "mode none");
}

static bool is_memory(const struct moat_op *op)
{
	return op->kind == MOAT_LOAD || op->kind == MOAT_STORE || op->kind == MOAT_ATOMIC ||
	       op->kind == MOAT_GATHER || op->kind == MOAT_LOOKUP;
}

bool moat_is_call(const struct moat_op *op)
{
	return op->kind == MOAT_HELPER || op->kind == MOAT_TAIL || op->kind == MOAT_LOCAL ||
	       op->kind == MOAT_PACKET;
}

static bool reads_src(const struct moat_op *op)
{
	switch (op->kind) {
	case MOAT_LOAD:
	case MOAT_PROBE:
	case MOAT_GATHER:
	case MOAT_ATOMIC:
	case MOAT_LEA:
	case MOAT_ROTATE:
	case MOAT_LOOKUP:
		return true;
	case MOAT_PACKET:
		return op->fn == BPF_IND;
	case MOAT_ALU:
		return !op->has_imm && op->fn != BPF_NEG;
	case MOAT_SHIFT:
	case MOAT_DIV:
	case MOAT_MOV:
	case MOAT_STORE:
	case MOAT_BRANCH:
		return !op->has_imm;
	default:
		return false;
	}
}

u16 moat_op_regs(const struct moat_op *op)
{
	u16 regs = reads_src(op) ? 1 << op->src : 0;

	if (op->kind == MOAT_NOP || op->kind == MOAT_JUMP || op->kind == MOAT_BARRIER)
		return 0;
	if (moat_is_call(op))
		return regs | 0x3f;	/* R0-R5 */
	if (op->kind == MOAT_EXIT)
		return 1 << BPF_REG_0;
	if (op->kind == MOAT_ATOMIC && op->imm == BPF_CMPXCHG)
		regs |= 1 << BPF_REG_0;
	if (op->kind == MOAT_LEA && !op->has_imm)
		regs |= 1 << op->off;
	return regs | 1 << op->dst;
}

/* Does its code look into the host's frame? */
static bool needs_frame(const struct moat_op *op)
{
	return moat_is_call(op) || op->kind == MOAT_CPU || op->kind == MOAT_LOOKUP;
}

/* May its run be ended by the host in there? */
static bool may_end(const struct moat_op *op)
{
	return moat_is_call(op) && op->kind != MOAT_PACKET;
}

/* A loop in the emitter that needs a third temporary. */
static bool is_fetch_loop(const struct moat_op *op)
{
	return op->kind == MOAT_ATOMIC && (op->imm == (BPF_AND | BPF_FETCH) ||
					   op->imm == (BPF_OR | BPF_FETCH) || op->imm == (BPF_XOR | BPF_FETCH));
}

static bool is_loop(const struct moat_op *op)
{
	return (op->kind == MOAT_JUMP || op->kind == MOAT_BRANCH) && op->target <= op->pc;
}

/* The last exit of a function holds its epilogue; the others jump there. */
static void place_exits(struct moat *jit, struct moat_func *f)
{
	u32 i;

	f->exit = MOAT_NO_TARGET;

	for (i = f->end; i-- > f->start;) {
		struct moat_op *op = &jit->op[i];

		if (op->kind != MOAT_EXIT)
			continue;
		if (f->exit == MOAT_NO_TARGET) {
			f->exit = i;
		} else {
			op->kind = MOAT_JUMP;
			op->target = f->exit;
		}
	}
}

static void summarise(struct moat *jit)
{
	u32 f, i;

	for (f = 0; f < jit->nr_func; f++) {
		struct moat_func *func = &jit->func[f];

		func->regs = 0;
		func->calls = false;
		for (i = func->start; i < func->end; i++) {
			const struct moat_op *op = &jit->op[i];

			func->regs |= moat_op_regs(op);
			func->calls |= needs_frame(op);
			jit->may_end |= jit->opt->ends && may_end(op);
			jit->has_local |= op->kind == MOAT_LOCAL;
			jit->uses_fuel |= is_loop(op) || op->kind == MOAT_LOCAL || op->kind == MOAT_FUNC;
			jit->uses_loop |= is_fetch_loop(op);
			jit->uses_cage |= op->guard == MOAT_GUARD_CAGE;
			jit->tail_reachable |= op->kind == MOAT_TAIL;
		}
		jit->regs |= func->regs;
		jit->calls |= func->calls || func->is_callback;
	}
	if (moat_kernel_form(jit->opt))
		jit->tail_reachable |= jit->opt->kernel->tail_reachable;
	jit->uses_fuel &= jit->opt->fuel && !moat_kernel_form(jit->opt);
	jit->uses_frame = jit->regs & 1 << BPF_REG_10;
	if (jit->gates && (jit->has_local || jit->nr_func > 1))	/* returns go through the frame */
		jit->uses_frame = true;
	if (jit->gates && jit->basereg && jit->nr_func > 1)
		jit->uses_cage = true;
}

/*
 * Is a packet load tried in the cage first?  The frame must be in reach, which it is not in gate modes, and the
 * offset small enough to stand in an operand (struct moat_frame).
 */
static bool loads_from_view(const struct moat *jit, const struct moat_op *op)
{
	if (!jit->opt->packet_view || !jit->basereg || jit->gates)
		return false;
	if (op->fn == BPF_ABS && op->blinded)
		return false;
	return op->fn == BPF_IND || (op->imm >= 0 && op->imm + op->bytes <= MOAT_BESIDE);
}

static int guard_ops(struct moat *jit)
{
	u32 i;

	for (i = 0; i < jit->len; i++) {
		struct moat_op *op = &jit->op[i];
		struct moat_verdict v = { MOAT_GUARD_NONE, "the kernel's verifier" };

		if (op->kind == MOAT_PACKET && loads_from_view(jit, op))
			op->guard = MOAT_GUARD_CAGE;
		if (!is_memory(op))
			continue;
		if (!moat_kernel_form(jit->opt))
			v = moat_plan_memory(op, jit->opt->mode, !jit->gates || jit->nr_func == 1);
		if (v.guard == MOAT_GUARD_REFUSE) {
			moat_logf(&jit->opt->log, "insn %u: memory access refused: %s", op->pc, v.why);
			return -EINVAL;
		}
		op->guard = v.guard;
	}
	return 0;
}

static bool may_isolate(const struct moat_options *opt)
{
	return opt->mode == MOAT_MODE_BASEREG && !opt->kernel->classic && !opt->kernel->subprogram;
}

int moat_plan_ops(struct moat *jit)
{
	enum moat_mode mode = jit->opt->mode;
	u32 i;
	int err;

	if (moat_has_stub(jit->opt) && !may_isolate(jit->opt)) {
		moat_logf(&jit->opt->log, "in the kernel there are modes none and basereg, the latter for whole programs");
		return -EOPNOTSUPP;
	}
	jit->gates = has_gates(mode);
	jit->basereg = has_basereg(mode);
	for (i = 0; i < jit->nr_func; i++)
		place_exits(jit, &jit->func[i]);
	if (!jit->opt->plain) {
		moat_find_targets(jit);
		moat_find_divisors(jit);
		moat_inline(jit);
		moat_fuse(jit);
	}
	moat_blind(jit);
	err = guard_ops(jit);
	if (err)
		return err;
	moat_plan_kept(jit);
	summarise(jit);
	return jit->arch->choose(jit);
}
