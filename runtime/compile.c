/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a relocated program to an image that can run: drive the core, place the code, keep its tables. */
#include <time.h>

#include "gate.h"
#include "verify_gates.h"

/* At most these many per slot, and a few for entries and tables. */
u32 moat_marks_for(u32 len)
{
	return 8 * len + 64;
}

/* Place and write the code until no gate byte sequence is left outside gates.  Sets img->pc and bytes. */
static int emit(struct moat *jit, struct moat_image *img)
{
	u32 round;
	int err = -EAGAIN;

	jit->max_mark = moat_marks_for(jit->len);
	jit->mark = calloc(jit->max_mark, sizeof(*jit->mark));
	if (!jit->mark)
		return -ENOMEM;
	for (round = 0; err == -EAGAIN && round < MOAT_MAX_ROUNDS; round++) {
		u32 bytes = jit->bytes;
		u8 *code = malloc(bytes);

		jit->nr_mark = 0;
		err = code ? moat_code_alloc(bytes, &img->pc) : -ENOMEM;
		if (!err) {
			img->bytes = bytes;
			err = moat_emit(jit, code, img->pc, bytes);
			if (!err)
				err = moat_code_write(img->pc, code, bytes);
			if (err)
				moat_code_free(img->pc, bytes);
		}
		free(code);
	}
	if (err)
		img->bytes = 0;
	return err;
}

static void *copy(const void *from, size_t n, size_t each)
{
	void *to = malloc(n * each + 1);

	if (to && n)
		memcpy(to, from, n * each);
	return to;
}

