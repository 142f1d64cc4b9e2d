/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Code of a program for either architecture, to be looked at and not to be run. */
#include "internal.h"

/*
 * Where the image and the host's functions would lie: always the same, so that
 * two dumps can be compared, and such that code is as long as code that runs:
 * within reach of a call, and with no 16 bits that are zero.
 */
#define IMAGE	0x200000000000ull
#define HOST	(IMAGE + 0x40010040)
enum { HOST_CALL = 0, HOST_TAIL = 64, HOST_PACKET = 128, HOST_HELPERS = 4096 };

static const struct moat_arch *find_arch(const char *name)
{
	static const struct moat_arch *const all[] = { &x64_arch, &a64_arch };
	u32 i;

	if (!name)
		return moat_native();
	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

/* Mode none: a place for each helper that there is. */
static int callee(void *arg, s32 id, struct moat_callee *out)
{
	const struct moat_program *prog = arg;
	const struct moat_helper *h = moat_helper_find(prog->obj, id, prog->type);

	if (!h)
		return -ENOENT;
	out->address = HOST + HOST_HELPERS + 16 * ((u32)id & 0xffffff);
	out->ret_mem = h->ret == MOAT_RET_MEM;
	return 0;
}

/* As for running, with the rights of a program that has key 1. */
static struct moat_options options(struct moat_program *prog, const struct moat_arch *arch)
{
	struct moat_options opt = moat_program_options(prog);
	bool por = arch == &a64_arch;

	opt.arch = arch;
	opt.cpu = moat_cpu_of(arch);
	opt.host_rights = por ? 0x7 : 0x55555554;	/* Linux's defaults: only key 0 is open */
	opt.domain_rights = por ? 0x52 : 0x55555551;	/* POR_EL0: key 0 may be executed still */
	opt.call = HOST + HOST_CALL;
	opt.tail = HOST + HOST_TAIL;
	opt.packet = HOST + HOST_PACKET;
	opt.callee = callee;
	return opt;
}

static int write_code(struct moat *jit, struct moat_code *code)
{
	u32 round;
	int err = -EAGAIN;

	jit->max_mark = moat_marks_for(jit->len);
	jit->mark = calloc(jit->max_mark, sizeof(*jit->mark));
	code->marks = jit->mark;
	if (!jit->mark)
		return -ENOMEM;
	for (round = 0; err == -EAGAIN && round < MOAT_MAX_ROUNDS; round++) {
		free((void *)code->code);
		code->bytes = jit->bytes;
		code->code = calloc(1, code->bytes);
		err = code->code ? moat_emit(jit, (void *)code->code, IMAGE, code->bytes) : -ENOMEM;
	}
	code->nr_marks = jit->nr_mark;
	return err;
}

/* The tables that outlive the workspace. */
static int keep(struct moat_code *code, const struct moat *jit)
{
	u32 *slot = malloc((jit->len + 1) * sizeof(*slot)), i;
	struct moat_trap *trap = malloc(jit->nr_trap * sizeof(*trap) + 1);

	code->slot = slot;
	code->traps = trap;
	if (!slot || !trap)
		return -ENOMEM;
	code->nr_slots = jit->len;
	for (i = 0; i <= jit->len; i++)
		slot[i] = jit->slot[i].start;
	code->nr_traps = jit->nr_trap;
	memcpy(trap, jit->trap, jit->nr_trap * sizeof(*trap));
	return 0;
}

/* Where the code is checked the gates that would belong to it are made, to be checked too. */
static int check_gates(struct moat_program *prog, const struct moat *jit, struct moat_code *code)
{
	struct moat_image *img = jit->opt->check ? calloc(1, sizeof(*img)) : NULL;
	int err;

	if (!img)
		return jit->opt->check ? -ENOMEM : 0;
	img->prog = prog;
	err = moat_image_keep(img, jit);
	code->nr_gates = img->nr_checked;
	moat_image_free(img);
	return err;
}

static int emit(struct moat_program *prog, const struct moat_options *opt, struct moat_code *code)
{
	void *work = calloc(1, moat_work_bytes(prog->len));
	struct moat jit;
	int err;

	if (!work)
		return -ENOMEM;
	err = moat_plan(&jit, prog->insn, prog->len, opt, work);
	if (!err)
		err = write_code(&jit, code);
	if (!err)
		err = keep(code, &jit);
	if (!err)
		err = check_gates(prog, &jit, code);
	free(work);
	return err;
}

static void tell(const struct moat_program *prog, const struct moat_options *opt, int err)
{
	const char *form = opt->form == MOAT_BASE_SEGMENT ? " with the base in a segment" : "";

	if (err == -EOPNOTSUPP)
		moat_print(MOAT_WARN, "%s: %s: %s has no mode %s%s", prog->obj->name, prog->name, opt->arch->name,
			   moat_mode_name(opt->mode), form);
	else
		moat_print(MOAT_WARN, "%s: %s: no code for %s: %s", prog->obj->name, prog->name, opt->arch->name,
			   strerror(-err));
}

int moat_program__emit(struct moat_program *prog, const char *arch, struct moat_code *code)
{
	const struct moat_arch *to = find_arch(arch);
	struct moat_options opt;
	int err;

	memset(code, 0, sizeof(*code));
	if (!to) {
		moat_print(MOAT_WARN, "no architecture '%s'; there are: x86, arm64", arch);
		return -EINVAL;
	}
	if (!prog->domain)
		return -ENOENT;
	opt = options(prog, to);
	code->address = IMAGE;
	code->arch = to->name;
	err = emit(prog, &opt, code);
	if (err) {
		tell(prog, &opt, err);
		moat_code__free(code);
	}
	return err;
}

void moat_code__free(struct moat_code *code)
{
	free((void *)code->code);
	free((void *)code->slot);
	free((void *)code->marks);
	free((void *)code->traps);
	memset(code, 0, sizeof(*code));
}
