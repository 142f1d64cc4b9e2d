/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The built-in helpers: one row each, with what the audit needs to know.
 *
 * A helper is offered to the program types of its group, as in the kernel; a
 * program that names another one is refused when it is loaded.
 */
#include "helpers.h"

/* Who may call a helper. */
enum group {
	ALL = 1,
	READS_SKB = 2,		/* socket filters, tc */
	TC = 4,
	XDP = 8,
	OTHERS = 16,		/* flat contexts and plain programs */
};

struct row {
	struct moat_helper helper;
	u32 groups;
};

/* Arguments */
#define ANY		{ .kind = MOAT_ARG_SCALAR }
#define CONTEXT		{ .kind = MOAT_ARG_CTX }
#define MAP		{ .kind = MOAT_ARG_MAP }
#define KEY		{ .kind = MOAT_ARG_MAP_KEY }
#define VALUE		{ .kind = MOAT_ARG_MAP_VALUE }
#define MEM		{ .kind = MOAT_ARG_MEM }
#define MEM_OR_NULL	{ .kind = MOAT_ARG_MEM, .nullable = true }
#define MEM_OUT		{ .kind = MOAT_ARG_MEM_OUT }
#define OUT_U64		{ .kind = MOAT_ARG_MEM_OUT, .bytes = 8 }
#define SIZE		{ .kind = MOAT_ARG_SIZE }
#define SIZE_OR_0	{ .kind = MOAT_ARG_SIZE_OR_ZERO }
#define CALLBACK	{ .kind = MOAT_ARG_CALLBACK }
#define RECORD		{ .kind = MOAT_ARG_RECORD }

/* Maps */
#define TYPE(t)		(1ull << BPF_MAP_TYPE_##t)
#define OUTER		(TYPE(ARRAY_OF_MAPS) | TYPE(HASH_OF_MAPS))
#define PERCPU		(TYPE(PERCPU_ARRAY) | TYPE(PERCPU_HASH) | TYPE(LRU_PERCPU_HASH))
#define ITERABLE	(TYPE(ARRAY) | TYPE(HASH) | TYPE(LRU_HASH) | PERCPU)
#define KEYED		(ITERABLE | TYPE(LPM_TRIE))

