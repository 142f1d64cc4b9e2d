// SPDX-License-Identifier: GPL-2.0-only
/* What a domain keeps of its program: the instructions as they were loaded, and its lines. */
#include <linux/mm.h>
#include <linux/slab.h>
#include "domain.h"
#include "lines.h"

/* An address in the values of a map becomes its offset in the heap. */
static int value_address(struct bpf_verifier_env *env, u32 i, struct bpf_insn *insn)
{
	const struct bpf_insn_aux_data *aux = &env->insn_aux_data[i];
	const struct bpf_map *map = env->used_maps[aux->map_index];
	u64 address;

	if (!map->moat || !map->ops->map_direct_value_addr)
		return moat_refuse(env, -EOPNOTSUPP, "insn %u: map '%s' has no isolated values", i, map->name);
	if (map->ops->map_direct_value_addr(map, &address, aux->map_off))
		return -EINVAL;
	insn[0].imm = (u32)address + aux->map_off;
	insn[1].imm = 0;
	insn->src_reg = 0;
	return 0;
}

/* What a wide load names, in terms of the domain. */
static int wide(struct bpf_verifier_env *env, u32 i, struct bpf_insn *insn)
{
	switch (insn->src_reg) {
	case 0:
	case BPF_PSEUDO_FUNC:
		return 0;
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX:
		insn[0].imm = 1 + env->insn_aux_data[i].map_index;
		insn[1].imm = 0;
		insn->src_reg = 0;
		return 0;
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		return value_address(env, i, insn);
	default:
		return moat_refuse(env, -EOPNOTSUPP, "insn %u: a variable of the kernel has no isolated form", i);
	}
}

static int copy_insns(struct moat_domain *d, struct bpf_verifier_env *env)
{
	u32 i;
	int err = 0;

	d->len = env->prog->len;
	d->insn = kvmalloc_array(d->len, sizeof(*d->insn), GFP_KERNEL_ACCOUNT);
	if (!d->insn)
		return -ENOMEM;
	memcpy(d->insn, env->prog->insnsi, d->len * sizeof(*d->insn));
	for (i = 0; !err && i < d->len; i++)
		if (d->insn[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			err = wide(env, i, &d->insn[i]);
			i++;
		}
	return err;
}

int moat_copy_program(struct moat_domain *d, struct bpf_verifier_env *env)
{
	return copy_insns(d, env) ?: moat_lines_copy(d, env->prog->aux);
}
