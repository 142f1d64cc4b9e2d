/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Images to check; see images.h. */
#include <stdlib.h>

#include "../arch-arm64/a64.h"
#include "../arch-x86/x64.h"
#include "../disasm-tests/asm.h"
#include "../jit/arch.h"
#include "../runtime/internal.h"
#include "gen.h"
#include "images.h"

#define X64_ALL		(X64_BMI2 | X64_MOVBE | X64_FSGSBASE)

const struct image_variant image_variant[] = {
	{ "x86 none", &x64_arch, MOAT_MODE_NONE, MOAT_BASE_REGISTER, .cpu = X64_ALL },
	{ "x86 basereg register", &x64_arch, MOAT_MODE_BASEREG, MOAT_BASE_REGISTER, .cpu = X64_ALL },
	{ "x86 basereg register cpu=0", &x64_arch, MOAT_MODE_BASEREG, MOAT_BASE_REGISTER },
	{ "x86 basereg segment", &x64_arch, MOAT_MODE_BASEREG, MOAT_BASE_SEGMENT, .cpu = X64_FSGSBASE },
	{ "x86 pku", &x64_arch, MOAT_MODE_PKU, MOAT_BASE_REGISTER, .cpu = X64_ALL },
	{ "x86 pku cpu=0", &x64_arch, MOAT_MODE_PKU, MOAT_BASE_REGISTER },
	{ "x86 pku+basereg register", &x64_arch, MOAT_MODE_PKU_BASEREG, MOAT_BASE_REGISTER, .cpu = X64_ALL },
	{ "x86 pku+basereg segment", &x64_arch, MOAT_MODE_PKU_BASEREG, MOAT_BASE_SEGMENT, .cpu = X64_ALL },
	{ "arm64 none", &a64_arch, MOAT_MODE_NONE, MOAT_BASE_REGISTER, .cpu = A64_LSE },
	{ "arm64 basereg", &a64_arch, MOAT_MODE_BASEREG, MOAT_BASE_REGISTER, .cpu = A64_LSE },
	{ "arm64 basereg cpu=0", &a64_arch, MOAT_MODE_BASEREG, MOAT_BASE_REGISTER },
	{ "arm64 basereg pac", &a64_arch, MOAT_MODE_BASEREG, MOAT_BASE_REGISTER, .cpu = A64_LSE | A64_BTI | A64_PAC },
	{ "arm64 poe", &a64_arch, MOAT_MODE_PKU, MOAT_BASE_REGISTER, .cpu = A64_LSE },
	{ "arm64 poe+basereg", &a64_arch, MOAT_MODE_PKU_BASEREG, MOAT_BASE_REGISTER, .cpu = A64_BTI },
	{ "arm64 stage2", &a64_arch, MOAT_MODE_PKU, MOAT_BASE_REGISTER, MOAT_GATE_MONITOR, A64_LSE | A64_BTI },
	{ "arm64 stage2+basereg", &a64_arch, MOAT_MODE_PKU_BASEREG, MOAT_BASE_REGISTER, MOAT_GATE_MONITOR, A64_PAC },
};
const u32 image_variants = ARRAY_SIZE(image_variant);

