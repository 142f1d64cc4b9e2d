/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libFuzzer target: any bytes, as a program, through the core.
 *
 * The program must be refused with one line, or compiled to an image whose
 * tables are sound.  Nothing is run.  Input: two bytes of options, then
 * instructions; with FLAG_REPAIR they are bent into something that is more
 * often valid, so that the emitters are reached as much as the decoder.
 *
 *	clang -fsanitize=fuzzer,address,undefined; seeds: fuzz_compile.py
 */
#include <stdlib.h>

#include "../runtime/internal.h"
#include "../jit/arch.h"
#include "../jit/kernel.h"

#define PC		0x10000000ull
#define ROUNDS		100

/* First byte: mode, form, and these; second: CPU features and the rest. */
#define FLAG_ARGS	0x10
#define FLAG_FUEL	0x20
#define FLAG_FAR	0x40
#define FLAG_PLAIN	0x80
#define FLAG_REPAIR	0x08
#define FLAG_DISTANT	0x10	/* the host's functions are out of reach */
#define FLAG_KERNEL	0x20	/* an image for the kernel, mode none */
#define FLAG_A64	0x40	/* for arm64 */
#define FLAG_TAILS	0x80	/* kernel: tail calls may lead in */
#define FLAG_BLIND	0x80	/* for user space: constants are hidden */

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

#define MUST(cond)								\
	do {									\
		if (!(cond)) {							\
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();						\
		}								\
	} while (0)

static u32 lines;

static void line(void *arg, const char *text)
{
	MUST(*text && strlen(text) < 256 && !strchr(text, '\n'));
	lines++;
}

static bool known(void *arg, s32 id)
{
	return id > 0 && id < 200;
}

static int callee(void *arg, s32 id, struct moat_callee *out)
{
	out->address = *(u64 *)arg + id;
	out->ret_mem = id & 1;
	return 0;
}

static void inlined(void *arg, s32 id, u64 r1, struct moat_inline *out)
{
	if (id == BPF_FUNC_get_smp_processor_id)
		out->kind = MOAT_INLINE_CPU;
	if (id == BPF_FUNC_map_lookup_elem && r1)
		*out = (struct moat_inline){ .kind = MOAT_INLINE_ARRAY, .base = r1 << 12, .stride = 1 + r1 % 300,
					     .entries = 1 + r1 % 7, .cpu_bytes = r1 & 8 ? 4096 : 0 };
}

static int address(void *arg, u32 pc, u64 *to)
{
	*to = *(u64 *)arg + pc;
	return 0;
}

static void probe(void *arg, u32 pc, u32 at, u32 end, u8 reg)
{
	MUST(at < end && end - at < 16 && reg < 32);
}

static void poke(void *arg, u32 index, u32 bypass, u32 target)
{
	MUST(bypass + 5 <= target);
}

static struct moat_kernel kernel_for(const u8 *data)
{
	return (struct moat_kernel) {
		.stack_bytes = data[0] * 2, .classic = !(data[1] & FLAG_TAILS) && data[0] & FLAG_ARGS,
		.subprogram = data[0] & FLAG_FUEL, .tail_reachable = data[1] & FLAG_TAILS,
		.array_entries = 24, .array_progs = 272, .prog_entry = 48, .max_tail_calls = 33,
		.int3_after_ret = data[0] & 1, .jump_lfence = data[0] & 2, .probe_limit = 1ull << 47,
		.history_clear = data[0] & 4 ? PC : 0, .address = address, .probe = probe, .poke = poke,
	};
}

static bool for_kernel;		/* this input */

/* Bend @insn, number @i of @len, toward validity. */
static void repair(struct bpf_insn *insn, u32 i, u32 len)
{
	struct bpf_insn pair[2] = { *insn, { 0 } };
	u8 class = BPF_CLASS(insn->code);
	struct moat_op op[2];
	u32 tries;

	pair[0].dst_reg = pair[0].dst_reg == MOAT_REG_AX && for_kernel ? MOAT_REG_AX : pair[0].dst_reg % 10;
	pair[0].src_reg %= for_kernel ? MOAT_REGS : 11;
	if ((class == BPF_JMP || class == BPF_JMP32) && BPF_OP(insn->code) < BPF_CALL)
		pair[0].off = (s32)((u16)insn->off % len) - (s32)i - 1;
	if (insn->code == (BPF_JMP | BPF_CALL))
		pair[0].imm = insn->src_reg == 1 ? (s32)((u32)insn->imm % len) - (s32)i - 1 : insn->imm & 0xff;
	for (tries = 0; tries < 5; tries++) {
		if (!(for_kernel ? moat_decode_kernel : moat_decode)(op, pair, insn->code == 0x18 ? 2 : 1, NULL)) {
			*insn = pair[0];
			return;
		}
		switch (tries) {
		case 0: pair[0].off = (pair[0].off & 1) * 8; break;
		case 1: pair[0].off = 0; break;
		case 2: pair[0].src_reg = 0; break;
		case 3: pair[0].imm = BPF_OP(insn->code) == BPF_END ? 32 : 0; break;
		default: pair[0].dst_reg = 0;
		}
	}
	*insn = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = insn->imm };
}

static struct bpf_insn *program(const u8 *data, size_t bytes, bool mend, u32 *len)
{
	struct bpf_insn *insn;
	u32 i;

