/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What must hold of a program whatever a verifier said.
 *
 * The emitters rely on it: control stays inside a function, functions call
 * each other in a bounded tree, and R10 is the frame.  There are few
 * functions and many instructions, so each step goes over the instructions
 * once with the sorted table of functions at hand.
 */
#include "op.h"

/* The work at hand, for the steps. */
struct program {
	struct moat_op *op;
	u32 len;
	const struct moat_known *known;
	struct moat_func *func;
	u32 nr_func;
	const struct moat_log *log;
};

/* Say that instruction @pc breaks the rule @broken. */
static int refuse(const struct program *p, u32 pc, const char *broken)
{
	const struct bpf_insn *insn = p->known ? p->known->insn : NULL;
	char text[MOAT_TEXT];

	if (insn)
		moat_logf(p->log, "insn %u: %s: %s", pc,
			  moat_text(text, &insn[pc], p->len - pc), broken);
	else
		moat_logf(p->log, "insn %u: %s", pc, broken);
	return -EINVAL;
}

static bool has_target(const struct moat_op *op)
{
	return op->kind == MOAT_JUMP || op->kind == MOAT_BRANCH;
}

static bool names_function(const struct moat_op *op)
{
	return op->kind == MOAT_LOCAL || op->kind == MOAT_FUNC;
}

static bool is_second_half(const struct moat_op *op)
{
	return op->kind == MOAT_NOP && op->src == 1;
}

