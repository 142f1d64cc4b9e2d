/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Attacks by arguments of helpers. */
#include <unistd.h>
#include <bpf/bpf.h>

#include "../check.h"
#include "attack.h"

/* Memory that is not the program's ------------------------------------------------------- */

static bool key_from_kernel(struct attempt *a)
{
	u64 key = 0;

	put(LD_MAP(1, a->hash), LDDW(2, prey("secret.at")), MOV_X(3, 6), MOV_K(4, 0), CALL(BPF_FUNC_map_update_elem));
	attempt_run(a);
	return !bpf_map_get_next_key(a->hash, NULL, &key) && key == prey("secret");
}

static bool value_from_kernel(struct attempt *a)
{
	u64 key = 5, value = 0;

	put(ST(BPF_DW, 10, -8, 5), LD_MAP(1, a->hash), MOVE(2, 10, -8), LDDW(3, prey("secret.at")), MOV_K(4, 0));
	put(CALL(BPF_FUNC_map_update_elem));
	attempt_run(a);
	return !bpf_map_lookup_elem(a->hash, &key, &value) && value == prey("secret");
}

static bool load_to_kernel(struct attempt *a)
{
	u64 was = prey("victim");
	/* an earlier attempt may have put there what the packet has */
	s32 at = memcmp(&was, attack_data, 8) ? 0 : 8;

	put(MOV_X(1, 7), MOV_K(2, at), LDDW(3, prey("victim.at")), MOV_K(4, 8), CALL(BPF_FUNC_skb_load_bytes));
	attempt_run(a);
	return prey("victim") != was;
}

/* A neighbour's value, at the address by which the neighbour knows it. */
static bool load_to_neighbour(struct attempt *a)
{
	u64 value[VALUE_WORDS];
	int map = attack_map(0, 0), prog = attack_bystander(map);

	attack_value(map, value);
	put(MOV_X(1, 7), MOV_K(2, 0), LDDW(3, value[1]), MOV_K(4, 8), CALL(BPF_FUNC_skb_load_bytes));
	attempt_run(a);
	attack_value(map, value);
	close(prog);
	close(map);
	return value[0] != 0;
}

static void send_event(u32 bytes)
{
	put(MOV_X(1, 7), MOV_K(3, -1), ALU64_K(BPF_RSH, 3, 32), MOV_K(5, (s32)bytes));
	put(CALL(BPF_FUNC_perf_event_output));
}

static bool event_from_kernel(struct attempt *a)
{
	u64 secret = prey("secret");

	put(LD_MAP(2, a->events), LDDW(4, prey("secret.at")));
	send_event(8);
	attempt_run(a);
	return a->sample_bytes >= 8 && !memcmp(a->sample, &secret, 8);
}

/* Too much --------------------------------------------------------------------------------- */

/* From the frame on, 512 bytes: what the kernel has on its stack. */
static bool event_too_long(struct attempt *a)
{
	u64 words[64];
	u32 i;

	put(ST(BPF_DW, 10, -8, 0), LD_MAP(2, a->events), MOVE(4, 10, -8));
	send_event(500);
	attempt_run(a);
	memcpy(words, a->sample, sizeof(words));
	for (i = 1; i < a->sample_bytes / 8; i++)
		if (is_kernel_address(words[i]))
			return true;
	return false;
}

/* Over the end of the value; then the program reads there what it has written. */
static bool load_too_long(struct attempt *a)
{
	put(MOV_X(1, 7), MOV_K(2, 0), MOVE(3, 6, VALUE_BYTES - 8), MOV_K(4, 32), CALL(BPF_FUNC_skb_load_bytes));
	put(LDX(BPF_DW, 1, 6, VALUE_BYTES), STX(BPF_DW, 6, 1, 0));
	attempt_run(a);
	return !memcmp(a->out, attack_data + 8, 8);
}

/* Forged objects, in the program's own value ------------------------------------------------- */

#define FORGED	512
#define INNER	2048

/* The number @value, or the address of the own value's byte @at, at FORGED + @offset. */
static void forge(const char *field, u64 value)
{
	put(LDDW(1, value), STX(BPF_DW, 6, 1, (s16)(FORGED + prey(field))));
}

static void forge_address(const char *field, s32 at)
{
	put(MOVE(1, 6, at), STX(BPF_DW, 6, 1, (s16)(FORGED + prey(field))));
}

/* A packet whose data is the kernel's secret. */
static bool forge_context(struct attempt *a)
{
	forge("skb.data", prey("secret.at"));
	put(ST(BPF_W, 6, (s16)(FORGED + prey("skb.len")), 64), ST(BPF_W, 6, (s16)(FORGED + prey("skb.data_len")), 0));
	put(MOVE(1, 6, FORGED), MOV_K(2, 0), MOVE(3, 10, -8), MOV_K(4, 8), CALL(BPF_FUNC_skb_load_bytes));
	put(LDX(BPF_DW, 1, 10, -8), STX(BPF_DW, 6, 1, 0));
	attempt_run(a);
	return a->out[0] == prey("secret");
}