/* What the generator does not make: tail calls, inlined helpers, callbacks of callbacks, fuel, functions that save all. */
static const char *const text[] = {
	"r6 = r1\n" "r2 = 7\n" "r3 = 1\n" "call 12\n" "r0 = 3\n" "exit\n",
	"*(u32 *)(r10 - 4) = 3\n" "r2 = r10\n" "r2 += -4\n" "r1 = 0x1000 ll\n" "call 1\n"
	"if r0 == 0 goto L0\n" "r0 = *(u64 *)(r0 + 0)\n" "L0:\n" "exit\n",
	"*(u32 *)(r10 - 4) = 3\n" "r2 = r10\n" "r2 += -4\n" "r1 = 0x2000 ll\n" "call 1\n" "r6 = r0\n" "call 8\n"
	"r0 += r6\n" "exit\n",
	"r6 = r1\n" "r7 = 5\n" "L0:\n" "r1 = r7\n" "call L1\n" "r7 -= 1\n" "if r7 != 0 goto L0\n" "exit\n"
	"L1:\n" "r6 = r1\n" "r8 = 4\n" "r9 = 2\n" "r7 = 1\n" "*(u64 *)(r10 - 8) = r1\n" "call 5\n"
	"r1 = *(u64 *)(r10 - 8)\n" "r1 += r8\n" "call L2\n" "r0 += r9\n" "exit\n" "L2:\n" "r0 = r1\n" "exit\n",
	"r6 = r1\n" "r1 = subprog[L1]\n" "r2 = r6\n" "r3 = 4\n" "call 9\n" "exit\n"
	"L1:\n" "r6 = r1\n" "call 5\n" "r1 = subprog[L2]\n" "call 9\n" "r0 += r6\n" "exit\n"
	"L2:\n" "r0 = *(u64 *)(r10 - 16)\n" "r0 = r3\n" "exit\n",
	"r6 = r1\n" "r7 = 2\n" "L0:\n" "r2 = r7\n" "r2 = atomic64_fetch_or((u64 *)(r6 + 8), r2)\n"
	"r0 = r2\n" "r0 = atomic64_fetch_and((u64 *)(r10 - 8), r0)\n" "lock *(u64 *)(r6 + 16) += r2\n"
	"r0 = atomic_cmpxchg((u32 *)(r6 + 24), r0, r2)\n"
	"r7 -= 1\n" "if r7 != 0 goto L0\n" "exit\n",
	"r6 = r1\n" "r0 = *(u32 *)skb[4]\n" "r7 = r0\n" "r0 = *(u8 *)skb[r7 + 2]\n" "r0 += r7\n" "exit\n",
};

static bool known(void *arg, s32 id)
{
	return (id > 0 && id < 300) || (id >= GEN_MIX && id <= GEN_EACH);
}

static int callee(void *arg, s32 id, struct moat_callee *out)
{
	if (!known(arg, id))
		return -ENOENT;
	out->address = IMAGE_AT + 0x1000000 + 16 * (u64)id;
	out->ret_mem = id == BPF_FUNC_map_lookup_elem;
	return 0;
}

static u16 args(void *arg, s32 id)
{
	return id == BPF_FUNC_ktime_get_ns ? 0 : id == BPF_FUNC_get_prandom_u32 ? 0x06 : 0x3e;
}

static void inlined(void *arg, s32 id, u64 r1, struct moat_inline *out)
{
	*out = (struct moat_inline){ .kind = MOAT_INLINE_NO };
	if (id == BPF_FUNC_get_smp_processor_id)
		out->kind = MOAT_INLINE_CPU;
	if (id == BPF_FUNC_map_lookup_elem && (r1 == 0x1000 || r1 == 0x2000))
		*out = (struct moat_inline) {
			.kind = MOAT_INLINE_ARRAY, .base = 0x20000, .stride = r1 == 0x1000 ? 8 : 24,
			.entries = 100, .cpu_bytes = r1 == 0x1000 ? 0 : 4096,
		};
}

static bool make_program(struct gen_program *p, u64 seed, u32 statements)
{
	struct gen_options o = {
		.statements = statements, .buffer_bytes = 1024, .packet_bytes = 1024, .packet = seed % 5 == 1,
		.calls = seed % 4 != 0, .escape = seed % 7 == 2, .null = seed % 6 == 3,
		.hostile = { 0x1234, 0xffffffffull, ~0ull, 0x7fff00000000 }, .nr_hostile = 4,
	};
	char error[200];
	int n;

	if (seed >= ARRAY_SIZE(text)) {
		gen_program(p, seed, &o);
		return true;
	}
	n = assemble(text[seed], p->insn, GEN_MAX_INSNS, error);
	if (n < 0)
		fprintf(stderr, "program %u: %s\n", (u32)seed, error);
	p->len = n < 0 ? 0 : n;
	return n > 0;
}