/* Index of the last function that starts at or before @pc. */
static u32 func_index(const struct moat_func *func, u32 nr, u32 pc)
{
	u32 lo = 0, hi = nr;

	while (hi - lo > 1) {
		u32 mid = lo + (hi - lo) / 2;

		if (func[mid].start <= pc)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

const struct moat_func *moat_func_at(const struct moat_func *func, u32 nr, u32 pc)
{
	return &func[func_index(func, nr, pc)];
}

/* R10 ----------------------------------------------------------------------*/

static bool writes_frame_pointer(const struct moat_op *op)
{
	switch (op->kind) {
	case MOAT_ALU:
	case MOAT_SHIFT:
	case MOAT_DIV:
	case MOAT_MOV:
	case MOAT_SWAP:
	case MOAT_LOAD:
	case MOAT_PROBE:
	case MOAT_IMM64:
	case MOAT_FUNC:
		return op->dst == BPF_REG_10;
	case MOAT_ATOMIC:	/* a fetch returns the old value in src, CMPXCHG in R0 */
		return op->imm & BPF_FETCH && op->imm != BPF_CMPXCHG && op->src == BPF_REG_10;
	default:
		return false;
	}
}

/* Is this an access at a constant distance from R10 that leaves the frame? */
static bool leaves_frame(const struct moat_op *op)
{
	u8 base = op->kind == MOAT_LOAD ? op->src : op->dst;

	if (op->kind != MOAT_LOAD && op->kind != MOAT_STORE && op->kind != MOAT_ATOMIC)
		return false;
	return base == BPF_REG_10 &&
	       (op->off < -MOAT_FRAME_BYTES || op->off + op->bytes > 0);
}

/* Functions ----------------------------------------------------------------*/

/* Add the function that @op names, keeping the table sorted. */
static int add_function(struct program *p, const struct moat_op *op)
{
	u32 at, i;

	if (op->target >= p->len)
		return refuse(p, op->pc, "the function called is outside the program");
	if (is_second_half(&p->op[op->target]))
		return refuse(p, op->pc, "calls into the middle of a wide instruction");
	if (op->target == 0)
		return refuse(p, op->pc, "recursion: the main function is called");

	at = func_index(p->func, p->nr_func, op->target);
	if (p->func[at].start == op->target)
		return 0;
	if (p->nr_func == MOAT_MAX_FUNCS) {
		refuse(p, op->pc, "the program has too many functions");
		return -E2BIG;
	}
	for (i = p->nr_func++; i > at + 1; i--)
		p->func[i] = p->func[i - 1];
	p->func[at + 1] = (struct moat_func) { .start = op->target };
	return 0;
}

static bool for_kernel(const struct program *p)
{
	return p->known && p->known->kernel;
}

/* Find where functions start and end. */
static int find_functions(struct program *p)
{
	u32 pc, i;
	int err;

	p->func[0] = (struct moat_func) { .start = 0, .end = p->len };
	p->nr_func = 1;
	for (pc = 0; pc < p->len; pc++) {
		if (!names_function(&p->op[pc]))
			continue;
		err = add_function(p, &p->op[pc]);
		if (err)
			return err;
	}
	for (i = 0; i < p->nr_func; i++)
		p->func[i].end = i + 1 < p->nr_func ? p->func[i + 1].start : p->len;
	return 0;
}

/* Instructions -------------------------------------------------------------*/

static int check_target(const struct program *p, const struct moat_func *f,
			const struct moat_op *op)
{
	if (op->target >= p->len)
		return refuse(p, op->pc, "jumps out of the program");
	if (op->target < f->start || op->target >= f->end)
		return refuse(p, op->pc, "jumps into another function");
	if (is_second_half(&p->op[op->target]))
		return refuse(p, op->pc, "jumps into the middle of a wide instruction");
	return 0;
}

static bool helper_is_known(const struct program *p, s32 id)
{
	return p->known && p->known->helper && p->known->helper(p->known->arg, id);
}

static int check_op(const struct program *p, const struct moat_func *f, const struct moat_op *op)
{
	if (writes_frame_pointer(op))
		return refuse(p, op->pc, "writes R10, the read-only frame pointer");
	if (has_target(op))
		return check_target(p, f, op);
	if (for_kernel(p))
		return 0;
	if (leaves_frame(op))
		return refuse(p, op->pc, "accesses the stack outside of its 512-byte frame");
	if (op->kind == MOAT_HELPER && !helper_is_known(p, op->imm))
		return refuse(p, op->pc, "there is no such helper for this program");
	if (op->kind == MOAT_TAIL && f->start != 0)
		return refuse(p, op->pc, "tail calls are for the main function only");
	return 0;
}

/* Check every instruction of @f, and its end. */
static int check_function(const struct program *p, const struct moat_func *f)
{
	const struct moat_op *last = &p->op[f->end - 1];
	u32 pc;
	int err;

	for (pc = f->start; pc < f->end; pc++) {
		err = check_op(p, f, &p->op[pc]);
		if (err)
			return err;
	}
	if (is_second_half(last))
		last--;
	/* The kernel's own tests end in code that is never reached: the driver puts a trap behind it. */
	if (last->kind != MOAT_EXIT && last->kind != MOAT_JUMP && !for_kernel(p))
		return refuse(p, last->pc, "falls off the end of the function");
	return 0;
}

/* Call graph ---------------------------------------------------------------*/

/*
 * The chain of callers of function @i got too long.  Does it come back to
 * where it was?  A cycle shows in the callers because it is what made the
 * depth grow; otherwise there are too many frames, which is true as well
 * when a longer cycle goes unnoticed.
 */
static bool chain_repeats(const struct program *p, u32 i)
{
	u32 seen[MOAT_MAX_FRAMES + 1], n, j;

	for (n = 0; n <= MOAT_MAX_FRAMES; n++) {
		for (j = 0; j < n; j++)
			if (seen[j] == i)
				return true;
		seen[n] = i;
		i = p->func[i].caller;
	}
	return false;
}

/* Follow one call.  Whether it made a function deeper; a negative errno: too deep. */
static int follow_call(const struct program *p, u32 from, const struct moat_op *op)
{
	u32 to = func_index(p->func, p->nr_func, op->target);

	if (op->kind == MOAT_FUNC)
		p->func[to].is_callback = true;
	else
		p->func[to].is_called = true;
	if (p->func[to].depth > p->func[from].depth)
		return false;
	p->func[to].depth = p->func[from].depth + 1;
	p->func[to].caller = from;
	if (p->func[to].depth < MOAT_MAX_FRAMES)
		return true;
	if (chain_repeats(p, to))
		return refuse(p, op->pc, "recursion: the call is in a cycle of calls, or behind one");
	return refuse(p, op->pc, "the chain of calls is more than 8 frames deep");
}

static_assert(MOAT_MAX_FRAMES == 8, "the message above says 8");

/*
 * Make every function deeper than its callers until nothing changes.  A
 * round without change ends it; each other round deepens some function, and
 * no function gets deeper than MOAT_MAX_FRAMES, so a cycle ends it too.  Only
 * a program whose calls mostly go backwards needs more than two rounds.
 */
static int check_calls(const struct program *p)
{
	bool changed;
	u32 pc, i;
	int ret;

	do {
		changed = false;
		for (pc = 0, i = 0; pc < p->len; pc++) {
			if (pc == p->func[i].end)
				i++;
			if (!names_function(&p->op[pc]))
				continue;
			ret = follow_call(p, i, &p->op[pc]);
			if (ret < 0)
				return ret;
			changed |= ret;
		}
	} while (changed);
	return 0;
}

int moat_validate(struct moat_op *op, u32 len, const struct moat_known *known,
		  struct moat_func *func, u32 *nr_func, const struct moat_log *log)
{
	struct program p = {
		.op = op, .len = len, .known = known, .func = func, .log = log,
	};
	u32 i, max = for_kernel(&p) ? MOAT_MAX_KERNEL_INSNS : MOAT_MAX_INSNS;
	int err;

	*nr_func = 0;
	if (!len) {
		moat_logf(log, "the program is empty");
		return -EINVAL;
	}
	if (len > max) {
		moat_logf(log, "the program is too long: %u instructions, %u are the limit", len, max);
		return -E2BIG;
	}
	err = find_functions(&p);
	for (i = 0; !err && i < p.nr_func; i++)
		err = check_function(&p, &p.func[i]);
	if (!err)
		err = check_calls(&p);
	if (!err)
		*nr_func = p.nr_func;
	return err;
}
