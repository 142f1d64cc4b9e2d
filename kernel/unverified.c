// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw programs: made of instructions by a part of the kernel, for itself, and
 * seen by no verifier.  In this kernel that is lib/test_bpf.
 *
 * What they are given is unknown, so they have no view: R1 is the offset of an
 * empty page of theirs.  What names the kernel's functions and data by
 * their addresses has no isolated form.
 */
#define pr_fmt(fmt) "moat: " fmt

#include <linux/mm.h>
#include <linux/slab.h>
#include "glue.h"
#include "programs.h"
#include "unverified.h"

struct bpf_verifier_env *moat_unverified_env(u32 len)
{
	struct bpf_verifier_env *env = kvzalloc(sizeof(*env), GFP_KERNEL);

	if (!env)
		return NULL;
	env->prog = bpf_prog_alloc(bpf_prog_size(len), 0);
	env->insn_aux_data = kvcalloc(len, sizeof(*env->insn_aux_data), GFP_KERNEL);
	env->subprog_cnt = 1;
	if (env->prog && env->insn_aux_data) {
		env->prog->len = len;
		return env;
	}
	moat_unverified_free(env);
	return NULL;
}

void moat_unverified_free(struct bpf_verifier_env *env)
{
	if (!env)
		return;
	if (env->prog) {
		moat_forget_reason(env->prog->aux);
		__bpf_prog_free(env->prog);
	}
	kvfree(env->insn_aux_data);
	kvfree(env);
}

/*
 * Of one that was loaded by a user the kernel knows the operations, and so it
 * does of the programs that fill views (fields.c).  Functions are made by the verifier.
 */
static bool is_raw(const struct bpf_prog *prog)
{
	return !prog->aux->ops && !prog->is_func && !bpf_prog_was_classic(prog);
}

/* What has no isolated form, as it stands for something of the kernel's that no verifier has resolved. */
static const char *unfit(const struct bpf_insn *insn)
{
	switch (insn->code) {
	case BPF_LD | BPF_IMM | BPF_DW:
		return insn->src_reg ? "names an object of the kernel" : NULL;
	case BPF_JMP | BPF_CALL:
		return "calls a function by its address";
	case BPF_JMP | BPF_TAIL_CALL:
		return "calls programs by the address of their array";
	default:
		return NULL;
	}
}

static int check_insns(struct bpf_verifier_env *env)
{
	const struct bpf_insn *insn = env->prog->insnsi;
	const char *why;
	u32 i;

	for (i = 0; i < env->prog->len; i++) {
		why = unfit(&insn[i]);
		if (why)
			return moat_refuse(env, -EOPNOTSUPP, "insn %u: a raw program %s", i, why);
		/* Its other half is a number. */
		i += insn[i].code == (BPF_LD | BPF_IMM | BPF_DW);
	}
	return 0;
}

/*
 * The instructions, with what only the verifier writes taken out of the reserved
 * field of zero extensions; and an end, as code that is never reached may stand last.
 */
static void copy_insns(struct bpf_verifier_env *env, const struct bpf_prog *prog)
{
	struct bpf_insn *insn = env->prog->insnsi;
	u32 i;

	memcpy(insn, prog->insnsi, prog->len * sizeof(*insn));
	insn[prog->len] = BPF_EXIT_INSN();
	for (i = 0; i < prog->len; i++)
		if (insn_is_zext(&insn[i]))
			insn[i].imm = 0;
}

/* 0 or -errno; @prog has its domain then. */
static int isolate(struct bpf_prog *prog)
{
	static const struct bpf_verifier_ops none = { };
	struct bpf_verifier_env *env;
	struct moat_domain *d;
	int err;

	env = moat_unverified_env(prog->len + 1);
	if (!env)
		return -ENOMEM;
	/* Only the kernel makes them, and nobody else is told. */
	env->log.level = BPF_LOG_KERNEL;
	env->ops = &none;
	strscpy(env->prog->aux->name, "raw", sizeof(env->prog->aux->name));
	copy_insns(env, prog);
	err = check_insns(env);
	if (!err) {
		d = moat_domain_make(env, false);
		err = PTR_ERR_OR_ZERO(d);
	}
	if (!err)
		moat_domain_give(d, prog->aux);
	moat_unverified_free(env);
	return err;
}

bool moat_raw_refused(struct bpf_prog *prog)
{
	int err;

	if (!moat_maps_isolated() || prog->aux->moat || !is_raw(prog))
		return false;
	err = isolate(prog);
	return err && (err == -ENOMEM || !moat_permissive());
}