static int by_slot(const void *a, const void *b)
{
	const u32 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int copy_callbacks(struct moat_image *img, const struct moat *jit)
{
	u32 i;

	img->callback = malloc(jit->nr_func * sizeof(*img->callback) + 1);
	if (!img->callback)
		return -ENOMEM;
	for (i = 0; i < jit->nr_func; i++) {
		if (!jit->func[i].is_callback)
			continue;
		img->callback[img->nr_callback].pc = jit->func[i].start;
		img->callback[img->nr_callback++].at = jit->func_entry[i];
	}
	qsort(img->callback, img->nr_callback, sizeof(*img->callback), by_slot);
	return 0;
}

/* A gate for each call; mode none has none: there the helper is called as the program says. */
static int make_gates(struct moat_image *img, const struct moat_program *prog)
{
	u32 i;
	int err;

	if (prog->domain->mode == MOAT_MODE_NONE || !img->nr_site)
		return 0;
	img->gate = aligned_alloc(64, align_up(img->nr_site * sizeof(*img->gate), 64));
	if (!img->gate)
		return -ENOMEM;
	memset(img->gate, 0, img->nr_site * sizeof(*img->gate));
	err = moat_program_records(prog, &img->record, &img->nr_record);
	for (i = 0; !err && i < img->nr_site; i++) {
		s32 id = img->site[i].helper;

		if (id >= 0)
			moat_gate_make(&img->gate[i], prog, moat_helper_find(prog->obj, id, prog->type),
				       moat_record_at(img->record, img->nr_record, img->site[i].pc));
	}
	return err;
}

static int copy_sites(struct moat_image *img, const struct moat *jit)
{
	img->nr_site = jit->nr_site;
	img->site = copy(jit->site, jit->nr_site, sizeof(*img->site));
	return img->site ? make_gates(img, img->prog) : -ENOMEM;
}

static bool call_writes(const struct moat_program *prog, const struct bpf_insn *insn)
{
	const struct moat_helper *h;
	u32 i;

	if (insn->code != (BPF_JMP | BPF_CALL) || insn->src_reg)
		return false;
	h = moat_helper_find(prog->obj, insn->imm, prog->type);
	if (!h || h->packet || insn->imm == BPF_FUNC_tail_call)
		return true;
	for (i = 0; i < MOAT_MAX_ARGS; i++)
		if (h->arg[i].kind == MOAT_ARG_MEM_OUT || h->arg[i].kind == MOAT_ARG_MAP_VALUE_OUT)
			return true;
	return false;
}

/*
 * May a run leave the packet view other than it was laid?  Errs to the safe
 * side: every store that is not into the own frame counts.  Only the program
 * itself is hurt if it were wrong, by a stale packet in the next run.
 */
static bool program_writes(const struct moat_program *prog)
{
	u32 i;

	for (i = 0; i < prog->len; i++) {
		const struct bpf_insn *insn = &prog->insn[i];
		u8 class = BPF_CLASS(insn->code);

		if ((class == BPF_ST || class == BPF_STX) && insn->dst_reg != BPF_REG_10)
			return true;
		if (call_writes(prog, insn))
			return true;
		i += insn->code == (BPF_LD | BPF_IMM | BPF_DW);
	}
	return false;
}

int moat_image_keep(struct moat_image *img, const struct moat *jit)
{
	u32 i;

	img->len = jit->len;
	img->slot = malloc((jit->len + 1) * sizeof(*img->slot));
	img->nr_trap = jit->nr_trap;
	img->trap = copy(jit->trap, jit->nr_trap, sizeof(*img->trap));
	img->nr_mark = jit->nr_mark;
	img->mark = copy(jit->mark, jit->nr_mark, sizeof(*img->mark));
	if (!img->slot || !img->trap || !img->mark || copy_callbacks(img, jit) || copy_sites(img, jit))
		return -ENOMEM;
	for (i = 0; i <= jit->len; i++)
		img->slot[i] = jit->slot[i].start;
	img->writes = program_writes(img->prog);
	img->uses_segment = jit->basereg && jit->form == MOAT_BASE_SEGMENT;
	return jit->opt->check && img->gate ? moat_verify_gates(img) : 0;
}

void moat_image_free(struct moat_image *img)
{
	u32 i;

	if (img->bytes)
		moat_code_free(img->pc, img->bytes);
	free(img->slot);
	free(img->site);
	for (i = 0; img->gate && i < img->nr_site; i++)
		moat_gate_free(&img->gate[i]);
	free(img->gate);
	free(img->record);
	free(img->trap);
	free(img->mark);
	free(img->callback);
	free(img);
}

/* Plan and emit; once more with far calls when the code came to lie out of reach of the host's functions. */
static int build(struct moat_image *img)
{
	struct moat_program *prog = img->prog;
	struct moat_options opt = moat_program_options(prog);
	struct moat jit;
	void *work;
	int err;

	do {
		work = calloc(1, moat_work_bytes(prog->len));
		if (!work)
			return -ENOMEM;
		memset(&jit, 0, sizeof(jit));
		err = moat_plan(&jit, prog->insn, prog->len, &opt, work);
		if (!err)
			err = emit(&jit, img);
		if (!err)
			err = moat_image_keep(img, &jit);
		free(jit.mark);
		free(work);
		if (err != -ERANGE || opt.far_calls)
			return err;
		opt.far_calls = true;
	} while (true);
}

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

int moat_program_compile(struct moat_program *prog)
{
	struct moat_image *img = calloc(1, sizeof(*img));
	u64 start = now();
	int err;

	if (!img)
		return -ENOMEM;
	img->prog = prog;
	err = moat_code_init() ?: moat_fault_init() ?: build(img);
	if (err) {
		moat_print(MOAT_WARN, "%s: %s: not compiled: %s", prog->obj->name, prog->name, strerror(-err));
		moat_image_free(img);
		return err;
	}
	moat_image_publish(img);
	prog->image = img;
	prog->compile_ns = now() - start;
	return 0;
}

/* No run is in it any more. */
void moat_program_discard(struct moat_program *prog)
{
	if (!prog->image)
		return;
	moat_image_retract(prog->image);
	moat_image_free(prog->image);
	prog->image = NULL;
}
