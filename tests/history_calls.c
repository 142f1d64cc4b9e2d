/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Defects of what helpers may be given and of what they promise. */
#include "history.h"

/* What does not get as far as running: calls of helpers that are not there. */
static void no_such_helper(const struct attack_variant *v, struct attack_result *r, const s32 *id, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		const struct bpf_insn insn[] = { MOV_K(2, 0), MOV_K(3, 0), MOV_K(4, 0), MOV_K(5, 0), CALL(id[i]), EXIT };

		if (attack_load(v, NULL, insn, ARRAY_SIZE(insn)))
			attack_worked(r);
		else
			r->contained++;
	}
	NOTE(r, "refused");
}

static void dynptr_helpers(const struct attack_variant *v, struct attack_result *r)
{
	static const s32 id[] = {
		BPF_FUNC_dynptr_from_mem, BPF_FUNC_ringbuf_reserve_dynptr, BPF_FUNC_ringbuf_submit_dynptr,
		BPF_FUNC_ringbuf_discard_dynptr, BPF_FUNC_dynptr_read, BPF_FUNC_dynptr_write, BPF_FUNC_dynptr_data,
	};

	no_such_helper(v, r, id, ARRAY_SIZE(id));
}

/* No bpf() for programs; and what has pointers in memory, a format's arguments, finds none of the host's. */
static void embedded_pointer(const struct attack_variant *v, struct attack_result *r)
{
	static const s32 sys_bpf[] = { BPF_FUNC_sys_bpf };
	static const struct bpf_insn insn[] = {
		MOV_X(6, 1),
		ST(BPF_W, 10, -8, 's' << 8 | '%'),
		MOV_K(2, 32),
		MOV_X(3, 10),
		ALU64_K(BPF_ADD, 3, -8),
		MOV_X(4, 6),
		MOV_K(5, 8),
		ALU64_K(BPF_ADD, 1, 64),
		CALL(BPF_FUNC_snprintf),
		EXIT,
	};
	struct attack_victim victim;
	u32 i;

	no_such_helper(v, r, sys_bpf, 1);
	r->text[0] = 0;
	if (attack_victim(v, &victim)) {
		attack_odd(r, "no victim");
		return;
	}
	for (i = 0; i < 3; i++) {
		u64 at[] = { (u64)&attack_secret[8], victim.map.heap_off, (u64)moat_host(victim.map.heap_off) };
		u64 data[ATTACK_SHARED / 8] = { at[i] };
		struct moat_run_opts opts;
		int err = attack_try(v, r, insn, ARRAY_SIZE(insn), data, &opts);

		if (data[8])
			attack_worked(r);
		else
			attack_stopped(r, err, &opts.fault, 0);
	}
}

/* Contexts ----------------------------------------------------------------- */

/* A context that was moved, or is none: the host's helper reads its first word. */
static void moved_context(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn moved[] = { ALU64_K(BPF_ADD, 1, 8), CALL(HELP_CONTEXT), EXIT };
	static const struct bpf_insn forged[] = { LDX(BPF_DW, 1, 1, 0), CALL(HELP_CONTEXT), EXIT };
	u32 i;

	for (i = 0; i < 2; i++) {
		u64 data[ATTACK_SHARED / 8] = { (u64)&attack_secret[8], SECRET };
		struct moat_run_opts opts;
		int err = attack_try(v, r, i ? forged : moved, 3, data, &opts);

		if (!err && opts.retval == SECRET)
			attack_worked(r);
		else if (!err && opts.retval != (u64)&attack_secret[8])
			attack_odd(r, "the helper got %#llx", (unsigned long long)opts.retval);
		else
			attack_stopped(r, err, &opts.fault, 0);
	}
	if (v->mode != MOAT_MODE_NONE)
		NOTE(r, "the right one is supplied");
}

/* Memory that is only read ---------------------------------------------------- */

static void poke_constant(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = { LDX(BPF_DW, 1, 1, 0), MOV_K(2, 1), CALL(HELP_POKE), EXIT };

	attack_write_constant(v, r, insn, ARRAY_SIZE(insn));
}

static void number_to_constant(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		LDX(BPF_DW, 4, 1, 0), ALU64_K(BPF_ADD, 1, 24), MOV_K(2, 4), MOV_K(3, 10), CALL(BPF_FUNC_strtol), EXIT,
	};

	attack_write_constant(v, r, insn, ARRAY_SIZE(insn));
}

static void name_to_constant(const struct attack_variant *v, struct attack_result *r)
{
	static const struct bpf_insn insn[] = {
		LDX(BPF_DW, 2, 1, 16), LDX(BPF_DW, 1, 1, 0), ALU64_K(BPF_AND, 2, 15), CALL(BPF_FUNC_get_current_comm), EXIT,
	};

	attack_write_constant(v, r, insn, ARRAY_SIZE(insn));
}

/* Ring buffers --------------------------------------------------------------- */