static struct moat_options options(const struct image_variant *v, u64 seed, const struct moat_arch *arch)
{
	bool arm = v->arch == &a64_arch;
	u64 blind = seed % 7 == 3 ? seed << 32 | 1 : 0;

	return (struct moat_options) {
		.arch = arch ? arch : v->arch, .mode = v->mode, .form = v->form, .gate = v->gate, .cpu = v->cpu,
		.entry_args = 1 + seed % 2, .fuel = seed % 3 != 0, .far_calls = seed % 11 == 5, .plain = seed % 13 == 7, .blind = v->blind ?: blind,
		.packet_view = v->packet_view,
		.monitor_call = 3, .host_rights = v->gate ? 1 : arm ? 0x7 : 0x55555554,
		.domain_rights = v->gate ? 0x12345 : !arm ? 0x55555551 : seed % 2 ? 0x52 : 0x7654321076543210,
		.call = IMAGE_AT + 0x400000, .tail = IMAGE_AT + 0x400100, .packet = IMAGE_AT + 0x400200,
		.known = known, .callee = callee, .args = args, .inlined = inlined,
	};
}

static void keep(struct image *m, const struct moat *jit)
{
	moat_check_facts(&m->facts, jit, m->code, m->bytes, m->entry);
	m->site = calloc(jit->nr_site + 1, sizeof(*m->site));
	memcpy(m->site, jit->site, jit->nr_site * sizeof(*m->site));
	m->facts.site = m->site;
	m->nr_mark = jit->nr_mark;
}

static int emit(struct image *m, struct moat *jit)
{
	int err = -EAGAIN;
	u32 round;

	jit->max_mark = moat_marks_for(jit->len);
	jit->mark = m->mark = calloc(jit->max_mark, sizeof(*m->mark));
	for (round = 0; err == -EAGAIN && round < MOAT_MAX_ROUNDS; round++) {
		free(m->code);
		m->bytes = jit->bytes;
		m->code = calloc(1, m->bytes);
		err = moat_emit(jit, m->code, IMAGE_AT, m->bytes);
	}
	return err;
}

static int compile(struct image *m, const struct image_variant *v, const struct gen_program *p, u64 seed,
		   const struct moat_arch *arch)
{
	struct moat_options opt = options(v, seed, arch);
	void *work = calloc(1, moat_work_bytes(p->len));
	struct moat jit;
	int err;

	memset(m, 0, sizeof(*m));
	m->variant = v;
	err = moat_plan(&jit, p->insn, p->len, &opt, work);
	if (!err)
		err = emit(m, &jit);
	if (!err)
		keep(m, &jit);
	free(work);
	return err;
}

int image_make(struct image *m, const struct image_variant *v, u64 seed, u32 statements, const struct moat_arch *arch)
{
	struct gen_program *p = malloc(sizeof(*p));
	int err = -EINVAL;

	memset(m, 0, sizeof(*m));
	if (make_program(p, seed, statements))
		err = compile(m, v, p, seed, arch);
	free(p);
	return err;
}

int image_from_text(struct image *m, const struct image_variant *v, const char *program, const struct moat_arch *arch)
{
	struct gen_program *p = calloc(1, sizeof(*p));
	char error[200];
	int n = assemble(program, p->insn, GEN_MAX_INSNS, error), err = -EINVAL;

	memset(m, 0, sizeof(*m));
	p->len = n < 0 ? 0 : n;
	if (n > 0)
		err = compile(m, v, p, 1, arch);
	else
		fprintf(stderr, "%s\n", error);
	free(p);
	return err;
}

void image_free(struct image *m)
{
	free(m->code);
	free(m->site);
	free(m->mark);
	memset(m, 0, sizeof(*m));
}

int image_check(struct image *m)
{
	m->facts.arch = m->variant->arch;
	m->facts.code = m->code;
	m->facts.bytes = m->bytes;
	m->facts.entry = m->entry;
	return moat_verify(&m->facts);
}
