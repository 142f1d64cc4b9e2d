/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's part in user space; see kform.h. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#if defined(__aarch64__)
#include <asm/mman.h>	/* PROT_BTI */
#include "../arch-arm64/a64.h"
#endif

#include "../runtime/internal.h"
#include "kform.h"

#define MEM_BYTES	(8u << 20)
#define REWRITE_ROOM	6	/* instructions that one may become */

/* What emitting asks ----------------------------------------------------------- */

static u64 helper_address(struct kform *k, s32 id)
{
	u32 i;

	for (i = 0; k->helper && k->helper[i].id; i++) {
		if (k->helper[i].id != id)
			continue;
		if (!k->thunk[i])
			k->thunk[i] = kform_thunk(k, k->helper[i].fn);
		return k->thunk[i];
	}
	return 0;
}

static int address(void *arg, u32 pc, u64 *to)
{
	struct kform_func *f = arg;
	const struct bpf_insn *in = &f->insn[pc];

	f->nr_address++;
	if (in->code != (BPF_JMP | BPF_CALL) || in->src_reg == BPF_PSEUDO_CALL)
		*to = f->k->final ? (u64)f->k->func[in->imm].code : 0;
	else
		*to = helper_address(f->k, in->imm);
	return *to || !f->k->final ? 0 : -ENOENT;
}

static void probe(void *arg, u32 pc, u32 at, u32 end, u8 reg)
{
	struct kform_func *f = arg;
	struct kform *k = f->k;

	if (!k->final || k->nr_probe == KFORM_PROBES)
		return;
	k->probe[k->nr_probe].at = f->code + at;
	k->probe[k->nr_probe].end = f->code + end;
	k->probe[k->nr_probe++].reg = reg;
}

static void poke(void *arg, u32 index, u32 bypass, u32 target)
{
	struct kform_func *f = arg;

	f->nr_poke++;
	f->bypass = bypass;
	f->target = target;
}

static void log_line(void *arg, const char *text)
{
	struct kform *k = arg;

	snprintf(k->refused, sizeof(k->refused), "%s", text);
}

void kform_defaults(struct kform *k)
{
	*k = (struct kform) {
		.cpu = moat_cpu(),
		.kernel = {
			.array_entries = offsetof(struct kform_array, entries),
			.array_progs = offsetof(struct kform_array, prog),
			.prog_entry = offsetof(struct kform_prog, entry),
			.max_tail_calls = 33, .probe_limit = 0x10000,
			.address = address, .probe = probe, .poke = poke,
		},
	};
}

/* Memory ------------------------------------------------------------------------ */

/* Where landing pads are asked for, branches to anything else fault. */
static int exec_rights(const struct kform *k)
{
#if defined(__aarch64__)
	if (k->cpu & moat_cpu() & A64_BTI)
		return PROT_EXEC | PROT_BTI;
#endif
	return PROT_EXEC;
}

