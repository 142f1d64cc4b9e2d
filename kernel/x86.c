// SPDX-License-Identifier: GPL-2.0-only
/* x86-64: what this machine asks of an image, where images live, faults of probe loads, direct tail calls. */
#include <linux/mutex.h>
#include <asm/cpufeature.h>
#include <asm/extable.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>
#include <asm/ptrace.h>
#include "glue.h"
#include "arch-x86/x64.h"
#include "jit/arch.h"

/* Where the fault handler finds machine registers, as numbered in instructions. */
static const u8 reg_at[16] = {
	[X64_RAX] = offsetof(struct pt_regs, ax),
	[X64_RCX] = offsetof(struct pt_regs, cx),
	[X64_RDX] = offsetof(struct pt_regs, dx),
	[X64_RBX] = offsetof(struct pt_regs, bx),
	[X64_RSP] = offsetof(struct pt_regs, sp),
	[X64_RBP] = offsetof(struct pt_regs, bp),
	[X64_RSI] = offsetof(struct pt_regs, si),
	[X64_RDI] = offsetof(struct pt_regs, di),
	[X64_R8] = offsetof(struct pt_regs, r8),
	[X64_R9] = offsetof(struct pt_regs, r9),
	[X64_R10] = offsetof(struct pt_regs, r10),
	[X64_R11] = offsetof(struct pt_regs, r11),
	[X64_R12] = offsetof(struct pt_regs, r12),
	[X64_R13] = offsetof(struct pt_regs, r13),
	[X64_R14] = offsetof(struct pt_regs, r14),
	[X64_R15] = offsetof(struct pt_regs, r15),
};

/*
 * The image is followed by the exception table.  An entry has distances from
 * where it will lie, but is written where it can be written.
 */
void moat_machine_probe(struct moat_job *job, u32 at, u32 end, u8 reg)
{
	struct exception_table_entry *ex, *rw;
	s64 distance;

	if (job->nr_probe >= job->prog->aux->num_exentries || end - at > 0xff) {
		moat_job_error(job, -EFAULT);
		return;
	}
	ex = &job->prog->aux->extable[job->nr_probe++];
	rw = (void *)(job->rw + ((u8 *)ex - job->image));
	distance = job->image + at - (u8 *)&ex->insn;
	if (distance != (s32)distance) {
		moat_job_error(job, -ERANGE);
		return;
	}
	rw->insn = distance;
	rw->fixup = (end - at) | reg_at[reg] << 8;
	rw->data = EX_TYPE_BPF;
}

static void poke(void *arg, u32 index, u32 bypass, u32 target)
{
	struct moat_job *job = arg;
	struct bpf_jit_poke_descriptor *desc;

	if (index >= job->prog->aux->size_poke_tab) {
		moat_job_error(job, -EFAULT);
		return;
	}
	desc = &job->prog->aux->poke_tab[index];
	desc->tailcall_bypass = job->image + bypass;
	desc->tailcall_target = job->image + target;
	desc->bypass_addr = job->image + target + 5;
	desc->adj_off = job->jit->tail_entry;
}

/* Spectre v2, SLS and ITS: how an image may return and jump indirectly, as the kernel decided at boot. */
static void branch_options(struct moat_kernel *k)
{
	if (cpu_wants_rethunk())
		k->return_thunk = (unsigned long)x86_return_thunk;
	k->int3_after_ret = IS_ENABLED(CONFIG_SLS);
	k->int3_after_jump = IS_ENABLED(CONFIG_RETPOLINE) || IS_ENABLED(CONFIG_SLS);
	if (IS_ENABLED(CONFIG_MITIGATION_ITS) && cpu_feature_enabled(X86_FEATURE_INDIRECT_THUNK_ITS))
		k->jump_thunk = (unsigned long)its_static_thunk(X64_RCX);
	else if (cpu_feature_enabled(X86_FEATURE_RETPOLINE_LFENCE))
		k->jump_lfence = true;
	else if (cpu_feature_enabled(X86_FEATURE_RETPOLINE))
		k->jump_thunk = (unsigned long)&__x86_indirect_thunk_array[X64_RCX];
}

