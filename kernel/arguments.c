// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts of programs on trampolines: the arguments of a function, eight bytes each, and behind them what it returned.
 *
 * Behind that lies the kernel's own stack, so how many there are is asked of
 * the function's type and not of what the verifier believed.
 */
#include <linux/btf.h>
#include "view.h"

/* Bytes that an argument or result of type @id takes there; 0: it has none, or a type that is not known. */
static u32 slot_bytes(struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, id, NULL);

	if (!t || btf_type_is_void(t))
		return 0;
	return btf_type_is_ptr(t) ? sizeof(u64) : roundup(t->size, sizeof(u64));
}

/* May programs of this kind look at what the function returned? */
static bool sees_result(const struct bpf_prog *prog)
{
	switch (prog->expected_attach_type) {
	case BPF_TRACE_FEXIT:
	case BPF_MODIFY_RETURN:
	case BPF_LSM_MAC:
	case BPF_LSM_CGROUP:
		return true;
	default:
		return false;
	}
}

u32 moat_arguments_bytes(const struct bpf_prog *prog)
{
	const struct btf_type *proto = prog->aux->attach_func_proto;
	struct btf *btf = bpf_prog_get_target_btf(prog);
	const struct btf_param *arg;
	u32 i, first = prog->aux->attach_btf_trace, bytes = 0;

	/* Functions of programs without types. */
	if (!proto || !btf)
		return (MAX_BPF_FUNC_REG_ARGS + sees_result(prog)) * sizeof(u64);
	/* That of a tracepoint begins with an argument that programs are not given. */
	arg = btf_params(proto);
	for (i = first; i < btf_type_vlen(proto); i++)
		bytes += slot_bytes(btf, arg[i].type);
	return bytes + (sees_result(prog) ? slot_bytes(btf, proto->type) : 0);
}
