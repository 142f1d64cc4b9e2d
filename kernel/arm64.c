// SPDX-License-Identifier: GPL-2.0-only
/* arm64: what this machine asks of an image, where images live, faults of probe loads. */
#include <linux/arm-smccc.h>
#include <linux/bitfield.h>
#include <linux/cpu.h>
#include <linux/init.h>
#include <asm/asm-extable.h>
#include <asm/cacheflush.h>
#include <asm/cpufeature.h>
#include <asm/debug-monitors.h>
#include <asm/insn.h>
#include <asm/lse.h>
#include <asm/spectre.h>
#include <asm/sysreg.h>
#include <asm/virt.h>
#include "glue.h"
#include "arch-arm64/a64.h"
#include "jit/arch.h"

/* Traps of images are "brk #0". */
#define TRAP_BRK_IMM	0

/* What ex_handler_bpf() takes a fixup for: how far back the instruction to go on at is, and the register to zero. */
#define FIXUP_BACK	GENMASK(26, 0)
#define FIXUP_REG	GENMASK(31, 27)

void dummy_tramp(void);

/* The image is followed by the exception table. */
void moat_machine_probe(struct moat_job *job, u32 at, u32 end, u8 reg)
{
	struct exception_table_entry *ex;
	s64 back, distance;

	if (job->nr_probe >= job->prog->aux->num_exentries) {
		moat_job_error(job, -EFAULT);
		return;
	}
	ex = &job->prog->aux->extable[job->nr_probe++];
	distance = job->image + at - (u8 *)&ex->insn;
	back = (u8 *)&ex->fixup - (job->image + end);
	if (distance != (s32)distance || back < 0 || !FIELD_FIT(FIXUP_BACK, back)) {
		moat_job_error(job, -ERANGE);
		return;
	}
	ex->insn = distance;
	ex->fixup = FIELD_PREP(FIXUP_BACK, back) | FIELD_PREP(FIXUP_REG, reg);
	ex->type = EX_TYPE_BPF;
}

#ifdef CONFIG_MITIGATE_SPECTRE_BRANCH_HISTORY
/*
 * Spectre-BHB: a filter of somebody without rights must leave nothing behind
 * in the branch history.  As the stock JIT: with the hint where it is known,
 * else by as many branches as it takes and by asking the firmware.
 */
static void clear_history(struct moat_kernel *k)
{
	if (!k->classic || cpu_mitigations_off() || __nospectre_bhb ||
	    arm64_get_spectre_v2_state() == SPECTRE_VULNERABLE || ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN))
		return;
	k->history_hint = supports_clearbhb(SCOPE_SYSTEM);
	if (k->history_hint)
		return;
	k->history_loops = get_spectre_bhb_loop_value();
	if (!is_spectre_bhb_fw_mitigated())
		return;
	k->history_function = ARM_SMCCC_ARCH_WORKAROUND_3;
	if (arm_smccc_1_1_get_conduit() == SMCCC_CONDUIT_HVC)
		k->history_call = aarch64_insn_get_hvc_value();
	else if (arm_smccc_1_1_get_conduit() == SMCCC_CONDUIT_SMC)
		k->history_call = aarch64_insn_get_smc_value();
}
#else
static void clear_history(struct moat_kernel *k)
{
}
#endif

/* As MRS names the register that has this CPU's offset.  Stubs keep no shadow call stack, so with one moat_domain_run() does all. */
void moat_machine_slot(struct moat_options *opt, struct moat_kernel *k, const void __percpu *run)
{
	u32 op1 = is_kernel_in_hyp_mode() ? 4 : 0, op2 = is_kernel_in_hyp_mode() ? 2 : 4;

	if (IS_ENABLED(CONFIG_SHADOW_CALL_STACK))
		return;
	k->slot = (__force unsigned long)run;
	k->cpu_offset = sys_reg(3, op1, 13, 0, op2) >> 5;	/* TPIDR_EL2 or TPIDR_EL1 */
}

/* The stub has saved them all. */
s32 moat_machine_saved(u8 reg)
{
	return -1;
}

void moat_machine_options(struct moat_options *opt, struct moat_kernel *k)
{
	opt->arch = &a64_arch;
	if (system_uses_lse_atomics())
		opt->cpu |= A64_LSE;
	if (IS_ENABLED(CONFIG_ARM64_BTI_KERNEL))
		opt->cpu |= A64_BTI;
	if (IS_ENABLED(CONFIG_ARM64_PTR_AUTH_KERNEL))
		opt->cpu |= A64_PAC;
	k->dummy_tramp = (unsigned long)dummy_tramp;
	clear_history(k);
}

static void fill_hole(void *area, unsigned int size)
{
	__le32 *at;

	for (at = area; size >= sizeof(*at); size -= sizeof(*at))
		*at++ = cpu_to_le32(AARCH64_BREAK_FAULT);
}

int moat_machine_place(struct moat_job *job)
{
	struct bpf_prog_aux *aux = job->prog->aux;
	u32 table_at = round_up(job->jit->bytes, __alignof__(struct exception_table_entry));

	job->header = bpf_jit_binary_alloc(table_at + aux->num_exentries * sizeof(*aux->extable), &job->image,
					   sizeof(u64), fill_hole);
	if (!job->header)
		return -ENOMEM;
	job->rw = job->image;
	if (aux->num_exentries)
		aux->extable = (void *)(job->image + table_at);
	return 0;
}

int moat_machine_finish(struct moat_job *job)
{
	flush_icache_range((unsigned long)job->header, (unsigned long)(job->image + job->jit->bytes));
	bpf_jit_binary_lock_ro(job->header);
	return 0;
}

void moat_machine_discard(struct moat_job *job)
{
	bpf_jit_binary_free(job->header);
}

/* Tail calls read the array each time: there is nothing to patch. */
void moat_machine_link(struct bpf_prog *prog)
{
}

/* Images begin in the page that their header begins. */
static struct bpf_binary_header *header_of(const struct bpf_prog *prog)
{
	return (void *)((unsigned long)prog->bpf_func & PAGE_MASK);
}

/* As the kernel's own, which lets architectures replace it: but for what Moat has not finished. */
void bpf_jit_free(struct bpf_prog *prog)
{
	bpf_moat_release(prog);
	if (prog->jited) {
		bpf_jit_binary_free(header_of(prog));
		WARN_ON_ONCE(!bpf_prog_kallsyms_verify_off(prog));
	}
	bpf_prog_unlock_free(prog);
}

/* A trap in an image: a check of its own failed, and no address goes with it. */
static int trapped(struct pt_regs *regs, unsigned long esr)
{
	return bpf_moat_fixup(regs, ESR_ELx_EC(esr), 0) ? DBG_HOOK_HANDLED : DBG_HOOK_ERROR;
}

static struct break_hook trap_hook = { .fn = trapped, .imm = TRAP_BRK_IMM };

static int __init hook_traps(void)
{
	register_kernel_break_hook(&trap_hook);
	return 0;
}
core_initcall(hook_traps);