/* Branch history injection: classic programs of the unprivileged clear the history when they end. */
static void history_options(struct moat_kernel *k)
{
	if (!k->classic || ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN))
		return;
	if (cpu_feature_enabled(X86_FEATURE_CLEAR_BHB_LOOP))
		k->history_clear = (unsigned long)clear_bhb_loop;
	k->history_fence = (k->history_clear && cpu_feature_enabled(X86_FEATURE_HYPERVISOR)) ||
			   cpu_feature_enabled(X86_FEATURE_CLEAR_BHB_HW);
}

/* DEFINE_PER_CPU's own addresses are distances from where GS points. */
void moat_machine_slot(struct moat_options *opt, struct moat_kernel *k, const void __percpu *run)
{
#ifdef CONFIG_SMP
	k->slot = (__force unsigned long)run;
	k->cpu_offset = (__force unsigned long)&this_cpu_off;
	opt->ends = true;
#endif
}

s32 moat_machine_saved(u8 reg)
{
	switch (reg) {
	case X64_RBX:
		return 0;
	case X64_R12:
	case X64_R13:
	case X64_R14:
	case X64_R15:
		return 1 + reg - X64_R12;
	default:	/* RBP, which the stub has saved */
		return -1;
	}
}

void moat_machine_options(struct moat_options *opt, struct moat_kernel *k)
{
	opt->arch = &x64_arch;
	if (boot_cpu_has(X86_FEATURE_BMI2))
		opt->cpu |= X64_BMI2;
	if (boot_cpu_has(X86_FEATURE_MOVBE))
		opt->cpu |= X64_MOVBE;
	if (IS_ENABLED(CONFIG_X86_KERNEL_IBT))
		opt->cpu |= X64_IBT;
	branch_options(k);
	history_options(k);
	k->probe_limit = TASK_SIZE_MAX + PAGE_SIZE;
	k->poke = poke;
}

static void fill_hole(void *area, unsigned int size)
{
	memset(area, 0xcc, size);	/* int3 */
}

int moat_machine_place(struct moat_job *job)
{
	struct bpf_prog_aux *aux = job->prog->aux;
	u32 align = __alignof__(struct exception_table_entry);
	u32 table_at = round_up(job->jit->bytes, align);

	job->header = bpf_jit_binary_pack_alloc(table_at + aux->num_exentries * sizeof(*aux->extable),
						&job->image, align, &job->rw_header, &job->rw, fill_hole,
						bpf_prog_was_classic(job->prog));
	if (!job->header)
		return -ENOMEM;
	aux->extable = (void *)(job->image + table_at);
	return 0;
}

int moat_machine_finish(struct moat_job *job)
{
	return bpf_jit_binary_pack_finalize(job->prog, job->header, job->rw_header);
}

/* The allocator reads the size in the image's header, which only finishing would have put there. */
void moat_machine_discard(struct moat_job *job)
{
	bpf_arch_text_copy(&job->header->size, &job->rw_header->size, sizeof(job->rw_header->size));
	bpf_jit_binary_pack_free(job->header, job->rw_header);
}

void moat_machine_link(struct bpf_prog *prog)
{
	u32 i;

	for (i = 0; i < prog->aux->size_poke_tab; i++) {
		struct bpf_jit_poke_descriptor *desc = &prog->aux->poke_tab[i];
		struct bpf_array *array;
		struct bpf_prog *target;

		if ((desc->aux && desc->aux != prog->aux) || desc->reason != BPF_POKE_REASON_TAIL_CALL)
			continue;
		array = container_of(desc->tail_call.map, struct bpf_array, map);
		/* From here on changes of the array are followed by the array; the one before is not missed. */
		mutex_lock(&array->aux->poke_mutex);
		target = array->ptrs[desc->tail_call.key];
		if (target)
			bpf_arch_poke_desc_update(desc, target, NULL);
		WRITE_ONCE(desc->tailcall_target_stable, true);
		mutex_unlock(&array->aux->poke_mutex);
	}
}
