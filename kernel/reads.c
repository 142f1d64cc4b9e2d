// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads from objects of the kernel, which programs find through pointers that BTF describes.
 *
 * There is no view of these objects: such a load reads the kernel's memory, wherever the program's register says,
 * and 0 where there is none.  That is what bpf_probe_read_kernel() does as well, so who may call that may do
 * this.  Which loads are meant the verifier has noted; if it was fooled, they read other memory of the kernel, and
 * all other accesses are the cage's.
 */
#include "gate.h"
#include "view.h"

/* The pointers of which convert_ctx_accesses() makes loads that may fault. */
static bool may_fault(enum bpf_reg_type type)
{
	return type == PTR_TO_BTF_ID || type == (PTR_TO_BTF_ID | PTR_UNTRUSTED);
}

/* Make the load @i one, if it may be. */
static int grant(struct moat_domain *d, struct bpf_verifier_env *env, u32 i)
{
	struct bpf_insn *insn = &d->insn[i];
	const char *why;

	if (BPF_CLASS(insn->code) != BPF_LDX)
		return moat_refuse(env, -EOPNOTSUPP, "insn %u: writes to an object of the kernel", i);
	if (!may_fault(env->insn_aux_data[i].ptr_type))
		return moat_refuse(env, -EOPNOTSUPP, "insn %u: the memory of such a kernel object has no isolated form", i);
	why = moat_reading_refusal(env);
	if (why)
		return moat_refuse(env, -EOPNOTSUPP, "insn %u: looks into a kernel object as bpf_probe_read_kernel() does, which %s",
				   i, why);
	insn->code = BPF_LDX | BPF_PROBE_MEM | BPF_SIZE(insn->code);
	d->kernel.probes = true;
	d->nr_probe++;
	return 0;
}

int moat_reads_plan(struct moat_domain *d, struct bpf_verifier_env *env)
{
	u32 i;
	int err = 0;

	for (i = 0; !err && i < d->len; i++)
		if (moat_accesses_memory(&d->insn[i]) &&
		    base_type(env->insn_aux_data[i].ptr_type) == PTR_TO_BTF_ID)
			err = grant(d, env, i);
	return err;
}