/* A map with functions of the program's choice: the kernel calls what it must not. */
static bool call_by(struct attempt *a, const char *op, s32 helper)
{
	u64 was = prey("reached");

	forge_address("map.ops", INNER);
	put(LDDW(1, prey("reach.at")), STX(BPF_DW, 6, 1, (s16)(INNER + prey(op))));
	put(ST(BPF_DW, 10, -8, 0), MOVE(1, 6, FORGED), MOVE(2, 10, -8), CALL(helper));
	attempt_run(a);
	return prey("reached") != was;
}

static bool forge_map(struct attempt *a)
{
	return call_by(a, "ops.delete", BPF_FUNC_map_delete_elem);
}

static bool forge_queue(struct attempt *a)
{
	return call_by(a, "ops.peek", BPF_FUNC_map_peek_elem);
}

/* Where the code of @prog is; 0, and a failure is counted. */
static u64 code_of(int prog)
{
	struct bpf_prog_info info = { 0 };
	u64 at = 0;
	u32 len = sizeof(info);

	info.nr_jited_ksyms = 1;
	info.jited_ksyms = (u64)(unsigned long)&at;
	CHECK(!bpf_obj_get_info_by_fd(prog, &info, &len) && at, "the address of a program's code is not to be known");
	return at;
}

/* An array of programs, in it one that is in no array. */
static bool forge_array(struct attempt *a)
{
	u64 value[VALUE_WORDS];
	int map = attack_map(0, 0), prog = attack_bystander(map);

	put(ST(BPF_W, 6, (s16)(FORGED + prey("map.max_entries")), 1));
	forge_address("array.ptrs", INNER);
	put(LDDW(1, code_of(prog)), STX(BPF_DW, 6, 1, (s16)(INNER + prey("prog.bpf_func"))));
	put(MOV_X(1, 7), MOVE(2, 6, FORGED), MOV_K(3, 0), CALL(BPF_FUNC_tail_call));
	attempt_run(a);
	attack_value(map, value);
	close(prog);
	close(map);
	return value[2] != 1;
}

/* A socket whose control group has the kernel's secret for its number. */
static bool forge_socket(struct attempt *a)
{
	put(LDX(BPF_DW, 1, 7, offsetof(struct __sk_buff, sk)));	/* there is one that it may have */
	forge_address("sock.cgroup", INNER);
	put(LDDW(1, prey("secret.at") - prey("kn.id")), STX(BPF_DW, 6, 1, (s16)(INNER + prey("cgroup.kn"))));
	put(MOVE(1, 6, FORGED), CALL(BPF_FUNC_sk_cgroup_id), STX(BPF_DW, 6, 0, 0));
	attempt_run(a);
	return a->out[0] == prey("secret");
}

#define FILTER	BPF_PROG_TYPE_SOCKET_FILTER

const struct attack attacks_on_calls[] = {
	{ "key in the kernel", FILTER, true, key_from_kernel, ATTACK_FAULT, "refused 2: not readable memory" },
	{ "value in the kernel", FILTER, true, value_from_kernel, ATTACK_FAULT, "refused 3: not readable memory" },
	{ "let a helper overwrite the kernel", FILTER, true, load_to_kernel, ATTACK_FAULT,
	  "refused 3: not writable memory" },
	{ "let a helper overwrite a neighbour", FILTER, true, load_to_neighbour, ATTACK_FAULT,
	  "refused 3: not writable memory" },
	{ "send an event of kernel memory", FILTER, true, event_from_kernel, ATTACK_FAULT,
	  "refused 4: not readable memory" },
	{ "send an event that is too long", FILTER, true, event_too_long, ATTACK_FAULT,
	  "refused 4: not in the memory where it was proved to be" },
	{ "let a helper write too much", FILTER, true, load_too_long, ATTACK_FAULT,
	  "refused 3: not in the memory where it was proved to be" },
	{ "forge a context", FILTER, true, forge_context, ATTACK_RETURNED, "the gate supplies the context" },
	{ "forge a map", FILTER, true, forge_map, ATTACK_FAULT, "refused 1: not a map of this program" },
	{ "forge a queue", FILTER, true, forge_queue, ATTACK_FAULT, "refused 1: not a map of this program" },
	{ "forge an array of programs", FILTER, true, forge_array, ATTACK_FAULT,
	  "refused 2: not a map of this program" },
	{ "forge a socket", BPF_PROG_TYPE_CGROUP_SKB, false, forge_socket, ATTACK_FAULT,
	  "refused 1: not the socket of this run's context" },
	{ NULL },
};