#define ARGS(...)	.arg = { __VA_ARGS__ }
#define GIVES(...)	.gives = { __VA_ARGS__ }
#define ROW_FN(nr, what, fun, who, ...)						\
	[BPF_FUNC_##nr] = { .groups = (who), .helper = {			\
		.id = BPF_FUNC_##nr, .name = "bpf_" #what,			\
		.fn = (__u64 (*)(void))(void (*)(void))moat_help_##fun, __VA_ARGS__ } }
#define ROW(nr, who, ...)	ROW_FN(nr, nr, nr, who, __VA_ARGS__)

static const struct row rows[] = {
	ROW(map_lookup_elem, ALL, ARGS(MAP, KEY), .ret = MOAT_RET_MAP_VALUE, .map_types = KEYED | OUTER),
	ROW(map_update_elem, ALL, ARGS(MAP, KEY, VALUE, ANY), .map_types = KEYED),
	ROW(map_delete_elem, ALL, ARGS(MAP, KEY), .map_types = KEYED),
	ROW(map_lookup_percpu_elem, ALL, ARGS(MAP, KEY, ANY), .ret = MOAT_RET_MAP_VALUE, .map_types = PERCPU),
	ROW(for_each_map_elem, ALL, ARGS(MAP, CALLBACK, ANY, ANY), .map_types = ITERABLE,
	    GIVES(MOAT_GIVE_NUMBER, MOAT_GIVE_ANYTHING, MOAT_GIVE_VALUE, MOAT_GIVE_R3)),
	ROW(loop, ALL, ARGS(ANY, CALLBACK, ANY, ANY), GIVES(MOAT_GIVE_NUMBER, MOAT_GIVE_R3)),
	ROW(tail_call, ALL, ARGS(CONTEXT, MAP, ANY), .map_types = TYPE(PROG_ARRAY)),

	ROW(ringbuf_output, ALL, ARGS(MAP, MEM, SIZE_OR_0, ANY), .map_types = TYPE(RINGBUF)),
	ROW(ringbuf_reserve, ALL, ARGS(MAP, ANY, ANY), .ret = MOAT_RET_MEM, .map_types = TYPE(RINGBUF)),
	ROW(ringbuf_submit, ALL, ARGS(RECORD, ANY)),
	ROW(ringbuf_discard, ALL, ARGS(RECORD, ANY)),
	ROW(ringbuf_query, ALL, ARGS(MAP, ANY), .map_types = TYPE(RINGBUF)),

	ROW(ktime_get_ns, ALL),
	ROW(ktime_get_boot_ns, ALL),
	ROW(ktime_get_coarse_ns, ALL),
	ROW(ktime_get_tai_ns, ALL),
	ROW(jiffies64, ALL),
	ROW(get_prandom_u32, ALL),
	ROW(get_smp_processor_id, ALL),
	ROW(get_numa_node_id, ALL),
	ROW(get_current_pid_tgid, OTHERS),
	ROW(get_current_uid_gid, OTHERS),
	ROW(get_current_comm, OTHERS, ARGS(MEM_OUT, SIZE)),

	ROW_FN(probe_read, probe_read, probe_read, OTHERS, ARGS(MEM_OUT, SIZE_OR_0, ANY)),
	ROW_FN(probe_read_user, probe_read_user, probe_read, OTHERS, ARGS(MEM_OUT, SIZE_OR_0, ANY)),
	ROW_FN(probe_read_kernel, probe_read_kernel, probe_read, ALL, ARGS(MEM_OUT, SIZE_OR_0, ANY)),
	ROW_FN(probe_read_str, probe_read_str, probe_read_str, OTHERS, ARGS(MEM_OUT, SIZE_OR_0, ANY)),
	ROW_FN(probe_read_user_str, probe_read_user_str, probe_read_str, OTHERS, ARGS(MEM_OUT, SIZE_OR_0, ANY)),
	ROW_FN(probe_read_kernel_str, probe_read_kernel_str, probe_read_str, ALL, ARGS(MEM_OUT, SIZE_OR_0, ANY)),

	ROW(strtol, ALL, ARGS(MEM, SIZE, ANY, OUT_U64)),
	ROW(strtoul, ALL, ARGS(MEM, SIZE, ANY, OUT_U64)),
	ROW(strncmp, ALL, ARGS(MEM, SIZE, ANY)),
	ROW(trace_printk, ALL, ARGS(MEM, SIZE, ANY, ANY, ANY)),
	ROW(trace_vprintk, ALL, ARGS(MEM, SIZE, MEM_OR_NULL, SIZE_OR_0)),
	ROW(snprintf, ALL, ARGS(MEM_OUT, SIZE_OR_0, ANY, MEM_OR_NULL, SIZE_OR_0)),

	ROW(skb_load_bytes, READS_SKB, ARGS(CONTEXT, ANY, MEM_OUT, SIZE)),
	ROW(skb_load_bytes_relative, READS_SKB, ARGS(CONTEXT, ANY, MEM_OUT, SIZE, ANY)),
	ROW(skb_store_bytes, TC, ARGS(CONTEXT, ANY, MEM, SIZE, ANY), .packet = true),
	ROW(skb_pull_data, TC, ARGS(CONTEXT, ANY), .packet = true),
	ROW(skb_change_tail, TC, ARGS(CONTEXT, ANY, ANY), .packet = true),
	ROW(l3_csum_replace, TC, ARGS(CONTEXT, ANY, ANY, ANY, ANY), .packet = true),
	ROW(l4_csum_replace, TC, ARGS(CONTEXT, ANY, ANY, ANY, ANY), .packet = true),
	ROW(csum_diff, TC | XDP, ARGS(MEM_OR_NULL, SIZE_OR_0, MEM_OR_NULL, SIZE_OR_0, ANY)),
	ROW(redirect, TC | XDP, ARGS(ANY, ANY)),
	ROW(xdp_adjust_head, XDP, ARGS(CONTEXT, ANY), .packet = true),
	ROW(xdp_adjust_tail, XDP, ARGS(CONTEXT, ANY), .packet = true),
};

static u32 groups_of(enum bpf_prog_type type)
{
	switch ((int)type) {
	case BPF_PROG_TYPE_SOCKET_FILTER:
		return ALL | READS_SKB;
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
		return ALL | READS_SKB | TC;
	case BPF_PROG_TYPE_XDP:
		return ALL | XDP;
	}
	return ALL | OTHERS;
}

static const struct row *row_of(s32 id)
{
	return id > 0 && id < (s32)ARRAY_SIZE(rows) && rows[id].helper.fn ? &rows[id] : NULL;
}

const struct moat_helper *moat_helper_builtin(s32 id)
{
	const struct row *row = row_of(id);

	return row ? &row->helper : NULL;
}

/* The host's own rows come first; whoever opens an object refuses those that take a built-in number. */
const struct moat_helper *moat_helper_find(const struct moat_object *obj, s32 id, enum bpf_prog_type type)
{
	const struct row *row = row_of(id);
	size_t i;

	for (i = 0; i < obj->nr_helpers; i++)
		if (obj->helpers[i].id == id)
			return &obj->helpers[i];
	return row && row->groups & groups_of(type) ? &row->helper : NULL;
}