	*len = bytes / sizeof(*insn) + mend;
	insn = calloc(*len + 1, sizeof(*insn));
	memcpy(insn, data, (*len - mend) * sizeof(*insn));
	for (i = 0; mend && i < *len; i++) {
		bool wide = insn[i].code == (BPF_LD | BPF_IMM | BPF_DW) && i + 2 < *len;

		repair(&insn[i], i, *len);
		if (i + 1 == *len)
			insn[i] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
		if (wide && insn[i].code == (BPF_LD | BPF_IMM | BPF_DW)) {
			insn[i + 1] = (struct bpf_insn){ .imm = insn[i].src_reg ? 0 : insn[i + 1].imm };
			i++;
		}
	}
	return insn;
}

static void check_texts(const struct bpf_insn *insn, u32 len)
{
	char *text = malloc(MOAT_TEXT);
	u32 i;

	for (i = 0; i < len; i++)
		MUST(memchr(moat_text(text, &insn[i], len - i), '\0', MOAT_TEXT));
	free(text);
}

/* What the host relies on in an image. */
static void check_image(const struct moat *jit, const u8 *code)
{
	u32 i, *start = malloc((jit->len + 1) * sizeof(*start));

	for (i = 0; i <= jit->len; i++) {
		start[i] = jit->slot[i].start;
		MUST(start[i] <= jit->bytes && (!i || start[i] >= start[i - 1]));
	}
	for (i = 0; i < jit->len; i++)
		if (start[i] + jit->slot[i + 1].pre < start[i + 1])
			MUST(moat_slot_at(start, jit->len, start[i]) == i);
	for (i = 0; i < jit->nr_trap; i++)
		MUST(jit->trap[i].at >= jit->traps_at && jit->trap[i].at < jit->bytes && jit->trap[i].pc < jit->len &&
		     jit->trap[i].kind != MOAT_FAULT_NONE && jit->trap[i].kind < MOAT_NR_FAULTS);
	for (i = 0; i < jit->nr_site; i++)
		MUST(jit->site[i].pc < jit->len);
	for (i = 0; i < jit->nr_func; i++)
		MUST(jit->func_entry[i] < jit->bytes && jit->func_local[i] < jit->bytes);
	MUST(jit->nr_mark <= jit->max_mark);
	for (i = 0; i < jit->nr_mark; i++)
		MUST(jit->mark[i].start < jit->mark[i].end && jit->mark[i].end <= jit->bytes);
	MUST(!jit->gates || jit->arch->forbidden(jit, code, jit->bytes, 0) < 0);
	free(start);
}

/* Emit until it is done.  The same place gives the same bytes. */
static void emit(struct moat *jit)
{
	u8 *code = NULL, *again;
	u32 round;
	int err = -EAGAIN;

	jit->max_mark = 8 * jit->len + 64;
	jit->mark = calloc(jit->max_mark, sizeof(*jit->mark));
	for (round = 0; err == -EAGAIN; round++) {
		u32 bytes = jit->bytes;

		MUST(round < ROUNDS);
		free(code);
		code = malloc(bytes + 1);
		err = moat_emit(jit, code, PC, bytes);
	}
	MUST(!err || err == -ERANGE);
	if (!err) {
		check_image(jit, code);
		again = malloc(jit->bytes + 1);
		MUST(!moat_emit(jit, again, PC, jit->bytes) && !memcmp(code, again, jit->bytes));
		free(again);
	}
	free(code);
	free(jit->mark);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	u64 host;
	struct moat_options opt;
	struct moat_kernel kernel;
	struct bpf_insn *insn;
	struct moat jit;
	void *work;
	u32 len;
	int err;

	if (bytes < 2)
		return 0;
	host = data[1] & FLAG_DISTANT ? PC << 20 : PC + 0x100000;
	opt = (struct moat_options) {
		.arch = data[1] & FLAG_A64 ? &a64_arch : &x64_arch, .mode = data[0] & 3 ?: MOAT_MODE_PKU_BASEREG, .form = (data[0] >> 2 & 3) % 3, .cpu = data[1] & 7,
		.entry_args = data[0] & FLAG_ARGS ? 2 : 1, .fuel = data[0] & FLAG_FUEL,
		.far_calls = data[0] & FLAG_FAR, .plain = data[0] & FLAG_PLAIN,
		.host_rights = 0x55555554, .domain_rights = 0x55555551, .call = host, .tail = host + 8, .packet = host + 16,
		.known = known, .callee = callee, .inlined = inlined, .check = moat_verify_image, .arg = &host,
		.log = { .line = line },
	};
	for_kernel = data[1] & FLAG_KERNEL;
	if (for_kernel) {
		kernel = kernel_for(data);
		opt.kernel = &kernel;
		opt.mode = MOAT_MODE_NONE;
		opt.form = MOAT_BASE_AUTO;
	} else if (data[1] & FLAG_BLIND) {
		opt.blind = 0x9876543210 + bytes;
	}
	insn = program(data + 2, bytes - 2, data[1] & FLAG_REPAIR, &len);
	check_texts(insn, len);
	work = calloc(1, for_kernel ? moat_kernel_work_bytes(len) : moat_work_bytes(len));
	lines = 0;
	err = moat_plan(&jit, insn, len, &opt, work);
	MUST(!err || err == -EINVAL || err == -E2BIG || err == -EOPNOTSUPP);
	MUST(lines == (err == -EINVAL || err == -E2BIG));
	if (!err)
		emit(&jit);
	free(work);
	free(insn);
	return 0;
}
