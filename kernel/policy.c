// SPDX-License-Identifier: GPL-2.0-only
/* Which helpers of the kernel isolated programs may not call, whatever their arguments, and why. */
#include "gate.h"

/* Their results are addresses of the kernel: a program that knows one has more than it was given. */
static const struct refused_helper {
	s32 id;
	const char *why;
} refused[] = {
	{ BPF_FUNC_get_current_task,	"returns an address of the kernel" },
	{ BPF_FUNC_get_current_task_btf, "returns an address of the kernel" },
	{ BPF_FUNC_task_pt_regs,	"returns an address of the kernel" },
	{ BPF_FUNC_get_func_ip,		"returns an address of the kernel" },
	{ BPF_FUNC_get_func_arg,	"reveals addresses of the kernel" },
	{ BPF_FUNC_get_func_ret,	"reveals addresses of the kernel" },
	{ BPF_FUNC_get_stack,		"reveals addresses of the kernel" },
	{ BPF_FUNC_get_task_stack,	"reveals addresses of the kernel" },
	{ BPF_FUNC_read_branch_records,	"reveals addresses of the kernel" },
	{ BPF_FUNC_get_branch_snapshot,	"reveals addresses of the kernel" },
	{ BPF_FUNC_kallsyms_lookup_name, "reveals addresses of the kernel" },
	{ BPF_FUNC_for_each_map_elem,	"calls back while it holds the map, and a run that faults there could not let it go" },
	{ BPF_FUNC_user_ringbuf_drain,	"calls back while it holds the map, and a run that faults there could not let it go" },
};

/*
 * They read memory of the kernel where the program says, with a fixup for what
 * is not there; printk and its kin do it for %s.  Tracing programs live on it,
 * so those may that may see addresses of the kernel anyway.
 */
static const s32 reveals_kernel_memory[] = {
	BPF_FUNC_probe_read, BPF_FUNC_probe_read_str, BPF_FUNC_probe_read_kernel, BPF_FUNC_probe_read_kernel_str,
	BPF_FUNC_trace_printk, BPF_FUNC_trace_vprintk, BPF_FUNC_snprintf, BPF_FUNC_snprintf_btf,
};

static bool reveals(s32 id)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(reveals_kernel_memory); i++)
		if (reveals_kernel_memory[i] == id)
			return true;
	return false;
}

/* Some of it the verifier has looked at too, if it was not fooled. */
const char *moat_helper_refusal(const struct bpf_verifier_env *env, const struct bpf_func_proto *fn, s32 id)
{
	u32 i;

	if (!fn)
		return "is not for programs of this type";
	if (fn->gpl_only && !env->prog->gpl_compatible)
		return "is for programs under the GPL";
	if (fn->allowed && !fn->allowed(env->prog))
		return "is not allowed to this program";
	if (fn->might_sleep)
		return "may sleep";
	for (i = 0; i < ARRAY_SIZE(refused); i++)
		if (refused[i].id == id)
			return refused[i].why;
	return reveals(id) && !env->allow_ptr_leaks ? "reads memory of the kernel, which is not for this program" : NULL;
}