static void ring_helper_on_array(const struct attack_variant *v, struct attack_result *r)
{
	static struct moat_map map = { .type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1 };
	static const struct bpf_insn insn[] = {
		LDX(BPF_DW, 1, 1, 0), MOV_K(2, BPF_RB_RING_SIZE), CALL(BPF_FUNC_ringbuf_query), EXIT,
	};
	u64 data[ATTACK_SHARED / 8] = { 0 };
	struct moat_run_opts opts;
	int err = history_run_with(v, r, insn, ARRAY_SIZE(insn), &map, data, &opts);

	/* What it takes for the size of the ring is another word of the host. */
	if (!err && opts.retval)
		attack_worked(r);
	else
		attack_stopped(r, err, &opts.fault, KIND(AUDIT));
}

/* submit(record + n): only the record itself may be handed back. */
static void shifted_record(const struct attack_variant *v, struct attack_result *r)
{
	static const s32 off[] = { 16, 8, -8, 64, 1, 4096 };
	static struct moat_map map;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(off); i++) {
		const struct bpf_insn insn[] = {
			LDX(BPF_DW, 1, 1, 0), MOV_K(2, 64), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve),
			JMP_K(BPF_JNE, 0, 0, 1), EXIT,
			MOV_X(1, 0), ALU64_K(BPF_ADD, 1, off[i]), MOV_K(2, 0),
			CALL(i & 1 ? BPF_FUNC_ringbuf_discard : BPF_FUNC_ringbuf_submit), MOV_K(0, 99), EXIT,
		};
		u64 data[ATTACK_SHARED / 8] = { 0 };
		struct moat_run_opts opts;
		int err;

		map = (struct moat_map){ .type = BPF_MAP_TYPE_RINGBUF, .max_entries = moat_heap.page ?: 65536 };
		err = history_run_with(v, r, insn, ARRAY_SIZE(insn), &map, data, &opts);
		if (!err && opts.retval != 99)
			attack_odd(r, "no record");
		else if (v->mode == MOAT_MODE_NONE)
			attack_stopped(r, err, &opts.fault, 0);
		else
			attack_stopped(r, err, &opts.fault, KIND(AUDIT));
	}
}

/* An attack that is in another table already. */
static void record_headers(const struct attack_variant *v, struct attack_result *r)
{
	u32 i;

	for (i = 0; i < nr_attack_helper; i++)
		if (!strcmp(attack_helper[i].name, "writes around a record"))
			attack_helper[i].run(v, r);
}

#define AUDIT				"the audit of the argument"

const struct history history_calls[] = {
ROW("CVE-2023-39191", "pruning overlooked a dynptr in the frame, which could then be overwritten",
    "no helper here takes its word from the frame: no dynptrs", dynptr_helpers, HOLDS_BY_ITSELF),
ROW("CVE-2020-0430", "a context pointer that was moved passed to helpers",
    "the gate, which supplies the context", moved_context),
{ .cve = "CVE-2021-3489", .what = "a record larger than its ring buffer was given out",
  .stop = "the ring gives NULL; behind its data the domain's memory ends", .attack = { .run = history_forge },
  .forged = &(const struct forged){ .real = 1, .extra = FORGED_RING, .body = {
	WORD(1, EXTRA), MOV_K(2, 0x3ffffff8), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve),
	JMP_K(BPF_JEQ, 0, 0, 1), EXIT,
	WORD(1, EXTRA), MOV_K(2, 64), MOV_K(3, 0), CALL(BPF_FUNC_ringbuf_reserve),
	JMP_K(BPF_JNE, 0, 0, 1), EXIT,
	MOV_X(7, 0), ALU64_K(BPF_AND, 7, -4096), MOV_K(8, 1) } } },	/* from its page: each run gets another record */
ROW("CVE-2021-34866", "helpers of ring buffers took maps of other types", AUDIT ": the map's type", ring_helper_on_array,
    .may_die = true),
ROW("CVE-2021-4204", "records handed back with an offset: submit(record + 16)",
    AUDIT ", by the host's list of records that this run holds", shifted_record, HOLDS_BY_ITSELF),
ROW("CVE-2022-0500", "read-only memory passed to a helper that writes", AUDIT ": the right to write", poke_constant,
    .may_die = true),
ROW("CVE-2022-2785", "bpf_sys_bpf() followed pointers inside its argument",
    "there is no such helper; strings that a format names are looked up as the program's own", embedded_pointer,
    HOLDS_BY_ITSELF),
ROW("CVE-2024-43910", "a dynptr with an offset passed to a function", "there are no dynptrs", dynptr_helpers,
    HOLDS_BY_ITSELF),
ROW("CVE-2024-49861", "strtol() wrote its result to a constant value", AUDIT ": the right to write", number_to_constant,
    .may_die = true),
ROW("CVE-2024-50164", "a size that varies made writing to a constant value pass", AUDIT ": the right to write",
    name_to_constant, .may_die = true),
ROW("CVE-2024-41009", "overlapping ring-buffer records: one wrote the header of another",
    "headers and positions are host memory, which no program has", record_headers, HOLDS_BY_ITSELF),
};
const u32 nr_history_calls = ARRAY_SIZE(history_calls);