static int get_memory(struct kform *k)
{
	k->mem = mmap(NULL, MEM_BYTES, PROT_READ | PROT_WRITE | exec_rights(k), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (k->mem == MAP_FAILED) {
		k->mem = NULL;
		return -errno;
	}
	k->mem_bytes = MEM_BYTES;
	return 0;
}

static u8 *place(struct kform *k, u32 bytes)
{
	u8 *at = k->mem + k->used;

	if (bytes > k->mem_bytes - k->used)
		return NULL;
	k->used += (bytes + 63) & ~63u;
	return at;
}

u64 kform_place(struct kform *k, const void *code, u32 bytes)
{
	u8 *at = k->mem || !get_memory(k) ? place(k, bytes) : NULL;

	if (!at)
		return 0;
	memcpy(at, code, bytes);
	__builtin___clear_cache((char *)at, (char *)at + bytes);
	return (u64)at;
}

u64 kform_thunk(struct kform *k, const void *fn)
{
#if defined(__x86_64__)
	/* push rbp; mov rbp, rsp; and rsp, -16; movabs rax, fn; call rax; leave; ret */
	u8 code[] = { 0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xe4, 0xf0, 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
		      0xff, 0xd0, 0xc9, 0xc3 };

	memcpy(code + 10, &fn, 8);
	return kform_place(k, code, sizeof(code));
#else
	return (u64)fn;
#endif
}

/* Programs ------------------------------------------------------------------------ */

static bool is_wide(const struct bpf_insn *in)
{
	return in->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static bool names_function(const struct bpf_insn *in)
{
	return is_wide(in) ? in->src_reg == BPF_PSEUDO_FUNC :
			     in->code == (BPF_JMP | BPF_CALL) && in->src_reg == BPF_PSEUDO_CALL;
}

static u32 func_at(struct kform *k, u32 start)
{
	u32 i;

	for (i = 0; i < k->nr_func && k->func[i].start != start; i++)
		;
	return i;
}

/* Where functions start and end; the starts are sorted. */
static int find_functions(struct kform *k, const struct bpf_insn *insn, u32 len)
{
	u32 pc, i;

	k->nr_func = 1;
	k->func[0].start = 0;
	for (pc = 0; pc < len; pc += is_wide(&insn[pc]) ? 2 : 1) {
		u32 to = pc + 1 + (u32)insn[pc].imm;

		if (!names_function(&insn[pc]) || func_at(k, to) < k->nr_func)
			continue;
		if (k->nr_func == KFORM_FUNCS)
			return -E2BIG;
		for (i = k->nr_func++; k->func[i - 1].start > to; i--)
			k->func[i].start = k->func[i - 1].start;
		k->func[i].start = to;
	}
	for (i = 0; i < k->nr_func; i++)
		k->func[i].len = (i + 1 < k->nr_func ? k->func[i + 1].start : len) - k->func[i].start;
	return 0;
}

/* How far below R10 @f says that it goes. */
static u32 stack_bytes(const struct kform_func *f)
{
	s32 low = -(s32)f->k->kernel.stack_bytes;
	u32 i;

	for (i = 0; i < f->len; i++) {
		const struct bpf_insn *in = &f->insn[i];
		u8 class = BPF_CLASS(in->code);

		if (is_wide(in))
			i++;
		else if ((class == BPF_LDX ? in->src_reg : in->dst_reg) == BPF_REG_10 && in->off < low &&
			 (class == BPF_LDX || class == BPF_ST || class == BPF_STX))
			low = in->off;
	}
	return (u32)-low;
}

static int take(struct kform_func *f, const struct bpf_insn *insn)
{
	u32 max = f->len * REWRITE_ROOM + 8, i, n = 0;
	struct bpf_insn *copy = malloc(f->len * sizeof(*copy));

	f->insn = malloc(max * sizeof(*f->insn));
	if (!copy || !f->insn)
		return -ENOMEM;
	memcpy(copy, insn + f->start, f->len * sizeof(*copy));
	for (i = 0; i < f->len; i += is_wide(&copy[i]) ? 2 : 1)
		if (names_function(&copy[i]))
			copy[i].imm = (s32)func_at(f->k, f->start + i + 1 + (u32)copy[i].imm);
	n = kform_rewrite(f->insn, max, copy, f->len, f->k->rewrite ? f->k->rewrite + f->start : 0);
	if (n)
		f->len = n;
	else
		memcpy(f->insn, copy, f->len * sizeof(*copy));
	free(copy);
	return 0;
}

static int plan(struct kform_func *f)
{
	struct kform *k = f->k;
	int err;

	f->kernel = k->kernel;
	f->kernel.stack_bytes = stack_bytes(f);
	f->kernel.subprogram |= f != k->func;
	f->opt = (struct moat_options) {
		.arch = moat_native(), .mode = MOAT_MODE_NONE, .kernel = &f->kernel, .cpu = k->cpu,
		.plain = k->plain, .arg = f, .log = { log_line, k },
	};
	f->work = calloc(1, moat_kernel_work_bytes(f->len));
	if (!f->work)
		return -ENOMEM;
	err = moat_plan(&f->jit, f->insn, f->len, &f->opt, f->work);
	if (err)
		return err;
	f->code = place(k, f->jit.bytes);
	return f->code ? 0 : -ENOMEM;
}

static int emit_all(struct kform *k, bool final)
{
	u32 i;
	int err = 0;

	k->final = final;
	for (i = 0; i < k->nr_func && !err; i++) {
		struct kform_func *f = &k->func[i];

		f->nr_address = f->nr_poke = 0;
		err = moat_emit(&f->jit, f->code, (u64)f->code, f->jit.bytes);
		__builtin___clear_cache((char *)f->code, (char *)f->code + f->jit.bytes);
	}
	return err;
}

int kform_load(struct kform *k, const struct bpf_insn *insn, u32 len)
{
	int err = k->mem ? 0 : get_memory(k);
	u32 i;

	if (!err)
		err = find_functions(k, insn, len);
	for (i = 0; i < k->nr_func; i++)
		k->func[i].k = k;
	for (i = 0; i < k->nr_func && !err; i++)
		err = take(&k->func[i], insn);
	for (i = 0; i < k->nr_func && !err; i++)
		err = plan(&k->func[i]);
	if (!err)
		err = emit_all(k, false);
	if (!err)
		err = emit_all(k, true);
	return err;
}

void kform_free(struct kform *k)
{
	u32 i;

	for (i = 0; i < k->nr_func; i++) {
		free(k->func[i].insn);
		free(k->func[i].work);
	}
	if (k->mem)
		munmap(k->mem, k->mem_bytes);
	k->mem = NULL;
	k->nr_func = 0;
}

/* Tail calls ------------------------------------------------------------------------ */

struct kform_prog kform_prog(const struct kform *k)
{
	return (struct kform_prog){ .entry = k->func[0].code };
}

static void put_jump(u8 *at, const u8 *to)
{
	s32 distance = (s32)(to - (at + 5));

	*at = 0xe9;
	memcpy(at + 1, &distance, 4);
}

void kform_poke(const struct kform_func *f, const struct kform_prog *to)
{
	static const u8 nop[5] = { 0x0f, 0x1f, 0x44, 0, 0 };
	u8 *bypass = f->code + f->bypass, *target = f->code + f->target;

	if (to) {
		put_jump(target, (const u8 *)to->entry + f->jit.tail_entry);
		memcpy(bypass, nop, 5);
	} else {
		put_jump(bypass, target + 5);
		memcpy(target, nop, 5);
	}
}

/* Probe loads ----------------------------------------------------------------------- */

static const struct kform *watched;
volatile u32 kform_faults;

#if defined(__x86_64__)
static void zero_register(ucontext_t *uc, u8 reg)
{
	static const int place_of[16] = {
		REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
		REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
	};

	uc->uc_mcontext.gregs[place_of[reg]] = 0;
}

static u64 *pc_of(ucontext_t *uc)
{
	return (u64 *)&uc->uc_mcontext.gregs[REG_RIP];
}
#else
static void zero_register(ucontext_t *uc, u8 reg)
{
	uc->uc_mcontext.regs[reg] = 0;
}

static u64 *pc_of(ucontext_t *uc)
{
	return (u64 *)&uc->uc_mcontext.pc;
}
#endif

bool kform_pass_over(const struct kform *k, void *context)
{
	ucontext_t *uc = context;
	u64 *pc = pc_of(uc);
	u32 i;

	for (i = 0; i < k->nr_probe; i++) {
		if ((u64)k->probe[i].at != *pc)
			continue;
		kform_faults++;
		zero_register(uc, k->probe[i].reg);
		*pc = (u64)k->probe[i].end;
		return true;
	}
	return false;
}

static void repair(int sig, siginfo_t *info, void *context)
{
	if (!watched || !kform_pass_over(watched, context))
		signal(sig, SIG_DFL);	/* comes again */
}

void kform_watch(struct kform *k)
{
	struct sigaction sa = { .sa_sigaction = repair, .sa_flags = SA_SIGINFO };

	watched = k;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}
